//! Rules of the service and promises of goldform, checked in every order in which the steps of a plan may run.
//!
//! A rule is a value: id, name (of the violation, so that "allow *name*" reads as English), title, default level,
//! sources, a page of documentation, and a pure check that returns findings. The check reads the desired state, the
//! recorded state and, if one exists, the plan through [`PlanView`](crate::plan::PlanView). [`validate()`] is the only
//! function that returns a [`ValidPlan`]. Rules share no code with the sandbox: tests compare the two.
//!
//! To add a rule: one file in `rules/`, one line in `rules::RULES`, two example manifests in `tests/constraints/`.

pub mod levels;
pub mod rule;
pub mod rules;
pub mod validate;

pub use levels::Levels;
pub use rule::{Case, Finding, Findings, Rule, RuleSource};
pub use rules::{RULES, find, manifest_schema};
pub use validate::{Judgement, ValidPlan, judge, judge_observation, judge_recorded, validate};

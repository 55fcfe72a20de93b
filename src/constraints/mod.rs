//! Is every world on the way allowed? One file per rule, a table that guards itself, and [`validate`], the only
//! maker of a [`ValidPlan`].
//!
//! A rule is a value: id, name (of the wrong, so that "allow *name*" reads as English), title, default level,
//! sources, a page of documentation, and a pure check that returns findings. It sees the manifest's meaning, the
//! record and, once there is one, the plan through [`PlanView`]. It shares no code with the sandbox: a
//! property test holds the two together.
//!
//! To add a rule: one file in `rules/`, one line in `rules::RULES`, two witnesses in `tests/constraints/`.

pub mod levels;
pub mod rule;
pub mod rules;
pub mod validate;

pub use levels::Levels;
pub use rule::{Case, Finding, Findings, Rule, RuleSource};
pub use rules::{RULES, find, manifest_schema};
pub use validate::{Judgement, ValidPlan, judge, judge_observation, validate};

//! Judges a manifest or a plan by every rule.

use jiff::Timestamp;

use super::levels::Levels;
use super::rule::{Case, Findings, Rule};
use super::rules::{OBSERVATION_RULES, RULES};
use crate::diagnostics::{Diagnostic, Severity};
use crate::manifest::{Desired, Level};
use crate::model::PlacementKey;
use crate::plan::{Plan, PlanView};
use crate::state::Recorded;

/// A plan that keeps every rule that denies. Only [`validate`] makes one, and `apply` accepts nothing else.
#[derive(Debug, Clone)]
pub struct ValidPlan(Plan);

impl ValidPlan {
    /// The plan.
    pub fn plan(&self) -> &Plan {
        &self.0
    }
}

/// What the rules say.
#[derive(Debug, Clone, Default)]
pub struct Judgement {
    /// Violations as errors, warnings as warnings; by rule, then subject.
    pub diagnostics: Vec<Diagnostic>,
    /// Rules that were allowed and would not have spoken.
    pub needless_allowances: Vec<&'static str>,
}

impl Judgement {
    /// Whether a rule that denies is broken.
    pub fn refuses(&self) -> bool {
        self.diagnostics.iter().any(|diagnostic| diagnostic.severity == Severity::Error)
    }
}

/// Judges by every rule, without making anything valid: for a manifest alone, or for a plan that is only shown.
pub fn judge(
    desired: &Desired,
    prior: &Recorded,
    plan: Option<&Plan>,
    levels: &Levels,
    now: Timestamp,
) -> Judgement {
    let view = plan.map(|plan| PlanView::new(plan, prior));
    let is_for_plans = |rule: &&&Rule| OBSERVATION_RULES.iter().all(|other| other.id != rule.id);
    judge_by(
        RULES.iter().filter(is_for_plans),
        &Case { desired, prior, plan: view.as_ref(), gone: &[], now },
        levels,
    )
}

/// Judges what an observation no longer shows, before it is recorded: `gone` are placements of `recorded`, as
/// [`missing`](crate::diff::missing) returns them. If the judgement refuses, the observation must not be recorded.
pub fn judge_observation(
    desired: &Desired,
    recorded: &Recorded,
    gone: &[PlacementKey],
    levels: &Levels,
    now: Timestamp,
) -> Judgement {
    let case = Case { desired, prior: recorded, plan: None, gone, now };
    judge_by(OBSERVATION_RULES.iter(), &case, levels)
}

fn judge_by<'r>(
    rules: impl Iterator<Item = &'r &'static Rule>,
    case: &Case<'_>,
    levels: &Levels,
) -> Judgement {
    let mut judgement = Judgement::default();
    for rule in rules {
        let spoke = judge_rule(rule, case, levels, &mut judgement.diagnostics);
        if !spoke && levels.allowances().any(|allowed| allowed.id == rule.id) {
            judgement.needless_allowances.push(rule.name);
        }
    }
    judgement
}

fn judge_rule(rule: &Rule, case: &Case<'_>, levels: &Levels, diagnostics: &mut Vec<Diagnostic>) -> bool {
    let mut findings = Findings::default();
    (rule.check)(case, &mut findings);
    let spoke = !findings.0.is_empty();
    let level = levels.of(rule);
    for finding in findings.0 {
        let is_consented = finding.is_consented && !levels.is_set(rule);
        let severity = match (level, finding.is_hard) {
            (Level::Deny, false) if is_consented || finding.is_soft => Severity::Warning,
            (Level::Deny, _) | (_, true) => Severity::Error,
            (Level::Warn, false) => Severity::Warning,
            (Level::Allow, false) => continue,
        };
        diagnostics.push(finding.into_diagnostic(rule, severity));
    }
    spoke
}

/// Judges a plan and, where no rule that denies is broken, makes it valid.
///
/// # Errors
/// The plan, unchanged, where a rule refuses it; the judgement says which.
pub fn validate(
    plan: Plan,
    desired: &Desired,
    prior: &Recorded,
    levels: &Levels,
    now: Timestamp,
) -> (Judgement, Result<ValidPlan, Box<Plan>>) {
    let judgement = judge(desired, prior, Some(&plan), levels, now);
    let result = if judgement.refuses() { Err(Box::new(plan)) } else { Ok(ValidPlan(plan)) };
    (judgement, result)
}

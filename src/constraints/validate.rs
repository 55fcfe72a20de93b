//! Judges a manifest or a plan by every rule.

use jiff::Timestamp;

use super::levels::Levels;
use super::rule::{Case, Findings, Rule};
use super::rules::{OBSERVATION_RULES, RULES};
use crate::diagnostics::{Diagnostic, Severity};
use crate::manifest::Desired;
use crate::model::{Level, PlacementKey};
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
    let is_for_plans = |rule: &&&Rule| OBSERVATION_RULES.iter().all(|other| other.code.id != rule.code.id);
    judge_by(RULES.iter().filter(is_for_plans), &Case::new(desired, prior, view.as_ref(), now), levels)
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
    let mut case = Case::new(desired, recorded, None, now);
    case.gone = gone;
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
        if !spoke && levels.allowances().any(|allowed| allowed.code.id == rule.code.id) {
            judgement.needless_allowances.push(rule.code.name);
        }
    }
    judgement
}

fn judge_rule(
    rule: &'static Rule,
    case: &Case<'_>,
    levels: &Levels,
    diagnostics: &mut Vec<Diagnostic>,
) -> bool {
    let mut findings = Findings::default();
    (rule.check)(case, &mut findings);
    let spoke = !findings.is_empty();
    let level = levels.of(rule);
    for finding in findings.into_vec() {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diff::Reason;
    use crate::model::{Accounts, Operation};
    use crate::plan::{EdgeReason, Step};
    use crate::testing::worlds::{applied, at, example_with, noon, plan_to};
    use crate::testing::{EXAMPLE, desired};

    /// The codes of the rules that refuse a plan which says that nothing changes, changes a description, and has these
    /// steps too.
    fn refused_for(yaml: &str, steps: &[Operation]) -> Vec<&'static str> {
        let snapshot = applied(&[yaml]);
        let after = yaml.replace("Ubuntu with nginx", "Ubuntu with Caddy");
        let mut plan = plan_to(&snapshot, &after);
        plan.changes.clear();
        let mut before = None;
        for operation in steps {
            let step = plan.graph.add(Step::new(operation.clone(), Reason::Differs));
            if let Some(before) = before.replace(step) {
                plan.graph.wait(step, before, EdgeReason::UnshareFirst);
            }
        }
        let wanted = desired(&after);
        let (levels, _) = Levels::new(&wanted.levels, &[]);
        let (judgement, valid) = validate(plan, &wanted, &snapshot.recorded, &levels, noon());
        assert_eq!(valid.is_err(), judgement.refuses());
        let refusals = judgement.diagnostics.iter().filter(|one| one.severity == Severity::Error);
        let codes: std::collections::BTreeSet<&str> = refusals.map(|one| one.code.id).collect();
        codes.into_iter().collect()
    }

    fn partner() -> Accounts {
        ["200000000001".parse().unwrap()].into_iter().collect()
    }

    fn everyone() -> Accounts {
        partner().joined(&["200000000002".parse().unwrap()].into_iter().collect())
    }

    fn end(address: &str) -> [Operation; 2] {
        let unshare = Operation::Unshare { at: at(address), accounts: everyone() };
        [unshare, Operation::Delete { at: at(address), snapshots: true }]
    }

    #[test]
    fn a_step_that_no_change_speaks_of_is_judged() {
        assert_eq!(refused_for(EXAMPLE, &[]), Vec::<&str>::new());
        let protected = example_with("copies: [", "protect: true\n    copies: [");
        assert_eq!(refused_for(&protected, &end("image.web@ap-tokyo#1")), ["GF701"]);
        let [_, delete] = end("image.web@ap-tokyo#1");
        assert_eq!(refused_for(EXAMPLE, &[delete]), ["GF702"]);
        let three =
            ["image.web@ap-jakarta#1", "image.web@ap-singapore#1", "image.web@ap-tokyo#1"].map(end).concat();
        assert_eq!(refused_for(EXAMPLE, &three), ["GF704"]);
        let shared = at("image.db@ap-jakarta#1");
        let gap = [
            Operation::Unshare { at: shared.clone(), accounts: partner() },
            Operation::Share { at: shared, accounts: partner(), unmanaged: Accounts::EMPTY },
        ];
        assert_eq!(refused_for(EXAMPLE, &gap), ["GF703"]);
    }
}

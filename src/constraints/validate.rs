//! Checks of a manifest, a plan or an observation against every rule.

use jiff::Timestamp;

use super::levels::Levels;
use super::rule::{Case, Findings, Rule};
use super::rules::{LASTING_RULES, OBSERVATION_RULES, RULES};
use crate::diagnostics::{Diagnostic, Severity};
use crate::manifest::Desired;
use crate::model::{Level, PlacementKey};
use crate::plan::{Plan, PlanView};
use crate::state::Recorded;

/// Plan that violates no rule whose level is deny. Only `validate` returns one, and `apply` accepts nothing else.
#[derive(Debug, Clone)]
pub struct ValidPlan(Plan);

impl ValidPlan {
    /// Returns the plan.
    pub fn plan(&self) -> &Plan {
        &self.0
    }
}

/// Result of all rules.
#[derive(Debug, Clone, Default)]
pub struct Judgement {
    /// Violations and warnings, by rule, then subject.
    pub diagnostics: Vec<Diagnostic>,
    /// Rules that were allowed and found nothing.
    pub needless_allowances: Vec<&'static str>,
}

impl Judgement {
    /// Returns whether a rule whose level is deny is violated.
    pub fn refuses(&self) -> bool {
        self.diagnostics.iter().any(|diagnostic| diagnostic.severity == Severity::Error)
    }
}

/// Checks a manifest, or a plan that is only shown, against every rule.
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

/// Checks the placements that are missing in an observation, before it is recorded. `gone` are placements of `recorded`,
/// as [`missing`](crate::diff::missing) returns them. If the judgement refuses, the observation must not be recorded.
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

/// Checks what stays different from the manifest after it was observed once: see [`LASTING_RULES`].
pub fn judge_recorded(desired: &Desired, recorded: &Recorded, levels: &Levels, now: Timestamp) -> Judgement {
    judge_by(LASTING_RULES.iter(), &Case::new(desired, recorded, None, now), levels)
}

fn judge_by<'r>(
    rules: impl Iterator<Item = &'r &'static Rule>,
    case: &Case<'_>,
    levels: &Levels,
) -> Judgement {
    let mut judgement = Judgement::default();
    for rule in rules {
        let has_findings = judge_rule(rule, case, levels, &mut judgement.diagnostics);
        if !has_findings && levels.allowances().any(|allowed| allowed.code.id == rule.code.id) {
            judgement.needless_allowances.push(rule.code.name);
        }
    }
    judgement
}

/// Adds the diagnostics of a rule. Returns whether it found anything, at any level.
fn judge_rule(
    rule: &'static Rule,
    case: &Case<'_>,
    levels: &Levels,
    diagnostics: &mut Vec<Diagnostic>,
) -> bool {
    let mut findings = Findings::default();
    (rule.check)(case, &mut findings);
    let has_findings = !findings.is_empty();
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
    has_findings
}

/// Checks a plan against every rule and returns it as valid if none refuses it.
///
/// # Errors
/// Returns the unchanged plan if a rule refuses it. The judgement names the rule.
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

    /// Returns the codes of the rules that refuse a plan whose list of changes is empty, and whose steps change a
    /// description and do this.
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

    fn both_accounts() -> Accounts {
        partner().joined(&["200000000002".parse().unwrap()].into_iter().collect())
    }

    fn end(address: &str) -> [Operation; 2] {
        let unshare = Operation::Unshare { at: at(address), accounts: both_accounts() };
        [unshare, Operation::Delete { at: at(address), snapshots: true }]
    }

    #[test]
    fn a_step_without_a_change_is_checked() {
        assert_eq!(refused_for(EXAMPLE, &[]), Vec::<&str>::new());
        let protected = example_with("copies: [", "protect: true\n    copies: [");
        assert_eq!(refused_for(&protected, &end("image.web@ap-tokyo#1")), ["GF701", "GF704"]);
        let [_, delete] = end("image.web@ap-tokyo#1");
        assert_eq!(refused_for(EXAMPLE, &[delete]), ["GF702", "GF704"]);
        let three =
            ["image.web@ap-jakarta#1", "image.web@ap-singapore#1", "image.web@ap-tokyo#1"].map(end).concat();
        assert_eq!(refused_for(EXAMPLE, &three), ["GF704", "GF706"]);
        let shared = at("image.db@ap-jakarta#1");
        let gap = [
            Operation::Unshare { at: shared.clone(), accounts: partner() },
            Operation::Share { at: shared, accounts: partner(), unmanaged: Accounts::EMPTY },
        ];
        assert_eq!(refused_for(EXAMPLE, &gap), ["GF703"]);
    }
}

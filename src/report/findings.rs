//! Drift and failed steps as diagnostics, so that formats which list problems show them where they stand in the
//! manifest.

use super::AccountNames;
use super::outcome::give_up;
use crate::diagnostics::{Diagnostic, Severity, escape_truncated};
use crate::diff::{Drift, DriftItem, LookupDrift};
use crate::manifest::Desired;
use crate::model::{Address, PlacementKey};
use crate::plan::{Failure, Outcome, Plan, StepOutcome};

/// What a finding of these kinds is about, for their pages: code, summary, page.
pub(super) const KINDS: &[(&str, &str, &str)] = &[
    (
        DRIFT,
        DRIFT_SUMMARY,
        "The cloud says something else than what is recorded: somebody changed it.\n\n\
        See what the next apply would do about it:\n\n    goldform plan --refresh\n",
    ),
    (
        FAILED,
        FAILED_SUMMARY,
        "The service refused a step, or what it made failed. Steps that wait for it were not \
        started.\n\nWhen the cause is gone, go on:\n\n    goldform apply\n",
    ),
    (
        OPEN,
        OPEN_SUMMARY,
        "A step was sent and had not settled when the run ended. It is recorded, and nothing is \
        done twice.\n\nGo on:\n\n    goldform apply\n",
    ),
    (
        DEFECT,
        DEFECT_SUMMARY,
        "goldform itself failed. What was done until then is recorded.\n\nReport it, and go on:\n\n    goldform \
        apply\n",
    ),
    (
        UNSAVED,
        UNSAVED_SUMMARY,
        "The service was called, and the state could not be written afterwards. The journal beside the state names each \
        call that was sent.\n\nMake it possible to write there, and go on: the next apply finds out what became of \
        them.\n\n    goldform apply\n",
    ),
    (WARNING, WARNING_SUMMARY, "Something that did not make a step fail, and is worth knowing.\n"),
];

const DRIFT: &str = "drift";
const DRIFT_SUMMARY: &str = "The cloud is not as recorded";
const FAILED: &str = "step_failed";
const FAILED_SUMMARY: &str = "A step failed";
const OPEN: &str = "step_open";
const OPEN_SUMMARY: &str = "A step has not settled";
const DEFECT: &str = "internal_error";
const DEFECT_SUMMARY: &str = "A defect of goldform ended the run";
const UNSAVED: &str = "state_unsaved";
const UNSAVED_SUMMARY: &str = "The state could not be saved";
const WARNING: &str = "apply_warning";
const WARNING_SUMMARY: &str = "Worth knowing of this apply";

fn finding(code: &'static str, severity: Severity, summary: &'static str, detail: String) -> Diagnostic {
    Diagnostic::new(code, code, severity, summary, detail)
}

fn at(diagnostic: Diagnostic, at: &PlacementKey, desired: &Desired) -> Diagnostic {
    // An entry that is gone from the manifest has no place in it.
    if !desired.images.contains_key(&at.image) {
        return diagnostic.about(at);
    }
    diagnostic.about(at).at(desired.path_of(&Address::Placement(at.clone())), "")
}

/// Drift, one diagnostic for each difference.
pub fn drift(drift: &Drift, desired: &Desired) -> Vec<Diagnostic> {
    let names = AccountNames::of(desired);
    let told = |detail| finding(DRIFT, Severity::Warning, DRIFT_SUMMARY, detail);
    let item = |item: &DriftItem| {
        let detail = match item {
            DriftItem::Missing { at, id } => format!("{at} ({id}) is not there any more."),
            DriftItem::Changed { at, id, fields } => {
                let value = |value: &Option<String>| match value {
                    Some(value) => format!("`{}`", escape_truncated(value)),
                    None => "none".to_owned(),
                };
                let fields: Vec<String> = fields
                    .iter()
                    .map(|field| {
                        let (before, after) = (value(&field.before), value(&field.after));
                        format!("{} was {before} and is {after}", escape_truncated(&field.field))
                    })
                    .collect();
                format!("{at} ({id}) was changed: {}.", fields.join("; "))
            }
            DriftItem::Unshared { at, id, accounts } => {
                format!("{at} ({id}) is not shared any more with {}.", names.list(accounts))
            }
            DriftItem::SharedByOthers { at, id, accounts } => {
                format!("{at} ({id}) was shared by others with {}.", names.list(accounts))
            }
        };
        at(told(detail), item.at(), desired)
    };
    let lookups = drift.lookups.iter().filter_map(|lookup| match lookup {
        LookupDrift::Gone { lookup, id } => {
            let address = Address::Lookup(lookup.clone());
            let detail = format!("{id}, which {address} had found, is not there any more.");
            Some(told(detail).about(&address).at(desired.path_of(&address), ""))
        }
        LookupDrift::Answered { .. } => None,
    });
    drift.items.iter().map(item).chain(lookups).collect()
}

/// Steps that failed or are open, what could not be recorded, and warnings.
pub fn outcome(outcome: &Outcome, plan: &Plan, desired: &Desired) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    for (id, verb, result) in &outcome.steps {
        let diagnostic = match result {
            StepOutcome::Failed(Failure { why, .. }) => {
                finding(FAILED, Severity::Error, FAILED_SUMMARY, format!("{id}: {why}"))
            }
            StepOutcome::Pending { failure: Some(failure) } => Diagnostic {
                help: give_up(id, *verb, failure),
                ..finding(OPEN, Severity::Warning, OPEN_SUMMARY, format!("{id}: {}", failure.why))
            },
            StepOutcome::Pending { failure: None } => {
                finding(OPEN, Severity::Warning, OPEN_SUMMARY, format!("{id}: accepted, not ready yet"))
            }
            StepOutcome::Unknown(Failure { why, .. }) => {
                finding(OPEN, Severity::Warning, OPEN_SUMMARY, format!("{id}: {why}"))
            }
            StepOutcome::Done | StepOutcome::Skipped { .. } | StepOutcome::NotStarted => continue,
        };
        let step = plan.graph.steps().find(|(_, step)| step.id == *id);
        found.push(match step {
            Some((_, step)) => at(diagnostic, step.at(), desired),
            None => diagnostic.about(id),
        });
    }
    if let Some(defect) = &outcome.internal_error {
        found.push(finding(DEFECT, Severity::Error, DEFECT_SUMMARY, format!("{defect}.")));
    }
    if let Some(why) = &outcome.unsaved {
        found.push(finding(UNSAVED, Severity::Error, UNSAVED_SUMMARY, format!("{why}.")));
    }
    found.extend(
        outcome.warnings.iter().map(|text| finding(WARNING, Severity::Advice, WARNING_SUMMARY, text.clone())),
    );
    found
}

//! Drift and failed steps as diagnostics, so that formats which list problems show them at their place in the
//! manifest.

use super::AccountNames;
use super::applied::{ApplyResult, Cause, give_up};
use crate::diagnostics::catalogue::findings::{
    APPLY_WARNING, DRIFT, INTERNAL_ERROR, STATE_UNSAVED, STEP_FAILED, STEP_OPEN,
};
use crate::diagnostics::{Diagnostic, escape_truncated};
use crate::diff::{Drift, DriftItem, LookupDrift};
use crate::manifest::Desired;
use crate::model::{Address, PlacementKey};
use crate::plan::{Failure, Outcome, Plan, StepOutcome, StepResult};

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
    let problem = |detail| DRIFT.found(detail);
    let item = |item: &DriftItem| {
        let detail = match item {
            DriftItem::Found { at, id } => {
                format!("{at} ({id}) was made by an earlier run, which got no answer; it is managed now.")
            }
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
        at(problem(detail), item.at(), desired)
    };
    let lookups = drift.lookups.iter().filter_map(|lookup| match lookup {
        LookupDrift::Gone { lookup, id } => {
            let address = Address::Lookup(lookup.clone());
            let detail = format!("{id}, which {address} had found, is not there any more.");
            Some(problem(detail).about(&address).at(desired.path_of(&address), ""))
        }
        LookupDrift::Answered { .. } => None,
    });
    drift.items.iter().map(item).chain(lookups).collect()
}

/// Steps that failed or are open, each with what serves there now and what to do, what could not be recorded, and
/// warnings.
pub fn outcome(outcome: &Outcome, result: &ApplyResult, plan: &Plan, desired: &Desired) -> Vec<Diagnostic> {
    let names = AccountNames::of(desired);
    let mut found = Vec::new();
    for StepResult { step: id, verb, outcome, took: _ } in &outcome.steps {
        let diagnostic = match outcome {
            StepOutcome::Failed(Failure { why, .. }) => STEP_FAILED.found(format!("{id}: {why}")),
            StepOutcome::Pending { failure: Some(failure) } => Diagnostic {
                help: give_up(id, *verb, failure),
                ..STEP_OPEN.found(format!("{id}: {}", failure.why))
            },
            StepOutcome::Pending { failure: None } => {
                STEP_OPEN.found(format!("{id}: accepted, not ready yet"))
            }
            StepOutcome::Unknown(Failure { why, .. }) => STEP_OPEN.found(format!("{id}: {why}")),
            StepOutcome::Done | StepOutcome::Skipped { .. } | StepOutcome::NotStarted => continue,
        };
        let of_step = |cause: &&Cause| cause.places.iter().any(|place| place.step == *id);
        let cause = result.causes.iter().find(of_step);
        let place = cause.and_then(|cause| cause.places.iter().find(|place| place.step == *id));
        let diagnostic = match place {
            Some(place) => {
                let now = place.now(&names, &escape_truncated);
                let help = diagnostic.help.or_else(|| cause.and_then(|cause| result.next.help(cause)));
                Diagnostic { detail: format!("{}; {now}", diagnostic.detail), help, ..diagnostic }
            }
            None => diagnostic,
        };
        let step = plan.graph.steps().find(|(_, step)| step.id == *id);
        found.push(match step {
            Some((_, step)) => at(diagnostic, step.at(), desired),
            None => diagnostic.about(id),
        });
    }
    if let Some(defect) = &outcome.internal_error {
        found.push(INTERNAL_ERROR.found(format!("{defect}.")));
    }
    if let Some(why) = &outcome.unsaved {
        found.push(STATE_UNSAVED.found(format!("{why}.")));
    }
    found.extend(outcome.warnings.iter().map(|text| APPLY_WARNING.found(text.clone())));
    found
}

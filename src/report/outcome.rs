//! What became of a plan, for people.

use std::fmt::Write as _;

use super::{Paint, count};
use crate::model::Verb;
use crate::plan::{Failure, Outcome, StepOutcome};
use crate::state::StepId;

/// Whether a step changed something, as far as is known.
fn may_be_done(result: &StepOutcome) -> bool {
    *result == StepOutcome::Done || result.is_open()
}

/// Returns how to give up an image that an earlier run began and that this run has waited for in vain. `None` for other
/// steps, and if an error ended the wait.
pub(super) fn give_up(step: &StepId, verb: Verb, failure: &Failure) -> Option<String> {
    let at = step.0.strip_prefix("wait ").filter(|_| verb == Verb::Wait && failure.kind.is_none())?;
    Some(format!("To give the image up:\n\n    goldform forget {at}"))
}

/// What did not go as planned, step by step, and one summary line.
pub fn outcome_text(outcome: &Outcome, paint: Paint) -> String {
    let mut text = String::new();
    for (step, verb, result) in &outcome.steps {
        let line = match result {
            StepOutcome::Done | StepOutcome::NotStarted => continue,
            StepOutcome::Failed(Failure { why, .. }) => {
                format!("{} {step}: {why}", paint.removed("failed"))
            }
            StepOutcome::Pending { failure: Some(failure) } => {
                let why = &failure.why;
                let more =
                    give_up(step, *verb, failure).map_or_else(String::new, |help| format!(". {help}\n"));
                format!("{} {step}: {why}; the next apply waits again{more}", paint.changed("pending"))
            }
            StepOutcome::Pending { failure: None } => {
                format!(
                    "{} {step}: accepted, not ready yet; the next apply continues",
                    paint.changed("pending")
                )
            }
            StepOutcome::Unknown(Failure { why, .. }) => {
                format!("{} {step}: {why}; the next apply searches again", paint.changed("unknown"))
            }
            StepOutcome::Skipped { because } => {
                format!("{} {step}: waits for `{because}`", paint.changed("skipped"))
            }
        };
        let _ = writeln!(text, "{line}");
    }
    for warning in &outcome.warnings {
        let _ = writeln!(text, "{} {warning}", paint.changed("warning"));
    }
    if let Some(why) = &outcome.unsaved {
        let _ = writeln!(text, "{} {why}", paint.removed("not saved"));
    }
    if let Some(defect) = &outcome.internal_error {
        let _ = writeln!(text, "{} {defect}", paint.removed("internal error"));
    }
    let done = outcome.count(|result| *result == StepOutcome::Done);
    let all = outcome.steps.len();
    let took = format!("{:.1} s", outcome.took.as_secs_f64());
    let head = match (outcome.is_complete(), outcome.interrupted) {
        (true, _) => paint.added("Applied"),
        (false, true) => paint.changed("Interrupted"),
        (false, false) if outcome.is_unrecorded() => paint.removed("Applied and not recorded"),
        (false, false) if outcome.count(may_be_done) == 0 => paint.removed("Not applied"),
        (false, false) => paint.removed("Partly applied"),
    };
    let _ = write!(text, "{head}: {done} of {} done in {took}", count(all, "step", "steps"));
    let mut tail = |number: usize, word: &str| {
        if number > 0 {
            let _ = write!(text, ", {number} {word}");
        }
    };
    tail(outcome.count(StepOutcome::is_failed), "failed");
    tail(outcome.count(|result| matches!(result, StepOutcome::Skipped { .. })), "skipped");
    tail(outcome.count(StepOutcome::is_open), "open");
    tail(outcome.count(|result| *result == StepOutcome::NotStarted), "not started");
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::report::json;

    #[test]
    fn a_run_that_could_not_be_recorded_is_not_complete() {
        let step = |outcome| (StepId("create image.web@ap-tokyo#1".into()), Verb::Create, outcome);
        let unsaved = Some("disk full; apply again".to_owned());
        let took = Duration::from_secs(2);
        let done = Outcome { steps: vec![step(StepOutcome::Done)], unsaved, took, ..Outcome::default() };
        assert_eq!(
            outcome_text(&done, Paint::PLAIN),
            "not saved disk full; apply again\nApplied and not recorded: 1 of 1 step done in 2.0 s\n"
        );
        let value = json::outcome(&done).unwrap();
        assert_eq!(
            (&value["complete"], &value["unsaved"]),
            (&false.into(), &"disk full; apply again".into())
        );
        let partly = Outcome { steps: vec![step(StepOutcome::Done), step(StepOutcome::NotStarted)], ..done };
        assert!(outcome_text(&partly, Paint::PLAIN).contains("Partly applied: 1 of 2 steps done"));
    }
}

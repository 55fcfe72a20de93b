//! What became of a plan, for people.

use std::fmt::Write as _;

use super::{Paint, count};
use crate::plan::{Outcome, StepOutcome};

/// Whether a step changed something, as far as is known.
fn may_be_done(result: &StepOutcome) -> bool {
    matches!(result, StepOutcome::Done | StepOutcome::Pending | StepOutcome::Unknown { .. })
}

/// What did not go as planned, step by step, and one summary line.
pub fn outcome_text(outcome: &Outcome, paint: Paint) -> String {
    let mut text = String::new();
    for (step, _, result) in &outcome.steps {
        let line = match result {
            StepOutcome::Done | StepOutcome::NotStarted => continue,
            StepOutcome::Failed { why } => format!("{} {step}: {why}", paint.removed("failed")),
            StepOutcome::Pending => {
                format!(
                    "{} {step}: accepted, not ready yet; the next apply goes on",
                    paint.changed("pending")
                )
            }
            StepOutcome::Unknown { why } => {
                format!("{} {step}: {why}; the next apply looks again", paint.changed("unknown"))
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
    let done = outcome.count(|result| *result == StepOutcome::Done);
    let all = outcome.steps.len();
    let took = format!("{:.1} s", outcome.took.as_secs_f64());
    let head = match (outcome.is_complete(), outcome.interrupted) {
        (true, _) => paint.added("Applied"),
        (false, true) => paint.changed("Interrupted"),
        (false, false) if outcome.count(may_be_done) == 0 => paint.removed("Not applied"),
        (false, false) => paint.removed("Partly applied"),
    };
    let _ = write!(text, "{head}: {done} of {} done in {took}", count(all, "step", "steps"));
    let mut tail = |number: usize, word: &str| {
        if number > 0 {
            let _ = write!(text, ", {number} {word}");
        }
    };
    tail(outcome.count(|result| matches!(result, StepOutcome::Failed { .. })), "failed");
    tail(outcome.count(|result| matches!(result, StepOutcome::Skipped { .. })), "skipped");
    tail(
        outcome.count(|result| matches!(result, StepOutcome::Pending | StepOutcome::Unknown { .. })),
        "open",
    );
    tail(outcome.count(|result| *result == StepOutcome::NotStarted), "not started");
    text.push('\n');
    text
}

//! Results of the trial calls before a run, as text.

use std::fmt::Write as _;

use super::{Paint, count};
use crate::diagnostics::sanitize;
use crate::plan::{Preflight, Trial, Untried};

/// What was tried and how it went, what was not tried and why, and one summary line.
pub fn preflight_text(preflight: &Preflight, paint: Paint) -> String {
    let mut text = String::new();
    for (step, trial) in &preflight.trials {
        let line = match trial {
            Trial::Passed => format!("  {} {step}", paint.added("✓")),
            Trial::Removed { by, refusal } => format!(
                "  {} {step}: refused now, but `{by}` runs first ({})",
                paint.changed("…"),
                sanitize::escape_controls(refusal)
            ),
            Trial::Awaited { refusal } => format!(
                "  {} {step}: refused now, and the run waits ({})",
                paint.changed("…"),
                sanitize::escape_controls(refusal)
            ),
            Trial::Refused { refusal } => {
                format!("  {} {step}: {}", paint.removed("✗"), sanitize::escape_controls(refusal))
            }
            Trial::Untried(Untried::NotMadeYet { image }) => {
                format!("  {} {step}: not tried, {image} is not made yet", paint.dim("-"))
            }
            Trial::Untried(Untried::NoTrial) => {
                format!("  {} {step}: not tried, the service tries only makes and deletes", paint.dim("-"))
            }
        };
        let _ = writeln!(text, "{line}");
    }
    let head = if preflight.refused() == 0 { paint.added("Preflight") } else { paint.removed("Preflight") };
    let calls = count(preflight.trials.len(), "call", "calls");
    let _ = write!(text, "{head}: {} of {calls} tried", preflight.tried());
    match preflight.refused() {
        0 => text.push_str(", none is refused\n"),
        refused => {
            let _ = writeln!(text, ", {refused} refused");
        }
    }
    text
}

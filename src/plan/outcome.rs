//! What became of each step.

use std::time::Duration;

use serde::Serialize;

use crate::model::Verb;
use crate::state::StepId;

/// What became of a step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "outcome")]
pub enum StepOutcome {
    /// It is done.
    Done,
    /// It was refused, or what it made failed.
    Failed {
        /// Why, for people; the service's code, message and request id are in it.
        why: String,
    },
    /// It was accepted and had not settled when the time for it, or the run, ended; the next run goes on.
    Pending,
    /// It was sent, and whether it happened could not be found out; the next run looks again.
    Unknown {
        /// What went wrong.
        why: String,
    },
    /// A step that it waits for failed.
    Skipped {
        /// The step that failed.
        because: StepId,
    },
    /// The run was stopped before it started.
    NotStarted,
}

/// What became of a plan.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Outcome {
    /// Every step, in planned order.
    pub steps: Vec<(StepId, Verb, StepOutcome)>,
    /// What did not make a step fail and is worth knowing.
    pub warnings: Vec<String>,
    /// Whether the user stopped it.
    pub interrupted: bool,
    /// How long it took.
    #[serde(skip)]
    pub took: Duration,
}

impl Outcome {
    /// How many steps ended so.
    pub fn count(&self, which: impl Fn(&StepOutcome) -> bool) -> usize {
        self.steps.iter().filter(|(_, _, outcome)| which(outcome)).count()
    }

    /// Whether every step is done.
    pub fn is_complete(&self) -> bool {
        self.steps.iter().all(|(_, _, outcome)| *outcome == StepOutcome::Done)
    }

    /// Whether at least one step is done.
    pub fn did_anything(&self) -> bool {
        self.steps.iter().any(|(_, _, outcome)| *outcome == StepOutcome::Done)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(steps: &[StepOutcome]) -> Outcome {
        let steps = steps.iter().map(|outcome| (StepId("a step".into()), Verb::Create, outcome.clone()));
        Outcome { steps: steps.collect(), ..Outcome::default() }
    }

    #[test]
    fn a_plan_is_complete_when_every_step_is_done() {
        assert!(outcome(&[]).is_complete() && !outcome(&[]).did_anything());
        assert!(outcome(&[StepOutcome::Done, StepOutcome::Done]).is_complete());
        for other in [
            StepOutcome::Pending,
            StepOutcome::NotStarted,
            StepOutcome::Failed { why: String::new() },
            StepOutcome::Unknown { why: String::new() },
            StepOutcome::Skipped { because: StepId("another".into()) },
        ] {
            let mixed = outcome(&[StepOutcome::Done, other]);
            assert!(!mixed.is_complete() && mixed.did_anything(), "{mixed:?}");
        }
    }
}

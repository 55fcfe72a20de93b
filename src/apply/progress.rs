//! Progress events of a run.

use crate::model::ImageId;
use crate::plan::{Step, StepOutcome};

/// Receives progress events.
pub trait Progress: Send {
    /// The step's call is about to be sent.
    fn started(&mut self, step: &Step);
    /// The service accepted the call. The image is not NORMAL yet.
    fn accepted(&mut self, step: &Step, id: &ImageId);
    /// The step continues later, for this reason: its call is retried, or the image that it may have made is searched for.
    fn waiting(&mut self, step: &Step, why: &str);
    /// The step has settled.
    fn settled(&mut self, step: &Step);
    /// The step failed, or the run leaves it pending or with an unknown outcome.
    fn failed(&mut self, step: &Step, outcome: &StepOutcome);
    /// The step will not start: it waits for the second one, which failed.
    fn skipped(&mut self, step: &Step, because: &Step);
}

/// Ignores all events.
#[derive(Debug, Default, Clone, Copy)]
pub struct Quiet;

impl Progress for Quiet {
    fn started(&mut self, _: &Step) {}
    fn accepted(&mut self, _: &Step, _: &ImageId) {}
    fn waiting(&mut self, _: &Step, _: &str) {}
    fn settled(&mut self, _: &Step) {}
    fn failed(&mut self, _: &Step, _: &StepOutcome) {}
    fn skipped(&mut self, _: &Step, _: &Step) {}
}

/// Both receive every event, the first one first.
impl<A: Progress, B: Progress> Progress for (A, B) {
    fn started(&mut self, step: &Step) {
        self.0.started(step);
        self.1.started(step);
    }

    fn accepted(&mut self, step: &Step, id: &ImageId) {
        self.0.accepted(step, id);
        self.1.accepted(step, id);
    }

    fn waiting(&mut self, step: &Step, why: &str) {
        self.0.waiting(step, why);
        self.1.waiting(step, why);
    }

    fn settled(&mut self, step: &Step) {
        self.0.settled(step);
        self.1.settled(step);
    }

    fn failed(&mut self, step: &Step, outcome: &StepOutcome) {
        self.0.failed(step, outcome);
        self.1.failed(step, outcome);
    }

    fn skipped(&mut self, step: &Step, because: &Step) {
        self.0.skipped(step, because);
        self.1.skipped(step, because);
    }
}

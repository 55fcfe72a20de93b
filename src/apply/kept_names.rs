//! Names that are kept: while an image has a name, no call can make a second image with it.
//!
//! A make whose connection broke is searched for, not found, and sent again under the same name. The service may execute
//! the first call after that. It refuses the call while the image of the second one has the name
//! (`InvalidImageName.Duplicate`), and executes it once that image was renamed or deleted: a second image, which nothing
//! records. A call is valid for 5 minutes of the service's clock, by its `X-TC-Timestamp`, and that clock may be 5 minutes
//! from ours. So an image whose making was sent more than once keeps its name for `MAY_BE_EXECUTED_FOR` after the last
//! time. A copy of a large image takes longer than that, so most runs do not wait for it.

use jiff::Timestamp;

use super::run_state::RunState;
use crate::model::Operation;
use crate::plan::StepIndex;

impl RunState<'_, '_> {
    /// Returns until when an image keeps its name, if that is in the future.
    fn keeps_name_until(&self, index: StepIndex) -> Option<Timestamp> {
        let placement = self.snapshot.recorded.placement(self.step(index).at())?;
        let until = placement.resent?.checked_add(self.executor.options.keep_names_for).ok()?;
        (until > self.now()).then_some(until)
    }

    /// Returns until when a step waits because the image that it renames or deletes keeps its name. It is reported once.
    pub(super) fn waits_for_name(&mut self, index: StepIndex) -> bool {
        let gives_up_name = gives_up_name(&self.step(index).operation);
        let until = self.keeps_name_until(index).filter(|_| gives_up_name);
        let Some(until) = until else {
            self.keeping_names.remove(&index);
            return false;
        };
        if self.keeping_names.insert(index, until).is_none() {
            self.report_kept_name(index, until);
        }
        true
    }

    /// Returns until when the image that a step made keeps its name, and reports it. `None` if it may be renamed now.
    pub(super) fn keeps_made_name_until(&mut self, index: StepIndex) -> Option<Timestamp> {
        let until = self.keeps_name_until(index)?;
        self.report_kept_name(index, until);
        Some(until)
    }

    fn report_kept_name(&mut self, index: StepIndex, until: Timestamp) {
        let time = until.strftime("%H:%M:%S UTC");
        let why = format!(
            "the image keeps its name until {time}, since the call that made it was sent twice and the first one may \
             still be executed"
        );
        self.executor.progress.waiting(&self.plan.graph[index], &why);
    }

    /// Returns when the first image that keeps its name may be renamed or deleted.
    pub(super) fn next_name_given_up(&self) -> Option<Timestamp> {
        self.keeping_names.values().min().copied()
    }
}

fn gives_up_name(operation: &Operation) -> bool {
    match operation {
        Operation::Update { set, .. } => set.name.is_some(),
        Operation::Delete { .. } => true,
        _ => false,
    }
}

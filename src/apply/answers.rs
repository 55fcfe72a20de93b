//! Answers: what each meaning of an answer leads to.
//!
//! Busy and throttled calls are sent again; of a make whose outcome is unknown, the image is looked for; what is done
//! already counts as done; everything else fails its branch.

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::executor::{LONGEST_PAUSE, Report, Retry, Run, UNREACHABLE_TRIES};
use super::polling::Awaited;
use super::recover::{Found, find_made};
use crate::cloud::{CloudError, Meaning};
use crate::diff::drift::PENDING_FOR;
use crate::model::{ImageId, Operation};
use crate::plan::{Step, StepIndex, StepOutcome};
use crate::state::{Edit, Event, Intent, SettledImage};

impl Run<'_, '_> {
    pub(super) fn called(&mut self, index: StepIndex, result: Result<Option<ImageId>, CloudError>) {
        let Some(step) = self.plan.graph.step(index) else { return };
        let makes_image = step.operation.makes_image();
        let error = match result {
            Ok(Some(id)) if makes_image => return self.accept(index, id),
            Ok(None) if makes_image => {
                return self.look(index, unknown(step, "the service accepted it and told no id"));
            }
            Ok(_) => return self.settle(index, None),
            Err(error) => error,
        };
        match error.meaning {
            Meaning::Throttled | Meaning::Busy => self.try_again(index, &error),
            Meaning::Unreachable if self.tries_of(index) < UNREACHABLE_TRIES => self.try_again(index, &error),
            Meaning::DuplicateName | Meaning::OutcomeUnknown | Meaning::Internal | Meaning::Garbled
                if makes_image =>
            {
                self.look(index, error);
            }
            // All but makes may be sent again: they set what is to be, and do nothing the second time.
            Meaning::OutcomeUnknown | Meaning::Internal | Meaning::Garbled
                if self.tries_of(index) < UNREACHABLE_TRIES =>
            {
                self.try_again(index, &error);
            }
            Meaning::NotFound
                if matches!(step.operation, Operation::Delete { .. } | Operation::Unshare { .. }) =>
            {
                self.settle(index, None);
            }
            Meaning::Tag if makes_image && self.untagged.insert(index) => self.call(index),
            Meaning::SharedImageUnmodifiable if matches!(step.operation, Operation::Update { .. }) => {
                self.note(Event::Edited { at: self.now(), change: Edit::LearnSharedEditsRefused });
                self.fail(index, &error.to_string(), None);
            }
            // A part of the list may have been done all the same.
            _ if matches!(step.operation, Operation::Share { .. } | Operation::Unshare { .. }) => {
                self.ask_shares(index, error);
            }
            _ if matches!(step.operation, Operation::Tag { .. }) => self.warn_untagged(index, &error),
            _ => self.fail(index, &error.to_string(), None),
        }
    }

    /// Accepted: recorded, and waited for.
    pub(super) fn accept(&mut self, index: StepIndex, id: ImageId) {
        let Some(step) = self.plan.graph.step(index) else { return };
        let (at, now) = (step.at().clone(), self.now());
        let is_first = !self.snapshot.recorded.images.contains_key(&at.image);
        self.note(Event::Accepted { step: step.id.clone(), at: now, id: id.clone() });
        if is_first {
            // What the manifest says of a new entry is recorded with its first image.
            let is_settings =
                |edit: &&Edit| matches!(edit, Edit::Settings { image, .. } if *image == at.image);
            let planned = self.plan.edits.iter().find(is_settings);
            if let Some(change) = planned.or_else(|| self.settings.get(&at.image)).cloned() {
                self.note(Event::Edited { at: now, change });
            }
        }
        self.executor.progress.accepted(step, &id);
        self.polling.await_image(&at.region, Awaited { id, step: index, since: now }, now);
    }

    pub(super) fn settle(&mut self, index: StepIndex, image: Option<SettledImage>) {
        let Some(step) = self.plan.graph.step(index) else { return };
        self.note(Event::Settled { step: step.id.clone(), at: self.now(), image });
        self.outcomes.insert(index, StepOutcome::Done);
        self.scheduler.settled(index);
        self.executor.progress.settled(step);
    }

    pub(super) fn fail(&mut self, index: StepIndex, why: &str, state: Option<crate::model::ImageState>) {
        let Some(step) = self.plan.graph.step(index) else { return };
        if self.snapshot.intents.contains_key(&step.id) {
            let (step, at, why) = (step.id.clone(), self.now(), why.to_owned());
            self.note(Event::Failed { step, at, why, state });
        }
        self.outcomes.insert(index, StepOutcome::Failed { why: why.to_owned() });
        self.scheduler.failed(index);
        self.executor.progress.failed(step, why);
    }

    /// It has not settled in time, or cannot be found out: it stays recorded, and its branch stops.
    pub(super) fn leave(&mut self, index: StepIndex, outcome: StepOutcome, why: &str) {
        let Some(step) = self.plan.graph.step(index) else { return };
        self.outcomes.insert(index, outcome);
        self.scheduler.failed(index);
        self.executor.progress.failed(step, why);
    }

    /// A failure to tag never makes a good image bad: it is told, and tried again by the next apply.
    pub(super) fn warn_untagged(&mut self, index: StepIndex, error: &CloudError) {
        let Some(step) = self.plan.graph.step(index) else { return };
        let (id, at, why) = (step.id.clone(), self.now(), error.to_string());
        self.warnings.push(format!("{} could not be tagged: {error}; the next apply tries again", step.at()));
        self.note(Event::Failed { step: id, at, why, state: None });
        self.outcomes.insert(index, StepOutcome::Done);
        self.scheduler.settled(index);
        self.executor.progress.settled(step);
    }

    pub(super) fn tries_of(&self, index: StepIndex) -> u32 {
        self.tries.get(&index).map_or(0, |(tries, _)| *tries)
    }

    /// The call was not executed, or does no harm a second time: it is tried again, until the time is up.
    pub(super) fn try_again(&mut self, index: StepIndex, error: &CloudError) {
        let now = self.now();
        let (_, since) = self.tries.get(&index).copied().unwrap_or((0, now));
        let waited = now.duration_since(since).unsigned_abs();
        if waited >= self.executor.pace.settle_timeout {
            return self.fail(index, &error.to_string(), None);
        }
        let due = self.after_a_pause(index, &format!("tried again, {error}"));
        self.retries.push(Retry { due, step: index, look: None });
    }

    /// The name is taken and no listing shows by whom: by the image that an earlier try made, whose listing is late.
    fn look_later(&mut self, index: StepIndex, because: CloudError) {
        let why = format!("looking for the image that an earlier try may have made, since {because}");
        let due = self.after_a_pause(index, &why);
        self.retries.push(Retry { due, step: index, look: Some(because) });
    }

    /// When to try again, each time later; the try is counted and told.
    fn after_a_pause(&mut self, index: StepIndex, why: &str) -> Timestamp {
        let now = self.now();
        let (tries, since) = self.tries.get(&index).copied().unwrap_or((0, now));
        self.tries.insert(index, (tries.saturating_add(1), since));
        let pause = Duration::from_millis(300).saturating_mul(1 << tries.min(6)).min(LONGEST_PAUSE);
        if let Some(step) = self.plan.graph.step(index) {
            self.executor.progress.waiting(step, why);
        }
        now.checked_add(SignedDuration::try_from(pause).unwrap_or_default()).unwrap_or(now)
    }

    /// The outcome of a make is unknown: look for what it may have made.
    pub(super) fn look(&mut self, index: StepIndex, because: CloudError) {
        let Some(intent) = self.intent(index) else { return };
        let cloud = Arc::clone(&self.executor.cloud);
        let recorded = self.snapshot.recorded.clone();
        let lineage = self.snapshot.lineage.0.clone();
        self.tasks.spawn(async move {
            let found = find_made(cloud.as_ref(), &recorded, &lineage, &intent).await;
            Report::Looked { step: index, because, found }
        });
    }

    pub(super) fn intent(&self, index: StepIndex) -> Option<Intent> {
        self.snapshot.intents.get(&self.step(index)?.id).cloned()
    }

    /// Whether what took the name may be an image of ours that no listing shows yet.
    fn may_be_late(&self, index: StepIndex) -> bool {
        let is_recent = |at: Timestamp| self.now().duration_since(at) < PENDING_FOR;
        self.intent(index).is_some_and(|intent| intent.name_was_free && is_recent(intent.at))
    }

    pub(super) fn looked(
        &mut self,
        index: StepIndex,
        because: &CloudError,
        found: Result<Found, CloudError>,
    ) {
        let was_refused = because.meaning == Meaning::DuplicateName;
        match found {
            Ok(Found::One(image)) => self.accept(index, image.id),
            Ok(Found::None) if was_refused && self.may_be_late(index) => {
                self.look_later(index, because.clone());
            }
            Ok(Found::None) if was_refused => self.fail(index, &because.to_string(), None),
            // Not there yet, or never made: sent again only while looking keeps finding nothing.
            Ok(Found::None) if self.tries_of(index) < UNREACHABLE_TRIES => self.try_again(index, because),
            // It may be there all the same: the next run looks again.
            Ok(Found::None) => {
                let why = because.to_string();
                self.leave(index, StepOutcome::Unknown { why: why.clone() }, &why);
            }
            Ok(Found::Doubtful(ids)) => {
                let ids: Vec<&str> = ids.iter().map(ImageId::as_str).collect();
                let why = format!("{because}; it may have made {}, look at it", ids.join(" or "));
                self.leave(index, StepOutcome::Unknown { why: why.clone() }, &why);
            }
            Err(error) => {
                let why = format!("{because}; looking for what it made failed too: {error}");
                self.leave(index, StepOutcome::Unknown { why: why.clone() }, &why);
            }
        }
    }
}

fn unknown(step: &Step, message: &str) -> CloudError {
    CloudError {
        meaning: Meaning::OutcomeUnknown,
        action: step.verb().as_str().into(),
        region: Some(step.at().region.clone()),
        code: None,
        message: message.to_owned(),
        request_id: None,
    }
}

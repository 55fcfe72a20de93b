//! What each kind of response leads to.
//!
//! Calls to a busy or throttling service wait until the settle timeout; of a make whose outcome is unknown, the image is
//! searched for; what is done already counts as done; everything else fails its branch. What surely was not executed is
//! sent again by the transport ([`crate::cloud::wrap`]), what may have been is sent again from here, and both draw from
//! [one budget](Attempts).

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::polling::Awaited;
use super::recover::{LookupResult, find_made, may_be_late};
use super::run_state::{Continuation, LONGEST_PAUSE, Retry, RunState, TaskResult, outcome_unknown};
use crate::cloud::{Attempts, CloudError, ErrorKind};
use crate::model::{ImageId, Operation, Tags, Verb};
use crate::plan::{Failure, StepIndex, StepOutcome};
use crate::state::{Edit, Event, Intent, SettledImage};

impl RunState<'_, '_> {
    pub(super) fn called(&mut self, index: StepIndex, result: Result<Option<ImageId>, CloudError>) {
        let step = &self.plan.graph[index];
        let makes_image = step.operation.makes_image();
        let error = match result {
            Ok(Some(id)) if makes_image => return self.accept_answer(index, id),
            Ok(None) if makes_image => {
                self.doubts.insert(index);
                return self.look_up(index, outcome_unknown(step, "the service accepted it without an id"));
            }
            Ok(_) if self.searches.contains_key(&index) => return self.search_on(index),
            Ok(_) if self.is_claim(index) => return self.read_claim(index),
            Ok(_) => return self.settle(index, None),
            Err(error) => error,
        };
        let is_share = matches!(step.operation, Operation::Share { .. } | Operation::Unshare { .. });
        match error.kind {
            ErrorKind::Throttled | ErrorKind::Busy => self.try_again(index, &error),
            ErrorKind::DuplicateName if makes_image && self.may_be_ours(index) => self.look_up(index, error),
            kind if kind.may_have_executed() && makes_image => {
                self.doubts.insert(index);
                self.look_up(index, error);
            }
            // All but makes may be sent again: done a second time, they change nothing.
            kind if kind.may_have_executed() && self.may_be_sent_again(index) => {
                self.try_again(index, &error);
            }
            ErrorKind::NotFound
                if matches!(step.operation, Operation::Delete { .. } | Operation::Unshare { .. }) =>
            {
                self.settle(index, None);
            }
            // An earlier call of it may have been executed, and taken what this one is refused for.
            _ if makes_image && self.doubts.contains(&index) => {
                self.leave_unknown(index, &error);
            }
            ErrorKind::Tag if makes_image && self.untagged.insert(index) => self.make_untagged(index, &error),
            ErrorKind::DuplicateName => {
                self.fail(index, Failure::from(&error).with_why(name_taken(&error)), None)
            }
            ErrorKind::SharedImageUnmodifiable if matches!(step.operation, Operation::Update { .. }) => {
                self.note(Event::Edited { at: self.now(), change: Edit::LearnSharedEditsRefused });
                self.fail(index, &error, None);
            }
            // A part of the list may have been done.
            _ if is_share => self.ask_shares(index, error),
            _ if matches!(step.operation, Operation::Tag { .. }) && !self.is_claim(index) => {
                self.warn_untagged(index, &error);
            }
            kind if kind.may_have_executed() => self.leave_unknown(index, &error),
            _ => self.fail(index, &error, None),
        }
    }

    /// An answer with the id of the image that is made. A new image cannot have an id that is known already: such an
    /// answer contradicts the record and is not acted on.
    fn accept_answer(&mut self, index: StepIndex, id: ImageId) {
        let at = self.step(index).at().clone();
        match self.snapshot.recorded.regions.get(&at.region) {
            Some(known) if known.unmanaged.contains_key(&id) => {
                self.leave_contradicted(index, &id, "an image that goldform does not manage");
            }
            _ => self.accept(index, id),
        }
    }

    fn leave_contradicted(&mut self, index: StepIndex, id: &ImageId, known: &str) {
        let why = format!(
            "the service answered with {id}, which is recorded as {known}: the answer contradicts the state and was not \
             used"
        );
        self.leave_unknown(index, why);
    }

    /// Accepted: recorded, and waited for. An id that is recorded already is not: another step may have been accepted
    /// since the image was searched for.
    pub(super) fn accept(&mut self, index: StepIndex, id: ImageId) {
        let step = &self.plan.graph[index];
        if let Some(other) = self.snapshot.recorded.placement_with_id(&step.at().region, &id) {
            return self.leave_contradicted(index, &id, &other.to_string());
        }
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
        let step = &self.plan.graph[index];
        self.note(Event::Settled { step: step.id.clone(), at: self.now(), image });
        self.finish(index);
    }

    /// A step is done: what waits for it may start, and a placement that waited for it alone serves from now on.
    pub(super) fn finish(&mut self, index: StepIndex) {
        let step = &self.plan.graph[index];
        self.end(index, StepOutcome::Done);
        self.scheduler.settled(index);
        self.executor.progress.settled(step);
        self.step_settled(index);
    }

    /// Records that a placement serves, where this step was the last that it waited for.
    pub(super) fn step_settled(&mut self, index: StepIndex) {
        let at = self.step(index).at().clone();
        let Some(needed) = self.succeeding.get_mut(&at) else { return };
        if needed.remove(&index) && needed.is_empty() {
            let since = self.now();
            self.note(Event::Edited { at: since, change: Edit::Serve { at, since } });
        }
    }

    pub(super) fn fail(
        &mut self,
        index: StepIndex,
        failure: impl Into<Failure>,
        state: Option<crate::model::ImageState>,
    ) {
        self.record_failure(index, failure.into(), state);
        self.skip_followers(index);
    }

    /// Skips every step that waits for a step that did not succeed.
    pub(super) fn skip_followers(&mut self, index: StepIndex) {
        let skipped = self.scheduler.failed(index);
        self.report_skipped(index, &skipped);
    }

    pub(super) fn report_skipped(&mut self, because: StepIndex, skipped: &[StepIndex]) {
        let graph = &self.plan.graph;
        for index in skipped {
            self.executor.progress.skipped(&graph[*index], &graph[because]);
        }
    }

    /// Records that the step failed. What that means for the steps after it is the caller's.
    pub(super) fn record_failure(
        &mut self,
        index: StepIndex,
        failure: Failure,
        state: Option<crate::model::ImageState>,
    ) {
        let step = &self.plan.graph[index];
        if self.snapshot.intents.contains_key(&step.id) {
            let (step, at, why) = (step.id.clone(), self.now(), failure.why.clone());
            self.note(Event::Failed { step, at, why, state });
        }
        let outcome = StepOutcome::Failed(failure);
        self.executor.progress.failed(step, &outcome);
        self.end(index, outcome);
    }

    /// The step has not settled in time: it stays recorded as pending, and its branch stops.
    pub(super) fn leave_pending(&mut self, index: StepIndex, failure: impl Into<Failure>) {
        self.leave(index, StepOutcome::Pending { failure: Some(failure.into()) });
    }

    /// The outcome of the step cannot be found out: it stays recorded, and its branch stops.
    pub(super) fn leave_unknown(&mut self, index: StepIndex, failure: impl Into<Failure>) {
        self.leave(index, StepOutcome::Unknown(failure.into()));
    }

    fn leave(&mut self, index: StepIndex, outcome: StepOutcome) {
        let step = &self.plan.graph[index];
        self.executor.progress.failed(step, &outcome);
        self.skip_followers(index);
        self.end(index, outcome);
    }

    /// A failure to tag never makes a good image bad: it is a warning, and the next apply tries again.
    pub(super) fn warn_untagged(&mut self, index: StepIndex, error: &CloudError) {
        let step = &self.plan.graph[index];
        let (id, at, why) = (step.id.clone(), self.now(), error.to_string());
        self.warnings.push(format!("{} could not be tagged: {error}; the next apply tries again", step.at()));
        self.note(Event::Failed { step: id, at, why, state: None });
        self.finish(index);
    }

    /// Counts an attempt without a definite answer. Returns whether the call may be sent again.
    fn may_be_sent_again(&mut self, index: StepIndex) -> bool {
        self.attempts.entry(index).or_default().record_failure(Attempts::MAX).is_some()
    }

    /// The call was not executed, or does no harm a second time: it is tried again, until the time is up.
    pub(super) fn try_again(&mut self, index: StepIndex, error: &CloudError) {
        let now = self.now();
        let (_, since) = self.tries.get(&index).copied().unwrap_or((0, now));
        let waited = now.duration_since(since).unsigned_abs();
        if waited >= self.executor.options.settle_timeout {
            if self.doubts.contains(&index) {
                return self.leave_unknown(index, error);
            }
            return self.fail(index, error, None);
        }
        let due = self.after_a_pause(index, &format!("tried again, {error}"));
        let next = if self.doubts.contains(&index) { Continuation::CallAgain } else { Continuation::Call };
        self.retries.push(Retry { due, step: index, next });
    }

    /// The name is taken and no listing shows by whom, or no tag shows yet whose the image is: looked up later.
    fn look_up_later(&mut self, index: StepIndex, because: CloudError) {
        let waited =
            self.tries.get(&index).map(|(_, since)| self.now().duration_since(*since).unsigned_abs());
        if waited.is_some_and(|waited| waited >= self.executor.options.settle_timeout) {
            return self.leave_unknown(index, &because);
        }
        let why = format!("searching for the image that an earlier try may have made, since {because}");
        let due = self.after_a_pause(index, &why);
        self.retries.push(Retry { due, step: index, next: Continuation::Lookup(because) });
    }

    /// Returns when to retry, each time later. The attempt is counted and reported.
    fn after_a_pause(&mut self, index: StepIndex, why: &str) -> Timestamp {
        let now = self.now();
        let (tries, since) = self.tries.get(&index).copied().unwrap_or((0, now));
        self.tries.insert(index, (tries.saturating_add(1), since));
        let pause = Duration::from_millis(300).saturating_mul(1 << tries.min(6)).min(LONGEST_PAUSE);
        self.executor.progress.waiting(&self.plan.graph[index], why);
        now.checked_add(SignedDuration::try_from(pause).unwrap_or_default()).unwrap_or(now)
    }

    /// Starts a search for the image that a call of unknown outcome may have made.
    pub(super) fn look_up(&mut self, index: StepIndex, because: CloudError) {
        let Some(intent) = self.intent(index) else { return };
        let cloud = Arc::clone(&self.executor.cloud);
        let recorded = self.snapshot.recorded.clone();
        let lineage = self.snapshot.lineage.0.clone();
        let now = self.now();
        self.tasks.spawn(self.task_name(index), async move {
            let found = find_made(cloud.as_ref(), &recorded, &lineage, &intent, now).await;
            TaskResult::LookedUp { step: index, because, found }
        });
    }

    pub(super) fn intent(&self, index: StepIndex) -> Option<Intent> {
        self.snapshot.intents.get(&self.step(index).id).cloned()
    }

    /// Returns whether our own image may have the name: an earlier call of the step may have made it, or nobody
    /// else uses such a name.
    fn may_be_ours(&self, index: StepIndex) -> bool {
        let is_interim =
            || self.intent(index).is_some_and(|intent| intent.operation.is_made_under_interim_name());
        self.doubts.contains(&index) || is_interim()
    }

    pub(super) fn looked_up(
        &mut self,
        index: StepIndex,
        because: &CloudError,
        found: Result<LookupResult, CloudError>,
    ) {
        let is_taken = because.kind == ErrorKind::DuplicateName;
        let is_late = self.intent(index).is_some_and(|intent| may_be_late(&intent, self.now()));
        match found {
            Ok(LookupResult::Ours(image)) => self.accept(index, image.id),
            // Somebody has the name and no listing shows who: what an earlier call made, and listings show late.
            Ok(LookupResult::Nothing) if is_taken => {
                let is_known = self.intent(index).is_some_and(|intent| intent.name_taken);
                if !is_known {
                    self.note(Event::NameTaken { step: self.step(index).id.clone(), at: self.now() });
                }
                match is_late {
                    true => self.look_up_later(index, because.clone()),
                    false => self.leave_unknown(index, because),
                }
            }
            // Not listed yet, or never made: sent again only while searches find nothing.
            Ok(LookupResult::Nothing) if self.may_be_sent_again(index) => {
                self.try_again(index, because);
            }
            // It may exist nonetheless: the next run searches again.
            Ok(LookupResult::Nothing) => self.leave_unknown(index, because),
            Ok(LookupResult::Unproven(_)) if is_late => self.look_up_later(index, because.clone()),
            Ok(LookupResult::Unproven(ids) | LookupResult::Others(ids)) => {
                let ids: Vec<&str> = ids.iter().map(ImageId::as_str).collect();
                let why = format!("{}: {} has the name", name_taken(because), ids.join(", "));
                self.fail(index, Failure::from(because).with_why(why), None);
            }
            Err(error) => {
                let why = format!("{because}; the search for its image failed too: {error}");
                self.leave_unknown(index, Failure::from(&error).with_why(why));
            }
        }
    }

    /// A doubtful call is sent again, under the same name: journalled now, sent at the next turn.
    pub(super) fn journal_resend(&mut self, index: StepIndex) {
        let step = self.step(index).id.clone();
        let now = self.now();
        self.note(Event::Resent { step, at: now });
        self.retries.push(Retry { due: now, step: index, next: Continuation::Call });
    }

    /// The service refused the tags of a make, so nothing was made: it is made without them under an interim name, which
    /// is the evidence then, and is named and tagged when it is NORMAL.
    fn make_untagged(&mut self, index: StepIndex, error: &CloudError) {
        let Some(intent) = self.intent(index) else { return };
        let step = self.step(index).id.clone();
        let (at, why) = (self.now(), error.to_string());
        self.note(Event::Failed { step: step.clone(), at, why, state: None });
        let operation = intent.operation.untagged();
        let operation = self.snapshot.recorded.as_sent(operation, &self.snapshot.lineage.0);
        self.note(Event::Started { step, at, operation });
        self.retries.push(Retry { due: at, step: index, next: Continuation::Call });
    }

    /// Returns whether a step claims an adopted image: other steps change the image only after that.
    fn is_claim(&self, index: StepIndex) -> bool {
        let step = self.step(index);
        let sets_owner = step.verb() == Verb::Tag && step.operation.ownership().is_some();
        sets_owner && self.snapshot.recorded.is_taken_over(step.at())
    }

    /// Reads a claim back: another state may have claimed the image at the same time.
    fn read_claim(&mut self, index: StepIndex) {
        let at = self.step(index).at().clone();
        let Some(id) = self.snapshot.recorded.placement(&at).map(|placement| placement.id.clone()) else {
            return;
        };
        let cloud = Arc::clone(&self.executor.cloud);
        self.tasks.spawn(self.task_name(index), async move {
            let tags = cloud.tags(&at.region, std::slice::from_ref(&id)).await;
            TaskResult::ReadClaim {
                step: index,
                tags: tags.map(|mut tags| tags.remove(&id).unwrap_or_default()),
            }
        });
    }

    pub(super) fn claim_read(&mut self, index: StepIndex, tags: Result<Tags, CloudError>) {
        let key = self.step(index).operation.ownership().cloned();
        match (tags, key) {
            (Err(error), _) => {
                let why = format!("the claim could not be read back: {error}");
                self.fail(index, Failure::from(&error).with_why(why), None);
            }
            (Ok(tags), Some(key)) => {
                match tags.get(&key).filter(|value| **value != self.snapshot.lineage.0) {
                    Some(other) => {
                        let why = format!(
                            "the tag `{key}` names another state, {other}, which claims the image too"
                        );
                        self.fail(index, why, None);
                    }
                    None => self.settle(index, None),
                }
            }
            (Ok(_), None) => self.settle(index, None),
        }
    }
}

/// The refusal of a name that somebody else has, with what to do about it.
fn name_taken(error: &CloudError) -> String {
    format!("{error}. Another image has this name (GF202): rename that one, or give the entry another `name`")
}

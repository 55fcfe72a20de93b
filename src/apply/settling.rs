//! Settling: what is polled for, and what becomes of it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::polling::Awaited;
use super::run_state::{Continuation, Retry, RunState, TaskResult};
use crate::cloud::CloudError;
use crate::diff::drift::PENDING_FOR;
use crate::model::{Attributes, ImageId, Operation, Region, Verb};
use crate::plan::{Failure, Step, StepIndex};
use crate::state::{Event, ObservedImage, SettledImage, StepId};

impl RunState<'_, '_> {
    /// A listing came back: what is NORMAL has settled, what failed has failed, the rest is waited for.
    pub(super) fn polled(&mut self, region: &Region, result: Result<Vec<ObservedImage>, CloudError>) {
        let now = self.now();
        let timeout = self.executor.options.settle_timeout;
        let images: BTreeMap<ImageId, ObservedImage> = match result {
            Ok(images) => {
                self.polling.listing_worked(region);
                images.into_iter().map(|image| (image.id.clone(), image)).collect()
            }
            // The next tick asks again, until the time is up.
            Err(error) if error.kind.is_passing() => {
                self.mention_failing_listing(region, &error);
                BTreeMap::new()
            }
            Err(error) => return self.end_wait(region, &error),
        };
        let last_error = self.polling.last_error(region).cloned();
        let is_over = |awaited: &Awaited| {
            let waited = now.duration_since(awaited.since).unsigned_abs();
            let is_settled = images
                .get(&awaited.id)
                .is_some_and(|image| image.state.is_ready() || image.state.is_failed());
            is_settled || waited >= timeout
        };
        for awaited in self.polling.answered(region, now, is_over) {
            match images.get(&awaited.id) {
                Some(image) if image.state.is_ready() || image.state.is_failed() => {
                    self.image_ended(awaited.step, image);
                }
                seen => {
                    let state = seen.map_or("not listed", |image| image.state.as_str());
                    let long = now.duration_since(awaited.since) >= PENDING_FOR && seen.is_none();
                    let hint = if long { " (it was accepted, and never listed)" } else { "" };
                    let waited = in_words(timeout);
                    let failure = match &last_error {
                        Some(error) => Failure::from(error).with_why(format!(
                            "the state of {} is not known after {waited}; the last listing failed: {error}",
                            awaited.id
                        )),
                        None => format!("{} is still {state} after {waited}{hint}", awaited.id).into(),
                    };
                    self.leave_pending(awaited.step, failure);
                }
            }
        }
    }

    /// The service has ended its work on an image.
    pub(super) fn image_ended(&mut self, index: StepIndex, image: &ObservedImage) {
        let ended = SettledImage { state: image.state, build: image.build.clone() };
        let is_wait = self.is_wait(index);
        let why = format!("the service reports {} for {}", image.state.as_str(), image.id);
        match (image.state.is_ready(), is_wait) {
            (true, false) if self.untagged.contains(&index) => {
                if let Some(due) = self.keeps_made_name_until(index) {
                    let next = Continuation::Ready(Box::new(image.clone()));
                    return self.retries.push(Retry { due, step: index, next });
                }
                let step = self.step(index);
                // The step settles with the name that it was made under, and without tags; what sets them is journalled
                // as steps of their own, which no plan holds.
                let operation = step.operation.clone().owned_by(&self.snapshot.lineage.0);
                let [name, tag] = late_steps(step);
                let at = self.now();
                if let Operation::Create { at: placement, attributes, tags, ownership, .. } = operation {
                    let set = Attributes { name: attributes.name, ..Attributes::default() };
                    let naming = Operation::Update { at: placement.clone(), set };
                    let tagging = Operation::Tag { at: placement, set: tags, unset: Vec::new(), ownership };
                    self.note(Event::Started { step: name, at, operation: naming });
                    self.note(Event::Started { step: tag, at, operation: tagging });
                }
                self.retries.push(Retry {
                    due: at,
                    step: index,
                    next: Continuation::NameAndTag(image.id.clone(), ended),
                });
            }
            (true, false) => self.settle(index, Some(ended)),
            (false, false) => self.fail(index, why, Some(image.state)),
            (is_ready, true) => {
                let placement = self.step(index).at().clone();
                self.note(Event::Ended { placement, at: self.now(), image: ended });
                if is_ready {
                    self.finish(index);
                } else {
                    self.record_failure(index, why.into(), None);
                    let skipped = self.scheduler.ended(index);
                    self.report_skipped(index, &skipped);
                }
            }
        }
    }

    /// Mentions that a region cannot be listed, once that has lasted.
    fn mention_failing_listing(&mut self, region: &Region, error: &CloudError) {
        let Some(time) = self.polling.listing_failed(region, self.now(), error) else { return };
        let why = format!("the state of its image has not been readable for {}: {error}", in_words(time));
        for step in self.polling.waiting_in(region) {
            self.executor.progress.waiting(&self.plan.graph[step], &why);
        }
    }

    /// Ends every wait in a region whose listing was refused: asking again would be refused again.
    fn end_wait(&mut self, region: &Region, error: &CloudError) {
        let now = self.now();
        for awaited in self.polling.answered(region, now, |_| true) {
            let why = format!("the state of {} cannot be read: {error}", awaited.id);
            let failure = Failure::from(error).with_why(why);
            // The service accepted it: the next run waits again.
            self.leave_pending(awaited.step, failure);
        }
    }

    pub(super) fn is_wait(&self, index: StepIndex) -> bool {
        self.step(index).verb() == Verb::Wait
    }

    /// Waits for an image that an earlier run began. It may have settled since the plan was made.
    pub(super) fn wait_for_image(&mut self, index: StepIndex) {
        let step = &self.plan.graph[index];
        let Some(placement) = self.snapshot.recorded.placement(step.at()) else {
            let why = format!("{} is not recorded: it is gone", step.at());
            return self.fail(index, why, None);
        };
        if placement.is_normal() {
            return self.finish(index);
        }
        let (id, now) = (placement.id.clone(), self.now());
        self.executor.progress.started(step);
        self.polling.await_image(&step.at().region, Awaited { id, step: index, since: now }, now);
    }

    /// Names and tags an image that had to be made without its tags.
    pub(super) fn name_and_tag(&mut self, index: StepIndex, id: ImageId, image: SettledImage) {
        let step = self.step(index);
        let operation = step.operation.clone().owned_by(&self.snapshot.lineage.0);
        let Operation::Create { at, tags, attributes, .. } = operation else {
            return self.settle(index, Some(image));
        };
        let (cloud, owner) = (Arc::clone(&self.executor.cloud), self.plan.account);
        let set = Attributes { name: attributes.name, ..Attributes::default() };
        self.tasks.spawn(self.task_name(index), async move {
            let (named, result) = match cloud.modify_image(&at.region, &id, &set).await {
                Ok(()) => (true, cloud.tag_image(owner, &at.region, &id, &tags, &[]).await),
                Err(error) => (false, Err(error)),
            };
            TaskResult::NamedAndTagged { step: index, image, named, result }
        });
    }

    pub(super) fn named_and_tagged(
        &mut self,
        index: StepIndex,
        image: SettledImage,
        named: bool,
        result: Result<(), CloudError>,
    ) {
        let step = self.step(index);
        let (placement, [name, tag]) = (step.at().clone(), late_steps(step));
        let error = result.err();
        if let Some(error) = &error {
            let what = if named { "tagged" } else { "named" };
            self.warnings
                .push(format!("{placement} could not be {what}: {error}; the next apply tries again"));
        }
        self.settle(index, Some(image));
        let at = self.now();
        let why = error.as_ref().map(ToString::to_string).unwrap_or_default();
        for (step, is_done) in [(name, named), (tag, error.is_none())] {
            self.note(match is_done {
                true => Event::Settled { step, at, image: None },
                false => Event::Failed { step, at, why: why.clone(), state: None },
            });
        }
    }
}

/// The ids of the steps that name and tag an image which was made without its tags.
fn late_steps(make: &Step) -> [StepId; 2] {
    ["update", "tag"]
        .map(|verb| StepId(compact_str::format_compact!("{verb} {} (made without tags)", make.at())))
}

fn in_words(time: Duration) -> String {
    let minutes = time.as_secs() / 60;
    if minutes > 0 { format!("{minutes} min") } else { format!("{} s", time.as_secs()) }
}

//! Settling: what is polled for, and what becomes of it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::calls::is_free;
use super::executor::{Report, Retry, Run};
use super::polling::Awaited;
use crate::cloud::CloudError;
use crate::diff::drift::PENDING_FOR;
use crate::model::{ImageId, Operation, Region};
use crate::plan::{StepIndex, StepOutcome};
use crate::state::{Event, ObservedImage, SettledImage};

impl Run<'_, '_> {
    /// A listing came back: what is NORMAL has settled, what failed has failed, the rest is waited for.
    pub(super) fn polled(&mut self, region: &Region, result: Result<Vec<ObservedImage>, CloudError>) {
        let now = self.now();
        let timeout = self.executor.pace.settle_timeout;
        let images: BTreeMap<ImageId, ObservedImage> = match result {
            Ok(images) => images.into_iter().map(|image| (image.id.clone(), image)).collect(),
            // A read that failed says nothing: the next tick asks again, until the time is up.
            Err(_) => BTreeMap::new(),
        };
        let is_over = |awaited: &Awaited| {
            let waited = now.duration_since(awaited.since).unsigned_abs();
            let is_settled = images
                .get(&awaited.id)
                .is_some_and(|image| image.state.is_ready() || image.state.is_failed());
            is_settled || waited >= timeout
        };
        for awaited in self.polling.answered(region, now, is_over) {
            match (images.get(&awaited.id), self.gated.remove(&awaited.step)) {
                (Some(image), Some(at)) if image.state.is_ready() => {
                    if let Some(placement) = self.snapshot.recorded.placement_mut(&at) {
                        placement.state = image.state;
                        placement.build = Some(image.build.clone());
                        placement.seen = true;
                    }
                    self.ungate(awaited.step);
                }
                (Some(image), None) if image.state.is_ready() => {
                    let settled = SettledImage { state: image.state, build: image.build.clone() };
                    if self.untagged.contains(&awaited.step) {
                        self.tag_late(awaited.step, image.id.clone(), settled);
                    } else {
                        self.settle(awaited.step, Some(settled));
                    }
                }
                (Some(image), _) if image.state.is_failed() => {
                    let why = format!("the service reports {} for {}", image.state.as_str(), image.id);
                    self.fail(awaited.step, &why, Some(image.state));
                }
                (seen, gate) => {
                    let state = seen.map_or("not listed", |image| image.state.as_str());
                    let long = now.duration_since(awaited.since) >= PENDING_FOR && seen.is_none();
                    let hint = if long { " (it was accepted, and never listed)" } else { "" };
                    let why = format!("{} is still {state} after {}{hint}", awaited.id, in_words(timeout));
                    match gate {
                        Some(_) => self.fail(awaited.step, &why, None),
                        None => self.leave(awaited.step, StepOutcome::Pending, &why),
                    }
                }
            }
        }
    }

    /// Tags an image that had to be made without its tags.
    pub(super) fn tag_late(&mut self, index: StepIndex, id: ImageId, image: SettledImage) {
        let Some(step) = self.plan.graph.step(index) else { return };
        let Operation::Create { at, tags, .. } = step.operation.clone().owned_by(&self.snapshot.lineage.0)
        else {
            return self.settle(index, Some(image));
        };
        let (cloud, owner) = (Arc::clone(&self.executor.cloud), self.plan.account);
        self.tasks.spawn(async move {
            let result = cloud.tag_image(owner, &at.region, &id, &tags, &[]).await;
            Report::Tagged { step: index, image, result }
        });
    }

    /// The image that a step waited for is NORMAL: it may call now. It counts as running already.
    pub(super) fn ungate(&mut self, index: StepIndex) {
        let Some(step) = self.plan.graph.step(index) else { return };
        let operation = step.operation.clone().owned_by(&self.snapshot.lineage.0);
        let name_was_free = operation.makes_image() && is_free(&operation, &self.held_names());
        self.note(Event::Started { step: step.id.clone(), at: self.now(), operation, name_was_free });
        self.executor.progress.started(step);
        // Sent at the next turn, once Started is stored.
        self.retries.push(Retry { due: self.now(), step: index, look: None });
    }
}

fn in_words(time: Duration) -> String {
    let minutes = time.as_secs() / 60;
    if minutes > 0 { format!("{minutes} min") } else { format!("{} s", time.as_secs()) }
}

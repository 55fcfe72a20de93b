//! The journal: what a run did since the last snapshot, one event a line, stored before the next thing happens.
//!
//! ```text
//!          ┌─ Resent, NameTaken ◀─┐
//!  Started ──call──▶ Accepted{id} ──poll──▶ Settled{facts}       create, copy
//!  Started ──call──▶ Settled                                     all others: they are done when accepted
//!  Started ──call──▶ Failed
//!  Started ──call──▶ NotFound                                    no answer and no image: planned again
//!                                           Ended{facts}         an image that an earlier run began
//! ```
//!
//! [`fold`] is one total function over (stage of the step, event): the executor and recovery both write through it, so
//! a replay after a crash cannot differ from what the run believed, and a pair that is not listed is an
//! [`IllegalEvent`]. An intent (a Started without an outcome) is what recovery works on.

use jiff::Timestamp;
use thiserror::Error;

use super::event::{Edit, Event, Intent, Intents, NotFound, SettledImage, StepId};
use super::placement::Placement;
use super::recorded::Recorded;
use crate::model::{ImageId, ImageKey, ImageState, Operation, PlacementKey, Source, SourceKind};

/// An event that cannot follow what went before: the journal does not belong to the snapshot, or is damaged.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("the journal says that step `{step}` {what}, which cannot follow what it said before")]
pub struct IllegalEvent {
    /// The step.
    pub step: String,
    /// What the event says.
    pub what: &'static str,
}

/// How far a step is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// Not started, or ended.
    Idle,
    /// Its call was sent, or is about to be; whether it was executed is unknown.
    Sent,
    /// The service accepted the call and makes the image.
    Accepted,
}

impl Stage {
    fn of(intents: &Intents, step: &StepId) -> Self {
        match intents.get(step) {
            None => Self::Idle,
            Some(Intent { accepted: None, .. }) => Self::Sent,
            Some(Intent { accepted: Some(_), .. }) => Self::Accepted,
        }
    }
}

/// Folds one event over the record.
///
/// # Errors
/// When the event cannot follow: an outcome of a step that was not started, a step started twice, a placement
/// that is not recorded, an id that is recorded for another placement.
pub fn fold(recorded: &mut Recorded, intents: &mut Intents, event: &Event) -> Result<(), IllegalEvent> {
    let illegal = |step: &StepId, what| IllegalEvent { step: step.to_string(), what };
    match event {
        Event::Edited { at, change } => {
            match change {
                Edit::Resolve { at: placement, id } => {
                    resolve(recorded, intents, placement, id.as_ref(), *at)
                }
                Edit::Rename { from, to } => {
                    rename_intents(intents, from, to);
                    recorded.apply(change);
                }
                change => recorded.apply(change),
            }
            Ok(())
        }
        Event::Started { step, at, operation } => match Stage::of(intents, step) {
            Stage::Idle => {
                let mut intent = Intent::new(*at, operation.clone());
                intent.first_sent = recorded.same_make(&intent).map(|earlier| earlier.intent.first_sent());
                recorded.begin_making(&intent);
                intents.insert(step.clone(), intent);
                Ok(())
            }
            Stage::Sent | Stage::Accepted => Err(illegal(step, "started twice")),
        },
        Event::Resent { step, at } => match intents.get_mut(step).filter(|intent| intent.is_in_doubt()) {
            Some(intent) => {
                intent.resent = Some(*at);
                Ok(())
            }
            None => Err(illegal(step, "was sent again")),
        },
        Event::NameTaken { step, at: _ } => match intents.get_mut(step).filter(|intent| intent.is_in_doubt())
        {
            Some(intent) => {
                intent.name_taken = true;
                Ok(())
            }
            None => Err(illegal(step, "found its name taken")),
        },
        Event::NotFound { step, at: _ } => {
            let intent = intents.remove(step).filter(Intent::is_in_doubt);
            let intent = intent.ok_or_else(|| illegal(step, "was not found"))?;
            let at = intent.operation.at().clone();
            let source = recorded.making.remove(&at).and_then(|making| making.source);
            recorded.not_found.insert(at, NotFound { intent, source });
            Ok(())
        }
        Event::Accepted { step, at, id } => {
            let intent = intents.get_mut(step).ok_or_else(|| illegal(step, "was accepted"))?;
            if !intent.is_in_doubt() {
                return Err(illegal(step, "was accepted twice"));
            }
            let placement = intent.operation.at();
            let recorded_as = recorded.placement_with_id(&placement.region, id);
            if recorded_as.is_some_and(|other| other != *placement) {
                return Err(illegal(step, "made an image that is recorded for something else"));
            }
            intent.accepted = Some(id.clone());
            recorded.record_made(intent, id, *at).ok_or_else(|| illegal(step, "was accepted"))
        }
        Event::Settled { step, at: _, image } => {
            let stage = Stage::of(intents, step);
            let is_in_doubt = intents.get(step).is_some_and(Intent::is_in_doubt);
            let intent = intents.remove(step).filter(|_| stage != Stage::Idle && !is_in_doubt);
            let intent = intent.ok_or_else(|| illegal(step, "has settled"))?;
            settle(recorded, &intent.operation, image.as_ref()).ok_or_else(|| illegal(step, "has settled"))
        }
        Event::Failed { step, at: _, why: _, state } => {
            let intent = intents.remove(step).ok_or_else(|| illegal(step, "failed"))?;
            let at = intent.operation.at();
            if intent.is_in_doubt() {
                recorded.making.remove(at);
            }
            if let (Some(state), Some(placement)) = (state, recorded.placement_mut(at)) {
                placement.state = *state;
                placement.seen = true;
            }
            Ok(())
        }
        Event::Ended { placement, at: _, image } => {
            let ended = recorded
                .placement_mut(placement)
                .ok_or_else(|| IllegalEvent { step: format!("wait {placement}"), what: "has ended" })?;
            ended.end(image.state, &image.build);
            Ok(())
        }
    }
}

/// Renames an entry in the steps that have no outcome yet.
fn rename_intents(intents: &mut Intents, from: &ImageKey, to: &ImageKey) {
    let renamed = std::mem::take(intents).into_iter().map(|(step, mut intent)| {
        if intent.operation.at().image != *from {
            return (step, intent);
        }
        let old = intent.operation.at().to_string();
        intent.operation.at_mut().image.clone_from(to);
        let new = intent.operation.at().to_string();
        (StepId(step.0.replacen(&old, &new, 1).into()), intent)
    });
    *intents = renamed.collect();
}

/// Closes the intent of a make whose outcome a person has found out.
fn resolve(
    recorded: &mut Recorded,
    intents: &mut Intents,
    at: &PlacementKey,
    id: Option<&ImageId>,
    when: Timestamp,
) {
    let of_placement = |(_, intent): &(&StepId, &Intent)| intent.is_in_doubt() && intent.operation.at() == at;
    let Some(step) = intents.iter().find(of_placement).map(|(step, _)| step.clone()) else { return };
    let Some(intent) = intents.remove(&step) else { return };
    match id {
        Some(id) => {
            recorded.record_made(&intent, id, when);
        }
        None => {
            recorded.making.remove(at);
            recorded.not_found.remove(at);
            recorded.retire_interim_name(at);
        }
    }
}

impl Recorded {
    /// Records the image that a make made. `None` if it is of a generation of which nothing is known.
    pub(super) fn record_made(
        &mut self,
        intent: &Intent,
        id: &ImageId,
        accepted_at: Timestamp,
    ) -> Option<()> {
        let at = intent.operation.at();
        let mut source = self.making.remove(at).and_then(|making| making.source);
        if self.same_make(intent).is_some() {
            source = source.or(self.not_found.remove(at).and_then(|earlier| earlier.source));
        }
        place(self, intent, id, accepted_at, source)
    }

    /// Returns the earlier make of the same image, of which none was found. A name is unique in its region, so what was
    /// sent twice under one name made one image.
    fn same_make(&self, intent: &Intent) -> Option<&NotFound> {
        let earlier = self.not_found.get(intent.operation.at())?;
        (earlier.intent.operation.made_name() == intent.operation.made_name()).then_some(earlier)
    }
}

/// Records the placement that an accepted create or copy makes. The generation of a copy may be gone by now: it was made
/// from `source`.
fn place(
    recorded: &mut Recorded,
    intent: &Intent,
    id: &ImageId,
    accepted_at: Timestamp,
    source: Option<Source>,
) -> Option<()> {
    let interim = intent.operation.is_made_under_interim_name();
    match &intent.operation {
        Operation::Create { at, attributes, tags, source, ownership: _, of } => {
            let state = match source.kind {
                SourceKind::Import { .. } => ImageState::Importing,
                SourceKind::Shared { .. } | SourceKind::Encrypted { .. } => ImageState::Syncing,
                _ => ImageState::Creating,
            };
            let name = attributes.name.clone()?;
            let mut placement = Placement::accepted(id.clone(), name, state, accepted_at);
            placement.description = attributes.description.clone().unwrap_or_default();
            placement.family = attributes.family.clone().unwrap_or_default();
            placement.tags.clone_from(tags);
            placement.interim = interim;
            placement.resent = intent.resent;
            recorded.put(at, source, placement);
            let build = recorded.images.get_mut(&at.image)?.generations.get_mut(&at.generation)?;
            build.of = *of;
        }
        Operation::Copy { at, from, name } => {
            let mut placement =
                Placement::accepted(id.clone(), name.clone(), ImageState::Syncing, accepted_at);
            placement.interim = interim;
            placement.resent = intent.resent;
            placement.copied_from = Some(from.clone());
            let build =
                recorded.images.get(&at.image).and_then(|image| image.generations.get(&at.generation));
            let source = build.map(|build| build.source.clone()).or(source)?;
            recorded.put(at, &source, placement);
        }
        _ => return None,
    }
    Some(())
}

/// Records what a step did once it is done.
fn settle(recorded: &mut Recorded, operation: &Operation, image: Option<&SettledImage>) -> Option<()> {
    match operation {
        Operation::Create { at, .. } | Operation::Copy { at, .. } => {
            let placement = recorded.placement_mut(at)?;
            if let Some(SettledImage { state, build }) = image {
                placement.end(*state, build);
            }
        }
        Operation::Update { at, set } => {
            let placement = recorded.placement_mut(at)?;
            if let Some(name) = &set.name {
                placement.name.clone_from(name);
                placement.interim = false;
                placement.resent = None;
            }
            if let Some(description) = &set.description {
                placement.description.clone_from(description);
            }
            if let Some(family) = &set.family {
                placement.family.clone_from(family);
            }
            if let Some(deprecated) = set.deprecated {
                placement.deprecated = deprecated;
            }
        }
        Operation::Tag { at, set, unset, ownership: _ } => {
            let placement = recorded.placement_mut(at)?;
            placement.tags.retain(|key, _| !unset.contains(key));
            placement.tags.extend(set.iter().map(|(key, value)| (key.clone(), value.clone())));
        }
        Operation::Share { at, accounts, unmanaged } => {
            let placement = recorded.placement_mut(at)?;
            let own = accounts.without(unmanaged);
            placement.shares = placement.shares.joined(&own);
            placement.unmanaged = placement.unmanaged.without(&own).joined(unmanaged);
        }
        Operation::Unshare { at, accounts } => {
            let placement = recorded.placement_mut(at)?;
            placement.shares = placement.shares.without(accounts);
            placement.unmanaged = placement.unmanaged.without(accounts);
        }
        Operation::Delete { at, snapshots: _ } => {
            recorded.remove(at);
        }
        Operation::Wait { .. } => {}
    }
    Some(())
}

#[cfg(test)]
mod tests;

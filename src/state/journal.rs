//! The journal: what a run did since the last snapshot, one event a line, stored before the next thing happens.
//!
//! ```text
//!          ┌─ Resent, NameTaken ◀─┐
//!  Started ──call──▶ Accepted{id} ──poll──▶ Settled{facts}       create, copy
//!  Started ──call──▶ Settled                                     all others: they are done when accepted
//!  Started ──call──▶ Failed
//!                                           Ended{facts}         an image that an earlier run began
//! ```
//!
//! [`fold`] is one total function over (stage of the step, event): the executor and recovery both write through it, so
//! a replay after a crash cannot differ from what the run believed, and a pair that is not listed is an
//! [`IllegalEvent`]. An intent (a Started without an outcome) is what recovery works on.

use std::collections::BTreeMap;

use compact_str::CompactString;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::recorded::{Making, Placement, Recorded};
use crate::model::image::Build;
use crate::model::{
    Accounts, GenerationNumber, ImageId, ImageKey, ImageState, Operation, PlacementKey, Region, Source,
    SourceKind,
};

/// The id of a step: its verb and address, unique in a plan.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct StepId(pub CompactString);

impl std::fmt::Display for StepId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// A change of the record alone: no call goes with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "edit")]
pub enum Edit {
    /// What the manifest says of an entry that only goldform keeps.
    Settings {
        /// The entry.
        image: ImageKey,
        /// The region copies are made from.
        origin: Region,
        /// Whether it is protected.
        protect: bool,
        /// Whether snapshots go with the image.
        delete_snapshots: bool,
    },
    /// Stop managing a placement; the image stays as it is.
    Forget {
        /// The placement.
        at: PlacementKey,
        /// Its id, and its name where the image still exists: it then counts as unmanaged.
        unmanaged: Option<(ImageId, CompactString)>,
    },
    /// Accounts that an image was shared with by others are named in the manifest now: goldform's own from here.
    Claim {
        /// The placement.
        at: PlacementKey,
        /// The accounts.
        accounts: Accounts,
    },
    /// Take over an image that goldform did not make, as it is.
    Adopt {
        /// The placement that it becomes.
        at: PlacementKey,
        /// What the manifest says that it is made from.
        source: Source,
        /// The image as it was last seen.
        image: Box<Placement>,
    },
    /// An OverQuota has taught that an image cannot be shared with more accounts than this.
    LearnShareLimit {
        /// The most that it can be.
        value: u32,
        /// When it was refused.
        at: Timestamp,
    },
    /// A LimitExceeded has taught that a share call cannot name more accounts than this.
    LearnAccountsPerCall {
        /// The most that it can.
        value: u32,
    },
    /// The accounts that an image is shared with were read back, after a call that may have changed some of them.
    SeeShares {
        /// The placement.
        at: PlacementKey,
        /// Everyone that it is shared with.
        everyone: Accounts,
        /// Those that goldform asked for: its own, as far as they are among them.
        own: Accounts,
    },
    /// A SharedImageModifyUnsupported has taught that an image cannot be changed while it is shared.
    LearnSharedEditsRefused,
    /// A placement became ready: consumers should use it from now on.
    Serve {
        /// The placement.
        at: PlacementKey,
        /// Since when.
        since: Timestamp,
    },
    /// A person said what became of a make without a definite answer: it made nothing of ours, or this image.
    Resolve {
        /// The placement that was to be made.
        at: PlacementKey,
        /// The image that it made; `None`: none.
        id: Option<ImageId>,
    },
    /// A generation that was recorded before answers the manifest again.
    Return {
        /// The entry.
        image: ImageKey,
        /// The generation.
        generation: GenerationNumber,
    },
    /// An entry was renamed.
    Rename {
        /// The old key.
        from: ImageKey,
        /// The new key.
        to: ImageKey,
    },
}

/// Facts about an image once it has settled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SettledImage {
    /// Its state: NORMAL, or a failed one.
    pub state: ImageState,
    /// Facts that never change.
    pub build: Build,
}

/// One thing that happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "event")]
pub enum Event {
    /// The record was changed without a call.
    Edited {
        /// When.
        at: Timestamp,
        /// How.
        change: Edit,
    },
    /// A step is about to call the service.
    Started {
        /// The step.
        step: StepId,
        /// When.
        at: Timestamp,
        /// What it calls for; a make under an interim name has that name.
        operation: Operation,
    },
    /// The call of a make is sent again, under the same name, since its outcome is unknown.
    Resent {
        /// The step.
        step: StepId,
        /// When.
        at: Timestamp,
    },
    /// The call of a make was answered: its name is taken, while an earlier call of the step may have made the image.
    NameTaken {
        /// The step.
        step: StepId,
        /// When.
        at: Timestamp,
    },
    /// The service accepted it and works on it.
    Accepted {
        /// The step.
        step: StepId,
        /// When.
        at: Timestamp,
        /// The id of the image that it makes.
        id: ImageId,
    },
    /// It is done.
    Settled {
        /// The step.
        step: StepId,
        /// When.
        at: Timestamp,
        /// Facts about the image that it made.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        image: Option<SettledImage>,
    },
    /// It did not happen, or what it made failed.
    Failed {
        /// The step.
        step: StepId,
        /// When.
        at: Timestamp,
        /// Why, for people.
        why: String,
        /// The failed state of the image that it made.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        state: Option<ImageState>,
    },
    /// An image that an earlier run began is NORMAL, or has failed: the end of a wait, which has no call.
    Ended {
        /// The placement.
        placement: PlacementKey,
        /// When.
        at: Timestamp,
        /// Facts about the image.
        image: SettledImage,
    },
}

/// A step that was started and has no outcome yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Intent {
    /// When it was started.
    pub at: Timestamp,
    /// When its call was last sent again; `None`: it was not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resent: Option<Timestamp>,
    /// Whether a later call was answered that its name is taken: an image of it exists, though no listing shows it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub name_taken: bool,
    /// What it called for.
    pub operation: Operation,
    /// The id of the image, once the service has accepted the call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accepted: Option<ImageId>,
}

impl Intent {
    /// An intent whose call is about to be sent.
    pub fn new(at: Timestamp, operation: Operation) -> Self {
        Self { at, resent: None, name_taken: false, operation, accepted: None }
    }

    /// When its call was last sent.
    pub fn last_sent(&self) -> Timestamp {
        self.resent.unwrap_or(self.at)
    }

    /// Whether it makes an image and has no definite answer: the image may exist.
    pub fn is_in_doubt(&self) -> bool {
        self.operation.makes_image() && self.accepted.is_none()
    }

    /// What is recorded of an image whose making has no definite answer.
    pub fn making(&self) -> Option<(PlacementKey, Making)> {
        if !self.is_in_doubt() {
            return None;
        }
        let name = self.operation.made_name()?.clone();
        let (source, copied_from, of) = match &self.operation {
            Operation::Create { source, of, .. } => (Some(source.clone()), None, *of),
            Operation::Copy { from, .. } => (None, Some(from.clone()), None),
            _ => (None, None, None),
        };
        Some((self.operation.at().clone(), Making { name, source, copied_from, of }))
    }
}

/// Steps that were started and have no outcome yet.
pub type Intents = BTreeMap<StepId, Intent>;

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
                let intent = Intent::new(*at, operation.clone());
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
            let making = recorded.making.remove(placement);
            place(recorded, &intent.operation, id, *at, making).ok_or_else(|| illegal(step, "was accepted"))
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
    let making = recorded.making.remove(at);
    match id {
        Some(id) => {
            place(recorded, &intent.operation, id, when, making);
        }
        None => recorded.retire_interim_name(at),
    }
}

/// Records the placement that an accepted create or copy makes. The generation of a copy may be gone by now: what is known
/// of it is in `making`.
fn place(
    recorded: &mut Recorded,
    operation: &Operation,
    id: &ImageId,
    accepted_at: Timestamp,
    making: Option<Making>,
) -> Option<()> {
    let interim = operation.is_made_under_interim_name();
    match operation {
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
            recorded.put(at, source, placement);
            let build = recorded.images.get_mut(&at.image)?.generations.get_mut(&at.generation)?;
            build.of = *of;
        }
        Operation::Copy { at, from, name } => {
            let mut placement =
                Placement::accepted(id.clone(), name.clone(), ImageState::Syncing, accepted_at);
            placement.interim = interim;
            placement.copied_from = Some(from.clone());
            let build =
                recorded.images.get(&at.image).and_then(|image| image.generations.get(&at.generation));
            let source =
                build.map(|build| build.source.clone()).or(making.and_then(|making| making.source))?;
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
        Operation::Share { at, accounts, foreign } => {
            let placement = recorded.placement_mut(at)?;
            let own = accounts.without(foreign);
            placement.shares = placement.shares.joined(&own);
            placement.foreign = placement.foreign.without(&own).joined(foreign);
        }
        Operation::Unshare { at, accounts } => {
            let placement = recorded.placement_mut(at)?;
            placement.shares = placement.shares.without(accounts);
            placement.foreign = placement.foreign.without(accounts);
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

//! The journal: what a run did since the last snapshot, one event a line, stored before the next thing happens.
//!
//! ```text
//!  Started ──call──▶ Accepted{id} ──poll──▶ Settled{facts}       create, copy
//!  Started ──call──▶ Settled                                     all others: they are done when accepted
//!  Started ──call──▶ Failed
//! ```
//!
//! Folding the events over the snapshot gives the present record; the run itself uses the same function, so a
//! replay after a crash cannot differ from what the run believed. An intent (a Started without an outcome) is
//! what recovery looks at.

use std::collections::BTreeMap;

use compact_str::CompactString;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::recorded::{Placement, Recorded};
use crate::model::image::Build;
use crate::model::{
    Accounts, ImageId, ImageKey, ImageState, Operation, PlacementKey, Region, Source, SourceKind,
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
        /// What it calls for.
        operation: Operation,
        /// Whether the name that a create or copy uses was seen to be free.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        name_was_free: bool,
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
}

/// A step that was started and has no outcome yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Intent {
    /// When it was started.
    pub at: Timestamp,
    /// What it called for.
    pub operation: Operation,
    /// Whether the name that a create or copy uses was seen to be free.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub name_was_free: bool,
    /// The id of the image, once the service has accepted the call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accepted: Option<ImageId>,
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

/// Folds one event over the record.
///
/// # Errors
/// When the event cannot follow: an outcome of a step that was not started, a step started twice, a placement
/// that is not recorded.
pub fn fold(recorded: &mut Recorded, intents: &mut Intents, event: &Event) -> Result<(), IllegalEvent> {
    let illegal = |step: &StepId, what| IllegalEvent { step: step.to_string(), what };
    match event {
        Event::Edited { at: _, change } => {
            recorded.apply(change);
            Ok(())
        }
        Event::Started { step, at, operation, name_was_free } => {
            if intents.contains_key(step) {
                return Err(illegal(step, "started twice"));
            }
            let intent = Intent {
                at: *at,
                operation: operation.clone(),
                name_was_free: *name_was_free,
                accepted: None,
            };
            intents.insert(step.clone(), intent);
            Ok(())
        }
        Event::Accepted { step, at, id } => {
            let intent = intents.get_mut(step).ok_or_else(|| illegal(step, "was accepted"))?;
            if intent.accepted.is_some() || !intent.operation.makes_image() {
                return Err(illegal(step, "was accepted twice"));
            }
            intent.accepted = Some(id.clone());
            place(recorded, &intent.operation, id, *at).ok_or_else(|| illegal(step, "was accepted"))
        }
        Event::Settled { step, at: _, image } => {
            let intent = intents.remove(step).ok_or_else(|| illegal(step, "has settled"))?;
            settle(recorded, &intent.operation, image.as_ref()).ok_or_else(|| illegal(step, "has settled"))
        }
        Event::Failed { step, at: _, why: _, state } => {
            let intent = intents.remove(step).ok_or_else(|| illegal(step, "failed"))?;
            if let (Some(state), Some(placement)) = (state, recorded.placement_mut(intent.operation.at())) {
                placement.state = *state;
            }
            Ok(())
        }
    }
}

/// Records the placement that an accepted create or copy makes.
fn place(recorded: &mut Recorded, operation: &Operation, id: &ImageId, accepted_at: Timestamp) -> Option<()> {
    match operation {
        Operation::Create { at, attributes, tags, source, ownership: _ } => {
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
            recorded.put(at, source, placement);
        }
        Operation::Copy { at, from: _, name } => {
            let placement = Placement::accepted(id.clone(), name.clone(), ImageState::Syncing, accepted_at);
            let image = recorded.images.get_mut(&at.image)?;
            image.generations.get_mut(&at.generation)?.placements.insert(at.region.clone(), placement);
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
                placement.state = *state;
                placement.build = Some(build.clone());
                placement.seen = true;
            }
        }
        Operation::Update { at, set } => {
            let placement = recorded.placement_mut(at)?;
            if let Some(name) = &set.name {
                placement.name.clone_from(name);
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
    }
    Some(())
}

#[cfg(test)]
mod tests;

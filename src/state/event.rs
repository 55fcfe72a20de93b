//! What a run did: events, edits of the state, and steps without an outcome.

use std::collections::BTreeMap;

use compact_str::CompactString;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::hold::Hold;
use super::placement::{Making, Placement};
use crate::model::image::Build;
use crate::model::{
    Accounts, GenerationNumber, ImageId, ImageKey, ImageState, Operation, PlacementKey, Region, Source,
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

/// Change of the state alone, without a call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "edit")]
pub enum Edit {
    /// Settings of an entry that only goldform knows.
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
    /// Stop managing a placement. The image stays as it is.
    Forget {
        /// The placement.
        at: PlacementKey,
        /// Its id, and its name where the image still exists: it then counts as unmanaged.
        unmanaged: Option<(ImageId, CompactString)>,
    },
    /// The manifest now names accounts of unmanaged shares: the shares become goldform's own.
    Claim {
        /// The placement.
        at: PlacementKey,
        /// The accounts.
        accounts: Accounts,
    },
    /// Start managing an image that goldform did not make, as it is.
    Adopt {
        /// The placement that it becomes.
        at: PlacementKey,
        /// What the manifest says that it is made from.
        source: Source,
        /// The image as it was last seen.
        image: Box<Placement>,
    },
    /// OverQuota showed the limit of accounts per image.
    LearnShareLimit {
        /// Limit of accounts.
        value: u32,
        /// Time of the refusal.
        at: Timestamp,
    },
    /// LimitExceeded showed the limit of accounts per share call.
    LearnAccountsPerCall {
        /// Limit of accounts per call.
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
    /// SharedImageModifyUnsupported showed that an image cannot be changed while it is shared.
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
        /// Placement of the step.
        at: PlacementKey,
        /// The image that it made; `None`: none.
        id: Option<ImageId>,
    },
    /// An earlier generation becomes the current one again.
    Return {
        /// The entry.
        image: ImageKey,
        /// The generation.
        generation: GenerationNumber,
    },
    /// An entry is held at a generation, or no longer.
    Hold {
        /// The entry.
        image: ImageKey,
        /// The hold; `None`: it is released.
        hold: Option<Hold>,
    },
    /// The image of a placement is that of another generation of its entry, without a call.
    Move {
        /// The placement that it is recorded as.
        from: PlacementKey,
        /// The placement that it is from now on.
        to: PlacementKey,
        /// What the other generation was made from, if it is new.
        source: Source,
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

/// Event of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "event")]
pub enum Event {
    /// The state was changed without a call.
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
    /// The call of a make was never answered, and no image of it is found. It is planned again, and later
    /// observations search for it.
    NotFound {
        /// The step.
        step: StepId,
        /// When.
        at: Timestamp,
    },
    /// The service accepted the call. The image is not NORMAL yet.
    Accepted {
        /// The step.
        step: StepId,
        /// When.
        at: Timestamp,
        /// The id of the image that it makes.
        id: ImageId,
    },
    /// The step is done.
    Settled {
        /// The step.
        step: StepId,
        /// When.
        at: Timestamp,
        /// Facts about the image that it made.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        image: Option<SettledImage>,
    },
    /// The step failed, or the image that it made did.
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
    /// Time of its start.
    pub at: Timestamp,
    /// When the same make was first sent, by an earlier step of which no image was found; `None`: there was none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_sent: Option<Timestamp>,
    /// When its call was last sent again; `None`: it was not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resent: Option<Timestamp>,
    /// Whether a later call was answered that its name is taken: an image of it exists, though no listing shows it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub name_taken: bool,
    /// Operation of its call.
    pub operation: Operation,
    /// The id of the image, once the service has accepted the call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accepted: Option<ImageId>,
}

impl Intent {
    /// An intent whose call is about to be sent.
    pub fn new(at: Timestamp, operation: Operation) -> Self {
        Self { at, first_sent: None, resent: None, name_taken: false, operation, accepted: None }
    }

    /// When its call, or that of the same make before it, was first sent.
    pub fn first_sent(&self) -> Timestamp {
        self.first_sent.unwrap_or(self.at)
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

/// A make without an answer of which no image was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NotFound {
    /// The make.
    pub intent: Intent,
    /// What its generation is made from. `None` if this is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<Source>,
}

/// Steps that were started and have no outcome yet.
pub type Intents = BTreeMap<StepId, Intent>;

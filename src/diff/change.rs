//! The vocabulary of differences.

use std::collections::BTreeSet;

use compact_str::CompactString;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

pub use self::placement::{Difference, FieldChange, PlacementChange, PlacementFacts, Work};
use crate::model::{GenerationNumber, ImageKey, ImageState, PlacementKey, RevisionName, Source};
use crate::state::{Edit, Recorded};

mod placement;
mod stored;

/// What is wanted of an entry or a placement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Build it.
    Create,
    /// Copy it to a region.
    Copy,
    /// Adopt an image that goldform did not make.
    Adopt,
    /// Change its attributes, tags or shares.
    Update,
    /// Build a new generation in the place of the current one.
    Replace,
    /// Make an earlier generation the current one again. Nothing is built.
    Return,
    /// Delete it.
    Delete,
    /// It is as desired but not NORMAL yet: wait until it is.
    Wait,
    /// Leave it as it is.
    Unchanged,
}

impl Action {
    /// The action in lower case: `create`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Copy => "copy",
            Self::Adopt => "adopt",
            Self::Update => "update",
            Self::Replace => "replace",
            Self::Return => "return",
            Self::Delete => "delete",
            Self::Wait => "wait",
            Self::Unchanged => "unchanged",
        }
    }

    /// Returns the sign in front of it. Colour is never the only difference.
    pub fn sign(self) -> &'static str {
        match self {
            Self::Create | Self::Copy | Self::Adopt => "+",
            Self::Update | Self::Return => "~",
            Self::Replace => "-/+",
            Self::Delete => "-",
            Self::Wait => "…",
            Self::Unchanged => "=",
        }
    }
}

/// Why a change is wanted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "because")]
pub enum Reason {
    /// The manifest declares it and nothing is recorded.
    Declared,
    /// It is recorded and its current generation is nowhere any more.
    Gone,
    /// The manifest names another source.
    SourceChanged {
        /// What the current generation was made from.
        before: Box<Source>,
        /// What the manifest names.
        after: Box<Source>,
    },
    /// The manifest names another revision of the same source.
    RevisionChanged {
        /// The revision that the current generation was made for.
        before: Option<CompactString>,
        /// The manifest's.
        after: Option<CompactString>,
    },
    /// The region is wanted and the current generation is not there.
    RegionWanted,
    /// The region is not wanted any more.
    RegionUnwanted,
    /// The entry is gone from the manifest.
    EntryRemoved,
    /// Deletes everything.
    Destroy,
    /// A newer generation takes its place.
    Superseded {
        /// The newer generation.
        by: GenerationNumber,
    },
    /// An earlier generation is kept.
    Kept,
    /// A newer generation takes its place, and its region has no slot in which it could be kept.
    Released {
        /// The newer generation.
        by: GenerationNumber,
    },
    /// An encrypted copy follows the image that it is made from, which has another generation.
    OriginalReplaced {
        /// The entry that it is made from.
        image: ImageKey,
        /// The generation that the current one was made from.
        before: GenerationNumber,
        /// The generation that it is made from now.
        after: GenerationNumber,
    },
    /// An earlier run began it, and it is not NORMAL yet.
    Pending {
        /// The state it is in.
        state: ImageState,
    },
    /// It failed, and is made again.
    Failed {
        /// The state it is in.
        state: ImageState,
    },
    /// The manifest names the source of an earlier generation again.
    Returned {
        /// The generation that was current.
        from: GenerationNumber,
    },
    /// The manifest pins the entry to this generation, and its source asks for another one.
    Pinned {
        /// Revision that is pinned.
        revision: RevisionName,
        /// Revision of the source.
        source: Option<CompactString>,
    },
    /// The state holds the entry at this generation, and its source asks for another one.
    Held {
        /// Revision that is held.
        revision: RevisionName,
        /// Revision of the source.
        source: Option<CompactString>,
    },
    /// Attributes, tags or shares differ from the manifest.
    Differs,
    /// The user asked for a new build.
    Asked,
    /// Part of a change of its entry.
    Follows,
}

/// What is wanted of one entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImageChange {
    /// The entry.
    pub image: ImageKey,
    /// What is wanted: create, replace, update, delete, unchanged.
    pub action: Action,
    /// Why.
    pub reason: Reason,
    /// The generation that the manifest asks for. `None` if the entry is deleted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generation: Option<GenerationNumber>,
    /// The generation whose place it takes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub supersedes: Option<GenerationNumber>,
    /// What the generation is made from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<Source>,
    /// Of an encrypted source: the generation of the other entry that it is a copy of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub of: Option<GenerationNumber>,
    /// Whether the old generation is deleted before the new one is made.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub delete_first: bool,
    /// The placements that change.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub placements: Vec<PlacementChange>,
    /// How many placements stay as they are.
    #[serde(default)]
    pub unchanged: usize,
}

impl ImageChange {
    /// Returns whether the region of a placement that is deleted before its successor is ready still has a NORMAL image of
    /// the entry meanwhile.
    pub fn leaves_image(&self, prior: &Recorded, at: &PlacementKey) -> bool {
        let is_deleted_first = |generation| {
            let deleted = self.placements.iter().filter(|change| change.deletes_image());
            let mut first = deleted.filter(|change| self.delete_first || change.is_deleted_first());
            first.any(|change| change.at.generation == generation && change.at.region == at.region)
        };
        let is_made = |generation| {
            let mut made =
                self.placements.iter().filter(|change| change.makes_image() && change.at.region == at.region);
            made.any(|change| change.at.generation == generation)
        };
        let recorded = prior.images.get(&at.image);
        let mut others = recorded.into_iter().flat_map(|image| image.others(at));
        others.any(|(generation, placement)| {
            placement.is_normal() && !is_deleted_first(generation) && !is_made(generation)
        })
    }
}

/// All differences between desired and recorded state.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Diff {
    /// By entry, unchanged ones included.
    pub images: Vec<ImageChange>,
    /// Changes of the record alone.
    pub edits: Vec<Edit>,
    /// Placements of current generations that are as desired and NORMAL: they serve.
    pub ready: Vec<PlacementKey>,
    /// Entries that ask for a build from a lookup for which no image is known.
    pub waiting: BTreeSet<ImageKey>,
    /// Earlier placements that are kept only while their region has a slot for them.
    pub releasable: Vec<Releasable>,
}

/// Earlier placement that is kept only while its region has a slot for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Releasable {
    /// The placement.
    pub at: PlacementKey,
    /// Whether it is released only after all others: `keep` promises it, and delete-first is a consent to lose it.
    pub is_last: bool,
    /// When its successor became ready. `None` if that is still to happen.
    pub superseded_at: Option<Timestamp>,
    /// Whether its snapshots are deleted with it.
    pub delete_snapshots: bool,
}

//! Operations: one mutation of the image service each, complete in its arguments.
//!
//! The executor makes no choices, so everything that a call needs is in here, but for ids of images that
//! are not made yet: a placement is named by its [`PlacementKey`], and its id is what the record says at the
//! moment of the call.

use compact_str::CompactString;
use serde::{Deserialize, Serialize};

use super::{Accounts, Attributes, PlacementKey, Region, Source, Tags};

/// One mutation of the image service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "do")]
pub enum Operation {
    /// Build a generation in its first region: CreateImage, ImportImage, or SyncImages within the region for
    /// shared and encrypted sources.
    Create {
        /// What is made.
        at: PlacementKey,
        /// Its name, description and family.
        attributes: Attributes,
        /// Its tags.
        tags: Tags,
        /// The key of the ownership tag that is put on it beside those; its value is the state's lineage, which
        /// a plan does not know before the state is first written.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        ownership: Option<CompactString>,
        /// What it is made from.
        source: Source,
    },
    /// Copy a generation to another region: SyncImages.
    Copy {
        /// What is made.
        at: PlacementKey,
        /// The region of the placement it is copied from, in the same generation.
        from: Region,
        /// Its name.
        name: CompactString,
    },
    /// Change attributes: ModifyImageAttribute.
    Update {
        /// What is changed.
        at: PlacementKey,
        /// The attributes that are set; the others are left alone.
        set: Attributes,
    },
    /// Set and remove tags: the tag service's ModifyResourceTags.
    Tag {
        /// What is tagged.
        at: PlacementKey,
        /// Tags to set.
        set: Tags,
        /// Keys to remove.
        unset: Vec<CompactString>,
        /// As in [`Operation::Create`].
        #[serde(default, skip_serializing_if = "Option::is_none")]
        ownership: Option<CompactString>,
    },
    /// Share with accounts: ModifyImageSharePermission SHARE.
    Share {
        /// What is shared.
        at: PlacementKey,
        /// With whom.
        accounts: Accounts,
        /// Those of them that keep a share which goldform did not make: recorded as foreign still.
        #[serde(default, skip_serializing_if = "Accounts::is_empty")]
        foreign: Accounts,
    },
    /// Cancel shares: ModifyImageSharePermission CANCEL.
    Unshare {
        /// What is no longer shared.
        at: PlacementKey,
        /// With whom.
        accounts: Accounts,
    },
    /// Delete: DeleteImages.
    Delete {
        /// What is deleted.
        at: PlacementKey,
        /// Delete its snapshots too (DeleteBindedSnap); otherwise they stay and are billed.
        snapshots: bool,
    },
}

/// The verb of an operation, for ids of steps, for reports and for sorting.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verb {
    /// See [`Operation::Create`].
    Create,
    /// See [`Operation::Copy`].
    Copy,
    /// See [`Operation::Update`].
    Update,
    /// See [`Operation::Tag`].
    Tag,
    /// See [`Operation::Share`].
    Share,
    /// See [`Operation::Unshare`].
    Unshare,
    /// See [`Operation::Delete`].
    Delete,
}

impl Verb {
    /// Every verb.
    pub const ALL: &[Self] =
        &[Self::Create, Self::Copy, Self::Update, Self::Tag, Self::Share, Self::Unshare, Self::Delete];

    /// The verb in lower case: `create`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Copy => "copy",
            Self::Update => "update",
            Self::Tag => "tag",
            Self::Share => "share",
            Self::Unshare => "unshare",
            Self::Delete => "delete",
        }
    }
}

impl Operation {
    /// The placement that the operation is about.
    pub fn at(&self) -> &PlacementKey {
        match self {
            Self::Create { at, .. }
            | Self::Copy { at, .. }
            | Self::Update { at, .. }
            | Self::Tag { at, .. }
            | Self::Share { at, .. }
            | Self::Unshare { at, .. }
            | Self::Delete { at, .. } => at,
        }
    }

    /// Its verb.
    pub fn verb(&self) -> Verb {
        match self {
            Self::Create { .. } => Verb::Create,
            Self::Copy { .. } => Verb::Copy,
            Self::Update { .. } => Verb::Update,
            Self::Tag { .. } => Verb::Tag,
            Self::Share { .. } => Verb::Share,
            Self::Unshare { .. } => Verb::Unshare,
            Self::Delete { .. } => Verb::Delete,
        }
    }

    /// The operation with the ownership tag's value filled in.
    #[must_use]
    pub fn owned_by(mut self, lineage: &str) -> Self {
        if let Self::Create { tags, ownership, .. } | Self::Tag { set: tags, ownership, .. } = &mut self
            && let Some(key) = ownership.take()
        {
            tags.insert(key, CompactString::new(lineage));
        }
        self
    }

    /// Whether it makes an image, which takes a slot of the region's quota from its start.
    pub fn makes_image(&self) -> bool {
        matches!(self, Self::Create { .. } | Self::Copy { .. })
    }

    /// The name of the image that it makes.
    pub fn made_name(&self) -> Option<&CompactString> {
        match self {
            Self::Create { attributes, .. } => attributes.name.as_ref(),
            Self::Copy { name, .. } => Some(name),
            _ => None,
        }
    }
}

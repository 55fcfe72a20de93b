//! Operations: one mutation of the image service each, complete in its arguments.
//!
//! The executor makes no choices, so an operation has all arguments of its call except the ids of images that do not
//! exist yet. A [`PlacementKey`] names a placement, and the state has its id at the moment of the call.

use compact_str::CompactString;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Accounts, Attributes, GenerationNumber, PlacementKey, Region, Source, SourceKind, Tags};

/// One mutation of the image service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "do")]
#[expect(
    clippy::large_enum_variant,
    reason = "a plan holds thousands at most, and a box would save nothing that counts"
)]
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
        /// Of an encrypted source: the generation of the other entry that it is a copy of.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        of: Option<GenerationNumber>,
    },
    /// Copy a generation to another region: SyncImages.
    Copy {
        /// What is made.
        at: PlacementKey,
        /// The region of the placement it is copied from, in the same generation.
        from: Region,
        /// In a plan its final name, from which the interim name of the call is derived; in the journal the name that
        /// the call used. See [`super::interim`].
        name: CompactString,
    },
    /// Wait until an image that an earlier run began is NORMAL or has failed. It needs no call and no slot: the image
    /// already counts in its region.
    Wait {
        /// What is waited for.
        at: PlacementKey,
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
        /// Those of them that keep a share which goldform did not make: recorded as unmanaged still.
        #[serde(rename = "foreign", default, skip_serializing_if = "Accounts::is_empty")]
        unmanaged: Accounts,
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Verb {
    /// See [`Operation::Create`].
    Create,
    /// See [`Operation::Copy`].
    Copy,
    /// See [`Operation::Wait`].
    Wait,
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
    /// All verbs.
    pub const ALL: &[Self] = &[
        Self::Create,
        Self::Copy,
        Self::Wait,
        Self::Update,
        Self::Tag,
        Self::Share,
        Self::Unshare,
        Self::Delete,
    ];

    /// Returns the verb in lower case: `create`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Copy => "copy",
            Self::Wait => "wait",
            Self::Update => "update",
            Self::Tag => "tag",
            Self::Share => "share",
            Self::Unshare => "unshare",
            Self::Delete => "delete",
        }
    }
}

impl Operation {
    /// Returns the placement that the operation changes.
    pub fn at(&self) -> &PlacementKey {
        match self {
            Self::Create { at, .. }
            | Self::Copy { at, .. }
            | Self::Wait { at }
            | Self::Update { at, .. }
            | Self::Tag { at, .. }
            | Self::Share { at, .. }
            | Self::Unshare { at, .. }
            | Self::Delete { at, .. } => at,
        }
    }

    /// Returns a mutable reference to the placement that the operation changes.
    pub fn at_mut(&mut self) -> &mut PlacementKey {
        match self {
            Self::Create { at, .. }
            | Self::Copy { at, .. }
            | Self::Wait { at }
            | Self::Update { at, .. }
            | Self::Tag { at, .. }
            | Self::Share { at, .. }
            | Self::Unshare { at, .. }
            | Self::Delete { at, .. } => at,
        }
    }

    /// Returns the verb.
    pub fn verb(&self) -> Verb {
        match self {
            Self::Create { .. } => Verb::Create,
            Self::Copy { .. } => Verb::Copy,
            Self::Wait { .. } => Verb::Wait,
            Self::Update { .. } => Verb::Update,
            Self::Tag { .. } => Verb::Tag,
            Self::Share { .. } => Verb::Share,
            Self::Unshare { .. } => Verb::Unshare,
            Self::Delete { .. } => Verb::Delete,
        }
    }

    /// Sets the value of the ownership tag.
    #[must_use]
    pub fn owned_by(mut self, lineage: &str) -> Self {
        if let Self::Create { tags, ownership, .. } | Self::Tag { set: tags, ownership, .. } = &mut self
            && let Some(key) = ownership
        {
            tags.insert(key.clone(), CompactString::new(lineage));
        }
        self
    }

    /// Returns the key of the ownership tag that the call sets.
    pub fn ownership(&self) -> Option<&CompactString> {
        match self {
            Self::Create { ownership, .. } | Self::Tag { ownership, .. } => ownership.as_ref(),
            _ => None,
        }
    }

    /// Removes all tags from a create.
    #[must_use]
    pub fn untagged(mut self) -> Self {
        if let Self::Create { tags, ownership, .. } = &mut self {
            tags.clear();
            *ownership = None;
        }
        self
    }

    /// Returns whether it creates an image, which uses a slot of the region's quota from its start.
    pub fn makes_image(&self) -> bool {
        matches!(self, Self::Create { .. } | Self::Copy { .. })
    }

    /// Returns the name of the image that it creates: the final name in a plan, the sent name in the journal.
    pub fn made_name(&self) -> Option<&CompactString> {
        match self {
            Self::Create { attributes, .. } => attributes.name.as_ref(),
            Self::Copy { name, .. } => Some(name),
            _ => None,
        }
    }

    /// Returns whether the image is created under an interim name because its call sets no ownership tag: SyncImages
    /// accepts none (213/15711), and a manifest may disable it (`ownership_tag: false`).
    pub fn is_made_under_interim_name(&self) -> bool {
        match self {
            Self::Copy { .. } => true,
            Self::Create { source, ownership, .. } => source.is_copied() || ownership.is_none(),
            _ => false,
        }
    }

    /// Returns the final name that it sets. Returns `None` for a create under an interim name.
    pub fn taken_name(&self) -> Option<&CompactString> {
        match self {
            Self::Update { set, .. } => set.name.as_ref(),
            make if make.is_made_under_interim_name() => None,
            make => make.made_name(),
        }
    }

    /// Sets the name of the image that it creates.
    #[must_use]
    pub fn named(mut self, name: CompactString) -> Self {
        match &mut self {
            Self::Create { attributes, .. } => attributes.name = Some(name),
            Self::Copy { name: made, .. } => *made = name,
            _ => {}
        }
        self
    }

    /// Returns the placement of another entry that is the original of an encrypted copy, in the same region.
    pub fn original(&self) -> Option<PlacementKey> {
        match self {
            Self::Create {
                at, source: Source { kind: SourceKind::Encrypted { image, .. }, .. }, of, ..
            } => {
                let generation = (*of)?;
                Some(PlacementKey { image: image.clone(), generation, region: at.region.clone() })
            }
            _ => None,
        }
    }
}

//! The vocabulary of differences.

use std::collections::BTreeSet;

use compact_str::CompactString;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::model::{
    Accounts, Attributes, GenerationNumber, ImageId, ImageKey, ImageState, PlacementKey, Region,
    RevisionName, Source, Tags,
};
use crate::state::{Edit, Placement, Recorded};

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
    /// Stop managing it; it is not deleted, or is gone already.
    Forget,
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
            Self::Forget => "forget",
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
            Self::Delete | Self::Forget => "-",
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

/// One attribute that changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FieldChange {
    /// Its name: `description`, `tags.team`.
    pub field: CompactString,
    /// Value before. `None` if there is none.
    pub before: Option<String>,
    /// Value after. `None` if the field is removed.
    pub after: Option<String>,
}

/// What a placement is like, as far as goldform manages it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlacementFacts {
    /// Name, description, family and the deprecation mark; what is not managed is left out.
    pub attributes: Attributes,
    /// The managed tags, the ownership tag not among them.
    pub tags: Tags,
    /// Whether it carries the ownership tag.
    pub owned: bool,
    /// The accounts it is shared with: goldform's own.
    pub shares: Accounts,
    /// Accounts that it is shared with by others.
    #[serde(rename = "foreign", default, skip_serializing_if = "Accounts::is_empty")]
    pub unmanaged: Accounts,
}

impl PlacementFacts {
    /// The facts of a recorded placement.
    pub fn of(placement: &Placement, ownership_tag: Option<&CompactString>) -> Self {
        let Placement {
            name,
            description,
            family,
            deprecated,
            tags,
            shares,
            unmanaged,
            // Identity and progress, not something that is changed.
            id: _,
            state: _,
            accepted_at: _,
            resent: _,
            seen: _,
            interim: _,
            copied_from: _,
            superseded_at: _,
            build: _,
        } = placement;
        Self {
            attributes: Attributes {
                name: Some(name.clone()),
                description: Some(description.clone()),
                family: Some(family.clone()),
                deprecated: Some(*deprecated),
            },
            tags: tags
                .iter()
                .filter(|(key, _)| Some(*key) != ownership_tag)
                .map(|(key, value)| (key.clone(), value.clone()))
                .collect(),
            owned: ownership_tag.is_some_and(|key| tags.contains_key(key)),
            shares: shares.clone(),
            unmanaged: unmanaged.clone(),
        }
    }
}

/// What is wanted of one placement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlacementChange {
    /// The placement.
    pub at: PlacementKey,
    /// What is wanted: create, copy, update, delete, forget.
    pub action: Action,
    /// Why.
    pub reason: Reason,
    /// The id of the image that is there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<ImageId>,
    /// What is there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<PlacementFacts>,
    /// Desired facts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<PlacementFacts>,
    /// Where a copy is made from, in the same generation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Region>,
    /// A failed image at this address is deleted first.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub remake: bool,
    /// Accounts that get a share.
    #[serde(default, skip_serializing_if = "Accounts::is_empty")]
    pub share: Accounts,
    /// Accounts that others shared the retiring generation with: they get the new one too, as unmanaged still.
    #[serde(default, skip_serializing_if = "Accounts::is_empty")]
    pub carried: Accounts,
    /// Accounts that lose their share.
    #[serde(default, skip_serializing_if = "Accounts::is_empty")]
    pub unshare: Accounts,
    /// Whether the snapshots are deleted with the image.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub delete_snapshots: bool,
    /// It is deleted before its successor is made, because the region has no free slot for both.
    #[serde(rename = "early", default, skip_serializing_if = "std::ops::Not::not")]
    pub delete_first: bool,
}

impl PlacementChange {
    /// Returns a change without facts and accounts.
    pub(crate) fn new(at: PlacementKey, action: Action, reason: Reason) -> Self {
        Self {
            at,
            action,
            reason,
            id: None,
            before: None,
            after: None,
            from: None,
            remake: false,
            share: Accounts::EMPTY,
            carried: Accounts::EMPTY,
            unshare: Accounts::EMPTY,
            delete_snapshots: false,
            delete_first: false,
        }
    }

    /// Returns the change that unshares a placement from all accounts and deletes it.
    pub(crate) fn retire(
        at: PlacementKey,
        placement: &Placement,
        reason: Reason,
        delete_snapshots: bool,
        ownership_tag: Option<&CompactString>,
    ) -> Self {
        Self {
            id: Some(placement.id.clone()),
            before: Some(PlacementFacts::of(placement, ownership_tag)),
            unshare: placement.everyone(),
            delete_snapshots,
            ..Self::new(at, Action::Delete, reason)
        }
    }

    /// The attributes and tags that change, by name. Shares are not among them.
    pub fn fields(&self) -> Vec<FieldChange> {
        let (Some(before), Some(after)) = (&self.before, &self.after) else { return Vec::new() };
        let mut fields = Vec::new();
        let mut push = |field: &str, before: Option<String>, after: Option<String>| {
            if before != after {
                fields.push(FieldChange { field: field.into(), before, after });
            }
        };
        let Attributes { name, description, family, deprecated } = &after.attributes;
        let was = &before.attributes;
        if let Some(name) = name {
            push("name", was.name.as_ref().map(ToString::to_string), Some(name.to_string()));
        }
        if let Some(description) = description {
            push("description", was.description.clone(), Some(description.clone()));
        }
        if let Some(family) = family {
            push("family", was.family.as_ref().map(ToString::to_string), Some(family.to_string()));
        }
        if let Some(deprecated) = deprecated {
            push("deprecated", was.deprecated.map(|b| b.to_string()), Some(deprecated.to_string()));
        }
        for (key, value) in &after.tags {
            push(
                &format!("tags.{key}"),
                before.tags.get(key).map(ToString::to_string),
                Some(value.to_string()),
            );
        }
        for (key, value) in &before.tags {
            if !after.tags.contains_key(key) {
                push(&format!("tags.{key}"), Some(value.to_string()), None);
            }
        }
        if after.owned && !before.owned {
            push("ownership tag", None, Some("set".to_owned()));
        }
        fields
    }

    /// The attributes that an update sets: those that are managed and differ.
    pub fn attributes_to_set(&self) -> Attributes {
        let Some(after) = &self.after else { return Attributes::default() };
        let before = self.before.as_ref().map(|facts| &facts.attributes);
        let changed = |same: bool| before.is_none() || !same;
        let Attributes { name, description, family, deprecated } = &after.attributes;
        Attributes {
            name: name.clone().filter(|name| changed(before.is_some_and(|b| b.name.as_ref() == Some(name)))),
            description: description
                .clone()
                .filter(|text| changed(before.is_some_and(|b| b.description.as_ref() == Some(text)))),
            family: family
                .clone()
                .filter(|text| changed(before.is_some_and(|b| b.family.as_ref() == Some(text)))),
            deprecated: deprecated
                .filter(|mark| changed(before.is_some_and(|b| b.deprecated == Some(*mark)))),
        }
    }
}

/// What is wanted of one entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImageChange {
    /// The entry.
    pub image: ImageKey,
    /// What is wanted: create, replace, update, delete, forget, unchanged.
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
            let deleted = self.placements.iter().filter(|change| change.action == Action::Delete);
            let mut first = deleted.filter(|change| self.delete_first || change.delete_first);
            first.any(|change| change.at.generation == generation && change.at.region == at.region)
        };
        let is_made = |generation| {
            let mut made = self.placements.iter().filter(|change| {
                matches!(change.action, Action::Create | Action::Copy) && change.at.region == at.region
            });
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

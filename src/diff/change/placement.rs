//! What is wanted of one placement, and the facts that say so.
//!
//! Who gains and who loses access is not kept beside the facts: it follows from them, so the two cannot disagree.

use compact_str::CompactString;
use serde::{Deserialize, Serialize};

use super::{Action, Reason};
use crate::model::{Accounts, Attributes, ImageId, PlacementKey, Region, Tags};
use crate::state::Placement;

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

    /// Returns the accounts that it is shared with, by whomever.
    pub fn everyone(&self) -> Accounts {
        self.shares.joined(&self.unmanaged)
    }
}

/// What is there and what is wanted instead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// What is there.
    pub before: PlacementFacts,
    /// What is wanted.
    pub after: PlacementFacts,
}

impl Difference {
    /// Returns whether anything differs: an attribute, a tag, or who it is shared with.
    pub fn is_change(&self) -> bool {
        self.before.everyone() != self.after.everyone() || !self.fields().is_empty()
    }

    /// Returns the attributes and tags that change, by name. Shares are not among them.
    pub fn fields(&self) -> Vec<FieldChange> {
        let Self { before, after } = self;
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

    /// Returns the attributes that an update sets: those that are managed and differ.
    pub fn attributes_to_set(&self) -> Attributes {
        let (is, wanted) = (&self.before.attributes, &self.after.attributes);
        Attributes {
            name: wanted.name.clone().filter(|name| is.name.as_ref() != Some(name)),
            description: wanted.description.clone().filter(|text| is.description.as_ref() != Some(text)),
            family: wanted.family.clone().filter(|text| is.family.as_ref() != Some(text)),
            deprecated: wanted.deprecated.filter(|mark| is.deprecated != Some(*mark)),
        }
    }

    /// Returns the tags that are set: those that are new or have another value.
    pub fn tags_to_set(&self) -> Tags {
        let is = &self.before.tags;
        let differing = self.after.tags.iter().filter(|(key, value)| is.get(*key) != Some(value));
        differing.map(|(key, value)| (key.clone(), value.clone())).collect()
    }

    /// Returns the keys of the tags that are removed.
    pub fn tags_to_unset(&self) -> Vec<CompactString> {
        self.before.tags.keys().filter(|key| !self.after.tags.contains_key(*key)).cloned().collect()
    }
}

/// What is done about a placement, with what that takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Work {
    /// Make the image.
    Make {
        /// The region that it is copied from, in the same generation. `None`: it is built.
        from: Option<Region>,
        /// The failed image at this address, which is deleted first.
        failed: Option<ImageId>,
        /// What is wanted.
        after: PlacementFacts,
        /// Whether the snapshots of a failed image are deleted with it.
        delete_snapshots: bool,
    },
    /// Adopt an image that goldform did not make.
    Adopt {
        /// The image.
        id: ImageId,
        /// How it is changed. `None` if it was never observed: what is to change is not known before a refresh.
        facts: Option<Difference>,
    },
    /// Change attributes, tags or shares.
    Update {
        /// The image.
        id: ImageId,
        /// How it is changed.
        facts: Difference,
    },
    /// Wait until the image is NORMAL. It is as wanted otherwise.
    Wait {
        /// The image.
        id: ImageId,
        /// What is there and what is wanted, which differ in nothing that is changed.
        facts: Difference,
    },
    /// Unshare the image from all accounts and delete it.
    Delete {
        /// The image.
        id: ImageId,
        /// What is there.
        before: PlacementFacts,
        /// Whether its snapshots are deleted with it.
        delete_snapshots: bool,
        /// It is deleted before its successor is made, because the region has no free slot for both.
        first: bool,
    },
}

/// What is wanted of one placement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlacementChange {
    /// The placement.
    pub at: PlacementKey,
    /// Why.
    pub reason: Reason,
    /// What is done.
    pub work: Work,
}

impl PlacementChange {
    /// Returns the change that unshares a placement from all accounts and deletes it.
    pub(crate) fn retire(
        at: PlacementKey,
        placement: &Placement,
        reason: Reason,
        delete_snapshots: bool,
        ownership_tag: Option<&CompactString>,
    ) -> Self {
        let (id, before) = (placement.id.clone(), PlacementFacts::of(placement, ownership_tag));
        Self { at, reason, work: Work::Delete { id, before, delete_snapshots, first: false } }
    }

    /// Returns what is done, in one word.
    pub fn action(&self) -> Action {
        match self.work {
            Work::Make { from: None, .. } => Action::Create,
            Work::Make { from: Some(_), .. } => Action::Copy,
            Work::Adopt { .. } => Action::Adopt,
            Work::Update { .. } => Action::Update,
            Work::Wait { .. } => Action::Wait,
            Work::Delete { .. } => Action::Delete,
        }
    }

    /// Returns whether an image is made.
    pub fn makes_image(&self) -> bool {
        matches!(self.work, Work::Make { .. })
    }

    /// Returns whether the image is deleted. One that is made again after it failed is not.
    pub fn deletes_image(&self) -> bool {
        matches!(self.work, Work::Delete { .. })
    }

    /// Returns whether the image at this address failed, is deleted and made again.
    pub fn remakes_image(&self) -> bool {
        matches!(self.work, Work::Make { failed: Some(_), .. })
    }

    /// Returns whether the image is deleted before its successor is made, because the region has no free slot for both.
    pub fn is_deleted_first(&self) -> bool {
        matches!(self.work, Work::Delete { first: true, .. })
    }

    /// Returns whether the snapshots are deleted with the image.
    pub fn deletes_snapshots(&self) -> bool {
        matches!(
            self.work,
            Work::Make { delete_snapshots: true, .. } | Work::Delete { delete_snapshots: true, .. }
        )
    }

    /// Returns the image that is there, or that is adopted.
    pub fn id(&self) -> Option<&ImageId> {
        match &self.work {
            Work::Make { failed, .. } => failed.as_ref(),
            Work::Adopt { id, .. }
            | Work::Update { id, .. }
            | Work::Wait { id, .. }
            | Work::Delete { id, .. } => Some(id),
        }
    }

    /// Returns the region that a copy is made from.
    pub fn copied_from(&self) -> Option<&Region> {
        match &self.work {
            Work::Make { from, .. } => from.as_ref(),
            _ => None,
        }
    }

    /// Returns what is there.
    pub fn before(&self) -> Option<&PlacementFacts> {
        match &self.work {
            Work::Make { .. } => None,
            Work::Adopt { facts, .. } => facts.as_ref().map(|facts| &facts.before),
            Work::Update { facts, .. } | Work::Wait { facts, .. } => Some(&facts.before),
            Work::Delete { before, .. } => Some(before),
        }
    }

    /// Returns what is wanted.
    pub fn after(&self) -> Option<&PlacementFacts> {
        match &self.work {
            Work::Make { after, .. } => Some(after),
            Work::Adopt { facts, .. } => facts.as_ref().map(|facts| &facts.after),
            Work::Update { facts, .. } | Work::Wait { facts, .. } => Some(&facts.after),
            Work::Delete { .. } => None,
        }
    }

    /// Returns the accounts that get a share.
    pub fn share(&self) -> Accounts {
        self.gained(|facts| &facts.shares)
    }

    /// Returns the accounts that others shared the retiring generation with: they get the new one too, as unmanaged still.
    pub fn carried(&self) -> Accounts {
        self.gained(|facts| &facts.unmanaged)
    }

    fn gained(&self, accounts: fn(&PlacementFacts) -> &Accounts) -> Accounts {
        let Some(wanted) = self.after().map(accounts) else { return Accounts::EMPTY };
        self.before().map_or_else(|| wanted.clone(), |before| wanted.without(&before.everyone()))
    }

    /// Returns the accounts that lose their share.
    pub fn unshare(&self) -> Accounts {
        let Some(before) = self.before().map(PlacementFacts::everyone) else { return Accounts::EMPTY };
        self.after().map_or_else(|| before.clone(), |after| before.without(&after.everyone()))
    }

    /// Returns the attributes and tags that change, by name. Shares are not among them.
    pub fn fields(&self) -> Vec<FieldChange> {
        match &self.work {
            Work::Adopt { facts: Some(facts), .. }
            | Work::Update { facts, .. }
            | Work::Wait { facts, .. } => facts.fields(),
            Work::Make { .. } | Work::Adopt { facts: None, .. } | Work::Delete { .. } => Vec::new(),
        }
    }
}

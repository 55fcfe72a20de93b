//! One build in one region, as it is recorded.

use std::collections::BTreeSet;

use compact_str::CompactString;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::ObservedImage;
use crate::model::image::Build;
use crate::model::{Accounts, GenerationNumber, ImageId, ImageState, Region, Source, Tags};

/// An image whose making was called for and has no definite answer yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Making {
    /// The name that the call used.
    pub name: CompactString,
    /// What its generation is made from; `None` in states of earlier versions, for a copy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<Source>,
    /// The region that it is copied from; `None` where it is not copied between regions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub copied_from: Option<Region>,
    /// Of an encrypted source: the generation that it is a copy of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub of: Option<GenerationNumber>,
}

/// One build in one region: what the service calls an image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Placement {
    /// Its id, unique in the region.
    pub id: ImageId,
    /// Its name.
    pub name: CompactString,
    /// Its description; empty: none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// Its family; empty: none.
    #[serde(default, skip_serializing_if = "CompactString::is_empty")]
    pub family: CompactString,
    /// Whether it is marked as deprecated.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub deprecated: bool,
    /// The tags that goldform manages on it: others are left alone and not recorded.
    #[serde(default, skip_serializing_if = "Tags::is_empty")]
    pub tags: Tags,
    /// Its state when it was last seen, or the one it was accepted in.
    pub state: ImageState,
    /// When the service accepted the call that made it.
    pub accepted_at: Timestamp,
    /// Whether a listing has shown it.
    #[serde(default)]
    pub seen: bool,
    /// Whether it still has the interim name that it was made under.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub interim: bool,
    /// When the call that made it was last sent, if it was sent more than once: the service may still execute another of
    /// these calls, which fails while the image has its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resent: Option<Timestamp>,
    /// The region that it was copied from; `None` where it was not copied between regions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub copied_from: Option<Region>,
    /// Since when another generation serves in its place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub superseded_at: Option<Timestamp>,
    /// Facts that never change; nothing until it was seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub build: Option<Build>,
    /// The accounts that goldform shares it with.
    #[serde(default, skip_serializing_if = "Accounts::is_empty")]
    pub shares: Accounts,
    /// Accounts that it is shared with and that goldform did not share it with.
    #[serde(rename = "foreign", default, skip_serializing_if = "Accounts::is_empty")]
    pub unmanaged: Accounts,
}

impl Placement {
    /// A placement that was just accepted and has not been seen.
    pub fn accepted(id: ImageId, name: CompactString, state: ImageState, at: Timestamp) -> Self {
        Self {
            id,
            name,
            description: String::new(),
            family: CompactString::default(),
            deprecated: false,
            tags: Tags::new(),
            state,
            accepted_at: at,
            seen: false,
            interim: false,
            resent: None,
            copied_from: None,
            superseded_at: None,
            build: None,
            shares: Accounts::EMPTY,
            unmanaged: Accounts::EMPTY,
        }
    }

    /// Whether it was observed NORMAL: it can be used, copied and shared.
    pub fn is_normal(&self) -> bool {
        self.seen && self.state.is_ready()
    }

    /// Whether it is neither NORMAL nor failed: what the service makes of it is not known yet.
    pub fn is_pending(&self) -> bool {
        !self.state.is_failed() && !self.is_normal()
    }

    /// Whether consumers could be pointed at it: NORMAL, with its final name and no deprecation mark.
    pub fn is_in_place(&self) -> bool {
        self.is_normal() && !self.interim && !self.deprecated
    }

    /// The service has ended its work on it.
    pub(super) fn end(&mut self, state: ImageState, build: &Build) {
        self.state = state;
        self.build = Some(build.clone());
        self.seen = true;
    }

    /// Everyone that it is shared with.
    pub fn everyone(&self) -> Accounts {
        self.shares.joined(&self.unmanaged)
    }

    /// Takes over what a listing showed. Tags: those in `managed` and those managed before.
    pub fn see(&mut self, image: &ObservedImage, managed: &BTreeSet<CompactString>) {
        let ObservedImage {
            id: _, // the pairing is by id
            name,
            description,
            family,
            deprecated,
            tags,
            state,
            build,
            kind: _,
            created: _,
            creator: _, // these never change, and recovery alone reads them
        } = image;
        self.interim = self.interim && self.name == *name;
        self.name.clone_from(name);
        self.description.clone_from(description);
        self.family.clone_from(family);
        self.deprecated = *deprecated;
        self.tags = tags
            .iter()
            .filter(|(key, _)| managed.contains(*key) || self.tags.contains_key(*key))
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect();
        self.state = *state;
        self.seen = true;
        self.build = Some(build.clone());
    }

    /// Records the accounts of an observation: shares that goldform manages stay managed, the rest are
    /// unmanaged.
    pub fn see_shares(&mut self, accounts: &Accounts) {
        self.shares = self.shares.shared_with(accounts);
        self.unmanaged = accounts.without(&self.shares);
    }
}

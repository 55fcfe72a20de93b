//! Observed facts. They have types of their own, so that they cannot be passed in place of recorded ones.

use std::collections::BTreeMap;

use compact_str::CompactString;
use jiff::Timestamp;

use crate::model::image::Build;
use crate::model::{Accounts, ImageId, ImageKind, ImageState, Region, Tags};

/// An image as DescribeImages showed it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObservedImage {
    /// Its id, unique in its region.
    pub id: ImageId,
    /// Its name.
    pub name: CompactString,
    /// Its description; empty when it has none.
    pub description: String,
    /// Its family; empty when it has none.
    pub family: CompactString,
    /// Whether it is marked as deprecated.
    pub deprecated: bool,
    /// Its tags.
    pub tags: Tags,
    /// Its state.
    pub state: ImageState,
    /// What kind it is to the caller.
    pub kind: ImageKind,
    /// When it was made; the service truncates to seconds.
    pub created: Timestamp,
    /// Who made it, as the service says it: an account's id, or `tencent`.
    pub creator: CompactString,
    /// Facts that never change.
    pub build: Build,
}

/// What was seen in one region.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObservedRegion {
    /// When it was seen.
    pub at: Timestamp,
    /// Every custom image, by id.
    pub images: BTreeMap<ImageId, ObservedImage>,
    /// The accounts that images are shared with, for those that were asked.
    pub shares: BTreeMap<ImageId, Accounts>,
    /// The limit of custom images (DescribeImageQuota); nothing when it could not be read.
    pub image_limit: Option<u32>,
}

/// Observed facts by region. A missing region was not observed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Observed {
    /// The observed regions.
    pub regions: BTreeMap<Region, ObservedRegion>,
}

//! A managed image as recorded: its generations, and where each is.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::placement::Placement;
use crate::model::{GenerationNumber, PlacementKey, Region, Source};

/// A managed image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecordedImage {
    /// The region whose placement copies are made from.
    pub origin: Region,
    /// The generation that answers the manifest.
    pub current: GenerationNumber,
    /// Never deleted while this is set, even when the entry is gone.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub protect: bool,
    /// Whether snapshots are deleted with the image.
    pub delete_snapshots: bool,
    /// The generation that consumers should use, by region. Use [`Recorded::serving`], which also knows what serves
    /// where this one is gone.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub serving: BTreeMap<Region, GenerationNumber>,
    /// Every generation that still has a placement.
    pub generations: BTreeMap<GenerationNumber, RecordedGeneration>,
}

/// One build of an image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecordedGeneration {
    /// What it was made from.
    pub source: Source,
    /// Of an encrypted source: the generation of the other entry that it is a copy of; `None` in states of earlier
    /// versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub of: Option<GenerationNumber>,
    /// Of an adopted image that another one replaced in its region: the generation in which it was replaced. It is kept after
    /// all builds, and nothing returns to it but the manifest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replaced_in: Option<GenerationNumber>,
    /// Where it is.
    pub placements: BTreeMap<Region, Placement>,
}

impl RecordedGeneration {
    /// Returns whether an image of it is NORMAL or pending.
    pub fn is_usable(&self) -> bool {
        self.placements.values().any(|placement| !placement.state.is_failed())
    }
}

impl RecordedImage {
    /// Returns the placements of other generations in the region of a placement.
    pub fn others<'r>(
        &'r self,
        at: &'r PlacementKey,
    ) -> impl Iterator<Item = (GenerationNumber, &'r Placement)> {
        self.generations
            .iter()
            .filter(|(generation, _)| **generation != at.generation)
            .filter_map(|(generation, build)| Some((*generation, build.placements.get(&at.region)?)))
    }
}

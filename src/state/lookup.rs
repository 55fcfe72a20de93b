//! Images that are used and not managed: what lookups found, and images that other accounts share with us.

use compact_str::CompactString;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::ObservedImage;
use crate::model::{Architecture, ImageId, ImageKind, Lookup};

/// What a lookup found when its region was last read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecordedLookup {
    /// What was asked for. Another question is not answered by this.
    pub asked: Lookup,
    /// When the region was read.
    pub read_at: Timestamp,
    /// What was found.
    pub found: Found,
}

/// What a lookup found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Found {
    /// The image.
    One(FoundImage),
    /// Several, where one was asked for.
    Several {
        /// How many.
        count: usize,
        /// The newest of them.
        first: Vec<FoundImage>,
    },
    /// None.
    Nothing {
        /// Images that miss the least of what was asked for.
        near: Vec<Near>,
    },
}

/// An image that was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FoundImage {
    /// Its id.
    pub id: ImageId,
    /// Its name.
    pub name: CompactString,
    /// What kind it is to us.
    pub kind: ImageKind,
    /// When it was made.
    pub created: Timestamp,
    /// Who made it, as the service says it: an account's id, or `tencent`.
    pub creator: CompactString,
    /// The operating system's full title.
    pub os: CompactString,
    /// The operating system's family, such as `Windows`.
    pub platform: CompactString,
    /// The architecture.
    pub architecture: Architecture,
}

impl FoundImage {
    /// What is recorded of an image that was seen.
    pub fn of(image: &ObservedImage) -> Self {
        Self {
            id: image.id.clone(),
            name: image.name.clone(),
            kind: image.kind,
            created: image.created,
            creator: image.creator.clone(),
            os: image.build.os.clone(),
            platform: image.build.platform.clone(),
            architecture: image.build.architecture,
        }
    }
}

/// An image that was nearly found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Near {
    /// The image.
    pub image: FoundImage,
    /// What about it was not asked for, in clauses.
    pub but: String,
}

impl RecordedLookup {
    /// Returns the image that was found for these criteria. `None` if the criteria were others, or if none or several images
    /// match.
    pub fn answer(&self, lookup: &Lookup) -> Option<&FoundImage> {
        match &self.found {
            Found::One(image) if self.asked == *lookup => Some(image),
            _ => None,
        }
    }
}

/// An image that another account shares with us, and that the manifest names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SharedInImage {
    /// Its name.
    pub name: CompactString,
    /// Who made it, as the service says it.
    pub creator: CompactString,
}

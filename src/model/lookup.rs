//! Criteria that select images from a listing.

use compact_str::CompactString;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{AccountId, Architecture, ImageKind, Region};

/// Lookup of an image that is used but not managed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lookup {
    /// Region of the image.
    pub region: Region,
    /// Type of the image.
    pub kind: Option<ImageKind>,
    /// Text that the title or family of the operating system contains.
    pub os: Option<CompactString>,
    /// Word size: 32 or 64.
    pub bits: Option<u8>,
    /// Architecture.
    pub architecture: Option<Architecture>,
    /// Text that the name contains.
    pub name: Option<CompactString>,
    /// Whether the newest of several matches is used. Otherwise several matches are an error.
    pub newest: bool,
    /// Account that a shared image must come from.
    pub from: Option<AccountId>,
}

/// Criteria for images. A criterion that is not set matches every image.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Criteria {
    /// Types. Empty: every type.
    pub kinds: Vec<ImageKind>,
    /// Text that the title or family of the operating system contains, in any case.
    pub os: Option<CompactString>,
    /// Architecture.
    pub architecture: Option<Architecture>,
    /// Word size: 32 or 64.
    pub bits: Option<u8>,
    /// Text that the name contains.
    pub name: Option<CompactString>,
    /// Account that made the image.
    pub from: Option<AccountId>,
    /// Tags: a key, and the value if it matters.
    pub tags: Vec<(CompactString, Option<CompactString>)>,
    /// Created at this time or later.
    pub since: Option<Timestamp>,
    /// Created before this time.
    pub before: Option<Timestamp>,
    /// Only usable images: NORMAL and not deprecated.
    pub usable: bool,
}

impl Criteria {
    /// Returns the criteria of a lookup. Only usable images match.
    pub fn of(lookup: &Lookup) -> Self {
        let Lookup { region: _, kind, os, bits, architecture, name, newest: _, from } = lookup;
        Self {
            kinds: kind.iter().copied().collect(),
            os: os.clone(),
            architecture: *architecture,
            bits: *bits,
            name: name.clone(),
            from: *from,
            usable: true,
            ..Self::default()
        }
    }
}

//! Faults: what a manifest says that no request can be made of, or that a rule is to judge where it stands.
//!
//! The resolver finds them, since only it sees the text; the rules of `constraints` give them a page, a level
//! and a source.

use compact_str::CompactString;

use crate::diagnostics::ManifestPath;
use crate::model::{ImageKey, Region};

/// Something that a rule is to judge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Where it stands.
    pub path: ManifestPath,
    /// The entry it is about, where there is one.
    pub image: Option<ImageKey>,
    /// What it is.
    pub kind: FaultKind,
}

impl Fault {
    /// Whether nothing can be built from it: such a fault is an error even where its rule is allowed, because
    /// there is no request that could be sent.
    pub fn is_hard(&self) -> bool {
        match &self.kind {
            FaultKind::NoSource
            | FaultKind::SeveralSources { .. }
            | FaultKind::MalformedSource { .. }
            | FaultKind::MalformedRegion { .. }
            | FaultKind::MalformedAccount { .. }
            | FaultKind::UnknownAccountName { .. }
            | FaultKind::LookupShared { .. } => true,
            FaultKind::OwnAccount { .. }
            | FaultKind::DuplicateAccount { .. }
            | FaultKind::ShareOutsideImage { .. }
            | FaultKind::DuplicateCopy { .. } => false,
        }
    }
}

/// What is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FaultKind {
    /// The entry has no kind of source (GF301).
    NoSource,
    /// The entry has several kinds of source (GF301).
    SeveralSources {
        /// Those that stand there, as spelled.
        kinds: Vec<&'static str>,
    },
    /// An id, URL or other argument of the source does not have its shape (GF301).
    MalformedSource {
        /// The text.
        text: CompactString,
        /// What was expected, for people.
        expected: &'static str,
    },
    /// A text that is no region code (GF302).
    MalformedRegion {
        /// The text.
        text: CompactString,
    },
    /// A text that is neither a main account id nor a name (GF501).
    MalformedAccount {
        /// The text.
        text: CompactString,
    },
    /// A name that does not stand under `accounts:` (GF501).
    UnknownAccountName {
        /// The name.
        name: CompactString,
        /// A known one that is similar.
        similar: Option<CompactString>,
    },
    /// The owner itself (GF501).
    OwnAccount {
        /// The account as written.
        text: CompactString,
    },
    /// An account that stands in the list already (GF501).
    DuplicateAccount {
        /// The account as written.
        text: CompactString,
        /// Where it stands first.
        first: ManifestPath,
    },
    /// A share of an image that is only looked up (GF402).
    LookupShared {
        /// The lookup's name, as written.
        lookup: CompactString,
    },
    /// A region in which the image is not to be (GF502).
    ShareOutsideImage {
        /// The region.
        region: Region,
    },
    /// A region that stands in `copies` already (GF404).
    DuplicateCopy {
        /// The region.
        region: Region,
        /// Where it stands first.
        first: ManifestPath,
    },
}

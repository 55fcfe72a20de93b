//! Faults: parts of a manifest from which no request can be made, or which a rule judges.
//!
//! The resolver finds them, since it knows the text. Rules of `constraints` turn them into diagnostics with a page, a level
//! and sources.

use compact_str::{CompactString, format_compact};

use crate::diagnostics::ManifestPath;
use crate::diagnostics::collect::{Fold, MAX_PLACES, Repeats};
use crate::model::{ImageKey, Region};

/// Part of a manifest that a rule judges.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Place in the manifest.
    pub path: ManifestPath,
    /// Further places of the same fault, up to [`MAX_PLACES`].
    pub more: Vec<ManifestPath>,
    /// Further faults that it represents.
    pub repeats: Repeats,
    /// Cause. Faults of one kind with the same cause are folded, unless it is empty.
    pub cause: CompactString,
    /// Entry that it is about, if any.
    pub image: Option<ImageKey>,
    /// What is wrong.
    pub kind: FaultKind,
}

impl Fault {
    /// Returns whether no request can be made from it. Such a fault is an error even if its rule is allowed.
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

impl Fold for Fault {
    type Kind = std::mem::Discriminant<FaultKind>;

    fn kind(&self) -> Self::Kind {
        std::mem::discriminant(&self.kind)
    }

    fn cause(&self) -> &CompactString {
        &self.cause
    }

    fn repeats(&mut self) -> &mut Repeats {
        &mut self.repeats
    }

    fn add_places(&mut self, other: Self) {
        if self.more.len().saturating_add(1) < MAX_PLACES {
            self.more.push(other.path);
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
        /// Kinds that are written.
        kinds: Vec<&'static str>,
    },
    /// An id, URL or other argument of the source is malformed (GF301).
    MalformedSource {
        /// The text.
        text: CompactString,
        /// What was expected, for people.
        expected: &'static str,
    },
    /// A text is not a region code (GF302).
    MalformedRegion {
        /// The text.
        text: CompactString,
    },
    /// A text is neither a main account id nor a name (GF501).
    MalformedAccount {
        /// The text.
        text: CompactString,
    },
    /// A name is not declared under `accounts` (GF501).
    UnknownAccountName {
        /// The name.
        name: CompactString,
        /// Known name that is similar.
        similar: Option<CompactString>,
    },
    /// An image is shared with its owner (GF501).
    OwnAccount {
        /// The account as written.
        text: CompactString,
    },
    /// An account is listed twice (GF501).
    DuplicateAccount {
        /// The account as written.
        text: CompactString,
        /// First place.
        first: ManifestPath,
    },
    /// An image that is only looked up is shared (GF402).
    LookupShared {
        /// The lookup's name, as written.
        lookup: CompactString,
    },
    /// An image is shared in a region without a placement (GF502).
    ShareOutsideImage {
        /// The region.
        region: Region,
    },
    /// A region is listed twice in `copies` (GF404).
    DuplicateCopy {
        /// The region.
        region: Region,
        /// First place.
        first: ManifestPath,
    },
}

impl FaultKind {
    /// Returns the cause: the wrong text, wherever it is. Empty if each fault of the kind is a finding of its own.
    pub(super) fn cause(&self, image: Option<&ImageKey>) -> CompactString {
        let entry = image.map_or("", ImageKey::as_str);
        match self {
            Self::MalformedRegion { text }
            | Self::MalformedAccount { text }
            | Self::UnknownAccountName { name: text, .. }
            | Self::OwnAccount { text }
            | Self::LookupShared { lookup: text } => text.clone(),
            Self::DuplicateAccount { text, .. } => format_compact!("{entry} {text}"),
            Self::ShareOutsideImage { region } | Self::DuplicateCopy { region, .. } => {
                format_compact!("{entry} {region}")
            }
            Self::NoSource | Self::SeveralSources { .. } | Self::MalformedSource { .. } => {
                CompactString::default()
            }
        }
    }

    /// Cuts the wrong text, which may be very long, to this number of characters.
    pub(super) fn cut(mut self, most: usize) -> Self {
        match &mut self {
            Self::MalformedSource { text, .. }
            | Self::MalformedRegion { text }
            | Self::MalformedAccount { text }
            | Self::UnknownAccountName { name: text, .. }
            | Self::OwnAccount { text }
            | Self::DuplicateAccount { text, .. }
            | Self::LookupShared { lookup: text } => {
                if let Some((at, _)) = text.char_indices().nth(most) {
                    text.truncate(at);
                    text.push('…');
                }
            }
            Self::NoSource
            | Self::SeveralSources { .. }
            | Self::ShareOutsideImage { .. }
            | Self::DuplicateCopy { .. } => {}
        }
        self
    }
}

//! Faults: what a manifest says that no request can be made of, or that a rule is to judge where it stands.
//!
//! The resolver finds them, since only it sees the text; the rules of `constraints` give them a page, a level
//! and a source.

use compact_str::{CompactString, format_compact};

use crate::diagnostics::ManifestPath;
use crate::diagnostics::collect::{Fold, MOST_PLACES, Repeats};
use crate::model::{ImageKey, Region};

/// Something that a rule is to judge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Where it stands.
    pub path: ManifestPath,
    /// The next places of the same fault, up to [`MOST_PLACES`].
    pub more: Vec<ManifestPath>,
    /// What else it represents.
    pub repeats: Repeats,
    /// What makes it the same fault as another one: the kind of the fault, the entry and the text.
    pub cause: CompactString,
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
        if self.more.len().saturating_add(1) < MOST_PLACES {
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

impl FaultKind {
    /// What makes it the same fault as another one of its kind: the text that is wrong, wherever it is. Empty: nothing
    /// does.
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

    /// With at most this many characters of the text that is wrong: it may have millions.
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

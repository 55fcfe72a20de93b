//! Attributes, state, kind and architecture of an image, as in 213/15753 (data type Image).

use std::collections::BTreeMap;

use compact_str::CompactString;
use serde::{Deserialize, Serialize};

/// Tags by key.
pub type Tags = BTreeMap<CompactString, CompactString>;

/// The longest image name, in characters (213/16726 ImageName, since 2023-05-25; 20 before).
pub const NAME_MAX_CHARS: usize = 60;
/// The longest image description, in characters (213/16726 ImageDescription, since 2024-03-08; 60 before).
pub const DESCRIPTION_MAX_CHARS: usize = 256;
/// The most tags that one image may carry (tag limits of the tag service).
pub const TAGS_MAX: usize = 50;
/// The longest tag key, in characters.
pub const TAG_KEY_MAX_CHARS: usize = 127;
/// The longest tag value, in characters.
pub const TAG_VALUE_MAX_CHARS: usize = 255;

/// The attributes of an image that can be changed after it was made.
///
/// In a desired value, `None` means that goldform does not manage the attribute. In a recorded or observed value every
/// attribute is set, and empty text means that the service has no value.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attributes {
    /// The name, unique in its region and account. `None` only in an edit that leaves it alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<CompactString>,
    /// The description; empty: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The family; empty: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub family: Option<CompactString>,
    /// Whether it is marked as deprecated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deprecated: Option<bool>,
}

impl Attributes {
    /// Returns whether no attribute is set.
    pub fn is_empty(&self) -> bool {
        let Self { name, description, family, deprecated } = self;
        name.is_none() && description.is_none() && family.is_none() && deprecated.is_none()
    }
}

/// The state of an image (213/15753 ImageState, enumeration of 2025-07-03).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum ImageState {
    /// Being made from an instance or snapshots.
    Creating,
    /// Ready for use.
    Normal,
    /// Making it failed; it still counts in the quota (inferred) and can be deleted (inferred).
    CreateFailed,
    /// Being copied.
    Syncing,
    /// Being imported.
    Importing,
    /// Importing failed.
    ImportFailed,
    /// In use (documented until 2025-07-03): as good as normal.
    Using,
    /// A state that the documents do not name.
    #[serde(other)]
    Unknown,
}

impl ImageState {
    /// Returns whether the image can be used, copied and shared.
    pub fn is_ready(self) -> bool {
        matches!(self, Self::Normal | Self::Using)
    }

    /// Returns whether the image will never be ready.
    pub fn is_failed(self) -> bool {
        matches!(self, Self::CreateFailed | Self::ImportFailed)
    }

    /// Returns the state as the service spells it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Creating => "CREATING",
            Self::Normal => "NORMAL",
            Self::CreateFailed => "CREATEFAILED",
            Self::Syncing => "SYNCING",
            Self::Importing => "IMPORTING",
            Self::ImportFailed => "IMPORTFAILED",
            Self::Using => "USING",
            Self::Unknown => "UNKNOWN",
        }
    }
}

/// The kind of an image, as its reader sees it: the same image is private to its owner and shared to others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ImageKind {
    /// Offered by the provider.
    Public,
    /// Made by this account; counts in its quota.
    Custom,
    /// Shared with this account by another one.
    Shared,
    /// From the market place, or a kind that the documents do not name.
    Other,
}

impl ImageKind {
    /// Returns the kind as a manifest spells it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Public => "public",
            Self::Custom => "custom",
            Self::Shared => "shared",
            Self::Other => "other",
        }
    }
}

/// The architecture of an image. The service spells ARM `arm` on an image and `arm_64` on an import.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Architecture {
    /// 64-bit x86.
    #[serde(rename = "x86_64")]
    X86_64,
    /// 32-bit x86.
    I386,
    /// 64-bit ARM.
    Arm,
    /// One that the documents do not name.
    #[serde(other)]
    Other,
}

impl Architecture {
    /// Returns the architecture as DescribeImages spells it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::X86_64 => "x86_64",
            Self::I386 => "i386",
            Self::Arm => "arm",
            Self::Other => "other",
        }
    }

    /// Returns 32 or 64. Returns `None` for an unknown architecture.
    pub fn bits(self) -> Option<u8> {
        match self {
            Self::I386 => Some(32),
            Self::X86_64 | Self::Arm => Some(64),
            Self::Other => None,
        }
    }
}

/// Facts about an image that never change after its creation, and that distinguish images.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Build {
    /// Size of the system disk in GiB.
    pub size_gib: u32,
    /// The operating system's full title, as the service spells it.
    pub os: CompactString,
    /// The operating system's family, such as `Ubuntu`.
    pub platform: CompactString,
    /// The architecture.
    pub architecture: Architecture,
    /// Snapshots that the image is made of, and that are billed while they exist.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub snapshots: Vec<super::SnapshotId>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_read_as_the_service_spells_them_and_new_ones_do_not_fail() {
        for state in [
            ImageState::Creating,
            ImageState::Normal,
            ImageState::CreateFailed,
            ImageState::Syncing,
            ImageState::Importing,
            ImageState::ImportFailed,
            ImageState::Using,
        ] {
            let text = serde_json::to_string(&state).unwrap();
            assert_eq!(text, format!("\"{}\"", state.as_str()));
            assert_eq!(serde_json::from_str::<ImageState>(&text).unwrap(), state);
        }
        assert_eq!(serde_json::from_str::<ImageState>("\"MELTING\"").unwrap(), ImageState::Unknown);
    }
}

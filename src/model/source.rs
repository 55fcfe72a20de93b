//! Sources of generations.

use compact_str::CompactString;
use serde::{Deserialize, Serialize};

use super::ids::DiskId;
use super::{AccountId, Architecture, ImageId, ImageKey, InstanceId, SnapshotId};

/// Source of a generation, with the revision that requests a new build.
///
/// Equal sources share a generation: all fields are part of a build's identity, and nothing else is.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Source {
    /// The kind and its arguments.
    #[serde(flatten)]
    pub kind: SourceKind,
    /// Any text. A different text requests a new build.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<CompactString>,
}

/// Kind of source. An entry has exactly one (GF301).
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SourceKind {
    /// A cloud server's system disk, and data disks of it where named (213/16726 CreateImage InstanceId).
    Instance {
        /// The server.
        id: InstanceId,
        /// Shut it down first (ForcePoweroff).
        #[serde(default, skip_serializing_if = "is_false")]
        power_off: bool,
        /// Windows only: generalise first (Sysprep).
        #[serde(default, skip_serializing_if = "is_false")]
        sysprep: bool,
        /// Data disks that belong to the image: it is then a whole-machine image.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        data_disks: Vec<DiskId>,
    },
    /// Disk snapshots, exactly one of them of a system disk (213/16726 CreateImage SnapshotIds).
    Snapshots(Vec<SnapshotId>),
    /// A disk image in object storage (213/15717 ImportImage). Its identity is the URL without the query.
    Import {
        /// The object's URL, without its query.
        url: String,
        /// The operating system, as DescribeImportImageOs spells it.
        os: CompactString,
        /// The operating system's version, as DescribeImportImageOs spells it.
        version: CompactString,
        /// The architecture.
        architecture: Architecture,
        /// Licence type of the operating system. `None`: the service's default.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        license: Option<CompactString>,
        /// Boot mode. `None`: the service's default.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        boot: Option<CompactString>,
        /// Import without cloud-init.
        #[serde(default, skip_serializing_if = "is_false")]
        force: bool,
    },
    /// A copy, in the same region, of an image that another account shares with us.
    Shared {
        /// The image.
        id: ImageId,
        /// The account that it must come from.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        from: Option<AccountId>,
    },
    /// An encrypted copy, in the same region, of another entry.
    Encrypted {
        /// The other entry.
        image: ImageKey,
        /// Encryption key. `None`: the disk service's own.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        kms_key: Option<CompactString>,
    },
    /// An existing image that goldform did not create.
    Adopted(ImageId),
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature that serde calls")]
fn is_false(value: &bool) -> bool {
    !*value
}

impl Source {
    /// Returns whether the image contains data disks. Such an image cannot be copied to another region (213/4943) or
    /// shared.
    pub fn is_whole_machine(&self) -> bool {
        match &self.kind {
            SourceKind::Instance { data_disks, .. } => !data_disks.is_empty(),
            SourceKind::Snapshots(snapshots) => snapshots.len() > 1,
            _ => false,
        }
    }

    /// Returns whether it is a copy of an image in the same region. The call accepts a name and no other attribute.
    pub fn is_copied(&self) -> bool {
        matches!(self.kind, SourceKind::Shared { .. } | SourceKind::Encrypted { .. })
    }

    /// Returns whether the image's snapshots existed before it and belong to the user.
    pub fn has_own_snapshots(&self) -> bool {
        matches!(self.kind, SourceKind::Snapshots(_) | SourceKind::Adopted(_))
    }

    /// Returns whether the image is encrypted. Such an image cannot be copied or shared.
    pub fn is_encrypted(&self) -> bool {
        matches!(self.kind, SourceKind::Encrypted { .. })
    }

    /// Returns the revision, or else what identifies the source: the id of the instance, of the first snapshot or of the
    /// image, or the file name of the URL. `None` for an encrypted copy without a revision, which has the revision of the
    /// generation that it is made from.
    pub fn revision_or_id(&self) -> Option<CompactString> {
        if let Some(revision) = &self.revision {
            return Some(revision.clone());
        }
        match &self.kind {
            SourceKind::Instance { id, .. } => Some(id.as_str().into()),
            SourceKind::Snapshots(ids) => ids.first().map(|id| id.as_str().into()),
            SourceKind::Import { url, .. } => Some(url.rsplit('/').next().unwrap_or(url).into()),
            SourceKind::Shared { id, .. } | SourceKind::Adopted(id) => Some(id.as_str().into()),
            SourceKind::Encrypted { .. } => None,
        }
    }

    /// Returns the source in a few words: `instance ins-8f3a1c2d`.
    pub fn describe(&self) -> String {
        let kind = match &self.kind {
            SourceKind::Instance { id, .. } => format!("instance {id}"),
            SourceKind::Snapshots(ids) => {
                let ids: Vec<_> = ids.iter().map(SnapshotId::as_str).collect();
                format!("snapshots {}", ids.join(", "))
            }
            SourceKind::Import { url, .. } => format!("import of {url}"),
            SourceKind::Shared { id, .. } => format!("shared image {id}"),
            SourceKind::Encrypted { image, .. } => format!("encrypted copy of image.{image}"),
            SourceKind::Adopted(id) => format!("adopted image {id}"),
        };
        match &self.revision {
            Some(revision) => format!("{kind}, revision {revision}"),
            None => kind,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_reads_back_as_it_was_written() {
        let sources = [
            r#"{"instance":{"id":"ins-8f3a1c2d"},"revision":"2026-11-24"}"#,
            r#"{"snapshots":["snap-2f3a1c2d"]}"#,
            r#"{"adopted":"img-0a1b2c3d"}"#,
            r#"{"encrypted":{"image":"web","kms_key":"key-1"}}"#,
        ];
        for text in sources {
            let source: Source = serde_json::from_str(text).unwrap();
            assert_eq!(serde_json::to_string(&source).unwrap(), text);
        }
    }
}

//! Requests and answers exactly as the service spells them. No other file contains its spelling.
//!
//! A request is a [`Call`] with its action, its service and the type of its answer. Unset arguments are not sent, so
//! that the defaults of the service apply. Every field of an answer is optional and may be null, and unknown fields are
//! ignored. [`super::mapping`] decides which fields are required.
//!
//! To add an action, add a struct for its arguments, one for its answer, a line under `calls!`, and a fixture from
//! the documents in the tests of the module that sends it.

use compact_str::CompactString;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::cloud::Service;

mod other_services;

pub(crate) use other_services::*;

/// Whether a call reads or writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Effect {
    /// The call changes nothing and may be retried.
    Read,
    /// The call changes something and is not retried if its outcome is unknown.
    Write,
}

impl Effect {
    /// Returns the effect of an action by its name. An unknown action counts as a write.
    pub(crate) fn of(action: &str) -> Self {
        if action.starts_with("Describe") || action.starts_with("Get") || action.starts_with("AssumeRole") {
            Self::Read
        } else {
            Self::Write
        }
    }
}

/// Arguments of one action.
pub(crate) trait Call: Serialize + Sync {
    /// Type of the answer.
    type Answer: DeserializeOwned;
    /// Service of the action.
    const SERVICE: Service;
    /// Name of the action.
    const ACTION: &'static str;
}

macro_rules! calls {
    ($($service:ident :: $action:ident -> $answer:ty;)*) => {$(
        impl Call for $action {
            type Answer = $answer;
            const SERVICE: Service = Service::$service;
            const ACTION: &'static str = stringify!($action);
        }
    )*};
}

calls! {
    Cvm::CreateImage -> MadeImage;
    Cvm::ImportImage -> MadeImage;
    Cvm::SyncImages -> SyncedImages;
    Cvm::ModifyImageAttribute -> Done;
    Cvm::ModifyImageSharePermission -> Done;
    Cvm::DeleteImages -> Done;
    Cvm::DescribeImages -> ImagePage;
    Cvm::DescribeImageSharePermission -> SharePermissions;
    Cvm::DescribeImageQuota -> ImageQuota;
    Cvm::DescribeImportImageOs -> ImportSystems;
    Cvm::DescribeRegions -> Regions;
    Tag::CreateTag -> Done;
    Tag::DeleteTag -> Done;
    Tag::ModifyResourceTags -> Done;
    Tag::DescribeResourceTagsByResourceIds -> ResourceTags;
    Sts::GetCallerIdentity -> CallerIdentity;
    Sts::AssumeRole -> AssumedRole;
    Sts::AssumeRoleWithWebIdentity -> AssumedRole;
}

/// Flag that the service expects as the text `"true"` or `"false"` (213/16726 ForcePoweroff, Sysprep, upper case until
/// 2023-10-31).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TextFlag(pub(crate) bool);

impl Serialize for TextFlag {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(if self.0 { "true" } else { "false" })
    }
}

/// Tags of a new resource (213/16726 TagSpecification).
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct TagSpecification {
    pub(crate) resource_type: &'static str,
    pub(crate) tags: Vec<Tag>,
}

/// Tag of an image. The tag service uses the names TagKey and TagValue.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Tag {
    pub(crate) key: CompactString,
    #[serde(default, deserialize_with = "null_is_default")]
    pub(crate) value: CompactString,
}

/// 213/16726 CreateImage.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct CreateImage {
    pub(crate) image_name: CompactString,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) instance_id: Option<CompactString>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) snapshot_ids: Vec<CompactString>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) image_description: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) force_poweroff: Option<TextFlag>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) sysprep: Option<TextFlag>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) data_disk_ids: Vec<CompactString>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) dry_run: Option<bool>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) tag_specification: Vec<TagSpecification>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) image_family: Option<CompactString>,
}

/// 213/15717 ImportImage. Without `Debug`, because the URL may contain a signature.
#[derive(Default, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct ImportImage {
    pub(crate) architecture: &'static str,
    pub(crate) os_type: CompactString,
    pub(crate) os_version: CompactString,
    pub(crate) image_url: String,
    pub(crate) image_name: CompactString,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) image_description: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) dry_run: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) force: Option<bool>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) tag_specification: Vec<TagSpecification>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) license_type: Option<CompactString>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) boot_mode: Option<CompactString>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) image_family: Option<CompactString>,
}

/// Answer of CreateImage and ImportImage. 213/33270 (ImportImage on the international site) has no id.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct MadeImage {
    #[serde(default)]
    pub(crate) image_id: Option<CompactString>,
}

/// 213/15711 SyncImages. The ids are a list, but a call accepts exactly one.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct SyncImages {
    pub(crate) image_ids: Vec<CompactString>,
    pub(crate) destination_regions: Vec<CompactString>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) dry_run: Option<bool>,
    pub(crate) image_name: CompactString,
    pub(crate) image_set_required: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) encrypt: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) kms_key_id: Option<CompactString>,
}

/// Answer of SyncImages.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct SyncedImages {
    #[serde(default, deserialize_with = "null_is_default")]
    pub(crate) image_set: Vec<SyncedImage>,
}

/// Copy in one region.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct SyncedImage {
    #[serde(default)]
    pub(crate) image_id: Option<CompactString>,
    #[serde(default)]
    pub(crate) region: Option<CompactString>,
}

/// 213/33269 ModifyImageAttribute.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct ModifyImageAttribute {
    pub(crate) image_id: CompactString,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) image_name: Option<CompactString>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) image_description: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) image_family: Option<CompactString>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) image_deprecated: Option<bool>,
}

/// 213/15710 ModifyImageSharePermission. Accounts are main accounts (UIN) as text.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct ModifyImageSharePermission {
    pub(crate) image_id: CompactString,
    pub(crate) account_ids: Vec<String>,
    pub(crate) permission: Permission,
}

/// Change of a share.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub(crate) enum Permission {
    Share,
    Cancel,
}

/// 213/15716 DeleteImages. `DeleteBindedSnap` is the documented spelling.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct DeleteImages {
    pub(crate) image_ids: Vec<CompactString>,
    pub(crate) delete_binded_snap: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) dry_run: Option<bool>,
}

/// Answer without fields.
#[derive(Debug, Deserialize)]
pub(crate) struct Done {}

/// 213/15715 DescribeImages. A call has either ids or filters.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct DescribeImages {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) image_ids: Vec<CompactString>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) filters: Vec<Filter>,
    pub(crate) offset: u64,
    pub(crate) limit: u64,
}

/// Filter of a listing. Several values are alternatives.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Filter {
    pub(crate) name: &'static str,
    pub(crate) values: Vec<CompactString>,
}

/// Page of images.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct ImagePage {
    #[serde(default, deserialize_with = "null_is_default")]
    pub(crate) image_set: Vec<Image>,
    #[serde(default)]
    pub(crate) total_count: Option<u64>,
}

/// 213/15753 (data type Image).
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Image {
    #[serde(default)]
    pub(crate) image_id: Option<CompactString>,
    #[serde(default)]
    pub(crate) os_name: Option<CompactString>,
    #[serde(default)]
    pub(crate) image_type: Option<CompactString>,
    #[serde(default)]
    pub(crate) created_time: Option<CompactString>,
    #[serde(default)]
    pub(crate) image_name: Option<CompactString>,
    #[serde(default)]
    pub(crate) image_description: Option<String>,
    #[serde(default)]
    pub(crate) image_size: Option<i64>,
    #[serde(default)]
    pub(crate) architecture: Option<CompactString>,
    #[serde(default)]
    pub(crate) image_state: Option<CompactString>,
    #[serde(default)]
    pub(crate) platform: Option<CompactString>,
    #[serde(default)]
    pub(crate) image_creator: Option<CompactString>,
    #[serde(default, deserialize_with = "null_is_default")]
    pub(crate) snapshot_set: Vec<Snapshot>,
    #[serde(default, deserialize_with = "null_is_default")]
    pub(crate) tags: Vec<Tag>,
    #[serde(default)]
    pub(crate) image_family: Option<CompactString>,
    #[serde(default)]
    pub(crate) image_deprecated: Option<bool>,
}

/// Snapshot of an image.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Snapshot {
    #[serde(default)]
    pub(crate) snapshot_id: Option<CompactString>,
}

/// 213/15712 DescribeImageSharePermission.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct DescribeImageSharePermission {
    pub(crate) image_id: CompactString,
}

/// List of all shares. The action has no pages.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct SharePermissions {
    #[serde(default, deserialize_with = "null_is_default")]
    pub(crate) share_permission_set: Vec<SharePermission>,
}

/// Share with one account.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct SharePermission {
    #[serde(default)]
    pub(crate) account_id: Option<CompactString>,
}

/// 213/15719 DescribeImageQuota.
#[derive(Debug, Serialize)]
pub(crate) struct DescribeImageQuota {}

/// Limit of custom images of the account in the region.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct ImageQuota {
    #[serde(default)]
    pub(crate) image_num_quota: Option<u64>,
}

/// 213/15718 DescribeImportImageOs.
#[derive(Debug, Serialize)]
pub(crate) struct DescribeImportImageOs {}

/// Systems that a region imports: their names, and the versions of some of them.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct ImportSystems {
    #[serde(default, deserialize_with = "null_is_default")]
    pub(crate) import_image_os_list_supported: SystemNames,
    #[serde(default, deserialize_with = "null_is_default")]
    pub(crate) import_image_os_version_set: Vec<SystemVersions>,
}

/// Names of the systems.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct SystemNames {
    #[serde(default, deserialize_with = "null_is_default")]
    pub(crate) windows: Vec<CompactString>,
    #[serde(default, deserialize_with = "null_is_default")]
    pub(crate) linux: Vec<CompactString>,
}

/// Versions of one system.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct SystemVersions {
    #[serde(default)]
    pub(crate) os_name: Option<CompactString>,
    #[serde(default, deserialize_with = "null_is_default")]
    pub(crate) os_versions: Vec<CompactString>,
}

/// Parses a list or text that may be null.
fn null_is_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Default + Deserialize<'de>,
{
    Option::<T>::deserialize(deserializer).map(Option::unwrap_or_default)
}

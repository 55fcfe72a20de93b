//! Requests and answers of other services than images: regions, tags, identities.

use compact_str::CompactString;
use serde::{Deserialize, Serialize};

use super::{Call, null_is_default};
use crate::cloud::Service;

/// 213/15708 DescribeRegions. Frozen: the region service replaces it.
#[derive(Debug, Serialize)]
pub(crate) struct DescribeRegions {}

/// 1596/77930 DescribeRegions of the region service.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct DescribeProductRegions {
    pub(crate) product: &'static str,
}

impl Call for DescribeProductRegions {
    type Answer = Regions;
    const SERVICE: Service = Service::Region;
    // The same name as the action of the image service.
    const ACTION: &'static str = "DescribeRegions";
}

/// Regions of a product.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Regions {
    #[serde(default, deserialize_with = "null_is_default")]
    pub(crate) region_set: Vec<RegionInfo>,
}

/// Region.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct RegionInfo {
    #[serde(default)]
    pub(crate) region: Option<CompactString>,
    #[serde(default)]
    pub(crate) region_state: Option<CompactString>,
}

/// 651/35315 CreateTag: refused if the account has the tag.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct CreateTag {
    pub(crate) tag_key: CompactString,
    pub(crate) tag_value: CompactString,
}

/// 651/35315 DeleteTag: refused while a resource has the tag.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct DeleteTag {
    pub(crate) tag_key: CompactString,
    pub(crate) tag_value: CompactString,
}

/// 651/35307 ModifyResourceTags. Either list may be missing, but not both, and a list must not be empty.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct ModifyResourceTags {
    pub(crate) resource: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) replace_tags: Vec<ReplacedTag>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) delete_tags: Vec<DeletedTag>,
}

/// 651/35307 DescribeResourceTagsByResourceIds: at most 50 resources, and `Offset` is a multiple of `Limit`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct DescribeResourceTagsByResourceIds {
    pub(crate) service_type: &'static str,
    pub(crate) resource_prefix: &'static str,
    pub(crate) resource_ids: Vec<CompactString>,
    pub(crate) resource_region: CompactString,
    pub(crate) offset: u64,
    pub(crate) limit: u64,
}

/// Page of the tags of resources.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct ResourceTags {
    #[serde(default)]
    pub(crate) total_count: Option<u64>,
    #[serde(default, deserialize_with = "null_is_default")]
    pub(crate) tags: Vec<ResourceTag>,
}

/// Tag of a resource.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct ResourceTag {
    #[serde(default)]
    pub(crate) tag_key: Option<CompactString>,
    #[serde(default)]
    pub(crate) tag_value: Option<CompactString>,
    #[serde(default)]
    pub(crate) resource_id: Option<CompactString>,
}

/// Tag to set.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct ReplacedTag {
    pub(crate) tag_key: CompactString,
    pub(crate) tag_value: CompactString,
}

/// Tag to remove.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct DeletedTag {
    pub(crate) tag_key: CompactString,
}

/// 1312/66098 GetCallerIdentity.
#[derive(Debug, Serialize)]
pub(crate) struct GetCallerIdentity {}

/// Identity of the caller.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct CallerIdentity {
    /// Main account (UIN).
    #[serde(default)]
    pub(crate) account_id: Option<CompactString>,
}

/// 1150/49456 AssumeRole.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct AssumeRole {
    pub(crate) role_arn: String,
    pub(crate) role_session_name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) duration_seconds: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) external_id: Option<String>,
}

/// 1312/73070 AssumeRoleWithWebIdentity. Without `Debug`, because the token is secret.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct AssumeRoleWithWebIdentity {
    pub(crate) provider_id: String,
    pub(crate) web_identity_token: String,
    pub(crate) role_arn: String,
    pub(crate) role_session_name: String,
}

/// Temporary key. Without `Debug`, because it contains secrets.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct AssumedRole {
    #[serde(default)]
    pub(crate) credentials: Option<TemporaryKey>,
    /// Seconds since 1970.
    #[serde(default)]
    pub(crate) expired_time: Option<i64>,
}

/// Parts of a temporary key.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct TemporaryKey {
    #[serde(default)]
    pub(crate) token: Option<String>,
    #[serde(default)]
    pub(crate) tmp_secret_id: Option<String>,
    #[serde(default)]
    pub(crate) tmp_secret_key: Option<String>,
}

//! Which service a manifest is for, how to reach it, and where its state is kept.

use compact_str::CompactString;
use serde::{Deserialize, Serialize};

use crate::model::{CloudPlace, Provider, SharedImageEdits, Site};

/// The image service and how to reach it. Goes into a saved plan, so it holds no secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CloudSettings {
    /// Which service.
    pub provider: Provider,
    /// The sandbox's world.
    pub sandbox: SandboxSettings,
    /// International or mainland.
    pub site: Site,
    /// One address for every service, instead of the provider's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<String>,
    /// The profile of the official command line whose credentials are used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub profile: Option<CompactString>,
    /// The key of the tag that goldform puts on what it makes; `None`: no tag.
    pub ownership_tag: Option<CompactString>,
    /// Whether the owner can change an image while it is shared (the documents disagree: 213/15713).
    pub shared_image_edits: SharedImageEdits,
}

impl Default for CloudSettings {
    fn default() -> Self {
        Self {
            provider: Provider::Sandbox,
            sandbox: SandboxSettings::default(),
            site: Site::International,
            endpoint: None,
            profile: None,
            ownership_tag: Some(CompactString::const_new("goldform")),
            shared_image_edits: SharedImageEdits::Allowed,
        }
    }
}

impl CloudSettings {
    /// Returns the place that images are in, or `None` for the sandbox: its world lies beside the state.
    pub fn place(&self) -> Option<CloudPlace> {
        match (self.provider, &self.endpoint) {
            (Provider::Sandbox, _) => None,
            (Provider::Tencent, Some(endpoint)) => Some(CloudPlace::Endpoint(endpoint.clone())),
            (Provider::Tencent, None) => Some(CloudPlace::Site(self.site)),
        }
    }
}

/// The sandbox's world.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SandboxSettings {
    /// The world's file, relative to the state; `None`: `goldform.world.db` beside it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub world: Option<String>,
    /// The world's limit of custom images per region.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub images_per_region: Option<u32>,
    /// The world's limit of accounts per image.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accounts_per_image: Option<u32>,
}

/// Where the state is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StateLocation {
    /// A file, relative to the first manifest's folder.
    File(String),
    /// An object: `s3://bucket/key`.
    Object {
        /// The bucket.
        bucket: String,
        /// The key.
        key: String,
    },
}

impl Default for StateLocation {
    fn default() -> Self {
        Self::File("goldform.state.json".to_owned())
    }
}

//! Settings of a manifest: its service, how to reach it, and the location of its state.

use std::fmt;

use compact_str::CompactString;
use serde::{Deserialize, Serialize};

use crate::model::{CloudPlace, Provider, SharedImageEdits, Site, is_provider_domain};

/// Image service, and how to reach it. It is part of a saved plan, so it contains no secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CloudSettings {
    /// Service.
    pub provider: Provider,
    /// World of the sandbox.
    pub sandbox: SandboxSettings,
    /// Site of Tencent Cloud.
    pub site: Site,
    /// Address of all services, instead of the provider's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<String>,
    /// Root domain of the services' hosts, instead of the site's. Excludes `endpoint`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub domain: Option<String>,
    /// Profile of the official command line whose credentials are used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub profile: Option<CompactString>,
    /// Key of the ownership tag, or `None` for no tag.
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
            domain: None,
            profile: None,
            ownership_tag: Some(CompactString::const_new("goldform")),
            shared_image_edits: SharedImageEdits::Allowed,
        }
    }
}

impl CloudSettings {
    /// Returns the place that images are in, or `None` for the sandbox: its world lies beside the state.
    ///
    /// The provider's own domains are other names for the hosts of the site: a state is used from networks that reach
    /// it by either. What another domain leads to is unknown, so that domain is a place of its own.
    pub fn place(&self) -> Option<CloudPlace> {
        match (self.provider, &self.endpoint, &self.domain) {
            (Provider::Sandbox, ..) => None,
            (Provider::Tencent, Some(endpoint), _) => Some(CloudPlace::Endpoint(endpoint.clone())),
            (Provider::Tencent, None, Some(domain)) if !is_provider_domain(domain) => {
                Some(CloudPlace::Domain(domain.clone()))
            }
            (Provider::Tencent, None, _) => Some(CloudPlace::Site(self.site)),
        }
    }
}

impl CloudSettings {
    /// Returns the quotas of the sandbox's world, which every command that connects sets. `None` for another provider.
    pub fn quotas(&self) -> Option<&SandboxSettings> {
        (self.provider == Provider::Sandbox).then_some(&self.sandbox)
    }
}

/// World of the sandbox.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SandboxSettings {
    /// File of the world, relative to the state. `None` means `goldform.world.db` beside it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub world: Option<String>,
    /// Limit of custom images per region.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub images_per_region: Option<u32>,
    /// Limit of accounts per image.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accounts_per_image: Option<u32>,
}

/// Location of the state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StateLocation {
    /// File, relative to the folder of the first manifest.
    File(String),
    /// Object in a bucket: `s3://bucket/key`.
    Object {
        /// Bucket.
        bucket: String,
        /// Key.
        key: String,
    },
    /// Object in a bucket of Tencent Cloud's own storage, which has no conditional writes: `cos://bucket/key`.
    Cos {
        /// Bucket, with the account's APPID: `states-1250000001`.
        bucket: String,
        /// Key.
        key: String,
    },
}

impl StateLocation {
    /// Parses a location: a file, `s3://bucket/key` or `cos://bucket/key`. `None` if it is none of them.
    pub fn parse(text: &str) -> Option<Self> {
        let object = |rest: &str| {
            let (bucket, key) = rest.split_once('/')?;
            let is_one = !bucket.is_empty() && !key.is_empty() && !key.ends_with('/');
            is_one.then(|| (bucket.to_owned(), key.to_owned()))
        };
        if let Some(rest) = text.strip_prefix("s3://") {
            return object(rest).map(|(bucket, key)| Self::Object { bucket, key });
        }
        if let Some(rest) = text.strip_prefix("cos://") {
            // The bucket is the first label of a host.
            let is_label = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-';
            return object(rest)
                .filter(|(bucket, _)| bucket.bytes().all(is_label))
                .map(|(bucket, key)| Self::Cos { bucket, key });
        }
        let is_file = !text.is_empty() && !text.contains("://") && !text.ends_with('/');
        is_file.then(|| Self::File(text.to_owned()))
    }
}

impl fmt::Display for StateLocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => f.write_str(path),
            Self::Object { bucket, key } => write!(f, "s3://{bucket}/{key}"),
            Self::Cos { bucket, key } => write!(f, "cos://{bucket}/{key}"),
        }
    }
}

impl Default for StateLocation {
    fn default() -> Self {
        Self::File("goldform.state.json".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A state is used from the internet and from a network in which the provider has other names. Another domain may
    /// lead to another cloud, in which all images would seem to be gone.
    #[test]
    fn a_domain_of_the_provider_is_the_place_of_its_site_and_another_domain_its_own() {
        let at = |domain: &str| CloudSettings {
            provider: Provider::Tencent,
            site: Site::Mainland,
            domain: Some(domain.to_owned()),
            ..CloudSettings::default()
        };
        assert_eq!(at("internal.tencentcloudapi.com").place(), Some(CloudPlace::Site(Site::Mainland)));
        let other = at("api.corp.example");
        assert_eq!(other.place(), Some(CloudPlace::Domain("api.corp.example".to_owned())));
        assert_eq!(CloudSettings { provider: Provider::Sandbox, ..other }.place(), None);
    }
}

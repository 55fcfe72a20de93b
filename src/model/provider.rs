//! The image service and the place in it that images belong to.

use serde::{Deserialize, Serialize};

/// Image service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Provider {
    /// The sandbox: no account, no network.
    Sandbox,
    /// Tencent Cloud.
    Tencent,
}

/// Site of the provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Site {
    /// `*.intl.tencentcloudapi.com`.
    International,
    /// `*.tencentcloudapi.com`.
    Mainland,
}

/// Place that images belong to. One account has different images in different places.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CloudPlace {
    /// A site of the provider.
    Site(Site),
    /// One address for every service.
    Endpoint(String),
}

impl std::fmt::Display for CloudPlace {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Site(Site::International) => f.write_str("site international"),
            Self::Site(Site::Mainland) => f.write_str("site mainland"),
            Self::Endpoint(endpoint) => write!(f, "endpoint {endpoint}"),
        }
    }
}

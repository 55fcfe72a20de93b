//! The image service and the place in it that images belong to.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Image service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Provider {
    /// The sandbox: no account, no network.
    Sandbox,
    /// Tencent Cloud.
    Tencent,
}

/// Site of the provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Site {
    /// `*.intl.tencentcloudapi.com`.
    International,
    /// `*.tencentcloudapi.com`.
    Mainland,
}

/// Root domain of the provider. All names below it are the provider's.
const ROOT_DOMAIN: &str = "tencentcloudapi.com";

/// Returns whether a root domain is the provider's own, such as `internal.tencentcloudapi.com`.
pub fn is_provider_domain(domain: &str) -> bool {
    let domain = domain.to_ascii_lowercase();
    domain.strip_suffix(ROOT_DOMAIN).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}

/// Returns whether a text is a root domain: at least two labels of letters, digits and hyphens, the last not a number,
/// so that no address is one.
pub fn is_domain(text: &str) -> bool {
    let is_label = |label: &str| {
        let is_plain = label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        !label.is_empty() && label.len() <= 63 && is_plain && !label.starts_with('-') && !label.ends_with('-')
    };
    let is_name =
        text.rsplit('.').next().is_some_and(|label| label.bytes().any(|byte| byte.is_ascii_alphabetic()));
    text.len() <= 200 && text.contains('.') && is_name && text.split('.').all(is_label)
}

/// Place that images belong to. One account has different images in different places.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CloudPlace {
    /// A site of the provider.
    Site(Site),
    /// One address for every service.
    Endpoint(String),
    /// A root domain that is not the provider's.
    Domain(String),
}

impl std::fmt::Display for CloudPlace {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Site(Site::International) => f.write_str("site international"),
            Self::Site(Site::Mainland) => f.write_str("site mainland"),
            Self::Endpoint(endpoint) => write!(f, "endpoint {endpoint}"),
            Self::Domain(domain) => write!(f, "domain {domain}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_domain_has_two_labels_and_is_no_address() {
        for domain in
            ["internal.tencentcloudapi.com", "tencentcloudapi.com", "Api.Corp.example", "a.b", "x1.c0m"]
        {
            assert!(is_domain(domain), "{domain}");
        }
        let long = format!("{}.example", "a".repeat(64));
        for text in [
            "",
            "provider",
            "localhost",
            ".",
            "a.",
            ".a",
            "a..b",
            "a b.c",
            "a.b:443",
            "http://a.b",
            "a.b/",
            "*.a.b",
            "-a.b",
            "a-.b",
            "127.0.0.1",
            "1.2",
            "a@b.c",
            "a.b#",
            "a.b\n",
            &long,
        ] {
            assert!(!is_domain(text), "{text}");
        }
    }

    #[test]
    fn the_providers_domains_are_those_below_its_root() {
        for domain in ["tencentcloudapi.com", "internal.tencentcloudapi.com", "INTL.TencentCloudAPI.com"] {
            assert!(is_provider_domain(domain), "{domain}");
        }
        for domain in
            ["eviltencentcloudapi.com", "tencentcloudapi.com.example", "tencentcloudapi.example", "api.com"]
        {
            assert!(!is_provider_domain(domain), "{domain}");
        }
    }
}

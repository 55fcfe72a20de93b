//! Documented rate limits: calls per second for each action, region and caller.

use crate::cloud::Service;

/// Source of the rate limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum RateLimits {
    /// The documented limits.
    #[default]
    Documented,
    /// No limits, as in the sandbox by default.
    Unlimited,
}

/// Limit of most actions. Used for an action without a known limit.
const USUAL: u32 = 10;

impl RateLimits {
    /// Returns the calls per second of an action. `None`: no limit.
    pub(super) fn of(self, service: Service, action: &str) -> Option<u32> {
        match self {
            Self::Documented => Some(documented(service, action)),
            Self::Unlimited => None,
        }
    }
}

/// Returns the "default API request rate limit" of the action's page.
fn documented(service: Service, action: &str) -> u32 {
    match (service, action) {
        // 213/16726, 213/15716, 213/15719, 213/15712, 213/33269, 213/15710, 213/15711, 213/15717.
        (
            Service::Cvm,
            "CreateImage"
            | "DeleteImages"
            | "DescribeImageQuota"
            | "DescribeImageSharePermission"
            | "ModifyImageAttribute"
            | "ModifyImageSharePermission"
            | "SyncImages"
            | "ImportImage",
        ) => 10,
        // 213/15715 (2025-11-20).
        (Service::Cvm, "DescribeImages") => 40,
        // 213/73474, 213/111405, 213/15708, 213/35071.
        (Service::Cvm, "ExportImages" | "DescribeImageFromFamily" | "DescribeRegions" | "DescribeZones") => {
            20
        }
        // 213/33271 (2024-11-27): an unusual number, but the documented one.
        (Service::Cvm, "DescribeImportImageOs") => 288,
        // 1271/71915 (2025-10-30).
        (Service::Region, "DescribeRegions" | "DescribeZones") => 50,
        (Service::Region, "DescribeProducts") => 20,
        // 651/35307, 651/35315.
        (Service::Tag, "DescribeResourceTagsByResourceIds") => 100,
        (
            Service::Tag,
            "CreateTag"
            | "DeleteTag"
            | "ModifyResourceTags"
            | "TagResources"
            | "UnTagResources"
            | "GetResources"
            | "DescribeResourceTags",
        ) => 20,
        // 1150/49453, 1150/49454, 1150/49456.
        (Service::Sts, "GetCallerIdentity" | "AssumeRoleWithWebIdentity") => 20,
        (Service::Sts, "AssumeRole") => 600,
        _ => USUAL,
    }
}

//! The documented rate limits: calls a second, for each action, in each region, for each caller.

use crate::cloud::Service;

/// How fast calls may follow each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Rates {
    /// As the documents say.
    #[default]
    Documented,
    /// As fast as they come: for a service that has no limits, such as the sandbox out of the box.
    Unlimited,
}

/// For an action that the documents give no number for (or that nobody looked up): what most actions have.
const USUAL: u32 = 10;

impl Rates {
    /// Calls a second of an action; nothing: no limit.
    pub(super) fn of(self, service: Service, action: &str) -> Option<u32> {
        match self {
            Self::Documented => Some(documented(service, action)),
            Self::Unlimited => None,
        }
    }
}

/// From the line "default API request rate limit" at the head of each action's page.
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
        // 213/33271 (2024-11-27): an odd number, but it is what is printed.
        (Service::Cvm, "DescribeImportImageOs") => 288,
        // 1271/71915 (2025-10-30).
        (Service::Region, "DescribeRegions" | "DescribeZones") => 50,
        (Service::Region, "DescribeProducts") => 20,
        // 651/35307.
        (Service::Tag, "DescribeResourceTagsByResourceIds") => 100,
        (
            Service::Tag,
            "ModifyResourceTags"
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

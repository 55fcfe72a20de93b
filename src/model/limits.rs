//! Limits, each with its source and age.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Custom images per region and account, as the service's page on image types prints it (213/4941).
/// Newer API texts say 500 (213/15716, since 2024-02-05), and the real number differs by account, so the one
/// that DescribeImageQuota reports counts where it is known.
pub const DOCUMENTED_IMAGES_PER_REGION: u32 = 10;

/// Accounts that one image may be shared with, as the page on image types prints it (213/4941). Newer API
/// texts say 500 (213/15710, since 2024-02-05); no action reports the number.
pub const DOCUMENTED_ACCOUNTS_PER_IMAGE: u32 = 50;

/// Source of a limit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "from")]
pub enum LimitSource {
    /// The manifest's `limits:`.
    Manifest,
    /// Reported by the service: DescribeImageQuota, or the error code OverQuota.
    Recorded {
        /// When it was read.
        at: Timestamp,
    },
    /// The number in the service's documentation, if no other is known.
    Documented,
}

/// A limit and its source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limit {
    /// The largest number that is allowed.
    pub value: u32,
    /// Source of the number.
    pub source: LimitSource,
}

/// The limit of custom images in a region, as DescribeImageQuota reported it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImageLimit {
    /// The largest number of custom images.
    pub value: u32,
    /// When it was read.
    pub read_at: Timestamp,
}

impl Limit {
    /// Returns the limit that applies: the lower one of the manifest and the service if both are known, else the known
    /// one, else the documented one.
    pub fn effective(manifest: Option<u32>, recorded: Option<&ImageLimit>, documented: u32) -> Self {
        match (manifest, recorded) {
            (Some(value), Some(read)) if value < read.value => Self { value, source: LimitSource::Manifest },
            (_, Some(read)) => Self { value: read.value, source: LimitSource::Recorded { at: read.read_at } },
            (Some(value), None) => Self { value, source: LimitSource::Manifest },
            (None, None) => Self { value: documented, source: LimitSource::Documented },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lower_of_two_known_limits_counts() {
        let read = ImageLimit { value: 20, read_at: Timestamp::UNIX_EPOCH };
        let value = |manifest, recorded| Limit::effective(manifest, recorded, 10).value;
        assert_eq!(value(None, None), 10);
        assert_eq!(value(Some(500), None), 500, "nothing recorded: the manifest replaces the documents");
        assert_eq!(value(Some(500), Some(&read)), 20);
        assert_eq!(value(Some(5), Some(&read)), 5);
        assert_eq!(value(None, Some(&read)), 20);
    }
}

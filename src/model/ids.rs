//! Ids of the service, as newtypes that check the format.
//!
//! The documentation shows `img-` and eight characters, but one documented example has nine (213/15715), so any run of
//! lower-case letters and digits is accepted. Whether an id exists is not checked.

use std::fmt;
use std::num::NonZeroU64;
use std::str::FromStr;

use compact_str::{CompactString, ToCompactString as _};
use serde::{Deserialize, Serialize, Serializer};
use thiserror::Error;

/// Error: a text does not have the format of an id.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("`{text}` is not {expected}")]
pub struct MalformedId {
    /// The text as it was given.
    pub text: String,
    /// Expected format, for people: "an image id (img- and letters or digits)".
    pub expected: &'static str,
}

macro_rules! prefixed_id {
    ($(#[$doc:meta])* $name:ident, $prefix:literal, $expected:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "CompactString", into = "CompactString")]
        pub struct $name(CompactString);

        impl $name {
            /// Returns the id as the service spells it.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = MalformedId;

            fn from_str(text: &str) -> Result<Self, MalformedId> {
                let shaped = text.strip_prefix($prefix).is_some_and(|rest| {
                    (4..=32).contains(&rest.len())
                        && rest.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
                });
                if shaped {
                    Ok(Self(CompactString::new(text)))
                } else {
                    Err(MalformedId { text: text.to_owned(), expected: $expected })
                }
            }
        }

        impl TryFrom<CompactString> for $name {
            type Error = MalformedId;

            fn try_from(text: CompactString) -> Result<Self, MalformedId> {
                text.parse()
            }
        }

        impl From<$name> for CompactString {
            fn from(id: $name) -> Self {
                id.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }
    };
}

prefixed_id!(
    /// The id of an image, unique in its region: `img-` and usually eight characters (213/6091).
    ImageId, "img-", "an image id (`img-`, then lower-case letters or digits)"
);
prefixed_id!(
    /// The id of a cloud server that an image is made from.
    InstanceId, "ins-", "an instance id (`ins-`, then lower-case letters or digits)"
);
prefixed_id!(
    /// The id of a disk snapshot that an image is made from.
    SnapshotId, "snap-", "a snapshot id (`snap-`, then lower-case letters or digits)"
);
prefixed_id!(
    /// The id of a cloud disk.
    DiskId, "disk-", "a disk id (`disk-`, then lower-case letters or digits)"
);

/// The id of a *main* account (UIN). Images are shared with main accounts only (213/15710 AccountIds).
///
/// A number with up to 19 digits and no leading zero; written as text everywhere, since JSON readers
/// round large numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(try_from = "CompactString")]
pub struct AccountId(NonZeroU64);

impl AccountId {
    const EXPECTED: &'static str = "a main account id (5 to 19 digits, the first not 0)";
}

impl FromStr for AccountId {
    type Err = MalformedId;

    fn from_str(text: &str) -> Result<Self, MalformedId> {
        let malformed = || MalformedId { text: text.to_owned(), expected: Self::EXPECTED };
        if !(5..=19).contains(&text.len())
            || text.starts_with('0')
            || !text.bytes().all(|b| b.is_ascii_digit())
        {
            return Err(malformed());
        }
        text.parse::<NonZeroU64>().map(Self).map_err(|_| malformed())
    }
}

impl TryFrom<CompactString> for AccountId {
    type Error = MalformedId;

    fn try_from(text: CompactString) -> Result<Self, MalformedId> {
        text.parse()
    }
}

/// As text, without an allocation for each: a plan writes some of a million.
impl Serialize for AccountId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0.to_compact_string())
    }
}

impl fmt::Display for AccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_are_checked_and_existence_is_not() {
        assert!("img-6pb6lrmy".parse::<ImageId>().is_ok());
        assert!("img-34vaef8fe".parse::<ImageId>().is_ok(), "the documentation has ids of nine characters");
        for bad in ["img-", "img-ABCDEFGH", "ins-6pb6lrmy", "img-6pb6/rmy", "img-é6pb6lrm"] {
            assert!(bad.parse::<ImageId>().is_err(), "{bad}");
        }
    }

    #[test]
    fn an_account_is_a_number_that_stays_text() {
        let id: AccountId = "100000000001".parse().unwrap();
        assert_eq!(serde_json::to_string(&id).unwrap(), "\"100000000001\"");
        for bad in ["", "1234", "012345678901", "10000000000x", "99999999999999999999", "１２３４５６"]
        {
            assert!(bad.parse::<AccountId>().is_err(), "{bad}");
        }
    }
}

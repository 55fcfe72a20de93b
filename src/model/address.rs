//! Addresses: the stable, printable names of managed things.
//!
//! `image.web-base` · `image.web-base@ap-tokyo` · `image.web-base@ap-tokyo#3` ·
//! `share.web-base@ap-tokyo#3/200000000001` · `lookup.ubuntu`

use std::fmt;
use std::str::FromStr;

use compact_str::CompactString;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::{AccountId, Region};

/// The key of an entry under `images:` or `lookups:`.
///
/// 1 to 60 letters, digits, `-`, `_` or `.`, the first a letter or digit: it needs no quoting in an address or an image
/// name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "CompactString", into = "CompactString")]
pub struct ImageKey(CompactString);

impl ImageKey {
    /// The key as it was written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Error: a text is not a key or not an address.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("`{text}` is not {expected}")]
pub struct MalformedAddress {
    /// The text as it was given.
    pub text: String,
    /// What was expected, for people.
    pub expected: &'static str,
}

impl FromStr for ImageKey {
    type Err = MalformedAddress;

    fn from_str(text: &str) -> Result<Self, MalformedAddress> {
        let shaped = (1..=60).contains(&text.len())
            && text.bytes().next().is_some_and(|b| b.is_ascii_alphanumeric())
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'));
        if shaped {
            Ok(Self(CompactString::new(text)))
        } else {
            Err(MalformedAddress {
                text: text.to_owned(),
                expected: "a key (1 to 60 letters, digits, `-`, `_` or `.`, the first a letter or digit)",
            })
        }
    }
}

impl TryFrom<CompactString> for ImageKey {
    type Error = MalformedAddress;

    fn try_from(text: CompactString) -> Result<Self, MalformedAddress> {
        text.parse()
    }
}

impl From<ImageKey> for CompactString {
    fn from(key: ImageKey) -> Self {
        key.0
    }
}

impl fmt::Display for ImageKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// The number of one build of an image: counts up from 1 and is never used again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct GenerationNumber(pub u32);

impl GenerationNumber {
    /// The generation after this one.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

impl fmt::Display for GenerationNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// One generation of an image in one region: what the service calls an image.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "CompactString", into = "String")]
pub struct PlacementKey {
    /// The entry.
    pub image: ImageKey,
    /// The build.
    pub generation: GenerationNumber,
    /// The region.
    pub region: Region,
}

impl fmt::Display for PlacementKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "image.{}@{}#{}", self.image, self.region, self.generation)
    }
}

impl From<PlacementKey> for String {
    fn from(key: PlacementKey) -> Self {
        key.to_string()
    }
}

impl TryFrom<CompactString> for PlacementKey {
    type Error = MalformedAddress;

    fn try_from(text: CompactString) -> Result<Self, MalformedAddress> {
        match text.parse()? {
            Address::Placement(key) => Ok(key),
            _ => Err(MalformedAddress {
                text: text.to_string(),
                expected: "the address of a placement (`image.KEY@REGION#GENERATION`)",
            }),
        }
    }
}

/// The name of a managed thing.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Address {
    /// `image.KEY`: an entry, in all its generations and regions.
    Image(ImageKey),
    /// `image.KEY@REGION`: an entry in one region, in all its generations.
    InRegion(ImageKey, Region),
    /// `image.KEY@REGION#N`: one build in one region.
    Placement(PlacementKey),
    /// `share.KEY@REGION#N/ACCOUNT`: one build in one region, shared with one account.
    Share(PlacementKey, AccountId),
    /// `lookup.NAME`: an image that is used and not managed.
    Lookup(ImageKey),
}

impl Address {
    /// Returns whether a placement belongs to what this address names. A share covers its placement, a lookup none.
    pub fn covers(&self, at: &PlacementKey) -> bool {
        match self {
            Self::Image(key) => at.image == *key,
            Self::InRegion(key, region) => at.image == *key && at.region == *region,
            Self::Placement(placement) | Self::Share(placement, _) => placement == at,
            Self::Lookup(_) => false,
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Image(key) => write!(f, "image.{key}"),
            Self::InRegion(key, region) => write!(f, "image.{key}@{region}"),
            Self::Placement(placement) => placement.fmt(f),
            Self::Share(PlacementKey { image, generation, region }, account) => {
                write!(f, "share.{image}@{region}#{generation}/{account}")
            }
            Self::Lookup(name) => write!(f, "lookup.{name}"),
        }
    }
}

impl FromStr for Address {
    type Err = MalformedAddress;

    fn from_str(text: &str) -> Result<Self, MalformedAddress> {
        let malformed = || MalformedAddress {
            text: text.to_owned(),
            expected: "an address (`image.KEY`, `image.KEY@REGION`, `image.KEY@REGION#GENERATION`, \
                       `share.KEY@REGION#GENERATION/ACCOUNT` or `lookup.NAME`)",
        };
        let placement = |rest: &str| -> Result<PlacementKey, MalformedAddress> {
            let (key, place) = rest.split_once('@').ok_or_else(malformed)?;
            let (region, generation) = place.split_once('#').ok_or_else(malformed)?;
            Ok(PlacementKey {
                image: key.parse()?,
                region: region.parse().map_err(|_| malformed())?,
                generation: generation.parse().map(GenerationNumber).map_err(|_| malformed())?,
            })
        };
        match text.split_once('.') {
            Some(("image", rest)) => match (rest.split_once('@'), rest.contains('#')) {
                (None, _) => Ok(Self::Image(rest.parse()?)),
                (Some((key, region)), false) => {
                    Ok(Self::InRegion(key.parse()?, region.parse().map_err(|_| malformed())?))
                }
                (Some(_), true) => placement(rest).map(Self::Placement),
            },
            Some(("share", rest)) => {
                let (place, account) = rest.split_once('/').ok_or_else(malformed)?;
                Ok(Self::Share(placement(place)?, account.parse().map_err(|_| malformed())?))
            }
            Some(("lookup", name)) => Ok(Self::Lookup(name.parse()?)),
            _ => Err(malformed()),
        }
    }
}

impl Serialize for Address {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Address {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = CompactString::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_read_back_as_they_print() {
        for text in [
            "image.web-base",
            "image.web.base_2@ap-tokyo",
            "image.web-base@ap-tokyo#3",
            "share.web-base@ap-tokyo#3/200000000001",
            "lookup.ubuntu",
        ] {
            assert_eq!(text.parse::<Address>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn an_address_covers_what_is_below_it() {
        let Ok(Address::Placement(web)) = "image.web@ap-tokyo#2".parse() else { panic!() };
        for (address, covers) in [
            ("image.web", true),
            ("image.db", false),
            ("image.web@ap-tokyo", true),
            ("image.web@ap-seoul", false),
            ("image.web@ap-tokyo#2", true),
            ("image.web@ap-tokyo#1", false),
            ("share.web@ap-tokyo#2/200000000001", true),
            ("lookup.web", false),
        ] {
            assert_eq!(address.parse::<Address>().unwrap().covers(&web), covers, "{address}");
        }
    }

    #[test]
    fn malformed_addresses_are_refused() {
        for text in [
            "",
            "image",
            "image.",
            "web-base",
            "image.a b",
            "image.a@",
            "image.a@ap-tokyo#x",
            "share.a@ap-tokyo#1",
        ] {
            assert!(text.parse::<Address>().is_err(), "{text}");
        }
    }
}

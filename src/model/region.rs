//! Regions, and the facts known about them. Any well-formed code is a region.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use compact_str::CompactString;
use serde::{Deserialize, Serialize};

use super::MalformedId;

/// A region code, such as `ap-jakarta`. Only the format is checked. [`RegionTable`] has the known facts.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "CompactString", into = "CompactString")]
pub struct Region(CompactString);

impl Region {
    /// Returns the code as the service spells it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Region {
    type Err = MalformedId;

    fn from_str(text: &str) -> Result<Self, MalformedId> {
        let shaped = (4..=40).contains(&text.len())
            && text.contains('-')
            && text.split('-').all(|part| {
                !part.is_empty() && part.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
            });
        if shaped {
            Ok(Self(CompactString::new(text)))
        } else {
            Err(MalformedId { text: text.to_owned(), expected: "a region code (such as `ap-jakarta`)" })
        }
    }
}

impl TryFrom<CompactString> for Region {
    type Error = MalformedId;

    fn try_from(text: CompactString) -> Result<Self, MalformedId> {
        text.parse()
    }
}

impl From<Region> for CompactString {
    fn from(region: Region) -> Self {
        region.0
    }
}

impl fmt::Display for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// Known facts about a region.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RegionFacts {
    /// English name.
    pub title: CompactString,
    /// Whether it counts as the Chinese mainland for fees and copies. Hong Kong does not (213/6091 lists it
    /// in the China table, but the rules for fees and copies speak of the mainland).
    pub mainland: bool,
    /// Whether images can be copied to it. Taipei does not support copies (the service's questions and answers).
    pub copy_target: bool,
}

/// The regions that are known: the built-in list and what the manifest adds under `regions:`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RegionTable(BTreeMap<Region, RegionFacts>);

/// Code, name, mainland. From 213/6091, the zone lists of the cvm documents and the region service.
const BUILT_IN: &[(&str, &str, bool)] = &[
    ("ap-bangkok", "Southeast Asia (Bangkok)", false),
    ("ap-beijing", "North China (Beijing)", true),
    ("ap-chengdu", "Southwest China (Chengdu)", true),
    ("ap-chongqing", "Southwest China (Chongqing)", true),
    ("ap-guangzhou", "South China (Guangzhou)", true),
    ("ap-hongkong", "Hong Kong, China", false),
    ("ap-jakarta", "Southeast Asia (Jakarta)", false),
    ("ap-mumbai", "South Asia (Mumbai)", false),
    ("ap-nanjing", "East China (Nanjing)", true),
    ("ap-seoul", "Northeast Asia (Seoul)", false),
    ("ap-shanghai", "East China (Shanghai)", true),
    ("ap-shanghai-fsi", "East China (Shanghai Finance)", true),
    ("ap-shenzhen-fsi", "South China (Shenzhen Finance)", true),
    ("ap-singapore", "Southeast Asia (Singapore)", false),
    ("ap-taipei", "Taipei, China", false),
    ("ap-tokyo", "Northeast Asia (Tokyo)", false),
    ("eu-frankfurt", "Europe (Frankfurt)", false),
    ("eu-moscow", "Northeast Europe (Moscow)", false),
    ("na-ashburn", "East US (Virginia)", false),
    ("na-siliconvalley", "West US (Silicon Valley)", false),
    ("na-toronto", "North America (Toronto)", false),
    ("sa-saopaulo", "South America (Sao Paulo)", false),
];

impl RegionTable {
    /// Returns the documented regions.
    pub fn built_in() -> Self {
        Self(
            BUILT_IN
                .iter()
                .filter_map(|&(code, title, mainland)| {
                    let facts =
                        RegionFacts { title: title.into(), mainland, copy_target: code != "ap-taipei" };
                    Some((code.parse().ok()?, facts))
                })
                .collect(),
        )
    }

    /// Adds a region, or replaces its facts.
    pub fn insert(&mut self, region: Region, facts: RegionFacts) {
        self.0.insert(region, facts);
    }

    /// Returns the facts about a region. Returns `None` if the region is not known.
    pub fn get(&self, region: &Region) -> Option<&RegionFacts> {
        self.0.get(region)
    }

    /// Returns every known region and its facts, by code.
    pub fn iter(&self) -> impl Iterator<Item = (&Region, &RegionFacts)> {
        self.0.iter()
    }
}

impl Default for RegionTable {
    fn default() -> Self {
        Self::built_in()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_built_in_region_is_well_formed() {
        assert_eq!(RegionTable::built_in().iter().count(), BUILT_IN.len());
    }

    #[test]
    fn a_new_region_is_well_formed_and_not_known() {
        let osaka: Region = "ap-osaka".parse().unwrap();
        assert_eq!(RegionTable::built_in().get(&osaka), None);
        for bad in ["", "tokyo", "AP-TOKYO", "ap tokyo", "ap--tokyo", "-tokyo", "ap-"] {
            assert!(bad.parse::<Region>().is_err(), "{bad}");
        }
    }
}

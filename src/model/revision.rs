//! Names of generations in manifests and on the command line.

use std::fmt;
use std::str::FromStr;

use compact_str::CompactString;
use serde::{Deserialize, Serialize};

use super::GenerationNumber;

/// Name of a generation: its revision, or `REVISION#N` if several generations have one revision.
///
/// A manifest names generations by revision, because a number differs from entry to entry and cannot name a build that
/// does not exist yet.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "CompactString", into = "CompactString")]
pub struct RevisionName {
    /// Revision.
    pub revision: CompactString,
    /// Number of the generation. `None`: the newest usable one with this revision.
    pub generation: Option<GenerationNumber>,
}

/// Text that is not the name of a generation.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MalformedRevision {
    /// The text is empty.
    #[error("the name of a revision is empty")]
    Empty,
    /// The text is a reserved word.
    #[error("`current` is reserved for the generation that is current")]
    Reserved,
}

impl RevisionName {
    /// Returns whether a generation has this name.
    pub fn matches(&self, revision: &str, generation: GenerationNumber) -> bool {
        self.revision == revision && self.generation.is_none_or(|number| number == generation)
    }
}

impl FromStr for RevisionName {
    type Err = MalformedRevision;

    fn from_str(text: &str) -> Result<Self, MalformedRevision> {
        let number = |digits: &str| {
            let is_number = digits.starts_with(|c: char| matches!(c, '1'..='9'));
            is_number.then(|| digits.parse().ok()).flatten().map(GenerationNumber)
        };
        let (revision, generation) = match text.rsplit_once('#') {
            Some((revision, digits)) if number(digits).is_some() => (revision, number(digits)),
            _ => (text, None),
        };
        match revision {
            "" => Err(MalformedRevision::Empty),
            "current" => Err(MalformedRevision::Reserved),
            _ => Ok(Self { revision: revision.into(), generation }),
        }
    }
}

impl fmt::Display for RevisionName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.revision)?;
        match self.generation {
            Some(generation) => write!(f, "#{generation}"),
            None => Ok(()),
        }
    }
}

impl TryFrom<CompactString> for RevisionName {
    type Error = MalformedRevision;

    fn try_from(text: CompactString) -> Result<Self, MalformedRevision> {
        text.parse()
    }
}

impl From<RevisionName> for CompactString {
    fn from(name: RevisionName) -> Self {
        compact_str::format_compact!("{name}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_after_the_last_hash_is_a_generation() {
        for (text, revision, generation) in [
            ("2026-W47", "2026-W47", None),
            ("2026-W47#3", "2026-W47", Some(3)),
            ("c#", "c#", None),
            ("c#0", "c#0", None),
            ("c#1#12", "c#1", Some(12)),
            ("a#b", "a#b", None),
        ] {
            let name: RevisionName = text.parse().unwrap();
            assert_eq!(
                (name.revision.as_str(), name.generation.map(|number| number.0)),
                (revision, generation)
            );
            assert_eq!(name.to_string(), text);
        }
        assert_eq!("".parse::<RevisionName>(), Err(MalformedRevision::Empty));
        assert_eq!("#3".parse::<RevisionName>(), Err(MalformedRevision::Empty));
        assert_eq!("current".parse::<RevisionName>(), Err(MalformedRevision::Reserved));
    }

    #[test]
    fn a_name_with_a_number_matches_one_generation() {
        let name: RevisionName = "a#2".parse().unwrap();
        assert!(name.matches("a", GenerationNumber(2)));
        assert!(!name.matches("a", GenerationNumber(3)));
        assert!(!name.matches("b", GenerationNumber(2)));
    }
}

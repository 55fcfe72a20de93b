//! Content digests: what a build was made from, and what a plan would do.

use std::fmt;
use std::io::{self, BufWriter, Write};

use compact_str::CompactString;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// The SHA-256 of a value's canonical JSON, in lower-case hexadecimal behind `sha256:`.
///
/// Canonical here means: the serde form of our own types, whose maps are sorted; so equal values give
/// equal text.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Digest(CompactString);

impl Digest {
    /// The digest of bytes.
    pub fn of_bytes(bytes: &[u8]) -> Self {
        Self::of_hash(&Sha256::digest(bytes))
    }

    fn of_hash(hash: &[u8]) -> Self {
        let mut text = CompactString::const_new("sha256:");
        for byte in hash {
            // Writing to a string cannot fail.
            let _ = fmt::Write::write_fmt(&mut text, format_args!("{byte:02x}"));
        }
        Self(text)
    }

    /// The digest of a value, over its canonical JSON.
    ///
    /// # Errors
    /// When the value cannot be written as JSON (a map with keys that are not text).
    pub fn of<T: Serialize>(value: &T) -> Result<Self, serde_json::Error> {
        // Piece by piece: the JSON of a large plan is tens of megabytes.
        let mut hasher = BufWriter::with_capacity(1 << 16, Hashing(Sha256::new()));
        serde_json::to_writer(&mut hasher, value)?;
        let Hashing(hash) = hasher.into_inner().map_err(|error| serde_json::Error::io(error.into_error()))?;
        Ok(Self::of_hash(&hash.finalize()))
    }

    /// The digest as text, `sha256:` first.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The first twelve digits, for people.
    pub fn short(&self) -> &str {
        let digits = self.0.strip_prefix("sha256:").unwrap_or(&self.0);
        digits.get(..12).unwrap_or(digits)
    }

    /// Whether `given` names this digest: in full, without its prefix, or by at least its first twelve digits.
    pub fn is_named_by(&self, given: &str) -> bool {
        let digits = given.trim().trim_start_matches("sha256:");
        digits.len() >= 12 && self.0.trim_start_matches("sha256:").starts_with(digits)
    }
}

/// What is written into it is hashed.
struct Hashing(Sha256);

impl Write for Hashing {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_has_the_digest_of_its_json_however_long_it_is() {
        for value in [Vec::new(), vec!["x".repeat(70_000), "é\"".repeat(40_000)]] {
            let text = serde_json::to_string(&value).unwrap();
            assert_eq!(Digest::of(&value).unwrap(), Digest::of_bytes(text.as_bytes()));
        }
    }

    #[test]
    fn a_digest_is_named_by_its_beginning_but_not_by_a_crumb() {
        let digest = Digest::of_bytes(b"");
        assert_eq!(digest.short(), "e3b0c44298fc");
        assert!(digest.is_named_by(digest.as_str()));
        assert!(digest.is_named_by("e3b0c44298fc"));
        assert!(!digest.is_named_by("e3b0"));
        assert!(!digest.is_named_by("e3b0c44298fd"));
    }
}

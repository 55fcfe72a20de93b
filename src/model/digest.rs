//! Digests of the source of a build and of the content of a plan.

use std::fmt;
use std::io::{self, BufWriter, Write};

use compact_str::CompactString;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// The SHA-256 of a value's canonical JSON, in lower-case hexadecimal behind `sha256:`.
///
/// Canonical means the serde form of our own types, whose maps are sorted: equal values have equal text.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Digest(CompactString);

impl Digest {
    /// Returns the digest of bytes.
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

    /// Returns the digest of a value's canonical JSON.
    ///
    /// # Errors
    /// Returns an error if the value has no JSON form (a map whose keys are not text).
    pub fn of<T: Serialize>(value: &T) -> Result<Self, serde_json::Error> {
        // Piece by piece: the JSON of a large plan is tens of megabytes.
        let mut hasher = BufWriter::with_capacity(1 << 16, Hashing(Sha256::new()));
        serde_json::to_writer(&mut hasher, value)?;
        let Hashing(hash) = hasher.into_inner().map_err(|error| serde_json::Error::io(error.into_error()))?;
        Ok(Self::of_hash(&hash.finalize()))
    }

    /// Returns the digest as text, with the prefix `sha256:`.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the first [`NAME_DIGITS`] digits, which are shown and are enough to name the digest.
    pub fn name(&self) -> &str {
        let digits = digits(&self.0);
        digits.get(..NAME_DIGITS).unwrap_or(digits)
    }

    /// Returns whether a text can name a digest, as [`Digest::is_named_by`] accepts it.
    pub fn is_name(text: &str) -> bool {
        (NAME_DIGITS..=64).contains(&digits(text).len()) && is_hexadecimal(digits(text))
    }

    /// Returns how many digits a text has that is the beginning of a name and too short for one. `None` for any other
    /// text.
    pub fn cut_short(text: &str) -> Option<usize> {
        let digits = digits(text);
        ((4..NAME_DIGITS).contains(&digits.len()) && is_hexadecimal(digits)).then_some(digits.len())
    }

    /// Returns whether `given` names this digest: in full, without its prefix, or by at least its first [`NAME_DIGITS`]
    /// digits.
    pub fn is_named_by(&self, given: &str) -> bool {
        Self::is_name(given) && digits(&self.0).starts_with(digits(given))
    }
}

/// How many hexadecimal digits name a digest: 128 bits. A second plan with the same 48 bits can be found within a minute.
pub const NAME_DIGITS: usize = 32;

fn digits(text: &str) -> &str {
    let text = text.trim();
    text.strip_prefix("sha256:").unwrap_or(text)
}

fn is_hexadecimal(digits: &str) -> bool {
    digits.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// Writer that hashes its input.
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
    fn a_digest_is_named_by_128_bits_and_not_by_less() {
        let digest = Digest::of_bytes(b"");
        assert_eq!(digest.name(), "e3b0c44298fc1c149afbf4c8996fb924");
        for name in [digest.as_str(), digest.name(), "e3b0c44298fc1c149afbf4c8996fb92427ae"] {
            assert!(Digest::is_name(name) && digest.is_named_by(name), "{name}");
            assert_eq!(Digest::cut_short(name), None);
        }
        for other in ["e3b0c44298fc1c149afbf4c8996fb925", "E3B0C44298FC1C149AFBF4C8996FB924"] {
            assert!(!digest.is_named_by(other), "{other}");
        }
        for (text, length) in
            [("e3b0", 4), ("e3b0c44298fc", 12), ("sha256:e3b0c44298fc1c149afbf4c8996fb92", 31)]
        {
            assert!(!Digest::is_name(text) && !digest.is_named_by(text), "{text}");
            assert_eq!(Digest::cut_short(text), Some(length));
        }
        for text in ["", "plan.json", "./e3b0c44298fc", "E3B0C44298FC", "bad.plan", &"0".repeat(65)] {
            assert!(!Digest::is_name(text) && Digest::cut_short(text).is_none(), "{text}");
        }
    }
}

//! Interim names: evidence of ownership for images whose creating call cannot set a tag.
//!
//! SyncImages accepts no tags (213/15711), so a copy is created as `<name>~<10 characters>`, derived from the state's
//! lineage, the placement and the attempt. Nobody else uses such a name, so an image that has it is ours, and
//! `InvalidImageName.Duplicate` on it means that an earlier call created the image. The call that sets the family and
//! description also sets the final name, before the image is shared.

use compact_str::{CompactString, format_compact};
use sha2::{Digest as _, Sha256};

use super::PlacementKey;
use super::image::NAME_MAX_CHARS;

/// RFC 4648's base32 alphabet, in lower case.
const ALPHABET: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
/// Characters of the derived part: 50 bits.
const DERIVED_CHARS: usize = 10;

/// Returns `<name>~<suffix>`, with the name cut to the maximum length of an image name.
pub fn with_suffix(name: &str, suffix: &str) -> CompactString {
    let room = NAME_MAX_CHARS.saturating_sub(suffix.chars().count().saturating_add(1));
    let base: CompactString = name.chars().take(room).collect();
    format_compact!("{base}~{suffix}")
}

/// Returns the interim name of a placement for the state with this lineage. `attempt` is the number of forgotten images
/// of this placement: they may still exist, so their names are not used again.
pub fn interim_name(name: &str, lineage: &str, at: &PlacementKey, attempt: u32) -> CompactString {
    let hash = Sha256::digest(format!("{lineage}\n{at}\n{attempt}"));
    let mut suffix = CompactString::default();
    let (mut bits, mut held) = (0u32, 0u32);
    for byte in hash {
        bits = (bits << 8) | u32::from(byte);
        held = held.saturating_add(8);
        while held >= 5 && suffix.len() < DERIVED_CHARS {
            held = held.saturating_sub(5);
            let index = usize::try_from((bits >> held) & 31).unwrap_or_default();
            suffix.push(ALPHABET.get(index).copied().map_or('a', char::from));
        }
    }
    with_suffix(name, &suffix)
}

/// Returns whether a name has the suffix of an interim name. A user may choose such a name, so this is proof only for
/// names in our own journal.
pub fn is_interim_name(name: &str) -> bool {
    let suffix = name.rsplit_once('~').map_or("", |(_, suffix)| suffix);
    suffix.len() == DERIVED_CHARS && suffix.bytes().all(|byte| ALPHABET.contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::worlds::at;

    #[test]
    fn a_name_with_a_suffix_fits_the_limit_in_characters() {
        assert_eq!(with_suffix("web", "g12"), "web~g12");
        let long = with_suffix(&"\u{955c}".repeat(60), "g3");
        assert_eq!(long.chars().count(), NAME_MAX_CHARS);
        assert!(long.ends_with("~g3"));
    }

    #[test]
    fn interim_names_differ_by_lineage_placement_and_attempt() {
        let web = at("image.web@ap-tokyo#1");
        let name = interim_name("web-1", "lineage-1", &web, 0);
        assert_eq!(name, interim_name("web-1", "lineage-1", &web, 0));
        assert_eq!(name.len(), "web-1~".len() + DERIVED_CHARS);
        assert!(is_interim_name(&name) && !is_interim_name("web-1") && !is_interim_name("web~g2"));
        for other in [
            interim_name("web-1", "lineage-2", &web, 0),
            interim_name("web-1", "lineage-1", &at("image.web@ap-seoul#1"), 0),
            interim_name("web-1", "lineage-1", &web, 1),
        ] {
            assert_ne!(name, other);
        }
    }
}

//! "Did you mean": finds the known word that is most similar to a mistyped one.

use std::cell::Cell;

use similar::TextDiff;

/// Longest word that is compared, in characters: a comparison costs the square of the length.
const MAX_CHARS: usize = 64;
/// Least similarity of a suggestion, from 0 to 1.
const MIN_RATIO: f32 = 0.6;
/// Most known words that are compared with one word.
const MAX_CANDIDATES: usize = 2_000;

/// Returns the known word that is most similar to this one, if any is similar enough. Of equally similar words it
/// returns the alphabetically first, so that the result does not depend on the order of `known`.
pub fn closest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let mut left = MAX_CANDIDATES;
    search(word, known, &mut left)
}

/// Finds suggestions for many words, with a bound on all comparisons together: suggestions for a text with a hundred
/// thousand unknown words would need hours.
#[derive(Debug)]
pub struct Suggestions {
    /// Comparisons that are left.
    left: Cell<usize>,
}

impl Default for Suggestions {
    fn default() -> Self {
        Self { left: Cell::new(100_000) }
    }
}

impl Suggestions {
    /// Does the same as [`closest`], but returns `None` when no comparisons are left.
    pub fn closest<'a>(&self, word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
        let mut left = self.left.get().min(MAX_CANDIDATES);
        let before = left;
        let found = search(word, known, &mut left);
        self.left.set(self.left.get() - (before - left));
        found
    }
}

/// Compares at most `left` known words.
fn search<'a>(word: &str, known: impl IntoIterator<Item = &'a str>, left: &mut usize) -> Option<&'a str> {
    let word_length = word.chars().count();
    if word_length == 0 || word_length > MAX_CHARS {
        return None;
    }
    let folded = word.to_lowercase();
    let counts = ByteCounts::of(&folded);
    let mut best: Option<(f32, &'a str)> = None;
    for candidate in known {
        let Some(rest) = left.checked_sub(1) else { break };
        *left = rest;
        let length = candidate.chars().count();
        if candidate == word || length > MAX_CHARS {
            continue;
        }
        let other = candidate.to_lowercase();
        // An upper bound of the ratio that is cheap to compute.
        let shared = counts.shared_with(&ByteCounts::of(&other));
        if 2.0 * as_f32(shared) / as_f32(folded.len() + other.len()) < MIN_RATIO {
            continue;
        }
        let ratio = TextDiff::from_chars(folded.as_str(), other.as_str()).ratio();
        let is_better = match best {
            None => ratio >= MIN_RATIO,
            Some((most, name)) => ratio > most || (ratio >= most && candidate < name),
        };
        if is_better {
            best = Some((ratio, candidate));
        }
    }
    best.map(|(_, candidate)| candidate)
}

/// Number of occurrences of each byte in a text.
struct ByteCounts([u8; 256]);

impl ByteCounts {
    fn of(text: &str) -> Self {
        let mut counts = [0u8; 256];
        for byte in text.bytes() {
            if let Some(count) = counts.get_mut(usize::from(byte)) {
                *count = count.saturating_add(1);
            }
        }
        Self(counts)
    }

    fn shared_with(&self, other: &Self) -> usize {
        self.0.iter().zip(&other.0).map(|(a, b)| usize::from(*a.min(b))).sum()
    }
}

fn as_f32(length: usize) -> f32 {
    // At most a few hundred.
    u16::try_from(length).map_or(f32::MAX, f32::from)
}

#[cfg(test)]
mod tests {
    use super::closest;

    const KEYS: [&str; 6] = ["copies", "description", "family", "name", "region", "source"];

    #[test]
    fn a_mistyped_word_finds_the_known_one() {
        for (slip, word) in
            [("regoin", "region"), ("Copies", "copies"), ("discription", "description"), ("nmae", "name")]
        {
            assert_eq!(closest(slip, KEYS), Some(word), "{slip}");
        }
    }

    #[test]
    fn another_word_finds_none() {
        assert_eq!(closest("zzz", KEYS), None);
        assert_eq!(closest("", KEYS), None);
        assert_eq!(closest(&"x".repeat(10_000), KEYS), None);
    }

    #[test]
    fn suggestions_are_bounded() {
        let suggestions = super::Suggestions::default();
        let known: Vec<String> = (0..3_000).map(|number| format!("name-{number}")).collect();
        let found =
            (0..100).filter(|_| suggestions.closest("nmae-1", known.iter().map(String::as_str)).is_some());
        assert_eq!(found.count(), 50);
    }

    #[test]
    fn the_order_of_the_known_words_does_not_matter() {
        assert_eq!(closest("wob", ["web", "wab"]), Some("wab"));
        assert_eq!(closest("wob", ["wab", "web"]), Some("wab"));
    }
}

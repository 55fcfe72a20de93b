//! "Did you mean": the known word that is closest to a mistyped one.

use std::cell::Cell;

use similar::TextDiff;

/// Longer words are not compared: nobody mistypes them, and comparing costs their length squared.
const LONGEST: usize = 64;
/// How alike two words must be to be offered, from 0 to 1.
const LEAST_ALIKE: f32 = 0.6;
/// How many known words are looked at: a fleet has more names than a suggestion is worth.
const MOST_KNOWN: usize = 2_000;

/// The known word that is closest to this one, if any is close. Of words that are equally close the first in
/// alphabetical order, so the answer does not depend on the order of `known`.
pub fn closest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let mut left = MOST_KNOWN;
    search(word, known, &mut left)
}

/// Suggestions for many words, of which only so many are looked for: a text with a hundred thousand slips is no
/// slip, and a suggestion for each would take hours.
#[derive(Debug)]
pub struct Suggestions {
    left: Cell<usize>,
}

impl Default for Suggestions {
    fn default() -> Self {
        Self { left: Cell::new(100_000) }
    }
}

impl Suggestions {
    /// See [`closest`]; nothing once enough words were compared.
    pub fn closest<'a>(&self, word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
        let mut left = self.left.get().min(MOST_KNOWN);
        let before = left;
        let found = search(word, known, &mut left);
        self.left.set(self.left.get() - (before - left));
        found
    }
}

/// Looks at `left` known words at the most.
fn search<'a>(word: &str, known: impl IntoIterator<Item = &'a str>, left: &mut usize) -> Option<&'a str> {
    let word_length = word.chars().count();
    if word_length == 0 || word_length > LONGEST {
        return None;
    }
    let folded = word.to_lowercase();
    let letters = Letters::of(&folded);
    let mut best: Option<(f32, &'a str)> = None;
    for candidate in known {
        let Some(rest) = left.checked_sub(1) else { break };
        *left = rest;
        let length = candidate.chars().count();
        if candidate == word || length > LONGEST {
            continue;
        }
        let other = candidate.to_lowercase();
        // The ratio cannot be higher than this, which costs little.
        let shared = letters.shared_with(&Letters::of(&other));
        if 2.0 * as_f32(shared) / as_f32(folded.len() + other.len()) < LEAST_ALIKE {
            continue;
        }
        let ratio = TextDiff::from_chars(folded.as_str(), other.as_str()).ratio();
        let is_better = match best {
            None => ratio >= LEAST_ALIKE,
            Some((most, name)) => ratio > most || (ratio >= most && candidate < name),
        };
        if is_better {
            best = Some((ratio, candidate));
        }
    }
    best.map(|(_, candidate)| candidate)
}

/// How often each byte stands in a text.
struct Letters([u8; 256]);

impl Letters {
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
    // A few hundred at the most.
    u16::try_from(length).map_or(f32::MAX, f32::from)
}

#[cfg(test)]
mod tests {
    use super::closest;

    const KEYS: [&str; 6] = ["copies", "description", "family", "name", "region", "source"];

    #[test]
    fn a_slip_finds_its_word() {
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
    fn there_is_an_end_of_suggestions() {
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

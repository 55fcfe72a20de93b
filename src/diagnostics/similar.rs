//! "Did you mean": the known word that is closest to a mistyped one.

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
    let word_length = word.chars().count();
    if word_length == 0 || word_length > LONGEST {
        return None;
    }
    let folded = word.to_lowercase();
    let mut best: Option<(f32, &'a str)> = None;
    for candidate in known.into_iter().take(MOST_KNOWN) {
        let length = candidate.chars().count();
        // The ratio cannot be higher than this, and it costs nothing.
        let bound = 2.0 * as_f32(word_length.min(length)) / as_f32(word_length + length);
        if candidate == word || length > LONGEST || bound < LEAST_ALIKE {
            continue;
        }
        let ratio = TextDiff::from_chars(folded.as_str(), candidate.to_lowercase().as_str()).ratio();
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

fn as_f32(length: usize) -> f32 {
    // At most 2 × LONGEST.
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
    fn the_order_of_the_known_words_does_not_matter() {
        assert_eq!(closest("wob", ["web", "wab"]), Some("wab"));
        assert_eq!(closest("wob", ["wab", "web"]), Some("wab"));
    }
}

//! A second opinion: `serde_yaml`, on libyaml, reads the same types.
//!
//! It takes more than we do (numbers as text, keys that stand twice, tags) and, following an older libyaml, less;
//! only where both take a text can their answers be compared, and there they are the same but for the
//! differences listed in [`known_difference`].

use std::sync::Arc;

use proptest::prelude::*;

use super::corpus::{mutated, seeds};
use crate::diagnostics::FileId;
use crate::manifest::parse::parse;
use crate::manifest::syntax::Manifest;

/// Differences that are meant, each with its reason: texts with them are not compared.
fn known_difference(text: &str) -> Option<&'static str> {
    let has_lone_question_mark =
        || text.match_indices('?').any(|(at, _)| !text[at + 1..].starts_with([' ', '\n', '\r']));
    if text.contains(['\u{85}', '\u{2028}']) {
        Some("line breaks in YAML 1.1, text in YAML 1.2")
    } else if has_lone_question_mark() {
        Some("in brackets libyaml takes `?` for the sign of a key even without a blank after it")
    } else {
        None
    }
}

/// Compares the two readers; says whether both took the text.
fn opinions_agree(text: &str) -> bool {
    let ours = parse(FileId(0), &Arc::from(text));
    let Ok(theirs) = serde_yaml::from_str::<Manifest>(text) else { return false };
    if !ours.diagnostics.is_empty() || known_difference(text).is_some() {
        return false;
    }
    assert!(ours.manifest == theirs, "{text:?} is\n{:?}\n{theirs:?}", ours.manifest);
    true
}

#[test]
fn both_readers_take_most_seeds() {
    let both = seeds().iter().filter(|seed| opinions_agree(seed)).count();
    assert!(both >= seeds().len() - 2, "{both} of {}", seeds().len());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(super::agreement::cases()))]

    #[test]
    fn where_both_readers_take_a_text_they_read_the_same(text in mutated()) {
        opinions_agree(&text);
    }
}

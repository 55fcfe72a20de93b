//! Comparison with another reader: `serde_yaml`, on libyaml, reads the same types.
//!
//! It accepts some texts that goldform refuses (numbers as text, duplicate keys, tags) and refuses others, as older readers
//! do. If both accept a text, they read the same, except for the differences in [`known_difference`].

use std::sync::Arc;

use proptest::prelude::*;

use super::corpus::{mutated, seeds};
use crate::diagnostics::FileId;
use crate::manifest::parse::parse;
use crate::manifest::syntax::Manifest;

/// Returns the reason for an intended difference. Such texts are not compared.
pub(super) fn known_difference(text: &str) -> Option<&'static str> {
    let has_lone_question_mark =
        || text.match_indices('?').any(|(at, _)| !text[at + 1..].starts_with([' ', '\n', '\r']));
    if text.contains(['\u{85}', '\u{2028}']) {
        Some("line breaks in YAML 1.1, text in YAML 1.2")
    } else if has_lone_question_mark() {
        Some("in brackets libyaml reads `?` as the sign of a key even without a blank after it")
    } else {
        None
    }
}

/// Compares the two readers. Returns whether both accept the text.
fn readers_agree(text: &str) -> bool {
    let ours = parse(FileId(0), &Arc::from(text));
    let Ok(theirs) = serde_yaml::from_str::<Manifest>(text) else { return false };
    if !ours.diagnostics.is_empty() || known_difference(text).is_some() {
        return false;
    }
    assert!(ours.manifest == theirs, "{text:?} is\n{:?}\n{theirs:?}", ours.manifest);
    true
}

#[test]
fn both_readers_accept_most_seeds() {
    let both = seeds().iter().filter(|seed| readers_agree(seed)).count();
    assert!(both >= seeds().len() - 2, "{both} of {}", seeds().len());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(super::agreement::cases()))]

    #[test]
    fn a_text_that_both_readers_accept_is_read_alike(text in mutated()) {
        readers_agree(&text);
    }
}

//! Properties that compare the fast path and the slow path.

use std::sync::Arc;

use proptest::prelude::*;

use super::corpus::{mutated, seeds};
use crate::diagnostics::{FileId, Place, RenderOptions, render};
use crate::manifest::parse::{parse, parse_slowly};
use crate::manifest::syntax::Manifest;
use crate::manifest::yaml;
use crate::manifest::{Input, Variables, load};

fn paths_agree(text: &str) {
    let shared: Arc<str> = Arc::from(text);
    let (decoded, problem) = crate::manifest::text::decode(FileId(0), "a.yaml", text.into());
    if problem.is_some() {
        return;
    }
    let slow = parse_slowly(FileId(0), &decoded);
    for diagnostic in &slow.diagnostics {
        for label in &diagnostic.labels {
            let Place::Span(span) = label.place else { panic!("{text:?}: {diagnostic:?}") };
            assert!(shared.get(span.start..span.end).is_some(), "{text:?}: {diagnostic:?}");
        }
    }
    if yaml::needs_slow_path(text) {
        return;
    }
    match (yaml::read::<Manifest>(text), slow.diagnostics.as_slice()) {
        (Some(fast), []) => assert_eq!(fast, slow.manifest, "{text:?}"),
        (Some(_), diagnostics) => panic!("only the fast path accepts {text:?}: {diagnostics:?}"),
        // The fast path leaves text in quotes that would be a number without them to the slow path, where text is not the
        // only form.
        (None, []) => assert!(
            ["ownership_tag", "images", "accounts", "adopted"].iter().any(|key| text.contains(key)),
            "only the slow path accepts {text:?}"
        ),
        (None, _) => {}
    }
}

#[test]
fn the_paths_read_the_seeds_alike() {
    for seed in seeds() {
        paths_agree(seed);
    }
}

#[test]
fn text_like_a_number_is_text_in_quotes_only_where_it_is_not_the_only_form() {
    for place in [
        "cloud: { ownership_tag: TEXT }",
        "accounts: { a: TEXT }",
        "shares: [{ images: TEXT }]",
        "images: { a: { source: { adopted: TEXT } } }",
    ] {
        for (value, is_text) in
            [("007", false), ("\"007\"", true), ("1_0", false), ("'1_0'", true), ("a", true)]
        {
            let text: Arc<str> = place.replace("TEXT", value).into();
            let found = parse(FileId(0), &text).diagnostics;
            assert_eq!(found.is_empty(), is_text, "{text}: {found:?}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(cases()))]

    /// If the fast path may be used, both paths read the same or both refuse. Every span of a diagnostic is within the
    /// text.
    #[test]
    fn the_paths_read_any_text_alike(text in mutated()) {
        paths_agree(&text);
    }
}

/// Returns `PROPTEST_CASES`, or a number that is small enough for every run.
pub(in crate::manifest) fn cases() -> u32 {
    let set = ProptestConfig::default().cases;
    if set == 256 { 2_000 } else { set }
}

proptest! {
    /// Any bytes have a result, and every place of its diagnostics can be drawn.
    #[test]
    fn any_bytes_have_a_result(texts in proptest::collection::vec(mutated(), 1..3), cut in any::<proptest::sample::Index>()) {
        let mut inputs: Vec<Input> =
            texts.into_iter().map(|text| Input { name: "a.yaml".into(), bytes: text.into_bytes() }).collect();
        let bytes = &mut inputs[0].bytes;
        bytes.truncate(cut.index(bytes.len() + 1));
        let loaded = load(inputs, &Variables::default());
        prop_assert!(loaded.complete || !loaded.diagnostics.is_empty() || loaded.desired.is_some_and(|desired| !desired.faults.is_empty()));
        let place = |place: &Place| {
            let span = loaded.locator.place(place)?;
            let text = &loaded.locator.sources().get(span.file)?.text;
            assert!(text.get(span.start..span.end).is_some(), "{place:?} is {span:?}");
            Some(span)
        };
        let options = RenderOptions { max: usize::MAX, ..RenderOptions::default() };
        render(&loaded.diagnostics, &place, loaded.locator.sources(), options);
    }
}

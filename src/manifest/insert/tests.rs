use proptest::prelude::*;

use super::*;
use crate::diagnostics::Severity;
use crate::manifest::tests::agreement::cases;
use crate::manifest::tests::corpus::mutated;
use crate::manifest::tests::input;
use crate::manifest::{Variables, load};

fn entry(key: &str) -> NewEntry {
    NewEntry {
        key: key.parse().unwrap(),
        region: "ap-tokyo".parse().unwrap(),
        name: "My \"image\" ${x}".to_owned(),
        description: None,
        family: None,
        deprecate: true,
        tags: Tags::new(),
        id: "img-0a1b2c3d".parse().unwrap(),
        copies: vec!["ap-seoul".parse().unwrap()],
        shares: vec![NewShare {
            with: vec!["200000000001".parse().unwrap(), "200000000009".parse().unwrap()],
            regions: BTreeSet::new(),
        }],
    }
}

fn inserted(text: &str) -> Result<String, InsertError> {
    let partner: AccountId = "200000000001".parse().unwrap();
    insert(text, &[entry("web")], &|id| (id == partner).then(|| "partner".to_owned()))
}

const IMAGE: &str = "web:\n    region: ap-tokyo\n    name: \"My \\\"image\\\" $${x}\"\n    \
                     source: { adopted: img-0a1b2c3d }\n    copies: [ap-seoul]\n";
const SHARE: &str = "- { image: web, with: [partner, \"200000000009\"] }\n";

#[test]
fn missing_and_empty_collections_are_filled() {
    for (before, head) in [
        ("version: 1", "version: 1\n"),
        ("version: 1\n# end\n", "version: 1\n# end\n"),
        ("\u{feff}version: 1\n", "\u{feff}version: 1\n"),
        ("", ""),
        ("---\nversion: 1\n", "---\nversion: 1\n"),
    ] {
        let expected = format!("{head}images:\n  {IMAGE}shares:\n  {SHARE}");
        assert_eq!(inserted(before).unwrap(), expected, "{before:?}");
    }
    let expected = format!("version: 1\nimages:\n  {IMAGE}shares:\n  {SHARE}...\n# end\n");
    assert_eq!(inserted("version: 1\n...\n# end\n").unwrap(), expected);
    for nothing in ["", " ~", " {}", " { }", " null", " {\n  }"] {
        let before = format!("images:{nothing} # mine\nversion: 1\n");
        let expected = format!("images: # mine\n  {IMAGE}version: 1\nshares:\n  {SHARE}");
        assert_eq!(inserted(&before).unwrap(), expected, "{before:?}");
    }
}

#[test]
fn entries_are_indented_as_their_neighbours_are_and_stand_behind_them() {
    let before = "shares:\n- image: a # first\n  with: [partner]   # one\n\n# then\nimages:\n    a:\n      region: ap-tokyo\n      \
                  description: |\n        text\n\n\n# last\n";
    let text = inserted(before).unwrap();
    assert!(text.contains(&format!("with: [partner]   # one\n{SHARE}\n# then\n")), "{text}");
    assert!(text.contains("        text\n    web:\n      region: ap-tokyo\n"), "{text}");
    assert!(text.ends_with("copies: [ap-seoul]\n\n\n# last\n"), "{text}");
}

#[test]
fn line_breaks_are_those_of_the_text() {
    let text = inserted("version: 1\r\nimages:\r\n  a: {region: ap-tokyo}\r\n").unwrap();
    assert_eq!(text.matches('\n').count(), text.matches("\r\n").count());
    assert!(text.contains("a: {region: ap-tokyo}\r\n  web:\r\n    region"), "{text}");
}

#[test]
fn brackets_and_aliases_are_refused_and_shown_for_the_hand() {
    for text in ["{version: 1}\n", "images: {a: {region: x}}\n", "a: &a {}\nimages: *a\n", "[a]\n"] {
        assert!(inserted(text).is_err(), "{text}");
    }
    let text = by_hand(&[entry("web")], &|_| None);
    assert!(text.starts_with("images:\n  web:\n    region: ap-tokyo\n"), "{text}");
    assert!(text.ends_with("with: [\"200000000001\", \"200000000009\"] }\n"), "{text}");
}

#[test]
fn words_that_read_as_something_else_are_quoted() {
    for (text, expected) in
        [("no", "\"no\""), ("1e3", "\"1e3\""), ("web-1", "web-1"), ("", "\"\""), ("a\u{85}", "\"a\\u0085\"")]
    {
        assert_eq!(scalar(text), expected);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(cases()))]

    /// Only an empty value of any text is removed. A manifest becomes a manifest with one more image and one more share.
    #[test]
    fn a_text_gets_an_entry_or_is_refused(text in mutated()) {
        for section in [Section::Images, Section::Shares] {
            if let Ok(Place { removed, at, .. }) = place(&text, section) {
                let written = &text[removed.clone()];
                prop_assert!(is_empty(written.trim()), "{written:?} would be removed");
                prop_assert!(removed.end <= at && (at == text.len() || text[..at].ends_with(['\n', '\r'])));
            }
        }
        let before = load(input(&text), &Variables::default());
        let Some(desired) = before.desired.filter(|_| before.complete && before.diagnostics.is_empty()) else {
            return Ok(());
        };
        let new = NewEntry { id: "img-7z8y9x0w".parse().unwrap(), ..entry("from-the-cloud") };
        if let Ok(after) = insert(&text, std::slice::from_ref(&new), &|_| None) {
            let with = load(input(&after), &Variables::default());
            let errors: Vec<_> = with.diagnostics.iter().filter(|is| is.severity == Severity::Error).collect();
            prop_assert!(errors.is_empty(), "{errors:?}\n{after}");
            let mut with = with.desired.expect("it is a manifest still");
            let image = with.images.remove(&new.key);
            prop_assert_eq!(image.map(|image| image.shares.len()), Some(2), "{}", after);
            prop_assert_eq!(with.images, desired.images, "{}", after);
        }
    }
}

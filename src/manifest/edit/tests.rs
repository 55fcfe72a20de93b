use proptest::prelude::*;

use super::*;
use crate::manifest::tests::agreement::cases;
use crate::manifest::tests::corpus::mutated;

fn text_of(value: &str) -> NewValue {
    NewValue::Text(value.to_owned())
}

fn set(text: &str, path: &str, value: &str) -> Result<Option<String>, EditError> {
    let path: Vec<&str> = path.split('.').collect();
    edit(text, &path, &text_of(value))
}

fn unset(text: &str, path: &str) -> Result<Option<String>, EditError> {
    let path: Vec<&str> = path.split('.').collect();
    edit(text, &path, &NewValue::Unset)
}

#[test]
fn a_scalar_is_replaced_in_any_style() {
    for (before, after) in [
        ("a:\n  b: x # mine\n", "a:\n  b: new # mine\n"),
        ("a:\n  b: \"x\"   # mine\n", "a:\n  b: \"new\"   # mine\n"),
        ("a:\n  b: 'x'\n", "a:\n  b: \"new\"\n"),
        ("a:\n  b:\n  c: 1\n", "a:\n  b: new\n  c: 1\n"),
        ("a:\n  b: # mine\n  c: 1\n", "a:\n  b: new # mine\n  c: 1\n"),
        ("a:\n  b: |\n    x\n    y\n  c: 1\n", "a:\n  b: new\n  c: 1\n"),
        ("a: { c: 1, b: x }\n", "a: { c: 1, b: new }\n"),
        ("a: {b: x}", "a: {b: new}"),
        ("{ \"a\": { \"b\": \"x\" } }\n", "{ \"a\": { \"b\": \"new\" } }\n"),
        ("v: &v x\na:\n  b: *v\n", "v: &v x\na:\n  b: new\n"),
        ("a:\r\n  b: x\r\n", "a:\r\n  b: new\r\n"),
        ("\u{feff}a:\n  b: x\n", "\u{feff}a:\n  b: new\n"),
        ("a:\n  b: one\n    two\n  c: 1\n", "a:\n  b: new\n  c: 1\n"),
    ] {
        assert_eq!(set(before, "a.b", "new"), Ok(Some(after.to_owned())), "{before:?}");
        assert_eq!(set(after, "a.b", "new"), Ok(None), "twice is once: {after:?}");
    }
}

#[test]
fn a_missing_key_is_inserted_after_its_neighbours() {
    for (before, after) in [
        ("a:\n  c: 1\n# end\nz: 1\n", "a:\n  c: 1\n  b: new\n# end\nz: 1\n"),
        ("a:\n    c:\n      - 1\nz: 1\n", "a:\n    c:\n      - 1\n    b: new\nz: 1\n"),
        ("a:\n  c: 1", "a:\n  c: 1\n  b: new\n"),
        ("a:\r\n  c: 1\r\n", "a:\r\n  c: 1\r\n  b: new\r\n"),
        ("a: { c: 1 } # mine\n", "a: { c: 1, b: new } # mine\n"),
        ("a: {}\n", "a: { b: new }\n"),
        ("a: { c: 1, }\n", "a: { c: 1, b: new, }\n"),
        ("a: {\n  c: 1\n  }\n", "a: {\n  c: 1, b: new\n  }\n"),
        ("d: &d { c: 1 }\na:\n  <<: *d\n", "d: &d { c: 1 }\na:\n  <<: *d\n  b: new\n"),
        ("d: &d { b: old }\na:\n  <<: *d\n", "d: &d { b: old }\na:\n  <<: *d\n  b: new\n"),
        ("z: 1\n", "z: 1\na: { b: new }\n"),
    ] {
        assert_eq!(set(before, "a.b", "new"), Ok(Some(after.to_owned())), "{before:?}");
    }
}

#[test]
fn a_key_is_removed_with_its_line() {
    for (before, after) in [
        ("a:\n  b: x # mine\n  c: 1\n", "a:\n  c: 1\n"),
        ("a:\n  c: 1\n  b: |\n    x\n\n    y\nz: 1\n", "a:\n  c: 1\nz: 1\n"),
        ("a:\n  b: x\r\n  c: 1\n", "a:\n  c: 1\n"),
        ("a: { b: x, c: 1 }\n", "a: { c: 1 }\n"),
        ("a: { c: 1, b: x }\n", "a: { c: 1 }\n"),
    ] {
        assert_eq!(unset(before, "a.b"), Ok(Some(after.to_owned())), "{before:?}");
        assert_eq!(unset(after, "a.b"), Ok(None), "{after:?}");
    }
    for before in ["a:\n  b: x\nz: 1\n", "d: &d { b: x }\na:\n  <<: *d\n", "d: &d { b: x }\na: *d\n"] {
        assert!(unset(before, "a.b").is_err(), "{before:?}");
    }
}

#[test]
fn what_other_places_share_and_what_variables_set_is_refused() {
    for (before, expected) in [
        ("d: &d\n  b: x\na: *d\n", EditError::Shared("a".to_owned())),
        ("a: &d\n  b: x\nz: *d\n", EditError::Shared("a.b".to_owned())),
        ("a:\n  b: &v x\nz: *v\n", EditError::Shared("a.b".to_owned())),
        (
            "a:\n  b: \"x-${build}\"\n",
            EditError::Variable { path: "a.b".to_owned(), reference: "${build}".to_owned() },
        ),
        ("a:\n  b: [1]\n", EditError::NotScalar("a.b".to_owned())),
        ("a: 1\n", EditError::NotMapping("a".to_owned())),
        ("a:\n", EditError::NotMapping("a".to_owned())),
        ("a: [", EditError::Unreadable),
    ] {
        assert_eq!(set(before, "a.b", "new"), Err(expected), "{before:?}");
    }
    assert!(set("a:\n  b: $${x}\n", "a.b", "new").unwrap().is_some(), "a literal");
}

#[test]
fn numbers_and_booleans_are_written_as_such_and_texts_in_quotes() {
    let path = ["a", "b"];
    let literal = NewValue::Literal("2".to_owned());
    assert_eq!(edit("a:\n  b: 1\n", &path, &literal), Ok(Some("a:\n  b: 2\n".to_owned())));
    assert_eq!(set("a:\n  b: x\n", "a.b", "2"), Ok(Some("a:\n  b: \"2\"\n".to_owned())));
    assert_eq!(set("a:\n  b: x\n", "a.b", "no"), Ok(Some("a:\n  b: \"no\"\n".to_owned())));
    assert_eq!(
        by_hand(&["images", "web", "pin"], &text_of("2026-11")),
        "images:\n  web:\n    pin: \"2026-11\""
    );
}

/// Paths of every key of a text, outside of lists.
fn paths(tree: &Tree, node: NodeId, before: &[String], found: &mut Vec<Vec<String>>) {
    if found.len() > 200 || tree.is_alias(node) {
        return;
    }
    for (key, value) in tree.pairs(node) {
        let Some((_, name)) = tree.scalar(key) else { continue };
        let mut path = before.to_vec();
        path.push(name.to_owned());
        found.push(path.clone());
        paths(tree, value, &path, found);
    }
}

/// Lengths of the part in which two texts differ, before and after.
fn changed_lengths(before: &str, after: &str) -> (usize, usize) {
    let start = before.bytes().zip(after.bytes()).take_while(|(a, b)| a == b).count();
    let room = before.len().min(after.len()) - start;
    let end = before.bytes().rev().zip(after.bytes().rev()).take(room).take_while(|(a, b)| a == b).count();
    (before.len() - start - end, after.len() - start - end)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(cases()))]

    /// An edit changes one part of the text, and the meaning at the named place alone.
    #[test]
    fn an_edit_changes_the_named_place_and_nothing_else(
        text in mutated(), at in any::<prop::sample::Index>(), value in "[ -~é\n]{0,12}", kind in 0..4,
    ) {
        let Ok(tree) = Tree::build(&Arc::from(text.as_str())) else { return Ok(()) };
        let Some(root) = tree.root() else { return Ok(()) };
        let mut found = Vec::new();
        paths(&tree, root, &[], &mut found);
        if found.is_empty() {
            return Ok(());
        }
        let mut path = at.get(&found).clone();
        if kind == 3 {
            path.push("added".to_owned());
        }
        let path: Vec<&str> = path.iter().map(String::as_str).collect();
        let value = if kind == 2 { NewValue::Unset } else { text_of(&value) };
        if let Ok(Some(edited)) = edit(&text, &path, &value) {
            let after = Tree::build(&Arc::from(edited.as_str())).unwrap();
            let mut expected = Outline::of(&tree).unwrap();
            expected.set(&path, &value).unwrap();
            prop_assert_eq!(Outline::of(&after).unwrap(), expected);
            prop_assert_eq!(edit(&edited, &path, &value), Ok(None), "twice is once: {}", edited);
            // What stays is not written again: an insertion removes nothing, and a removal adds nothing.
            let (removed, added) = changed_lengths(&text, &edited);
            match value {
                NewValue::Unset => prop_assert!(added <= 4, "{added}"),
                _ if kind == 3 => prop_assert!(removed <= 4, "{removed}"),
                _ => {}
            }
        }
    }
}

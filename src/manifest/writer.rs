//! Writes YAML: the one place where goldform does.
//!
//! [`document`] writes a mapping in block style, by `serde_yaml`. [`scalar`] writes a text on one line, for entries that are
//! inserted into a manifest and for corrections. The manifest's reader reads back what both write.
//!
//! What is written is printed as it is, to terminals and to the logs of build servers, since escaping it afterwards would
//! change its meaning. So no text is written with characters that control a terminal or reorder text, or as a command of a
//! build server.

use serde_json::{Map, Value};

use super::yaml;
use crate::diagnostics::sanitize::{self, Brackets};

/// Returns a mapping as YAML, one entry after the other.
pub fn document(entries: &Map<String, Value>) -> String {
    entries.iter().map(|(key, value)| entry(key, value)).collect()
}

/// Texts that some readers of YAML take for a boolean or null.
const WORDS: &[&str] = &["y", "n", "yes", "no", "on", "off", "true", "false", "null"];

/// Returns an entry in block style, or on one line as JSON, which is YAML too. `serde_yaml` leaves out the quotes of some
/// texts (`no`, `1_000`, `<<`) and breaks lines at U+2028, so its text is used only if every reader reads the same value,
/// and if it can be printed as it is.
fn entry(key: &str, value: &Value) -> String {
    let entry = Value::Object(Map::from_iter([(key.to_owned(), value.clone())]));
    match serde_yaml::to_string(&entry) {
        Ok(text)
            if !is_ambiguous(&entry)
                && is_inert(&text)
                && yaml::read(&text).is_some_and(|read: Value| read == entry) =>
        {
            text
        }
        _ => format!("{}: {}\n", quoted(key), json(value)),
    }
}

/// Returns whether a value holds a text or key that some readers of YAML take for a boolean, null or a number.
fn is_ambiguous(value: &Value) -> bool {
    match value {
        Value::String(text) => is_word(text) || is_number_of_yaml_1_1(text),
        Value::Array(items) => items.iter().any(is_ambiguous),
        Value::Object(map) => {
            map.iter().any(|(key, value)| is_word(key) || is_number_of_yaml_1_1(key) || is_ambiguous(value))
        }
        _ => false,
    }
}

/// Returns whether a text can be printed as it is.
fn is_inert(text: &str) -> bool {
    sanitize::escape_controls(text) == text && sanitize::escape_ci_commands(text) == text
}

fn is_number_of_yaml_1_1(text: &str) -> bool {
    text.contains(['_', ':'])
        && text.contains(|c: char| c.is_ascii_digit())
        && text.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'_' | b':' | b'.' | b'+' | b'-'))
}

fn is_word(text: &str) -> bool {
    WORDS.iter().any(|word| text.eq_ignore_ascii_case(word))
}

/// Returns a value as JSON on one line, with escapes for characters that are not printable in YAML.
fn json(value: &Value) -> String {
    let mut text = String::new();
    let mut brackets = Brackets::default();
    for c in value.to_string().chars() {
        // A bracket of the value itself does not follow number signs.
        if brackets.opens_a_command(c) || is_escaped(c) { text.push_str(&escape(c)) } else { text.push(c) }
    }
    text
}

/// Returns a text as a scalar on one line, without quotes if it reads as the same text in every context.
pub fn scalar(text: &str) -> String {
    // With such a letter it is no number in any base, no exponent and no date.
    let is_no_number = |text: &str| {
        text.chars().any(|c| matches!(c.to_ascii_lowercase(), 'g'..='n' | 'p'..='w' | 'y' | 'z'))
    };
    let starts_plain = |b: u8| b.is_ascii_alphabetic() || b.is_ascii_digit() && is_no_number(text);
    let is_plain = text.bytes().next().is_some_and(starts_plain)
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
        && !is_word(text);
    if is_plain { text.to_owned() } else { quoted(text) }
}

/// Returns a text in double quotes, with escapes for line breaks and for characters that editors do not show.
pub fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    let mut brackets = Brackets::default();
    for c in text.chars() {
        let opens_a_command = brackets.opens_a_command(c);
        match c {
            c if opens_a_command => out.push_str(&escape(c)),
            '"' | '\\' => out.extend(['\\', c]),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            c if is_escaped(c) => out.push_str(&escape(c)),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// Returns whether a character is not printable in YAML, not shown by editors, or controls or reorders text.
fn is_escaped(c: char) -> bool {
    sanitize::needs_escape(c) || matches!(c, '\u{fffe}' | '\u{ffff}')
}

/// Returns a character as an escape in double quotes.
fn escape(c: char) -> String {
    match u32::from(c) {
        code @ ..=0xffff => format!("\\u{code:04X}"),
        code => format!("\\U{code:08X}"),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    /// Texts with what YAML reads in special ways: indentation, indicators, words, numbers, breaks and controls.
    fn texts() -> impl Strategy<Value = String> {
        let piece = prop_oneof![
            Just(" ".to_owned()),
            Just("\t".to_owned()),
            Just("\n".to_owned()),
            Just("\r".to_owned()),
            Just(": ".to_owned()),
            Just(" #".to_owned()),
            "[-?:,\\[\\]{}#&*!|>'\"%@`~=<]",
            "NO|no|true|null|~|0x1F|1e3|-7|1_000|2026-11-28|\\.inf|<<|---|\\.\\.\\.",
            "[a-zß字]{1,4}",
            "[\u{0}-\u{1f}\u{7f}-\u{a0}\u{ad}\u{2028}\u{2029}\u{202e}\u{feff}\u{fffd}]",
            "[\u{10000}-\u{10ffff}]",
            any::<char>().prop_map(|c| c.to_string()),
        ];
        proptest::collection::vec(piece, 0..6).prop_map(|pieces| pieces.concat())
    }

    /// `render` and `output` print YAML as it is.
    #[test]
    fn what_is_written_does_nothing_where_it_is_printed() {
        for text in [
            "x\n::error file=a::owned",
            "::error::owned",
            "a ##[error]b ##vso[task.complete]c",
            "\u{1b}[31mred\u{202e}evil\u{200b}\u{9b}\u{e0041}",
        ] {
            let value = Value::Array(vec![Value::String(text.to_owned())]);
            let entries = Map::from_iter([("key".to_owned(), value.clone()), (text.to_owned(), value)]);
            let written = document(&entries);
            assert!(is_inert(&written), "{written:?}");
            assert_eq!(yaml::read::<Value>(&written), Some(Value::Object(entries)), "{written}");
            assert!(is_inert(&quoted(text)) && !quoted(text).contains('\n'), "{}", quoted(text));
            assert_eq!(yaml::read::<String>(&quoted(text)).as_deref(), Some(text));
        }
    }

    proptest! {
        #[test]
        fn the_reader_reads_back_what_was_written(texts in proptest::collection::vec((texts(), texts()), 0..4)) {
            let map: BTreeMap<String, String> = texts.into_iter().collect();
            let list: Vec<String> = map.values().cloned().collect();
            let value = serde_json::json!({ "map": map, "list": list });
            let text = document(value.as_object().unwrap());
            prop_assert_eq!(yaml::read::<Value>(&text), Some(value.clone()), "{}", text);

            let entries: Vec<String> =
                map.iter().map(|(key, text)| format!("{}: {}", scalar(key), scalar(text))).collect();
            let items: Vec<String> = list.iter().map(|text| scalar(text)).collect();
            let text = format!("map: {{ {} }}\nlist: [{}]\n", entries.join(", "), items.join(", "));
            prop_assert_eq!(yaml::read::<Value>(&text), Some(value), "{}", text);
        }
    }

    #[test]
    fn texts_that_read_as_something_else_are_quoted() {
        assert_eq!(scalar("web-base"), "web-base");
        for text in ["no", "200000000001", "a: b", "a, b", "", " a", "1.2"] {
            assert_eq!(scalar(text), format!("\"{text}\""));
        }
    }

    #[test]
    fn line_breaks_and_indentation_of_a_text_are_kept() {
        let text = |description: &str| {
            document(&Map::from_iter([("description".to_owned(), Value::from(description))]))
        };
        assert_eq!(text("a\nb\n"), "description: |\n  a\n  b\n");
        assert_eq!(text("a\nb"), "description: |-\n  a\n  b\n");
        assert_eq!(text("  a\nb"), "description: |2-\n    a\n  b\n");
        assert_eq!(text("no"), "\"description\": \"no\"\n");
        assert_eq!(text("1_000"), "\"description\": \"1_000\"\n");
    }
}

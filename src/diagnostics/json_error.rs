//! Messages of the JSON reader without the text of the file: a file that is named by mistake may hold secrets.

use serde_json::error::Category;

/// Returns the message of an error without values and keys of the text that was read.
///
/// Keeps only goldform's own words: which key is missing, and what was expected instead of a value.
pub fn json_error_message(error: &serde_json::Error) -> String {
    let message = error.to_string();
    if error.classify() != Category::Data {
        return message;
    }
    // The reader appends the position. Text in the message can have the same form.
    let (message, place) = match (error.line(), error.column()) {
        (0, _) => (message.as_str(), String::new()),
        (line, column) => {
            let place = format!(" at line {line} column {column}");
            (message.strip_suffix(&place).unwrap_or_default(), place)
        }
    };
    let kept = match KINDS.iter().find(|kind| message.starts_with(**kind)) {
        Some(kind) => match message.rfind(", expected ") {
            Some(at) => format!("{kind}{}", message.get(at..).unwrap_or_default()),
            None => (*kind).to_owned(),
        },
        None if message.starts_with("missing field `") || message.starts_with("duplicate field `") => {
            message.to_owned()
        }
        None => "a value is not valid".to_owned(),
    };
    kept + &place
}

/// Starts of messages that repeat what was read before what was expected.
const KINDS: &[&str] =
    &["invalid type", "invalid value", "invalid length", "unknown field", "unknown variant"];

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only read")]
    struct Thing {
        size: u32,
        #[serde(default)]
        kind: Kind,
        #[serde(default)]
        region: Option<crate::model::AccountId>,
    }

    #[derive(Debug, Default, Deserialize)]
    #[serde(rename_all = "snake_case")]
    enum Kind {
        #[default]
        Small,
        Large,
    }

    fn message(text: &str) -> String {
        json_error_message(&serde_json::from_str::<Thing>(text).unwrap_err())
    }

    #[test]
    fn a_value_or_key_of_the_text_is_not_repeated() {
        let texts = [
            r#"{"size": "SECRET"}"#,
            r#"{"size": "SECRET, expected SECRET"}"#,
            r#"{"size": "missing field `SECRET`"}"#,
            r#"{"size": "SECRET at line 1 column 2"}"#,
            r#"{"size": 1, "SECRET": 2}"#,
            r#"{"size": 1, "kind": "SECRET"}"#,
            r#"{"size": 1, "region": "SECRET"}"#,
            r#""SECRET""#,
            "SECRET=1",
        ];
        for text in texts {
            let message = message(text);
            assert!(!message.contains("SECRET") && message.contains(" at line 1 column "), "{message}");
        }
    }

    #[test]
    fn what_was_expected_is_kept() {
        assert_eq!(message(r#"{"size": "x"}"#), "invalid type, expected u32 at line 1 column 12");
        assert_eq!(message("{}"), "missing field `size` at line 1 column 2");
        assert_eq!(
            message(r#"{"size": 1, "kind": "x"}"#),
            "unknown variant, expected `small` or `large` at line 1 column 23"
        );
        assert_eq!(message("{"), "EOF while parsing an object at line 1 column 1");
    }
}

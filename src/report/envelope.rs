//! What all JSON has in common: a version, so that a reader can refuse what it does not know, and the escapes of its text.

use serde_json::{Map, Value, json};

use crate::diagnostics::sanitize::needs_escape;

/// The version of the machine output: raised when a reader of an older one would be misled.
pub const FORMAT_VERSION: &str = "1.0";

/// Returns an object with the version of the machine output as its first key.
pub fn document(fields: Value) -> Value {
    let mut document = Map::new();
    document.insert("format_version".to_owned(), json!(FORMAT_VERSION));
    if let Value::Object(fields) = fields {
        document.extend(fields);
    }
    Value::Object(document)
}

/// A value as text, two blanks deep. What could do something to a terminal or turn text around is escaped, as JSON
/// allows it in strings: a reader gets it back.
///
/// # Errors
/// None that is known: keys are text.
pub fn to_text(value: &Value) -> Result<String, serde_json::Error> {
    Ok(escaped(&serde_json::to_string_pretty(value)?) + "\n")
}

/// Escapes what is in the strings of a JSON text, as [`to_text`] does.
pub(super) fn escaped(text: &str) -> String {
    // A build server would take this for a command in its log. In a JSON string, the escape means the same.
    let text = text.replace("##[", "##\\u005b").replace("##vso[", "##vso\\u005b");
    let is_bad = |c: char| c != '\n' && needs_escape(c);
    if !text.contains(is_bad) {
        return text;
    }
    let mut escaped = String::with_capacity(text.len().saturating_add(64));
    for c in text.chars() {
        if is_bad(c) {
            c.encode_utf16(&mut [0; 2]).iter().for_each(|unit| escaped.push_str(&format!("\\u{unit:04x}")));
        } else {
            escaped.push(c);
        }
    }
    escaped
}

/// An object without the keys that have no value.
pub(super) fn without_nothing(mut value: Value) -> Value {
    if let Some(object) = value.as_object_mut() {
        object.retain(|_, value| !value.is_null());
    }
    value
}

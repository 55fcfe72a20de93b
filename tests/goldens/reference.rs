//! Tables that are generated: the keys of the manifest, the rules, and the codes of mistakes in the text.

use std::fmt::Write as _;

use goldform::constraints::{RULES, manifest_schema};
use goldform::diagnostics::catalogue::syntax::CODES;
use regex::Regex;
use serde_json::Value;

/// Returns the table of rules.
pub fn rules() -> String {
    let mut text = String::from("| id | name | default | finding |\n|---|---|---|---|\n");
    for rule in RULES {
        let title = rule.code.title.replace('|', "\\|");
        let _ = writeln!(
            text,
            "| {} | `{}` | {} | {title} |",
            rule.code.id,
            rule.code.name,
            rule.code.level.as_str()
        );
    }
    text
}

/// Returns the table of codes that a text can have by itself, before any rule judges it.
pub fn codes() -> String {
    let mut text = String::from("| id | name | severity | finding |\n|---|---|---|---|\n");
    for code in CODES {
        let title = code.title.replace('|', "\\|");
        let _ = writeln!(text, "| {} | `{}` | {} | {title} |", code.id, code.name, code.severity().as_str());
    }
    text
}

/// Returns a table for each mapping of the manifest, with every key of the schema.
pub fn keys() -> String {
    let schema = manifest_schema();
    let mut text = String::new();
    table(&schema, &schema, "", &mut text);
    text
}

/// The schema requires no key at the top, since a file may be one of several.
const REQUIRED_AT_THE_TOP: &[&str] = &["version", "account"];

/// Appends the table of a mapping, then those of the mappings in it.
fn table(schema: &Value, mapping: &Value, path: &str, text: &mut String) {
    let heading = if path.is_empty() { "The top".to_owned() } else { format!("`{path}`") };
    let _ = write!(
        text,
        "### {heading}\n\n| key | type | default | meaning | example |\n|---|---|---|---|---|\n"
    );
    let properties = mapping["properties"].as_object().unwrap();
    let is_required = |key: &str| {
        let listed = mapping["required"].as_array().into_iter().flatten().any(|required| required == key);
        listed || (path.is_empty() && REQUIRED_AT_THE_TOP.contains(&key))
    };
    for (key, node) in properties {
        let (meaning, worded) = without_default(node["description"].as_str().unwrap());
        let default = match &node["default"] {
            Value::Null if is_required(key) => "required".to_owned(),
            Value::Null => worded,
            default => format!("`{}`", flow(default)),
        };
        let inner = mappings(schema, node).pop();
        let own = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
        let mut kind = kinds(schema, node).join(", ");
        if let Some((_, suffix)) = inner.filter(|_| key != "rules") {
            kind = kind.replace("mapping", &format!("[mapping](#{})", anchor(&format!("{own}{suffix}"))));
        }
        let examples: Vec<String> = node["examples"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|example| code(&format!("{key}: {}", flow(example))))
            .collect();
        let _ = writeln!(
            text,
            "| `{key}` | {} | {default} | {} | {} |",
            kind,
            meaning.replace('|', "\\|"),
            examples.join("<br>"),
        );
    }
    text.push('\n');
    for (key, node) in properties.iter().filter(|(key, _)| *key != "rules") {
        let own = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
        for (inner, suffix) in mappings(schema, node) {
            table(schema, inner, &format!("{own}{suffix}"), text);
        }
    }
}

/// Splits a description into what a key means and the default that it names in words.
fn without_default(description: &str) -> (String, String) {
    let Some((meaning, rest)) = description.split_once("Default: ") else {
        return (description.to_owned(), String::new());
    };
    let (default, more) = rest.split_once(". ").unwrap_or((rest.trim_end_matches('.'), ""));
    (format!("{meaning}{more}").trim_end().to_owned(), default.to_owned())
}

/// Returns how a heading is linked to.
fn anchor(heading: &str) -> String {
    heading.to_lowercase().replace(['.', '[', ']'], "")
}

fn code(text: &str) -> String {
    format!("`{}`", text.replace('|', "\\|"))
}

/// Returns the node, what it refers to, and the members of its unions.
fn alternatives<'s>(schema: &'s Value, node: &'s Value) -> Vec<&'s Value> {
    let mut nodes = vec![match node["$ref"].as_str() {
        Some(reference) => &schema["definitions"][reference.rsplit('/').next().unwrap()],
        None => node,
    }];
    for union in ["anyOf", "allOf"] {
        let members = node[union].as_array().into_iter().flatten();
        nodes.extend(members.flat_map(|member| alternatives(schema, member)));
    }
    nodes
}

/// Returns the mappings with named keys that a value holds, each with how they are reached from it.
fn mappings<'s>(schema: &'s Value, node: &'s Value) -> Vec<(&'s Value, &'static str)> {
    let mut found = Vec::new();
    for node in alternatives(schema, node) {
        let named = |node: &'s Value| {
            alternatives(schema, node).into_iter().find(|node| node["properties"].is_object())
        };
        if node["properties"].is_object() {
            found.push((node, ""));
        } else if let Some(inner) = named(&node["additionalProperties"]) {
            found.push((inner, ".NAME"));
        } else if let Some(inner) = named(&node["items"]) {
            found.push((inner, "[]"));
        }
    }
    found
}

/// Returns what a value may be, in words. A reference to a variable may take the place of any text.
fn kinds(schema: &Value, node: &Value) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for node in alternatives(schema, node) {
        let types: Vec<&str> = match &node["type"] {
            Value::String(kind) => vec![kind],
            Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).collect(),
            _ => Vec::new(),
        };
        let is_reference = node["pattern"] == "\\$\\{";
        let inner = |key: &str| kinds(schema, &node[key]).join(" or ");
        if let Some(choices) = node["enum"].as_array() {
            found.extend(choices.iter().map(|choice| format!("`{}`", flow(choice))));
            continue;
        } else if !node["const"].is_null() {
            found.push(format!("`{}`", node["const"]));
            continue;
        }
        for kind in types {
            found.push(match kind {
                "string" if is_reference => continue,
                "string" => "text".to_owned(),
                "integer" => "whole number".to_owned(),
                "boolean" => "`true`, `false`".to_owned(),
                "array" => format!("list of {}", inner("items")),
                "object" if node["additionalProperties"].is_object() => {
                    format!("map of {}", inner("additionalProperties"))
                }
                "object" => "mapping".to_owned(),
                _ => continue,
            });
        }
    }
    // Beside choices, text is a reference to a variable or another spelling of a choice.
    let has_choices = alternatives(schema, node).iter().any(|node| node["enum"].is_array());
    let mut seen = std::collections::BTreeSet::new();
    found.retain(|kind| seen.insert(kind.clone()) && !(has_choices && kind == "text"));
    found
}

/// Returns a value as YAML in one line.
fn flow(value: &Value) -> String {
    let text = match value {
        Value::String(text) => {
            let is_plain = Regex::new("^[A-Za-z][A-Za-z0-9._/-]*( [A-Za-z0-9._/-]+)*$").unwrap();
            let is_text = serde_yaml::from_str::<Value>(text).is_ok_and(|read| read == *value);
            if is_plain.is_match(text) && is_text { text.clone() } else { format!("{text:?}") }
        }
        Value::Array(items) => format!("[{}]", items.iter().map(flow).collect::<Vec<_>>().join(", ")),
        Value::Object(entries) => {
            let entries: Vec<String> =
                entries.iter().map(|(key, value)| format!("{key}: {}", flow(value))).collect();
            format!("{{ {} }}", entries.join(", "))
        }
        other => other.to_string(),
    };
    assert_eq!(serde_yaml::from_str::<Value>(&text).unwrap(), *value, "{text}");
    text
}

/// Every key of the schema has a row, wherever it is declared.
#[test]
fn every_key_of_the_schema_is_in_the_reference() {
    let schema = manifest_schema();
    let rules = schema["properties"]["rules"]["properties"].as_object().unwrap().len();
    let rows = keys().lines().filter(|line| line.starts_with("| `")).count();
    let mut keys = std::collections::BTreeSet::new();
    crate::keys::schema_keys(&schema, &schema, "", &mut keys);
    assert_eq!(rows, keys.len() - rules);
}

//! JSON Schema of the manifest, generated from the types that read it.
//!
//! Editors use it to complete and check keys, so it is as strict as possible for one file. No key is required at the top,
//! since another file may declare it. goldform refuses everything that the schema refuses, at any levels under `rules`.

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

use super::syntax::{Manifest, REFERENCES};

/// Rule that may be named under `rules`.
#[derive(Debug, Clone, Copy)]
pub struct NamedRule {
    /// Id, which may be used instead of the name.
    pub id: &'static str,
    /// Name.
    pub name: &'static str,
    /// Summary of its diagnostics.
    pub title: &'static str,
    /// Default level.
    pub level: &'static str,
}

/// Returns the JSON Schema (draft-07) of a manifest with these rules.
pub fn schema(rules: &[NamedRule]) -> Value {
    let mut schema = identified::<Manifest>(SchemaSettings::draft07(), "manifest", 1);
    for (name, body) in schema.get_mut("definitions").and_then(Value::as_object_mut).into_iter().flatten() {
        // The texts of a variable have no references.
        if name != "Variable" {
            check_references(body);
        }
    }
    name_rules(&mut schema, rules);
    let explained: Vec<String> =
        properties(&schema).into_iter().flat_map(|(_, value)| definitions_of(value)).collect();
    for name in explained {
        if let Some(body) = schema.pointer_mut(&format!("/definitions/{name}")).and_then(Value::as_object_mut)
        {
            body.shift_remove("description");
        }
    }
    schema
}

/// Kinds of scalars that a key accepts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Scalars {
    /// Text.
    pub text: bool,
    /// Whole number.
    pub number: bool,
    /// `true` or `false`.
    pub boolean: bool,
}

/// Returns the kinds of scalars that a key accepts, by its path. `None` if there is no such key.
pub fn scalars_at(schema: &Value, path: &[&str]) -> Option<Scalars> {
    let mut found = vec![schema];
    for key in path {
        found = below(schema, found, key);
    }
    if found.is_empty() {
        return None;
    }
    let mut scalars = Scalars::default();
    for at in found.into_iter().flat_map(|at| alternatives(schema, at)) {
        let listed = at.get("type").map(|kinds| match kinds {
            Value::Array(kinds) => kinds.iter().collect(),
            kind => vec![kind],
        });
        let kinds = listed.into_iter().flatten().filter_map(Value::as_str);
        let of_values =
            at.get("const").into_iter().chain(at.get("enum").and_then(Value::as_array).into_iter().flatten());
        let of_values = of_values.map(|value| match value {
            Value::Bool(_) => "boolean",
            Value::Number(_) => "integer",
            Value::String(_) => "string",
            _ => "other",
        });
        for kind in kinds.chain(of_values) {
            scalars.text |= kind == "string";
            scalars.number |= matches!(kind, "integer" | "number");
            scalars.boolean |= kind == "boolean";
        }
    }
    Some(scalars)
}

/// Returns the names of the keys below a path. Empty if users choose them.
pub fn keys_at<'s>(schema: &'s Value, path: &[&str]) -> Vec<&'s str> {
    let mut found = vec![schema];
    for key in path {
        found = below(schema, found, key);
    }
    let keys = found.into_iter().flat_map(|at| alternatives(schema, at));
    keys.filter_map(|at| at.get("properties")?.as_object())
        .flat_map(|keys| keys.keys().map(String::as_str))
        .collect()
}

/// Returns the schemas of a key below any of these.
fn below<'s>(root: &'s Value, schemas: Vec<&'s Value>, key: &str) -> Vec<&'s Value> {
    let values = schemas.into_iter().flat_map(|at| alternatives(root, at));
    values
        .filter_map(|at| {
            let own = at.get("properties").and_then(|keys| keys.get(key));
            own.or_else(|| at.get("additionalProperties").filter(|rest| rest.is_object()))
        })
        .collect()
}

/// Returns a schema and those that it refers to or chooses from.
fn alternatives<'s>(root: &'s Value, schema: &'s Value) -> Vec<&'s Value> {
    let mut found = vec![schema];
    let mut next = 0;
    while let Some(at) = found.get(next).copied() {
        next += 1;
        let target = at
            .get("$ref")
            .and_then(Value::as_str)
            .and_then(|name| root.pointer(name.trim_start_matches('#')));
        let choices =
            ["anyOf", "oneOf", "allOf"].into_iter().filter_map(|key| at.get(key)?.as_array()).flatten();
        for more in target.into_iter().chain(choices) {
            if !found.iter().any(|known| std::ptr::eq(*known, more)) {
                found.push(more);
            }
        }
    }
    found
}

/// Returns all keys with their schemas, at any depth.
fn properties(schema: &Value) -> Vec<(&String, &Value)> {
    match schema {
        Value::Object(entries) => entries
            .iter()
            .filter(|(key, _)| !["if", "then", "examples"].contains(&key.as_str()))
            .flat_map(|(key, value)| match value {
                Value::Object(keys) if key == "properties" => {
                    keys.iter().chain(keys.values().flat_map(properties)).collect::<Vec<_>>()
                }
                _ => properties(value),
            })
            .collect(),
        Value::Array(items) => items.iter().flat_map(properties).collect(),
        _ => Vec::new(),
    }
}

/// Returns the definitions to which a described key refers. Editors would show their descriptions instead of the key's.
fn definitions_of(key: &Value) -> Vec<String> {
    let parts = ["allOf", "anyOf"].into_iter().filter_map(|word| key.get(word)?.as_array()).flatten();
    let names = parts.filter_map(|part| part.get("$ref")?.as_str()?.rsplit('/').next().map(str::to_owned));
    names.filter(|_| key.get("description").is_some()).collect()
}

/// Adds a pattern to each text: each `${` must start a reference.
fn check_references(schema: &mut Value) {
    match schema {
        Value::Object(entries) => {
            let is_text = entries.get("type").is_some_and(|kind| kind == "string");
            if is_text && !entries.contains_key("pattern") {
                entries.insert("pattern".to_owned(), REFERENCES.into());
                let words = "Each `${` starts a reference, `${NAME}` or `${lookup.NAME}`. `$${` is an escape for the text `${`.";
                entries.insert("patternErrorMessage".to_owned(), words.into());
            }
            entries
                .iter_mut()
                .filter(|(key, _)| *key != "examples")
                .for_each(|(_, value)| check_references(value));
        }
        Value::Array(items) => items.iter_mut().for_each(check_references),
        _ => {}
    }
}

/// Adds the rules as keys, so that editors complete and explain them and refuse others.
fn name_rules(schema: &mut Value, rules: &[NamedRule]) {
    let level = json!({ "$ref": "#/definitions/Level" });
    let named = |rule: &NamedRule| {
        let description = format!("{}: {}.", rule.id, rule.title);
        let value = json!({ "description": description, "default": rule.level, "allOf": [level] });
        (rule.name.to_owned(), value)
    };
    // Ids are case-insensitive.
    let numbers: Vec<&str> = rules.iter().map(|rule| rule.id.trim_start_matches("GF")).collect();
    let ids = format!("^[Gg][Ff]({})$", numbers.join("|"));
    let Some(key) = schema.pointer_mut("/properties/rules").and_then(Value::as_object_mut) else { return };
    let properties: Map<String, Value> = rules.iter().map(named).collect();
    key.insert("properties".to_owned(), properties.into());
    key.insert("patternProperties".to_owned(), json!({ ids: level }));
    let any = key.insert("additionalProperties".to_owned(), false.into());
    if let (Some(any), Some(Value::Object(definitions))) = (any, schema.get_mut("definitions")) {
        definitions.insert("Level".to_owned(), any);
    }
}

/// Returns the schema of what goldform prints, generated from its type, with an `$id` of its name and version.
pub fn printed<T: JsonSchema>(name: &str, version: u32) -> Value {
    identified::<T>(SchemaSettings::draft07().for_serialize(), name, version)
}

fn identified<T: JsonSchema>(settings: SchemaSettings, name: &str, version: u32) -> Value {
    let mut schema = settings.into_generator().into_root_schema_for::<T>().to_value();
    unwrap_descriptions(&mut schema);
    let Some(keys) = schema.as_object_mut() else { return schema };
    let mut head = Map::new();
    head.extend(keys.shift_remove("$schema").map(|dialect| ("$schema".to_owned(), dialect)));
    head.insert("$id".to_owned(), format!("urn:goldform:schema:{name}:{version}").into());
    head.append(keys);
    head.into()
}

/// Removes line breaks from descriptions: comments are wrapped, but editors wrap by themselves.
fn unwrap_descriptions(schema: &mut Value) {
    match schema {
        Value::Object(entries) => {
            for (key, value) in entries {
                match value {
                    Value::String(text) if key == "description" => *text = text.replace('\n', " "),
                    _ => unwrap_descriptions(value),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(unwrap_descriptions),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_is_described_with_an_example_or_a_default() {
        let rule = NamedRule { id: "GF703", name: "share_gap", title: "A gap", level: "warn" };
        let schema = schema(&[rule]);
        let mut count = 0;
        for (key, value) in properties(&schema) {
            count += 1;
            assert!(value["description"].as_str().is_some_and(|text| text.ends_with('.')), "{key}");
            assert!(value.get("examples").or(value.get("default")).is_some(), "{key}");
        }
        assert!(count > 70, "{count}");
        assert_eq!(schema["$schema"], "http://json-schema.org/draft-07/schema#");
    }

    /// Examples are valid.
    #[test]
    fn every_example_and_default_matches_its_key() {
        let whole = schema(&[NamedRule { id: "GF703", name: "share_gap", title: "A gap", level: "warn" }]);
        for (key, value) in properties(&whole) {
            let mut alone = value.clone();
            alone["definitions"] = whole["definitions"].clone();
            alone["$schema"] = whole["$schema"].clone();
            let validator = jsonschema::validator_for(&alone).unwrap();
            let examples = value.get("examples").and_then(Value::as_array).into_iter().flatten();
            for example in examples.chain(value.get("default")) {
                assert!(validator.is_valid(example), "{key}: {example}");
            }
        }
    }
}

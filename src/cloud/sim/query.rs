//! Parameters of a GET, such as `Filters.0.Values.1=CentOS`, converted to those of a POST.

use std::collections::BTreeMap;

use serde_json::{Map, Number, Value};

use super::schema::{Field, Kind};

/// Parameter while its parts are collected.
#[derive(Debug, Default)]
struct Node {
    text: Option<String>,
    parts: BTreeMap<String, Node>,
}

/// Maximum number of parts of a name. The longest documented one has four (`Filters.0.Values.0`).
const DEPTH_MAX: usize = 8;

/// Returns the tree of dotted names. A level with only numbers as names is an array, in their order.
pub(super) fn tree(pairs: &[(String, String)]) -> Map<String, Value> {
    let mut root = Node::default();
    for (name, value) in pairs {
        let mut node = &mut root;
        for part in name.splitn(DEPTH_MAX, '.') {
            node = node.parts.entry(part.to_owned()).or_default();
        }
        node.text = Some(value.clone());
    }
    root.parts.into_iter().map(|(name, node)| (name, value(node))).collect()
}

fn value(node: Node) -> Value {
    if node.parts.is_empty() {
        return Value::String(node.text.unwrap_or_default());
    }
    let numbers: Option<BTreeMap<u32, ()>> =
        node.parts.keys().map(|name| name.parse().ok().map(|number| (number, ()))).collect();
    match numbers {
        Some(numbers) if numbers.len() == node.parts.len() => {
            let mut parts = node.parts;
            let items = numbers.keys().filter_map(|number| parts.remove(&number.to_string())).map(value);
            Value::Array(items.collect())
        }
        _ => Value::Object(node.parts.into_iter().map(|(name, node)| (name, value(node))).collect()),
    }
}

/// Converts texts to the numbers and booleans that an action declares. A text of another form is left, and then refused
/// because of its type.
pub(super) fn type_texts(params: &mut Map<String, Value>, fields: &[Field]) {
    for field in fields {
        let Some(value) = params.get_mut(field.name) else { continue };
        match (field.kind, value) {
            (Kind::Integer, value @ Value::String(_)) => {
                if let Some(number) = value.as_str().and_then(|text| text.parse::<i64>().ok()) {
                    *value = Value::Number(Number::from(number));
                }
            }
            (Kind::Flag, value @ Value::String(_)) => match value.as_str() {
                Some("true" | "True" | "TRUE") => *value = Value::Bool(true),
                Some("false" | "False" | "FALSE") => *value = Value::Bool(false),
                _ => {}
            },
            (Kind::Objects(fields), Value::Array(items)) => {
                for item in items.iter_mut().filter_map(Value::as_object_mut) {
                    type_texts(item, fields);
                }
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::cloud::sim::schema::optional;

    #[test]
    fn dotted_names_become_arrays_and_texts_become_what_is_declared() {
        const INNER: &[Field] = &[optional("Name", Kind::Text), optional("Values", Kind::Texts)];
        let pairs: Vec<(String, String)> = [
            ("Filters.0.Name", "image-type"),
            ("Filters.0.Values.0", "PRIVATE_IMAGE"),
            ("Filters.0.Values.10", "x"),
            ("Filters.0.Values.9", "y"),
            ("Limit", "20"),
            ("DryRun", "true"),
            ("Offset", "many"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into();
        let mut params = tree(&pairs);
        type_texts(
            &mut params,
            &[
                optional("Limit", Kind::Integer),
                optional("Offset", Kind::Integer),
                optional("DryRun", Kind::Flag),
                optional("Filters", Kind::Objects(INNER)),
            ],
        );
        assert_eq!(
            Value::Object(params),
            json!({
                "DryRun": true,
                "Filters": [{"Name": "image-type", "Values": ["PRIVATE_IMAGE", "y", "x"]}],
                "Limit": 20,
                "Offset": "many",
            })
        );
    }
}

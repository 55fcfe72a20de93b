//! What may stand where, compiled from the schema that the syntax types generate.
//!
//! The slow path needs to know what the typed read would accept. Writing that down a second time would let the
//! two drift apart, so it is read from the generated schema.

use std::collections::BTreeMap;

use serde_json::Value;

/// The number of a mapping with known keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FieldsId(usize);

/// What a value may be. Several may be allowed, told apart by the kind of the node.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Shape {
    /// Text.
    pub(super) text: bool,
    /// A whole number from 0 up.
    pub(super) number: bool,
    /// The booleans that are allowed.
    pub(super) switches: Vec<bool>,
    /// Nothing: the same as leaving the key out.
    pub(super) null: bool,
    /// A list of such items.
    pub(super) list: Option<Box<Shape>>,
    /// A mapping of names that the user chooses.
    pub(super) names: Option<Box<Shape>>,
    /// A mapping with known keys.
    pub(super) fields: Option<FieldsId>,
}

/// All shapes of a manifest.
#[derive(Debug)]
pub(super) struct Shapes {
    root: FieldsId,
    fields: Vec<BTreeMap<String, Shape>>,
}

impl Shapes {
    /// The shapes of a manifest.
    pub(super) fn of_manifest() -> Self {
        let schema = super::schema::generated();
        let mut definitions = BTreeMap::new();
        let mut bodies = vec![schema.clone()];
        if let Some(Value::Object(named)) = schema.get("definitions") {
            for (name, body) in named {
                definitions.insert(name.clone(), FieldsId(bodies.len()));
                bodies.push(body.clone());
            }
        }
        let fields = bodies.iter().map(|body| properties(body, &definitions)).collect();
        Self { root: FieldsId(0), fields }
    }

    /// The shape of a whole manifest.
    pub(super) fn root(&self) -> Shape {
        Shape { fields: Some(self.root), null: true, ..Shape::default() }
    }

    /// The value that a known key may have.
    pub(super) fn field(&self, fields: FieldsId, key: &str) -> Option<&Shape> {
        self.fields.get(fields.0)?.get(key)
    }

    /// The known keys, in alphabetical order.
    pub(super) fn keys(&self, fields: FieldsId) -> impl Iterator<Item = &str> {
        self.fields.get(fields.0).into_iter().flat_map(|fields| fields.keys().map(String::as_str))
    }
}

fn properties(body: &Value, definitions: &BTreeMap<String, FieldsId>) -> BTreeMap<String, Shape> {
    let Some(Value::Object(properties)) = body.get("properties") else { return BTreeMap::new() };
    properties
        .iter()
        .map(|(key, value)| {
            let mut shape = Shape::default();
            add(&mut shape, value, definitions);
            (key.clone(), shape)
        })
        .collect()
}

/// Adds what a schema allows.
fn add(shape: &mut Shape, schema: &Value, definitions: &BTreeMap<String, FieldsId>) {
    for combined in ["anyOf", "oneOf", "allOf"] {
        if let Some(Value::Array(parts)) = schema.get(combined) {
            for part in parts {
                add(shape, part, definitions);
            }
        }
    }
    if let Some(name) = schema.get("$ref").and_then(Value::as_str) {
        shape.fields = name.strip_prefix("#/definitions/").and_then(|name| definitions.get(name)).copied();
    }
    for value in schema.get("enum").and_then(Value::as_array).into_iter().flatten().chain(schema.get("const"))
    {
        match value {
            Value::String(_) => shape.text = true,
            Value::Number(_) => shape.number = true,
            Value::Bool(value) if !shape.switches.contains(value) => shape.switches.push(*value),
            _ => {}
        }
    }
    let types = match schema.get("type") {
        Some(Value::String(one)) => vec![one.as_str()],
        Some(Value::Array(several)) => several.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    let boxed = |value: Option<&Value>| {
        let mut inner = Shape::default();
        if let Some(value) = value {
            add(&mut inner, value, definitions);
        }
        Some(Box::new(inner))
    };
    for kind in types {
        match kind {
            "string" => shape.text = true,
            "integer" => shape.number = true,
            "boolean" => shape.switches = vec![true, false],
            "null" => shape.null = true,
            "array" => shape.list = boxed(schema.get("items")),
            "object" => shape.names = boxed(schema.get("additionalProperties")),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at<'s>(shapes: &'s Shapes, path: &[&str]) -> &'s Shape {
        let mut fields = shapes.root;
        let (last, before) = path.split_last().unwrap();
        for key in before {
            let shape = shapes.field(fields, key).unwrap();
            let inner = shape.list.as_deref().or(shape.names.as_deref()).unwrap_or(shape);
            fields = inner.fields.unwrap();
        }
        shapes.field(fields, last).unwrap()
    }

    #[test]
    fn every_value_of_the_schema_has_a_shape() {
        let shapes = Shapes::of_manifest();
        for fields in &shapes.fields {
            for (key, shape) in fields {
                assert_ne!(*shape, Shape::default(), "{key}");
                for inner in [&shape.list, &shape.names].into_iter().flatten() {
                    assert_ne!(**inner, Shape::default(), "{key}");
                }
            }
        }
    }

    #[test]
    fn shapes_follow_the_types() {
        let shapes = Shapes::of_manifest();
        assert!(at(&shapes, &["images", "name"]).text);
        assert!(!at(&shapes, &["images", "name"]).null);
        let keep = at(&shapes, &["images", "keep"]);
        assert!(keep.number && keep.fields.is_some() && !keep.text);
        assert_eq!(at(&shapes, &["cloud", "ownership_tag"]).switches, [false]);
        assert!(at(&shapes, &["images", "copies"]).null);
        assert!(at(&shapes, &["images", "copies"]).list.as_ref().unwrap().text);
    }
}

//! The JSON Schema of the manifest, generated from the types that read it.
//!
//! It is what editors complete and check by, so it is as strict as it can be for one file; a file that is one of
//! several may leave out what stands in another, so nothing is required at the top.

use schemars::generate::SchemaSettings;
use serde_json::Value;

use super::syntax::Manifest;

/// Where the schema is kept in the repository.
pub const SCHEMA_PATH: &str = "schemas/manifest.schema.json";

/// The JSON Schema (draft-07) of a manifest.
pub fn schema() -> Value {
    let mut schema = generated();
    unwrap_descriptions(&mut schema);
    schema
}

/// The schema as the types generate it.
pub(super) fn generated() -> Value {
    SchemaSettings::draft07().into_generator().into_root_schema_for::<Manifest>().to_value()
}

/// Comments are wrapped for people who read the source; editors wrap for themselves.
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
        let schema = schema();
        let bodies = schema["definitions"].as_object().unwrap().values().chain([&schema]);
        let mut count = 0;
        for (key, value) in bodies.flat_map(|body| body["properties"].as_object().unwrap()) {
            count += 1;
            assert!(value["description"].as_str().is_some_and(|text| text.ends_with('.')), "{key}");
            assert!(value.get("examples").or(value.get("default")).is_some(), "{key}");
        }
        assert!(count > 70, "{count}");
        assert_eq!(schema["$schema"], "http://json-schema.org/draft-07/schema#");
    }
}

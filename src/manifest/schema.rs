//! The JSON Schema of the manifest, generated from the types that read it.

use schemars::generate::SchemaSettings;
use serde_json::Value;

use super::syntax::Manifest;

/// Where the schema is published in the repository.
pub const SCHEMA_PATH: &str = "schemas/manifest.schema.json";

/// The JSON Schema (draft-07) of a manifest.
pub fn schema() -> Value {
    generated()
}

/// The schema as the types generate it.
pub(super) fn generated() -> Value {
    SchemaSettings::draft07().into_generator().into_root_schema_for::<Manifest>().to_value()
}

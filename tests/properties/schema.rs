//! Random manifests and edits of them match the JSON Schema.

use proptest::prelude::*;
use serde_json::Value;

use super::manifests::{edited, story};
use super::stage::cases;

#[test]
fn every_random_manifest_matches_the_schema() {
    let validator = jsonschema::validator_for(&goldform::constraints::manifest_schema()).unwrap();
    proptest!(cases(500), |((manifest, edits) in story())| {
        for manifest in [edited(&manifest, &edits), manifest] {
            let text = manifest.yaml();
            let value: Value = serde_yaml::from_str(&text).unwrap();
            let errors: Vec<String> = validator.iter_errors(&value).map(|error| error.to_string()).collect();
            prop_assert!(errors.is_empty(), "{}\n{:?}", text, errors);
        }
    });
}

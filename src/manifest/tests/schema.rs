//! The schema accepts everything that goldform accepts.

use std::sync::LazyLock;

use jsonschema::Validator;
use proptest::prelude::*;
use serde_json::Value;

use super::corpus::{mutated, seeds};
use super::oracle::known_difference;
use crate::manifest::{Input, Variables, load, schema};

/// The schema without the names of rules.
static SCHEMA: LazyLock<Validator> = LazyLock::new(|| {
    let mut schema = schema::schema(&[]);
    schema["properties"]["rules"] = true.into();
    jsonschema::validator_for(&schema).unwrap()
});

/// Returns the text as JSON, by another reader of YAML.
fn as_json(text: &str) -> Option<Value> {
    let mut value: serde_yaml::Value = serde_yaml::from_str(text).ok()?;
    value.apply_merge().ok()?;
    serde_json::to_value(value).ok()
}

/// Returns whether the text is accepted at some levels of rules. The schema must accept it then.
fn passes_where_accepted(text: &str) -> bool {
    let variables = Variables::new([("signature".to_owned(), "q-sign=1".to_owned())].into());
    let loaded = load(vec![Input { name: "a.yaml".into(), bytes: text.into() }], &variables);
    let Some(value) = as_json(text).filter(|_| loaded.complete) else { return false };
    if let Some(error) = SCHEMA.iter_errors(&value).next() {
        panic!("{text:?} is accepted, but the schema refuses it: {}: {error}", error.instance_path());
    }
    true
}

#[test]
fn most_seeds_are_accepted_and_pass() {
    let accepted = seeds().iter().filter(|seed| passes_where_accepted(seed)).count();
    assert!(accepted >= 6, "{accepted} of {}", seeds().len());
}

/// Unusual texts that are accepted.
#[test]
fn odd_texts_that_are_accepted_pass() {
    let images = r#"
version: 1
account: "100000000001"
variables: { a: { default: "10000", description: 'no ${' } }
accounts: { 1-a: "10000", b: '${a}' }
images:
  "9": { region: ap-tokyo, name: '${a}$$${a}$${$', source: { snapshots: [snap-0000, snap-0000] } }
  x: { region: ap-tokyo, source: "#;
    for rest in [
        "{ import: { url: 'http://h/o?a b#c', os: '', version: '', architecture: arm, license: x, boot: z } } }",
        "{ shared: { id: img-0000, from: 1-a } }, copies: [ap-tokyo, ap-tokyo], name: '' }",
        "{ adopted: img-0000 }, tags: { '': '' }, keep: { days: 0 }, description: \"$\\n$\" }",
        "{ encrypted: { image: \"9\" } } }\nstate: a//b\nlookups:\nshares: [{ image: x, with: [], regions: [] }]",
        "{ instance: { id: ins-0000, data_disks: } } }\ncloud: { endpoint: 'http://h//', ownership_tag: ' ' }",
        "{ instance: { id: ins-0000 } } }\nstate: s3://b//k\nrenames: [{ from: image.y, to: image.x }]",
    ] {
        let text = format!("{images}{rest}\n");
        assert!(passes_where_accepted(&text), "{text}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(super::agreement::cases()))]

    #[test]
    fn the_schema_accepts_accepted_texts(text in mutated()) {
        // The other reader would read such a text differently.
        if known_difference(&text).is_none() {
            passes_where_accepted(&text);
        }
    }
}

//! Every key of the manifest: accepted, refused with a span, planned, applied, and planned empty afterwards.
//!
//! The keys are read from the schema, so that a new one without a manifest that uses it fails here. Run with
//! `--nocapture` to see the table.

mod effects;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

use goldform::diagnostics::Severity;
use goldform::manifest::{Input, Variables, load, schema::schema};
use serde_json::{Value, json};

/// Two manifests that use every key between them; `{adopted}` is an image that is there.
const MANIFESTS: &[&str] = &[
    r#"
version: 1
account: "100000000001"
cloud:
  provider: sandbox
  sandbox: { world: keys.world.db, quotas: { images_per_region: 20, accounts_per_image: 50 } }
  site: international
  endpoint: http://127.0.0.1:8787
  profile: default
  ownership_tag: goldform
  shared_image_edits: allowed
state: keys.state.json
variables:
  build: { default: ins-8f3a1c2d, description: the instance that was prepared }
  signature: { sensitive: true }
accounts: { partner: "200000000001", staging: "200000000002", both: [partner, staging] }
limits: { images_per_region: 20, accounts_per_image: 50, regions: { ap-jakarta: { images: 12 } } }
regions: { ap-osaka: { title: Osaka, mainland: false, copy_target: true } }
rules: { share_gap: deny, shared_image_copied: allow, shared_image_untrusted: allow }
images:
  web:
    region: ap-jakarta
    name: web-{generation}
    description: Hardened
    family: web
    tags: { team: platform }
    source:
      revision: "1"
      instance: { id: "${build}", power_off: true, sysprep: false, data_disks: [] }
    copies: [ap-singapore]
    replace: auto
    keep: { at_least: 2, at_most: 5, days: 30 }
    pin: "1"
    deprecate: true
    delete_snapshots: true
    protect: false
  snap: { region: ap-jakarta, source: { snapshots: [snap-2f3a1c2d] }, keep: { generations: 1 } }
  win:
    region: ap-jakarta
    source:
      import:
        url: "https://b-1250000001.cos.ap-jakarta.myqcloud.com/w.qcow2"
        query: "${signature}"
        os: Ubuntu
        version: "22"
        architecture: x86_64
        license: TencentCloud
        boot: UEFI
        force: false
  locked: { region: ap-jakarta, source: { encrypted: { image: web, kms_key: key-1 } } }
  taken: { region: ap-jakarta, source: { adopted: "{adopted}" } }
  lent: { region: ap-tokyo, source: { shared: { id: "${lookup.lent}" } } }
lookups:
  ubuntu: { region: ap-jakarta, type: public, os: Ubuntu, bits: 64, name: Ubuntu, newest: true }
  arm: { region: ap-jakarta, type: public, architecture: arm, newest: true }
  lent: { region: ap-tokyo, type: shared, newest: true }
shares:
  - { image: web, with: [partner, staging], regions: [ap-jakarta], exclusive: false }
renames: [{ from: image.old, to: image.web }]
"#,
    // `from` is the account that lends in the sandbox's world.
    r#"
version: 1
account: "100000000001"
cloud: { provider: sandbox, sandbox: { world: keys.world.db }, domain: internal.tencentcloudapi.com }
state: second.state.json
accounts: { lender: "{lender}" }
rules: { shared_image_copied: allow }
lookups:
  lent: { region: ap-seoul, type: shared, from: lender, newest: true }
images:
  again: { region: ap-seoul, source: { shared: { id: "${lookup.lent}", from: lender } } }
"#,
    r#"
version: 1
account: "100000000001"
state: once.state.json
accounts: { partner: "200000000001", staging: "200000000002", both: [partner, staging] }
regions: { asia: [ap-jakarta, ap-tokyo] }
defaults:
  region: ap-jakarta
  name: "once-{key}-{generation}"
  description: Golden
  family: web
  tags: { team: platform }
  copies: [asia]
  replace: auto
  keep: { at_least: 1, at_most: 2, days: 30 }
  deprecate: true
  delete_snapshots: true
  protect: false
images:
  one: { source: { revision: "1", instance: { id: ins-8f3a1c2d } } }
  two: { source: { revision: "1", instance: { id: ins-8f3a1c2e } }, tags: { tier: data }, copies: [] }
shares:
  - { images: all, with: [both] }
  - { tags: { tier: data }, with: ["200000000003"] }
"#,
    r#"
version: 1
account: "100000000001"
state: earlier.state.json
include: [included.yaml]
defaults: { keep: { generations: 1 } }
images:
  earlier: { region: ap-seoul, source: { revision: "1", instance: { id: ins-8f3a1c2d } } }
"#,
];

fn resolve<'s>(schema: &'s Value, node: &'s Value) -> Vec<&'s Value> {
    let mut nodes = vec![match node["$ref"].as_str() {
        Some(reference) => &schema["definitions"][reference.rsplit('/').next().unwrap()],
        None => node,
    }];
    for union in ["anyOf", "oneOf", "allOf"] {
        let members = node[union].as_array().into_iter().flatten();
        nodes.extend(members.flat_map(|member| resolve(schema, member)));
    }
    nodes
}

/// Every key that the schema names: `images.*.source.instance.id`.
pub fn schema_keys(schema: &Value, node: &Value, path: &str, keys: &mut BTreeSet<String>) {
    for node in resolve(schema, node) {
        for (key, below) in node["properties"].as_object().into_iter().flatten() {
            let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
            schema_keys(schema, below, &path, keys);
            keys.insert(path);
        }
        if node["additionalProperties"].is_object() {
            schema_keys(schema, &node["additionalProperties"], &format!("{path}.*"), keys);
        }
        if node["items"].is_object() {
            schema_keys(schema, &node["items"], &format!("{path}[]"), keys);
        }
    }
}

/// Every key that a value uses, as the schema names it, and its place in the value.
fn used_keys(
    keys: &BTreeSet<String>,
    value: &Value,
    path: &str,
    at: &str,
    used: &mut BTreeMap<String, String>,
) {
    match value {
        Value::Object(map) => {
            for (key, below) in map {
                let named = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                let any = format!("{path}.*");
                let at = format!("{at}/{}", key.replace('~', "~0").replace('/', "~1"));
                if keys.contains(&named) {
                    used.entry(named.clone()).or_insert_with(|| at.clone());
                    used_keys(keys, below, &named, &at, used);
                } else {
                    used_keys(keys, below, &any, &at, used);
                }
            }
        }
        Value::Array(items) => {
            for (index, below) in items.iter().enumerate() {
                used_keys(keys, below, &format!("{path}[]"), &format!("{at}/{index}"), used);
            }
        }
        _ => {}
    }
}

/// Whether a manifest in which this key has an impossible value is refused, with a place in the text.
fn is_refused(manifest: &Value, pointer: &str) -> bool {
    let mut broken = manifest.clone();
    *broken.pointer_mut(pointer).unwrap() = json!([[{ "no": [] }]]);
    // JSON is YAML.
    let bytes = serde_json::to_vec_pretty(&broken).unwrap();
    let loaded = load(vec![Input { name: "goldform.yaml".into(), bytes }], &Variables::default());
    loaded.diagnostics.iter().any(|diagnostic| {
        let place = diagnostic.labels.first().and_then(|label| loaded.locator.place(&label.place));
        diagnostic.severity == Severity::Error && place.is_some()
    })
}

fn run(folder: &Path, arguments: &[&str]) -> (i32, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_goldform"))
        .args(arguments)
        .current_dir(folder)
        .env("GOLDFORM_VAR_signature", "q-sign=1")
        .env("CI", "1")
        .output()
        .unwrap();
    let text = [output.stdout, output.stderr].concat();
    (output.status.code().unwrap(), String::from_utf8(text).unwrap())
}

#[test]
fn every_key_is_accepted_refused_with_a_span_planned_applied_and_planned_empty() {
    let schema = schema(&[]);
    let mut keys = BTreeSet::new();
    schema_keys(&schema, &schema, "", &mut keys);

    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    // An image that is there, made by another state in the same world, and without the tag that says so.
    std::fs::write(
        folder.join("other.yaml"),
        "version: 1\naccount: \"100000000001\"\ncloud: { ownership_tag: false, sandbox: { world: keys.world.db } }\n\
         state: other.state.json\n\
         images:\n  other: { region: ap-jakarta, source: { instance: { id: ins-8f3a1c2d } } }\n",
    )
    .unwrap();
    std::fs::write(folder.join("included.yaml"), "accounts: { partner: \"200000000001\" }\n").unwrap();
    let (status, text) = run(folder, &["apply", "--yes", "-f", "other.yaml"]);
    assert_eq!(status, 0, "{text}");
    let (_, text) = run(folder, &["output", "image.other@ap-jakarta", "-f", "other.yaml"]);
    let adopted = text.trim_end().to_owned();
    let lender = goldform::cloud::sim::Settings::default().lent_by.unwrap().to_string();

    // Key → what held of it: accepted, refused, planned, applied, planned empty.
    let mut table: BTreeMap<String, [bool; 5]> = keys.iter().map(|key| (key.clone(), [false; 5])).collect();
    for (number, manifest) in MANIFESTS.iter().enumerate() {
        let text = manifest.replace("{adopted}", &adopted).replace("{lender}", &lender);
        let name = format!("keys-{number}.yaml");
        std::fs::write(folder.join(&name), &text).unwrap();
        let value: Value =
            serde_json::to_value(serde_yaml::from_str::<serde_yaml::Value>(&text).unwrap()).unwrap();
        let mut used = BTreeMap::new();
        used_keys(&keys, &value, "", "", &mut used);

        let (accepted, reported) = run(folder, &["validate", "-f", &name]);
        assert_eq!(accepted, 0, "{reported}");
        let (planned, reported) = run(folder, &["plan", "--refresh", "--detailed-exitcode", "-f", &name]);
        assert_eq!(planned, 2, "{reported}");
        let (applied, reported) = run(folder, &["apply", "--yes", "-f", &name]);
        assert_eq!(applied, 0, "{reported}");
        let (empty, reported) = run(folder, &["plan", "--refresh", "--detailed-exitcode", "-f", &name]);
        assert_eq!(empty, 0, "{reported}");
        for (key, pointer) in used {
            let refused = is_refused(&value, &pointer);
            table.insert(key, [accepted == 0, refused, planned == 2, applied == 0, empty == 0]);
        }
    }
    println!("{:<45} accepted refused planned applied empty", "key");
    for (key, cells) in &table {
        let cells: Vec<&str> = cells.iter().map(|holds| if *holds { "yes" } else { "—" }).collect();
        println!("{key:<45} {:<8} {:<7} {:<7} {:<7} {}", cells[0], cells[1], cells[2], cells[3], cells[4]);
    }
    let gaps: Vec<&String> =
        table.iter().filter(|(_, cells)| cells.contains(&false)).map(|(key, _)| key).collect();
    assert!(gaps.is_empty(), "cells are empty for {gaps:#?}");
}

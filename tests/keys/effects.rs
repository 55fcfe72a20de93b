//! Every key of the manifest has an effect: a changed value makes another plan, another judgement of one, or another
//! use of the service or of the state.
//!
//! The keys are read from the schema, so that a new one without a row fails, and so does one that nothing reads.

use std::collections::{BTreeMap, BTreeSet};

use goldform::constraints::{Levels, judge};
use goldform::diff::{PlanMode, use_lookups};
use goldform::manifest::schema::schema;
use goldform::manifest::{Desired, Input, Variables, load};
use goldform::model::{Architecture, ImageKind};
use goldform::plan::{PlanOptions, propose};
use goldform::state::{Found, FoundImage, Recorded, RecordedLookup};
use goldform::testing::worlds::{applied, noon};
use serde_json::{Value, json};

use super::{run, schema_keys, used_keys};

/// Everything but lookups; `image.old` is what `web` was called before.
const BASE: &str = r#"
version: 1
account: "100000000001"
cloud:
  provider: tencent
  sandbox: { world: keys.world.db, quotas: { images_per_region: 20, accounts_per_image: 50 } }
  site: international
  profile: default
  ownership_tag: goldform
  shared_image_edits: allowed
state: keys.state.json
variables:
  build: { default: ins-8f3a1c2d, description: the instance that was prepared }
  signature: { sensitive: true }
accounts: { partner: "200000000001", staging: "200000000002" }
limits: { images_per_region: 20, accounts_per_image: 50, regions: { ap-jakarta: { images: 12 } } }
regions: { ap-osaka: { title: Osaka, mainland: false, copy_target: true } }
rules: { share_gap: deny, shared_image_copied: allow }
images:
  far: { region: ap-jakarta, copies: [ap-osaka], replace: auto, keep: { at_most: 1, days: 30 }, source: { instance: { id: ins-8f3a1c2d } } }
  snap: { region: ap-jakarta, source: { snapshots: [snap-2f3a1c2d] }, keep: 1, pin: snap-2f3a1c2d }
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
    keep: { at_least: 1, days: 0 }
    deprecate: true
    delete_snapshots: true
    protect: false
  win:
    region: ap-jakarta
    keep: { generations: 1, days: 0 }
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
  taken: { region: ap-jakarta, source: { adopted: img-0a1b2c3d } }
  lent: { region: ap-jakarta, source: { shared: { id: img-4e5f6a7b, from: partner } } }
shares:
  - { image: web, with: [partner, staging], regions: [ap-jakarta], exclusive: false }
renames: [{ from: image.old, to: image.web }]
"#;

/// Each lookup is used by an entry.
const LOOKUPS: &str = r#"
version: 1
account: "100000000001"
accounts: { partner: "200000000001", staging: "200000000002" }
rules: { shared_image_copied: allow }
lookups:
  arm: { region: ap-jakarta, type: shared, architecture: arm, newest: true }
  ubuntu: { region: ap-jakarta, type: shared, os: Ubuntu, bits: 64, name: Ubuntu, newest: true, from: partner }
images:
  one: { region: ap-jakarta, source: { shared: { id: "${lookup.ubuntu}" } } }
  two: { region: ap-jakarta, source: { shared: { id: "${lookup.arm}" } } }
"#;

/// What is said once for all entries.
const ONCE: &str = r#"
version: 1
account: "100000000001"
accounts: { partner: "200000000001", staging: "200000000002", both: [partner, staging] }
regions: { asia: [ap-jakarta, ap-tokyo] }
rules: { share_gap: allow }
defaults:
  region: ap-jakarta
  name: "{key}-{generation}"
  description: Golden
  family: web
  tags: { team: platform }
  copies: [asia]
  replace: auto
  keep: { at_least: 0, at_most: 1, days: 30 }
  deprecate: true
  delete_snapshots: true
  protect: false
images:
  web: { source: { revision: "1", instance: { id: ins-8f3a1c2d } } }
  db: { source: { revision: "1", instance: { id: ins-8f3a1c2e } }, tags: { tier: data } }
  app: { source: { revision: "1", instance: { id: ins-8f3a1c2f } }, keep: 0 }
shares:
  - { images: all, with: [both] }
  - { tags: { tier: data }, with: ["200000000003"] }
"#;

/// The earlier name of a key.
const EARLIER: &str = r#"
version: 1
account: "100000000001"
defaults: { keep: { generations: 1, days: 0 } }
images:
  db: { region: ap-jakarta, source: { revision: "1", instance: { id: ins-8f3a1c2e } } }
"#;

/// Nothing but an address of the service.
const SERVED: &str = r#"
version: 1
account: "100000000001"
cloud: { provider: tencent, endpoint: "http://127.0.0.1:8787" }
"#;

/// Nothing but a root domain of the service.
const REACHED: &str = r#"
version: 1
account: "100000000001"
cloud: { provider: tencent, domain: internal.tencentcloudapi.com }
"#;

/// A variable without a value.
const UNSET: &str = r#"
version: 1
account: "100000000001"
variables: { build: { description: the instance that was prepared } }
images:
  web: { region: ap-jakarta, source: { instance: { id: "${build}" } } }
"#;

/// A key, the manifest that uses it, and another value.
fn rows() -> Vec<(&'static str, &'static str, Value)> {
    let base = [
        ("version", json!(2)),
        ("account", json!("100000000002")),
        ("accounts", json!({ "partner": "200000000003", "staging": "200000000002" })),
        ("cloud.provider", json!("sandbox")),
        ("cloud.site", json!("mainland")),
        ("cloud.ownership_tag", json!("other")),
        ("cloud.shared_image_edits", json!("refused")),
        ("variables.*.default", json!("ins-99999999")),
        ("variables.*.sensitive", json!(false)),
        ("limits.images_per_region", json!(1)),
        ("limits.accounts_per_image", json!(1)),
        ("limits.regions.*.images", json!(1)),
        ("regions.*.mainland", json!(true)),
        ("regions.*.copy_target", json!(false)),
        ("rules", json!({ "share_gap": "deny", "snapshot_storage_billed": "warn" })),
        ("images.*.region", json!("ap-tokyo")),
        ("images.*.name", json!("www-{generation}")),
        ("images.*.description", json!("Hardened twice")),
        ("images.*.family", json!("www")),
        ("images.*.tags", json!({ "team": "web" })),
        ("images.*.copies", json!(["ap-tokyo"])),
        ("images.*.replace", json!("delete-first")),
        ("images.*.keep.at_least", json!(0)),
        ("images.*.keep.at_most", json!(0)),
        ("images.*.keep.generations", json!(0)),
        ("images.*.keep.days", json!(0)),
        ("images.*.pin", json!("2")),
        ("images.*.delete_snapshots", json!(false)),
        ("images.*.deprecate", json!(false)),
        ("images.*.protect", json!(true)),
        ("images.*.source.revision", json!("2")),
        ("images.*.source.instance.id", json!("ins-99999999")),
        ("images.*.source.instance.power_off", json!(false)),
        ("images.*.source.instance.sysprep", json!(true)),
        ("images.*.source.instance.data_disks", json!(["disk-8f3a1c2d"])),
        ("images.*.source.snapshots", json!(["snap-99999999"])),
        ("images.*.source.import.url", json!("https://b-1250000001.cos.ap-jakarta.myqcloud.com/v.qcow2")),
        ("images.*.source.import.os", json!("Debian")),
        ("images.*.source.import.version", json!("24")),
        ("images.*.source.import.architecture", json!("i386")),
        ("images.*.source.import.license", json!("BYOL")),
        ("images.*.source.import.boot", json!("Legacy BIOS")),
        ("images.*.source.import.force", json!(true)),
        ("images.*.source.encrypted.image", json!("snap")),
        ("images.*.source.encrypted.kms_key", json!("key-2")),
        ("images.*.source.adopted", json!({ "ap-jakarta": "img-0a1b2c3d", "ap-tokyo": "img-99999999" })),
        ("images.*.source.shared.id", json!("img-99999999")),
        ("images.*.source.shared.from", json!("staging")),
        ("shares[].image", json!("snap")),
        ("shares[].with", json!(["partner"])),
        ("shares[].regions", json!(["ap-singapore"])),
        ("shares[].exclusive", json!(true)),
        ("renames[].from", json!("image.older")),
        ("renames[].to", json!("image.snap")),
    ];
    let lookups = [
        ("lookups.*.region", json!("ap-tokyo")),
        ("lookups.*.type", json!("custom")),
        ("lookups.*.os", json!("Debian")),
        ("lookups.*.bits", json!(32)),
        ("lookups.*.name", json!("Debian")),
        ("lookups.*.newest", json!(false)),
        ("lookups.*.from", json!("staging")),
        ("lookups.*.architecture", json!("i386")),
    ];
    let once = [
        ("defaults.region", json!("ap-tokyo")),
        ("defaults.name", json!("{key}-of-{generation}")),
        ("defaults.description", json!("Golden twice")),
        ("defaults.family", json!("www")),
        ("defaults.tags", json!({ "team": "web" })),
        ("defaults.copies", json!(["ap-seoul"])),
        ("defaults.replace", json!("delete-first")),
        ("defaults.keep.at_least", json!(2)),
        ("defaults.keep.at_most", json!(0)),
        ("defaults.keep.days", json!(0)),
        ("defaults.deprecate", json!(false)),
        ("defaults.delete_snapshots", json!(false)),
        ("defaults.protect", json!(true)),
        ("shares[].images", json!(["web"])),
        ("shares[].tags", json!({ "team": "platform" })),
    ];
    let once = once.into_iter().map(|(key, value)| (key, ONCE, value));
    let base = base.into_iter().map(|(key, value)| (key, BASE, value));
    let lookups = lookups.into_iter().map(|(key, value)| (key, LOOKUPS, value));
    let others = [
        ("cloud.endpoint", SERVED, json!("http://127.0.0.1:8788")),
        ("cloud.domain", REACHED, json!("api.corp.example")),
        ("variables.*.description", UNSET, json!("the other instance")),
        ("defaults.keep.generations", EARLIER, json!(0)),
    ];
    base.chain(lookups).chain(once).chain(others).collect()
}

/// Keys whose effect is beside the plan: [`what_plans_do_not_show_has_an_effect_too`] sees it.
const BESIDE_PLANS: &[&str] = &[
    "cloud.profile",
    "cloud.sandbox.world",
    "cloud.sandbox.quotas.images_per_region",
    "cloud.sandbox.quotas.accounts_per_image",
    "state",
    "include",
    "regions.*.title",
    "images.*.source.import.query",
];

fn value_of(yaml: &str) -> Value {
    serde_json::to_value(serde_yaml::from_str::<serde_yaml::Value>(yaml).unwrap()).unwrap()
}

fn changed(manifest: &Value, pointer: &str, to: &Value) -> Value {
    let mut changed = manifest.clone();
    let place = changed.pointer_mut(pointer).unwrap();
    assert_ne!(place, to, "{pointer}: the row changes nothing");
    place.clone_from(to);
    changed
}

/// The same manifest, asking for a new build of everything, or for another description of everything.
fn later(manifest: &Value, key: &str) -> Value {
    let mut later = manifest.clone();
    for image in later["images"].as_object_mut().into_iter().flat_map(|images| images.values_mut()) {
        let place = if key == "revision" { &mut image["source"] } else { image };
        place[key] = json!("later");
    }
    later
}

/// What is recorded once a manifest was applied: its lookups have found an image each, and everything was shared by
/// others too. `web` is called `old` still.
fn record(yaml: &str) -> Recorded {
    let before = yaml.replace("  web:", "  old:").replace("image: web", "image: old");
    let before = before.split("renames:").next().unwrap();
    let mut recorded = applied(&[before]).recorded;
    let stranger = ["200000000077".parse().unwrap()].into_iter().collect();
    let keys: Vec<_> = recorded.placements().map(|(at, _)| at).collect();
    for at in keys {
        recorded.placement_mut(&at).unwrap().unmanaged = Clone::clone(&stranger);
    }
    for (number, (name, asked)) in goldform::testing::desired(before).lookups.into_iter().enumerate() {
        let image = FoundImage {
            id: format!("img-0000000{number}").parse().unwrap(),
            name: "Ubuntu".into(),
            kind: ImageKind::Shared,
            created: noon(),
            creator: "200000000001".into(),
            os: "Ubuntu".into(),
            platform: "Ubuntu".into(),
            architecture: Architecture::X86_64,
        };
        let found = RecordedLookup { asked, read_at: noon(), found: Found::One(image) };
        recorded.lookups.insert(name, found);
    }
    recorded
}

/// What a manifest makes goldform do, as text: what is wrong with it; its plans and what rules say of them, with and
/// without a record, now and when a new build or description is asked for; which place of the service it is for.
fn meaning(manifest: &Value, recorded: &Recorded) -> String {
    let mut text = String::new();
    for manifest in [manifest.clone(), later(manifest, "revision"), later(manifest, "description")] {
        let bytes = serde_json::to_vec_pretty(&manifest).unwrap();
        let loaded = load(vec![Input { name: "goldform.yaml".into(), bytes }], &Variables::default());
        for diagnostic in &loaded.diagnostics {
            text += &format!("{} {}\n", diagnostic.code, diagnostic.detail);
        }
        let Some(mut wanted) = loaded.desired else { continue };
        text += &format!("{:?}\n", wanted.cloud.place());
        for prior in [&Recorded::default(), recorded] {
            use_lookups(&mut wanted, prior);
            text += &planned(&wanted, prior);
        }
    }
    text
}

fn planned(wanted: &Desired, recorded: &Recorded) -> String {
    let proposal = match propose(wanted, recorded, None, &PlanOptions::all(PlanMode::Normal)) {
        Ok(proposal) => proposal,
        Err(error) => return error.to_string(),
    };
    let (levels, _) = Levels::new(&wanted.levels, &[]);
    let judged = judge(wanted, &proposal.prior, Some(&proposal.plan), &levels, noon());
    let mut text = serde_json::to_string(&proposal.plan).unwrap();
    for diagnostic in judged.diagnostics {
        text += &format!("\n{} {:?} {}", diagnostic.code, diagnostic.severity, diagnostic.detail);
    }
    text
}

/// The keys of the schema that have no keys below them.
fn leaves(keys: &BTreeSet<String>) -> BTreeSet<&str> {
    let is_below = |other: &str, key: &str| {
        other.strip_prefix(key).is_some_and(|rest| rest.starts_with('.') || rest.starts_with('['))
    };
    keys.iter().map(String::as_str).filter(|key| !keys.iter().any(|other| is_below(other, key))).collect()
}

#[test]
fn every_key_has_an_effect() {
    let schema = schema(&[]);
    let mut keys = BTreeSet::new();
    schema_keys(&schema, &schema, "", &mut keys);
    let leaves = leaves(&keys);
    let rows = rows();
    let named: BTreeSet<&str> =
        rows.iter().map(|(key, ..)| *key).chain(BESIDE_PLANS.iter().copied()).collect();
    let missing: Vec<_> = leaves.difference(&named).collect();
    assert!(missing.is_empty(), "keys of the schema without a row: {missing:#?}");
    let unknown: Vec<_> = named.difference(&leaves).collect();
    assert!(unknown.is_empty(), "rows of keys that the schema does not have: {unknown:#?}");

    let records = [
        (BASE, record(BASE)),
        (LOOKUPS, record(LOOKUPS)),
        (ONCE, record(ONCE)),
        (EARLIER, record(EARLIER)),
        (SERVED, Recorded::default()),
        (REACHED, Recorded::default()),
    ];
    let bases: BTreeMap<&str, (Value, Recorded)> = records
        .into_iter()
        .chain([(UNSET, Recorded::default())])
        .map(|(yaml, recorded)| (yaml, (value_of(yaml), recorded)))
        .collect();
    let mut without = Vec::new();
    for (key, yaml, to) in &rows {
        let (manifest, recorded) = &bases[yaml];
        let mut used = BTreeMap::new();
        used_keys(&keys, manifest, "", "", &mut used);
        let pointer = used.get(*key).unwrap_or_else(|| panic!("{key}: its manifest does not use it"));
        if meaning(&changed(manifest, pointer, to), recorded) == meaning(manifest, recorded) {
            without.push(*key);
        }
    }
    assert_eq!(without, Vec::<&str>::new(), "keys that change nothing");
}

/// Two images in the sandbox, one of them shared, one imported.
const SANDBOX: &str = r#"
version: 1
account: "100000000001"
cloud: { sandbox: { world: one.world.db, quotas: { images_per_region: 20, accounts_per_image: 50 } } }
state: one.state.json
variables: { token: { sensitive: true } }
accounts: { partner: "200000000001", staging: "200000000002" }
images:
  web: { region: ap-jakarta, source: { instance: { id: ins-8f3a1c2d } } }
  win:
    region: ap-jakarta
    keep: { generations: 1, days: 0 }
    source:
      import:
        { url: "https://b-1250000001.cos.ap-jakarta.myqcloud.com/w.qcow2", query: "", os: Ubuntu, version: "22", architecture: x86_64 }
shares: [{ image: web, with: [partner, staging] }]
"#;

/// Applies [`SANDBOX`] with another text in the place of one; the folder, the exit status and what was printed.
fn applied_with(from: &str, to: &str) -> (tempfile::TempDir, i32, String) {
    assert!(SANDBOX.contains(from), "{from}");
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("goldform.yaml"), SANDBOX.replace(from, to)).unwrap();
    let (status, text) = run(folder.path(), &["apply", "--yes"]);
    (folder, status, text)
}

#[test]
fn what_plans_do_not_show_has_an_effect_too() {
    let mut seen: BTreeSet<&str> = BTreeSet::new();
    let (folder, status, text) = applied_with("", "");
    assert_eq!(status, 0, "{text}");
    assert!(folder.path().join("one.world.db").exists() && folder.path().join("one.state.json").exists());
    for (key, from, file) in [
        ("cloud.sandbox.world", "one.world.db", "two.world.db"),
        ("state", "one.state.json", "two.state.json"),
    ] {
        let (folder, status, text) = applied_with(from, file);
        assert!(status == 0 && folder.path().join(file).exists(), "{key}: {text}");
        seen.insert(key);
    }
    for (key, from, to, status, reported) in [
        ("cloud.sandbox.quotas.images_per_region", "region: 20", "region: 1", 3, "GF601"),
        ("cloud.sandbox.quotas.accounts_per_image", "image: 50", "image: 1", 3, "GF503"),
        (
            "images.*.source.import.query",
            "query: \"\"",
            "query: \"${token}\"",
            1,
            "sensitive variable `token`",
        ),
        (
            "cloud.profile",
            "cloud: {",
            "cloud: { provider: tencent, endpoint: \"http://127.0.0.1:9\", profile: nobody,",
            1,
            "nobody",
        ),
        ("include", "version: 1\n", "version: 1\ninclude: [gone.yaml]\n", 1, "gone.yaml"),
    ] {
        let (_folder, found, text) = applied_with(from, to);
        assert!(found == status && text.contains(reported), "{key}: exit {found}\n{text}");
        seen.insert(key);
    }
    let folder = tempfile::tempdir().unwrap();
    let titled = format!("{SANDBOX}regions: {{ ap-osaka: {{ title: Osaka in spring, mainland: false }} }}\n");
    std::fs::write(folder.path().join("goldform.yaml"), titled).unwrap();
    let offered = std::process::Command::new(env!("CARGO_BIN_EXE_goldform"))
        .current_dir(folder.path())
        .env("GOLDFORM_COMPLETE", "fish")
        .args(["--", "goldform", "images", "--region", "ap-osa"])
        .output()
        .unwrap();
    let offered = String::from_utf8(offered.stdout).unwrap();
    assert!(offered.contains("Osaka in spring"), "{offered}");
    seen.insert("regions.*.title");
    assert_eq!(seen, BESIDE_PLANS.iter().copied().collect());
}

//! Tests of the whole module: an example with every key, and comparisons of the two paths.

pub(super) mod agreement;
mod bounds;
pub(super) mod corpus;
mod meaning;
pub(super) mod once;
mod oracle;
mod schema;

use super::*;
use crate::model::{Keep, Region, SourceKind};

pub(super) const EXAMPLE: &str = r#"
# yaml-language-server: $schema=./schemas/manifest.schema.json
version: 1
account: "100000000001"            # the owner: main account id (UIN), quoted
cloud:
  provider: sandbox
  sandbox: { world: goldform.world.db, quotas: { images_per_region: 10, accounts_per_image: 50 } }
  site: international
  endpoint: http://127.0.0.1:8787
  profile: default
  ownership_tag: goldform
  shared_image_edits: allowed
state: goldform.state.json

variables:
  build: { default: ins-8f3a1c2d, description: the instance that was prepared }
  signature: { sensitive: true }

accounts:
  partner: "200000000001"
  staging: "200000000002"
  customers: [partner, "200000000003"]

limits:
  images_per_region: 10
  accounts_per_image: 50
  regions: { ap-jakarta: { images: 8 } }

regions:
  asia: [ap-seoul, ap-tokyo]
  ap-osaka: { mainland: false }

defaults: { tags: { origin: golden }, protect: false }

x-anchors: { note: here }

rules: { share_gap: deny }

images:
  web-base:
    region: ap-jakarta
    name: web-base-{generation}
    description: Hardened Ubuntu 22.04 with nginx
    family: web
    tags: { team: platform }
    source:
      revision: "2026-11-24"
      instance: { id: "${build}", power_off: true, sysprep: false, data_disks: [] }
    copies: [ap-singapore, ap-tokyo]
    replace: auto
    keep: 2
    delete_snapshots: true
    protect: true
  snapped:
    region: ap-jakarta
    source: { snapshots: [snap-2f3a1c2d] }
    keep: { at_least: 2, days: 30 }
  imported:
    region: ap-jakarta
    source:
      import: { url: "https://b-1250000001.cos.ap-jakarta.myqcloud.com/w.qcow2", query: "${signature}", os: Ubuntu, version: "22", architecture: x86_64, license: TencentCloud, boot: UEFI, force: false }
  lent: { region: ap-jakarta, source: { shared: { id: img-3c1f0a9b, from: partner } } }
  looked: { region: ap-jakarta, source: { shared: { id: "${lookup.ubuntu}" } } }
  sealed: { region: ap-jakarta, source: { encrypted: { image: web-base, kms_key: key-id } } }
  taken: { region: ap-osaka, source: { adopted: img-0a1b2c3d } }

shares:
  - image: web-base
    with: [partner, staging]
    regions: [ap-jakarta, ap-singapore]
    exclusive: false
  - { image: web-base, with: ["200000000003"], exclusive: true }

lookups:
  ubuntu:
    region: ap-jakarta
    type: shared
    os: Ubuntu
    bits: 64
    name: "22.04"
    newest: true
    from: partner

renames: [ { from: image.web, to: image.web-base } ]
"#;

pub(in crate::manifest) fn input(text: &str) -> Vec<Input> {
    vec![Input { name: "goldform.yaml".into(), bytes: text.into() }]
}

#[test]
fn an_example_with_every_key_is_a_manifest() {
    let loaded = load(input(EXAMPLE), &Variables::default());
    assert_eq!(loaded.diagnostics, []);
    assert!(loaded.complete);
    let desired = loaded.desired.unwrap();
    assert_eq!(desired.faults, []);
    assert_eq!(desired.images.len(), 7);
    let web = &desired.images[&"web-base".parse().unwrap()];
    assert!(
        matches!(&web.source.as_ref().unwrap().kind, SourceKind::Instance { id, power_off: true, .. } if id.as_str() == "ins-8f3a1c2d")
    );
    let accounts = |region: &str| -> Vec<String> {
        web.shares[&region.parse::<Region>().unwrap()].iter().map(|id| id.to_string()).collect()
    };
    assert_eq!(accounts("ap-jakarta"), ["200000000001", "200000000002", "200000000003"]);
    assert_eq!(accounts("ap-tokyo"), ["200000000003"]);
    assert_eq!(web.exclusive.len(), 3);
    assert_eq!(web.share_entries, [0, 1]);
    assert_eq!(desired.secrets().into_iter().collect::<Vec<_>>(), ["signature"]);
    assert_eq!(
        desired.images[&"snapped".parse().unwrap()].keep,
        Keep { at_least: 2, at_most: None, days: Some(30) }
    );
    assert_eq!(desired.renames.len(), 1);
    assert_eq!(desired.lookups.len(), 1);
    assert!(desired.images[&"looked".parse().unwrap()].lookup.is_some());
}

#[test]
fn both_paths_read_the_example_alike() {
    let variables = Variables::default();
    let fast = load(input(EXAMPLE), &variables);
    let slow = load_by(input(EXAMPLE), &variables, parse::parse_slowly);
    assert_eq!(fast.desired, slow.desired);
    assert_eq!(slow.diagnostics, []);
}

#[test]
fn a_correct_manifest_is_read_once() {
    assert!(!yaml::needs_slow_path(EXAMPLE));
    yaml::read::<Manifest>(EXAMPLE).unwrap();
}

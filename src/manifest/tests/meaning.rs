//! Meaning of manifests: one idea per test, with the smallest manifest that shows it.

use std::collections::BTreeMap;

use super::super::*;
use crate::diagnostics::ManifestPath;
use crate::model::{Keep, NameTemplate, Provider, Region, ReplaceOrder, SourceKind};

const HEAD: &str = "version: 1\naccount: \"100000000001\"\n";

pub(super) fn load_one(text: &str) -> Loaded {
    load_with(text, &[])
}

fn load_with(text: &str, variables: &[(&str, &str)]) -> Loaded {
    let given: BTreeMap<String, String> =
        variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    load(vec![Input { name: "a.yaml".into(), bytes: format!("{HEAD}{text}").into() }], &Variables::new(given))
}

pub(super) fn wanted(text: &str) -> Desired {
    let loaded = load_one(text);
    assert_eq!(loaded.diagnostics, [], "{text}");
    assert!(loaded.complete, "{text}: {:?}", loaded.desired.map(|desired| desired.faults));
    loaded.desired.unwrap()
}

/// Returns the faults with the texts at their paths.
pub(super) fn faults(text: &str) -> Vec<(FaultKind, String)> {
    let loaded = load_one(text);
    assert_eq!(loaded.diagnostics, [], "{text}");
    let cut = |path: &ManifestPath| {
        let span = loaded.locator.locate(path).unwrap();
        loaded.locator.sources().get(span.file).unwrap().text[span.start..span.end].to_owned()
    };
    let desired = loaded.desired.as_ref().unwrap();
    assert_eq!(loaded.complete, !desired.faults.iter().any(Fault::is_hard), "{text}");
    desired.faults.iter().map(|fault| (fault.kind.clone(), cut(&fault.path))).collect()
}

pub(super) fn image<'d>(desired: &'d Desired, key: &str) -> &'d DesiredImage {
    &desired.images[&key.parse().unwrap()]
}

pub(super) fn region(code: &str) -> Region {
    code.parse().unwrap()
}

fn codes(loaded: &Loaded) -> Vec<&'static str> {
    loaded.diagnostics.iter().map(|diagnostic| diagnostic.code.id).collect()
}

#[test]
fn a_manifest_without_images_declares_nothing() {
    for text in ["", "images:\n", "images: {}\n", "shares:\n# - none yet\n"] {
        assert_eq!(wanted(text).images.len(), 0);
    }
}

#[test]
fn a_missing_key_has_its_default() {
    let desired = wanted("images: {web: {region: ap-tokyo, source: {adopted: img-0a1b2c3d}}}\n");
    let web = image(&desired, "web");
    assert_eq!(web.name, NameTemplate("web-{generation}".into()));
    assert_eq!((&web.description, &web.family), (&None, &None));
    assert_eq!(web.keep, Keep::default());
    assert_eq!((web.replace, web.protect, web.delete_snapshots), (ReplaceOrder::Auto, false, None));
    assert_eq!(desired.cloud, CloudSettings::default());
    assert_eq!(desired.state, StateLocation::default());
}

#[test]
fn an_empty_text_is_not_a_missing_text() {
    let desired = wanted(
        "images: {web: {region: ap-tokyo, description: \"\", family: '', source: {adopted: img-0a1b2c3d}}}\n",
    );
    assert_eq!(image(&desired, "web").description.as_deref(), Some(""));
    assert_eq!(image(&desired, "web").family.as_deref(), Some(""));
}

#[test]
fn a_source_has_exactly_one_kind() {
    let web = |source: &str| format!("images: {{web: {{region: ap-tokyo, source: {source}}}}}\n");
    assert_eq!(faults(&web("{revision: a}")), [(FaultKind::NoSource, "source".into())]);
    assert_eq!(faults("images: {web: {region: ap-tokyo}}\n"), [(FaultKind::NoSource, "web".into())]);
    let kinds = vec!["snapshots", "adopted"];
    assert_eq!(
        faults(&web("{adopted: img-0a1b2c3d, snapshots: [snap-2f3a1c2d]}")),
        [(FaultKind::SeveralSources { kinds }, "source".into())]
    );
}

#[test]
fn malformed_arguments_of_sources_are_faults_at_their_places() {
    for (source, bad) in [
        ("{instance: {id: i-8f3a1c2d}}", "i-8f3a1c2d"),
        ("{instance: {id: ins-8f3a1c2d, data_disks: [disk-1a2b3c4d, d]}}", "d"),
        ("{snapshots: [snap-2f3a1c2d, snap]}", "snap"),
        ("{snapshots: []}", "[]"),
        ("{shared: {id: img}}", "img"),
        ("{adopted: img-A}", "img-A"),
        ("{import: {url: 'ftp://b/w', os: U, version: '1', architecture: arm}}", "'ftp://b/w'"),
        ("{import: {url: 'https://b/', os: U, version: '1', architecture: arm}}", "'https://b/'"),
        ("{import: {url: 'https://b/w', os: U, version: '1', architecture: arm64}}", "arm64"),
    ] {
        let found = faults(&format!("images: {{web: {{region: ap-tokyo, source: {source}}}}}\n"));
        assert!(
            matches!(found.as_slice(), [(FaultKind::MalformedSource { .. }, cut)] if cut == bad),
            "{source}: {found:?}"
        );
    }
}

#[test]
fn malformed_regions_are_faults_at_their_places() {
    let text = "
images:
  web: {region: Tokyo, source: {adopted: img-0a1b2c3d}}
  api: {region: ap-tokyo, copies: [ap-seoul, seoul, ap-seoul], source: {adopted: img-0a1b2c3d}}
";
    let found = faults(text);
    let malformed = |text: &str| FaultKind::MalformedRegion { text: text.into() };
    let path = ManifestPath::root().field("images").field("api").field("copies").index(0);
    assert_eq!(
        found,
        [
            (malformed("seoul"), "seoul".into()),
            (FaultKind::DuplicateCopy { region: region("ap-seoul"), first: path }, "ap-seoul".into()),
            (malformed("Tokyo"), "Tokyo".into()),
        ]
    );
}

#[test]
fn a_copy_after_an_invalid_item_is_found_in_the_list() {
    let loaded = load_one(
        "images: {web: {region: ap-tokyo, copies: [Seoul, ap-bangkok], source: {adopted: img-0a1b2c3d}}}\n",
    );
    let desired = loaded.desired.unwrap();
    let path = desired.path_of(&"image.web@ap-bangkok".parse().unwrap());
    assert_eq!(path.to_string(), "images.web.copies[1]");
}

#[test]
fn shares_apply_to_every_region_unless_regions_are_named() {
    let desired = wanted(
        "
accounts: {partner: \"200000000001\"}
images: {web: {region: ap-tokyo, copies: [ap-seoul], source: {adopted: img-0a1b2c3d}}}
shares:
  - {image: web, with: [partner], exclusive: true}
  - {image: web, with: [\"200000000002\", partner], regions: [ap-seoul]}
",
    );
    let web = image(&desired, "web");
    assert_eq!(web.shares[&region("ap-tokyo")].len(), 1);
    assert_eq!(web.shares[&region("ap-seoul")].len(), 2);
    assert_eq!(web.exclusive.len(), 2);
    assert_eq!(web.share_entries, [0, 1]);
}

#[test]
fn invalid_accounts_of_shares_are_faults_at_their_places() {
    let found = faults(
        "
accounts: {partner: \"200000000001\", own: \"100000000001\"}
images: {web: {region: ap-tokyo, source: {adopted: img-0a1b2c3d}}}
shares:
  - image: web
    with: [\"200000000001\", partner, partnr, \"123\", own, a/b]
    regions: [ap-tokyo, ap-seoul, x]
",
    );
    let with = ManifestPath::root().field("shares").index(0).field("with");
    assert_eq!(
        found,
        [
            (
                FaultKind::UnknownAccountName { name: "partnr".into(), similar: Some("partner".into()) },
                "partnr".into()
            ),
            (FaultKind::MalformedAccount { text: "123".into() }, "\"123\"".into()),
            (FaultKind::OwnAccount { text: "own".into() }, "own".into()),
            (FaultKind::MalformedAccount { text: "a/b".into() }, "a/b".into()),
            (FaultKind::DuplicateAccount { text: "partner".into(), first: with.index(0) }, "partner".into()),
            (FaultKind::MalformedRegion { text: "x".into() }, "x".into()),
            (FaultKind::ShareOutsideImage { region: region("ap-seoul") }, "ap-seoul".into()),
        ]
    );
}

#[test]
fn a_share_of_a_lookup_is_a_fault() {
    let found = faults(
        "lookups: {ubuntu: {region: ap-tokyo}}\nshares: [{image: \"${lookup.ubuntu}\", with: [\"200000000001\"]}]\n",
    );
    assert_eq!(found, [(FaultKind::LookupShared { lookup: "ubuntu".into() }, "\"${lookup.ubuntu}\"".into())]);
}

#[test]
fn a_shared_source_waits_for_its_lookup() {
    let mut desired = wanted(
        "
lookups: {ubuntu: {region: ap-tokyo}}
images: {web: {region: ap-tokyo, source: {revision: a, shared: {id: \"${lookup.ubuntu}\"}}}}
",
    );
    assert_eq!(image(&desired, "web").source, None);
    let id = "img-0a1b2c3d".parse().unwrap();
    desired.set_lookups(|name| (name.as_str() == "ubuntu").then_some(&id));
    let source = image(&desired, "web").source.as_ref().unwrap();
    assert_eq!(source.kind, SourceKind::Shared { id: "img-0a1b2c3d".parse().unwrap(), from: None });
    assert_eq!(source.revision.as_deref(), Some("a"));
}

#[test]
fn a_value_takes_precedence_over_the_default() {
    let text = "
variables: {a: {default: one}, b: , c: {default: \"\"}}
images: {web: {region: ap-tokyo, description: \"${a}-${b}-${c}-$${a}-$a\", source: {adopted: img-0a1b2c3d}}}
";
    let description = |loaded: Loaded| image(&loaded.desired.unwrap(), "web").description.clone();
    assert_eq!(description(load_with(text, &[("b", "${a}")])).unwrap(), "one-${a}--${a}-$a");
    assert_eq!(description(load_with(text, &[("b", "2"), ("a", "x")])).unwrap(), "x-2--${a}-$a");
    assert_eq!(codes(&load_one(text)), ["GF119"]);
    assert_eq!(load_one(text).declared_variables, ["a", "b", "c"]);
}

#[test]
fn any_text_may_have_a_variable() {
    let text = "
variables: {v: }
cloud: {provider: \"${v}\"}
";
    let provider = |value| load_with(text, &[("v", value)]).desired.unwrap().cloud.provider;
    assert_eq!(provider("tencent"), Provider::Tencent);
    assert_eq!(codes(&load_with(text, &[("v", "x")])), ["GF114"]);
}

const IMPORT: &str = "
variables: {signature: {sensitive: true}, v: {default: \"1\"}}
images:
  web:
    region: ap-tokyo
    source: {import: {url: \"https://b/w.qcow2\", query: \"?a=${v}&${signature}\", os: U, version: \"1\", architecture: arm}}
";

#[test]
fn a_secret_remains_a_name() {
    let loaded = load_with(IMPORT, &[("signature", "s3cret")]);
    assert_eq!(loaded.diagnostics, []);
    let desired = loaded.desired.unwrap();
    assert!(!format!("{desired:?}").contains("s3cret"));
    let query = image(&desired, "web").import_query.as_ref().unwrap();
    assert_eq!(query.fill(|name| (name == "signature").then_some("s3cret")).unwrap(), "a=1&s3cret");
    assert_eq!(desired.secrets().into_iter().collect::<Vec<_>>(), ["signature"]);
    // Its value is not needed to check a manifest.
    assert_eq!(load_one(IMPORT).diagnostics, []);
}

#[test]
fn the_query_of_a_url_is_not_part_of_its_identity() {
    let with = |query: &str| {
        let url = format!("https://b/w.qcow2{query}");
        let loaded = load_one(&format!(
            "images: {{web: {{region: ap-tokyo, source: {{import: {{url: \"{url}\", os: U, version: \"1\", architecture: arm}}}}}}}}\n"
        ));
        let codes = codes(&loaded);
        (image(&loaded.desired.unwrap(), "web").source.clone(), codes)
    };
    let (plain, signed) = (with(""), with("?q=1"));
    assert_eq!(plain.0, signed.0);
    assert_eq!((plain.1, signed.1), (vec![], vec!["GF127"]));
}

#[test]
fn the_state_is_a_file_or_an_object() {
    let state = |text: &str| wanted(&format!("state: {text}\n")).state;
    assert_eq!(state("a/b.json"), StateLocation::File("a/b.json".into()));
    assert_eq!(
        state("s3://bucket/a/b.json"),
        StateLocation::Object { bucket: "bucket".into(), key: "a/b.json".into() }
    );
    assert_eq!(
        state("cos://states-1250000001/a/b.json"),
        StateLocation::Cos { bucket: "states-1250000001".into(), key: "a/b.json".into() }
    );
    for bad in [
        "cos://bucket",
        "cos://me@bucket/key",
        "cos://Bucket/key",
        "s3://bucket",
        "s3:///key",
        "https://x/y",
        "\"\"",
        "folder/",
    ] {
        assert_eq!(codes(&load_one(&format!("state: {bad}\n"))), ["GF115"], "{bad}");
    }
}

#[test]
fn unknown_regions_can_be_added() {
    let desired =
        wanted("regions: {ap-osaka: {mainland: false, copy_target: false}, ap-tokyo: {mainland: true}}\n");
    let osaka = desired.regions.get(&region("ap-osaka")).unwrap();
    assert_eq!((osaka.title.as_str(), osaka.mainland, osaka.copy_target), ("ap-osaka", false, false));
    let tokyo = desired.regions.get(&region("ap-tokyo")).unwrap();
    assert_eq!((tokyo.title.as_str(), tokyo.mainland), ("Northeast Asia (Tokyo)", true));
}

#[test]
fn several_files_are_one_manifest() {
    let inputs = |texts: &[&str]| -> Vec<Input> {
        let input =
            |(number, text): (usize, &&str)| Input { name: format!("{number}.yaml"), bytes: (*text).into() };
        texts.iter().enumerate().map(input).collect()
    };
    let loaded = load(
        inputs(&[
            "version: 1\nshares: [{image: web, with: [partner]}]\nlimits: {images_per_region: 9}\n",
            "account: \"100000000001\"\nimages: {web: {region: ap-tokyo, source: {adopted: img-0a1b2c3d}}}\n",
            "",
            "accounts: {partner: \"200000000001\"}\nlimits: {regions: {ap-tokyo: {images: 8}}}\nshares: [{image: web, with: [x]}]\n",
        ]),
        &Variables::default(),
    );
    assert_eq!(loaded.diagnostics, []);
    let desired = loaded.desired.unwrap();
    assert_eq!(image(&desired, "web").shares[&region("ap-tokyo")].len(), 1);
    assert_eq!(desired.limits.images_in(&region("ap-tokyo")), Some(8));
    assert_eq!(desired.limits.images_in(&region("ap-seoul")), Some(9));
    assert_eq!(desired.faults[0].path.to_string(), "shares[1].with[0]");
    let span = loaded.locator.locate(&desired.faults[0].path).unwrap();
    assert_eq!(span.file, crate::diagnostics::FileId(3));
}

#[test]
fn problems_in_one_entry_do_not_affect_others() {
    let loaded = load_one(
        "
images:
  web: {region: [x], source: {adopted: img-0a1b2c3d}}
  api: {region: ap-tokyo, keep: many, source: {adopted: img-0a1b2c3d}}
shares:
  - {image: web, with: [\"200000000001\"]}
  - {image: api, with: [200000000001, \"200000000002\"], regions: [ap-tokyo]}
",
    );
    assert_eq!(codes(&loaded), ["GF109", "GF109", "GF110"]);
    assert!(!loaded.complete);
    let desired = loaded.desired.unwrap();
    assert_eq!(desired.images.len(), 1);
    assert_eq!(image(&desired, "api").shares[&region("ap-tokyo")].len(), 1);
    assert_eq!(desired.faults, []);
}

#[test]
fn merges_and_aliases_are_followed() {
    let desired = wanted(
        "
images:
  web: &web
    region: ap-tokyo
    tags: &tags {team: platform}
    copies: [ap-seoul]
    source: {adopted: img-0a1b2c3d}
  api: {<<: *web, name: api, copies: []}
  app: {region: ap-seoul, tags: *tags, source: {adopted: img-0a1b2c3e}}
",
    );
    assert_eq!(image(&desired, "api").region, region("ap-tokyo"));
    assert_eq!(image(&desired, "api").copies, []);
    assert_eq!(image(&desired, "api").tags, image(&desired, "app").tags);
}

#[test]
fn a_mistyped_key_keeps_its_value_where_it_is_written() {
    let loaded = load_one(
        "
images:
  web: &web {regoin: ap-tokyo, source: {adopted: img-0a1b2c3d}}
  api: {<<: *web, region: ap-seoul}
",
    );
    assert_eq!(codes(&loaded), ["GF105"]);
    let desired = loaded.desired.unwrap();
    assert_eq!(image(&desired, "web").region, region("ap-tokyo"));
    assert_eq!(image(&desired, "api").region, region("ap-seoul"));
}

#[test]
fn a_missing_owner_does_not_hide_the_rest() {
    let inputs = vec![Input { name: "a.yaml".into(), bytes: b"images: {web: {region: x}}\n".to_vec() }];
    let loaded = load(inputs, &Variables::default());
    assert_eq!(codes(&loaded), ["GF107", "GF107"]);
    assert_eq!(loaded.desired.unwrap().faults.len(), 2);
    assert!(!loaded.complete);
}

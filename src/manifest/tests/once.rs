//! What is said once: defaults, groups of accounts, sets of regions, and shares of several images.

use super::super::*;
use super::meaning::{faults, image, load_one, region, wanted};
use crate::model::{Accounts, Keep};

pub(in crate::manifest) const FLEET: &str = "
version: 1
account: \"100000000001\"
accounts:
  acme: \"200000000001\"
  staging: \"200000000002\"
  customers: [acme, \"200000000003\"]
  everyone: [customers, staging]
regions:
  asia: [ap-jakarta, ap-singapore, ap-tokyo]
  world: [asia, eu-frankfurt]
defaults:
  region: ap-jakarta
  name: '{key}-{revision}'
  copies: [asia]
  tags: { team: platform, audience: customers }
  keep: { at_most: 4, days: 30 }
images:
  web: { source: { revision: w48, snapshots: [snap-00000001] } }
  db:
    region: ap-tokyo
    copies: [ap-seoul]
    tags: { team: data }
    keep: { days: 7 }
    source: { revision: w48, snapshots: [snap-00000002] }
  mine: { name: mine, keep: 1, copies: [world], source: { adopted: img-0a1b2c3d } }
  other: { copies: [], tags: { audience: '' }, source: { adopted: img-0a1b2c3e } }
shares:
  - { images: all, with: [staging], regions: [asia] }
  - { images: [web, db], with: [everyone, acme] }
  - { tags: { audience: customers, team: data }, with: [\"200000000009\"] }
x-notes: [anything, { at: all }]
";

fn fleet() -> Desired {
    wanted(FLEET.split_once("account: \"100000000001\"").unwrap().1)
}

fn regions(desired: &Desired, key: &str) -> Vec<String> {
    image(desired, key).placements().into_iter().map(ToString::to_string).collect()
}

#[test]
fn an_image_has_the_defaults_that_it_does_not_have_itself() {
    let desired = fleet();
    let (web, db) = (image(&desired, "web"), image(&desired, "db"));
    assert_eq!(web.name.0, "web-{revision}");
    assert_eq!(
        regions(&desired, "web"),
        ["ap-jakarta", "ap-singapore", "ap-tokyo"],
        "without its own region"
    );
    assert_eq!(regions(&desired, "db"), ["ap-seoul", "ap-tokyo"], "lists are replaced");
    assert_eq!(web.tags.len(), 2);
    assert_eq!(db.tags.get("team").map(|team| team.as_str()), Some("data"), "mappings are merged");
    assert_eq!(db.tags.get("audience").map(|audience| audience.as_str()), Some("customers"));
    assert_eq!(web.keep, Keep { at_least: 0, at_most: Some(4), days: Some(30) });
    assert_eq!(db.keep, Keep { at_least: 0, at_most: Some(4), days: Some(7) });
    assert_eq!(image(&desired, "mine").keep, Keep { at_least: 1, at_most: Some(1), days: None });
}

#[test]
fn the_default_name_is_not_used_for_images_that_somebody_else_made() {
    let desired = fleet();
    assert!(image(&desired, "other").keeps_name);
    assert_eq!(image(&desired, "mine").name.0, "mine");
}

#[test]
fn sets_contain_sets_and_their_own_region_is_left_out() {
    let desired = fleet();
    assert_eq!(regions(&desired, "mine"), ["ap-jakarta", "ap-singapore", "ap-tokyo", "eu-frankfurt"]);
    let mine = image(&desired, "mine");
    assert!(!mine.copies.contains(&region("ap-jakarta")));
    assert_eq!(mine.copy_entries, [0, 0, 0], "the set is the first item");
}

#[test]
fn shares_add_up_over_groups_and_selected_images() {
    let desired = fleet();
    let accounts = |ids: &[&str]| -> Accounts {
        ids.iter().map(|id| format!("20000000000{id}").parse().unwrap()).collect()
    };
    let shares =
        |key: &str, code: &str| image(&desired, key).shares.get(&region(code)).cloned().unwrap_or_default();
    assert_eq!(shares("web", "ap-tokyo"), accounts(&["1", "2", "3"]));
    assert_eq!(shares("db", "ap-seoul"), accounts(&["1", "2", "3", "9"]));
    assert_eq!(shares("mine", "ap-tokyo"), accounts(&["2"]));
    assert_eq!(shares("mine", "eu-frankfurt"), accounts(&[]), "not in the set of the share");
    assert_eq!(desired.groups["everyone"], accounts(&["1", "2", "3"]));
}

#[test]
fn a_problem_of_a_default_is_found_where_it_is_written() {
    let text = "defaults: { region: tokyo, copies: [ap-seoul, x] }\nimages:\n  a: { source: { adopted: img-0a1b2c3d } }\n  \
                b: { source: { adopted: img-0a1b2c3e } }\n";
    let found: Vec<String> = faults(text).into_iter().map(|(_, text)| text).collect();
    assert_eq!(found, ["tokyo", "x"], "each once");
}

fn problems(text: &str) -> Vec<String> {
    let loaded = load_one(text);
    assert!(!loaded.complete);
    loaded.diagnostics.iter().map(|found| format!("{}: {}", found.code.id, found.detail)).collect()
}

#[test]
fn what_cannot_be_meant_is_refused() {
    let image = "images: { web: { region: ap-tokyo, source: { adopted: img-0a1b2c3d } } }\n";
    for (text, code, part) in [
        ("defaults: { name: web }\n", "GF115", "without `{key}`"),
        ("defaults: { source: { adopted: img-0a1b2c3d } }\n", "GF105", "not a key of `defaults`"),
        ("accounts: { a: [b], b: [a] }\n", "GF115", "contains this list"),
        ("regions: { 'asia:': [ap-seoul] }\n", "GF116", "cannot name a set of regions"),
        ("regions: { '': [ap-seoul] }\n", "GF116", "cannot name a set of regions"),
        ("regions: { ap-tokyo: [ap-seoul] }\n", "GF115", "is the code of a region"),
        ("shares: [{ images: some, with: [] }]\n", "GF115", "expected `all` or a list"),
        ("shares: [{ images: all, tags: { a: b }, with: [] }]\n", "GF115", "by `images` and by `tags`"),
        ("shares: [{ tags: { a: b }, with: [] }]\n", "GF114", "No entry has the tags"),
        ("shares: [{ images: [wbe], with: [] }]\n", "GF122", "wbe"),
        ("shares: [{ with: [] }]\n", "GF107", "`image`"),
    ] {
        let found = problems(&format!("{text}{image}"));
        assert!(
            found.iter().any(|found| found.starts_with(code) && found.contains(part)),
            "{text}: {found:#?}"
        );
    }
}

#[test]
fn one_account_cannot_be_a_group() {
    let found = problems(
        "accounts: { all: [\"200000000001\"] }\nimages: { web: { region: ap-tokyo, source: { shared: { id: img-0a1b2c3d, \
         from: all } } } }\n",
    );
    assert!(found[0].contains("is a group of accounts"), "{found:?}");
}

#[test]
fn groups_that_name_each_other_many_times_end() {
    let mut text = String::from("accounts:\n  g0: [\"200000000001\", \"200000000002\"]\n");
    for number in 1..5_000 {
        text += &format!("  g{number}: [g{}, \"2{number:011}\"]\n", number - 1);
    }
    let found = problems(&text);
    assert!(found[0].contains("contain each other in a row"), "{}", found[0]);
}

#[test]
fn many_shares_of_many_images_are_refused() {
    let mut text = String::from("images:\n");
    for number in 0..10_000 {
        text += &format!("  i{number}: {{ region: ap-tokyo, source: {{ adopted: img-{number:08x} }} }}\n");
    }
    text += "shares:\n";
    for _ in 0..10_000 {
        text += "  - { tags: { a: b }, with: [] }\n";
    }
    let loaded = load_one(&text);
    assert!(loaded.diagnostics.iter().any(|found| found.code.id == "GF103"));
}

#[test]
fn a_long_default_in_many_images_is_refused() {
    let mut text = format!("defaults: {{ description: \"{}\" }}\nimages:\n", "x".repeat(100_000));
    for number in 0..1_000 {
        text += &format!("  i{number}: {{ region: ap-tokyo, source: {{ adopted: img-{number:08x} }} }}\n");
    }
    let loaded = load_one(&text);
    assert!(
        loaded.diagnostics.iter().any(|found| found.code.id == "GF103"),
        "{:?}",
        loaded.diagnostics.first()
    );
}

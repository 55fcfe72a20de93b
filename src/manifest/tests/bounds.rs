//! Bounds on what a short text can cause: findings are folded, and expansion is limited.

use std::fmt::Write as _;

use super::super::resolve::expansion::{MAX_COPIES, MAX_PLACEMENTS, MAX_SHARES, MAX_TEXT};
use super::*;
use crate::diagnostics::collect::{MAX_PER_KIND, MAX_PLACES};

const HEAD: &str = "version: 1\naccount: \"100000000001\"\n";

fn load_text(text: &str) -> Loaded {
    let bytes = format!("{HEAD}{text}").into_bytes();
    load(vec![Input { name: "a.yaml".into(), bytes }], &Variables::default())
}

fn codes(loaded: &Loaded) -> Vec<&'static str> {
    loaded.diagnostics.iter().map(|diagnostic| diagnostic.code.id).collect()
}

/// Returns the text at the first label of a diagnostic.
fn place(loaded: &Loaded, at: usize) -> &str {
    let span = loaded.locator.place(&loaded.diagnostics[at].labels[0].place).unwrap();
    &loaded.locator.sources().get(span.file).unwrap().text[span.start..span.end]
}

fn entry(key: &str, more: &str) -> String {
    format!("  {key}: {{region: ap-tokyo, source: {{adopted: img-0a1b2c3d}}{more}}}\n")
}

fn regions(number: usize) -> String {
    (0..number).map(|region| format!("ap-r{region}")).collect::<Vec<_>>().join(", ")
}

#[test]
fn a_variable_without_a_value_is_one_finding_for_all_uses() {
    let uses: String =
        (0..62).map(|use_of| entry(&format!("i{use_of:02}"), ", description: \"${v}\"")).collect();
    let loaded = load_text(&format!("variables: {{v: {{}}}}\nimages:\n{uses}"));
    let [unset] = &loaded.diagnostics[..] else { panic!("{:#?}", loaded.diagnostics) };
    assert_eq!((unset.repeats.count(), unset.labels.len()), (62, MAX_PLACES));
    assert!(unset.whole_detail().ends_with("The same holds for 61 more places."), "{}", unset.whole_detail());
}

#[test]
fn only_the_first_findings_of_a_kind_are_kept() {
    let keys: String = (0..1_100).map(|number| format!("x{number}: 1\n")).collect();
    let loaded = load_text(&keys);
    assert_eq!(codes(&loaded), ["GF105"; MAX_PER_KIND]);
    assert_eq!(loaded.diagnostics.iter().map(|one| one.repeats.count()).sum::<usize>(), 1_100);
}

#[test]
fn a_region_that_is_listed_many_times_is_one_fault() {
    let loaded =
        load_text(&format!("images:\n{}", entry("a", &format!(", copies: [{}]", "ap-seoul, ".repeat(500)))));
    let desired = loaded.desired.unwrap();
    assert_eq!(desired.images[&"a".parse().unwrap()].copies, ["ap-seoul".parse::<Region>().unwrap()]);
    let [fault] = &desired.faults[..] else { panic!("{:?}", desired.faults) };
    assert_eq!((fault.repeats.count(), fault.path.to_string()), (499, "images.a.copies[1]".to_owned()));
}

#[test]
fn texts_with_variables_are_bounded() {
    let value = "x".repeat(MAX_TEXT / 1_000);
    let text = |uses: usize| {
        let uses: String =
            (0..uses).map(|number| format!("  l{number}: {{region: ap-tokyo, os: \"${{v}}\"}}\n")).collect();
        format!("variables: {{v: {{default: {value}}}}}\nlookups:\n{uses}")
    };
    assert_eq!(codes(&load_text(&text(1_000))), [""; 0]);
    let loaded = load_text(&text(1_100));
    assert_eq!((codes(&loaded), place(&loaded, 0), loaded.complete), (vec!["GF103"], "\"${v}\"", false));
    let once = entry("a", &format!(", description: \"{}\"", "${v}".repeat(1_100)));
    let loaded = load_text(&format!("variables: {{v: {{default: {value}}}}}\nimages:\n{once}"));
    assert_eq!(codes(&loaded), ["GF103"]);
}

#[test]
fn copies_placements_and_shares_are_bounded() {
    let copies = |number: usize| format!(", copies: [{}]", regions(number));
    assert_eq!(codes(&load_text(&format!("images:\n{}", entry("a", &copies(MAX_COPIES))))), [""; 0]);
    let loaded = load_text(&format!("images:\n{}", entry("a", &copies(MAX_COPIES + 1))));
    assert_eq!((codes(&loaded), place(&loaded, 0)), (vec!["GF103"], "copies"));

    let first = entry("i0", &format!(", copies: &all [{}]", regions(MAX_COPIES - 1)));
    let all = |number: usize| {
        (1..number)
            .fold(format!("images:\n{first}"), |text, at| text + &entry(&format!("i{at}"), ", copies: *all"))
    };
    let most = MAX_PLACEMENTS / MAX_COPIES;
    let loaded = load_text(&all(most + 1));
    assert_eq!((codes(&loaded), loaded.desired.unwrap().images.len()), (vec!["GF103"], most));

    let accounts: Vec<String> = (0..MAX_SHARES / MAX_COPIES + 1)
        .map(|number| format!("\"{}\"", 200_000_000_000u64 + number as u64))
        .collect();
    let shared = |with: &[String]| {
        let image = entry("a", &copies(MAX_COPIES - 1));
        codes(&load_text(&format!("images:\n{image}shares: [{{image: a, with: [{}]}}]\n", with.join(", "))))
    };
    assert_eq!(shared(&accounts[1..]), [""; 0]);
    assert_eq!(shared(&accounts), ["GF103"]);
}

#[test]
fn a_long_description_is_not_repeated_in_every_region() {
    let more = format!(", description: {}, copies: [{}]", "x".repeat(100_000), regions(900));
    let loaded = load_text(&format!("images:\n{}", entry("a", &more)));
    assert_eq!((codes(&loaded), place(&loaded, 0)), (vec!["GF103"], "a"));
}

#[test]
fn merges_and_aliases_are_bounded_in_entries_and_in_bytes() {
    let tags: Vec<String> = (0..1_000).map(|tag| format!("k{tag}: v")).collect();
    let mut text = format!("images:\n{}", entry("a", &format!(", tags: &tags {{{}}}", tags.join(", "))));
    for number in 0..2_500 {
        text += &entry(&format!("m{number}"), ", tags: {<<: *tags}");
    }
    assert_eq!(codes(&load_text(&text)), ["GF103"]);

    let mut text =
        format!("images:\n{}", entry("a", &format!(", description: &long {}", "x".repeat(100_000))));
    for number in 0..200 {
        text += &entry(&format!("m{number}"), ", description: *long");
    }
    assert_eq!(codes(&load_text(&text)), ["GF103"]);
}

#[test]
fn a_key_of_many_bytes_is_refused_at_its_place() {
    let mut text = String::from("images:\n");
    writeln!(text, "  ? {}\n  : {{region: ap-tokyo, source: {{adopted: img-0a1b2c3d}}}}", "z".repeat(5_000))
        .unwrap();
    let loaded = load_text(&text);
    assert_eq!((codes(&loaded), place(&loaded, 0).len(), loaded.complete), (vec!["GF103"], 5_000, false));
}

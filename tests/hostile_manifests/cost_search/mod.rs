//! A search for small manifests with a large cost.
//!
//! Manifests are grown from a grammar of fragments, each with a number; the dearest per byte survive. What is asserted
//! does not depend on how busy the machine is: the time of the processor that one thread used, and how it grows when
//! every number is doubled. A manifest whose cost grows with the square of its size costs four times as much then.
//!
//! The search runs for about a second. `GOLDFORM_COST_SECONDS` lets it run longer, `GOLDFORM_COST_SEED` begins
//! elsewhere. What it found, before it was repaired, is in `KNOWN`.

mod grammar;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use goldform::constraints::{Levels, judge};
use goldform::diagnostics::{RenderOptions, render};
use goldform::diff::{PlanMode, diff};
use goldform::manifest::{Input, Variables, load};
use goldform::plan::plan;
use goldform::report::Places;
use goldform::state::Recorded;
use jiff::Timestamp;

use super::processor_time;
use grammar::{FRAGMENTS, Manifest};

/// Without optimisation everything takes some ten times as long.
const SLOWNESS: u32 = if cfg!(debug_assertions) { 10 } else { 1 };
/// The most that a byte of a manifest of some size may cost: 5 MB in 2 s, and what a first few kilobytes may ask for.
const PER_BYTE: Duration = Duration::from_nanos(400);
const AT_FIRST: Duration = Duration::from_millis(250);
/// Below this, a measurement says nothing about growth.
const MEASURABLE: Duration = Duration::from_millis(2);
/// How much more a manifest may cost when all its numbers are doubled. Twice is linear, four times is the square.
const GROWTH: u32 = 3;

/// Manifests that were dear once: each fragment with its number. A longer search takes four times as much of each.
const KNOWN: &[(&str, &[(&str, usize)])] = &[
    ("entries with one name in a region", &[("one name", 250), ("roomy", 1)]),
    ("entries in one region with a limit of ten", &[("entries", 250)]),
    ("entries in one region", &[("entries", 250), ("roomy", 1)]),
    ("one value in many texts", &[("long value", 12), ("descriptions", 250)]),
    ("one value many times in a text", &[("long value", 25), ("repeats", 500)]),
    ("merges of a mapping with many keys", &[("merge base", 125), ("merges", 125)]),
    ("mistakes in a mapping that merges many", &[("merge base", 125), ("merged mistakes", 125)]),
    ("encrypted copies of each other in a row", &[("chain", 250), ("roomy", 1)]),
    ("encrypted copies in a circle", &[("circle", 250), ("roomy", 1)]),
    ("copies of many entries", &[("entries", 75), ("copies", 12), ("roomy", 1)]),
    ("copies without room", &[("entries", 37), ("copies", 12)]),
    ("many regions of one entry", &[("regions", 250), ("roomy", 1)]),
    ("long texts in many regions", &[("regions", 125), ("long text", 125), ("roomy", 1)]),
    ("many tags in many regions", &[("regions", 50), ("tags", 50), ("roomy", 1)]),
    ("many accounts in many regions", &[("regions", 50), ("accounts", 50), ("roomy", 1)]),
    ("one region many times", &[("same region", 1250)]),
    ("texts that are no region", &[("no region", 1250)]),
    ("unknown keys", &[("unknown keys", 1250)]),
    ("unknown keys of entries", &[("unknown keys of entries", 250)]),
    ("mistakes on one line", &[("one line", 500)]),
    ("mistakes on long lines", &[("long lines", 25)]),
    ("a variable without a value", &[("unset", 500)]),
    ("variables without a declaration", &[("undeclared", 500)]),
    ("lookups", &[("lookups", 250)]),
    ("imports", &[("imports", 125), ("roomy", 1)]),
    ("images of unknown accounts", &[("names", 250), ("borrowed", 125)]),
    ("one image in many shares", &[("entries", 1), ("shares", 500), ("roomy", 1)]),
    ("aliases of a long text", &[("long alias", 250)]),
    ("a long key", &[("long key", 250)]),
    ("renames", &[("renames", 500)]),
    ("rules without a name", &[("rules", 500)]),
    ("placeholders", &[("placeholders", 1250)]),
];

/// Does what `validate` does with a manifest, drawing and reports included; returns what it cost.
fn cost(text: &str) -> Duration {
    let before = processor_time();
    let loaded =
        load(vec![Input { name: "a.yaml".into(), bytes: text.as_bytes().to_vec() }], &Variables::default());
    let mut diagnostics = loaded.diagnostics;
    if let Some(desired) = &loaded.desired {
        let (levels, unknown) = Levels::new(&desired.levels, &[]);
        diagnostics.extend(unknown);
        let nothing = Recorded::default();
        let made = plan(desired, &nothing, None, diff(desired, &nothing, PlanMode::Normal)).ok();
        let judged = judge(desired, &nothing, made.as_ref(), &levels, Timestamp::UNIX_EPOCH);
        diagnostics.extend(judged.diagnostics);
    }
    let sources = loaded.locator.sources();
    let drawn = render(&diagnostics, &|place| loaded.locator.place(place), sources, RenderOptions::default());
    let locate = |place: &_| loaded.locator.place(place);
    let places = Places { locate: &locate, sources, name: &str::to_owned };
    let problems = places.problems(&diagnostics);
    assert!(drawn.len() < 100_000, "{} bytes of diagnostics", drawn.len());
    assert_eq!(problems.len(), diagnostics.len());
    processor_time().saturating_sub(before)
}

/// Asserts that a manifest is within the bound, and that its cost grows with its size.
fn assert_bounded(name: &str, manifest: &Manifest) -> Duration {
    let text = manifest.text();
    let cost_of = cost(&text);
    let size = u32::try_from(text.len()).unwrap();
    let bound = (AT_FIRST + PER_BYTE * size) * SLOWNESS;
    assert!(cost_of < bound, "{name}: {size} bytes cost {cost_of:?}, over {bound:?}: {manifest:?}");
    if cost_of > MEASURABLE * SLOWNESS {
        let twice = manifest.doubled().text();
        // The least of two: an allocation that grows at the wrong moment is no growth.
        let growth = cost(&twice).min(cost(&twice));
        assert!(
            growth < cost_of * GROWTH || growth < AT_FIRST * SLOWNESS / 4,
            "{name}: twice the size costs {growth:?} instead of {cost_of:?}: {manifest:?}"
        );
    }
    cost_of
}

#[test]
fn what_was_dear_once_costs_no_more_than_its_size() {
    let mut dearest = Vec::new();
    cost("version: 1\n");
    for (name, parts) in KNOWN {
        let manifest = Manifest::of(parts);
        let manifest = if std::env::var_os("GOLDFORM_COST_SECONDS").is_some() {
            manifest.doubled().doubled()
        } else {
            manifest
        };
        let cost_of = assert_bounded(name, &manifest);
        dearest.push((cost_of.as_nanos() / manifest.text().len() as u128, cost_of, name));
    }
    dearest.sort();
    // Shown by `cargo test -- --nocapture`.
    for (per_byte, cost_of, name) in dearest {
        println!("{per_byte:>8} ns/byte {cost_of:>10.2?} {name}");
    }
}

#[test]
fn no_small_manifest_has_a_large_cost() {
    let number = |name: &str, otherwise: u64| {
        std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise)
    };
    let budget = Duration::from_secs(number("GOLDFORM_COST_SECONDS", 1));
    let mut random = Random(number("GOLDFORM_COST_SEED", 1));
    let start = Instant::now();
    // The dearest per byte, each with what it cost.
    let mut best: BTreeMap<u128, Manifest> = BTreeMap::new();
    let mut tried = 0usize;
    while tried < 10 || start.elapsed() < budget {
        let parent = best.values().nth(random.below(best.len().max(1)));
        let manifest = match parent.filter(|_| random.below(4) > 0) {
            Some(parent) => parent.mutated(&mut random),
            None => Manifest::of(&[(FRAGMENTS[random.below(FRAGMENTS.len())].0, 1 + random.below(60))]),
        };
        let text = manifest.text();
        if text.len() > 60_000 {
            continue;
        }
        tried += 1;
        let cost_of = cost(&text);
        best.insert(cost_of.as_nanos() / (text.len() as u128 + 500), manifest);
        if best.len() > 12 {
            best.pop_first();
        }
    }
    println!("{tried} manifests");
    for (per_byte, manifest) in best.iter().rev().take(3) {
        println!("{per_byte:>8} ns/byte {:?}", manifest);
        assert_bounded("found", manifest);
    }
}

/// Numbers that look random, the same from the same start.
struct Random(u64);

impl Random {
    /// A number below this one.
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) % end.max(1) as u64).unwrap()
    }
}

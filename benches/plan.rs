//! How long reading and planning take, beside only parsing the same text with the same parser.
//!
//! `cargo bench --bench plan` prints, for a small and a large manifest, the time to parse the text into plain
//! structs, to read it (parse, check, resolve), and to plan it: where everything is new, and where nothing has
//! changed. A ratio is (read + plan) ÷ parse; the time is the best of several rounds, since a busy machine only
//! ever adds to it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a program for developers of goldform"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::hint::black_box;
use std::time::{Duration, Instant};

use goldform::constraints::{Levels, judge, validate};
use goldform::diff::{PlanMode, diff};
use goldform::manifest::{Desired, Input, Variables, load};
use goldform::model::{Digest, GenerationNumber, ImageState};
use goldform::plan::build::draft::Draft;
use goldform::plan::plan;
use goldform::state::{Placement, Recorded, RecordedGeneration, RecordedImage};
use jiff::Timestamp;
use serde::Deserialize;

const REGIONS: [&str; 10] = [
    "ap-singapore",
    "ap-bangkok",
    "ap-hongkong",
    "ap-jakarta",
    "ap-seoul",
    "ap-tokyo",
    "eu-frankfurt",
    "na-ashburn",
    "na-siliconvalley",
    "sa-saopaulo",
];

struct Size {
    name: &'static str,
    images: usize,
    regions: usize,
    accounts: usize,
    rounds: usize,
}

fn manifest(size: &Size) -> String {
    let mut text = String::from("version: 1\naccount: \"100000000001\"\n");
    let _ = writeln!(text, "limits: {{ images_per_region: {}, accounts_per_image: 500 }}", size.images);
    text.push_str("images:\n");
    for image in 0..size.images {
        let _ = writeln!(
            text,
            "  image-{image:05}:\n    region: {}\n    name: image-{image:05}-{{generation}}\n    \
             description: Hardened base image number {image}\n    tags: {{ team: platform, tier: \"1\" }}\n    \
             source: {{ revision: \"1\", instance: {{ id: ins-{image:08} }} }}\n    copies: [{}]",
            REGIONS[0],
            REGIONS.get(1..size.regions).unwrap_or_default().join(", "),
        );
    }
    text.push_str("shares:\n");
    for image in 0..size.images {
        let accounts: Vec<String> =
            (0..size.accounts).map(|account| format!("\"{}\"", 200_000_000_000 + image + account)).collect();
        let _ = writeln!(text, "  - image: image-{image:05}\n    with: [{}]", accounts.join(", "));
    }
    text
}

/// The manifest's own keys as plain structs: what only parsing it means.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(dead_code, reason = "parsed, and nothing else")]
struct Plain {
    version: u32,
    account: String,
    limits: BTreeMap<String, u32>,
    images: BTreeMap<String, PlainImage>,
    shares: Vec<PlainShare>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(dead_code, reason = "parsed, and nothing else")]
struct PlainImage {
    region: String,
    name: String,
    description: String,
    tags: BTreeMap<String, String>,
    source: PlainSource,
    copies: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(dead_code, reason = "parsed, and nothing else")]
struct PlainSource {
    revision: String,
    instance: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(dead_code, reason = "parsed, and nothing else")]
struct PlainShare {
    image: String,
    with: Vec<String>,
}

fn parse(text: &str) -> Plain {
    let options = serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_events: 20_000_000,
            max_nodes: 10_000_000,
            max_total_scalar_bytes: 64 * 1024 * 1024,
        },
    };
    serde_saphyr::from_str_with_options(text, options).unwrap()
}

fn read(text: &str) -> Desired {
    let input = Input { name: "goldform.yaml".to_owned(), bytes: text.as_bytes().to_vec() };
    let loaded = load(vec![input], &Variables::default());
    assert!(loaded.diagnostics.is_empty() && loaded.complete, "{:?}", loaded.diagnostics);
    loaded.desired.unwrap()
}

/// Plans and judges; gives the number of steps.
fn make_plan(desired: &Desired, recorded: &Recorded, now: Timestamp) -> usize {
    let (levels, _) = Levels::new(&desired.levels, &[]);
    let changes = diff(desired, recorded, PlanMode::Normal);
    let made = plan(desired, recorded, None, changes).unwrap();
    let steps = made.graph.len();
    let (judgement, valid) = validate(made, desired, recorded, &levels, now);
    assert!(valid.is_ok(), "{:?}", judgement.diagnostics);
    steps
}

/// The record of a world in which everything is as the manifest wants it.
fn recorded(desired: &Desired, now: Timestamp) -> Recorded {
    let mut recorded = Recorded::default();
    let first = GenerationNumber(1);
    let mut number = 0_u64;
    for (key, image) in &desired.images {
        let mut placements = BTreeMap::new();
        for region in image.placements() {
            number += 1;
            let id = format!("img-{number:08}").parse().unwrap();
            let mut placement = Placement::accepted(id, image.name.of(first, "1"), ImageState::Normal, now);
            placement.description = image.description.clone().unwrap_or_default();
            placement.tags.clone_from(&image.tags);
            placement.tags.insert("goldform".into(), "lineage-1".into());
            placement.seen = true;
            placement.shares = image.shares.get(region).cloned().unwrap_or_default();
            placements.insert(region.clone(), placement);
        }
        let generation = RecordedGeneration {
            source: image.source.clone().unwrap(),
            of: None,
            replaced_in: None,
            placements,
        };
        let entry = RecordedImage {
            origin: image.region.clone(),
            current: first,
            protect: image.protect,
            delete_snapshots: true,
            serving: BTreeMap::new(),
            generations: [(first, generation)].into(),
        };
        recorded.images.insert(key.clone(), entry);
        recorded.generations_used.insert(key.clone(), first);
    }
    recorded
}

/// The shortest of several rounds, and what the last gave.
fn best<T>(rounds: usize, mut run: impl FnMut() -> T) -> (Duration, T) {
    let mut shortest = Duration::MAX;
    let mut last = None;
    for _ in 0..rounds {
        let begun = Instant::now();
        let result = black_box(run());
        shortest = shortest.min(begun.elapsed());
        last = Some(result);
    }
    (shortest, last.unwrap())
}

/// What the parts of planning take.
fn parts(
    rounds: usize,
    desired: &Desired,
    recorded: &Recorded,
    now: Timestamp,
) -> [(&'static str, Duration); 6] {
    let (levels, _) = Levels::new(&desired.levels, &[]);
    let (compared, changes) = best(rounds, || diff(desired, recorded, PlanMode::Normal));
    let (ordered, mut draft) =
        best(rounds, || Draft::ordered(desired, recorded, &changes, 500, &BTreeSet::new()));
    let (reduced, ()) = best(1, || draft.graph.reduce());
    let (hashed, _) = best(rounds, || Digest::of(&(&changes.images, &changes.edits, &draft.graph)).unwrap());
    let (planned, made) = best(rounds, || plan(desired, recorded, None, changes.clone()).unwrap());
    let (judged, _) = best(rounds, || judge(desired, recorded, Some(&made), &levels, now));
    [
        ("diff", compared),
        ("steps", ordered),
        ("reduce", reduced),
        ("digest", hashed),
        ("whole plan", planned),
        ("judge", judged),
    ]
}

fn main() {
    let now: Timestamp = "2026-11-24T12:00:00Z".parse().unwrap();
    for size in [
        Size { name: "100 images × 20 accounts", images: 100, regions: 1, accounts: 20, rounds: 30 },
        Size {
            name: "10,000 placements × 500,000 shares",
            images: 1_000,
            regions: 10,
            accounts: 50,
            rounds: 5,
        },
        Size { name: "twice that", images: 2_000, regions: 10, accounts: 50, rounds: 5 },
    ] {
        let text = manifest(&size);
        let (parsing, _) = best(size.rounds, || parse(&text));
        let (reading, desired) = best(size.rounds, || read(&text));
        let nothing = Recorded::default();
        let (new, steps) = best(size.rounds, || make_plan(&desired, &nothing, now));
        let everything = recorded(&desired, now);
        let (unchanged, none) = best(size.rounds, || make_plan(&desired, &everything, now));
        assert_eq!(none, 0, "nothing has changed");
        let milliseconds = |time: Duration| time.as_secs_f64() * 1e3;
        let ratio = |time: Duration| (reading + time).as_secs_f64() / parsing.as_secs_f64();
        println!("{} ({} KiB of text)", size.name, text.len() / 1024);
        println!("  parse           {:9.2} ms", milliseconds(parsing));
        println!("  read            {:9.2} ms", milliseconds(reading));
        println!("  plan, unchanged {:9.2} ms   ratio {:.2}", milliseconds(unchanged), ratio(unchanged));
        println!("  plan, all new   {:9.2} ms   ratio {:.2}   {steps} steps", milliseconds(new), ratio(new));
        for (part, time) in parts(size.rounds, &desired, &nothing, now) {
            println!("    {part:13} {:9.2} ms", milliseconds(time));
        }
    }
}

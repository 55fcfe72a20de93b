//! Rolling back and forward again changes nothing in the end, and builds nothing on the way.

use goldform::diff::PlanMode;
use goldform::manifest::Desired;
use goldform::model::{GenerationNumber, ImageKey, Keep, RevisionName};
use goldform::testing::{Applied, Bench, desired};
use proptest::collection::vec;
use proptest::prelude::*;

use super::ideal::real_images;
use super::manifests::{Manifest, manifest};
use super::stage::{Stage, Tally, cases, in_paused_time, roomy};

/// What an entry keeps: at least, and up to.
type Kept = (u32, u32);

/// The fleet at a build of all its entries.
fn fleet(manifest: &Manifest, kept: &[Kept], build: u32) -> Desired {
    let mut wanted = desired(&manifest.yaml());
    for (image, (at_least, more)) in wanted.images.values_mut().zip(kept.iter().cycle()) {
        image.keep = Keep { at_least: *at_least, at_most: Some(at_least + more), days: None };
        image.source.as_mut().unwrap().revision = Some(format!("r{build}").into());
    }
    wanted
}

/// Applies a fleet. `None` if a rule refuses it. Otherwise whether it made an image.
async fn apply(bench: &mut Bench, wanted: &Desired, tally: &Tally) -> Option<bool> {
    match bench.try_apply(wanted, PlanMode::Normal).await {
        Applied::Walked(plan, outcome) => {
            assert!(outcome.is_complete(), "{outcome:#?}");
            let changes = || plan.changes.iter().flat_map(|image| &image.placements);
            let made = changes().any(|change| change.makes_image());
            Some(made)
        }
        Applied::Refused(judgement) => {
            for found in judgement.diagnostics {
                tally.count(format!("refused by {}", found.code.name));
            }
            None
        }
        other => panic!("{other:?}"),
    }
}

/// The earlier generations of all entries that could be returned to, each with its revision.
async fn earlier(bench: &mut Bench, wanted: &Desired) -> Vec<(ImageKey, GenerationNumber, RevisionName)> {
    let recorded = bench.snapshot().await.recorded;
    let mut all = Vec::new();
    for key in wanted.images.keys() {
        let current = recorded.images.get(key).map(|image| image.current);
        for (generation, revision) in recorded.usable_generations(key) {
            if Some(generation) != current {
                all.push((key.clone(), generation, revision.unwrap().parse().unwrap()));
            }
        }
    }
    all
}

async fn back_and_forward(manifest: &Manifest, kept: &[Kept], builds: u32, tally: &Tally) {
    let mut stage = Stage::new(roomy());
    let bench = &mut stage.bench;
    for build in 1..=builds {
        if apply(bench, &fleet(manifest, kept, build), tally).await.is_none() {
            return;
        }
    }
    let wanted = fleet(manifest, kept, builds);
    let before = real_images(bench);
    for (key, generation, revision) in earlier(bench, &wanted).await {
        let mut pinned = wanted.clone();
        pinned.images.get_mut(&key).unwrap().pin = Some(revision.clone());
        // A generation is complete in every region in which it is kept: nothing is copied either.
        assert_eq!(apply(bench, &pinned, tally).await, Some(false), "back to {key}#{generation}");
        let recorded = bench.snapshot().await.recorded;
        assert_eq!(recorded.images[&key].current, generation, "{revision}");
        for region in wanted.images[&key].placements() {
            let serving = recorded.serving(&key, region).map(|(serving, _)| serving);
            assert_eq!(serving, Some(generation), "{key}@{region}");
        }
        assert_eq!(apply(bench, &wanted, tally).await, Some(false), "forward from {key}#{generation}");
        assert_eq!(real_images(bench), before, "back to {key}#{generation}, and forward");
        tally.count("generations returned to");
    }
    let plan = Bench::propose(&wanted, &bench.snapshot().await, PlanMode::Normal).plan;
    assert!(plan.is_empty(), "{:#?}", plan.changes);
}

#[test]
fn rolling_back_and_forward_changes_nothing_and_builds_nothing() {
    static TALLY: Tally = Tally::new();
    let kept = || vec((0u32..2, 0u32..3), 1..=5);
    proptest!(cases(250), |(manifest in manifest(), kept in kept(), builds in 2u32..4)| {
        in_paused_time(back_and_forward(&manifest, &kept, builds, &TALLY));
        TALLY.count("fleets");
    });
    TALLY.print("rolling back and forward");
}

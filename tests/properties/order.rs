//! Every order that a valid plan allows is one that the cloud takes.

use goldform::cloud::sim::Settings;
use goldform::diff::{PlanMode, Reason};
use goldform::manifest::Desired;
use goldform::plan::{EdgeReason, Plan, StepIndex};
use goldform::testing::{Applied, Bench, Walker, desired};
use proptest::prelude::*;

use super::ideal::real_images;
use super::manifests::{Manifest, edited, story};
use super::stage::{Stage, Tally, cases, in_paused_time, roomy};

/// Numbers that look random and follow from a seed.
pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// A number below a limit.
    pub fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % limit
    }
}

/// Returns a valid plan for a manifest, after a refresh. `None` if a rule refuses it.
async fn valid_plan(stage: &mut Stage, wanted: &Desired, tally: &Tally) -> Option<Plan> {
    let mut snapshot = stage.bench.snapshot().await;
    stage.bench.observe(wanted, &mut snapshot).await;
    let (judgement, valid) = stage.bench.judge(wanted, Bench::propose(wanted, &snapshot, PlanMode::Normal));
    for diagnostic in &judgement.diagnostics {
        tally.count(format!("findings of {}", diagnostic.code.name));
    }
    valid.ok().map(|valid| valid.plan().clone())
}

/// Walks a plan with steps under way side by side, in an order that the dice choose.
async fn walk(stage: &mut Stage, manifest: &Manifest, plan: &Plan, dice: &mut Dice) -> usize {
    let snapshot = stage.bench.snapshot().await;
    let mut walker = Walker::new(&stage.bench, plan, snapshot);
    if let Err(refused) = walker.walk(|moves| dice.below(moves)).await {
        panic!("refused: {} at {}, after {:#?}", refused.error, refused.step, walker.sent);
    }
    assert_eq!(walker.sent.len(), plan.graph.len(), "every step was sent");
    let changes = plan.changes.iter().flat_map(|image| &image.placements);
    if changes.clone().any(|change| matches!(change.reason, Reason::Released { .. })) {
        // What is kept depends on the slots, which the ideal does not count.
        return plan.graph.len();
    }
    stage.ideal.follow(manifest);
    assert_eq!(real_images(&stage.bench), stage.ideal.images());
    plan.graph.len()
}

async fn any_order_is_taken(
    settings: Settings,
    manifest: Manifest,
    after: Manifest,
    seed: u64,
    tally: &Tally,
) {
    let mut stage = Stage::new(settings.clone());
    let mut dice = Dice::new(seed);
    // The first plan in a random order, from nothing.
    let Some(plan) = valid_plan(&mut stage, &desired(&manifest.yaml()), tally).await else { return };
    tally.add("steps", walk(&mut stage, &manifest, &plan, &mut dice).await);
    // Then the edit, from a world that the executor made.
    let mut stage = Stage::new(settings);
    if stage.apply(&manifest, tally).await.is_none() {
        return;
    }
    let Some(plan) = valid_plan(&mut stage, &desired(&after.yaml()), tally).await else { return };
    tally.add("steps", walk(&mut stage, &after, &plan, &mut dice).await);
    tally.count("walks of edits");
}

#[test]
fn any_order_of_a_valid_plan_is_taken_by_the_cloud() {
    static TALLY: Tally = Tally::new();
    proptest!(cases(120), |((manifest, edits) in story(), seed: u64)| {
        let after = edited(&manifest, &edits);
        in_paused_time(any_order_is_taken(roomy(), manifest, after, seed, &TALLY));
        TALLY.count("stories");
    });
    TALLY.print("any order");
}

#[test]
fn any_order_of_a_valid_plan_fits_into_full_regions() {
    static TALLY: Tally = Tally::new();
    proptest!(cases(120), |((manifest, edits) in story(), limit in 2u32..5, seed: u64)| {
        let after = edited(&manifest, &edits);
        let settings = Settings { images_per_region: limit, ..Settings::default() };
        in_paused_time(any_order_is_taken(settings, manifest, after, seed, &TALLY));
        TALLY.count("stories");
    });
    TALLY.print("any order, full regions");
}

/// A random order of all steps that keeps every edge.
fn topological_order(plan: &Plan, dice: &mut Dice) -> Vec<StepIndex> {
    let mut left: Vec<StepIndex> = plan.graph.steps().map(|(index, _)| index).collect();
    let mut order: Vec<StepIndex> = Vec::new();
    while !left.is_empty() {
        let ready: Vec<usize> = (0..left.len())
            .filter(|at| plan.graph.waits_for(left[*at]).all(|(before, _)| order.contains(&before)))
            .collect();
        let next = ready[dice.below(ready.len())];
        order.push(left.swap_remove(next));
    }
    order
}

#[test]
fn the_executor_records_the_same_in_any_order_one_step_at_a_time() {
    static TALLY: Tally = Tally::new();
    proptest!(cases(80), |((manifest, edits) in story(), seed: u64)| {
        in_paused_time(async {
            let mut stage = Stage::new(roomy());
            if stage.apply(&manifest, &TALLY).await.is_none() {
                return;
            }
            let after = edited(&manifest, &edits);
            let wanted = desired(&after.yaml());
            let mut dice = Dice::new(seed);
            let in_a_row = |plan: &mut Plan| {
                let order = topological_order(plan, &mut dice);
                for pair in order.windows(2) {
                    plan.graph.wait(pair[1], pair[0], EdgeReason::ImageReady);
                }
            };
            match stage.bench.try_apply_edited(&wanted, PlanMode::Normal, in_a_row).await {
                Applied::Walked(plan, outcome) => {
                    assert!(outcome.is_complete(), "{outcome:#?}");
                    stage.ideal.follow(&after);
                    stage.holds_what_it_should(&wanted).await;
                    TALLY.add("steps", plan.graph.len());
                }
                Applied::Refused(_) => TALLY.count("refused"),
                other => panic!("{other:?}"),
            }
        });
        TALLY.count("stories");
    });
    TALLY.print("any order, one at a time");
}

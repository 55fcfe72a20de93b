//! The peak in a plan is the largest usage that exploring every order finds.

use goldform::model::Operation;
use goldform::plan::proof::peak;
use goldform::plan::{PlanView, Step, StepGraph, StepIndex};

use crate::slots::model::Model;
use crate::slots::world::{Dice, Shape, case, graph_in_words};

#[test]
fn a_plans_peak_is_the_largest_usage_of_any_order() {
    let (mut reported, mut skipped, mut tight, mut shares) = (0, 0, 0, 0);
    let mut seed = 0;
    while reported < 10_000 {
        seed += 1;
        let case = case(seed, Shape { images: 4, regions: 3, plain: false });
        let Ok(plan) = case.plan() else { continue };
        let Some(model) = Model::new(&plan, &case.prior, false).filter(|model| model.steps > 0) else {
            skipped += 1;
            continue;
        };
        let view = PlanView::new(&plan, &case.prior);
        let mut at_any: Vec<usize> =
            (0..model.regions.len()).map(|region| model.usage(region, 0, 0)).collect();
        let mut when_taking = vec![0; model.regions.len()];
        let placements: Vec<_> = model.placements_with_shares().collect();
        let mut shared = vec![0; placements.len()];
        let done = model.walk(|step, started, settled| {
            for region in 0..model.regions.len() {
                if model.makes_in(region, step) {
                    let usage = model.usage(region, started, settled);
                    at_any[region] = at_any[region].max(usage);
                    when_taking[region] = when_taking[region].max(usage);
                }
            }
            for (at, most) in placements.iter().zip(&mut shared) {
                if model.shares_at(at, step) {
                    *most = (*most).max(model.places_used(at, started, settled));
                }
            }
            true
        });
        if !done {
            skipped += 1;
            continue;
        }
        reported += 1;
        let words = || format!("{}{}", case.describe(), graph_in_words(&plan.graph));
        for (index, region) in model.regions.iter().enumerate() {
            assert_eq!(plan.regions[region].peak, at_any[index], "peak of {region}\n{}", words());
            let peak = view.image_peak(region);
            assert_eq!(peak.at_any_moment, at_any[index], "view's peak of {region}\n{}", words());
            // Within the limit at the start, any moment is as good as one at which something is taken.
            let is_over = model.usage(index, 0, 0) > plan.regions[region].limit.value as usize;
            let none = when_taking[index] == 0;
            let most = if is_over || none { when_taking[index] } else { at_any[index] };
            assert_eq!(peak.when_taking, most, "peak when taking of {region}\n{}", words());
            tight += usize::from(peak.at_any_moment >= plan.regions[region].limit.value as usize);
        }
        for (at, most) in placements.iter().zip(shared) {
            let now = model.places_used(at, 0, 0);
            let most = if now > plan.share_limit.value as usize { most } else { most.max(now) };
            assert_eq!(view.share_peak(at).when_taking, most, "accounts of {at}\n{}", words());
            shares += 1;
        }
    }
    println!(
        "peaks: {reported} plans explored, {skipped} too large or empty; {tight} full regions, {shares} shared placements"
    );
}

#[test]
fn a_peak_is_the_largest_usage_of_any_order_of_any_graph() {
    let at = crate::slots::world::placement_of("a", 1, "ap-jakarta");
    let step = Step::new(Operation::Delete { at, snapshots: false }, goldform::diff::Reason::Declared);
    let mut over = 0;
    for seed in 0..10_000 {
        let mut dice = Dice::new(seed ^ 0x5107);
        let steps = 2 + dice.below(8);
        let mut graph = StepGraph::default();
        let indexes: Vec<StepIndex> = (0..steps).map(|_| graph.add(step.clone())).collect();
        let density = 5 + dice.below(45);
        for later in 1..steps {
            for earlier in 0..later {
                if dice.percent(density) {
                    graph.wait(indexes[later], indexes[earlier], goldform::plan::EdgeReason::ImageReady);
                }
            }
        }
        // Each step takes, gives or does neither.
        let weights: Vec<isize> = (0..steps)
            .map(|_| match dice.below(5) {
                0 | 1 => 1 + dice.below(3) as isize,
                2 | 3 => -1 - dice.below(3) as isize,
                _ => 0,
            })
            .collect();
        let given: usize =
            weights.iter().filter(|weight| **weight < 0).map(|weight| weight.unsigned_abs()).sum();
        let used = given + dice.below(3);
        let limit = used.saturating_sub(2) + dice.below(4);
        let takers: Vec<(StepIndex, usize)> = (0..steps)
            .filter(|step| weights[*step] > 0)
            .map(|step| (indexes[step], weights[step].unsigned_abs()))
            .collect();
        let givers: Vec<(StepIndex, usize)> = (0..steps)
            .filter(|step| weights[*step] < 0)
            .map(|step| (indexes[step], weights[step].unsigned_abs()))
            .collect();
        // Sets of settled steps, with any further ready takers started: all prefixes.
        let before: Vec<u32> = indexes
            .iter()
            .map(|index| graph.waits_for(*index).fold(0, |set, (earlier, _)| set | 1 << earlier.index()))
            .collect();
        let (mut most, mut when_taking) = (used as isize, 0);
        for settled in 0u32..1 << steps {
            let closed = (0..steps).all(|step| settled >> step & 1 == 0 || before[step] & !settled == 0);
            if !closed {
                continue;
            }
            let usage = |set: u32| {
                used as isize
                    + (0..steps).filter(|step| set >> step & 1 == 1).map(|step| weights[step]).sum::<isize>()
            };
            // All ready takers start at once: that is the worst from here.
            let ready = (0..steps).filter(|step| settled >> step & 1 == 0 && before[*step] & !settled == 0);
            let taking: u32 = ready.filter(|step| weights[*step] > 0).fold(0, |set, step| set | 1 << step);
            most = most.max(usage(settled | taking));
            if taking != 0 {
                when_taking = when_taking.max(usage(settled | taking));
            }
        }
        let found = peak::peak(&graph, used, &takers, &givers);
        assert_eq!(found as isize, most, "seed {seed}");
        let found = peak::peak_when_taking(&graph, used, limit, &takers, &givers);
        if used <= limit && !takers.is_empty() {
            // Within the limit at the start, the two agree wherever it matters.
            assert_eq!(found > limit, when_taking > limit as isize, "seed {seed}");
        } else if !takers.is_empty() {
            assert_eq!(found as isize, when_taking, "seed {seed}");
            over += 1;
        }
    }
    println!("peaks: 10000 graphs, {over} of them over their limit from the start");
}

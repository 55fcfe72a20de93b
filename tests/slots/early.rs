//! As few placements as possible go before their successors, and as few entries as possible are left out.

use std::collections::BTreeSet;

use goldform::model::PlacementKey;
use goldform::plan::{Plan, PlanView};

use crate::slots::search::{Found, fewest_early, fewest_left_out, fits_without};
use crate::slots::world::{Case, Shape, case, graph_in_words};

fn early(plan: &Plan) -> BTreeSet<PlacementKey> {
    let changes = plan.changes.iter().flat_map(|image| &image.placements);
    changes.filter(|change| change.is_deleted_first()).map(|change| change.at.clone()).collect()
}

#[derive(Default, Debug)]
struct Tally {
    cases: usize,
    by_early: [usize; 5],
    blocked: usize,
    left_out: [usize; 5],
    cycles: usize,
    too_large: usize,
    disagreements: Vec<String>,
}

fn compare(case: &Case, tally: &mut Tally) {
    let diff = case.diff();
    let found = fewest_early(case, &diff);
    if found == Found::TooLarge {
        tally.too_large += 1;
        return;
    }
    tally.cases += 1;
    let plan = match case.plan() {
        Ok(plan) => plan,
        Err(error) => {
            tally.cycles += 1;
            tally.disagreements.push(format!("{error}; searching: {found:?}\n{}", case.describe()));
            return;
        }
    };
    let mut disagree = |what: String| {
        tally.disagreements.push(format!("{what}\n{}{}", case.describe(), graph_in_words(&plan.graph)));
    };
    match (&found, &plan.blocked) {
        (Found::Fits(set), None) => {
            let early = early(&plan);
            if early.len() != set.len() {
                disagree(format!("{} go early and {} would do: {early:?} {set:?}", early.len(), set.len()));
            }
            let view = PlanView::new(&plan, &case.prior);
            for (region, room) in &plan.regions {
                if view.image_peak(region).when_taking > room.limit.value as usize {
                    disagree(format!("{region} is over its limit"));
                }
            }
            tally.by_early[set.len().min(4)] += 1;
        }
        (Found::Not, Some(blocked)) => {
            tally.blocked += 1;
            let left_out: BTreeSet<_> = blocked.leave_out.iter().cloned().collect();
            let least = fewest_left_out(case, &diff);
            match least {
                None => {
                    if !left_out.is_empty() {
                        disagree(format!("leaving {left_out:?} out does not help"));
                    }
                }
                Some(least) => {
                    tally.left_out[least.len().min(4)] += 1;
                    if least.len() != left_out.len() || !fits_without(case, &diff, &left_out) {
                        disagree(format!("{left_out:?} are left out, and {least:?} would do"));
                    }
                }
            }
            if blocked.missing.is_empty() {
                disagree("nothing is missing".to_owned());
            }
        }
        (found, blocked) => disagree(format!("searching: {found:?}; planned: {blocked:?}")),
    }
}

fn compare_many(name: &str, shape: Shape, from: u64, cases: usize) {
    let mut tally = Tally::default();
    let mut seed = from;
    while tally.cases < cases {
        seed += 1;
        compare(&case(seed, shape), &mut tally);
    }
    println!(
        "{name}: {} cases, {} too large; early (0, 1, 2, 3, more) {:?}; blocked {}, left out (…) {:?}; {} disagree, {} of them circles",
        tally.cases,
        tally.too_large,
        tally.by_early,
        tally.blocked,
        tally.left_out,
        tally.disagreements.len(),
        tally.cycles,
    );
    for disagreement in tally.disagreements.iter().take(3) {
        println!("{disagreement}\n");
    }
    assert!(tally.disagreements.is_empty(), "{} disagree", tally.disagreements.len());
}

#[test]
fn as_few_as_possible_go_early_where_shares_and_names_are_in_the_way() {
    compare_many("early, all", Shape { images: 4, regions: 3, plain: false }, 1_000_000, 5_500);
}

#[test]
fn as_few_as_possible_go_early_between_full_regions() {
    compare_many("early, plain", Shape { images: 5, regions: 3, plain: true }, 2_000_000, 5_500);
}

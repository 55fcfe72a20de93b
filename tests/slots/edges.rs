//! Plans keep what is promised, and every edge is needed for it.

use std::collections::{BTreeMap, BTreeSet};

use goldform::constraints::{Judgement, Levels, judge};
use goldform::diagnostics::Severity;
use goldform::model::SharedImageEdits;
use goldform::plan::{Plan, StepIndex};

use crate::slots::model::{Model, Wrong};
use crate::slots::world::{Case, Dice, Shape, case, graph_in_words, now};

pub fn judged(case: &Case, plan: &Plan) -> Judgement {
    let (levels, _) = Levels::new(&case.desired.levels, &[]);
    judge(&case.desired, &case.prior, Some(plan), &levels, now())
}

pub fn errors(judgement: &Judgement) -> Vec<&'static str> {
    judgement
        .diagnostics
        .iter()
        .filter(|diagnostic| diagnostic.severity == Severity::Error)
        .map(|diagnostic| diagnostic.code.id)
        .collect()
}

pub fn edits_refused(case: &Case) -> bool {
    case.desired.cloud.shared_image_edits == SharedImageEdits::Refused
}

/// Plans that no rule refuses, of a size that can be explored.
pub fn valid_plans(from: u64, shape: Shape) -> impl Iterator<Item = (Case, Plan, Model)> {
    (from..).filter_map(move |seed| {
        let case = case(seed, shape);
        let plan = case.plan().ok()?;
        if plan.graph.is_empty()
            || plan.graph.len() > crate::slots::model::MOST
            || !errors(&judged(&case, &plan)).is_empty()
        {
            return None;
        }
        let model = Model::new(&plan, &case.prior, edits_refused(&case))?;
        Some((case, plan, model))
    })
}

#[test]
fn a_valid_plan_keeps_every_promise_in_every_order_and_needs_every_edge() {
    let (mut plans, mut skipped, mut edges) = (0, 0, 0);
    let mut needed_for: BTreeMap<String, BTreeMap<Wrong, usize>> = BTreeMap::new();
    let mut failures: Vec<String> = Vec::new();
    for (case, plan, model) in valid_plans(3_000_000, Shape { images: 4, regions: 3, plain: false }) {
        if plans == 3_000 {
            break;
        }
        let words = |plan: &Plan| format!("{}{}", case.describe(), graph_in_words(&plan.graph));
        let Some(found) = model.explore(|_| false) else {
            skipped += 1;
            continue;
        };
        plans += 1;
        if !found.is_empty() {
            failures.push(format!("promises {found:?}\n{}", words(&plan)));
        }
        let all: Vec<(StepIndex, StepIndex)> =
            plan.graph.edges().map(|(earlier, later, _)| (earlier, later)).collect();
        for (earlier, later) in all {
            let mut graph = plan.graph.clone();
            let reason = graph.unwait(later, earlier).unwrap();
            let model = Model::with_graph(&plan, &graph, &case.prior, edits_refused(&case)).unwrap();
            let Some(found) = model.explore(|found| !found.is_empty()) else { continue };
            edges += 1;
            let reason = format!("{reason:?}").split([' ', '{']).next().unwrap_or_default().to_owned();
            match found.first() {
                Some(wrong) => *needed_for.entry(reason).or_default().entry(*wrong).or_default() += 1,
                None => failures.push(format!(
                    "nothing needs {} → {} ({reason})\n{}",
                    earlier.index(),
                    later.index(),
                    words(&plan)
                )),
            }
        }
    }
    println!("edges: {plans} valid plans explored, {skipped} too large; {edges} edges taken out one by one");
    for (reason, wrongs) in &needed_for {
        println!("    without {reason}: {wrongs:?}");
    }
    for failure in failures.iter().take(3) {
        println!("{failure}\n");
    }
    assert!(failures.is_empty(), "{} failures", failures.len());
}

/// The share gaps that a rule names, as entry and region.
fn named_gaps(judgement: &Judgement) -> BTreeSet<String> {
    let named = judgement.diagnostics.iter().filter(|diagnostic| diagnostic.code.id == "GF703");
    named.map(|diagnostic| diagnostic.subject.to_string()).collect()
}

#[test]
fn a_share_gap_is_named_where_some_order_has_one_and_nowhere_else() {
    let (mut plans, mut gaps, mut tampered, mut skipped) = (0, 0, 0, 0);
    let mut failures: Vec<String> = Vec::new();
    let mut dice = Dice::new(0x9a9);
    for (case, plan, _) in valid_plans(7_000_000, Shape { images: 3, regions: 2, plain: false }) {
        if plans == 3_000 {
            break;
        }
        let mut plan = plan;
        // Every other plan loses an edge.
        let edges: Vec<(StepIndex, StepIndex)> =
            plan.graph.edges().map(|(earlier, later, _)| (earlier, later)).collect();
        if let Some((earlier, later)) = edges.get(dice.below(2 * edges.len() + 1)) {
            plan.graph.unwait(*later, *earlier);
            tampered += 1;
        }
        let model = Model::new(&plan, &case.prior, edits_refused(&case)).unwrap();
        let Some(found) = model.gaps() else {
            skipped += 1;
            continue;
        };
        plans += 1;
        gaps += found.len();
        let found: BTreeSet<String> =
            found.into_iter().map(|(image, region)| format!("image.{image}@{region}")).collect();
        let named = named_gaps(&judged(&case, &plan));
        if found != named {
            let words = format!("{}{}", case.describe(), graph_in_words(&plan.graph));
            failures.push(format!("exploring finds {found:?}, the rule {named:?}\n{words}"));
        }
    }
    println!(
        "gaps: {gaps} in {plans} plans, {tampered} of them without an edge, {skipped} too large; {} disagree",
        failures.len()
    );
    for failure in failures.iter().take(3) {
        println!("{failure}\n");
    }
    assert!(failures.is_empty(), "{} disagree", failures.len());
}

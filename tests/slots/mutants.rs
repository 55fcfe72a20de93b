//! Valid plans that were tampered with: the rules and exploring every order agree on which are safe.

use std::collections::{BTreeMap, BTreeSet};

use goldform::model::Operation;
use goldform::plan::{EdgeReason, Plan, Step, StepIndex};

use crate::slots::edges::{edits_refused, errors, judged, valid_plans};
use crate::slots::model::{Model, RULED, Wrong};
use crate::slots::world::{Case, Dice, Shape, graph_in_words};

fn rule_of(wrong: Wrong) -> &'static str {
    match wrong {
        Wrong::Quota => "GF601",
        Wrong::Name | Wrong::Twice => "GF202",
        Wrong::Places => "GF503",
        _ => "GF702",
    }
}

/// Tampers with a plan, and says how.
fn mutate(plan: &mut Plan, dice: &mut Dice) -> Option<String> {
    let steps: Vec<StepIndex> = plan.graph.steps().map(|(index, _)| index).collect();
    match dice.below(3) {
        0 => {
            let edges: Vec<(StepIndex, StepIndex)> =
                plan.graph.edges().map(|(earlier, later, _)| (earlier, later)).collect();
            let (earlier, later) = *edges.get(dice.below(edges.len().max(1)))?;
            plan.graph.unwait(later, earlier);
            Some(format!("dropped {} → {}", earlier.index(), later.index()))
        }
        1 => {
            let (one, other) = (steps[dice.below(steps.len())], steps[dice.below(steps.len())]);
            let first = plan.graph[one].clone();
            let second = plan.graph[other].clone();
            if one == other {
                return None;
            }
            plan.graph[one] = second;
            plan.graph[other] = first;
            Some(format!("swapped {} and {}", one.index(), other.index()))
        }
        _ => {
            let one = steps[dice.below(steps.len())];
            let twin = plan.graph[one].clone();
            let before: Vec<_> =
                plan.graph.waits_for(one).map(|(earlier, reason)| (earlier, reason.clone())).collect();
            let after: Vec<_> =
                plan.graph.awaited_by(one).map(|(later, reason)| (later, reason.clone())).collect();
            let new = plan.graph.add(twin);
            let (keeps_before, keeps_after) = (dice.percent(70), dice.percent(40));
            if keeps_before {
                for (earlier, reason) in before {
                    plan.graph.wait(new, earlier, reason);
                }
            }
            if keeps_after {
                for (later, reason) in after {
                    plan.graph.wait(later, new, reason);
                }
            }
            Some(format!("doubled {} ({keeps_before}, {keeps_after})", one.index()))
        }
    }
}

#[test]
fn rules_and_exploring_agree_on_plans_that_were_tampered_with() {
    let mut dice = Dice::new(0xedd1e);
    let (mut mutants, mut unsafe_ones, mut skipped) = (0, 0, 0);
    let mut by_rule: BTreeMap<&str, usize> = BTreeMap::new();
    let mut disagreements: Vec<String> = Vec::new();
    let mut kinds: BTreeMap<String, usize> = BTreeMap::new();
    'plans: for (case, plan, model) in valid_plans(4_000_000, Shape { images: 3, regions: 2, plain: false }) {
        if model.steps + 1 > crate::slots::model::MOST {
            continue;
        }
        for _ in 0..5 {
            let mut mutant = plan.clone();
            let Some(how) = mutate(&mut mutant, &mut dice) else { continue };
            let model = Model::new(&mutant, &case.prior, edits_refused(&case)).unwrap();
            let Some(found) = model.explore(|found| RULED.iter().all(|wrong| found.contains(wrong))) else {
                skipped += 1;
                continue;
            };
            let found: BTreeSet<&str> =
                found.into_iter().filter(|wrong| RULED.contains(wrong)).map(rule_of).collect();
            let judged = judged(&case, &mutant);
            let refused: BTreeSet<&str> = errors(&judged)
                .into_iter()
                .filter(|code| RULED.iter().any(|wrong| rule_of(*wrong) == *code))
                .collect();
            mutants += 1;
            unsafe_ones += usize::from(!found.is_empty());
            for rule in &found {
                *by_rule.entry(rule).or_default() += 1;
            }
            if found.is_empty() != refused.is_empty() {
                let kind = how.split(' ').next().unwrap_or_default();
                *kinds.entry(format!("{kind}: explored {found:?}, judged {refused:?}")).or_default() += 1;
                disagreements.push(format!(
                    "{how}: exploring finds {found:?}, the rules {refused:?}\n{}{}",
                    case.describe(),
                    graph_in_words(&mutant.graph)
                ));
            }
            if mutants == 10_500 {
                break 'plans;
            }
        }
    }
    println!(
        "mutants: {mutants} judged and explored, {skipped} too large; {unsafe_ones} unsafe {by_rule:?}; {} disagree {kinds:#?}",
        disagreements.len()
    );
    for disagreement in disagreements.iter().take(3) {
        println!("{disagreement}\n");
    }
    assert!(disagreements.is_empty(), "{} disagree", disagreements.len());
}

/// The promises that break without an edge: of a deprecation of a shared image, and of what waits for an end.
fn broken_by(case: &Case, later: &Step, reason: &EdgeReason) -> Option<&'static [Wrong]> {
    let old = case.prior.placement(later.at());
    match (reason, &later.operation) {
        (EdgeReason::SuccessorReady | EdgeReason::SuccessorShared, Operation::Update { set, .. }) => {
            let is_shared = old.is_some_and(|old| !old.everyone().is_empty());
            (set.deprecated == Some(true) && is_shared).then_some(&[Wrong::SuccessorLate])
        }
        (EdgeReason::ImageEnded, _) => Some(&[Wrong::NotThere, Wrong::CopySource]),
        _ => None,
    }
}

#[test]
fn exploring_finds_a_deprecation_before_its_successor_and_a_deletion_before_the_end() {
    let mut dropped: BTreeMap<String, usize> = BTreeMap::new();
    let few = |dropped: &BTreeMap<String, usize>| {
        let count = |name: &str| dropped.get(name).copied().unwrap_or_default();
        count("SuccessorReady") < 20 || count("SuccessorShared") < 20 || count("ImageEnded") < 100
    };
    for (case, plan, _) in valid_plans(6_000_000, Shape { images: 3, regions: 2, plain: false }) {
        if !few(&dropped) {
            break;
        }
        for (earlier, later, reason) in plan.graph.edges() {
            let later_step = &plan.graph[later];
            let Some(promises) = broken_by(&case, later_step, reason) else { continue };
            let mut graph = plan.graph.clone();
            graph.unwait(later, earlier);
            let model = Model::with_graph(&plan, &graph, &case.prior, edits_refused(&case)).unwrap();
            let Some(found) = model.explore(|found| !found.is_empty()) else { continue };
            let words = || format!("{}{}", case.describe(), graph_in_words(&plan.graph));
            assert!(
                promises.iter().any(|wrong| found.contains(wrong)),
                "{} → {}: {found:?}\n{}",
                earlier.index(),
                later.index(),
                words()
            );
            *dropped.entry(format!("{reason:?}")).or_default() += 1;
        }
    }
    println!("mutants: dropped edges {dropped:?}");
}

//! The order of steps.

use super::*;
use crate::diff::Reason;
use crate::model::Operation;
use crate::testing::EXAMPLE;
use crate::testing::worlds::{applied, at, plan_to, step, waits};

/// A graph of this many steps, with edges from the first to the second of each pair.
fn graph(steps: u32, edges: &[(u32, u32)]) -> StepGraph {
    let mut graph = StepGraph::default();
    for number in 1..=steps {
        let at = at(&format!("image.web@ap-tokyo#{number}"));
        graph.add(Step::new(Operation::Delete { at, snapshots: true }, Reason::Follows));
    }
    for (earlier, later) in edges {
        graph.wait(index(*later), index(*earlier), EdgeReason::ImageReady);
    }
    graph
}

fn index(number: u32) -> StepIndex {
    StepIndex::new(usize::try_from(number).unwrap() - 1)
}

fn edges(graph: &StepGraph) -> Vec<(usize, usize)> {
    let mut edges: Vec<_> =
        graph.edges().map(|(earlier, later, _)| (earlier.index() + 1, later.index() + 1)).collect();
    edges.sort_unstable();
    edges
}

#[test]
fn a_second_edge_between_two_steps_and_one_to_itself_add_nothing() {
    let mut graph = graph(2, &[(1, 2), (1, 2)]);
    graph.wait(index(2), index(1), EdgeReason::UnshareFirst);
    graph.wait(index(1), index(1), EdgeReason::UnshareFirst);
    assert_eq!(edges(&graph), [(1, 2)]);
    assert_eq!(graph.waits_for(index(2)).next().unwrap().1, &EdgeReason::ImageReady, "the first says why");
}

#[test]
fn a_path_that_goes_on_after_a_bad_end_implies_no_edge_that_needs_a_good_one() {
    let mut weak = graph(3, &[(2, 3)]);
    weak.wait(index(2), index(1), EdgeReason::ImageEnded);
    assert!(!weak.needs_success_of(index(1), index(3)) && weak.must_precede(index(1), index(3)));
    let mut both = weak.clone();
    both.wait(index(3), index(1), EdgeReason::ImageReady);
    both.reduce();
    assert_eq!(edges(&both), [(1, 2), (1, 3), (2, 3)]);
    assert!(both.needs_success_of(index(1), index(3)));
    weak.wait(index(3), index(1), EdgeReason::ImageEnded);
    weak.reduce();
    assert_eq!(edges(&weak), [(1, 2), (2, 3)]);
    // Of two reasons for one edge, the one that asks for more.
    both.wait(index(2), index(1), EdgeReason::ImageReady);
    assert!(both.needs_success_of(index(1), index(2)));
    both.wait(index(2), index(1), EdgeReason::ImageEnded);
    assert!(both.needs_success_of(index(1), index(2)));
}

#[test]
fn a_step_waits_through_others() {
    let graph = graph(4, &[(1, 2), (2, 3)]);
    assert!(graph.must_precede(index(1), index(3)) && graph.must_precede(index(1), index(2)));
    assert!(!graph.must_precede(index(3), index(1)) && !graph.must_precede(index(1), index(4)));
    assert!(!graph.must_precede(index(1), index(1)));
}

#[test]
fn an_order_keeps_every_edge() {
    let graph = graph(4, &[(4, 2), (2, 3), (4, 1)]);
    let order = graph.check().unwrap();
    let place = |number| order.iter().position(|step| *step == index(number)).unwrap();
    assert!(place(4) < place(2) && place(2) < place(3) && place(4) < place(1));
}

#[test]
fn a_circle_is_reported_by_its_steps() {
    let cycle = graph(4, &[(1, 2), (2, 3), (3, 2), (3, 4)]).check().unwrap_err();
    assert_eq!(cycle.steps, ["delete image.web@ap-tokyo#2", "delete image.web@ap-tokyo#3"]);
}

#[test]
fn an_edge_that_others_imply_is_taken_out_and_the_order_is_the_same() {
    let mut reduced = graph(4, &[(1, 2), (2, 3), (1, 3), (3, 4), (1, 4), (2, 4)]);
    let before = reduced.clone();
    reduced.reduce();
    assert_eq!(edges(&reduced), [(1, 2), (2, 3), (3, 4)]);
    for (earlier, later) in (1..=4).flat_map(|one| (1..=4).map(move |other| (one, other))) {
        let (earlier, later) = (index(earlier), index(later));
        assert_eq!(reduced.must_precede(earlier, later), before.must_precede(earlier, later));
    }
    let mut needed = graph(4, &[(1, 2), (1, 3), (2, 4), (3, 4)]);
    needed.reduce();
    assert_eq!(edges(&needed).len(), 4, "both ways round are needed");
}

#[test]
fn no_plan_has_an_edge_that_others_imply() {
    for yaml in [EXAMPLE.to_owned(), EXAMPLE.replace("revision: \"1\"", "revision: \"2\"")] {
        let mut plan = plan_to(&applied(&[EXAMPLE]), &yaml);
        let before = edges(&plan.graph);
        plan.graph.reduce();
        assert_eq!(edges(&plan.graph), before);
    }
}

#[test]
fn edges_are_dropped_by_what_they_join() {
    let mut plan = plan_to(&applied(&[EXAMPLE]), "version: 1\naccount: \"100000000001\"\n");
    plan.graph.drop_edges(|_, later, reason| {
        *reason == EdgeReason::UnshareFirst && later.at().region.as_str() == "ap-tokyo"
    });
    assert!(!waits(&plan, "delete image.web@ap-tokyo#1", "unshare image.web@ap-tokyo#1"));
    assert!(waits(&plan, "delete image.web@ap-jakarta#1", "unshare image.web@ap-jakarta#1"));
}

#[test]
fn a_graph_reads_back_as_it_was_written() {
    let plan = plan_to(&applied(&[]), EXAMPLE);
    let text = serde_json::to_string(&plan.graph).unwrap();
    let read: StepGraph = serde_json::from_str(&text).unwrap();
    assert_eq!(serde_json::to_string(&read).unwrap(), text);
    assert!(serde_json::from_str::<StepGraph>(&text.replacen("\"earlier\":0", "\"earlier\":99", 1)).is_err());
}

#[test]
fn every_reason_is_a_clause_and_has_a_source() {
    let plan = plan_to(&applied(&[]), EXAMPLE);
    let share = step(&plan, "share image.web@ap-tokyo#1");
    for (_, reason) in plan.graph.waits_for(share) {
        assert!(!reason.explain().is_empty() && !reason.source().is_empty());
        assert!(reason.explain().starts_with(char::is_lowercase), "it follows `because`");
    }
}

#[test]
fn a_written_step_has_the_id_of_what_it_does_and_only_one_has_it() {
    let plan = plan_to(&applied(&[]), EXAMPLE);
    let written = serde_json::to_value(&plan.graph).unwrap();
    let read = |value: &serde_json::Value| serde_json::from_value::<StepGraph>(value.clone());
    assert_eq!(serde_json::to_value(read(&written).unwrap()).unwrap(), written);

    let mut other = written.clone();
    other["steps"][0]["id"] = "update image.web@ap-jakarta#1".into();
    assert!(read(&other).unwrap_err().to_string().contains("does something else"));
    let mut other = written.clone();
    other["steps"][0]["operation"]["at"] = "image.web@ap-seoul#1".into();
    assert!(read(&other).unwrap_err().to_string().contains("does something else"));
    let mut other = written;
    let step = other["steps"][0].clone();
    other["steps"].as_array_mut().unwrap().push(step);
    assert!(read(&other).unwrap_err().to_string().contains("there are two steps"));
}

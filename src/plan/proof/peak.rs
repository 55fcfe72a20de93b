//! Computes the largest usage over *all* reachable prefixes of a plan, however it was ordered.
//!
//! A step that occupies capacity (a create one slot, a share some accounts) does so when it *starts*. A step that frees
//! capacity (a delete, a cancelled share) does so when it has *settled*. A prefix is any set of steps that holds, with each
//! step, everything that it waits for. The largest usage over all of them is a maximum-weight closure: choosing a
//! taker brings its weight and forces every giver that it waits for, directly or through other regions. Its dual
//! is a flow from the takers, backwards along the order, to the givers:
//!
//! ```text
//!  peak = used + everything that is taken − maximum flow(takers ─▶ what they wait for ─▶ givers)
//! ```
//!
//! Nothing here depends on how the order was made: the scheduler assigns slots, this proves that they suffice.

use std::collections::BTreeMap;

use petgraph::algo::dinics;
use petgraph::graph::{DiGraph, NodeIndex};

use crate::plan::graph::StepGraph;
use crate::plan::step_map::StepIndex;

/// Returns the largest usage in any order that the graph allows.
pub fn peak(
    graph: &StepGraph,
    used: usize,
    takers: &[(StepIndex, usize)],
    givers: &[(StepIndex, usize)],
) -> usize {
    let taken = takers.iter().fold(0usize, |sum, (_, weight)| sum.saturating_add(*weight));
    let highest = used.saturating_add(taken);
    if taken == 0 || givers.is_empty() {
        return highest;
    }
    highest.saturating_sub(forced_back(graph, takers, givers))
}

/// Returns the largest usage right after a taker has started, in any order that the graph allows.
///
/// If more than the limit is used when the plan starts (the limit fell), the plan did not cause that. Then only moments
/// at which a taker has just started count. `limit` decides only which of the two is computed.
pub fn peak_when_taking(
    graph: &StepGraph,
    used: usize,
    limit: usize,
    takers: &[(StepIndex, usize)],
    givers: &[(StepIndex, usize)],
) -> usize {
    if used <= limit {
        return peak(graph, used, takers, givers);
    }
    // One taker after the other is forced into the prefix: it weighs more than anything that it could cost.
    let heavy = givers.iter().fold(1usize, |sum, (_, weight)| sum.saturating_add(*weight));
    (0..takers.len())
        .map(|forced| {
            let mut weighted = takers.to_vec();
            if let Some((_, weight)) = weighted.get_mut(forced) {
                *weight = weight.saturating_add(heavy);
            }
            peak(graph, used, &weighted, givers).saturating_sub(heavy)
        })
        .max()
        .unwrap_or(0)
}

/// Returns how much must have been freed at the worst moment: the maximum flow.
fn forced_back(graph: &StepGraph, takers: &[(StepIndex, usize)], givers: &[(StepIndex, usize)]) -> usize {
    let weight = |weight: usize| u32::try_from(weight).unwrap_or(u32::MAX / 4);
    let mut network: DiGraph<(), u32> = DiGraph::new();
    let source = network.add_node(());
    let sink = network.add_node(());
    let mut nodes: BTreeMap<StepIndex, NodeIndex> = BTreeMap::new();
    let mut stack = Vec::new();
    for (step, taken) in takers {
        let node = *nodes.entry(*step).or_insert_with(|| network.add_node(()));
        network.add_edge(source, node, weight(*taken));
        stack.push(*step);
    }
    // Only what the takers wait for can force anything.
    let mut seen: std::collections::BTreeSet<StepIndex> = stack.iter().copied().collect();
    while let Some(step) = stack.pop() {
        let node = *nodes.entry(step).or_insert_with(|| network.add_node(()));
        for (earlier, _) in graph.waits_for(step) {
            let before = *nodes.entry(earlier).or_insert_with(|| network.add_node(()));
            network.add_edge(node, before, u32::MAX / 2);
            if seen.insert(earlier) {
                stack.push(earlier);
            }
        }
    }
    let mut reaches = false;
    for (step, given) in givers {
        if let Some(node) = nodes.get(step) {
            network.add_edge(*node, sink, weight(*given));
            reaches = true;
        }
    }
    if !reaches {
        return 0;
    }
    let (flow, _) = dinics(&network, source, sink);
    usize::try_from(flow).unwrap_or(usize::MAX)
}

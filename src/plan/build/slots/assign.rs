//! Turns slots into edges: each make beyond the free slots waits for one particular delete.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::delete_first::STEPS;
use super::problem::{SlotEffect, SlotProblem};
use super::search::{Budget, SlotSearch};
use super::{Slots, Stuck};
use crate::model::Region;
use crate::plan::build::draft::Draft;
use crate::plan::graph::{EdgeReason, StepGraph};
use crate::plan::proof::peak::peak_when_taking;
use crate::plan::proof::slots::SlotSteps;
use crate::plan::step_map::StepIndex;

/// Largest product of slot edges of a region and steps for which each edge is checked for being necessary.
const PROVEN: usize = 20_000;

/// The slots of a region while they are assigned along the order that was found.
struct RegionSlots {
    /// Free from the start.
    free: usize,
    /// Deletes whose slot is not assigned, the oldest first.
    deletes: VecDeque<StepIndex>,
    /// How many deletes only bring the region back to its limit: they free no slot.
    debt: usize,
    /// Those deletes: every make waits for all of them, since any make could be the first.
    paid: Vec<StepIndex>,
}

/// Assigns slots to makes, as edges of the draft.
///
/// # Errors
/// If no order fits.
pub(crate) fn assign_slots(draft: &mut Draft<'_>, slots: &BTreeMap<Region, Slots>) -> Result<(), Stuck> {
    let mut edges: BTreeMap<Region, Vec<(StepIndex, StepIndex)>> = BTreeMap::new();
    {
        let problem = SlotProblem::new(draft, slots).map_err(|_| Stuck::default())?;
        if problem.has_room() {
            return Ok(());
        }
        let order = SlotSearch::new(&problem).run(&mut Budget(STEPS))?;
        for (region, make, delete) in grants(&problem, &order) {
            let Some((region, _)) = problem.regions.get(region) else { continue };
            edges.entry(region.clone()).or_default().push((make, delete));
        }
    }
    for (region, edges) in &edges {
        for (make, delete) in edges {
            draft.graph.wait(*make, *delete, EdgeReason::SlotFreed { region: region.clone() });
        }
    }
    for (region, edges) in &edges {
        if edges.len().saturating_mul(draft.graph.len()) <= PROVEN {
            drop_needless(draft, slots, region, edges);
        }
    }
    Ok(())
}

/// Returns the assignments that no other edge implies: region, make, and the delete that frees its slot.
fn grants(problem: &SlotProblem<'_>, order: &[StepIndex]) -> Vec<(usize, StepIndex, StepIndex)> {
    let mut by_region: Vec<RegionSlots> = problem
        .regions
        .iter()
        .map(|(_, slots)| RegionSlots {
            free: slots.limit.saturating_sub(slots.used),
            deletes: VecDeque::new(),
            debt: slots.used.saturating_sub(slots.limit),
            paid: Vec::new(),
        })
        .collect();
    let mut grants = Vec::new();
    for &step in order {
        match problem.effects[step] {
            SlotEffect::Delete { region } => {
                let Some(slots) = by_region.get_mut(region) else { continue };
                if slots.debt > 0 {
                    slots.debt = slots.debt.saturating_sub(1);
                    slots.paid.push(step);
                } else {
                    slots.deletes.push_back(step);
                }
            }
            SlotEffect::Make { region, .. } => {
                let Some(slots) = by_region.get_mut(region) else { continue };
                grants.extend(slots.paid.iter().map(|delete| (region, step, *delete)));
                // One whose delete it waits for anyway, else a free slot, else the oldest delete's.
                let earlier = ancestors(problem.graph, step);
                if let Some(own) = slots.deletes.iter().position(|delete| earlier.contains(delete)) {
                    slots.deletes.remove(own);
                } else if slots.free > 0 {
                    slots.free = slots.free.saturating_sub(1);
                } else if let Some(delete) = slots.deletes.pop_front() {
                    grants.push((region, step, delete));
                }
            }
            SlotEffect::Neither => {}
        }
    }
    grants
}

/// Returns every step that a step waits for, directly or through others.
fn ancestors(graph: &StepGraph, step: StepIndex) -> BTreeSet<StepIndex> {
    let mut seen = BTreeSet::new();
    let mut stack = vec![step];
    while let Some(step) = stack.pop() {
        stack.extend(
            graph.waits_for(step).map(|(earlier, _)| earlier).filter(|earlier| seen.insert(*earlier)),
        );
    }
    seen
}

/// Removes the slot edges of a region without which the peak stays within the limit.
fn drop_needless(
    draft: &mut Draft<'_>,
    slots: &BTreeMap<Region, Slots>,
    region: &Region,
    edges: &[(StepIndex, StepIndex)],
) {
    let Some(Slots { limit, used }) = slots.get(region).copied() else { return };
    let steps = SlotSteps::by_region(&draft.graph).remove(region).unwrap_or_default();
    for (make, delete) in edges {
        let Some(reason) = draft.graph.unwait(*make, *delete) else { continue };
        if peak_when_taking(&draft.graph, used, limit, &steps.takers, &steps.givers) > limit {
            draft.graph.wait(*make, *delete, reason);
        }
    }
}

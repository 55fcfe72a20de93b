//! What more slots in a region would change for a step: the plan is made again with them, so that nothing is guessed.

use std::collections::BTreeMap;

use super::{EdgeReason, Plan, PlanError, PlanOptions, Step, StepGraph, propose};
use crate::manifest::Desired;
use crate::model::{PlacementKey, Region, Verb};
use crate::state::{Recorded, Snapshot, StepId};

/// Most slots that are tried.
const MOST: u32 = 4;

/// What more slots in a region change for a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MoreSlots {
    /// Region.
    pub region: Region,
    /// Number of slots beyond the limit.
    pub slots: u32,
    /// Limit with them.
    pub limit: u32,
    /// What they change. `None`: nothing, as far as was tried.
    pub gain: Option<SlotGain>,
}

/// What a step gains by more slots.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SlotGain {
    /// The new image is made before the old one is deleted.
    CreateFirst,
    /// The image that the step deletes is kept.
    Kept,
    /// It no longer waits for these steps.
    WaitsLess(Vec<StepId>),
    /// The steps of the plan fit.
    Fits,
}

/// Plans that are made again with more slots.
pub struct SlotTrial<'a> {
    desired: &'a Desired,
    recorded: &'a Recorded,
    base: Option<&'a Snapshot>,
    options: &'a PlanOptions,
    plan: &'a Plan,
    made: BTreeMap<(Region, u32), Plan>,
}

impl<'a> SlotTrial<'a> {
    /// Starts from a plan and what it was made from.
    pub fn new(
        plan: &'a Plan,
        desired: &'a Desired,
        recorded: &'a Recorded,
        base: Option<&'a Snapshot>,
        options: &'a PlanOptions,
    ) -> Self {
        Self { desired, recorded, base, options, plan, made: BTreeMap::new() }
    }

    /// Returns what more slots in the region of a step change for it: the smallest number that changes anything. `None` if
    /// the region's limit has no effect on the step.
    ///
    /// # Errors
    /// If the steps of a plan cannot be ordered.
    pub fn of(&mut self, step: &Step) -> Result<Option<MoreSlots>, PlanError> {
        let region = &step.at().region;
        let Some(capacity) = self.plan.regions.get(region) else { return Ok(None) };
        let limit = capacity.limit.value;
        let is_full = capacity.peak >= usize::try_from(limit).unwrap_or(usize::MAX);
        let is_limited = self.plan.blocked.is_some()
            || is_delete_first(self.plan, step.at())
            || !waits_for_slots(&self.plan.graph, &step.id).is_empty();
        if !(is_limited || is_full && step.verb() == Verb::Delete) {
            return Ok(None);
        }
        for slots in 1..=MOST {
            let plan = self.plan;
            let with = self.with(region, limit, slots)?;
            if let Some(gain) = gain(plan, with, step) {
                let limit = limit.saturating_add(slots);
                return Ok(Some(MoreSlots { region: region.clone(), slots, limit, gain: Some(gain) }));
            }
        }
        let limit = limit.saturating_add(MOST);
        // A deletion that no slot prevents has another reason.
        Ok(is_limited.then(|| MoreSlots { region: region.clone(), slots: MOST, limit, gain: None }))
    }

    /// Returns the plan with more slots in a region.
    fn with(&mut self, region: &Region, limit: u32, slots: u32) -> Result<&Plan, PlanError> {
        let key = (region.clone(), slots);
        if !self.made.contains_key(&key) {
            let limit = limit.saturating_add(slots);
            let (mut desired, mut recorded) = (self.desired.clone(), self.recorded.clone());
            desired.limits.regions.insert(region.clone(), limit);
            if let Some(read) =
                recorded.regions.get_mut(region).and_then(|region| region.image_limit.as_mut())
            {
                read.value = limit;
            }
            let plan = propose(&desired, &recorded, self.base, self.options)?.plan;
            self.made.insert(key.clone(), plan);
        }
        Ok(self.made.get(&key).unwrap_or(self.plan))
    }
}

fn gain(plan: &Plan, with: &Plan, step: &Step) -> Option<SlotGain> {
    let is_there = with.graph.steps().any(|(_, other)| other.id == step.id);
    if plan.blocked.is_some() && with.blocked.is_none() {
        return Some(SlotGain::Fits);
    }
    if step.verb() == Verb::Delete && !is_there {
        return Some(SlotGain::Kept);
    }
    if is_delete_first(plan, step.at()) && !is_delete_first(with, step.at()) {
        return Some(SlotGain::CreateFirst);
    }
    let mut gone = waits_for_slots(&plan.graph, &step.id);
    let still = waits_for_slots(&with.graph, &step.id);
    gone.retain(|other| !still.contains(other));
    Some(SlotGain::WaitsLess(gone))
        .filter(|_| is_there && still.is_empty())
        .filter(|gain| !matches!(gain, SlotGain::WaitsLess(gone) if gone.is_empty()))
}

/// Returns whether the plan deletes the old image of an entry in the region before the new one is made there, and the entry
/// does not ask for that.
fn is_delete_first(plan: &Plan, at: &PlacementKey) -> bool {
    plan.changes.iter().filter(|change| change.image == at.image && !change.delete_first).any(|change| {
        let mut placements = change.placements.iter();
        placements.any(|one| one.is_deleted_first() && one.at.region == at.region)
    })
}

/// Returns the steps that a step waits for because they free a slot.
fn waits_for_slots(graph: &StepGraph, id: &StepId) -> Vec<StepId> {
    let Some((index, _)) = graph.steps().find(|(_, step)| step.id == *id) else { return Vec::new() };
    let slots = graph.waits_for(index).filter(|(_, reason)| matches!(reason, EdgeReason::SlotFreed { .. }));
    slots.map(|(earlier, _)| graph[earlier].id.clone()).collect()
}

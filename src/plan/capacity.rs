//! The room in each region: the limit that counts, what is used of it now, at the most, and after a plan.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::graph::{EdgeReason, StepGraph};
use super::proof::peak::peak;
use super::proof::slots::SlotSteps;
use super::step_map::StepIndex;
use crate::manifest::Desired;
use crate::model::limits::{DOCUMENTED_ACCOUNTS_PER_IMAGE, DOCUMENTED_IMAGES_PER_REGION};
use crate::model::{Limit, Region};
use crate::state::Recorded;

/// The room for custom images in a region.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RegionCapacity {
    /// Images that goldform manages, before the plan.
    pub managed: usize,
    /// Images that it does not manage, as recorded.
    pub unmanaged: usize,
    /// The most at any moment, in any order of the steps.
    pub peak: usize,
    /// All of them after the plan.
    pub after: usize,
    /// How many times images are made one after the other because slots have to be freed first; 1: at once.
    pub waves: usize,
    /// The limit that counts.
    pub limit: Limit,
}

impl RegionCapacity {
    /// Returns whether the highest usage comes within a tenth of the limit, or exceeds it.
    pub fn is_near_limit(&self) -> bool {
        let limit = usize::try_from(self.limit.value).unwrap_or(usize::MAX);
        self.peak.saturating_add(limit / 10) >= limit || self.waves > 1
    }

    /// All images before the plan.
    pub fn now(&self) -> usize {
        self.managed.saturating_add(self.unmanaged)
    }
}

/// The limit of custom images that counts in a region.
pub fn image_limit(desired: &Desired, prior: &Recorded, region: &Region) -> Limit {
    let quota = desired.cloud.quotas().and_then(|quotas| quotas.images_per_region);
    let recorded = prior.regions.get(region).and_then(|known| known.image_limit.as_ref());
    // A recorded quota of the sandbox that the manifest has changed since does not hold any more.
    let recorded = recorded.filter(|read| quota.is_none_or(|quota| quota == read.value));
    let declared = lower(desired.limits.images_in(region), quota);
    Limit::effective(declared, recorded, DOCUMENTED_IMAGES_PER_REGION)
}

/// The limit of accounts per image that counts.
pub fn share_limit(desired: &Desired, prior: &Recorded) -> Limit {
    let quota = desired.cloud.quotas().and_then(|quotas| quotas.accounts_per_image);
    let recorded = prior.share_limit.as_ref().filter(|read| quota.is_none_or(|quota| quota == read.value));
    let declared = lower(desired.limits.accounts_per_image, quota);
    Limit::effective(declared, recorded, DOCUMENTED_ACCOUNTS_PER_IMAGE)
}

/// Returns the lower one of two numbers, as far as they are known.
fn lower(one: Option<u32>, other: Option<u32>) -> Option<u32> {
    one.into_iter().chain(other).min()
}

/// The room in every region that is recorded or in which the steps make an image.
pub(super) fn capacities(
    desired: &Desired,
    prior: &Recorded,
    graph: &StepGraph,
) -> BTreeMap<Region, RegionCapacity> {
    let mut usage = prior.usage();
    let slots = SlotSteps::by_region(graph);
    for (region, slots) in slots.iter().filter(|(_, slots)| !slots.takers.is_empty()) {
        // What may have been made already has its slot.
        let resumed = slots.takers.iter().filter(|(make, _)| prior.making.contains_key(graph[*make].at()));
        let usage = usage.entry((*region).clone()).or_default();
        usage.managed = usage.managed.saturating_sub(resumed.count());
    }
    let nothing = SlotSteps::default();
    let waves = waves(graph);
    usage
        .into_iter()
        .map(|(region, usage)| {
            let limit = image_limit(desired, prior, &region);
            let SlotSteps { takers, givers } = slots.get(&region).unwrap_or(&nothing);
            let now = usage.total();
            let after = now.saturating_add(takers.len()).saturating_sub(givers.len());
            let peak = peak(graph, now, takers, givers);
            let waves = waves.get(&region).copied().unwrap_or(usize::from(!takers.is_empty()));
            let room = RegionCapacity {
                managed: usage.managed,
                unmanaged: usage.unmanaged,
                peak,
                after,
                waves,
                limit,
            };
            (region, room)
        })
        .collect()
}

/// How many makes of a region follow each other by its slots, at the most: one where none waits for a slot.
fn waves(graph: &StepGraph) -> BTreeMap<Region, usize> {
    let mut waves: BTreeMap<Region, usize> = BTreeMap::new();
    let has_slots = graph.edges().any(|(_, _, reason)| matches!(reason, EdgeReason::SlotFreed { .. }));
    let Ok(order) = graph.check() else { return waves };
    if !has_slots {
        return waves;
    }
    let mut depth: BTreeMap<StepIndex, BTreeMap<&Region, usize>> = BTreeMap::new();
    for index in order {
        let mut here: BTreeMap<&Region, usize> = BTreeMap::new();
        for (earlier, reason) in graph.waits_for(index) {
            for (region, wave) in depth.get(&earlier).into_iter().flatten() {
                let deepest = here.entry(region).or_default();
                *deepest = (*deepest).max(*wave);
            }
            if let EdgeReason::SlotFreed { region } = reason {
                let before = depth.get(&earlier).and_then(|depth| depth.get(region)).copied().unwrap_or(0);
                let deepest = here.entry(region).or_default();
                *deepest = (*deepest).max(before.saturating_add(1));
            }
        }
        for (region, wave) in &here {
            let most = waves.entry((*region).clone()).or_insert(1);
            *most = (*most).max(wave.saturating_add(1));
        }
        depth.insert(index, here);
    }
    waves
}

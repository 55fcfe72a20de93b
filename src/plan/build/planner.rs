//! The planner: its passes, in order, and the plan that they make.

use std::collections::{BTreeMap, BTreeSet};

use super::blocked::blocked;
use super::release::release;
use super::schedule::schedule;
use super::slots::Slots;
use crate::diff::{Diff, Work};
use crate::manifest::Desired;
use crate::model::Region;
use crate::plan::capacity::{capacities, image_limit, share_limit};
use crate::plan::contents::{Base, Plan, PlanError};
use crate::plan::effect::{Effect, queries};
use crate::plan::place::PlanPlace;
use crate::state::{Recorded, Snapshot};

/// Makes the plan that brings a diff about.
///
/// # Errors
/// When the steps cannot be ordered.
pub fn plan(
    desired: &Desired,
    prior: &Recorded,
    base: Option<&Snapshot>,
    diff: Diff,
) -> Result<Plan, PlanError> {
    let share_limit = share_limit(desired, prior);
    let slots = slots(desired, prior, &diff);
    // 1. Kept images for which a region has no slot.
    let mut diff = release(desired, prior, diff, &slots, &share_limit);
    // 2. Steps, names, orders, slots.
    let (graph, delete_first, is_stuck) = {
        let (draft, is_stuck) = schedule(desired, prior, &diff, &slots, &share_limit)?;
        (draft.graph, draft.delete_first, is_stuck)
    };
    // 3. Where nothing fits: what would have to stay as it is, and what is missing.
    let blocked = is_stuck.then(|| blocked(desired, prior, &diff, &slots, &share_limit));
    for change in diff.images.iter_mut().flat_map(|image| &mut image.placements) {
        if let Work::Delete { first, .. } = &mut change.work {
            *first = delete_first.contains(&change.at);
        }
    }
    // 4. The room in each region, and the highest usage on the way.
    let regions = capacities(desired, prior, &graph);
    let Diff { images: changes, edits, ready, waiting, releasable: _ } = diff;
    let (account, place, queries) =
        (desired.account, PlanPlace::of(&desired.cloud), queries(desired, &graph)?);
    let effect =
        Effect { account, place: &place, changes: &changes, edits: &edits, queries: &queries, graph: &graph };
    let digest = effect.digest()?;
    Ok(Plan {
        base: base.map(Base::of),
        account,
        place,
        changes,
        edits,
        ready,
        graph,
        queries,
        regions,
        share_limit,
        blocked,
        waiting,
        digest,
    })
}

/// The slots of every region that a diff makes images in. An image that may have been made already has its slot: where
/// its creation continues, it takes no second one.
fn slots(desired: &Desired, prior: &Recorded, diff: &Diff) -> BTreeMap<Region, Slots> {
    let usage = prior.usage();
    let changes = || diff.images.iter().flat_map(|image| &image.placements);
    let regions: BTreeSet<&Region> = changes().map(|change| &change.at.region).collect();
    let mut resumed: BTreeMap<&Region, usize> = BTreeMap::new();
    for change in changes().filter(|change| prior.making.contains_key(&change.at)) {
        *resumed.entry(&change.at.region).or_default() += 1;
    }
    regions
        .into_iter()
        .map(|region| {
            let limit = usize::try_from(image_limit(desired, prior, region).value).unwrap_or(usize::MAX);
            let resumed = resumed.get(region).copied().unwrap_or_default();
            let used = usage.get(region).map_or(0, |usage| usage.total()).saturating_sub(resumed);
            (region.clone(), Slots { limit, used })
        })
        .collect()
}

#[cfg(test)]
mod tests;

//! Releases earlier images that are kept only while their region has a slot for them.
//!
//! The plan is made with all of them. In a region that would hold more than its limit in the end, as many as needed are
//! released: counting decides that. Where counting is not enough, because no order of the steps fits without a deletion
//! before the successor is ready, one more is released at a time, and what turns out not to be needed is put back. An
//! image that is released is deleted like one that nothing keeps.

use std::collections::{BTreeMap, BTreeSet};

use super::blocked::FinalCounts;
use super::draft::Draft;
use super::slots::{Slots, choose_delete_first};
use crate::diff::change::Releasable;
use crate::diff::{Action, Diff, PlacementChange, Reason};
use crate::manifest::Desired;
use crate::model::{ImageKey, Limit, PlacementKey, Region, ReplaceOrder};
use crate::state::Recorded;

/// Rounds in which one image is released in each region that is short. After them, all of such a region are.
const ROUNDS: usize = 32;
/// Steps of all plans that are made to put images back.
const PUT_BACK_STEPS: usize = 400_000;

/// Returns the diff with as many of its kept images released as the regions need.
pub(super) fn release(
    desired: &Desired,
    prior: &Recorded,
    diff: Diff,
    slots: &BTreeMap<Region, Slots>,
    share_limit: &Limit,
) -> Diff {
    let counts = FinalCounts::of(&diff, slots);
    let tight: BTreeSet<&Region> = counts.regions_short_of_slots().collect();
    let mut candidates = candidates(&diff, &tight);
    if candidates.is_empty() {
        return diff;
    }
    let search = Search { desired, prior, diff: &diff, slots, share_limit };
    let mut released: BTreeSet<&PlacementKey> = BTreeSet::new();
    let mut in_order: Vec<&PlacementKey> = Vec::new();
    for (region, candidates) in &mut candidates {
        let excess = counts.excess(region).min(candidates.len());
        in_order.extend(candidates.drain(..excess));
    }
    released.extend(&in_order);
    let mut measure = search.measure(&released);
    let mut short: BTreeSet<Region> = BTreeSet::new();
    for round in 0_usize.. {
        let before = released.len();
        for region in &measure.short {
            let Some(candidates) = candidates.get_mut(region) else { continue };
            let number = if round < ROUNDS { candidates.len().min(1) } else { candidates.len() };
            in_order.extend(candidates.drain(..number));
            short.insert(region.clone());
        }
        released.extend(&in_order);
        if released.len() == before {
            break;
        }
        measure = search.measure(&released);
    }
    // What was released before a better one was found may not be needed any more.
    let mut tries = PUT_BACK_STEPS / measure.steps.max(1);
    for at in in_order.into_iter().rev().filter(|at| short.contains(&at.region)) {
        let here = released.iter().filter(|one| one.region == at.region).count();
        if tries == 0 || here <= counts.excess(&at.region) {
            continue;
        }
        tries = tries.saturating_sub(1);
        released.remove(at);
        let without = search.measure(&released);
        if without.is_worse_than(&measure) {
            released.insert(at);
        } else {
            measure = without;
        }
    }
    search.with_released(&released)
}

/// Returns the images that may be released, by tight region, the first to be released first: those of entries that are
/// replaced there, then the one that was superseded first.
fn candidates<'d>(diff: &'d Diff, tight: &BTreeSet<&Region>) -> BTreeMap<&'d Region, Vec<&'d PlacementKey>> {
    let made: BTreeSet<(&ImageKey, &Region)> = diff
        .images
        .iter()
        .flat_map(|image| &image.placements)
        .filter(|change| change.makes_image())
        .map(|change| (&change.at.image, &change.at.region))
        .collect();
    let rank = |one: &&Releasable| {
        let is_replaced = made.contains(&(&one.at.image, &one.at.region));
        (one.is_last, !is_replaced, one.superseded_at.is_none(), one.superseded_at)
    };
    let mut releasable: Vec<&Releasable> =
        diff.releasable.iter().filter(|one| tight.contains(&one.at.region)).collect();
    releasable.sort_by(|a, b| rank(a).cmp(&rank(b)).then_with(|| a.at.cmp(&b.at)));
    let mut by_region: BTreeMap<&Region, Vec<&PlacementKey>> = BTreeMap::new();
    for one in releasable {
        by_region.entry(&one.at.region).or_default().push(&one.at);
    }
    by_region
}

/// How well a plan fits with some images released.
struct Measure {
    /// Regions that are still short of a slot.
    short: BTreeSet<Region>,
    /// Whether no choice of deletions fits.
    is_stuck: bool,
    /// Number of images that would be deleted before a successor is ready, leaving none in their region.
    gaps: usize,
    /// Number of steps of the plan.
    steps: usize,
}

impl Measure {
    fn is_worse_than(&self, other: &Self) -> bool {
        (self.is_stuck, self.gaps) > (other.is_stuck, other.gaps)
    }
}

struct Search<'a> {
    desired: &'a Desired,
    prior: &'a Recorded,
    diff: &'a Diff,
    slots: &'a BTreeMap<Region, Slots>,
    share_limit: &'a Limit,
}

impl Search<'_> {
    fn measure(&self, released: &BTreeSet<&PlacementKey>) -> Measure {
        let diff = self.with_released(released);
        let most_shares = usize::try_from(self.share_limit.value).unwrap_or(usize::MAX);
        let draft = Draft::ordered(self.desired, self.prior, &diff, most_shares, &BTreeSet::new());
        let steps = draft.graph.len();
        match choose_delete_first(&draft, self.slots) {
            Ok(delete_first) => {
                let gaps: Vec<_> =
                    delete_first.iter().filter(|at| !draft.is_spare(at, &delete_first)).collect();
                let short = gaps.iter().map(|at| at.region.clone()).collect();
                Measure { short, is_stuck: false, gaps: gaps.len(), steps }
            }
            Err(stuck) => Measure { short: stuck.regions, is_stuck: true, gaps: 0, steps },
        }
    }

    /// Returns the diff with these images deleted instead of kept.
    fn with_released(&self, released: &BTreeSet<&PlacementKey>) -> Diff {
        let mut diff = self.diff.clone();
        let tag = self.desired.cloud.ownership_tag.as_ref();
        let mut by_image: BTreeMap<&ImageKey, Vec<&Releasable>> = BTreeMap::new();
        for one in self.diff.releasable.iter().filter(|one| released.contains(&one.at)) {
            by_image.entry(&one.at.image).or_default().push(one);
        }
        for image in &mut diff.images {
            let Some(generation) = image.generation else { continue };
            for one in by_image.remove(&image.image).unwrap_or_default() {
                let Some(placement) = self.prior.placement(&one.at) else { continue };
                let reason = Reason::Released { by: generation };
                let retired =
                    PlacementChange::retire(one.at.clone(), placement, reason, one.delete_snapshots, tag);
                // In the order of the diff: current placements, then earlier ones by generation and region.
                let order = |at: &PlacementKey| (at.generation, at.region.clone());
                let is_later = |change: &PlacementChange| {
                    change.at.generation != generation && order(&change.at) >= order(&one.at)
                };
                let position = image.placements.iter().position(is_later).unwrap_or(image.placements.len());
                match image.placements.get_mut(position).filter(|change| change.at == one.at) {
                    Some(kept) => *kept = retired,
                    None => {
                        image.placements.insert(position, retired);
                        image.unchanged = image.unchanged.saturating_sub(1);
                    }
                }
                if matches!(image.action, Action::Unchanged | Action::Wait) {
                    image.action = Action::Update;
                }
                let wanted = self.desired.images.get(&image.image);
                image.delete_first |= wanted.is_some_and(|image| image.replace == ReplaceOrder::DeleteFirst);
            }
        }
        diff
    }
}

#[cfg(test)]
mod tests;

//! Chooses the placements that are deleted before their successors are made, and counts the slots that are missing if
//! no choice fits.

use std::collections::{BTreeMap, BTreeSet};

use super::problem::SlotProblem;
use super::search::{Budget, SlotSearch};
use super::{Slots, Stuck};
use crate::model::{Level, PlacementKey, Region, ReplaceOrder};
use crate::plan::build::draft::Draft;
use crate::plan::step_map::StepIndex;

/// Budget of steps for all searches of a plan, after the first path of each got stuck.
pub(super) const STEPS: usize = 400_000;
/// How many sets of delete_first placements are tried for a smaller one than the one that was found.
const SETS: usize = 2_000;
/// The same, in steps of the plan: trying a set builds the whole draft again.
const SETS_IN_STEPS: usize = 400_000;
/// How many placements of one region are tried before the best of them is taken.
const TRIED_FOR_THE_BEST: usize = 16;

/// Searches an order of a draft that fits. `None` if every order does.
pub(super) fn find_order(
    draft: &Draft<'_>,
    slots: &BTreeMap<Region, Slots>,
    budget: &mut Budget,
) -> Result<Vec<StepIndex>, Stuck> {
    // A circle is no order at all; it got nowhere.
    let problem = SlotProblem::new(draft, slots).map_err(|_| Stuck::default())?;
    if problem.has_room() { Ok(Vec::new()) } else { SlotSearch::new(&problem).run(budget) }
}

struct Chooser<'c, 'a> {
    draft: &'c Draft<'a>,
    slots: &'c BTreeMap<Region, Slots>,
    candidates: Vec<PlacementKey>,
    budget: Budget,
    /// How many sets may still be tried.
    sets: usize,
}

/// Returns the placements to delete before their successors, so that the rest fits.
///
/// # Errors
/// If no choice fits.
pub(crate) fn choose_delete_first(
    draft: &Draft<'_>,
    slots: &BTreeMap<Region, Slots>,
) -> Result<BTreeSet<PlacementKey>, Stuck> {
    let mut budget = Budget(STEPS);
    let stuck = match find_order(draft, slots, &mut budget) {
        Ok(_) => return Ok(BTreeSet::new()),
        Err(stuck) => stuck,
    };
    let Ok(problem) = SlotProblem::new(draft, slots) else { return Err(stuck) };
    // What does not fit in the end fits in no order.
    let held = problem.held_at_the_end();
    if problem.regions.iter().zip(held).any(|((_, slots), held)| held > slots.limit) {
        return Err(stuck);
    }
    let candidates = candidates(draft, &problem);
    let sets = SETS.min(SETS_IN_STEPS / draft.graph.len().max(1)).max(8);
    let mut chooser = Chooser { draft, slots, candidates, budget, sets };
    let found = chooser.greedy_choice(&stuck);
    let most = found.as_ref().map_or(chooser.candidates.len(), |found| found.len().saturating_sub(1));
    if most == 0 {
        return found.ok_or(stuck);
    }
    let short = chooser.short_regions(&problem);
    for size in short.len().max(1)..=most {
        let mut set = BTreeSet::new();
        if chooser.first_feasible_set(size, 0, &short, &mut set) {
            return Ok(set);
        }
    }
    found.ok_or(stuck)
}

impl Chooser<'_, '_> {
    fn fits(&mut self, delete_first: &BTreeSet<PlacementKey>) -> Result<(), Stuck> {
        self.sets = self.sets.saturating_sub(1);
        find_order(&self.draft.with_delete_first(delete_first), self.slots, &mut self.budget).map(|_| ())
    }

    /// Returns a set that fits, built one placement at a time in the regions in which the search is stuck.
    fn greedy_choice(&mut self, stuck: &Stuck) -> Option<BTreeSet<PlacementKey>> {
        let mut chosen = BTreeSet::new();
        let mut stuck = stuck.clone();
        loop {
            let here: Vec<PlacementKey> = self
                .candidates
                .iter()
                .filter(|at| stuck.regions.contains(&at.region) && !chosen.contains(*at))
                .take(TRIED_FOR_THE_BEST)
                .cloned()
                .collect();
            let mut best: Option<(Stuck, PlacementKey)> = None;
            for candidate in here {
                chosen.insert(candidate.clone());
                let result = self.fits(&chosen);
                match result {
                    Ok(()) => return Some(self.pruned(chosen)),
                    // The region has what it needs: on to the next.
                    Err(now) if now.done > stuck.done && !now.regions.contains(&candidate.region) => {
                        chosen.remove(&candidate);
                        best = Some((now, candidate));
                        break;
                    }
                    Err(now) => {
                        chosen.remove(&candidate);
                        if now.done > best.as_ref().map_or(stuck.done, |(best, _)| best.done) {
                            best = Some((now, candidate));
                        }
                    }
                }
            }
            let (now, candidate) = best?;
            stuck = now;
            chosen.insert(candidate);
        }
    }

    /// Removes the placements that are not needed.
    fn pruned(&mut self, mut chosen: BTreeSet<PlacementKey>) -> BTreeSet<PlacementKey> {
        if chosen.len() > 1 {
            for candidate in self.candidates.clone() {
                if self.sets > 0 && chosen.remove(&candidate) && self.fits(&chosen).is_err() {
                    chosen.insert(candidate);
                }
            }
        }
        chosen
    }

    /// Returns the regions that are stuck even if all others have capacity: each needs an delete_first placement of its own.
    fn short_regions(&mut self, problem: &SlotProblem<'_>) -> BTreeSet<Region> {
        let alone = |(region, slots): &(Region, Slots)| BTreeMap::from([(region.clone(), *slots)]);
        let is_short = |region: &&(Region, Slots)| {
            let mut budget = Budget(STEPS / 16);
            find_order(self.draft, &alone(region), &mut budget).is_err()
        };
        problem.regions.iter().filter(is_short).map(|(region, _)| region.clone()).collect()
    }

    /// Finds the first set of this size, in the order of the candidates, that fits.
    fn first_feasible_set(
        &mut self,
        size: usize,
        from: usize,
        short: &BTreeSet<Region>,
        set: &mut BTreeSet<PlacementKey>,
    ) -> bool {
        let is_helped = |region: &Region| set.iter().any(|at| at.region == *region);
        let open = short.iter().filter(|region| !is_helped(region)).count();
        let left = size.saturating_sub(set.len());
        if self.sets == 0 || open > left {
            return false;
        }
        if left == 0 {
            return self.fits(set).is_ok();
        }
        for position in from..self.candidates.len() {
            let Some(candidate) = self.candidates.get(position).cloned() else { break };
            set.insert(candidate.clone());
            if self.first_feasible_set(size, position.saturating_add(1), short, set) {
                return true;
            }
            set.remove(&candidate);
            // Enumerating costs time too, even if no set is tried.
            if self.sets == 0 {
                return false;
            }
        }
        false
    }
}

/// Returns the retiring placements that may be deleted before their successor, by region: first those whose entry has
/// another image there meanwhile, then the fewest affected accounts.
fn candidates(draft: &Draft<'_>, problem: &SlotProblem<'_>) -> Vec<PlacementKey> {
    // An account may lose access for a while only if the level of the rule against it is lowered.
    let gaps_are_refused = !matches!(draft.desired.levels.get("share_gap"), Some(Level::Warn | Level::Allow));
    let mut candidates: Vec<(&Region, bool, usize, &PlacementKey)> = draft
        .placements
        .iter()
        .filter(|(at, lowered)| {
            let image = draft.desired.images.get(&at.image);
            let is_auto = image.is_some_and(|image| image.replace == ReplaceOrder::Auto && !image.protect);
            let is_protected = draft.prior.images.get(&at.image).is_some_and(|image| image.protect);
            is_auto
                && !is_protected
                && problem.regions.iter().any(|(region, _)| *region == at.region)
                && lowered.steps.delete.is_some()
                && lowered.steps.make.is_none()
                && draft.successor_of(at).is_some_and(|successor| successor.steps.make.is_some())
                && (!gaps_are_refused || draft.would_lack(at).is_empty())
        })
        .map(|(at, lowered)| {
            let is_spare = draft.is_spare(at, &BTreeSet::new());
            (&at.region, !is_spare, lowered.change.unshare().len(), *at)
        })
        .collect();
    candidates.sort();
    candidates.into_iter().map(|(_, _, _, at)| at.clone()).collect()
}

/// The slots that are missing where nothing fits: what has to be free, region by region, for the play to end.
pub(crate) fn missing(draft: &Draft<'_>, slots: &BTreeMap<Region, Slots>) -> BTreeMap<Region, usize> {
    let mut missing: BTreeMap<Region, usize> = BTreeMap::new();
    let Ok(problem) = SlotProblem::new(draft, slots) else { return missing };
    let mut roomier = slots.clone();
    let mut add = |region: &Region, slots: &mut BTreeMap<Region, Slots>, more: usize| {
        if let Some(slots) = slots.get_mut(region).filter(|_| more > 0) {
            slots.limit = slots.limit.saturating_add(more);
            *missing.entry(region.clone()).or_default() += more;
        }
    };
    // What does not fit in the end is missing in any case.
    for ((region, slots), held) in problem.regions.iter().zip(problem.held_at_the_end()) {
        add(region, &mut roomier, held.saturating_sub(slots.limit));
    }
    // Then one slot at a time, in the first region that is stuck. This ends: a region with capacity for everything is
    // no longer part of the problem.
    let mut budget = Budget(STEPS);
    while let Err(stuck) = find_order(draft, &roomier, &mut budget) {
        let Some(region) = stuck.regions.first() else { break };
        add(region, &mut roomier, 1);
    }
    missing
}

//! Finds the fewest changes that must be left out if no order of the steps fits.
//!
//! Testing a set of entries means planning without it, which is expensive. Counting what every region would hold in the
//! end is cheap and rejects most sets, so that is tested first. Past a budget of sets, the result is one of which no
//! entry can be put back, and it is not proved to be the smallest.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::draft::Draft;
use super::schedule::schedule;
use super::slots::{self, Slots};
use crate::diff::select::keep_only;
use crate::diff::{Diff, ImageChange, PlacementChange};
use crate::manifest::Desired;
use crate::model::{ImageKey, Limit, PlacementKey, Region};
use crate::state::Recorded;

/// Largest number of sets of entries that are tried.
const TRIED_SETS: usize = 400;
/// The same, in changes: trying a set plans the rest.
const TRIED_CHANGES: usize = 20_000;

/// Reasons why no order of a plan fits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Blocked {
    /// The fewest changed entries that, left as recorded, let all others be applied.
    pub leave_out: Vec<ImageKey>,
    /// The slots that are missing, by region.
    pub missing: BTreeMap<Region, usize>,
}

/// The fewest changed entries that, left as recorded, let all others be applied, and the missing slots.
pub(super) fn blocked(
    desired: &Desired,
    prior: &Recorded,
    diff: &Diff,
    slots: &BTreeMap<Region, Slots>,
    share_limit: &Limit,
) -> Blocked {
    let most_shares = usize::try_from(share_limit.value).unwrap_or(usize::MAX);
    let missing = {
        let draft = Draft::ordered(desired, prior, diff, most_shares, &BTreeSet::new());
        slots::missing(&draft, slots)
    };
    let makes = |image: &&ImageChange| image.placements.iter().any(PlacementChange::makes_image);
    let mut candidates: Vec<(usize, &ImageKey)> = diff
        .images
        .iter()
        .filter(makes)
        .map(|image| {
            let accounts =
                image.placements.iter().map(|change| change.share().joined(&change.unshare()).len());
            (accounts.sum(), &image.image)
        })
        .collect();
    candidates.sort();
    let candidates: Vec<&ImageKey> = candidates.into_iter().map(|(_, key)| key).collect();
    let counts = FinalCounts::of(diff, slots);
    let are_decisive = counts.are_decisive();
    let fits = |left_out: &BTreeSet<&ImageKey>| {
        if !counts.fit_without(left_out) || are_decisive {
            return counts.fit_without(left_out);
        }
        let kept: BTreeSet<PlacementKey> = diff
            .images
            .iter()
            .filter(|image| !left_out.contains(&image.image))
            .flat_map(|image| image.placements.iter().map(|change| change.at.clone()))
            .collect();
        let mut rest = diff.clone();
        keep_only(&mut rest, &kept);
        matches!(schedule(desired, prior, &rest, slots, share_limit), Ok((_, false)))
    };
    let changes = diff.images.iter().map(|image| image.placements.len()).sum::<usize>();
    let mut tries = TRIED_SETS.min(TRIED_CHANGES / changes.max(1)).max(8);
    let mut leave_out = Vec::new();
    for size in 1..=candidates.len() {
        let mut set = BTreeSet::new();
        if first_feasible_set(&candidates, size, &mut set, &fits, &mut tries) {
            leave_out = set.into_iter().cloned().collect();
            break;
        }
        if tries == 0 {
            leave_out = match are_decisive {
                true => counts.greedy_exclusion(&candidates).into_iter().cloned().collect(),
                false => exclusion_by_halving(&candidates, &fits),
            };
            break;
        }
    }
    Blocked { leave_out, missing }
}

/// What a region gains and loses in the count.
#[derive(Debug, Clone, Copy, Default)]
struct Change {
    made: usize,
    deleted: usize,
}

/// What the regions would hold when all is done, by what each entry adds to it.
pub(super) struct FinalCounts<'a> {
    slots: &'a BTreeMap<Region, Slots>,
    total: BTreeMap<&'a Region, Change>,
    of: BTreeMap<&'a ImageKey, BTreeMap<&'a Region, Change>>,
}

impl<'a> FinalCounts<'a> {
    pub(super) fn of(diff: &'a Diff, slots: &'a BTreeMap<Region, Slots>) -> Self {
        let mut counts = FinalCounts { slots, total: BTreeMap::new(), of: BTreeMap::new() };
        for image in &diff.images {
            let own = counts.of.entry(&image.image).or_default();
            for change in &image.placements {
                let made = usize::from(change.makes_image());
                let deleted = usize::from(change.deletes_image() || change.remakes_image());
                for count in [own.entry(&change.at.region), counts.total.entry(&change.at.region)] {
                    let count = count.or_default();
                    count.made = count.made.saturating_add(made);
                    count.deleted = count.deleted.saturating_add(deleted);
                }
            }
        }
        counts
    }

    /// Returns the regions that would hold more than their limit if all were made before anything is deleted.
    pub(super) fn regions_short_of_slots(&self) -> impl Iterator<Item = &'a Region> {
        self.total.iter().filter_map(|(region, count)| {
            let slots = self.slots.get(*region).filter(|_| count.made > 0)?;
            (slots.used.saturating_add(count.made) > slots.limit).then_some(*region)
        })
    }

    /// Returns the number of images above the limit that a region would hold in the end.
    pub(super) fn excess(&self, region: &Region) -> usize {
        let (Some(slots), Some(count)) = (self.slots.get(region), self.total.get(region)) else { return 0 };
        let held = slots.used.saturating_add(count.made).saturating_sub(count.deleted);
        if count.made > 0 { held.saturating_sub(slots.limit) } else { 0 }
    }

    /// Whether the counts are_decisive: where nothing  is deleted, a region never holds more than in the count, whatever the
    /// order. Then no plan has to be made to find out.
    fn are_decisive(&self) -> bool {
        self.total.values().all(|count| count.deleted == 0)
    }

    /// Entries, the last candidates if possible, without which every region fits in the count, and none of which can be
    /// put back. Only where the counts are_decisive. In two passes over the candidates.
    fn greedy_exclusion<'k>(&self, candidates: &[&'k ImageKey]) -> BTreeSet<&'k ImageKey> {
        // By region: what would be held in the count, and the limit.
        let mut held: BTreeMap<&Region, (usize, usize)> = BTreeMap::new();
        for (region, count) in &self.total {
            if let Some(slots) = self.slots.get(*region).filter(|_| count.made > 0) {
                held.insert(region, (slots.used.saturating_add(count.made), slots.limit));
            }
        }
        let nothing = BTreeMap::new();
        let own = |key: &ImageKey| self.of.get(key).unwrap_or(&nothing);
        let mut left_out = BTreeSet::new();
        for key in candidates.iter().rev() {
            let is_over = |region: &Region| held.get(region).is_some_and(|(held, limit)| held > limit);
            if own(key).iter().any(|(region, own)| own.made > 0 && is_over(region)) {
                left_out.insert(*key);
                for (region, own) in own(key) {
                    if let Some((held, _)) = held.get_mut(region) {
                        *held = held.saturating_sub(own.made);
                    }
                }
            }
        }
        // Where entries are in several regions, another one may have made the room that one was left out for.
        for key in candidates {
            let has_room = |(region, own): (&&Region, &Change)| {
                held.get(*region).is_none_or(|(held, limit)| held.saturating_add(own.made) <= *limit)
            };
            if left_out.contains(key) && own(key).iter().all(has_room) {
                left_out.remove(key);
                for (region, own) in own(key) {
                    if let Some((held, _)) = held.get_mut(region) {
                        *held = held.saturating_add(own.made);
                    }
                }
            }
        }
        left_out
    }

    /// Whether no region in which images are made would hold more than its limit without these entries' changes.
    fn fit_without(&self, left_out: &BTreeSet<&ImageKey>) -> bool {
        let mut rest = self.total.clone();
        for (region, own) in left_out.iter().filter_map(|key| self.of.get(*key)).flatten() {
            if let Some(count) = rest.get_mut(region) {
                count.made = count.made.saturating_sub(own.made);
                count.deleted = count.deleted.saturating_sub(own.deleted);
            }
        }
        rest.into_iter().all(|(region, Change { made, deleted })| {
            let count = |slots: &Slots| slots.used.saturating_add(made).saturating_sub(deleted);
            made == 0 || self.slots.get(region).is_none_or(|slots| count(slots) <= slots.limit)
        })
    }
}

/// The first set of this size, in the order of the candidates, without which the rest fits.
fn first_feasible_set<'k>(
    candidates: &[&'k ImageKey],
    size: usize,
    set: &mut BTreeSet<&'k ImageKey>,
    fits: &impl Fn(&BTreeSet<&ImageKey>) -> bool,
    tries: &mut usize,
) -> bool {
    if size == 0 {
        *tries = tries.saturating_sub(1);
        return fits(set);
    }
    for (position, key) in candidates.iter().enumerate() {
        if *tries == 0 {
            return false;
        }
        set.insert(key);
        let rest = candidates.get(position.saturating_add(1)..).unwrap_or_default();
        if first_feasible_set(rest, size.saturating_sub(1), set, fits, tries) {
            return true;
        }
        set.remove(key);
    }
    false
}

/// Where there are too many sets to try: as many of the last entries as it takes, found by halving, and of those
/// each is put back as far as the rest still fits.
fn exclusion_by_halving(
    candidates: &[&ImageKey],
    fits: &impl Fn(&BTreeSet<&ImageKey>) -> bool,
) -> Vec<ImageKey> {
    let last =
        |number: usize| -> BTreeSet<&ImageKey> { candidates.iter().rev().take(number).copied().collect() };
    let (mut too_few, mut number) = (0, candidates.len());
    while number.saturating_sub(too_few) > 1 {
        let middle = too_few.midpoint(number);
        if fits(&last(middle)) {
            number = middle;
        } else {
            too_few = middle;
        }
    }
    let mut left_out = last(number);
    for key in candidates {
        if left_out.remove(key) && !fits(&left_out) {
            left_out.insert(key);
        }
    }
    left_out.into_iter().cloned().collect()
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[test]
    fn just_enough_of_many_entries_are_left_out_and_few_sets_are_tried() {
        let keys: Vec<ImageKey> = (0..1_000).map(|n| format!("k{n:03}").parse().unwrap()).collect();
        let candidates: Vec<&ImageKey> = keys.iter().collect();
        let tried = Cell::new(0);
        let needed = [&keys[7], &keys[990]];
        let fits = |set: &BTreeSet<&ImageKey>| {
            tried.set(tried.get() + 1);
            set.len() >= 30 && needed.iter().all(|key| set.contains(key))
        };
        let left_out = exclusion_by_halving(&candidates, &fits);
        assert_eq!(left_out.len(), 30);
        assert!(needed.iter().all(|key| left_out.contains(key)));
        assert!(tried.get() < 1_020, "halving, and once for each that may be put back: {}", tried.get());
    }

    #[test]
    fn where_nothing_is_deleted_the_ends_leave_out_just_enough_in_every_region() {
        let region = |code: &str| code.parse::<Region>().unwrap();
        let keys: Vec<ImageKey> = (0..10).map(|n| format!("k{n}").parse().unwrap()).collect();
        let slots = BTreeMap::from([
            (region("ap-tokyo"), Slots { limit: 4, used: 1 }),
            (region("ap-seoul"), Slots { limit: 100, used: 0 }),
        ]);
        let made = Change { made: 1, deleted: 0 };
        let (tokyo, seoul) = (region("ap-tokyo"), region("ap-seoul"));
        let mut counts = FinalCounts { slots: &slots, total: BTreeMap::new(), of: BTreeMap::new() };
        // The even ones are in both regions.
        for (number, key) in keys.iter().enumerate() {
            let own = counts.of.entry(key).or_default();
            for region in [&tokyo, &seoul].into_iter().skip(number % 2) {
                own.insert(region, made);
                counts.total.entry(region).or_default().made += 1;
            }
        }
        assert!(counts.are_decisive());
        let candidates: Vec<&ImageKey> = keys.iter().collect();
        let left_out = counts.greedy_exclusion(&candidates);
        let names: Vec<&str> = left_out.iter().map(|key| key.as_str()).collect();
        assert_eq!(names, ["k6", "k8"], "five in Tokyo, one is there already, and four have room");
        assert!(counts.fit_without(&left_out));
        for key in &left_out {
            let fewer: BTreeSet<&ImageKey> = left_out.iter().copied().filter(|other| other != key).collect();
            assert!(!counts.fit_without(&fewer), "{key} can be put back");
        }
    }
}

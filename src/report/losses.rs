//! Losses of a plan: images that are deleted without a successor, and accounts that lose an image.

use std::collections::{BTreeMap, BTreeSet};

use crate::diff::{ImageChange, PlacementChange, Work};
use crate::model::{Accounts, GenerationNumber, ImageKey, PlacementKey, Region};
use crate::plan::Plan;
use crate::report::{AccountNames, count};
use crate::state::Recorded;

/// Loss of an entry in one region.
pub(super) struct Loss {
    /// The entry and the region: `image.web@ap-tokyo`.
    pub(super) at: String,
    /// Accounts that lose the image.
    pub(super) accounts: Accounts,
    /// The image is deleted and has no successor.
    pub(super) is_deleted: bool,
}

impl Loss {
    /// Returns the loss as a sentence. `code` marks text of a user.
    pub(super) fn sentence(&self, names: &AccountNames, code: &dyn Fn(&str) -> String) -> String {
        let at = code(&self.at);
        let whom = || {
            let list = names.list(&self.accounts);
            let (number, named) = list.split_once(": ").unwrap_or((&list, ""));
            format!("{number} ({})", code(named))
        };
        match (self.is_deleted, self.accounts.is_empty()) {
            (true, true) => format!("{at} is deleted; it is shared with nobody"),
            (true, false) => format!("{at} is deleted, and lost by {}", whom()),
            (false, true) => format!("{at} is missing until its successor is ready"),
            (false, false) => format!("{at} is lost by {}", whom()),
        }
    }
}

/// The accounts that each region's current generation is shared with after the plan.
fn after(change: &ImageChange, prior: &Recorded) -> BTreeMap<Region, Accounts> {
    let mut after = BTreeMap::new();
    let Some(generation) = change.generation else { return after };
    let recorded = prior.images.get(&change.image).and_then(|image| image.generations.get(&generation));
    if let Some(recorded) = recorded {
        for (region, placement) in &recorded.placements {
            after.insert(region.clone(), placement.everyone());
        }
    }
    for placement in change.placements.iter().filter(|placement| placement.at.generation == generation) {
        match (&placement.work, placement.after()) {
            (Work::Delete { .. }, _) => {
                after.remove(&placement.at.region);
            }
            (_, Some(facts)) => {
                after.insert(placement.at.region.clone(), facts.everyone());
            }
            (_, None) => {}
        }
    }
    after
}

fn loss(
    image: &ImageChange,
    prior: &Recorded,
    change: &PlacementChange,
    after: &BTreeMap<Region, Accounts>,
) -> Option<Loss> {
    let PlacementKey { image: key, region, .. } = &change.at;
    let deleted = change.deletes_image();
    let had = change.unshare();
    let successor = after.get(region);
    let accounts = match successor {
        Some(kept) => had.without(kept),
        None => had,
    };
    let is_deleted = deleted && successor.is_none();
    let is_gap = change.is_deleted_first() && !image.leaves_image(prior, &change.at);
    (is_deleted || is_gap || !accounts.is_empty()).then(|| Loss {
        at: format!("image.{key}@{region}"),
        accounts,
        is_deleted,
    })
}

/// Returns who sees a NORMAL image of an entry before a plan and afterwards, by region. An image that is no longer managed
/// is still there, so it counts neither way.
pub(super) fn access(change: &ImageChange, prior: &Recorded) -> BTreeMap<Region, (Accounts, Accounts)> {
    let planned: BTreeMap<&PlacementKey, &PlacementChange> =
        change.placements.iter().map(|placement| (&placement.at, placement)).collect();
    let mut access: BTreeMap<Region, (Accounts, Accounts)> = BTreeMap::new();
    let generations = prior.images.get(&change.image).into_iter().flat_map(|image| &image.generations);
    for (generation, build) in generations {
        for (region, placement) in &build.placements {
            let at =
                PlacementKey { image: change.image.clone(), generation: *generation, region: region.clone() };
            let (before, after) = access.entry(region.clone()).or_default();
            let everyone = placement.everyone();
            if placement.is_normal() {
                *before = before.joined(&everyone);
            }
            if !planned.contains_key(&at) {
                *after = after.joined(&everyone);
            }
        }
    }
    for placement in &change.placements {
        let Some(facts) = placement.after() else { continue };
        let (_, after) = access.entry(placement.at.region.clone()).or_default();
        *after = after.joined(&facts.everyone());
    }
    access
}

/// Returns all losses, the gravest first: deleted images, then by the number of accounts.
pub(super) fn losses(plan: &Plan, prior: &Recorded) -> Vec<Loss> {
    let mut losses: Vec<Loss> = Vec::new();
    for change in &plan.changes {
        let after = after(change, prior);
        losses
            .extend(change.placements.iter().filter_map(|placement| loss(change, prior, placement, &after)));
    }
    // The sort is stable: equal losses keep the order of the plan.
    losses.sort_by_key(|loss| std::cmp::Reverse((loss.is_deleted, loss.accounts.len())));
    losses
}

/// Returns the entries of which the plan deletes the last earlier generation that one could go back to.
pub(super) fn without_return<'p>(plan: &'p Plan, prior: &Recorded) -> Vec<&'p ImageKey> {
    let has_none_left = |change: &&ImageChange| {
        let Some(recorded) = prior.images.get(&change.image) else { return false };
        let deleted: BTreeSet<&PlacementKey> = change
            .placements
            .iter()
            .filter(|placement| placement.deletes_image())
            .map(|placement| &placement.at)
            .collect();
        let mut earlier = recorded
            .generations
            .iter()
            .filter(|(generation, build)| Some(**generation) != change.generation && build.is_usable())
            .peekable();
        let is_deleted = |generation: GenerationNumber, region: &Region| {
            let at = PlacementKey { image: change.image.clone(), generation, region: region.clone() };
            deleted.contains(&at)
        };
        earlier.peek().is_some()
            && earlier.all(|(generation, build)| {
                build.placements.keys().all(|region| is_deleted(*generation, region))
            })
    };
    let lasting = plan.changes.iter().filter(|change| change.generation.is_some());
    lasting.filter(has_none_left).map(|change| &change.image).collect()
}

/// Returns one line of totals. `None` if nothing is lost.
pub(super) fn total(losses: &[Loss]) -> Option<String> {
    if losses.is_empty() {
        return None;
    }
    let images = losses.iter().filter(|loss| loss.is_deleted).count();
    let accounts: usize = losses.iter().map(|loss| loss.accounts.len()).sum();
    let mut parts = Vec::new();
    if images > 0 {
        parts
            .push(format!("{} without a successor", count(images, "image is deleted", "images are deleted")));
    }
    if accounts > 0 {
        parts.push(count(accounts, "share is lost", "shares are lost"));
    }
    Some(parts.join(", ")).filter(|text| !text.is_empty())
}

//! Who loses what by a plan: images that go without a successor, and accounts that lose an image.

use std::collections::BTreeMap;

use super::escape::code;
use crate::diff::{Action, ImageChange, PlacementChange};
use crate::model::{Accounts, PlacementKey, Region};
use crate::plan::Plan;
use crate::report::{AccountNames, count};
use crate::state::Recorded;

/// What is lost at one placement.
pub(super) struct Loss {
    /// How grave it is, for the order: how many lose it, and whether the image itself goes.
    pub(super) weight: (bool, usize),
    /// In words, as Markdown.
    pub(super) text: String,
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
        match (&placement.after, placement.action) {
            (_, Action::Delete | Action::Forget) => {
                after.remove(&placement.at.region);
            }
            (Some(facts), _) => {
                after.insert(placement.at.region.clone(), facts.shares.joined(&facts.foreign));
            }
            (None, _) => {}
        }
    }
    after
}

fn loss(change: &PlacementChange, after: &BTreeMap<Region, Accounts>, names: &AccountNames) -> Option<Loss> {
    let PlacementKey { image, region, .. } = &change.at;
    let goes = change.action == Action::Delete;
    let had = match (&change.before, goes) {
        (Some(before), true) => before.shares.joined(&before.foreign),
        _ => change.unshare.clone(),
    };
    let successor = after.get(region);
    let lost = match successor {
        Some(kept) => had.without(kept),
        None => had,
    };
    let at = code(&format!("image.{image}@{region}"));
    let whom = |accounts: &Accounts| {
        let list = names.list(accounts);
        let (number, named) = list.split_once(": ").unwrap_or((&list, ""));
        format!("{number} ({})", code(named))
    };
    let is_gap = goes && change.early;
    let text = match (goes && successor.is_none(), is_gap, lost.is_empty()) {
        (true, _, true) => format!("{at} is deleted; it is shared with nobody"),
        (true, _, false) => format!("{at} is deleted, and lost by {}", whom(&lost)),
        (false, true, true) => format!("{at} is missing until its successor is there"),
        (false, _, false) => format!("{at} is lost by {}", whom(&lost)),
        (false, false, true) => return None,
    };
    Some(Loss { weight: (goes && successor.is_none(), lost.len()), text })
}

/// Every loss, the gravest first.
pub(super) fn losses(plan: &Plan, prior: &Recorded, names: &AccountNames) -> Vec<Loss> {
    let mut losses: Vec<Loss> = Vec::new();
    for change in &plan.changes {
        let after = after(change, prior);
        losses.extend(change.placements.iter().filter_map(|placement| loss(placement, &after, names)));
    }
    // A stable sort: those of one weight stay in the order of the plan.
    losses.sort_by_key(|loss| std::cmp::Reverse(loss.weight));
    losses
}

/// One line of numbers; nothing where nothing is lost.
pub(super) fn total(losses: &[Loss]) -> Option<String> {
    if losses.is_empty() {
        return None;
    }
    let images = losses.iter().filter(|loss| loss.weight.0).count();
    let accounts: usize = losses.iter().map(|loss| loss.weight.1).sum();
    let mut parts = Vec::new();
    if images > 0 {
        parts.push(format!("{} without a successor", count(images, "image goes", "images go")));
    }
    if accounts > 0 {
        parts.push(count(accounts, "share is lost", "shares are lost"));
    }
    Some(parts.join(", ")).filter(|text| !text.is_empty())
}

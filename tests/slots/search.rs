//! Tries everything: every set of placements that may go early, every set of entries that may be left out, every
//! order of the steps. Knows nothing of how slots are handed out.

use std::collections::{BTreeMap, BTreeSet};

use goldform::diff::select::keep_only;
use goldform::diff::{Diff, ImageChange, PlacementChange};
use goldform::model::{
    AccountId, ImageKey, ImageState, Level, Operation, PlacementKey, Region, ReplaceOrder,
};
use goldform::plan::StepGraph;
use goldform::plan::build::draft::Draft;
use goldform::plan::capacity::image_limit;

use crate::slots::world::Case;

/// More steps than this are not searched.
pub const MOST: usize = 18;

/// What searching finds.
#[derive(Debug, PartialEq, Eq)]
pub enum Found {
    /// It fits, and this many placements go early; one set of them.
    Fits(BTreeSet<PlacementKey>),
    /// No order fits, whatever is deleted early.
    Not,
    /// Too many steps.
    TooLarge,
}

fn share_limit(case: &Case) -> usize {
    case.desired.limits.accounts_per_image.unwrap() as usize
}

/// The fewest placements that have to go before their successors.
pub fn fewest_early(case: &Case, diff: &Diff) -> Found {
    let draft = Draft::ordered(&case.desired, &case.prior, diff, share_limit(case), &BTreeSet::new());
    if draft.graph.len() > MOST {
        return Found::TooLarge;
    }
    let candidates = may_go_early(case, diff);
    for size in 0..=candidates.len() {
        for set in subsets(&candidates, size) {
            let set: BTreeSet<PlacementKey> = set.into_iter().cloned().collect();
            if some_order_fits(case, &draft.with_delete_first(&set).graph) {
                return Found::Fits(set);
            }
        }
    }
    Found::Not
}

/// Returns the fewest entries that, left as recorded, let the others be applied. `None` if no subset does.
pub fn fewest_left_out(case: &Case, diff: &Diff) -> Option<Vec<ImageKey>> {
    let entries: Vec<&ImageKey> =
        diff.images.iter().filter(|image| !image.placements.is_empty()).map(|image| &image.image).collect();
    for size in 1..=entries.len() {
        for set in subsets(&entries, size) {
            if fits_without(case, diff, &set.iter().map(|key| (**key).clone()).collect()) {
                return Some(set.into_iter().map(|key| (*key).clone()).collect());
            }
        }
    }
    None
}

pub fn fits_without(case: &Case, diff: &Diff, left_out: &BTreeSet<ImageKey>) -> bool {
    let kept: BTreeSet<PlacementKey> = diff
        .images
        .iter()
        .filter(|image| !left_out.contains(&image.image))
        .flat_map(|image| image.placements.iter().map(|change| change.at.clone()))
        .collect();
    let mut rest = diff.clone();
    keep_only(&mut rest, &kept);
    matches!(fewest_early(case, &rest), Found::Fits(_))
}

/// Retiring placements whose successor is made in the same region, of entries that allow it.
fn may_go_early(case: &Case, diff: &Diff) -> Vec<PlacementKey> {
    let gaps_are_refused = case.desired.levels.get("share_gap") == Some(&Level::Deny);
    let mut found = Vec::new();
    for image in &diff.images {
        let Some(entry) = case.desired.images.get(&image.image) else { continue };
        let protected =
            entry.protect || case.prior.images.get(&image.image).is_some_and(|image| image.protect);
        if entry.replace != ReplaceOrder::Auto || protected {
            continue;
        }
        for change in image.placements.iter().filter(|change| change.deletes_image()) {
            let successor = image.placements.iter().find(|other| {
                Some(other.at.generation) == image.generation
                    && other.at.region == change.at.region
                    && other.makes_image()
                    && other.at != change.at
            });
            if successor
                .is_some_and(|successor| !gaps_are_refused || !leaves_a_gap(case, image, change, successor))
            {
                found.push(change.at.clone());
            }
        }
    }
    found
}

/// Whether an account that sees a retiring placement, and gets its successor, sees no other NORMAL one in between.
fn leaves_a_gap(
    case: &Case,
    image: &ImageChange,
    retiring: &PlacementChange,
    successor: &PlacementChange,
) -> bool {
    let seeing = case.prior.placement(&retiring.at).map(|old| old.everyone()).unwrap_or_default();
    let keeps_another = |account: AccountId| {
        case.prior.placements().any(|(at, other)| {
            let change = image.placements.iter().find(|change| change.at == at);
            at.image == retiring.at.image
                && at.region == retiring.at.region
                && at != retiring.at
                && other.seen
                && other.state == ImageState::Normal
                && other.everyone().contains(account)
                && change.is_none_or(|change| !change.unshare().contains(account))
        })
    };
    seeing.iter().any(|account| {
        (successor.share().contains(account) || successor.carried().contains(account))
            && !keeps_another(account)
    })
}

/// Whether there is an order in which no make finds its region full. One step after the other: whatever is done
/// at the same time can be done in turn.
pub fn some_order_fits(case: &Case, graph: &StepGraph) -> bool {
    let steps = graph.len();
    let mut before = vec![0u32; steps];
    for (earlier, later, _) in graph.edges() {
        before[later.index()] |= 1 << earlier.index();
    }
    let mut regions: BTreeMap<&Region, usize> = BTreeMap::new();
    let usage = case.prior.usage();
    let (mut used, mut limits) = (Vec::new(), Vec::new());
    let mut region_of = Vec::new();
    let (mut makes, mut deletes) = (0u32, 0u32);
    for (index, step) in graph.steps() {
        let region = &step.at().region;
        let number = *regions.entry(region).or_insert_with(|| {
            used.push(usage.get(region).map_or(0, |usage| usage.total()));
            limits.push(image_limit(&case.desired, &case.prior, region).value as usize);
            used.len() - 1
        });
        region_of.push(number);
        makes |= u32::from(step.operation.makes_image()) << index.index();
        deletes |= u32::from(matches!(step.operation, Operation::Delete { .. })) << index.index();
    }
    let in_region: Vec<u32> = (0..used.len())
        .map(|region| {
            (0..steps).filter(|step| region_of[*step] == region).fold(0, |set, step| set | 1 << step)
        })
        .collect();
    let all = ((1u64 << steps) - 1) as u32;
    let mut seen = vec![0u64; (1usize << steps) / 64 + 1];
    let mut stack = vec![0u32];
    while let Some(settled) = stack.pop() {
        if settled == all {
            return true;
        }
        if seen[settled as usize / 64] >> (settled % 64) & 1 == 1 {
            continue;
        }
        seen[settled as usize / 64] |= 1 << (settled % 64);
        // A step that takes nothing never makes anything worse: it runs first.
        let ready = (0..steps).filter(|step| settled >> step & 1 == 0 && before[*step] & !settled == 0);
        let (taking, harmless): (Vec<usize>, Vec<usize>) = ready.partition(|step| makes >> step & 1 == 1);
        if let Some(step) = harmless.first() {
            stack.push(settled | 1 << step);
            continue;
        }
        for step in taking {
            let region = region_of[step];
            let here = in_region[region] & settled;
            let usage =
                used[region] + (here & makes).count_ones() as usize - (here & deletes).count_ones() as usize;
            if usage < limits[region] {
                stack.push(settled | 1 << step);
            }
        }
    }
    false
}

pub fn subsets<T>(of: &[T], size: usize) -> Vec<Vec<&T>> {
    if size == 0 {
        return vec![Vec::new()];
    }
    let mut found = Vec::new();
    for (position, first) in of.iter().enumerate() {
        for mut rest in subsets(&of[position + 1..], size - 1) {
            rest.insert(0, first);
            found.push(rest);
        }
    }
    found
}

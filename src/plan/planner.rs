//! The planner: its passes, in order, and the plan they make.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::draft::Draft;
use super::graph::{Cycle, EdgeReason, StepGraph, StepIndex};
use super::room::{RegionRoom, image_limit, rooms, share_limit};
use super::slots::{self, Slots, choose_early, hand_out};
use super::step::Step;
use crate::diff::select::keep_only;
use crate::diff::{Action, Diff, ImageChange};
use crate::manifest::Desired;
use crate::model::{AccountId, Digest, ImageKey, Limit, PlacementKey, Region};
use crate::state::{Edit, Lineage, Recorded, Snapshot};

/// The state that a plan was made from; nothing before the first write.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Base {
    /// Which state.
    pub lineage: Lineage,
    /// Which snapshot of it.
    pub serial: u64,
}

/// What stands in the way of a plan for which there is no order that fits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Blocked {
    /// The fewest changed entries that, left as recorded, let all others be applied.
    pub leave_out: Vec<ImageKey>,
    /// The slots that are missing, by region.
    pub missing: BTreeMap<Region, usize>,
}

impl Base {
    fn of(snapshot: &Snapshot) -> Self {
        Self { lineage: snapshot.lineage.clone(), serial: snapshot.serial }
    }
}

/// What would be done, complete and immutable: the executor makes no choices.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Plan {
    /// The state it was made from.
    pub base: Option<Base>,
    /// The owner of the images.
    pub account: AccountId,
    /// What it would do, entry by entry.
    pub changes: Vec<ImageChange>,
    /// What it would change in the record alone.
    pub edits: Vec<Edit>,
    /// The steps and their order.
    #[serde(flatten)]
    pub graph: StepGraph,
    /// The room in each region that it touches or that is recorded.
    pub regions: BTreeMap<Region, RegionRoom>,
    /// The limit of accounts per image.
    pub share_limit: Limit,
    /// Where no order fits: what would have to stay as it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub blocked: Option<Blocked>,
    /// The digest of its effect: changes, edits, steps and edges; not lineage, serial, limits or time.
    pub digest: Digest,
}

impl Plan {
    /// The same steps on the present record: base, rooms, limits and digest anew. For a plan that was saved.
    ///
    /// # Errors
    /// When its steps wait for each other in a circle: the file was edited.
    pub fn rebased(
        mut self,
        desired: &Desired,
        prior: &Recorded,
        base: Option<&Snapshot>,
    ) -> Result<Self, PlanError> {
        self.graph.check()?;
        self.base = base.map(Base::of);
        self.regions = rooms(desired, prior, &self.graph);
        self.share_limit = share_limit(desired, prior);
        self.digest = digest(&self.changes, &self.edits, &self.graph)?;
        Ok(self)
    }

    /// The digest of what it would do, as it is: of a plan that was read, it may not be the one that it names.
    ///
    /// # Errors
    /// When the effect cannot be written as JSON: a defect of goldform.
    pub fn effect(&self) -> Result<Digest, PlanError> {
        digest(&self.changes, &self.edits, &self.graph)
    }

    /// Changes of the record that stand for themselves: a new entry's settings are part of its creation.
    pub fn edits_of_the_record(&self) -> impl Iterator<Item = &Edit> {
        self.edits.iter().filter(|edit| {
            let Edit::Settings { image, .. } = edit else { return true };
            !self.changes.iter().any(|change| change.image == *image && change.action == Action::Create)
        })
    }

    /// Whether it would change anything: the cloud, or the record.
    pub fn is_empty(&self) -> bool {
        self.graph.is_empty() && self.edits.is_empty()
    }
}

/// A plan that cannot be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// Steps wait for each other.
    #[error(transparent)]
    Cycle(#[from] Cycle),
    /// The effect cannot be written as JSON: a defect of goldform.
    #[error("the plan's digest cannot be made: {0}")]
    Digest(String),
}

/// Makes the plan that brings a diff about.
///
/// # Errors
/// When the steps cannot be ordered.
pub fn plan(
    desired: &Desired,
    prior: &Recorded,
    base: Option<&Snapshot>,
    mut diff: Diff,
) -> Result<Plan, PlanError> {
    let share_limit = share_limit(desired, prior);
    let slots = slots(desired, prior, &diff);
    // 1. Steps, names, orders, slots.
    let (graph, early, is_stuck) = {
        let (draft, is_stuck) = arrange(desired, prior, &diff, &slots, &share_limit)?;
        (draft.graph, draft.early, is_stuck)
    };
    // 2. Where nothing fits: what would have to stay as it is, and what is missing.
    let blocked = is_stuck.then(|| blocked(desired, prior, &diff, &slots, &share_limit));
    for change in diff.images.iter_mut().flat_map(|image| &mut image.placements) {
        change.early = early.contains(&change.at);
    }
    // 3. The room in each region, and the highest usage on the way.
    let regions = rooms(desired, prior, &graph);
    let Diff { images: changes, edits } = diff;
    let digest = digest(&changes, &edits, &graph)?;
    Ok(Plan {
        base: base.map(Base::of),
        account: desired.account,
        changes,
        edits,
        graph,
        regions,
        share_limit,
        blocked,
        digest,
    })
}

/// Steps, names, orders and slots; and whether the play of the slots is stuck whatever goes first.
fn arrange<'a>(
    desired: &'a Desired,
    prior: &'a Recorded,
    diff: &'a Diff,
    slots: &BTreeMap<Region, Slots>,
    share_limit: &Limit,
) -> Result<(Draft<'a>, bool), Cycle> {
    let most_shares = usize::try_from(share_limit.value).unwrap_or(usize::MAX);
    let mut draft = Draft::ordered(desired, prior, diff, most_shares, &BTreeSet::new());
    draft.graph.check()?;
    let is_stuck = match choose_early(&draft, slots) {
        Ok(early) => {
            if !early.is_empty() {
                draft = draft.with_early(&early);
                draft.graph.check()?;
            }
            hand_out(&mut draft, slots).is_err()
        }
        Err(_) => true,
    };
    draft.graph.reduce();
    Ok((draft, is_stuck))
}

/// How many sets of entries are tried for being left out.
const TRIED_SETS: usize = 400;
/// The same, in changes: trying a set plans all that is left.
const TRIED_CHANGES: usize = 20_000;

/// The fewest changed entries that, left as recorded, let all others be applied, and the missing slots.
fn blocked(
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
    let makes = |image: &&ImageChange| {
        image.placements.iter().any(|change| matches!(change.action, Action::Create | Action::Copy))
    };
    let mut candidates: Vec<(usize, &ImageKey)> = diff
        .images
        .iter()
        .filter(makes)
        .map(|image| {
            let accounts = image.placements.iter().map(|change| change.share.joined(&change.unshare).len());
            (accounts.sum(), &image.image)
        })
        .collect();
    candidates.sort();
    let candidates: Vec<&ImageKey> = candidates.into_iter().map(|(_, key)| key).collect();
    let fits = |left_out: &BTreeSet<&ImageKey>| {
        let kept: BTreeSet<PlacementKey> = diff
            .images
            .iter()
            .filter(|image| !left_out.contains(&image.image))
            .flat_map(|image| image.placements.iter().map(|change| change.at.clone()))
            .collect();
        let mut rest = diff.clone();
        keep_only(&mut rest, &kept);
        // Counting is cheap, and mostly enough to say no.
        fits_in_the_end(&rest, slots)
            && matches!(arrange(desired, prior, &rest, slots, share_limit), Ok((_, false)))
    };
    let changes = diff.images.iter().map(|image| image.placements.len()).sum::<usize>();
    let mut tries = TRIED_SETS.min(TRIED_CHANGES / changes.max(1)).max(8);
    let mut leave_out = Vec::new();
    for size in 1..=candidates.len() {
        let mut set = BTreeSet::new();
        if smallest(&candidates, size, &mut set, &fits, &mut tries) {
            leave_out = set.into_iter().cloned().collect();
            break;
        }
        if tries == 0 {
            leave_out = one_by_one(&candidates, &fits);
            break;
        }
    }
    Blocked { leave_out, missing }
}

/// Whether no region in which images are made holds more than its limit when all is done.
fn fits_in_the_end(diff: &Diff, slots: &BTreeMap<Region, Slots>) -> bool {
    let mut held: BTreeMap<&Region, (usize, usize)> = BTreeMap::new();
    for change in diff.images.iter().flat_map(|image| &image.placements) {
        let (made, deleted) = held.entry(&change.at.region).or_default();
        let is_made = matches!(change.action, Action::Create | Action::Copy);
        *made = made.saturating_add(usize::from(is_made));
        *deleted = deleted.saturating_add(usize::from(change.action == Action::Delete || change.remake));
    }
    held.into_iter().all(|(region, (made, deleted))| {
        let end = |slots: &Slots| slots.used.saturating_add(made).saturating_sub(deleted);
        made == 0 || slots.get(region).is_none_or(|slots| end(slots) <= slots.limit)
    })
}

/// The first set of this size, in the order of the candidates, without which the rest fits.
fn smallest<'k>(
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
        if smallest(rest, size.saturating_sub(1), set, fits, tries) {
            return true;
        }
        set.remove(key);
    }
    false
}

/// Where there are too many sets to try: entries are left out one after the other until the rest fits, and then
/// put back as far as it still does.
fn one_by_one(candidates: &[&ImageKey], fits: &impl Fn(&BTreeSet<&ImageKey>) -> bool) -> Vec<ImageKey> {
    let mut left_out: BTreeSet<&ImageKey> = BTreeSet::new();
    for key in candidates.iter().rev() {
        left_out.insert(key);
        if fits(&left_out) {
            break;
        }
    }
    for key in candidates {
        if left_out.remove(key) && !fits(&left_out) {
            left_out.insert(key);
        }
    }
    left_out.into_iter().cloned().collect()
}

/// The slots of every region that a diff makes images in.
fn slots(desired: &Desired, prior: &Recorded, diff: &Diff) -> BTreeMap<Region, Slots> {
    let usage = prior.usage();
    let regions: BTreeSet<&Region> =
        diff.images.iter().flat_map(|image| &image.placements).map(|change| &change.at.region).collect();
    regions
        .into_iter()
        .map(|region| {
            let limit = usize::try_from(image_limit(desired, prior, region).value).unwrap_or(usize::MAX);
            let used = usage.get(region).map_or(0, |usage| usage.total());
            (region.clone(), Slots { limit, used })
        })
        .collect()
}

/// The steps count with what they wait for; in which order they are listed does not.
fn digest(changes: &[ImageChange], edits: &[Edit], graph: &StepGraph) -> Result<Digest, PlanError> {
    let mut steps: Vec<(StepIndex, &Step)> = graph.steps().collect();
    steps.sort_by_key(|(_, step)| &step.id);
    let mut ranks = vec![0usize; graph.len()];
    for (rank, (index, _)) in steps.iter().enumerate() {
        if let Some(slot) = ranks.get_mut(index.index()) {
            *slot = rank;
        }
    }
    let rank = |index: StepIndex| ranks.get(index.index()).copied().unwrap_or_default();
    let mut edges: Vec<(usize, usize, &EdgeReason)> =
        graph.edges().map(|(earlier, later, reason)| (rank(later), rank(earlier), reason)).collect();
    edges.sort();
    let steps: Vec<&Step> = steps.into_iter().map(|(_, step)| step).collect();
    Digest::of(&(changes, edits, steps, edges)).map_err(|error| PlanError::Digest(error.to_string()))
}

#[cfg(test)]
mod tests;

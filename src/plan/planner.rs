//! The planner: its passes, in order, and the plan they make.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::blocked::{Blocked, blocked};
use super::draft::Draft;
use super::effect::{Effect, queries};
use super::graph::{Cycle, StepGraph};
use super::place::PlanPlace;
use super::room::{RegionCapacity, image_limit, rooms, share_limit};
use super::slots::{Slots, choose_early, hand_out};
use crate::diff::{Action, Diff, ImageChange};
use crate::manifest::Desired;
use crate::model::{AccountId, Digest, ImageKey, Limit, PlacementKey, Region};
use crate::state::{Edit, Lineage, Recorded, Snapshot};

/// The state that a plan was made from; nothing before the first write.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Base {
    /// Which state.
    pub lineage: Lineage,
    /// Which snapshot of it.
    pub serial: u64,
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
    /// The service that the steps are sent to.
    pub place: PlanPlace,
    /// What it would do, entry by entry.
    pub changes: Vec<ImageChange>,
    /// What it would change in the record alone.
    pub edits: Vec<Edit>,
    /// Placements of current generations that are as desired and NORMAL when the plan is made: they serve.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ready: Vec<PlacementKey>,
    /// The steps and their order.
    #[serde(flatten)]
    pub graph: StepGraph,
    /// The digest of the query that the URL of each imported entry gets.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub queries: BTreeMap<ImageKey, Digest>,
    /// The room in each region that it touches or that is recorded.
    pub regions: BTreeMap<Region, RegionCapacity>,
    /// The limit of accounts per image.
    pub share_limit: Limit,
    /// Where no order fits: what would have to stay as it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub blocked: Option<Blocked>,
    /// Entries that it does not build because no image is known for their lookup: such a plan is not applied.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub waiting: BTreeSet<ImageKey>,
    /// The digest of its effect: what it would do and where, and not when it was made.
    pub digest: Digest,
}

impl Plan {
    /// The same steps on the present record, from which base, room, limits and digest are computed again. For a plan that
    /// was saved.
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
        // What another apply has superseded meanwhile does not serve again.
        self.ready.retain(|at| {
            let current = prior.images.get(&at.image).map(|image| image.current);
            current == Some(at.generation)
                && prior.placement(at).is_some_and(|placement| placement.is_normal())
        });
        self.regions = rooms(desired, prior, &self.graph);
        self.share_limit = share_limit(desired, prior);
        self.digest = self.effect()?;
        Ok(self)
    }

    /// The digest of what it would do, as it is: of a plan that was read, it may not be the one that it names.
    ///
    /// # Errors
    /// When the effect cannot be written as JSON: a defect of goldform.
    pub fn effect(&self) -> Result<Digest, PlanError> {
        let Self { account, place, changes, edits, queries, graph, .. } = self;
        Ok(Effect { account: *account, place, changes, edits, queries, graph }.digest()?)
    }

    /// Returns the changes of the state that no other change says: a new entry's settings are part of its creation.
    pub fn edits_of_the_record(&self) -> impl Iterator<Item = &Edit> {
        let is_new = |change: &&ImageChange| change.action == Action::Create;
        let new: BTreeSet<&ImageKey> =
            self.changes.iter().filter(is_new).map(|change| &change.image).collect();
        self.edits.iter().filter(move |edit| match edit {
            Edit::Settings { image, .. } => !new.contains(image),
            // The change of its entry says it.
            Edit::Return { .. } => false,
            _ => true,
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
    /// The plan cannot be written as JSON: a defect of goldform.
    #[error("the plan cannot be written as JSON: {0}")]
    Unwritable(String),
}

impl From<serde_json::Error> for PlanError {
    fn from(error: serde_json::Error) -> Self {
        Self::Unwritable(error.to_string())
    }
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
    let Diff { images: changes, edits, ready, waiting } = diff;
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

/// Steps, names, orders and slots; and whether the play of the slots is stuck whatever goes first.
pub(super) fn arrange<'a>(
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

/// The slots of every region that a diff makes images in. An image that may have been made already has its slot: where
/// its making goes on, it takes no second one.
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

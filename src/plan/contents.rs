//! The plan: complete and immutable.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::build::blocked::Blocked;
use super::capacity::{RegionCapacity, capacities, share_limit};
use super::effect::Effect;
use super::graph::{Cycle, StepGraph};
use super::place::PlanPlace;
use crate::diff::{Action, ImageChange};
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
    pub(super) fn of(snapshot: &Snapshot) -> Self {
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
        self.regions = capacities(desired, prior, &self.graph);
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

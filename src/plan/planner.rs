//! The planner: its passes, in order, and the plan they make.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::graph::{Cycle, StepGraph};
use super::lower::Draft;
use super::{names, ordering};
use crate::diff::{Action, Diff, ImageChange};
use crate::manifest::Desired;
use crate::model::limits::{DOCUMENTED_ACCOUNTS_PER_IMAGE, DOCUMENTED_IMAGES_PER_REGION};
use crate::model::{AccountId, Digest, Limit, Operation, Region};
use crate::state::{Edit, Lineage, Recorded, Snapshot, Usage};

/// The state that a plan was made from; nothing before the first write.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
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

/// The room for custom images in a region.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RegionRoom {
    /// Images that goldform manages, before the plan.
    pub managed: usize,
    /// Images that it does not manage, as recorded.
    pub unmanaged: usize,
    /// All of them after the plan.
    pub after: usize,
    /// The limit that counts.
    pub limit: Limit,
}

impl RegionRoom {
    /// All images before the plan.
    pub fn now(&self) -> usize {
        self.managed.saturating_add(self.unmanaged)
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
    diff: Diff,
) -> Result<Plan, PlanError> {
    // 1. Steps, by placement.
    let mut draft = Draft::lower(desired, prior, &diff);
    // 2. Every order that the service or a promise asks for, but that of names.
    for order in ordering::RULES {
        order(&mut draft);
    }
    // 3. Names change hands: waits for those who free a name, and interim names where a wait would close a circle.
    names::hand_over(&mut draft);
    let graph = draft.graph;
    graph.check()?;
    // 4. The room in each region.
    let regions = rooms(desired, prior, &graph);
    let Diff { images: changes, edits } = diff;
    let digest =
        Digest::of(&(&changes, &edits, &graph)).map_err(|error| PlanError::Digest(error.to_string()))?;
    Ok(Plan {
        base: base.map(Base::of),
        account: desired.account,
        changes,
        edits,
        graph,
        regions,
        share_limit: share_limit(desired, prior),
        digest,
    })
}

fn digest(changes: &[ImageChange], edits: &[Edit], graph: &StepGraph) -> Result<Digest, PlanError> {
    Digest::of(&(changes, edits, graph)).map_err(|error| PlanError::Digest(error.to_string()))
}

fn share_limit(desired: &Desired, prior: &Recorded) -> Limit {
    Limit::effective(
        desired.limits.accounts_per_image,
        prior.share_limit.as_ref(),
        DOCUMENTED_ACCOUNTS_PER_IMAGE,
    )
}

fn rooms(desired: &Desired, prior: &Recorded, graph: &StepGraph) -> BTreeMap<Region, RegionRoom> {
    let mut usage = prior.usage();
    let mut change: BTreeMap<&Region, i64> = BTreeMap::new();
    for (_, step) in graph.steps() {
        let region = &step.at().region;
        match &step.operation {
            operation if operation.makes_image() => *change.entry(region).or_default() += 1,
            Operation::Delete { .. } => *change.entry(region).or_default() -= 1,
            _ => {}
        }
    }
    for region in change.keys() {
        usage.entry((*region).clone()).or_insert_with(Usage::default);
    }
    usage
        .into_iter()
        .map(|(region, usage)| {
            let recorded = prior.regions.get(&region).and_then(|known| known.image_limit.as_ref());
            let limit =
                Limit::effective(desired.limits.images_in(&region), recorded, DOCUMENTED_IMAGES_PER_REGION);
            let delta = change.get(&region).copied().unwrap_or_default();
            let now = i64::try_from(usage.total()).unwrap_or(i64::MAX);
            let after = usize::try_from(now.saturating_add(delta)).unwrap_or_default();
            let room = RegionRoom { managed: usage.managed, unmanaged: usage.unmanaged, after, limit };
            (region, room)
        })
        .collect()
}

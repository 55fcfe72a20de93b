//! The questions that a rule may ask of a plan.

use std::collections::BTreeMap;

use compact_str::CompactString;

use super::graph::StepIndex;
use super::peak::peak_when_taking;
use super::planner::Plan;
use super::step::Step;
use crate::model::{Accounts, Operation, PlacementKey, Region};
use crate::state::Recorded;

/// A plan, the record it starts from, and what follows from the two. Computed without any knowledge of how the
/// planner chose the order.
pub struct PlanView<'a> {
    /// The plan.
    pub plan: &'a Plan,
    /// What is recorded before it.
    pub prior: &'a Recorded,
    steps: BTreeMap<&'a PlacementKey, Vec<StepIndex>>,
}

impl<'a> PlanView<'a> {
    /// Looks at a plan.
    pub fn new(plan: &'a Plan, prior: &'a Recorded) -> Self {
        let mut steps: BTreeMap<&PlacementKey, Vec<StepIndex>> = BTreeMap::new();
        for (index, step) in plan.graph.steps() {
            steps.entry(step.at()).or_default().push(index);
        }
        Self { plan, prior, steps }
    }

    /// The steps at a placement.
    pub fn steps_at(&self, at: &PlacementKey) -> impl Iterator<Item = (StepIndex, &'a Step)> {
        let indexes = self.steps.get(at).map(Vec::as_slice).unwrap_or_default();
        indexes.iter().filter_map(|index| Some((*index, self.plan.graph.step(*index)?)))
    }

    /// Every step that deletes an image.
    pub fn deletes(&self) -> impl Iterator<Item = (StepIndex, &'a Step)> {
        self.plan.graph.steps().filter(|(_, step)| matches!(step.operation, Operation::Delete { .. }))
    }

    /// Whether `later` waits for `earlier`, directly or through others. An order holds only by an edge, never
    /// by luck of sorting.
    pub fn must_precede(&self, earlier: StepIndex, later: StepIndex) -> bool {
        self.plan.graph.must_precede(earlier, later)
    }

    /// The most custom images that a region holds at any moment, in any order of the steps, and the most right
    /// after an image is begun: only the second is the plan's doing where a limit fell below what is used.
    pub fn image_peak(&self, region: &Region) -> Peak {
        let (mut takers, mut givers) = (Vec::new(), Vec::new());
        for (index, step) in self.plan.graph.steps().filter(|(_, step)| step.at().region == *region) {
            match &step.operation {
                operation if operation.makes_image() => takers.push((index, 1)),
                Operation::Delete { .. } => givers.push((index, 1)),
                _ => {}
            }
        }
        let used = self.prior.placements().filter(|(at, _)| at.region == *region).count();
        let unmanaged = self.prior.regions.get(region).map_or(0, |known| known.unmanaged.len());
        let limit = self.plan.regions.get(region).map_or(u32::MAX, |room| room.limit.value);
        self.peak_of(used.saturating_add(unmanaged), limit, &takers, &givers)
    }

    /// The same for the accounts that a placement is shared with.
    pub fn share_peak(&self, at: &PlacementKey) -> Peak {
        let (mut takers, mut givers) = (Vec::new(), Vec::new());
        for (index, step) in self.steps_at(at) {
            match &step.operation {
                Operation::Share { accounts, .. } => takers.push((index, accounts.len())),
                Operation::Unshare { accounts, .. } => givers.push((index, accounts.len())),
                _ => {}
            }
        }
        let used = self.prior.placement(at).map_or(0, |placement| placement.everyone().len());
        self.peak_of(used, self.plan.share_limit.value, &takers, &givers)
    }

    fn peak_of(
        &self,
        used: usize,
        limit: u32,
        takers: &[(StepIndex, usize)],
        givers: &[(StepIndex, usize)],
    ) -> Peak {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let when_taking = match takers {
            [] => 0,
            _ => peak_when_taking(&self.plan.graph, used, limit, takers, givers),
        };
        Peak { at_any_moment: used.max(when_taking), when_taking }
    }

    /// The accounts that see a placement when the plan is done, foreign ones included.
    pub fn accounts_after(&self, at: &PlacementKey) -> Accounts {
        let mut accounts = self.prior.placement(at).map(|placement| placement.everyone()).unwrap_or_default();
        for (_, step) in self.steps_at(at) {
            match &step.operation {
                Operation::Share { accounts: more, .. } => accounts = accounts.joined(more),
                Operation::Unshare { accounts: fewer, .. } => accounts = accounts.without(fewer),
                _ => {}
            }
        }
        accounts
    }

    /// Who holds, takes and gives up each name of a region.
    pub fn names(&self) -> BTreeMap<(Region, CompactString), Vec<NameUse>> {
        let mut names: BTreeMap<(Region, CompactString), Vec<NameUse>> = BTreeMap::new();
        let mut add = |region: &Region, name: &CompactString, used: NameUse| {
            names.entry((region.clone(), name.clone())).or_default().push(used);
        };
        for (region, recorded) in &self.prior.regions {
            for (id, name) in &recorded.unmanaged {
                let holder = NameHolder::Unmanaged(id.clone());
                add(region, name, NameUse { holder, taken: None, freed: None });
            }
        }
        let mut visit = |at: &PlacementKey, recorded: Option<&CompactString>| {
            // A placement's steps that take a name follow each other: each frees the one before.
            let mut uses: Vec<(CompactString, Option<StepIndex>)> =
                recorded.map(|name| (name.clone(), None)).into_iter().collect();
            let mut delete = None;
            let mut remade = false;
            for (index, step) in self.steps_at(at) {
                match &step.operation {
                    Operation::Update { set, .. } => {
                        uses.extend(set.name.clone().map(|name| (name, Some(index))));
                    }
                    Operation::Delete { .. } => delete = Some(index),
                    operation => {
                        if let Some(name) = operation.made_name() {
                            remade = recorded.is_some();
                            uses.push((name.clone(), Some(index)));
                        }
                    }
                }
            }
            for (position, (name, taken)) in uses.iter().enumerate() {
                let next = uses.get(position.saturating_add(1)).and_then(|(_, taken)| *taken);
                let freed =
                    if remade && position == 0 { delete } else { next.or(delete.filter(|_| !remade)) };
                let holder = NameHolder::Managed(at.clone());
                add(&at.region, name, NameUse { holder, taken: *taken, freed });
            }
        };
        let mut seen = std::collections::BTreeSet::new();
        for (at, placement) in self.prior.placements() {
            visit(&at, Some(&placement.name));
            seen.insert(at);
        }
        for &at in self.steps.keys() {
            if !seen.contains(at) {
                visit(at, None);
            }
        }
        names
    }
}

/// The largest usage of something limited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Peak {
    /// At any moment.
    pub at_any_moment: usize,
    /// Right after something is taken; 0 where nothing is.
    pub when_taking: usize,
}

/// Who uses a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NameHolder {
    /// A placement.
    Managed(PlacementKey),
    /// An image that goldform does not manage.
    Unmanaged(crate::model::ImageId),
}

/// One use of a name: by whom, from which step and until which.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NameUse {
    /// By whom.
    pub holder: NameHolder,
    /// The step that takes it; nothing: it is held when the plan starts.
    pub taken: Option<StepIndex>,
    /// The step that frees it; nothing: it is held when the plan is done.
    pub freed: Option<StepIndex>,
}

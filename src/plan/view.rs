//! The questions that a rule may ask of a plan.

use std::collections::BTreeMap;

use compact_str::CompactString;

use super::graph::StepIndex;
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

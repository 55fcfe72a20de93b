//! The questions that a rule may ask of a plan.

use std::collections::BTreeMap;

use compact_str::CompactString;

use super::graph::StepIndex;
use super::planner::Plan;
use super::step::Step;
use super::usage;
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
        let limit = self.plan.regions.get(region).map_or(u32::MAX, |room| room.limit.value);
        usage::of_images(self, region, usize::try_from(limit).unwrap_or(usize::MAX))
    }

    /// The same for the accounts that a placement is shared with.
    pub fn share_peak(&self, at: &PlacementKey) -> Peak {
        let limit = usize::try_from(self.plan.share_limit.value).unwrap_or(usize::MAX);
        usage::of_accounts(self, at, limit)
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
                add(region, name, NameUse { holder, taken: None, makes: false, freed: Vec::new() });
            }
        }
        let mut visit = |at: &PlacementKey, recorded: Option<&CompactString>| {
            let mut takers: Vec<(StepIndex, CompactString, bool)> = Vec::new();
            let mut deletes = Vec::new();
            for (index, step) in self.steps_at(at) {
                match &step.operation {
                    Operation::Update { set, .. } => {
                        takers.extend(set.name.clone().map(|name| (index, name, false)));
                    }
                    Operation::Delete { .. } => deletes.push(index),
                    operation => {
                        takers.extend(operation.made_name().map(|name| (index, name.clone(), true)));
                    }
                }
            }
            // What frees a name: another name for the same image, or its end, if it surely comes later.
            let frees = |since: Option<StepIndex>, name: &CompactString| -> Vec<StepIndex> {
                let renames = takers.iter().filter(|(_, other, makes)| !makes && other != name);
                let ends = renames.map(|(step, _, _)| *step).chain(deletes.iter().copied());
                ends.filter(|end| since.is_none_or(|since| self.must_precede(since, *end))).collect()
            };
            if let Some(name) = recorded {
                let holder = NameHolder::Managed(at.clone());
                add(
                    &at.region,
                    name,
                    NameUse { holder, taken: None, makes: false, freed: frees(None, name) },
                );
            }
            for (step, name, makes) in &takers {
                let holder = NameHolder::Managed(at.clone());
                let freed = frees(Some(*step), name);
                add(&at.region, name, NameUse { holder, taken: Some(*step), makes: *makes, freed });
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
    /// Whether that step makes an image, one of its own even where there is one at the same placement.
    pub makes: bool,
    /// The steps that free it, each of them; nothing: it is held when the plan is done.
    pub freed: Vec<StepIndex>,
}

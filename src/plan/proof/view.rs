//! The questions that a rule may ask of a plan.

use std::collections::{BTreeMap, BTreeSet};

use compact_str::CompactString;

use super::slots::SlotSteps;
use crate::diff::ImageChange;
use crate::model::{Accounts, GenerationNumber, ImageKey, Operation, PlacementKey, Region};
use crate::plan::contents::Plan;
use crate::plan::step::Step;
use crate::plan::step_map::StepIndex;
use crate::state::{Edit, Recorded};

/// A plan, the recorded state that it starts from, and what follows from the two. Independent of how the planner chose
/// the order.
pub struct PlanView<'a> {
    /// The plan.
    pub plan: &'a Plan,
    /// What is recorded before it.
    pub prior: &'a Recorded,
    steps: BTreeMap<&'a PlacementKey, Vec<StepIndex>>,
    /// The current generation of each entry when the plan is done.
    current: BTreeMap<&'a ImageKey, GenerationNumber>,
    changes: BTreeMap<&'a ImageKey, &'a ImageChange>,
    /// Entries of which a step creates a generation.
    created: BTreeSet<&'a ImageKey>,
    in_regions: BTreeMap<&'a Region, InRegion>,
}

/// The current generation of each entry when the plan is done, from its edits and steps.
fn current_after<'a>(plan: &'a Plan, prior: &'a Recorded) -> BTreeMap<&'a ImageKey, GenerationNumber> {
    let mut current: BTreeMap<&ImageKey, GenerationNumber> =
        prior.images.iter().map(|(key, image)| (key, image.current)).collect();
    for edit in &plan.edits {
        if let Edit::Return { image, generation } = edit {
            current.insert(image, *generation);
        }
    }
    let made = plan.graph.steps().filter(|(_, step)| step.operation.makes_image());
    let adopted = plan.edits.iter().filter_map(|edit| match edit {
        Edit::Adopt { at, .. } => Some(at),
        _ => None,
    });
    for at in made.map(|(_, step)| step.at()).chain(adopted) {
        let newest = current.entry(&at.image).or_insert(at.generation);
        *newest = (*newest).max(at.generation);
    }
    current
}

/// What concerns the slots of a region, gathered once for all regions.
#[derive(Debug, Default)]
pub(super) struct InRegion {
    /// Recorded placements.
    pub(super) managed: usize,
    /// Placements that may have been made already, and whose making does not go on.
    pub(super) making: usize,
    /// Steps that make or delete an image.
    pub(super) slots: SlotSteps,
}

impl<'a> PlanView<'a> {
    /// Returns the view of a plan and the recorded state that it starts from.
    pub fn new(plan: &'a Plan, prior: &'a Recorded) -> Self {
        let mut steps: BTreeMap<&PlacementKey, Vec<StepIndex>> = BTreeMap::new();
        for (index, step) in plan.graph.steps() {
            steps.entry(step.at()).or_default().push(index);
        }
        let changes = plan.changes.iter().map(|change| (&change.image, change)).collect();
        let current = current_after(plan, prior);
        let creates = |step: &Step| matches!(step.operation, Operation::Create { .. });
        let created = plan.graph.steps().filter(|(_, step)| creates(step));
        let created = created.map(|(_, step)| &step.at().image).collect();
        let mut view = Self { plan, prior, steps, current, changes, created, in_regions: BTreeMap::new() };
        let mut in_regions: BTreeMap<&Region, InRegion> = SlotSteps::by_region(&plan.graph)
            .into_iter()
            .map(|(region, slots)| (region, InRegion { slots, ..InRegion::default() }))
            .collect();
        let builds = prior.images.values().flat_map(|image| image.generations.values());
        for region in builds.flat_map(|build| build.placements.keys()) {
            in_regions.entry(region).or_default().managed += 1;
        }
        for at in prior.making.keys() {
            // If its creation continues, that step takes the slot.
            let goes_on = view.steps_at(at).any(|(_, step)| step.operation.makes_image());
            in_regions.entry(&at.region).or_default().making += usize::from(!goes_on);
        }
        view.in_regions = in_regions;
        view
    }

    /// The change of an entry.
    pub fn change_of(&self, image: &ImageKey) -> Option<&'a ImageChange> {
        self.changes.get(image).copied()
    }

    /// Returns whether a step creates a generation of an entry.
    pub fn creates(&self, image: &ImageKey) -> bool {
        self.created.contains(image)
    }

    /// What concerns the slots of a region.
    pub(super) fn in_region(&self, region: &Region) -> Option<&InRegion> {
        self.in_regions.get(region)
    }

    /// Returns the steps at a placement.
    pub fn steps_at(&self, at: &PlacementKey) -> impl Iterator<Item = (StepIndex, &'a Step)> {
        let indexes = self.steps.get(at).map(Vec::as_slice).unwrap_or_default();
        indexes.iter().map(|index| (*index, &self.plan.graph[*index]))
    }

    /// Whether an image of an entry other than this placement is surely ready in its region before a step: of another
    /// generation, NORMAL or surely made and NORMAL by then, and not deleted.
    pub fn has_successor_before(&self, at: &PlacementKey, step: StepIndex) -> bool {
        let Some(generation) = self.current_after(&at.image).filter(|current| *current != at.generation)
        else {
            return false;
        };
        let successor = PlacementKey { generation, ..at.clone() };
        let steps: Vec<(StepIndex, &Step)> = self.steps_at(&successor).collect();
        let is_deleted = steps.iter().any(|(delete, other)| {
            let makes_again = || {
                steps
                    .iter()
                    .any(|(make, other)| other.operation.makes_image() && self.must_precede(*delete, *make))
            };
            matches!(other.operation, Operation::Delete { .. }) && !makes_again()
        });
        let mut readies = steps.iter().filter(|(_, other)| {
            other.operation.makes_image() || matches!(other.operation, Operation::Wait { .. })
        });
        let is_normal = self.prior.placement(&successor).is_some_and(|placement| placement.is_normal());
        !is_deleted && (is_normal || readies.any(|(ready, _)| self.plan.graph.needs_success_of(*ready, step)))
    }

    /// The current generation of an entry when the plan is done: the newest that is recorded as current, is made or is
    /// adopted. `None` if there is none.
    pub fn current_after(&self, image: &ImageKey) -> Option<GenerationNumber> {
        self.current.get(image).copied()
    }

    /// Every placement that steps are about.
    pub fn touched(&self) -> impl Iterator<Item = &'a PlacementKey> {
        self.steps.keys().copied()
    }

    /// Returns whether the image that is recorded at a placement is deleted and none is made there.
    pub fn is_deleted(&self, at: &PlacementKey) -> bool {
        let mut deletes = false;
        for (_, step) in self.steps_at(at) {
            if step.operation.makes_image() {
                return false;
            }
            deletes |= matches!(step.operation, Operation::Delete { .. });
        }
        deletes
    }

    /// Returns every step that deletes an image.
    pub fn deletes(&self) -> impl Iterator<Item = (StepIndex, &'a Step)> {
        self.plan.graph.steps().filter(|(_, step)| matches!(step.operation, Operation::Delete { .. }))
    }

    /// Whether `later` waits for `earlier`, directly or through others. An order holds only by an edge, never
    /// by luck of sorting.
    pub fn must_precede(&self, earlier: StepIndex, later: StepIndex) -> bool {
        self.plan.graph.must_precede(earlier, later)
    }

    /// The accounts that see a placement when the plan is done, unmanaged ones included.
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

    /// Placements that are made while they may hold an image: more than one step makes them, or the image that is
    /// recorded is not surely deleted before. Returns the name of the first make with each. Only an edited plan has any.
    pub fn made_twice(&self) -> impl Iterator<Item = (&'a PlacementKey, &'a CompactString)> {
        self.steps.keys().filter_map(|at| {
            let mut makes =
                self.steps_at(at).filter_map(|(index, step)| Some((index, step.operation.made_name()?)));
            let (first, name) = makes.next()?;
            let mut deletes = self
                .steps_at(at)
                .filter(|(_, step)| matches!(step.operation, Operation::Delete { .. }))
                .map(|(delete, _)| self.must_precede(delete, first))
                .peekable();
            let is_free = self.prior.placement(at).is_none()
                || deletes.peek().is_some() && deletes.all(|is_before| is_before);
            (!is_free || makes.next().is_some()).then_some((*at, name))
        })
    }

    /// Returns every use of each name of a region.
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
                    Operation::Delete { .. } => deletes.push(index),
                    operation => {
                        let makes = operation.makes_image();
                        takers.extend(operation.taken_name().map(|name| (index, name.clone(), makes)));
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
    /// Right after a step took some of it. 0 if no step does.
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
    /// The step that takes it. `None` if it is held when the plan starts.
    pub taken: Option<StepIndex>,
    /// Whether that step makes an image, one of its own even where there is one at the same placement.
    pub makes: bool,
    /// The steps that free it. Empty if it is held when the plan is done.
    pub freed: Vec<StepIndex>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::EXAMPLE;
    use crate::testing::worlds::{
        applied, at, example_with, generation, key, placement, plan_to, region, settle, step,
    };

    #[test]
    fn the_accounts_after_a_plan_are_those_that_stay_and_those_that_come() {
        let mut snapshot = applied(&[EXAMPLE]);
        let stranger: Accounts = ["900000000009".parse().unwrap()].into_iter().collect();
        placement(&mut snapshot, "image.web@ap-tokyo#1").unmanaged = stranger;
        let plan = plan_to(
            &snapshot,
            &example_with("with: [partner, staging]", "with: [staging, \"200000000003\"]"),
        );
        let view = PlanView::new(&plan, &snapshot.recorded);
        let after: Vec<String> = view
            .accounts_after(&at("image.web@ap-tokyo#1"))
            .iter()
            .map(|account| account.to_string())
            .collect();
        assert_eq!(after, ["200000000002", "200000000003", "900000000009"]);
    }

    #[test]
    fn the_peak_counts_what_is_there_what_is_made_and_nothing_that_may_still_be_there() {
        let snapshot = applied(&[EXAMPLE]);
        let plan = plan_to(&snapshot, &example_with("revision: \"1\"", "revision: \"2\""));
        let view = PlanView::new(&plan, &snapshot.recorded);
        let peak = view.image_peak(&region("ap-jakarta"));
        assert_eq!((peak.at_any_moment, peak.when_taking), (3, 3), "web twice, and db");
        assert_eq!(view.image_peak(&region("ap-seoul")).when_taking, 0, "nothing is made there");
    }

    #[test]
    fn the_peak_of_shares_counts_those_of_others() {
        let mut snapshot = applied(&[EXAMPLE]);
        let stranger: Accounts = ["900000000009".parse().unwrap()].into_iter().collect();
        placement(&mut snapshot, "image.db@ap-jakarta#1").unmanaged = stranger;
        let plan =
            plan_to(&snapshot, &example_with("image: db, with: [partner]", "image: db, with: [staging]"));
        let view = PlanView::new(&plan, &snapshot.recorded);
        assert_eq!(view.share_peak(&at("image.db@ap-jakarta#1")).at_any_moment, 3);
    }

    #[test]
    fn who_uses_a_name_is_reported_with_when_it_is_taken_and_freed() {
        let fixed =
            example_with("name: db-{generation}", "name: db").replace("snap-2f3a1c2d", "snap-11111111");
        let snapshot = applied(&[&fixed]);
        let plan = plan_to(&snapshot, &fixed.replace("snap-11111111", "snap-22222222"));
        let view = PlanView::new(&plan, &snapshot.recorded);
        let names = view.names();
        let uses = &names[&(region("ap-jakarta"), "db".into())];
        let of = |generation: u32| {
            let holder = NameHolder::Managed(at(&format!("image.db@ap-jakarta#{generation}")));
            uses.iter().find(|used| used.holder == holder).unwrap()
        };
        assert!(of(1).taken.is_none() && !of(1).freed.is_empty(), "held now, until it is deleted");
        assert!(of(2).taken.is_some() && of(2).freed.is_empty(), "taken, and kept");
        assert!(view.must_precede(of(1).freed[0], of(2).taken.unwrap()));
        let interim = &names[&(region("ap-jakarta"), "db~g2".into())][0];
        assert!(interim.taken.is_some() && !interim.freed.is_empty(), "for a while");
    }

    #[test]
    fn a_successor_is_ready_before_a_step_only_where_its_failure_stops_that_step() {
        let second = example_with("revision: \"1\"", "revision: \"2\"");
        let mut snapshot = applied(&[EXAMPLE]);
        let build = snapshot.recorded.images[&key("web")].generations[&generation(1)].clone();
        let plan = plan_to(&snapshot, &second);
        settle(&mut snapshot, &plan);
        // As a run left it that was killed while the new copy was made.
        let image = snapshot.recorded.images.get_mut(&key("web")).unwrap();
        image.generations.insert(generation(1), build);
        let new = placement(&mut snapshot, "image.web@ap-tokyo#2");
        (new.state, new.seen) = (crate::model::ImageState::Syncing, false);
        let mut plan = plan_to(&snapshot, &second);
        let (old, delete) = (at("image.web@ap-tokyo#1"), step(&plan, "delete image.web@ap-tokyo#1"));
        let wait = step(&plan, "wait image.web@ap-tokyo#2");
        assert!(PlanView::new(&plan, &snapshot.recorded).has_successor_before(&old, delete));
        let followers: Vec<StepIndex> = plan.graph.awaited_by(wait).map(|(next, _)| next).collect();
        for next in followers {
            plan.graph.unwait(next, wait);
            plan.graph.wait(next, wait, crate::plan::EdgeReason::ImageEnded);
        }
        let view = PlanView::new(&plan, &snapshot.recorded);
        assert!(view.must_precede(wait, delete) && !view.has_successor_before(&old, delete));
    }

    #[test]
    fn a_name_of_an_unmanaged_image_is_never_freed() {
        let mut snapshot = applied(&[EXAMPLE]);
        let jakarta = snapshot.recorded.regions.get_mut(&region("ap-jakarta")).unwrap();
        jakarta.unmanaged.insert("img-0a1b2c3d".parse().unwrap(), "other".into());
        let plan = plan_to(&snapshot, EXAMPLE);
        let names = PlanView::new(&plan, &snapshot.recorded).names();
        let used = &names[&(region("ap-jakarta"), "other".into())];
        assert_eq!((used.len(), used[0].taken, used[0].freed.len()), (1, None, 0));
    }
}

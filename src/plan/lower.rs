//! Lowers changes to steps: one placement's change becomes the calls that bring it about.

use std::collections::{BTreeMap, BTreeSet};

use super::graph::{StepGraph, StepIndex};
use super::step::Step;
use super::{names, ordering};
use crate::diff::{Action, Diff, ImageChange, PlacementChange, Reason};
use crate::manifest::{Desired, SharedImageEdits};
use crate::model::{Accounts, Attributes, GenerationNumber, ImageKey, Operation, PlacementKey, Region, Tags};
use crate::state::Recorded;

/// The steps of one placement.
#[derive(Debug, Clone, Copy, Default)]
pub struct PlacementSteps {
    /// Create or copy.
    pub make: Option<StepIndex>,
    /// Change attributes.
    pub update: Option<StepIndex>,
    /// Change tags.
    pub tag: Option<StepIndex>,
    /// Share.
    pub share: Option<StepIndex>,
    /// Cancel shares.
    pub unshare: Option<StepIndex>,
    /// Delete.
    pub delete: Option<StepIndex>,
    /// Take the final name, after an interim one.
    pub rename: Option<StepIndex>,
}

/// A placement's change and its steps.
#[derive(Debug, Clone, Copy)]
pub struct Lowered<'a> {
    /// The entry's change.
    pub image: &'a ImageChange,
    /// The placement's change.
    pub change: &'a PlacementChange,
    /// Its steps.
    pub steps: PlacementSteps,
}

/// A plan in the making: the steps, and which change each is for. Ordering rules read it and add edges.
pub struct Draft<'a> {
    /// What is wanted.
    pub desired: &'a Desired,
    /// What is recorded.
    pub prior: &'a Recorded,
    /// The steps and edges so far.
    pub graph: StepGraph,
    /// By placement.
    pub placements: BTreeMap<&'a PlacementKey, Lowered<'a>>,
    /// Retiring placements that go before their successor, for want of a slot.
    pub early: BTreeSet<PlacementKey>,
    /// Placements that go by another name until theirs is free.
    pub aside: BTreeSet<PlacementKey>,
    /// Whether an image cannot be changed while it is shared: the manifest says so, or the service did once.
    pub edits_unshared: bool,
    /// The largest number of accounts that an image may be shared with.
    pub share_limit: usize,
    diff: &'a Diff,
}

impl<'a> Draft<'a> {
    /// The steps of a diff, without any order.
    pub fn lower(
        desired: &'a Desired,
        prior: &'a Recorded,
        diff: &'a Diff,
        share_limit: usize,
        early: BTreeSet<PlacementKey>,
    ) -> Self {
        let mut draft = Draft {
            desired,
            prior,
            graph: StepGraph::default(),
            placements: BTreeMap::new(),
            early,
            aside: BTreeSet::new(),
            edits_unshared: desired.cloud.shared_image_edits == SharedImageEdits::Refused
                || prior.shared_image_edits_refused,
            share_limit,
            diff,
        };
        for image in &diff.images {
            for change in &image.placements {
                let steps = draft.lower_placement(image, change);
                draft.placements.insert(&change.at, Lowered { image, change, steps });
            }
        }
        draft
    }

    /// The steps of a diff with all names and orders but that of slots, where these placements go before their
    /// successors.
    pub fn ordered(
        desired: &'a Desired,
        prior: &'a Recorded,
        diff: &'a Diff,
        share_limit: usize,
        early: &BTreeSet<PlacementKey>,
    ) -> Self {
        let mut draft = Draft::lower(desired, prior, diff, share_limit, early.clone());
        draft.order();
        draft
    }

    /// The same diff, where these placements go before their successors.
    #[must_use]
    pub fn with_early(&self, early: &BTreeSet<PlacementKey>) -> Draft<'a> {
        Draft::ordered(self.desired, self.prior, self.diff, self.share_limit, early)
    }

    /// Names, and every order but that of slots. Where names would close a circle, some step aside, and the rest is
    /// ordered anew.
    pub fn order(&mut self) {
        loop {
            names::step_aside(self);
            for order in ordering::RULES {
                order(self);
            }
            let mut aside = names::wait_for_names(self);
            // Who has stepped aside already cannot do more: the circle is told.
            aside.retain(|key| !self.aside.contains(key));
            if aside.is_empty() {
                return;
            }
            aside.append(&mut self.aside);
            let early = std::mem::take(&mut self.early);
            *self =
                Draft { aside, ..Draft::lower(self.desired, self.prior, self.diff, self.share_limit, early) };
        }
    }

    /// The placement that takes the place of one that retires, where it is made by this plan.
    pub fn successor_of(&self, at: &PlacementKey) -> Option<&Lowered<'a>> {
        let generation = self.placements.get(at)?.image.generation?;
        if generation == at.generation {
            return None;
        }
        self.at(&at.image, generation, &at.region).filter(|successor| successor.steps.make.is_some())
    }

    /// The steps of the placement of a generation in a region.
    pub fn at(
        &self,
        image: &ImageKey,
        generation: GenerationNumber,
        region: &Region,
    ) -> Option<&Lowered<'a>> {
        let key = PlacementKey { image: image.clone(), generation, region: region.clone() };
        self.placements.get(&key)
    }

    fn lower_placement(&mut self, image: &ImageChange, change: &PlacementChange) -> PlacementSteps {
        let mut steps = PlacementSteps::default();
        let at = || change.at.clone();
        let (place, reason) = (&change.at, &change.reason);
        match change.action {
            Action::Create | Action::Copy => {
                if change.remake {
                    let delete = Operation::Delete { at: at(), snapshots: change.delete_snapshots };
                    steps.delete = Some(self.add(delete, reason));
                }
                self.lower_make(image, change, &mut steps);
                self.lower_share(change, &mut steps);
            }
            Action::Update | Action::Adopt => {
                // What is taken over and was never seen has nothing to compare with.
                let set = change.before.as_ref().map(|_| change.attributes_to_set()).unwrap_or_default();
                if !set.is_empty() {
                    steps.update = Some(self.add(Operation::Update { at: at(), set }, reason));
                }
                self.lower_tags(change, &mut steps);
                let everyone =
                    self.prior.placement(place).map(|placement| placement.everyone()).unwrap_or_default();
                if steps.update.is_some() && self.edits_unshared && !everyone.is_empty() {
                    self.lower_edit_unshared(change, everyone, &mut steps);
                } else {
                    self.lower_share(change, &mut steps);
                    self.lower_unshare(change, &mut steps);
                }
            }
            Action::Delete => {
                self.lower_unshare(change, &mut steps);
                let delete = Operation::Delete { at: at(), snapshots: change.delete_snapshots };
                steps.delete = Some(self.add(delete, reason));
            }
            Action::Replace | Action::Forget | Action::Unchanged => {}
        }
        steps
    }

    fn lower_make(&mut self, image: &ImageChange, change: &PlacementChange, steps: &mut PlacementSteps) {
        let Some(after) = &change.after else { return };
        let at = change.at.clone();
        let attributes = after.attributes.clone();
        let ownership = self.desired.cloud.ownership_tag.clone().filter(|_| after.owned);
        match (&change.from, &image.source) {
            // A copy within the region is made by SyncImages, as copies to other regions are.
            (None, Some(source)) if source.is_copied() => {
                let name = Attributes { name: attributes.name.clone(), ..Attributes::default() };
                let (tags, source) = (Tags::new(), source.clone());
                let create = Operation::Create { at, attributes: name, tags, ownership: None, source };
                steps.make = Some(self.add(create, &change.reason));
                self.lower_after_copy(change, attributes, steps);
            }
            (None, Some(source)) => {
                let (tags, source) = (after.tags.clone(), source.clone());
                let create = Operation::Create { at, attributes, tags, ownership, source };
                steps.make = Some(self.add(create, &change.reason));
            }
            (Some(from), _) => {
                let name = attributes.name.clone().unwrap_or_default();
                let copy = Operation::Copy { at, from: from.clone(), name };
                steps.make = Some(self.add(copy, &change.reason));
                self.lower_after_copy(change, attributes, steps);
            }
            // An entry without a source is judged (GF301) and never applied.
            (None, None) => {}
        }
    }

    /// SyncImages takes a name and nothing else, and what follows along is not documented.
    fn lower_after_copy(
        &mut self,
        change: &PlacementChange,
        attributes: Attributes,
        steps: &mut PlacementSteps,
    ) {
        let set = Attributes { name: None, ..attributes };
        if !set.is_empty() {
            let update = Operation::Update { at: change.at.clone(), set };
            steps.update = Some(self.add(update, &Reason::Follows));
        }
        self.lower_tags(change, steps);
    }

    fn lower_tags(&mut self, change: &PlacementChange, steps: &mut PlacementSteps) {
        let Some(after) = &change.after else { return };
        if change.action == Action::Adopt && change.before.is_none() {
            return;
        }
        let nothing = Tags::new();
        let before = change.before.as_ref().map_or(&nothing, |facts| &facts.tags);
        let set: Tags = after
            .tags
            .iter()
            .filter(|(key, value)| before.get(*key) != Some(value))
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect();
        let unset: Vec<_> = before.keys().filter(|key| !after.tags.contains_key(*key)).cloned().collect();
        let missing = after.owned && !change.before.as_ref().is_some_and(|facts| facts.owned);
        let ownership = self.desired.cloud.ownership_tag.clone().filter(|_| missing);
        if !set.is_empty() || !unset.is_empty() || ownership.is_some() {
            let tag = Operation::Tag { at: change.at.clone(), set, unset, ownership };
            steps.tag = Some(self.add(tag, &change.reason));
        }
    }

    fn lower_share(&mut self, change: &PlacementChange, steps: &mut PlacementSteps) {
        if let Some(accounts) = some(&change.share.joined(&change.carried)) {
            let share = Operation::Share { at: change.at.clone(), accounts, foreign: change.carried.clone() };
            steps.share = Some(self.add(share, &change.reason));
        }
    }

    /// Where an image cannot be changed while it is shared: unshared from everyone, changed, shared again.
    fn lower_edit_unshared(
        &mut self,
        change: &PlacementChange,
        everyone: Accounts,
        steps: &mut PlacementSteps,
    ) {
        let Some(after) = &change.after else { return };
        let (at, reason) = (change.at.clone(), &change.reason);
        steps.unshare = Some(self.add(Operation::Unshare { at: at.clone(), accounts: everyone }, reason));
        if let Some(accounts) = some(&after.shares.joined(&after.foreign)) {
            let share = Operation::Share { at, accounts, foreign: after.foreign.clone() };
            steps.share = Some(self.add(share, reason));
        }
    }

    fn lower_unshare(&mut self, change: &PlacementChange, steps: &mut PlacementSteps) {
        if let Some(accounts) = some(&change.unshare) {
            let unshare = Operation::Unshare { at: change.at.clone(), accounts };
            steps.unshare = Some(self.add(unshare, &change.reason));
        }
    }

    fn add(&mut self, operation: Operation, reason: &Reason) -> StepIndex {
        self.graph.add(Step::new(operation, reason.clone()))
    }
}

fn some(accounts: &Accounts) -> Option<Accounts> {
    (!accounts.is_empty()).then(|| accounts.clone())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Plan;
    use crate::testing::EXAMPLE;
    use crate::testing::worlds::{applied, at, example_with, placement, plan_to, step, step_ids};

    fn operation<'p>(plan: &'p Plan, id: &str) -> &'p Operation {
        &plan.graph.step(step(plan, id)).unwrap().operation
    }

    #[test]
    fn what_is_as_it_should_be_needs_no_step() {
        assert_eq!(step_ids(&plan_to(&applied(&[EXAMPLE]), EXAMPLE)), Vec::<String>::new());
    }

    #[test]
    fn a_create_carries_attributes_and_tags_and_a_copy_gets_them_after() {
        let tagged =
            example_with("copies: [ap-singapore, ap-tokyo]", "tags: { team: web }\n    copies: [ap-tokyo]");
        let plan = plan_to(&applied(&[]), &tagged);
        assert_eq!(
            step_ids(&plan),
            [
                "copy image.web@ap-tokyo#1",
                "create image.db@ap-jakarta#1",
                "create image.web@ap-jakarta#1",
                "share image.db@ap-jakarta#1",
                "share image.web@ap-jakarta#1",
                "share image.web@ap-tokyo#1",
                "tag image.web@ap-tokyo#1",
                "update image.web@ap-tokyo#1",
            ]
        );
        let Operation::Create { attributes, tags, ownership, .. } =
            operation(&plan, "create image.web@ap-jakarta#1")
        else {
            panic!("a create")
        };
        assert_eq!(attributes.description.as_deref(), Some("Ubuntu with nginx"));
        assert_eq!((tags.len(), ownership.as_deref()), (1, Some("goldform")), "whose it is, the state says");
        let Operation::Update { set, .. } = operation(&plan, "update image.web@ap-tokyo#1") else {
            panic!("an update")
        };
        assert_eq!((&set.name, set.description.as_deref()), (&None, Some("Ubuntu with nginx")));
    }

    #[test]
    fn an_update_sets_what_differs_and_leaves_the_rest_alone() {
        let plan = plan_to(&applied(&[EXAMPLE]), &example_with("Ubuntu with nginx", "Ubuntu with Caddy"));
        let Operation::Update { set, .. } = operation(&plan, "update image.web@ap-tokyo#1") else {
            panic!("an update")
        };
        let only = Attributes { description: Some("Ubuntu with Caddy".to_owned()), ..Attributes::default() };
        assert_eq!(*set, only);
    }

    #[test]
    fn a_tag_step_sets_and_removes_in_one() {
        let one = example_with("copies: [ap-singapore, ap-tokyo]", "tags: { team: web, stage: test }");
        let other = example_with("copies: [ap-singapore, ap-tokyo]", "tags: { team: web, owner: me }");
        let plan = plan_to(&applied(&[&one]), &other);
        assert_eq!(step_ids(&plan), ["tag image.web@ap-jakarta#1"]);
        let Operation::Tag { set, unset, ownership, .. } = operation(&plan, "tag image.web@ap-jakarta#1")
        else {
            panic!("a tag")
        };
        assert_eq!(set.keys().collect::<Vec<_>>(), ["owner"], "what is so already is not set again");
        assert_eq!((unset.as_slice(), ownership), (&["stage".into()][..], &None));
    }

    #[test]
    fn shares_are_given_and_taken_for_those_who_come_and_go() {
        let plan = plan_to(&applied(&[EXAMPLE]), &example_with("with: [partner]", "with: [staging]"));
        assert_eq!(step_ids(&plan), ["share image.db@ap-jakarta#1", "unshare image.db@ap-jakarta#1"]);
        let Operation::Share { accounts, .. } = operation(&plan, "share image.db@ap-jakarta#1") else {
            panic!("a share")
        };
        assert_eq!(accounts.iter().map(|id| id.to_string()).collect::<Vec<_>>(), ["200000000002"]);
    }

    #[test]
    fn a_retired_placement_is_unshared_from_everyone_and_deleted() {
        let mut snapshot = applied(&[EXAMPLE]);
        placement(&mut snapshot, "image.web@ap-tokyo#1").foreign =
            Accounts::from(vec!["900000000009".parse().unwrap()]);
        let plan = plan_to(&snapshot, &example_with("[ap-singapore, ap-tokyo]", "[ap-singapore]"));
        assert_eq!(step_ids(&plan), ["delete image.web@ap-tokyo#1", "unshare image.web@ap-tokyo#1"]);
        let Operation::Unshare { accounts, .. } = operation(&plan, "unshare image.web@ap-tokyo#1") else {
            panic!("an unshare")
        };
        assert_eq!(accounts.len(), 3, "those of others too");
        let Operation::Delete { snapshots, .. } = operation(&plan, "delete image.web@ap-tokyo#1") else {
            panic!("a delete")
        };
        assert!(snapshots, "the service made them for the image");
    }

    #[test]
    fn snapshots_that_the_user_named_are_not_deleted() {
        let without = "version: 1\naccount: \"100000000001\"\n";
        let plan = plan_to(&applied(&[EXAMPLE]), without);
        let Operation::Delete { snapshots, .. } = operation(&plan, "delete image.db@ap-jakarta#1") else {
            panic!("a delete")
        };
        assert!(!snapshots);
    }

    #[test]
    fn an_image_that_is_taken_over_is_changed_only_where_it_differs() {
        let adopting = example_with(
            "  db:",
            "  old: { region: ap-jakarta, name: old, description: ours, source: { adopted: img-0a1b2c3d } }\n  db:",
        );
        let mut snapshot = applied(&[EXAMPLE]);
        assert!(step_ids(&plan_to(&snapshot, &adopting)).is_empty(), "never seen: nothing is known of it");
        let mut seen = placement(&mut snapshot, "image.db@ap-jakarta#1").clone();
        (seen.id, seen.name) = ("img-0a1b2c3d".parse().unwrap(), "old".into());
        (seen.tags, seen.shares) = (Tags::new(), Accounts::EMPTY);
        let region = at("image.old@ap-jakarta#1").region;
        snapshot.recorded.adoptable.entry(region).or_default().insert(seen.id.clone(), seen);
        let plan = plan_to(&snapshot, &adopting);
        assert_eq!(step_ids(&plan), ["update image.old@ap-jakarta#1"], "and no tag is put on it");
    }
}

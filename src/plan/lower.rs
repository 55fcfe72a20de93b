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

//! Lowers changes to steps: one placement's change becomes the calls that bring it about.

use super::draft::{Draft, PlacementSteps};
use compact_str::CompactString;

use crate::diff::{ImageChange, PlacementChange, PlacementFacts, Reason, Work};
use crate::model::{Accounts, Attributes, ImageState, Operation, Tags};
use crate::plan::step::Step;
use crate::plan::step_map::StepIndex;

impl Draft<'_> {
    /// The steps that bring a placement's change about.
    pub(super) fn lower_placement(
        &mut self,
        image: &ImageChange,
        change: &PlacementChange,
    ) -> PlacementSteps {
        let mut steps = PlacementSteps::default();
        let at = || change.at.clone();
        let (place, reason) = (&change.at, &change.reason);
        if let Some(state) = self.pending_state(change) {
            steps.wait = Some(self.add(Operation::Wait { at: at() }, &Reason::Pending { state }));
        }
        match &change.work {
            Work::Make { failed, after, delete_snapshots, .. } => {
                if failed.is_some() {
                    let delete = Operation::Delete { at: at(), snapshots: *delete_snapshots };
                    steps.delete = Some(self.add(delete, reason));
                }
                self.lower_make(image, change, after, &mut steps);
                self.lower_share(change, &mut steps);
            }
            Work::Update { facts, .. } | Work::Adopt { facts: Some(facts), .. } => {
                let set = facts.attributes_to_set();
                if !set.is_empty() {
                    steps.update = Some(self.add(Operation::Update { at: at(), set }, reason));
                }
                let (set, unset) = (facts.tags_to_set(), facts.tags_to_unset());
                self.lower_tags(change, set, unset, facts.after.owned && !facts.before.owned, &mut steps);
                let everyone =
                    self.prior.placement(place).map(|placement| placement.everyone()).unwrap_or_default();
                if steps.update.is_some() && self.edits_unshared && !everyone.is_empty() {
                    self.lower_edit_unshared(change, &facts.after, everyone, &mut steps);
                } else {
                    self.lower_share(change, &mut steps);
                    self.lower_unshare(change, &mut steps);
                }
            }
            Work::Delete { before, delete_snapshots, .. } => {
                self.lower_claim(change, before, &mut steps);
                self.lower_unshare(change, &mut steps);
                let delete = Operation::Delete { at: at(), snapshots: *delete_snapshots };
                steps.delete = Some(self.add(delete, reason));
            }
            // An adopted image that was never observed has nothing to compare with.
            Work::Adopt { facts: None, .. } | Work::Wait { .. } => {}
        }
        steps
    }

    /// The state of the image at a placement, where an earlier run began it and it is neither NORMAL nor failed.
    fn pending_state(&self, change: &PlacementChange) -> Option<ImageState> {
        let placement = match &change.work {
            Work::Adopt { id, .. } => self.prior.adoptable(&change.at.region, id)?,
            _ => self.prior.placement(&change.at)?,
        };
        placement.is_pending().then_some(placement.state)
    }

    fn lower_make(
        &mut self,
        image: &ImageChange,
        change: &PlacementChange,
        after: &PlacementFacts,
        steps: &mut PlacementSteps,
    ) {
        let at = change.at.clone();
        let name = after.attributes.name.clone();
        let ownership = self.desired.cloud.ownership_tag.clone().filter(|_| after.owned);
        match (change.copied_from(), &image.source) {
            // A copy within the region is made by SyncImages, as copies to other regions are.
            (None, Some(source)) if source.is_copied() => {
                let attributes = Attributes { name, ..Attributes::default() };
                let (tags, source, of) = (Tags::new(), source.clone(), image.of);
                let create = Operation::Create { at, attributes, tags, ownership: None, source, of };
                steps.make = Some(self.add(create, &change.reason));
                self.lower_after_copy(change, after, steps);
            }
            (None, Some(source)) => {
                let PlacementFacts { attributes, tags, .. } = after.clone();
                let source = source.clone();
                let create =
                    Operation::Create { at: at.clone(), attributes, tags, ownership, source, of: None };
                let is_named_later = create.is_made_under_interim_name();
                steps.make = Some(self.add(create, &change.reason));
                if is_named_later {
                    let set = Attributes { name, ..Attributes::default() };
                    steps.update = Some(self.add(Operation::Update { at, set }, &Reason::Follows));
                }
            }
            (Some(from), _) => {
                let name = name.unwrap_or_default();
                let copy = Operation::Copy { at, from: from.clone(), name };
                steps.make = Some(self.add(copy, &change.reason));
                self.lower_after_copy(change, after, steps);
            }
            // An entry without a source is judged (GF301) and never applied.
            (None, None) => {}
        }
    }

    /// SyncImages takes a name and nothing else, and what is copied along is not documented. The name that it is given
    /// is an interim one, so the final one is set here too.
    fn lower_after_copy(
        &mut self,
        change: &PlacementChange,
        after: &PlacementFacts,
        steps: &mut PlacementSteps,
    ) {
        let set = after.attributes.clone();
        if !set.is_empty() {
            let update = Operation::Update { at: change.at.clone(), set };
            steps.update = Some(self.add(update, &Reason::Follows));
        }
        self.lower_tags(change, after.tags.clone(), Vec::new(), after.owned, steps);
    }

    fn lower_tags(
        &mut self,
        change: &PlacementChange,
        set: Tags,
        unset: Vec<CompactString>,
        is_claimed: bool,
        steps: &mut PlacementSteps,
    ) {
        let ownership = self.desired.cloud.ownership_tag.clone().filter(|_| is_claimed);
        if !set.is_empty() || !unset.is_empty() || ownership.is_some() {
            let tag = Operation::Tag { at: change.at.clone(), set, unset, ownership };
            steps.tag = Some(self.add(tag, &change.reason));
        }
    }

    /// An adopted image that was never claimed is claimed before it is deleted: another state may manage it too.
    fn lower_claim(&mut self, change: &PlacementChange, before: &PlacementFacts, steps: &mut PlacementSteps) {
        let is_claimed = !before.owned && self.prior.is_taken_over(&change.at);
        self.lower_tags(change, Tags::new(), Vec::new(), is_claimed, steps);
    }

    fn lower_share(&mut self, change: &PlacementChange, steps: &mut PlacementSteps) {
        if let Some(accounts) = some(&change.share().joined(&change.carried())) {
            let share = Operation::Share { at: change.at.clone(), accounts, unmanaged: change.carried() };
            steps.share = Some(self.add(share, &change.reason));
        }
    }

    /// Where an image cannot be changed while it is shared: unshared from everyone, changed, shared again.
    fn lower_edit_unshared(
        &mut self,
        change: &PlacementChange,
        after: &PlacementFacts,
        everyone: Accounts,
        steps: &mut PlacementSteps,
    ) {
        let (at, reason) = (change.at.clone(), &change.reason);
        steps.unshare = Some(self.add(Operation::Unshare { at: at.clone(), accounts: everyone }, reason));
        if let Some(accounts) = some(&after.shares.joined(&after.unmanaged)) {
            let share = Operation::Share { at, accounts, unmanaged: after.unmanaged.clone() };
            steps.share = Some(self.add(share, reason));
        }
    }

    fn lower_unshare(&mut self, change: &PlacementChange, steps: &mut PlacementSteps) {
        if let Some(accounts) = some(&change.unshare()) {
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
mod tests;

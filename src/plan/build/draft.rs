//! A plan in the making: the steps of a diff, and the order that rules and names put them in.

use std::collections::{BTreeMap, BTreeSet};

use crate::diff::{Diff, ImageChange, PlacementChange};
use crate::manifest::Desired;
use crate::model::{Accounts, GenerationNumber, ImageKey, PlacementKey, Region, SharedImageEdits};
use crate::plan::graph::StepGraph;
use crate::plan::step_map::StepIndex;
use crate::state::Recorded;

/// The steps of one placement.
#[derive(Debug, Clone, Copy, Default)]
pub struct PlacementSteps {
    /// Create or copy.
    pub make: Option<StepIndex>,
    /// Wait for an image that an earlier run began.
    pub wait: Option<StepIndex>,
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
    pub delete_first: BTreeSet<PlacementKey>,
    /// Placements that have another name until theirs is free.
    pub interim_named: BTreeSet<PlacementKey>,
    /// Whether an image cannot be changed while it is shared: the manifest says so, or the service did once.
    pub edits_unshared: bool,
    /// The largest number of accounts that an image may be shared with.
    pub share_limit: usize,
    /// The diff whose steps it holds.
    pub(super) diff: &'a Diff,
}

impl<'a> Draft<'a> {
    /// The steps of a diff, without any order.
    pub fn lower(
        desired: &'a Desired,
        prior: &'a Recorded,
        diff: &'a Diff,
        share_limit: usize,
        delete_first: BTreeSet<PlacementKey>,
    ) -> Self {
        let mut draft = Draft {
            desired,
            prior,
            graph: StepGraph::default(),
            placements: BTreeMap::new(),
            delete_first,
            interim_named: BTreeSet::new(),
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

    /// The placement of the current generation in the region of an earlier one, where it changes.
    pub fn successor_of(&self, at: &PlacementKey) -> Option<&Lowered<'a>> {
        let generation = self.placements.get(at)?.image.generation?;
        if generation == at.generation {
            return None;
        }
        self.at(&at.image, generation, &at.region)
    }

    /// Whether an earlier placement is deleted before its successor is made: its entry asks for it, or there is no slot
    /// for both. Where the successor is there already, there is nothing to be first of.
    pub fn goes_first(&self, at: &PlacementKey) -> bool {
        let Some(lowered) = self.placements.get(at) else { return false };
        let retires = lowered.change.deletes_image();
        let is_made = self.successor_of(at).is_some_and(|successor| successor.steps.make.is_some());
        retires && is_made && (lowered.image.delete_first || self.delete_first.contains(at))
    }

    /// The accounts that would be without any image of the entry in the region of an earlier placement for a while, if
    /// that placement were deleted before its successor is made.
    pub fn would_lack(&self, at: &PlacementKey) -> Accounts {
        let Some(lowered) = self.placements.get(at) else { return Accounts::EMPTY };
        let given = self
            .successor_of(at)
            .map(|successor| successor.change.share().joined(&successor.change.carried()));
        let losing = lowered.change.unshare().shared_with(&given.unwrap_or_default());
        let Some(recorded) = self.prior.images.get(&at.image) else { return losing };
        recorded
            .others(at)
            .filter(|(_, placement)| placement.is_normal())
            .map(|(generation, placement)| {
                let key = PlacementKey { generation, ..at.clone() };
                let lost = self.placements.get(&key).map(|other| other.change.unshare()).unwrap_or_default();
                placement.everyone().without(&lost)
            })
            .fold(losing, |losing, covered| losing.without(&covered))
    }

    /// Returns whether a retiring placement can be deleted before its successor is made without leaving its region, or an
    /// account, without an image of the entry. `delete_first`: the placements that are deleted as early.
    pub fn is_spare(&self, at: &PlacementKey, delete_first: &BTreeSet<PlacementKey>) -> bool {
        let Some(recorded) = self.prior.images.get(&at.image) else { return false };
        let is_first = |generation| delete_first.contains(&PlacementKey { generation, ..at.clone() });
        let mut others = recorded.others(at).filter(|(_, placement)| placement.is_normal());
        others.any(|(generation, _)| !is_first(generation)) && self.would_lack(at).is_empty()
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
}

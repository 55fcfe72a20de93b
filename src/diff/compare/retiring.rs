//! Placements that are not the wanted ones of a current generation: kept, superseded, or not wanted any more.

use jiff::SignedDuration;

use super::*;
use crate::diff::change::{Difference, Releasable};
use crate::model::Keep;
use crate::model::interim::with_suffix;

/// Whether an earlier placement is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Retention {
    /// Kept, whatever the region holds.
    Always,
    /// Kept while the region has a slot for it.
    WhileRoom,
    /// Deleted once its successor is ready.
    Ended,
}

impl Entry<'_> {
    /// Everything recorded that is not the chosen generation in a wanted region: kept, or retired.
    pub(super) fn other_placements(
        &mut self,
        image: &DesiredImage,
        recorded: &RecordedImage,
        choice: &Choice,
        placements: &mut Vec<PlacementChange>,
        unchanged: &mut usize,
    ) {
        let wanted = image.placements();
        for (generation, build) in &recorded.generations {
            let is_current = *generation == choice.generation;
            for (region, placement) in &build.placements {
                let at = self.at(*generation, region);
                let is_wanted = wanted.contains(region);
                // What is current in a wanted region is compared with the manifest. Where nothing can be made in the
                // place of an earlier one, that one stays as it is.
                if is_wanted && (is_current || !has_successor(image, recorded, choice, region)) {
                    *unchanged += usize::from(!is_current);
                    continue;
                }
                let delete_snapshots =
                    image.deletes_snapshots_of(&build.source, placement.copied_from.is_some());
                let retention = match is_wanted {
                    true => self.retention(image, recorded, choice, &at),
                    false => Retention::Ended,
                };
                if retention != Retention::Ended {
                    // Delete-first is a consent to lose even what is otherwise always kept.
                    let consents = image.replace == ReplaceOrder::DeleteFirst && !image.protect;
                    if retention == Retention::WhileRoom || consents {
                        let superseded_at = placement.superseded_at;
                        let is_last = retention == Retention::Always;
                        let at = at.clone();
                        self.releasable.push(Releasable { at, is_last, superseded_at, delete_snapshots });
                    }
                    match self.keep_existing(image, choice, at, placement) {
                        Some(change) => placements.push(change),
                        None => *unchanged += 1,
                    }
                    continue;
                }
                let reason = match is_wanted {
                    false => Reason::RegionUnwanted,
                    true => Reason::Superseded { by: choice.generation },
                };
                let tag = self.context.cloud.ownership_tag.as_ref();
                placements.push(PlacementChange::retire(at, placement, reason, delete_snapshots, tag));
            }
        }
    }

    /// Returns whether an earlier placement is kept. Only those that can be used count.
    fn retention(
        &self,
        image: &DesiredImage,
        recorded: &RecordedImage,
        choice: &Choice,
        at: &PlacementKey,
    ) -> Retention {
        let Keep { at_least, at_most, days } = image.keep;
        let usable = |build: &RecordedGeneration| {
            let placement = build.placements.get(&at.region);
            placement.is_some_and(|placement| placement.is_normal() && !placement.interim)
        };
        let Some(build) = recorded.generations.get(&at.generation).filter(|build| usable(build)) else {
            return Retention::Ended;
        };
        // Removing the pin returns to what the source asks for.
        let is_asked_for = self.prior.pin(self.key, image.pin.as_ref()).is_some()
            && image.source.as_ref().is_some_and(|wanted| answers(build, wanted));
        // An image that was replaced in its region is not worth as much as a build.
        let rank = |generation, build: &RecordedGeneration| (build.replaced_in.is_none(), generation);
        let own = rank(at.generation, build);
        let newer = recorded
            .generations
            .iter()
            .filter(|(generation, build)| {
                rank(**generation, build) > own && **generation != choice.generation && usable(build)
            })
            .count();
        let is_within = |number: u32| newer < usize::try_from(number).unwrap_or(usize::MAX);
        if is_asked_for || is_within(at_least) {
            return Retention::Always;
        }
        let is_recent = days.is_none_or(|days| {
            let placement = build.placements.get(&at.region);
            // Not superseded before its successor is ready.
            let since = placement.and_then(|placement| placement.superseded_at).unwrap_or(self.now);
            let for_days = SignedDuration::from_hours(i64::from(days).saturating_mul(24));
            self.now.duration_since(since) < for_days
        });
        match at_most.is_none_or(is_within) && is_recent {
            true => Retention::WhileRoom,
            false => Retention::Ended,
        }
    }

    /// An earlier generation that is kept: deprecated, and shared only with those who are still wanted. It gives up a name
    /// that a current generation takes, of whichever entry.
    fn keep_existing(
        &self,
        image: &DesiredImage,
        choice: &Choice,
        at: PlacementKey,
        placement: &Placement,
    ) -> Option<PlacementChange> {
        let wanted = image.shares.get(&at.region).cloned().unwrap_or_default();
        let before = self.facts(placement);
        let mut after = before.clone();
        let deprecated = self.may_set_deprecation(image, placement, false).then_some(true);
        let current = self.at(choice.generation, &at.region);
        let is_taken = self.attributes(image, &current).name.as_ref() == Some(&placement.name)
            || self.names.contains(&(&at.region, placement.name.clone()));
        let name = is_taken.then(|| with_suffix(&placement.name, &format!("g{}", at.generation)));
        after.attributes = Attributes { name, description: None, family: None, deprecated };
        after.shares = placement.shares.shared_with(&wanted);
        let mut facts = Difference { before, after };
        if !facts.is_change() {
            return None;
        }
        facts.after.owned |= self.is_owned();
        let work = Work::Update { id: placement.id.clone(), facts };
        Some(PlacementChange { at, reason: Reason::Kept, work })
    }

    /// The entry is not in the manifest.
    pub(super) fn remove(self, recorded: &RecordedImage, mode: PlanMode) -> ImageChange {
        let reason = match mode {
            PlanMode::Normal => Reason::EntryRemoved,
            PlanMode::Destroy => Reason::Destroy,
        };
        let mut placements = Vec::new();
        // What is recorded is what the manifest said, or what follows from the source of the current generation. It
        // was said for the user's own snapshots only where those would stay otherwise.
        let current = recorded.generations.get(&recorded.current);
        let was_said = current.is_some_and(|build| build.source.has_own_snapshots());
        for (generation, build) in &recorded.generations {
            for (region, placement) in &build.placements {
                let at = self.at(*generation, region);
                let is_users = build.source.has_own_snapshots() && placement.copied_from.is_none();
                let snapshots = recorded.delete_snapshots && (was_said || !is_users);
                let tag = self.context.cloud.ownership_tag.as_ref();
                placements.push(PlacementChange::retire(at, placement, reason.clone(), snapshots, tag));
            }
        }
        ImageChange {
            image: self.key.clone(),
            action: Action::Delete,
            reason,
            generation: None,
            supersedes: None,
            source: None,
            of: None,
            delete_first: false,
            placements,
            unchanged: 0,
        }
    }
}

/// Whether the chosen generation is in a region already, or can be made there.
fn has_successor(image: &DesiredImage, recorded: &RecordedImage, choice: &Choice, region: &Region) -> bool {
    let build = recorded.generations.get(&choice.generation);
    let is_there = |region: &Region| {
        build
            .and_then(|build| build.placements.get(region))
            .is_some_and(|placement| !placement.state.is_failed())
    };
    // Without a source nothing can be created, but what is somewhere can be copied.
    image.source.is_some() || is_there(region) || image.placements().into_iter().any(is_there)
}

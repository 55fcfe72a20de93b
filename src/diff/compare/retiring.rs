//! Placements that are not the wanted ones of a current generation: kept, superseded, or not wanted any more.

use super::*;

impl Entry<'_> {
    /// Everything recorded that is not the chosen generation in a wanted region: kept, or retired.
    pub(super) fn other_placements(
        &self,
        image: &DesiredImage,
        recorded: &RecordedImage,
        choice: &Choice,
        placements: &mut Vec<PlacementChange>,
        unchanged: &mut usize,
    ) {
        let wanted = image.placements();
        let kept: BTreeSet<GenerationNumber> = recorded
            .generations
            .keys()
            .rev()
            .filter(|generation| **generation != choice.generation)
            .take(usize::try_from(image.keep.generations).unwrap_or(usize::MAX))
            .copied()
            .collect();
        for (generation, build) in &recorded.generations {
            let is_current = *generation == choice.generation;
            for (region, placement) in &build.placements {
                let at = self.at(*generation, region);
                if is_current && wanted.contains(region) {
                    continue; // told above
                }
                if kept.contains(generation) && wanted.contains(region) && !placement.state.is_failed() {
                    match self.keep_existing(image, at, placement) {
                        Some(change) => placements.push(change),
                        None => *unchanged += 1,
                    }
                    continue;
                }
                let reason = if !wanted.contains(region) {
                    Reason::RegionUnwanted
                } else {
                    Reason::Superseded { by: choice.generation }
                };
                let snapshots = image.deletes_snapshots_of(&build.source);
                placements.push(self.retire(at, placement, reason, snapshots));
            }
        }
    }

    /// An earlier generation that is kept: deprecated, and shared only with those who are still wanted.
    fn keep_existing(
        &self,
        image: &DesiredImage,
        at: PlacementKey,
        placement: &Placement,
    ) -> Option<PlacementChange> {
        let wanted = image.shares.get(&at.region).cloned().unwrap_or_default();
        let unshare = placement.shares.without(&wanted);
        let before = self.facts(placement);
        let mut after = before.clone();
        after.attributes = Attributes { name: None, description: None, family: None, deprecated: Some(true) };
        after.shares = placement.shares.without(&unshare);
        let change = PlacementChange {
            at,
            action: Action::Update,
            reason: Reason::Kept,
            id: Some(placement.id.clone()),
            before: Some(before),
            after: Some(after),
            from: None,
            remake: false,
            share: Accounts::EMPTY,
            carried: Accounts::EMPTY,
            unshare,
            delete_snapshots: false,
            early: false,
        };
        let differs = !change.unshare.is_empty() || !change.fields().is_empty();
        differs.then_some(change)
    }

    /// A placement that goes: unshared from everyone, then deleted.
    fn retire(
        &self,
        at: PlacementKey,
        placement: &Placement,
        reason: Reason,
        delete_snapshots: bool,
    ) -> PlacementChange {
        PlacementChange {
            at,
            action: Action::Delete,
            reason,
            id: Some(placement.id.clone()),
            before: Some(self.facts(placement)),
            after: None,
            from: None,
            remake: false,
            share: Accounts::EMPTY,
            carried: Accounts::EMPTY,
            unshare: placement.everyone(),
            delete_snapshots,
            early: false,
        }
    }

    /// The entry is not in the manifest.
    pub(super) fn remove(self, recorded: &RecordedImage, intention: Intention) -> ImageChange {
        let reason = match intention {
            Intention::Converge => Reason::EntryRemoved,
            Intention::Destroy => Reason::Destroy,
        };
        let mut placements = Vec::new();
        // What is recorded is what the manifest said, or what follows from the source of the current generation. It
        // was said for the user's own snapshots only where those would stay otherwise.
        let current = recorded.generations.get(&recorded.current);
        let was_said = current.is_some_and(|build| build.source.has_own_snapshots());
        for (generation, build) in &recorded.generations {
            let snapshots = recorded.delete_snapshots && (was_said || !build.source.has_own_snapshots());
            for (region, placement) in &build.placements {
                let at = self.at(*generation, region);
                placements.push(self.retire(at, placement, reason.clone(), snapshots));
            }
        }
        ImageChange {
            image: self.key.clone(),
            action: Action::Delete,
            reason,
            generation: None,
            supersedes: None,
            source: None,
            delete_first: false,
            placements,
            unchanged: 0,
        }
    }
}

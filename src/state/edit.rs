//! Applies an edit of the record: the journal's fold, `state mv`, `forget` and the manifest's `renames:` all use it.

use std::collections::BTreeMap;

use super::event::Edit;
use super::image::RecordedGeneration;
use super::recorded::Recorded;
use crate::model::{ImageKey, ImageLimit, PlacementKey, Source, SourceKind};

impl Recorded {
    /// Applies an edit. An edit of something that is not recorded changes nothing.
    pub fn apply(&mut self, edit: &Edit) {
        match edit {
            Edit::Settings { image, origin, protect, delete_snapshots } => {
                if let Some(image) = self.images.get_mut(image) {
                    image.origin.clone_from(origin);
                    image.protect = *protect;
                    image.delete_snapshots = *delete_snapshots;
                }
            }
            Edit::Forget { at, unmanaged } => {
                self.remove(at);
                self.retire_interim_name(at);
                // A region that was never read has no list of unmanaged images: the next refresh makes it.
                if let (Some((id, name)), Some(region)) = (unmanaged, self.regions.get_mut(&at.region)) {
                    region.unmanaged.insert(id.clone(), name.clone());
                }
            }
            Edit::Claim { at, accounts } => {
                if let Some(placement) = self.placement_mut(at) {
                    let claimed = placement.unmanaged.shared_with(accounts);
                    placement.unmanaged = placement.unmanaged.without(&claimed);
                    placement.shares = placement.shares.joined(&claimed);
                }
            }
            Edit::Adopt { at, source, image } => self.adopt(at, source, image.as_ref().clone()),
            Edit::Move { from, to, source } => self.move_placement(from, to, source),
            Edit::LearnShareLimit { value, at } => {
                let known = self.share_limit.as_ref().map_or(u32::MAX, |known| known.value);
                self.share_limit = Some(ImageLimit { value: known.min(*value), read_at: *at });
            }
            Edit::LearnAccountsPerCall { value } => {
                let known = self.accounts_per_call.unwrap_or(u32::MAX);
                self.accounts_per_call = Some(known.min(*value).max(1));
            }
            Edit::SeeShares { at, everyone, own } => {
                if let Some(placement) = self.placement_mut(at) {
                    placement.shares = placement.shares.joined(own);
                    placement.see_shares(everyone);
                }
            }
            Edit::LearnSharedEditsRefused => self.shared_image_edits_refused = true,
            Edit::Serve { at, since } => self.serve(at, *since),
            // It closes an intent, which is not part of the record: the journal's fold does all of it.
            Edit::Resolve { .. } => {}
            Edit::Return { image, generation } => {
                if let Some(image) = self.images.get_mut(image)
                    && image.generations.contains_key(generation)
                {
                    image.current = *generation;
                }
            }
            Edit::Hold { image, hold } => match hold {
                Some(hold) => {
                    self.holds.insert(image.clone(), hold.clone());
                }
                None => {
                    self.holds.remove(image);
                }
            },
            Edit::Rename { from, to } => self.rename(from, to),
        }
    }

    /// Records the image of a placement as that of another generation of its entry. A new one has this source and is that of an
    /// image that was replaced. Which generation is current stays. Changes nothing if there is an image already.
    fn move_placement(&mut self, from: &PlacementKey, to: &PlacementKey, source: &Source) {
        if self.placement(to).is_some() || from.image != to.image || from.region != to.region {
            return;
        }
        let Some(image) = self.images.get_mut(&from.image) else { return };
        let moved = image
            .generations
            .get_mut(&from.generation)
            .and_then(|build| build.placements.remove(&from.region));
        let Some(placement) = moved else { return };
        let build = image.generations.entry(to.generation).or_insert_with(|| RecordedGeneration {
            source: source.clone(),
            of: None,
            replaced_in: Some(from.generation),
            placements: BTreeMap::new(),
        });
        build.placements.insert(to.region.clone(), placement);
        if image.serving.get(&from.region) == Some(&from.generation) {
            image.serving.insert(to.region.clone(), to.generation);
        }
        let current = image.current;
        image.generations.retain(|number, build| *number == current || !build.placements.is_empty());
        let used = self.generations_used.entry(to.image.clone()).or_insert(to.generation);
        *used = (*used).max(to.generation);
        self.retire_interim_name(from);
    }

    /// Renames an entry, also in the sources of images that were made from it. Changes nothing if the new key is
    /// recorded: its images would be lost.
    fn rename(&mut self, from: &ImageKey, to: &ImageKey) {
        if self.images.contains_key(to) {
            return;
        }
        if let Some(image) = self.images.remove(from) {
            self.images.insert(to.clone(), image);
        }
        if let Some(used) = self.generations_used.remove(from) {
            // The new key may have been in use before: its numbers are not used again either.
            let last = self.generations_used.entry(to.clone()).or_insert(used);
            *last = (*last).max(used);
        }
        if let Some(hold) = self.holds.remove(from) {
            self.holds.insert(to.clone(), hold);
        }
        for (at, making) in take_entry(&mut self.making, from, to) {
            self.making.insert(at, making);
        }
        for (at, mut make) in take_entry(&mut self.not_found, from, to) {
            make.intent.operation.at_mut().image.clone_from(to);
            self.not_found.insert(at, make);
        }
        for (at, attempts) in take_entry(&mut self.attempts, from, to) {
            self.attempts.insert(at, attempts);
        }
        for build in self.images.values_mut().flat_map(|image| image.generations.values_mut()) {
            if let SourceKind::Encrypted { image, .. } = &mut build.source.kind
                && image == from
            {
                image.clone_from(to);
            }
        }
    }
}

/// Takes what is recorded of the placements of an entry, under the entry's new name.
fn take_entry<T>(
    map: &mut BTreeMap<PlacementKey, T>,
    from: &ImageKey,
    to: &ImageKey,
) -> Vec<(PlacementKey, T)> {
    let keys: Vec<PlacementKey> = map.keys().filter(|at| at.image == *from).cloned().collect();
    keys.into_iter()
        .filter_map(|at| Some((PlacementKey { image: to.clone(), ..at.clone() }, map.remove(&at)?)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::EXAMPLE;
    use crate::testing::worlds::{applied, key};

    #[test]
    fn a_rename_never_overwrites_an_entry() {
        let mut recorded = applied(&[EXAMPLE]).recorded;
        let before = recorded.clone();
        recorded.apply(&Edit::Rename { from: key("web"), to: key("db") });
        assert_eq!(recorded, before);
    }
}

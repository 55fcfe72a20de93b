//! Applies an edit of the record: the journal's fold, `state mv`, `forget` and the manifest's `renames:` all use it.

use std::collections::BTreeMap;

use super::event::Edit;
use super::recorded::Recorded;
use crate::model::{ImageKey, ImageLimit, PlacementKey, SourceKind};

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

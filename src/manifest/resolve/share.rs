//! Resolves shares to the accounts of each image in each region.

use std::collections::{BTreeMap, BTreeSet};

use crate::diagnostics::ManifestPath;
use crate::manifest::desired::DesiredImage;
use crate::manifest::fault::FaultKind;
use crate::manifest::syntax::{Field, Manifest, Share};
use crate::manifest::variables::{Piece, pieces};
use crate::model::{AccountId, ImageKey, Region};

use super::Resolver;

/// Accounts of each image in each region, unsorted: to merge sorted sets one by one would be quadratic in the entries of
/// an image.
type Gathered = BTreeMap<ImageKey, BTreeMap<Region, Vec<AccountId>>>;

impl Resolver<'_, '_> {
    /// Resolves all shares into the images.
    pub(super) fn shares(&mut self, manifest: &Manifest, images: &mut BTreeMap<ImageKey, DesiredImage>) {
        let mut gathered = Gathered::new();
        // Computed once, since an image may have many shares and many regions.
        let placements: BTreeMap<ImageKey, BTreeSet<Region>> = images
            .iter()
            .map(|(key, image)| (key.clone(), image.placements().into_iter().cloned().collect()))
            .collect();
        for (position, share) in manifest.shares.iter().flatten().enumerate() {
            let Field::Value(share) = share else {
                self.is_complete = false;
                continue;
            };
            let path = ManifestPath::root().field("shares").index(position);
            self.share(share, position, &path, &placements, images, &mut gathered);
        }
        for (key, regions) in gathered {
            let Some(image) = images.get_mut(&key) else { continue };
            image.shares = regions.into_iter().map(|(region, accounts)| (region, accounts.into())).collect();
        }
    }

    fn share(
        &mut self,
        share: &Share,
        position: usize,
        path: &ManifestPath,
        placements: &BTreeMap<ImageKey, BTreeSet<Region>>,
        images: &mut BTreeMap<ImageKey, DesiredImage>,
        gathered: &mut Gathered,
    ) {
        let key = self.shared_image(share, path);
        if share.with.is_missing() {
            self.report_missing(path, "with", "with: [\"200000000001\"]");
        }
        let accounts = self.with(share, path, key.as_ref());
        let image = key.as_ref().and_then(|key| images.get_mut(key));
        let placements = key.as_ref().and_then(|key| placements.get(key));
        let named: Option<BTreeSet<Region>> = share.regions.as_ref().map(|list| {
            let path = path.field("regions");
            let mut regions = BTreeSet::new();
            for (position, text) in self.items(list, &path) {
                let region = self.region(&text, || path.index(position), key.as_ref());
                let Some(region) = region else { continue };
                if placements.is_some_and(|placements| !placements.contains(&region)) {
                    let kind = FaultKind::ShareOutsideImage { region };
                    self.fault(path.index(position), key.as_ref(), kind);
                } else {
                    regions.insert(region);
                }
            }
            regions
        });
        let (Some(key), Some(image), Some(regions)) = (key, image, named.as_ref().or(placements)) else {
            self.is_complete = false;
            return;
        };
        let shares = regions.len().saturating_mul(accounts.len().max(1));
        if !self.has_room_for_shares(shares, || path.field("with")) {
            return;
        }
        image.share_entries.push(position);
        if share.exclusive.is_on() {
            image.exclusive.extend(regions.iter().cloned());
        }
        let gathered = gathered.entry(key).or_default();
        for region in regions {
            match gathered.get_mut(region) {
                Some(gathered) => gathered.extend(&accounts),
                None => drop(gathered.insert(region.clone(), accounts.clone())),
            }
        }
    }

    /// Returns the key of the shared entry.
    fn shared_image(&mut self, share: &Share, path: &ManifestPath) -> Option<ImageKey> {
        let image_path = || path.field("image");
        if let Field::Value(text) = &share.image
            && let [Piece::Text(""), Piece::Lookup(name), Piece::Text("")] = pieces(text.as_str()).as_slice()
        {
            if self.scope.has_lookup(name) {
                self.fault(image_path(), None, FaultKind::LookupShared { lookup: (*name).into() });
            } else {
                let problem = self.scope.unknown_lookup(name);
                self.problem(problem, image_path());
            }
            return None;
        }
        let text = self.required(&share.image, path, "image", "image: KEY")?;
        if self.images.contains(&*text) {
            return text.parse().ok();
        }
        self.unknown_image(&text, image_path(), "A share names an entry by its key.", "image: ");
        None
    }

    /// Returns the accounts of a share, sorted.
    fn with(&mut self, share: &Share, path: &ManifestPath, image: Option<&ImageKey>) -> Vec<AccountId> {
        let Field::Value(list) = &share.with else { return Vec::new() };
        let with_path = || path.field("with");
        let mut accounts: Vec<(AccountId, usize)> = Vec::with_capacity(list.len());
        for (position, item) in list.iter().enumerate() {
            let Field::Value(written) = item else {
                self.is_complete = false;
                continue;
            };
            let place = || with_path().index(position);
            let Some(text) = self.text(written, place) else { continue };
            let Some(account) = self.account(&text, place, image) else { continue };
            if self.owner == Some(account) {
                self.fault(place(), image, FaultKind::OwnAccount { text: text.into() });
                continue;
            }
            accounts.push((account, position));
        }
        accounts.sort_unstable();
        // Positions of one account are sorted, so the first of them is where it is listed first.
        let mut first: Option<(AccountId, usize)> = None;
        let mut unique = Vec::with_capacity(accounts.len());
        for (account, position) in accounts {
            match first {
                Some((same, first)) if same == account => {
                    let text = match list.get(position) {
                        Some(Field::Value(text)) => text.0.clone(),
                        _ => account.to_string().into(),
                    };
                    let kind = FaultKind::DuplicateAccount { text, first: with_path().index(first) };
                    self.fault(with_path().index(position), image, kind);
                }
                _ => {
                    first = Some((account, position));
                    unique.push(account);
                }
            }
        }
        unique
    }
}

//! Resolves shares to the accounts of each image in each region.

use std::collections::{BTreeMap, BTreeSet};

use crate::diagnostics::catalogue::syntax::{VALUE_MALFORMED, VALUE_UNKNOWN};
use crate::diagnostics::{ManifestPath, escape_truncated};
use crate::manifest::desired::DesiredImage;
use crate::manifest::fault::FaultKind;
use crate::manifest::syntax::{Field, ImageSelector, Manifest, Share};
use crate::manifest::variables::{Piece, pieces};
use crate::manifest::writer::scalar;
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
        let keys = self.shared_images(share, path, images);
        if share.with.is_missing() {
            self.report_missing(path, "with", "with: [\"200000000001\"]");
        }
        let only = keys.as_deref().and_then(|keys| if let [key] = keys { Some(key) } else { None });
        let accounts = self.with(share, path, only);
        let listed =
            share.regions.as_ref().map(|list| self.listed_regions(list, &path.field("regions"), only));
        let Some(keys) = keys else {
            self.is_complete = false;
            return;
        };
        if let Some(listed) = &listed {
            self.report_outside(listed, &path.field("regions"), &keys, placements);
        }
        let listed: Option<BTreeSet<&Region>> =
            listed.as_ref().map(|listed| listed.iter().map(|(_, region, _)| region).collect());
        for key in keys {
            let (Some(image), Some(placements)) = (images.get_mut(&key), placements.get(&key)) else {
                self.is_complete = false;
                continue;
            };
            let regions: Vec<&Region> = match &listed {
                Some(listed) => placements.iter().filter(|region| listed.contains(region)).collect(),
                None => placements.iter().collect(),
            };
            let shares = regions.len().saturating_mul(accounts.len().max(1));
            if !self.has_room_for_shares(shares, || path.field("with")) {
                return;
            }
            image.share_entries.push(position);
            if share.exclusive.is_on() {
                image.exclusive.extend(regions.iter().copied().cloned());
            }
            let gathered = gathered.entry(key).or_default();
            for region in regions {
                match gathered.get_mut(region) {
                    Some(gathered) => gathered.extend(&accounts),
                    None => drop(gathered.insert(region.clone(), accounts.clone())),
                }
            }
        }
    }

    /// Reports regions in which none of the shared images is. Of a set, one region is enough.
    fn report_outside(
        &mut self,
        listed: &[(usize, Region, bool)],
        path: &ManifestPath,
        keys: &[ImageKey],
        placements: &BTreeMap<ImageKey, BTreeSet<Region>>,
    ) {
        let shared: BTreeSet<&Region> = keys.iter().filter_map(|key| placements.get(key)).flatten().collect();
        let only = if let [key] = keys { Some(key) } else { None };
        let mut sets: BTreeMap<usize, (&Region, bool)> = BTreeMap::new();
        for (position, region, is_written) in listed {
            let is_there = shared.contains(region);
            if *is_written && !is_there {
                let kind = FaultKind::ShareOutsideImage { region: region.clone() };
                self.fault(path.index(*position), only, kind);
            } else if !is_written {
                sets.entry(*position).or_insert((region, false)).1 |= is_there;
            }
        }
        for (position, (region, _)) in sets.into_iter().filter(|(_, (_, is_there))| !is_there) {
            let kind = FaultKind::ShareOutsideImage { region: region.clone() };
            self.fault(path.index(position), only, kind);
        }
    }

    /// Returns the keys of the shared entries: by key, by a list of keys, all of them, or by tags.
    fn shared_images(
        &mut self,
        share: &Share,
        path: &ManifestPath,
        images: &BTreeMap<ImageKey, DesiredImage>,
    ) -> Option<Vec<ImageKey>> {
        let written: Vec<&str> = [
            ("image", share.image.is_present()),
            ("images", share.images.is_present()),
            ("tags", share.tags.is_some()),
        ]
        .into_iter()
        .filter_map(|(key, is_written)| is_written.then_some(key))
        .collect();
        // Each such share considers every entry.
        if matches!(written.as_slice(), ["images" | "tags"])
            && !self.has_room_for_members(images.len(), || path.clone())
        {
            return None;
        }
        match written.as_slice() {
            ["images"] => self.several_images(share, &path.field("images"), images),
            ["tags"] => self.tagged_images(share, &path.field("tags"), images),
            [] | [_] => self.shared_image(share, path).map(|key| vec![key]),
            [first, second, ..] => {
                let detail = format!("`{path}` selects images by `{first}` and by `{second}`.");
                let place = path.field(second).key();
                let diagnostic = VALUE_MALFORMED.found(detail).at(place.clone(), "selects images too");
                self.report(diagnostic.help("Write one of `image`, `images` and `tags`.").about(place));
                None
            }
        }
    }

    /// Returns the entries of `images`: all, or those of a list.
    fn several_images(
        &mut self,
        share: &Share,
        path: &ManifestPath,
        images: &BTreeMap<ImageKey, DesiredImage>,
    ) -> Option<Vec<ImageKey>> {
        match share.images.value()? {
            ImageSelector::Word(word) if word.as_str() == "all" => Some(images.keys().cloned().collect()),
            ImageSelector::Word(word) => {
                let detail = format!(
                    "expected `all` or a list of keys for `{path}`, found `{}`.",
                    escape_truncated(word.as_str())
                );
                let diagnostic = VALUE_MALFORMED.found(detail).at(path.clone(), "neither");
                let help = format!("images: [{}]", scalar(word.as_str()));
                self.report(diagnostic.help(help).about(path.clone()));
                None
            }
            ImageSelector::Keys(list) => {
                let mut keys = Vec::with_capacity(list.len());
                for (position, text) in self.items(list, path) {
                    if !self.images.contains(&*text) {
                        self.unknown_image(
                            &text,
                            path.index(position),
                            "A share names entries by their keys.",
                            "",
                        );
                    } else if let Ok(key) = text.parse::<ImageKey>() {
                        keys.push(key);
                    }
                }
                keys.sort();
                keys.dedup();
                Some(keys)
            }
        }
    }

    /// Returns the entries that have all tags. It is an error if none has.
    fn tagged_images(
        &mut self,
        share: &Share,
        path: &ManifestPath,
        images: &BTreeMap<ImageKey, DesiredImage>,
    ) -> Option<Vec<ImageKey>> {
        let mut wanted = Vec::new();
        for (key, value) in share.tags.iter().flatten() {
            wanted.push((key.0.clone(), self.optional(value, || path.field(key.as_str()))?));
        }
        let has_all = |image: &DesiredImage| {
            wanted.iter().all(|(key, value)| image.tags.get(key).is_some_and(|tag| *tag == **value))
        };
        let keys: Vec<ImageKey> =
            images.iter().filter(|(_, image)| has_all(image)).map(|(key, _)| key.clone()).collect();
        if keys.is_empty() || wanted.is_empty() {
            let detail = format!("No entry has the tags of `{path}`, so this share would have no effect.");
            let diagnostic = VALUE_UNKNOWN.found(detail).at(path.clone(), "matches no entry");
            self.report(diagnostic.help("Write tags that entries under `images` have.").about(path.clone()));
            return None;
        }
        Some(keys)
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
        let mut grouped: Vec<AccountId> = Vec::new();
        for (position, item) in list.iter().enumerate() {
            let Field::Value(written) = item else {
                self.is_complete = false;
                continue;
            };
            let place = || with_path().index(position);
            let Some(text) = self.text(written, place) else { continue };
            let (found, is_group) = self.accounts_of(&text, place, image);
            if is_group {
                // An account that is reached twice through groups is fine.
                grouped.extend(found);
                continue;
            }
            let Some(&account) = found.first() else { continue };
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
        if !grouped.is_empty() {
            unique.extend(grouped);
            unique.sort_unstable();
            unique.dedup();
        }
        unique
    }
}

//! What the user wants: canonical, sorted, defaults applied, variables replaced; the only thing the diff sees.

use std::collections::{BTreeMap, BTreeSet};

use compact_str::CompactString;
use serde::{Deserialize, Serialize};

use super::fault::Fault;
use super::query::ImportQuery;
use super::settings::{CloudSettings, StateLocation};
use crate::diagnostics::ManifestPath;
use crate::model::{
    AccountId, Accounts, Address, ImageId, ImageKey, Keep, Level, Lookup, NameTemplate, PlacementKey, Region,
    RegionTable, ReplaceOrder, Source, SourceKind, Tags,
};

/// Everything that a manifest says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Desired {
    /// The owner.
    pub account: AccountId,
    /// Which service, and how to reach it.
    pub cloud: CloudSettings,
    /// Where the state is kept.
    pub state: StateLocation,
    /// Names for accounts.
    pub accounts: BTreeMap<CompactString, AccountId>,
    /// The images, by key.
    pub images: BTreeMap<ImageKey, DesiredImage>,
    /// Images that are used and not managed.
    pub lookups: BTreeMap<ImageKey, Lookup>,
    /// Entries that were renamed: old key to new key.
    pub renames: Vec<(ImageKey, ImageKey)>,
    /// Limits that the manifest names.
    pub limits: DesiredLimits,
    /// Levels that the manifest sets, by rule name.
    pub levels: BTreeMap<CompactString, Level>,
    /// The known regions.
    pub regions: RegionTable,
    /// What cannot be built, or is doubtful, in what the manifest says; rules turn them into diagnostics. Not saved
    /// with a plan: what is hard makes no plan, and the rest was judged when it was made.
    #[serde(skip)]
    pub faults: Vec<Fault>,
}

/// An image that the user wants.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DesiredImage {
    /// Where it is built.
    pub region: Region,
    /// Its name.
    pub name: NameTemplate,
    /// Its description; `None`: not managed.
    pub description: Option<String>,
    /// Its family; `None`: not managed.
    pub family: Option<CompactString>,
    /// Its tags; an empty map manages no key.
    pub tags: Tags,
    /// What it is built from. `None` beside a hard [`Fault`] (such a `Desired` is judged, never applied), and for
    /// a lookup whose image is not known yet.
    pub source: Option<Source>,
    /// The image under `lookups` that `source.shared.id` names. Its id is known when it was looked up; until
    /// then there is no `source`: see [`Desired::set_lookups`].
    pub lookup: Option<LookupSource>,
    /// The query of an import's URL. Not part of the source: it may change without a new build.
    pub import_query: Option<ImportQuery>,
    /// The regions it is copied to, as listed (the origin's region may stand among them: GF404).
    pub copies: Vec<Region>,
    /// Where each of `copies` stands in the manifest's list.
    pub copy_entries: Vec<usize>,
    /// How a new generation takes the place of the old one.
    pub replace: ReplaceOrder,
    /// Earlier generations to keep.
    pub keep: Keep,
    /// Whether snapshots are deleted with the image; `None`: the default of the kind of source.
    pub delete_snapshots: Option<bool>,
    /// Whether it is protected from deletion.
    pub protect: bool,
    /// Whether goldform sets and clears the deprecation mark.
    pub deprecate: bool,
    /// The accounts that it is shared with, by region. Only regions where the image is to be.
    pub shares: BTreeMap<Region, Accounts>,
    /// Regions in which shares that goldform did not make are revoked.
    pub exclusive: BTreeSet<Region>,
    /// The indexes of its entries under `shares:`, for messages.
    pub share_entries: Vec<usize>,
}

impl DesiredImage {
    /// The regions it is copied to, each with its place in the manifest's list: what could not be read is not among them.
    pub fn listed_copies(&self) -> impl Iterator<Item = (usize, &Region)> {
        self.copy_entries.iter().copied().zip(&self.copies)
    }

    /// The regions where it is to be: the origin's and those of its copies, each once.
    pub fn placements(&self) -> BTreeSet<&Region> {
        std::iter::once(&self.region).chain(&self.copies).collect()
    }

    /// Whether what it is made from is looked up, and not known yet.
    pub fn waits_for_lookup(&self) -> bool {
        self.source.is_none() && self.lookup.is_some()
    }

    /// Whether snapshots are deleted with the image: where the service made them for it they are, those that
    /// the user named, and those of adopted images, stay.
    pub fn deletes_snapshots(&self) -> bool {
        self.delete_snapshots.unwrap_or_else(|| !self.source.as_ref().is_some_and(Source::has_own_snapshots))
    }

    /// The same for one placement of a generation, which may have been made from something else than the entry is now:
    /// of a copy, the service made the snapshots for goldform.
    pub fn deletes_snapshots_of(&self, generation: &Source, is_copy: bool) -> bool {
        self.delete_snapshots.unwrap_or_else(|| is_copy || !generation.has_own_snapshots())
    }
}

impl Desired {
    /// Puts the ids that were looked up into the sources that name a lookup, where they were found.
    pub fn set_lookups<'i>(&mut self, found: impl Fn(&ImageKey) -> Option<&'i ImageId>) {
        for image in self.images.values_mut() {
            let Some(LookupSource { name, from, revision }) = &image.lookup else { continue };
            if let Some(id) = found(name) {
                let kind = SourceKind::Shared { id: id.clone(), from: *from };
                image.source = Some(Source { kind, revision: revision.clone() });
            }
        }
    }

    /// The images that are to be taken over, by region, whether they are already or not.
    pub fn adopted(&self) -> BTreeMap<Region, BTreeSet<ImageId>> {
        let mut adopted: BTreeMap<Region, BTreeSet<ImageId>> = BTreeMap::new();
        for image in self.images.values() {
            if let Some(Source { kind: SourceKind::Adopted(id), .. }) = &image.source {
                adopted.entry(image.region.clone()).or_default().insert(id.clone());
            }
        }
        adopted
    }

    /// The images that the manifest names by id, by region: those to be taken over, and those that others share.
    pub fn named(&self) -> BTreeMap<Region, BTreeSet<ImageId>> {
        let mut named = self.adopted();
        for image in self.images.values() {
            if let Some(Source { kind: SourceKind::Shared { id, .. }, .. }) = &image.source {
                named.entry(image.region.clone()).or_default().insert(id.clone());
            }
        }
        named
    }

    /// The regions that an entry is imported to.
    pub fn import_regions(&self) -> BTreeSet<Region> {
        let imported = self.images.values().filter(|image| {
            image.source.as_ref().is_some_and(|source| matches!(source.kind, SourceKind::Import { .. }))
        });
        imported.map(|image| image.region.clone()).collect()
    }

    /// The names of the sensitive variables that an apply needs.
    pub fn secrets(&self) -> BTreeSet<&CompactString> {
        self.images
            .values()
            .filter_map(|image| image.import_query.as_ref())
            .flat_map(ImportQuery::secrets)
            .collect()
    }

    /// Where the manifest speaks of an address: the copy's region in its list, else the origin's region, else
    /// the entry's key.
    pub fn path_of(&self, address: &Address) -> ManifestPath {
        match address {
            Address::Image(key) => ManifestPath::image(key),
            Address::InRegion(key, region) | Address::Placement(PlacementKey { image: key, region, .. }) => {
                self.path_of_region(key, region)
            }
            Address::Share(PlacementKey { image: key, .. }, _) => {
                match self.images.get(key).and_then(|image| image.share_entries.first()) {
                    Some(&entry) => ManifestPath::root().field("shares").index(entry),
                    None => ManifestPath::image(key),
                }
            }
            Address::Lookup(name) => ManifestPath::root().field("lookups").field(name.as_str()).key(),
        }
    }

    fn path_of_region(&self, key: &ImageKey, region: &Region) -> ManifestPath {
        let entry = ManifestPath::root().field("images").field(key.as_str());
        match self.images.get(key) {
            Some(image) if image.region == *region => entry.field("region"),
            Some(image) => match image.copies.iter().position(|copy| copy == region) {
                Some(position) => {
                    let position = image.copy_entries.get(position).copied().unwrap_or(position);
                    entry.field("copies").index(position)
                }
                None => entry.key(),
            },
            None => entry.key(),
        }
    }
}

/// A shared source whose id is looked up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LookupSource {
    /// The lookup's name.
    pub name: ImageKey,
    /// The account that the image must come from.
    pub from: Option<AccountId>,
    /// The source's revision.
    pub revision: Option<CompactString>,
}

/// Limits that the manifest names.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DesiredLimits {
    /// Custom images per region.
    pub images_per_region: Option<u32>,
    /// Accounts per image.
    pub accounts_per_image: Option<u32>,
    /// Custom images in particular regions.
    pub regions: BTreeMap<Region, u32>,
}

impl DesiredLimits {
    /// The manifest's limit of custom images in a region.
    pub fn images_in(&self, region: &Region) -> Option<u32> {
        self.regions.get(region).copied().or(self.images_per_region)
    }
}

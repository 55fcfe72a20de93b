//! Desired state: the manifest after variables are replaced and defaults applied, in canonical order. It is all that the
//! diff knows of a manifest.

use std::collections::{BTreeMap, BTreeSet};

use compact_str::CompactString;
use serde::{Deserialize, Serialize};

use super::fault::Fault;
use super::query::ImportQuery;
use super::settings::{CloudSettings, StateLocation};
use crate::diagnostics::ManifestPath;
use crate::model::{
    AccountId, Accounts, Address, ImageId, ImageKey, Keep, Level, Lookup, NameTemplate, PlacementKey, Region,
    RegionTable, ReplaceOrder, RevisionName, Source, SourceKind, Tags,
};

/// Meaning of a whole manifest.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Desired {
    /// Account that owns the images.
    pub account: AccountId,
    /// Image service, and how to reach it.
    pub cloud: CloudSettings,
    /// Where the state is kept.
    pub state: StateLocation,
    /// Accounts by name.
    pub accounts: BTreeMap<CompactString, AccountId>,
    /// Members of the groups of accounts, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub groups: BTreeMap<CompactString, Accounts>,
    /// Images by key.
    pub images: BTreeMap<ImageKey, DesiredImage>,
    /// Images that are used but not managed.
    pub lookups: BTreeMap<ImageKey, Lookup>,
    /// Renamed entries: old key and new key.
    pub renames: Vec<(ImageKey, ImageKey)>,
    /// Limits that the manifest sets.
    pub limits: DesiredLimits,
    /// Levels that the manifest sets, by rule name.
    pub levels: BTreeMap<CompactString, Level>,
    /// Known regions.
    pub regions: RegionTable,
    /// Faults, which rules turn into diagnostics. They are not saved with a plan: a hard fault allows no plan, and the
    /// others were judged when the plan was made.
    #[serde(skip)]
    pub faults: Vec<Fault>,
}

/// Desired image of an entry.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DesiredImage {
    /// Region of the origin.
    pub region: Region,
    /// Template of the name in the service.
    pub name: NameTemplate,
    /// Whether an adopted image keeps the name that it has, because the entry has no `name`. Its copies get that name too.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub keeps_name: bool,
    /// Description, or `None` if it is not managed.
    pub description: Option<String>,
    /// Family, or `None` if it is not managed.
    pub family: Option<CompactString>,
    /// Tags. Keys that are not named are not managed.
    pub tags: Tags,
    /// Source. `None` with a hard [`Fault`] (such a `Desired` is judged but never applied), and for a lookup whose image is
    /// not known yet.
    pub source: Option<Source>,
    /// Ids of its adopted image in other regions. They are no part of the source: the id in the origin's region identifies
    /// the generation, and another one of these replaces a placement of it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub adopted_elsewhere: BTreeMap<Region, ImageId>,
    /// Lookup that `source.shared.id` names. There is no `source` until the id is known: see
    /// [`Desired::set_lookups`].
    pub lookup: Option<LookupSource>,
    /// Query of an import's URL. It is not part of the source, since a change of it causes no new build.
    pub import_query: Option<ImportQuery>,
    /// Regions that it is copied to, in the order of the list. The origin's region may be one of them (GF404).
    pub copies: Vec<Region>,
    /// Index of each of `copies` in the manifest's list.
    pub copy_entries: Vec<usize>,
    /// How a new generation replaces the old one.
    pub replace: ReplaceOrder,
    /// Earlier generations to keep.
    pub keep: Keep,
    /// Generation that is current, whatever the source says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pin: Option<RevisionName>,
    /// Whether snapshots are deleted with the image. `None` means the default of the kind of source.
    pub delete_snapshots: Option<bool>,
    /// Whether it is protected from deletion.
    pub protect: bool,
    /// Whether goldform sets and clears the deprecation mark.
    pub deprecate: bool,
    /// Accounts that it is shared with, by region of a placement.
    pub shares: BTreeMap<Region, Accounts>,
    /// Regions in which unmanaged shares are revoked.
    pub exclusive: BTreeSet<Region>,
    /// Indexes of its entries under `shares`, for messages.
    pub share_entries: Vec<usize>,
}

impl DesiredImage {
    /// Returns the regions that it is copied to, each with its index in the manifest's list. Items that could not be read
    /// are left out.
    pub fn listed_copies(&self) -> impl Iterator<Item = (usize, &Region)> {
        self.copy_entries.iter().copied().zip(&self.copies)
    }

    /// Returns the regions of the origin, of adopted images and of the copies, each once.
    pub fn placements(&self) -> BTreeSet<&Region> {
        std::iter::once(&self.region).chain(self.adopted_elsewhere.keys()).chain(&self.copies).collect()
    }

    /// Returns the images that it takes over, by region: that of the origin first.
    pub fn adopted(&self) -> impl Iterator<Item = (&Region, &ImageId)> {
        let origin = match &self.source {
            Some(Source { kind: SourceKind::Adopted(id), .. }) => Some((&self.region, id)),
            _ => None,
        };
        origin.into_iter().chain(self.adopted_elsewhere.iter().filter(move |_| origin.is_some()))
    }

    /// Returns the image that it takes over in a region.
    pub fn adopted_in(&self, region: &Region) -> Option<&ImageId> {
        self.adopted().find(|(other, _)| *other == region).map(|(_, id)| id)
    }

    /// Returns the revision of a build of its source: what the source says, or the source's id. `None` if that is another
    /// entry's, or not known yet.
    pub fn revision(&self) -> Option<CompactString> {
        self.source.as_ref().and_then(Source::revision_or_id)
    }

    /// Returns whether its source is a lookup whose image is not known yet.
    pub fn waits_for_lookup(&self) -> bool {
        self.source.is_none() && self.lookup.is_some()
    }

    /// Returns whether snapshots are deleted with the image. By default they are if the service made them for it, but not
    /// if the user named them or if the image is adopted.
    pub fn deletes_snapshots(&self) -> bool {
        self.delete_snapshots.unwrap_or_else(|| !self.source.as_ref().is_some_and(Source::has_own_snapshots))
    }

    /// Returns whether snapshots are deleted with a placement of a generation, which may have another source than the
    /// entry has now. The service makes the snapshots of a copy for goldform.
    pub fn deletes_snapshots_of(&self, generation: &Source, is_copy: bool) -> bool {
        self.delete_snapshots.unwrap_or_else(|| is_copy || !generation.has_own_snapshots())
    }
}

impl Desired {
    /// Returns the accounts that the manifest names, alone or in a group.
    pub fn named_accounts(&self) -> impl Iterator<Item = AccountId> + '_ {
        self.accounts.values().copied().chain(self.groups.values().flat_map(Accounts::iter))
    }

    /// Sets the sources that name a lookup, if its image was found.
    pub fn set_lookups<'i>(&mut self, found: impl Fn(&ImageKey) -> Option<&'i ImageId>) {
        for image in self.images.values_mut() {
            let Some(LookupSource { name, from, revision }) = &image.lookup else { continue };
            if let Some(id) = found(name) {
                let kind = SourceKind::Shared { id: id.clone(), from: *from };
                image.source = Some(Source { kind, revision: revision.clone() });
            }
        }
    }

    /// Returns the adopted images by region, whether they are recorded or not.
    pub fn adopted(&self) -> BTreeMap<Region, BTreeSet<ImageId>> {
        let mut adopted: BTreeMap<Region, BTreeSet<ImageId>> = BTreeMap::new();
        for (region, id) in self.images.values().flat_map(DesiredImage::adopted) {
            adopted.entry(region.clone()).or_default().insert(id.clone());
        }
        adopted
    }

    /// Returns the images that the manifest names by id, by region: adopted images, and images that other accounts share.
    pub fn named(&self) -> BTreeMap<Region, BTreeSet<ImageId>> {
        let mut named = self.adopted();
        for image in self.images.values() {
            if let Some(Source { kind: SourceKind::Shared { id, .. }, .. }) = &image.source {
                named.entry(image.region.clone()).or_default().insert(id.clone());
            }
        }
        named
    }

    /// Returns the regions of all imports.
    pub fn import_regions(&self) -> BTreeSet<Region> {
        let imported = self.images.values().filter(|image| {
            image.source.as_ref().is_some_and(|source| matches!(source.kind, SourceKind::Import { .. }))
        });
        imported.map(|image| image.region.clone()).collect()
    }

    /// Returns the names of the sensitive variables that an apply needs.
    pub fn secrets(&self) -> BTreeSet<&CompactString> {
        self.images
            .values()
            .filter_map(|image| image.import_query.as_ref())
            .flat_map(ImportQuery::secrets)
            .collect()
    }

    /// Returns the path of an address in the manifest: the copy's region in its list, the origin's region, or the
    /// entry's key.
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
            Some(image) if image.adopted_elsewhere.contains_key(region) => {
                entry.field("source").field("adopted").field(region.as_str()).key()
            }
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

/// Shared source whose id is looked up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LookupSource {
    /// Name of the lookup.
    pub name: ImageKey,
    /// Account that the image must come from.
    pub from: Option<AccountId>,
    /// Revision of the source.
    pub revision: Option<CompactString>,
}

/// Limits that the manifest sets.
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
    /// Returns the manifest's limit of custom images in a region.
    pub fn images_in(&self, region: &Region) -> Option<u32> {
        self.regions.get(region).copied().or(self.images_per_region)
    }
}

//! Images that are there and not managed: which are copies of one another, what entries they become, and how they
//! are recorded.
//!
//! Copies are recognised by what a copy inherits: the origin's name, its system disk, operating system and
//! architecture, and a later moment of creation. Two images of one name that differ in these are two entries. An
//! attribute that is not the same everywhere is left out of the entry, which means that it is not managed: so the
//! next plan is empty, whatever was there.

pub mod declared;
mod entries;

use std::collections::{BTreeMap, BTreeSet};

use compact_str::CompactString;

use entries::{are_alike, entry, grouped};

use crate::manifest::insert::NewEntry;
use crate::manifest::{Desired, DesiredImage};
use crate::model::{Accounts, ImageId, ImageKey, ImageKind, NameTemplate, PlacementKey, Region, SourceKind};
use crate::state::{Lineage, Observed, ObservedImage, Placement, Recorded};

/// Which of the images that were seen are wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pick {
    /// All.
    All,
    /// These, and their copies.
    Named {
        /// Images, in whatever region they are.
        ids: BTreeSet<ImageId>,
        /// Names of images whose ids are not known.
        names: BTreeSet<CompactString>,
    },
}

/// Images that can be adopted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Adoptable {
    /// The entries.
    pub entries: Vec<NewEntry>,
    /// Images that are left out, and why.
    pub left_out: Vec<LeftOut>,
    /// What is not sure, for people.
    pub notes: Vec<String>,
}

/// An image that is left out.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct LeftOut {
    /// Where it is.
    pub region: Region,
    /// Its id.
    pub id: ImageId,
    /// Its name.
    pub name: CompactString,
    /// Why.
    pub why: String,
    /// The state that it belongs to, by its ownership tag, where that is another one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owner: Option<CompactString>,
}

type Found<'o> = (&'o Region, &'o ObservedImage, Accounts);

/// Returns the observed images that can be adopted. An image with an ownership tag is adopted if its state is one of
/// `lineages`.
pub fn adoptable(
    desired: &Desired,
    recorded: &Recorded,
    lineages: &[&Lineage],
    observed: &Observed,
    pick: &Pick,
) -> Adoptable {
    let mut result = Adoptable::default();
    let managed: BTreeMap<(Region, ImageId), PlacementKey> = recorded
        .placements()
        .map(|(at, placement)| ((at.region.clone(), placement.id.clone()), at))
        .collect();
    let named = desired.adopted();
    let mut by_name: BTreeMap<&CompactString, Vec<Found<'_>>> = BTreeMap::new();
    for (region, seen) in &observed.regions {
        for image in seen.images.values() {
            let is_named = named.get(region).is_some_and(|ids| ids.contains(&image.id));
            let at = managed.get(&(region.clone(), image.id.clone()));
            let why = match at {
                Some(at) => Some(format!("it is managed as {at}")),
                None if is_named && foreign_owner(desired, lineages, image).is_none() => {
                    Some("the manifest names it already".to_owned())
                }
                None => unfit(desired, lineages, image),
            };
            if let Some(why) = why {
                let (id, name) = (image.id.clone(), image.name.clone());
                let owner = foreign_owner(desired, lineages, image).filter(|_| at.is_none());
                result.left_out.push(LeftOut {
                    region: region.clone(),
                    id,
                    name,
                    why,
                    owner: owner.cloned(),
                });
                continue;
            }
            let shares = seen.shares.get(&image.id).cloned().unwrap_or_default();
            by_name.entry(&image.name).or_default().push((region, image, shares));
        }
    }
    let mut taken: BTreeSet<ImageKey> = desired.images.keys().cloned().collect();
    taken.extend(recorded.images.keys().cloned());
    for (name, mut found) in by_name {
        // Copies are made after their origin; within one second the region decides, so that it is always the same.
        found.sort_by(|a, b| (a.1.created, a.0, &a.1.id).cmp(&(b.1.created, b.0, &b.1.id)));
        let groups = grouped(found, name, &mut result.notes);
        for group in groups {
            if !is_picked(&group, pick) {
                continue;
            }
            let Some(entry) = entry(&group, desired, &taken, &mut result.notes) else { continue };
            taken.insert(entry.key.clone());
            result.entries.push(entry);
        }
    }
    if let Pick::Named { ids, names } = pick {
        result.left_out.retain(|left| ids.contains(&left.id) || names.contains(&left.name));
    }
    result
}

/// Returns why an image cannot be adopted.
fn unfit(desired: &Desired, lineages: &[&Lineage], image: &ObservedImage) -> Option<String> {
    if image.kind != ImageKind::Custom {
        return Some(format!("it is {}, not an image of this account", image.kind.as_str()));
    }
    if !image.state.is_ready() {
        return Some(format!("it is {}, not NORMAL", image.state.as_str()));
    }
    if image.name.is_empty() || NameTemplate::has_placeholder(&image.name) {
        return Some("no manifest can say its name".to_owned());
    }
    let owner = foreign_owner(desired, lineages, image)?;
    Some(format!("its ownership tag says that the state {owner} manages it"))
}

fn foreign_owner<'o>(
    desired: &Desired,
    lineages: &[&Lineage],
    image: &'o ObservedImage,
) -> Option<&'o CompactString> {
    owner(desired, image).filter(|owner| lineages.iter().all(|lineage| lineage.0 != **owner))
}

/// The lineage of the state that an image says it belongs to.
fn owner<'o>(desired: &Desired, image: &'o ObservedImage) -> Option<&'o CompactString> {
    desired.cloud.ownership_tag.as_ref().and_then(|key| image.tags.get(key))
}

/// Whether any image that was seen says that it belongs to this state.
pub fn is_known(lineage: &Lineage, desired: &Desired, observed: &Observed) -> bool {
    let images = observed.regions.values().flat_map(|seen| seen.images.values());
    images.filter_map(|image| owner(desired, image)).any(|owner| *owner == lineage.0)
}

fn is_picked(group: &[Found<'_>], pick: &Pick) -> bool {
    match pick {
        Pick::All => true,
        Pick::Named { ids, names } => {
            group.iter().any(|(_, image, _)| ids.contains(&image.id) || names.contains(&image.name))
        }
    }
}

/// What the manifest is to mean once these entries are in it; the places of shares in their list are taken from
/// what was read, since they say nothing of what is wanted.
pub fn intended(before: &Desired, read: &Desired, entries: &[NewEntry]) -> Desired {
    let mut after = before.clone();
    for entry in entries {
        let Some(found) = read.images.get(&entry.key) else { continue };
        let all: BTreeSet<Region> = std::iter::once(&entry.region).chain(&entry.copies).cloned().collect();
        let mut shares: BTreeMap<Region, Accounts> = BTreeMap::new();
        for share in &entry.shares {
            let regions = if share.regions.is_empty() { &all } else { &share.regions };
            for region in regions {
                shares.insert(region.clone(), share.with.clone().into());
            }
        }
        let image = DesiredImage {
            region: entry.region.clone(),
            // An entry with this name is inserted without it.
            name: match entry.name == entry.key.as_str() {
                true => NameTemplate::default_of(&entry.key),
                false => NameTemplate(entry.name.as_str().into()),
            },
            description: entry.description.clone(),
            family: entry.family.as_deref().map(Into::into),
            tags: entry.tags.clone(),
            source: Some(crate::model::Source {
                kind: SourceKind::Adopted(entry.id.clone()),
                revision: None,
            }),
            adopted_elsewhere: BTreeMap::new(),
            lookup: None,
            import_query: None,
            copies: entry.copies.clone(),
            copy_entries: (0..entry.copies.len()).collect(),
            replace: found.replace,
            keep: found.keep,
            keeps_name: entry.name == entry.key.as_str(),
            pin: None,
            delete_snapshots: None,
            protect: false,
            deprecate: entry.deprecate,
            shares,
            exclusive: BTreeSet::new(),
            share_entries: found.share_entries.clone(),
        };
        after.images.insert(entry.key.clone(), image);
    }
    after
}

/// Records every entry that takes an image over, is not recorded yet, and whose image was seen, with the copies that
/// the manifest names. Returns the recorded placements.
pub fn record(desired: &Desired, recorded: &mut Recorded, observed: &Observed) -> Vec<PlacementKey> {
    let mut all = Vec::new();
    for (key, image) in &desired.images {
        let Some(source) = &image.source else { continue };
        let SourceKind::Adopted(id) = &source.kind else { continue };
        if recorded.images.contains_key(key) {
            continue;
        }
        all.extend(record_as(key, image, id, desired, recorded, observed));
    }
    all
}

/// Records an image as the generation that answers an entry's source, with the copies that the manifest names.
pub fn record_as(
    key: &ImageKey,
    image: &DesiredImage,
    id: &ImageId,
    desired: &Desired,
    recorded: &mut Recorded,
    observed: &Observed,
) -> Vec<PlacementKey> {
    let seen = |region: &Region| observed.regions.get(region);
    let origin = seen(&image.region).and_then(|seen| seen.images.get(id));
    let (Some(origin), Some(source)) = (origin, &image.source) else { return Vec::new() };
    let managed: BTreeSet<(Region, ImageId)> =
        recorded.placements().map(|(at, placement)| (at.region, placement.id.clone())).collect();
    let is_free = |region: &Region, image: &ObservedImage| {
        image.kind == ImageKind::Custom
            && image.state.is_ready()
            && !managed.contains(&(region.clone(), image.id.clone()))
    };
    if !is_free(&image.region, origin) {
        return Vec::new();
    }
    let generation = recorded.next_generation(key);
    let mut all = Vec::new();
    for region in image.placements() {
        let Some(region_seen) = seen(region) else { continue };
        let found = if *region == image.region {
            Some(origin)
        } else if let Some(id) = image.adopted_in(region) {
            region_seen.images.get(id).filter(|named| is_free(region, named))
        } else {
            let mut same = region_seen.images.values().filter(|other| {
                is_free(region, other) && other.name == origin.name && are_alike(origin, other)
            });
            // Two that fit equally: the older one, as entries are grouped.
            let first = same.next();
            same.fold(first, |best, next| {
                best.map(|best| if (next.created, &next.id) < (best.created, &best.id) { next } else { best })
            })
        };
        let Some(found) = found else { continue };
        let at = PlacementKey { image: key.clone(), generation, region: region.clone() };
        let shares = region_seen.shares.get(&found.id).cloned().unwrap_or_default();
        let placement = taken_over(desired, image, region, found, &shares);
        recorded.adopt(&at, source, placement);
        all.push(at);
    }
    set_settings(recorded, key, image);
    all
}

/// Records what the manifest says of an entry, if it is recorded.
fn set_settings(recorded: &mut Recorded, key: &ImageKey, image: &DesiredImage) {
    if let Some(entry) = recorded.images.get_mut(key) {
        entry.origin = image.region.clone();
        entry.protect = image.protect;
        entry.delete_snapshots = image.deletes_snapshots();
    }
}

/// Returns an observed image as a placement of an entry.
fn taken_over(
    desired: &Desired,
    image: &DesiredImage,
    region: &Region,
    found: &ObservedImage,
    shares: &Accounts,
) -> Placement {
    let mut tags: BTreeSet<CompactString> = image.tags.keys().cloned().collect();
    tags.extend(desired.cloud.ownership_tag.iter().cloned());
    let mut placement = Placement::accepted(found.id.clone(), found.name.clone(), found.state, found.created);
    placement.see(found, &tags);
    // What the manifest shares is goldform's from now; the rest stays unmanaged.
    placement.shares = image.shares.get(region).cloned().unwrap_or_default();
    placement.see_shares(shares);
    placement
}

//! Images that are there and not managed: which are copies of one another, what entries they become, and how they
//! are recorded.
//!
//! Copies are told by what the service gives a copy: the origin's name, its system disk, operating system and
//! architecture, and a later moment of creation. Two images of one name that differ in these are two entries. An
//! attribute that is not the same everywhere is left out of the entry, which means that it is not managed: so the
//! next plan is empty, whatever was there.

use std::collections::{BTreeMap, BTreeSet};

use compact_str::CompactString;

use crate::manifest::insert::{NewEntry, NewShare};
use crate::manifest::{Desired, DesiredImage, NameTemplate};
use crate::model::{AccountId, Accounts, ImageId, ImageKey, ImageKind, PlacementKey, Region, SourceKind};
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

/// What can be taken over.
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
}

type Found<'o> = (&'o Region, &'o ObservedImage, Accounts);

/// What can be taken over of what was seen.
pub fn adoptable(
    desired: &Desired,
    recorded: &Recorded,
    lineage: &Lineage,
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
                None if is_named => Some("the manifest names it already".to_owned()),
                None => unfit(desired, lineage, image),
            };
            if let Some(why) = why {
                let (id, name) = (image.id.clone(), image.name.clone());
                result.left_out.push(LeftOut { region: region.clone(), id, name, why });
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

/// Why an image cannot be taken over.
fn unfit(desired: &Desired, lineage: &Lineage, image: &ObservedImage) -> Option<String> {
    if image.kind != ImageKind::Custom {
        return Some(format!("it is {}, not an image of this account", image.kind.as_str()));
    }
    if !image.state.is_ready() {
        return Some(format!("it is {}, not NORMAL", image.state.as_str()));
    }
    if image.name.is_empty() || image.name.contains(NameTemplate::GENERATION) {
        return Some("no manifest can say its name".to_owned());
    }
    let owner = desired.cloud.ownership_tag.as_ref().and_then(|key| image.tags.get(key))?;
    (*owner != lineage.0).then(|| format!("its ownership tag says that the state {owner} manages it"))
}

fn is_picked(group: &[Found<'_>], pick: &Pick) -> bool {
    match pick {
        Pick::All => true,
        Pick::Named { ids, names } => {
            group.iter().any(|(_, image, _)| ids.contains(&image.id) || names.contains(&image.name))
        }
    }
}

/// Whether one can be a copy of the other, as far as what a copy takes over tells.
fn are_alike(one: &ObservedImage, other: &ObservedImage) -> bool {
    let facts = |image: &ObservedImage| {
        let build = &image.build;
        (build.size_gib, build.os.clone(), build.platform.clone(), build.architecture)
    };
    facts(one) == facts(other)
}

/// Images of one name, oldest first, as groups of an origin and its copies.
fn grouped<'o>(found: Vec<Found<'o>>, name: &str, notes: &mut Vec<String>) -> Vec<Vec<Found<'o>>> {
    let mut groups: Vec<Vec<Found<'o>>> = Vec::new();
    for next in found {
        let home = groups.iter_mut().find(|group| {
            group.first().is_some_and(|(_, origin, _)| are_alike(origin, next.1))
                && group.iter().all(|(region, ..)| *region != next.0)
        });
        match home {
            Some(group) => group.push(next),
            None => groups.push(vec![next]),
        }
    }
    if groups.len() > 1 {
        let origins: Vec<String> = groups
            .iter()
            .filter_map(|group| group.first())
            .map(|(region, image, _)| format!("{} in {region}", image.id))
            .collect();
        notes.push(format!(
            "images named `{name}` are not copies of one another, so each has its own entry: {}",
            origins.join(", ")
        ));
    }
    groups
}

fn entry(
    group: &[Found<'_>],
    desired: &Desired,
    taken: &BTreeSet<ImageKey>,
    notes: &mut Vec<String>,
) -> Option<NewEntry> {
    let (region, origin, _) = group.first()?;
    let key = key_of(&origin.name, taken)?;
    let mut differing = Vec::new();
    let same = |text: &dyn Fn(&ObservedImage) -> String, what: &str, differing: &mut Vec<String>| {
        let first = text(origin);
        if group.iter().all(|(_, image, _)| text(image) == first) {
            return (!first.is_empty()).then_some(first);
        }
        differing.push(what.to_owned());
        None
    };
    let description = same(&|image| image.description.clone(), "description", &mut differing);
    let family = same(&|image| image.family.to_string(), "family", &mut differing);
    let ownership = desired.cloud.ownership_tag.as_ref();
    let mut tags = origin.tags.clone();
    tags.retain(|key, value| {
        Some(key) != ownership && group.iter().all(|(_, image, _)| image.tags.get(key) == Some(value))
    });
    if group.iter().any(|(_, image, _)| {
        image.tags.iter().any(|(key, value)| Some(key) != ownership && tags.get(key) != Some(value))
    }) {
        differing.push("tags".to_owned());
    }
    if !differing.is_empty() {
        notes.push(format!(
            "image.{key}: its {} {} not the same in every region and left as they are",
            differing.join(", "),
            if differing.len() == 1 { "is" } else { "are" }
        ));
    }
    if group.get(1).is_some_and(|(_, copy, _)| copy.created == origin.created) {
        notes.push(format!(
            "image.{key}: copies were made in the same second as {}, which is taken as the origin",
            origin.id
        ));
    }
    Some(NewEntry {
        region: (*region).clone(),
        name: origin.name.to_string(),
        description,
        family,
        tags,
        id: origin.id.clone(),
        copies: group.iter().skip(1).map(|(region, ..)| (*region).clone()).collect(),
        shares: shares(group, desired.account),
        key,
    })
}

/// One share for all regions where it is the same in all; else one for each list of accounts.
fn shares(group: &[Found<'_>], owner: AccountId) -> Vec<NewShare> {
    let mut by_accounts: BTreeMap<Vec<AccountId>, BTreeSet<Region>> = BTreeMap::new();
    for (region, _, accounts) in group {
        let with: Vec<AccountId> = accounts.iter().filter(|account| *account != owner).collect();
        by_accounts.entry(with).or_default().insert((*region).clone());
    }
    let is_one = by_accounts.len() == 1;
    by_accounts
        .into_iter()
        .filter(|(with, _)| !with.is_empty())
        .map(|(with, regions)| NewShare { with, regions: if is_one { BTreeSet::new() } else { regions } })
        .collect()
}

/// A key made from a name, that nothing else has.
fn key_of(name: &str, taken: &BTreeSet<ImageKey>) -> Option<ImageKey> {
    let is_fit = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let stem: String = name.chars().map(|c| if is_fit(c) { c } else { '-' }).collect();
    let stem = stem.trim_start_matches(|c: char| !c.is_ascii_alphanumeric()).trim_end_matches('-');
    let stem = if stem.is_empty() { "image" } else { stem };
    let stem: String = stem.chars().take(50).collect();
    let candidates = std::iter::once(stem.clone()).chain((2..).map(|number| format!("{stem}-{number}")));
    candidates.map_while(|text| text.parse::<ImageKey>().ok()).find(|key| !taken.contains(key))
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
            name: NameTemplate(entry.name.as_str().into()),
            description: entry.description.clone(),
            family: entry.family.as_deref().map(Into::into),
            tags: entry.tags.clone(),
            source: Some(crate::model::Source {
                kind: SourceKind::Adopted(entry.id.clone()),
                revision: None,
            }),
            lookup: None,
            import_query: None,
            copies: entry.copies.clone(),
            copy_entries: (0..entry.copies.len()).collect(),
            replace: found.replace,
            keep: found.keep,
            delete_snapshots: None,
            protect: false,
            shares,
            exclusive: BTreeSet::new(),
            share_entries: found.share_entries.clone(),
        };
        after.images.insert(entry.key.clone(), image);
    }
    after
}

/// Records every entry that takes an image over, is not recorded yet, and whose image was seen, with the copies that
/// the manifest names. Gives what was recorded.
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
    let mut managed_tags: BTreeSet<CompactString> = image.tags.keys().cloned().collect();
    managed_tags.extend(desired.cloud.ownership_tag.iter().cloned());
    let mut all = Vec::new();
    for region in image.placements() {
        let Some(region_seen) = seen(region) else { continue };
        let found = if *region == image.region {
            Some(origin)
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
        let mut placement =
            Placement::accepted(found.id.clone(), found.name.clone(), found.state, found.created);
        placement.see(found, &managed_tags);
        // What the manifest shares is goldform's from now; the rest stays foreign.
        placement.shares = image.shares.get(region).cloned().unwrap_or_default();
        placement.see_shares(&region_seen.shares.get(&found.id).cloned().unwrap_or_default());
        recorded.adopt(&at, source, placement);
        all.push(at);
    }
    if let Some(entry) = recorded.images.get_mut(key) {
        entry.origin = image.region.clone();
        entry.protect = image.protect;
        entry.delete_snapshots = image.deletes_snapshots();
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_made_of_names_and_are_unique() {
        let mut taken = BTreeSet::new();
        for (name, expected) in
            [("web", "web"), ("web", "web-2"), ("My image!", "My-image"), ("…", "image"), ("-x", "x")]
        {
            let key = key_of(name, &taken).unwrap();
            assert_eq!(key.as_str(), expected);
            taken.insert(key);
        }
        assert_eq!(key_of(&"x".repeat(80), &taken).unwrap().as_str().len(), 50);
    }
}

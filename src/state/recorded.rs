//! What is recorded: the images that goldform manages, by generation and region, and what it knows of limits.

use std::collections::{BTreeMap, BTreeSet};

use compact_str::CompactString;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::ImportSystems;
use super::event::{Edit, Intent, NotFound};
use super::hold::Hold;
use super::image::{RecordedGeneration, RecordedImage};
use super::lookup::{Found, RecordedLookup, SharedInImage};
use super::placement::{Making, Placement};
use crate::model::interim::interim_name;
use crate::model::{
    AccountId, GenerationNumber, ImageId, ImageKey, ImageKind, ImageLimit, Operation, PlacementKey, Region,
    RevisionName, Source, SourceKind,
};

/// Everything that is recorded about the cloud.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recorded {
    /// The managed images.
    #[serde(default)]
    pub images: BTreeMap<ImageKey, RecordedImage>,
    /// The last generation number that each entry has used, entries that are gone included: a number is
    /// never used again.
    #[serde(default)]
    pub generations_used: BTreeMap<ImageKey, GenerationNumber>,
    /// What is known of each region.
    #[serde(default)]
    pub regions: BTreeMap<Region, RecordedRegion>,
    /// Images whose making was called for and has no definite answer yet: each may exist, counts in its region, and
    /// keeps its generation's number.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub making: BTreeMap<PlacementKey, Making>,
    /// Makes without an answer of which no image was found, so that they were taken as not executed. An image that shows
    /// later is recorded, and a generation keeps its number.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub not_found: BTreeMap<PlacementKey, NotFound>,
    /// How many images of a placement are forgotten: they may still exist, so their interim names are not used again.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub attempts: BTreeMap<PlacementKey, u32>,
    /// Images that the manifest names for adoption, as last observed, by region.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub adoptable: BTreeMap<Region, BTreeMap<ImageId, Placement>>,
    /// What the manifest's lookups found.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub lookups: BTreeMap<ImageKey, RecordedLookup>,
    /// Images that other accounts share with us and that the manifest names by id, as they were last seen.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub lent: BTreeMap<Region, BTreeMap<ImageId, SharedInImage>>,
    /// Systems that each region imports, for regions in which an entry is imported, as they were last listed.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub import_systems: BTreeMap<Region, ImportSystems>,
    /// Entries that `rollback --hold` holds at a generation, whatever the manifest says.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub holds: BTreeMap<ImageKey, Hold>,
    /// The limit of accounts per image, once an OverQuota has taught it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub share_limit: Option<ImageLimit>,
    /// The most accounts that one share call takes, once a LimitExceeded has taught it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accounts_per_call: Option<u32>,
    /// Whether the service has refused a change of an image because it was shared: the documents disagree.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub shared_image_edits_refused: bool,
}

/// What is known of a region.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecordedRegion {
    /// When the region was last listed.
    pub read_at: Timestamp,
    /// The limit of custom images.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image_limit: Option<ImageLimit>,
    /// Custom images that goldform does not manage, and their names: they count in the limit, and their names
    /// are taken.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub unmanaged: BTreeMap<ImageId, CompactString>,
    /// Of those, the ones with an ownership tag, and the state that it names: another one, or this one before it was lost.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub owners: BTreeMap<ImageId, CompactString>,
}

impl Recorded {
    /// The placement with this key.
    pub fn placement(&self, key: &PlacementKey) -> Option<&Placement> {
        self.images.get(&key.image)?.generations.get(&key.generation)?.placements.get(&key.region)
    }

    /// The placement with this key, to change it.
    pub fn placement_mut(&mut self, key: &PlacementKey) -> Option<&mut Placement> {
        self.images.get_mut(&key.image)?.generations.get_mut(&key.generation)?.placements.get_mut(&key.region)
    }

    /// Returns an image that the manifest names for adoption, as last observed.
    pub fn adoptable(&self, region: &Region, id: &ImageId) -> Option<&Placement> {
        self.adoptable.get(region)?.get(id)
    }

    /// An image that another account shares with us, as it was last seen: named by its id, or found by a lookup.
    pub fn lent(&self, region: &Region, id: &ImageId) -> Option<SharedInImage> {
        if let Some(lent) = self.lent.get(region).and_then(|images| images.get(id)) {
            return Some(lent.clone());
        }
        self.lookups.values().find_map(|lookup| match &lookup.found {
            Found::One(image)
                if lookup.asked.region == *region && image.id == *id && image.kind == ImageKind::Shared =>
            {
                Some(SharedInImage { name: image.name.clone(), creator: image.creator.clone() })
            }
            _ => None,
        })
    }

    /// Takes an image over: it is managed from now.
    pub fn adopt(&mut self, at: &PlacementKey, source: &Source, placement: Placement) {
        if let Some(region) = self.adoptable.get_mut(&at.region) {
            region.remove(&placement.id);
        }
        self.adoptable.retain(|_, images| !images.is_empty());
        self.put(at, source, placement);
    }

    /// Records a placement, which is then no unmanaged image; its generation becomes the current one where it is the
    /// newest.
    pub fn put(&mut self, at: &PlacementKey, source: &Source, placement: Placement) {
        if let Some(region) = self.regions.get_mut(&at.region) {
            region.unmanaged.remove(&placement.id);
            region.owners.remove(&placement.id);
        }
        let used = self.generations_used.entry(at.image.clone()).or_insert(at.generation);
        *used = (*used).max(at.generation);
        let image = self.images.entry(at.image.clone()).or_insert_with(|| RecordedImage {
            origin: at.region.clone(),
            current: at.generation,
            protect: false,
            delete_snapshots: true,
            serving: BTreeMap::new(),
            generations: BTreeMap::new(),
        });
        image.current = image.current.max(at.generation);
        let generation = image.generations.entry(at.generation).or_insert_with(|| RecordedGeneration {
            source: source.clone(),
            of: None,
            replaced_in: None,
            placements: BTreeMap::new(),
        });
        generation.placements.insert(at.region.clone(), placement);
    }

    /// What is recorded of each entry beside its images, as the edit that says so.
    pub fn settings(&self) -> impl Iterator<Item = (ImageKey, Edit)> {
        self.images.iter().map(|(key, image)| {
            let RecordedImage { origin, protect, delete_snapshots, current: _, serving: _, generations: _ } =
                image;
            let settings = Edit::Settings {
                image: key.clone(),
                origin: origin.clone(),
                protect: *protect,
                delete_snapshots: *delete_snapshots,
            };
            (key.clone(), settings)
        })
    }

    /// Every placement, by entry, generation and region.
    pub fn placements(&self) -> impl Iterator<Item = (PlacementKey, &Placement)> {
        self.images.iter().flat_map(|(image, recorded)| {
            recorded.generations.iter().flat_map(move |(generation, build)| {
                build.placements.iter().map(move |(region, placement)| {
                    let key = PlacementKey {
                        image: image.clone(),
                        generation: *generation,
                        region: region.clone(),
                    };
                    (key, placement)
                })
            })
        })
    }

    /// Removes a placement. A generation or entry without any placement left is removed too.
    pub fn remove(&mut self, key: &PlacementKey) -> Option<Placement> {
        let image = self.images.get_mut(&key.image)?;
        let generation = image.generations.get_mut(&key.generation)?;
        let removed = generation.placements.remove(&key.region);
        if removed.is_some() && image.serving.get(&key.region) == Some(&key.generation) {
            image.serving.remove(&key.region);
        }
        if generation.placements.is_empty() {
            image.generations.remove(&key.generation);
        }
        if image.generations.is_empty() {
            self.images.remove(&key.image);
        }
        removed
    }

    /// The generation number that the next build of an entry gets: above every one that was used, and above those
    /// whose making has no definite answer yet or of which no image was found.
    pub fn next_generation(&self, image: &ImageKey) -> GenerationNumber {
        let used = self.generations_used.get(image).copied();
        let making = self.making_of(image).map(|(at, _)| at.generation).max();
        let not_found = self.not_found_of(image).map(|(at, _)| at.generation).max();
        used.max(making).max(not_found).map_or(GenerationNumber(1), GenerationNumber::next)
    }

    /// Returns the revision of a generation: that of its source, or else the id of its source. An encrypted copy without a
    /// revision has that of the generation that it was made from. `None` if this is not recorded.
    pub fn revision(&self, image: &ImageKey, generation: GenerationNumber) -> Option<CompactString> {
        let mut seen = BTreeSet::new();
        let (mut image, mut generation) = (image, generation);
        // A damaged state may have entries that are made from each other.
        while seen.insert((image, generation)) {
            let build = self.images.get(image)?.generations.get(&generation)?;
            match &build.source.kind {
                SourceKind::Encrypted { image: original, .. } if build.source.revision.is_none() => {
                    (image, generation) = (original, build.of?);
                }
                _ => return build.source.revision_or_id(),
            }
        }
        None
    }

    /// Returns the name of the generation that an entry must have: that of a hold, else that of the manifest's pin.
    pub fn pin<'r>(&'r self, image: &ImageKey, pin: Option<&'r RevisionName>) -> Option<&'r RevisionName> {
        self.holds.get(image).map(|hold| &hold.revision).or(pin)
    }

    /// Returns the generations of an entry of which an image is NORMAL or pending, newest first, each with its revision. An
    /// adopted image that was replaced in its region is none that can be named.
    pub fn usable_generations<'r>(
        &'r self,
        image: &'r ImageKey,
    ) -> impl Iterator<Item = (GenerationNumber, Option<CompactString>)> + 'r {
        let generations = self.images.get(image).into_iter().flat_map(|image| image.generations.iter().rev());
        let usable = generations.filter(|(_, build)| build.replaced_in.is_none() && build.is_usable());
        usable.map(|(generation, _)| (*generation, self.revision(image, *generation)))
    }

    /// Records that an image is about to be made.
    pub(super) fn begin_making(&mut self, intent: &Intent) {
        let Some((at, mut making)) = intent.making() else { return };
        let build = self.images.get(&at.image).and_then(|image| image.generations.get(&at.generation));
        making.source = making.source.or_else(|| build.map(|build| build.source.clone()));
        self.making.insert(at, making);
    }

    /// The images of an entry whose making has no definite answer yet.
    pub fn making_of<'r>(
        &'r self,
        image: &'r ImageKey,
    ) -> impl Iterator<Item = (&'r PlacementKey, &'r Making)> {
        self.making.iter().filter(move |(at, _)| at.image == *image)
    }

    /// The makes of an entry of which no image was found.
    pub fn not_found_of<'r>(
        &'r self,
        image: &'r ImageKey,
    ) -> impl Iterator<Item = (&'r PlacementKey, Making)> {
        let of_entry = self.not_found.iter().filter(move |(at, _)| at.image == *image);
        of_entry.filter_map(|(at, make)| Some((at, make.intent.making()?.1)))
    }

    /// The placement that consumers in a region should use: the one that was recorded as serving while it is NORMAL,
    /// else, of those in place that most accounts see, the newest. `None` if there is none.
    pub fn serving(&self, image: &ImageKey, region: &Region) -> Option<(GenerationNumber, &Placement)> {
        let image = self.images.get(image)?;
        let at = |generation: &GenerationNumber| {
            image.generations.get(generation).and_then(|build| build.placements.get(region))
        };
        let recorded = image.serving.get(region).and_then(|generation| Some((*generation, at(generation)?)));
        if let Some(recorded) = recorded.filter(|(_, placement)| placement.is_normal()) {
            return Some(recorded);
        }
        let in_place = image
            .generations
            .keys()
            .filter_map(|generation| Some((*generation, at(generation)?)))
            .filter(|(_, placement)| placement.is_in_place());
        // A new one that is not shared yet does not serve those who see an earlier one.
        in_place.max_by_key(|(generation, placement)| (placement.everyone().len(), *generation))
    }

    /// Returns the placement that serves an account in a region: that of everyone, or the newest one that can be used and is
    /// shared with the account.
    pub fn serving_for(
        &self,
        image: &ImageKey,
        region: &Region,
        account: AccountId,
    ) -> Option<(GenerationNumber, &Placement)> {
        let sees = |placement: &Placement| placement.everyone().contains(account);
        if let Some(serving) = self.serving(image, region).filter(|(_, placement)| sees(placement)) {
            return Some(serving);
        }
        let newest_first = self.images.get(image)?.generations.iter().rev();
        let there = newest_first
            .filter_map(|(generation, build)| Some((*generation, build.placements.get(region)?)))
            .filter(|(_, placement)| placement.is_normal() && !placement.interim && sees(placement));
        there.max_by_key(|(generation, placement)| (placement.is_in_place(), *generation))
    }

    /// Records that a placement serves in its region from now on; the others there are superseded.
    pub(super) fn serve(&mut self, at: &PlacementKey, since: Timestamp) {
        let Some(image) = self.images.get_mut(&at.image) else { return };
        image.serving.insert(at.region.clone(), at.generation);
        for (generation, build) in &mut image.generations {
            let Some(placement) = build.placements.get_mut(&at.region) else { continue };
            if *generation == at.generation {
                placement.superseded_at = None;
            } else {
                placement.superseded_at.get_or_insert(since);
            }
        }
    }

    /// Whether a placement is an image that goldform did not make.
    pub fn is_taken_over(&self, at: &PlacementKey) -> bool {
        let build = self.images.get(&at.image).and_then(|image| image.generations.get(&at.generation));
        build.is_some_and(|build| {
            let is_copy =
                || build.placements.get(&at.region).is_some_and(|placement| placement.copied_from.is_some());
            matches!(build.source.kind, SourceKind::Adopted(_)) && !is_copy()
        })
    }

    /// The placement of a region that has this id.
    pub fn placement_with_id(&self, region: &Region, id: &ImageId) -> Option<PlacementKey> {
        let with_id =
            |(at, placement): &(PlacementKey, &Placement)| at.region == *region && placement.id == *id;
        self.placements().find(with_id).map(|(at, _)| at)
    }

    /// The interim name of the next image of a placement, derived from its final one.
    pub fn interim_name(&self, name: &str, lineage: &str, at: &PlacementKey) -> CompactString {
        interim_name(name, lineage, at, self.attempts.get(at).copied().unwrap_or(0))
    }

    /// The operation as its call is sent and journalled: with the value of the ownership tag, and a make without one
    /// under its interim name.
    pub fn as_sent(&self, operation: Operation, lineage: &str) -> Operation {
        let operation = operation.owned_by(lineage);
        if !operation.is_made_under_interim_name() {
            return operation;
        }
        let name = operation.made_name().cloned().unwrap_or_default();
        let interim = self.interim_name(&name, lineage, operation.at());
        operation.named(interim)
    }

    /// The interim name of a placement's image is not used again.
    pub(super) fn retire_interim_name(&mut self, at: &PlacementKey) {
        let attempts = self.attempts.entry(at.clone()).or_insert(0);
        *attempts = attempts.saturating_add(1);
    }

    /// How many custom images a region holds, as recorded: managed and unmanaged.
    pub fn usage(&self) -> BTreeMap<Region, Usage> {
        let mut usage: BTreeMap<Region, Usage> = BTreeMap::new();
        for (key, _) in self.placements() {
            usage.entry(key.region).or_default().managed += 1;
        }
        for key in self.making.keys() {
            usage.entry(key.region.clone()).or_default().managed += 1;
        }
        for (region, recorded) in &self.regions {
            usage.entry(region.clone()).or_default().unmanaged = recorded.unmanaged.len();
        }
        usage
    }
}

/// How many custom images a region holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    /// Images that goldform manages, those whose making has no definite answer yet among them.
    pub managed: usize,
    /// Images that it does not.
    pub unmanaged: usize,
}

impl Usage {
    /// All of them.
    pub fn total(self) -> usize {
        self.managed.saturating_add(self.unmanaged)
    }
}

//! Compares what is desired with what is recorded, entry by entry.

use std::collections::BTreeSet;

use compact_str::CompactString;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use self::choice::{Choice, Originals, answers, choose, original_generations, revision, wanted_names};
use super::change::{Action, Diff, ImageChange, PlacementChange, PlacementFacts, Reason, Releasable, Work};
use crate::manifest::{Desired, DesiredImage};
use crate::model::{
    Attributes, GenerationNumber, ImageId, ImageKey, PlacementKey, Region, ReplaceOrder, Source, SourceKind,
};
use crate::state::{Edit, Placement, Recorded, RecordedGeneration, RecordedImage};

/// What the diff is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PlanMode {
    /// Make the cloud as the manifest says.
    Normal,
    /// Delete everything that is managed.
    Destroy,
}

/// Compares the desired state with the prior one. Entries are in key order.
pub fn diff(desired: &Desired, prior: &Recorded, mode: PlanMode) -> Diff {
    diff_replacing(desired, prior, mode, &BTreeSet::new(), Timestamp::UNIX_EPOCH)
}

/// As [`diff`], with a new build of these entries whether their source has changed or not. `now` decides which earlier
/// generations have been kept for long enough.
pub fn diff_replacing(
    desired: &Desired,
    prior: &Recorded,
    mode: PlanMode,
    replace: &BTreeSet<ImageKey>,
    now: Timestamp,
) -> Diff {
    let mut diff = Diff::default();
    let wanted = |key: &ImageKey| match mode {
        PlanMode::Normal => desired.images.get(key),
        PlanMode::Destroy => None,
    };
    let keys: BTreeSet<&ImageKey> = match mode {
        PlanMode::Normal => desired.images.keys().chain(prior.images.keys()).collect(),
        PlanMode::Destroy => prior.images.keys().collect(),
    };
    let originals = original_generations(desired, prior, replace);
    let names = match mode {
        PlanMode::Normal => wanted_names(desired, prior, replace, &originals),
        PlanMode::Destroy => BTreeSet::new(),
    };
    for key in keys {
        if wanted(key).is_some_and(|image| waits_for_lookup(image, prior.images.get(key))) {
            diff.waiting.insert(key.clone());
            continue;
        }
        let Diff { edits, ready, releasable, .. } = &mut diff;
        let entry = Entry {
            key,
            context: desired,
            prior,
            asked: replace,
            originals: &originals,
            names: &names,
            now,
            edits,
            ready,
            releasable,
        };
        let change = match (wanted(key), prior.images.get(key)) {
            (Some(image), recorded) => entry.converge(image, recorded),
            (None, Some(recorded)) => entry.remove(recorded, mode),
            (None, None) => continue,
        };
        if let (Some(image), Some(recorded)) = (wanted(key), prior.images.get(key))
            && image.waits_for_lookup()
            && (replace.contains(key) || asks_for_build(image, recorded, &change))
        {
            diff.waiting.insert(key.clone());
        }
        diff.images.push(change);
    }
    diff
}

struct Entry<'a> {
    key: &'a ImageKey,
    context: &'a Desired,
    prior: &'a Recorded,
    /// Entries of which the user asked for a new build.
    asked: &'a BTreeSet<ImageKey>,
    /// The generations that encrypted entries are made from.
    originals: &'a Originals<'a>,
    /// Names of all current generations, by region.
    names: &'a BTreeSet<(&'a Region, CompactString)>,
    now: Timestamp,
    edits: &'a mut Vec<Edit>,
    ready: &'a mut Vec<PlacementKey>,
    releasable: &'a mut Vec<Releasable>,
}

impl Entry<'_> {
    fn at(&self, generation: GenerationNumber, region: &Region) -> PlacementKey {
        PlacementKey { image: self.key.clone(), generation, region: region.clone() }
    }

    fn facts(&self, placement: &Placement) -> PlacementFacts {
        PlacementFacts::of(placement, self.context.cloud.ownership_tag.as_ref())
    }

    /// The entry is in the manifest.
    fn converge(mut self, image: &DesiredImage, recorded: Option<&RecordedImage>) -> ImageChange {
        let of = self.originals.get(self.key).and_then(|original| original.generation);
        let choice = choose(self.prior, self.asked, (self.key, image), of);
        let current = recorded.and_then(|recorded| recorded.generations.get(&choice.generation));
        let mut placements = Vec::new();
        let mut unchanged = 0;
        self.wanted_placements(image, recorded, current, &choice, &mut placements, &mut unchanged);
        self.edit_settings(image, recorded);
        if choice.is_return() {
            let (image, generation) = (self.key.clone(), choice.generation);
            self.edits.push(Edit::Return { image, generation });
        }
        let hold = self.prior.holds.get(self.key);
        if hold.is_some_and(|hold| image.pin.as_ref() == Some(&hold.revision)) {
            self.edits.push(Edit::Hold { image: self.key.clone(), hold: None });
        }
        if let Some(recorded) = recorded {
            self.other_placements(image, recorded, &choice, &mut placements, &mut unchanged);
        }
        let is_retiring =
            |change: &PlacementChange| change.deletes_image() && change.at.generation != choice.generation;
        let delete_first = image.replace == ReplaceOrder::DeleteFirst && placements.iter().any(is_retiring);
        let only_waits = placements.iter().all(|change| matches!(change.work, Work::Wait { .. }));
        let action = match (choice.is_new, choice.supersedes, placements.is_empty()) {
            (true, Some(_), _) => Action::Replace,
            (true, None, _) if adopted_id(image).is_some() => Action::Adopt,
            (true, None, _) => Action::Create,
            (false, Some(_), _) => Action::Return,
            (false, _, false) if only_waits => Action::Wait,
            (false, _, false) => Action::Update,
            (false, _, true) => Action::Unchanged,
        };
        // What a pinned generation was made from is not what the manifest names.
        let is_pinned = matches!(choice.reason, Reason::Pinned { .. } | Reason::Held { .. });
        let pinned_source = current.filter(|_| is_pinned).map(|build| build.source.clone());
        ImageChange {
            image: self.key.clone(),
            action,
            reason: choice.reason,
            generation: Some(choice.generation),
            supersedes: choice.supersedes,
            source: pinned_source.or_else(|| image.source.clone()),
            of: choice.of,
            delete_first,
            placements,
            unchanged,
        }
    }

    /// The chosen generation in every wanted region.
    fn wanted_placements(
        &mut self,
        image: &DesiredImage,
        recorded: Option<&RecordedImage>,
        current: Option<&RecordedGeneration>,
        choice: &Choice,
        placements: &mut Vec<PlacementChange>,
        unchanged: &mut usize,
    ) {
        let wanted = image.placements();
        let copied_from = copy_source(image, recorded, current, &wanted);
        let is_asked_for =
            current.zip(image.source.as_ref()).is_some_and(|(build, wanted)| answers(build, wanted));
        for &region in &wanted {
            let at = self.at(choice.generation, region);
            let existing = current.and_then(|build| build.placements.get(region));
            let is_free = existing.is_none() && !self.prior.making.contains_key(&at);
            let adopted = match choice.is_new {
                true => image.adopted_in(region),
                false => image.adopted_elsewhere.get(region).filter(|_| is_asked_for && is_free),
            };
            if let Some(id) = adopted {
                placements.push(self.adopt(image, at, id));
                continue;
            }
            match existing.filter(|placement| !placement.state.is_failed()) {
                Some(placement) => match self.change_existing(image, region, at.clone(), placement) {
                    Some(change) => placements.push(change),
                    None => {
                        *unchanged += 1;
                        self.ready.push(at);
                    }
                },
                None => placements.push(self.make(image, at, existing, copied_from, choice)),
            }
        }
    }

    /// What the manifest says of an entry that only goldform keeps.
    fn edit_settings(&mut self, image: &DesiredImage, recorded: Option<&RecordedImage>) {
        let wanted = (&image.region, image.protect, image.deletes_snapshots());
        let is = match recorded {
            Some(RecordedImage {
                origin,
                protect,
                delete_snapshots,
                current: _,
                serving: _,
                generations: _,
            }) => (origin, *protect, *delete_snapshots),
            // What a first create records.
            None => (&image.region, false, true),
        };
        if wanted != is {
            self.edits.push(Edit::Settings {
                image: self.key.clone(),
                origin: image.region.clone(),
                protect: image.protect,
                delete_snapshots: image.deletes_snapshots(),
            });
        }
    }
}

/// The image that an entry takes over.
fn adopted_id(image: &DesiredImage) -> Option<&ImageId> {
    match &image.source {
        Some(Source { kind: SourceKind::Adopted(id), .. }) => Some(id),
        _ => None,
    }
}

/// Whether nothing can be said of an entry until its lookup was read: there is nothing that it could be made from, and
/// no current generation that could be kept meanwhile.
fn waits_for_lookup(image: &DesiredImage, recorded: Option<&RecordedImage>) -> bool {
    let has_current = recorded.is_some_and(|image| image.generations.contains_key(&image.current));
    image.waits_for_lookup() && !has_current
}

/// Returns whether an entry asks for a build, whichever image its lookup finds: the rest of its source has changed, or its
/// current generation has to be made again.
fn asks_for_build(image: &DesiredImage, recorded: &RecordedImage, change: &ImageChange) -> bool {
    let (Some(lookup), Some(current)) = (&image.lookup, recorded.generations.get(&recorded.current)) else {
        return false;
    };
    let is_same = matches!(&current.source.kind, SourceKind::Shared { from, .. } if *from == lookup.from)
        && current.source.revision == lookup.revision;
    !is_same || change.placements.iter().any(|placement| placement.action() == Action::Create)
}

/// Returns the region whose placement is the source of missing ones. `None` if nothing of the generation is left.
fn copy_source<'a>(
    image: &'a DesiredImage,
    recorded: Option<&'a RecordedImage>,
    current: Option<&'a RecordedGeneration>,
    wanted: &BTreeSet<&Region>,
) -> Option<&'a Region> {
    let current = current?;
    let survives = |region: &&Region| {
        current.placements.get(*region).is_some_and(|placement| !placement.state.is_failed())
    };
    // A placement that stays comes before one that is to go, and one that is ready before one that is not.
    let mut survivors: Vec<&Region> = current.placements.keys().filter(survives).collect();
    let origin = recorded.map(|recorded| &recorded.origin);
    survivors.sort_by_key(|region| {
        let ready = current.placements.get(*region).is_some_and(Placement::is_normal);
        (!ready, !wanted.contains(region), **region != image.region, Some(*region) != origin, *region)
    });
    survivors.first().copied()
}

mod choice;
mod placement;
mod replaced;
mod retiring;

pub use replaced::replaced;

#[cfg(test)]
mod tests;

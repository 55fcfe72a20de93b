//! Compares what is desired with what is recorded, entry by entry.

use std::collections::{BTreeMap, BTreeSet};

use compact_str::CompactString;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::change::{Action, Diff, ImageChange, PlacementChange, PlacementFacts, Reason, Releasable};
use crate::manifest::{Desired, DesiredImage};
use crate::model::{
    Accounts, Attributes, GenerationNumber, ImageId, ImageKey, PlacementKey, Region, ReplaceOrder,
    RevisionName, Source, SourceKind,
};
use crate::state::{Edit, Making, Placement, Recorded, RecordedGeneration, RecordedImage};

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

/// Which generation answers the manifest, and why it is that one.
struct Choice {
    generation: GenerationNumber,
    supersedes: Option<GenerationNumber>,
    reason: Reason,
    is_new: bool,
    /// Of an encrypted source: the generation of the other entry that it is a copy of.
    of: Option<GenerationNumber>,
}

impl Choice {
    /// Returns whether an earlier generation becomes current again.
    fn is_return(&self) -> bool {
        !self.is_new && self.supersedes.is_some()
    }
}

struct Entry<'a> {
    key: &'a ImageKey,
    context: &'a Desired,
    prior: &'a Recorded,
    /// Entries of which the user asked for a new build.
    asked: &'a BTreeSet<ImageKey>,
    /// The generations that encrypted entries are made from.
    originals: &'a BTreeMap<&'a ImageKey, Option<GenerationNumber>>,
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
        let of = self.originals.get(self.key).copied().flatten();
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
        let is_retiring = |change: &PlacementChange| {
            change.action == Action::Delete && change.at.generation != choice.generation
        };
        let delete_first = image.replace == ReplaceOrder::DeleteFirst && placements.iter().any(is_retiring);
        let only_waits = placements.iter().all(|change| change.action == Action::Wait);
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
        for &region in &wanted {
            let at = self.at(choice.generation, region);
            if let Some(id) = adopted_id(image).filter(|_| choice.is_new && *region == image.region) {
                placements.push(self.adopt(image, at, id));
                continue;
            }
            let existing = current.and_then(|build| build.placements.get(region));
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

/// Which generation answers the manifest: the newest one that was made from the manifest's source and of which an image
/// is NORMAL or pending, an incomplete one included; one whose making has no definite answer yet; else a new one. A
/// manifest that names the source of an earlier generation again returns to it: a reverted commit builds nothing.
///
/// `of`: of an encrypted source, the generation of the original.
fn choose(
    prior: &Recorded,
    asked: &BTreeSet<ImageKey>,
    (key, image): (&ImageKey, &DesiredImage),
    of: Option<GenerationNumber>,
) -> Choice {
    let recorded = prior.images.get(key);
    let is_same =
        |making: &Making| making.copied_from.is_none() && making.source == image.source && making.of == of;
    let resumed = prior.making_of(key).filter(|(_, making)| is_same(making)).map(|(at, _)| at.generation);
    let next = resumed.max().unwrap_or_else(|| prior.next_generation(key));
    let fresh = |reason, supersedes| Choice { generation: next, supersedes, reason, is_new: true, of };
    let Some(recorded) = recorded else { return fresh(Reason::Declared, None) };
    let newest = recorded.generations.keys().next_back().copied();
    let is_asked = asked.contains(key) && !image.waits_for_lookup();
    if let Some(pin) = prior.pin(key, image.pin.as_ref()).filter(|_| !is_asked)
        && let Some(choice) = pinned(prior, recorded, (key, image), pin, of)
    {
        return choice;
    }
    let earlier =
        image.source.as_ref().filter(|_| !is_asked).and_then(|wanted| returned_to(recorded, wanted, of));
    if let Some(generation) = earlier.filter(|generation| *generation != recorded.current) {
        let reason = Reason::Returned { from: recorded.current };
        return Choice { generation, supersedes: Some(recorded.current), reason, is_new: false, of };
    }
    let Some(current) = recorded.generations.get(&recorded.current) else {
        return fresh(Reason::Gone, newest);
    };
    if is_asked {
        return fresh(Reason::Asked, Some(recorded.current));
    }
    let keep = Choice {
        generation: recorded.current,
        supersedes: None,
        reason: Reason::Differs,
        is_new: false,
        of: current.of,
    };
    let Some(wanted) = &image.source else { return keep };
    let follows = current.of.is_none() || of.is_none() || current.of == of;
    if answers(current, wanted) && follows {
        // A generation that has nothing left to copy from, and is wanted where it failed, is made again under its own
        // number; the placements say so.
        return Choice { of: current.of.or(of), ..keep };
    }
    let reason = match (&wanted.kind, current.of, of) {
        (SourceKind::Encrypted { image, .. }, Some(before), Some(after)) if answers(current, wanted) => {
            Reason::OriginalReplaced { image: image.clone(), before, after }
        }
        _ if current.source.kind == wanted.kind => Reason::RevisionChanged {
            before: current.source.revision.clone(),
            after: wanted.revision.clone(),
        },
        _ => Reason::SourceChanged {
            before: Box::new(current.source.clone()),
            after: Box::new(wanted.clone()),
        },
    };
    fresh(reason, Some(recorded.current))
}

/// Returns the choice of a pinned entry: the newest usable generation with the pinned name. `None` if there is none and the
/// source asks for that name itself. Otherwise the current generation stays, and a rule refuses the plan (GF307).
fn pinned(
    prior: &Recorded,
    recorded: &RecordedImage,
    (key, image): (&ImageKey, &DesiredImage),
    pin: &RevisionName,
    of: Option<GenerationNumber>,
) -> Option<Choice> {
    let named = |(generation, revision): &(GenerationNumber, Option<CompactString>)| {
        revision.as_ref().is_some_and(|revision| pin.matches(revision, *generation))
    };
    let found = prior.usable_generations(key).find(named).map(|(generation, _)| generation);
    let source = image.source.as_ref().and_then(Source::revision_or_id);
    if found.is_none() && pin.generation.is_none() && source.as_ref() == Some(&pin.revision) {
        return None;
    }
    let generation = found.unwrap_or(recorded.current);
    let build = recorded.generations.get(&generation)?;
    let asked = image.source.as_ref().filter(|wanted| !answers(build, wanted));
    let reason = match asked {
        Some(_) if prior.holds.contains_key(key) => Reason::Held { revision: pin.clone(), source },
        Some(_) => Reason::Pinned { revision: pin.clone(), source },
        None if generation == recorded.current => Reason::Differs,
        None => Reason::Returned { from: recorded.current },
    };
    Some(Choice {
        generation,
        supersedes: Some(recorded.current).filter(|current| *current != generation),
        reason,
        is_new: false,
        of: build.of.or(of.filter(|_| asked.is_none())),
    })
}

/// Returns the newest generation that was made from a source and of which an image is NORMAL or pending. `None` if there
/// is none. Of an encrypted source, it is also made from generation `of` of its image.
fn returned_to(
    recorded: &RecordedImage,
    wanted: &Source,
    of: Option<GenerationNumber>,
) -> Option<GenerationNumber> {
    let follows = |build: &RecordedGeneration| build.of.is_none() || of.is_none() || build.of == of;
    let mut newest_first = recorded.generations.iter().rev();
    let found = newest_first.find(|(_, build)| answers(build, wanted) && follows(build) && build.is_usable());
    found.map(|(generation, _)| *generation)
}

/// The entry that an encrypted source is made from.
fn original(image: &DesiredImage) -> Option<&ImageKey> {
    match &image.source {
        Some(Source { kind: SourceKind::Encrypted { image, .. }, .. }) => Some(image),
        _ => None,
    }
}

/// Of every encrypted entry: the generation that the entry which it is made from has, or gets by this plan. Each is
/// chosen once, however many are made from each other in a row. In a circle, which is an error of the manifest, one is
/// not known.
fn original_generations<'d>(
    context: &'d Desired,
    prior: &Recorded,
    asked: &BTreeSet<ImageKey>,
) -> BTreeMap<&'d ImageKey, Option<GenerationNumber>> {
    let mut known: BTreeMap<&ImageKey, Option<GenerationNumber>> = BTreeMap::new();
    for start in context.images.keys() {
        let mut row = Vec::new();
        let mut next = context.images.get_key_value(start);
        while let Some((key, image)) = next
            && let Some(other) = original(image)
            && !known.contains_key(key)
        {
            known.insert(key, None);
            row.push((key, other));
            next = context.images.get_key_value(other);
        }
        for (key, other) in row.into_iter().rev() {
            let chosen =
                context.images.get(other).filter(|image| !waits_for_lookup(image, prior.images.get(other)));
            let of = known.get(other).copied().flatten();
            let generation = chosen.map(|image| choose(prior, asked, (other, image), of).generation);
            known.insert(key, generation);
        }
    }
    known
}

/// Returns the names that the current generations of all entries have or are to get. An earlier generation that is kept
/// gives up such a name.
fn wanted_names<'d>(
    desired: &'d Desired,
    prior: &Recorded,
    asked: &BTreeSet<ImageKey>,
    originals: &BTreeMap<&ImageKey, Option<GenerationNumber>>,
) -> BTreeSet<(&'d Region, CompactString)> {
    let mut names = BTreeSet::new();
    if prior.images.is_empty() {
        return names;
    }
    for (key, image) in desired.images.iter().filter(|(_, image)| !image.keeps_name) {
        let of = originals.get(key).copied().flatten();
        let name = image.name.of(choose(prior, asked, (key, image), of).generation);
        names.extend(image.placements().into_iter().map(|region| (region, name.clone())));
    }
    names
}

/// Returns whether an entry asks for a build, whichever image its lookup finds: the rest of its source has changed, or its
/// current generation has to be made again.
fn asks_for_build(image: &DesiredImage, recorded: &RecordedImage, change: &ImageChange) -> bool {
    let (Some(lookup), Some(current)) = (&image.lookup, recorded.generations.get(&recorded.current)) else {
        return false;
    };
    let is_same = matches!(&current.source.kind, SourceKind::Shared { from, .. } if *from == lookup.from)
        && current.source.revision == lookup.revision;
    !is_same || change.placements.iter().any(|placement| placement.action == Action::Create)
}

/// Whether a generation answers a source: it was made from just that. An adopted image answers whatever it was
/// recorded as made from, as long as it is that image.
fn answers(build: &RecordedGeneration, wanted: &Source) -> bool {
    match &wanted.kind {
        SourceKind::Adopted(id) => {
            build.source.kind == wanted.kind || build.placements.values().any(|placement| placement.id == *id)
        }
        _ => build.source == *wanted,
    }
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

mod placement;
mod retiring;

#[cfg(test)]
mod tests;

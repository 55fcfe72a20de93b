//! Which generation of an entry is current, and which names it has.

use std::collections::{BTreeMap, BTreeSet};

use compact_str::CompactString;

use super::waits_for_lookup;
use crate::diff::change::Reason;
use crate::manifest::{Desired, DesiredImage};
use crate::model::{GenerationNumber, ImageKey, Region, RevisionName, Source, SourceKind};
use crate::state::{Making, Recorded, RecordedGeneration, RecordedImage};

/// The generation that an encrypted entry is made from.
#[derive(Debug, Default)]
pub(super) struct Original {
    /// Its number. `None` if it is not known.
    pub(super) generation: Option<GenerationNumber>,
    /// Its revision.
    pub(super) revision: Option<CompactString>,
}

/// What the encrypted entries are made from.
pub(super) type Originals<'d> = BTreeMap<&'d ImageKey, Original>;

/// Which generation answers the manifest, and why it is that one.
pub(super) struct Choice {
    pub(super) generation: GenerationNumber,
    pub(super) supersedes: Option<GenerationNumber>,
    pub(super) reason: Reason,
    pub(super) is_new: bool,
    /// Of an encrypted source: the generation of the other entry that it is a copy of.
    pub(super) of: Option<GenerationNumber>,
}

impl Choice {
    /// Returns whether an earlier generation becomes current again.
    pub(super) fn is_return(&self) -> bool {
        !self.is_new && self.supersedes.is_some()
    }
}

/// Which generation answers the manifest: the newest one that was made from the manifest's source and of which an image
/// is NORMAL or pending, an incomplete one included; one whose making has no definite answer yet; else a new one. A
/// manifest that names the source of an earlier generation again returns to it: a reverted commit builds nothing.
///
/// `of`: of an encrypted source, the generation of the original.
pub(super) fn choose(
    prior: &Recorded,
    asked: &BTreeSet<ImageKey>,
    (key, image): (&ImageKey, &DesiredImage),
    of: Option<GenerationNumber>,
) -> Choice {
    let recorded = prior.images.get(key);
    let is_same =
        |making: &Making| making.copied_from.is_none() && making.source == image.source && making.of == of;
    let making = prior.making_of(key).map(|(at, making)| (at, making.clone()));
    // What may exist though no listing shows it is made again under its number, and so under its name.
    let newest = prior.images.get(key).map(|recorded| recorded.current);
    let not_found = prior.not_found_of(key).filter(|(at, _)| Some(at.generation) > newest);
    let resumed = making.chain(not_found).filter(|(_, making)| is_same(making)).map(|(at, _)| at.generation);
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
pub(super) fn pinned(
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
    let source = image.revision();
    if found.is_none() && pin.generation.is_none() && source.as_ref() == Some(&pin.revision) {
        return None;
    }
    let generation = found.unwrap_or(recorded.current);
    let build = recorded.generations.get(&generation)?;
    let is_kept_as_recorded = is_held(prior, key, image) && names_other_images(image, build);
    let asked = image.source.as_ref().filter(|wanted| !answers(build, wanted) || is_kept_as_recorded);
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

/// Returns whether an entry is held, and its manifest does not say the same.
pub(super) fn is_held(record: &Recorded, key: &ImageKey, image: &DesiredImage) -> bool {
    record.holds.get(key).is_some_and(|hold| image.pin.as_ref() != Some(&hold.revision))
}

/// Returns whether a manifest names another image of a generation in a region, which replaces the recorded one.
fn names_other_images(image: &DesiredImage, build: &RecordedGeneration) -> bool {
    let recorded = |region| build.placements.get(region).map(|placement| &placement.id);
    image.adopted_elsewhere.iter().any(|(region, id)| recorded(region).is_some_and(|is| is != id))
}

/// Returns the newest generation that was made from a source and of which an image is NORMAL or pending. `None` if there
/// is none. Of an encrypted source, it is also made from generation `of` of its image.
pub(super) fn returned_to(
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
pub(super) fn original(image: &DesiredImage) -> Option<&ImageKey> {
    match &image.source {
        Some(Source { kind: SourceKind::Encrypted { image, .. }, .. }) => Some(image),
        _ => None,
    }
}

/// Of every encrypted entry: the generation that the entry which it is made from has, or gets by this plan. Each is
/// chosen once, however many are made from each other in a row. In a circle, which is an error of the manifest, one is
/// not known.
pub(super) fn original_generations<'d>(
    context: &'d Desired,
    prior: &Recorded,
    asked: &BTreeSet<ImageKey>,
) -> Originals<'d> {
    let mut known = Originals::new();
    for start in context.images.keys() {
        let mut row = Vec::new();
        let mut next = context.images.get_key_value(start);
        while let Some((key, image)) = next
            && let Some(other) = original(image)
            && !known.contains_key(key)
        {
            known.insert(key, Original::default());
            row.push((key, other));
            next = context.images.get_key_value(other);
        }
        for (key, other) in row.into_iter().rev() {
            let chosen =
                context.images.get(other).filter(|image| !waits_for_lookup(image, prior.images.get(other)));
            let of = known.get(other).and_then(|original| original.generation);
            let generation = chosen.map(|image| choose(prior, asked, (other, image), of).generation);
            let revision = generation
                .zip(chosen)
                .and_then(|(generation, image)| revision(prior, &known, (other, image), generation));
            known.insert(key, Original { generation, revision });
        }
    }
    known
}

/// Returns the revision of a generation that is recorded or that the manifest's source would build. An encrypted one without
/// a revision of its own has that of the generation it is made from.
pub(super) fn revision(
    prior: &Recorded,
    originals: &Originals<'_>,
    (key, image): (&ImageKey, &DesiredImage),
    generation: GenerationNumber,
) -> Option<CompactString> {
    let is_recorded =
        prior.images.get(key).is_some_and(|recorded| recorded.generations.contains_key(&generation));
    match is_recorded {
        true => prior.revision(key, generation),
        false => image.revision().or_else(|| originals.get(key)?.revision.clone()),
    }
}

/// Returns the names that the current generations of all entries have or are to get. An earlier generation that is kept
/// gives up such a name.
pub(super) fn wanted_names<'d>(
    desired: &'d Desired,
    prior: &Recorded,
    asked: &BTreeSet<ImageKey>,
    originals: &Originals<'_>,
) -> BTreeSet<(&'d Region, CompactString)> {
    let mut names = BTreeSet::new();
    if prior.images.is_empty() {
        return names;
    }
    for (key, image) in desired.images.iter().filter(|(_, image)| !image.keeps_name) {
        let of = originals.get(key).and_then(|original| original.generation);
        let name = {
            let generation = choose(prior, asked, (key, image), of).generation;
            image
                .name
                .of(generation, &revision(prior, originals, (key, image), generation).unwrap_or_default())
        };
        names.extend(image.placements().into_iter().map(|region| (region, name.clone())));
    }
    names
}

/// Whether a generation answers a source: it was made from just that. An adopted image answers whatever it was
/// recorded as made from, as long as it is that image.
pub(super) fn answers(build: &RecordedGeneration, wanted: &Source) -> bool {
    match &wanted.kind {
        SourceKind::Adopted(id) => {
            build.source.kind == wanted.kind || build.placements.values().any(|placement| placement.id == *id)
        }
        _ => build.source == *wanted,
    }
}

//! Whether what a saved plan relies on is still so. Every answer is a list of sentences; an empty one means that the
//! plan may be applied.
//!
//! A plan relies on its state ([`other_state`]), and of that state on what its steps touch ([`moved`]): the images that
//! they change or copy from, the number of a new generation, the settings of their entries, and the limits. What other
//! entries became meanwhile does not count.

use std::collections::BTreeSet;

use super::capacity::{RegionCapacity, image_limit, share_limit};
use super::file::{PlanFile, PlanInputs};
use crate::diff::{ImageChange, PlacementChange, PlacementFacts, Work};
use crate::model::{GenerationNumber, ImageId, ImageKey, Operation, PlacementKey, SourceKind};
use crate::state::{Edit, Placement, Recorded, Snapshot};

/// Returns why the state at a place is not the one that a plan was made from. `found` is the state there, if there is
/// one.
pub fn other_state(inputs: &PlanInputs, found: Option<&Snapshot>) -> Vec<String> {
    let mut why = Vec::new();
    let found = match (&inputs.base, found) {
        (None, None) => return why,
        (Some(base), None) => {
            why.push(format!(
                "it was made from serial {} of the state {}, and there is no state now",
                base.serial, base.lineage
            ));
            return why;
        }
        (None, Some(found)) => {
            why.push(format!(
                "it was made before the state was first written, and there is one now, at serial {}",
                found.serial
            ));
            found
        }
        (Some(base), Some(found)) => {
            if base.lineage != found.lineage {
                why.push(format!(
                    "it was made from the state {}, and the state is {} now",
                    base.lineage, found.lineage
                ));
            }
            found
        }
    };
    let (account, cloud) = (inputs.desired.account, &inputs.desired.cloud);
    if found.account != account {
        why.push(format!("it is for account {account}, and the state describes account {}", found.account));
    }
    // Without images a state may follow the manifest to another place.
    let is_unused = found.recorded.images.is_empty() && found.intents.is_empty();
    if found.provider != cloud.provider {
        why.push("it is for another service than the state describes".to_owned());
    } else if let (Some(was), Some(is)) = (cloud.place(), &found.place)
        && was != *is
        && !is_unused
    {
        why.push(format!("it is for {was}, and the state describes the images at {is}"));
    }
    why
}

/// Returns what a plan relied on and is not so any more. `present` is the record with the manifest's renames.
pub fn moved(file: &PlanFile, present: &Recorded) -> Vec<String> {
    let check = Check { file, present };
    let mut moved = Vec::new();
    for image in &file.plan.changes {
        if !image.placements.is_empty() {
            moved.extend(check.entry(image));
        }
        moved.extend(image.placements.iter().filter_map(|change| check.placement(change)));
    }
    moved.extend(check.settings());
    moved.extend(check.limits());
    moved
}

struct Check<'a> {
    file: &'a PlanFile,
    present: &'a Recorded,
}

impl Check<'_> {
    /// The generation that an entry had, and the number that a new one gets.
    fn entry(&self, image: &ImageChange) -> Option<String> {
        let key = &image.image;
        let current = |recorded: &Recorded| recorded.images.get(key).map(|image| image.current);
        let (was, is) = (current(&self.file.prior), current(self.present));
        if was != is {
            let named = |generation: Option<GenerationNumber>| match generation {
                Some(generation) => format!("#{generation}"),
                None => "none".to_owned(),
            };
            return Some(format!(
                "image.{key}: its current generation was {} and is {}",
                named(was),
                named(is)
            ));
        }
        let is_new = |at: &PlacementKey| {
            let known = self.file.prior.images.get(key);
            known.is_none_or(|image| !image.generations.contains_key(&at.generation))
        };
        let next = |recorded: &Recorded| recorded.next_generation(key);
        let makes = image.placements.iter().any(|change| is_new(&change.at));
        if makes && next(&self.file.prior) != next(self.present) {
            return Some(format!(
                "image.{key}: the number of its next generation was {} and is {}",
                next(&self.file.prior),
                next(self.present)
            ));
        }
        None
    }

    fn placement(&self, change: &PlacementChange) -> Option<String> {
        let at = &change.at;
        let (was, is) = (self.file.prior.placement(at), self.present.placement(at));
        match (&change.work, was, is) {
            (Work::Adopt { id, .. }, None, None) => self.adopted(at, id),
            (_, None, None) => self.source(change),
            (_, None, Some(is)) => Some(format!("{at} was not there and is {}", is.id)),
            (_, Some(was), None) => Some(format!("{at} ({}) was there and is gone", was.id)),
            (_, Some(was), Some(is)) => self.image(at, was, is).or_else(|| self.source(change)),
        }
    }

    /// An image that a step changes, deletes or waits for.
    fn image(&self, at: &PlacementKey, was: &Placement, is: &Placement) -> Option<String> {
        if was.id != is.id {
            return Some(format!("{at} is another image now: {}", is.id));
        }
        // That it became ready meanwhile is what a plan waits for.
        let is_same = was.state.is_failed() == is.state.is_failed() && (is.is_normal() || !was.is_normal());
        if !is_same {
            return Some(format!("{at} ({}) was {} and is {}", is.id, was.state.as_str(), is.state.as_str()));
        }
        let tag = self.file.inputs.desired.cloud.ownership_tag.as_ref();
        let (was, facts) = (PlacementFacts::of(was, tag), PlacementFacts::of(is, tag));
        (was != facts).then(|| format!("{at} ({}) is not as it was: {}", is.id, differences(&was, &facts)))
    }

    /// An adopted image, as last observed.
    fn adopted(&self, at: &PlacementKey, id: &ImageId) -> Option<String> {
        let was = self.file.prior.adoptable(&at.region, id);
        match (was, self.present.adoptable(&at.region, id)) {
            (None, _) => None,
            (Some(_), None) => {
                Some(format!("{id}, which is adopted as {at}, no longer exists or was not observed"))
            }
            (Some(was), Some(is)) => self.image(at, was, is),
        }
    }

    /// What a new image is made from.
    fn source(&self, change: &PlacementChange) -> Option<String> {
        let at = &change.at;
        let plan = &self.file.plan;
        let is_there = |source: &PlacementKey| {
            let makes = |operation: &Operation| operation.makes_image() && operation.at() == source;
            let takes = |edit: &Edit| matches!(edit, Edit::Adopt { at, .. } if at == source);
            self.present.placement(source).is_some_and(|placement| !placement.state.is_failed())
                || plan.graph.steps().any(|(_, step)| makes(&step.operation))
                || plan.edits.iter().any(takes)
                || plan
                    .changes
                    .iter()
                    .flat_map(|image| &image.placements)
                    .any(|other| other.at == *source && matches!(other.work, Work::Adopt { .. }))
        };
        if let Some(region) = change.copied_from() {
            let source = PlacementKey { region: region.clone(), ..at.clone() };
            return (!is_there(&source)).then(|| format!("{source}, which {at} is copied from, is gone"));
        }
        let image = plan.changes.iter().find(|image| image.image == at.image)?;
        match (&change.work, image.source.as_ref().map(|source| &source.kind), image.of) {
            (Work::Make { .. }, Some(SourceKind::Encrypted { image, .. }), Some(generation)) => {
                let source = PlacementKey { image: image.clone(), generation, region: at.region.clone() };
                (!is_there(&source)).then(|| format!("{source}, which {at} is made from, is gone"))
            }
            _ => None,
        }
    }

    /// What is recorded of the entries beside their images.
    fn settings(&self) -> Vec<String> {
        let plan = &self.file.plan;
        let changed = plan.changes.iter().filter(|image| !image.placements.is_empty());
        let mut keys: BTreeSet<&ImageKey> = changed.map(|image| &image.image).collect();
        keys.extend(plan.edits.iter().filter_map(|edit| match edit {
            Edit::Settings { image, .. } => Some(image),
            _ => None,
        }));
        let of = |recorded: &Recorded, key: &ImageKey| {
            let image = recorded.images.get(key)?;
            Some((image.origin.clone(), image.protect, image.delete_snapshots))
        };
        let differs = |key: &&&ImageKey| of(&self.file.prior, key) != of(self.present, key);
        // Whether an entry is recorded at all is judged with its images.
        let are_there = |key: &&&ImageKey| {
            [&self.file.prior, self.present].iter().all(|one| one.images.contains_key(**key))
        };
        keys.iter()
            .filter(are_there)
            .filter(differs)
            .map(|key| {
                format!(
                    "image.{key}: its protection, its region or what becomes of its snapshots was changed"
                )
            })
            .collect()
    }

    fn limits(&self) -> Vec<String> {
        let (plan, desired) = (&self.file.plan, &self.file.inputs.desired);
        let mut moved = Vec::new();
        for (region, RegionCapacity { limit, .. }) in &plan.regions {
            let is_touched = plan.graph.steps().any(|(_, step)| step.at().region == *region);
            let present = image_limit(desired, self.present, region);
            if is_touched && present.value < limit.value {
                moved.push(format!(
                    "{region}: the limit of custom images was {} and is {}",
                    limit.value, present.value
                ));
            }
        }
        let has = |is_it: fn(&Operation) -> bool| plan.graph.steps().any(|(_, step)| is_it(&step.operation));
        let present = share_limit(desired, self.present);
        if has(|operation| matches!(operation, Operation::Share { .. }))
            && present.value < plan.share_limit.value
        {
            let was = plan.share_limit.value;
            moved.push(format!("the limit of accounts per image was {was} and is {}", present.value));
        }
        let refused = |recorded: &Recorded| recorded.shared_image_edits_refused;
        if has(|operation| matches!(operation, Operation::Update { .. }))
            && refused(self.present)
            && !refused(&self.file.prior)
        {
            moved.push("the service has refused a change of an image because it was shared".to_owned());
        }
        moved
    }
}

fn differences(before: &PlacementFacts, is: &PlacementFacts) -> String {
    let PlacementFacts { attributes, tags, owned, shares, unmanaged } = before;
    let mut named = Vec::new();
    let mut push = |differs: bool, name: &'static str| {
        if differs {
            named.push(name);
        }
    };
    push(attributes.name != is.attributes.name, "name");
    push(attributes.description != is.attributes.description, "description");
    push(attributes.family != is.attributes.family, "family");
    push(attributes.deprecated != is.attributes.deprecated, "deprecation");
    push(*tags != is.tags || *owned != is.owned, "tags");
    push(*shares != is.shares || *unmanaged != is.unmanaged, "shares");
    named.join(", ")
}

#[cfg(test)]
mod tests;

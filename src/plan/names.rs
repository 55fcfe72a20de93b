//! Names are unique per region and account, at every moment: who takes a name waits for who holds it.
//!
//! Four cases. A new generation under a fixed name is made as `<name>~g<N>` and takes the name when its
//! predecessor is gone. A rename waits for the one that frees the name. Renames that wait for each other in a
//! circle: one of them steps aside to a temporary name first. New generations whose names are held by generations
//! that wait for them (two entries swap their names and are replaced): one of them is made as `<name>~g<N>`.

use std::collections::{BTreeMap, BTreeSet};

use compact_str::{CompactString, format_compact};

use super::graph::{Cycle, EdgeReason, StepIndex};
use super::lower::Draft;
use super::step::Step;
use crate::diff::Reason;
use crate::model::image::NAME_MAX_CHARS;
use crate::model::{Attributes, Operation, PlacementKey, Region};

/// `<name>~<suffix>`, the name cut where both do not fit.
pub fn interim_name(name: &str, suffix: &str) -> CompactString {
    let room = NAME_MAX_CHARS.saturating_sub(suffix.chars().count().saturating_add(1));
    let base: CompactString = name.chars().take(room).collect();
    format_compact!("{base}~{suffix}")
}

/// Who holds which name in a region now.
type Holders<'a> = BTreeMap<(&'a Region, &'a str), PlacementKey>;

/// Gives interim names where they are needed, and orders takers of names after those who free them.
pub fn hand_over(draft: &mut Draft<'_>) {
    let prior = draft.prior;
    let mut holders: Holders<'_> = BTreeMap::new();
    for (image, recorded) in &prior.images {
        for (generation, build) in &recorded.generations {
            for (region, placement) in &build.placements {
                let key =
                    PlacementKey { image: image.clone(), generation: *generation, region: region.clone() };
                holders.insert((region, placement.name.as_str()), key);
            }
        }
    }
    interim_makes(draft, &holders);
    break_circles(draft, &holders);
    wait_for_names(draft, &holders);
}

/// New generations under a name that their predecessor holds: made under an interim name.
fn interim_makes(draft: &mut Draft<'_>, holders: &Holders<'_>) {
    let keys: Vec<&PlacementKey> = draft.placements.keys().copied().collect();
    for key in keys {
        let Some(lowered) = draft.placements.get(key) else { continue };
        let (Some(make), false) = (lowered.steps.make, lowered.image.delete_first) else { continue };
        let Some(name) = made_name(draft, make) else { continue };
        let Some(holder) = holders.get(&(&key.region, name.as_str())) else { continue };
        // One that goes before its successor has freed the name by then; a failed image of the same address is
        // deleted first anyway; another entry's name is waited for, where it does not wait for this one.
        let is_freed = draft.early.contains(holder) || holder.generation == key.generation;
        let is_followed = holder.image == key.image && !is_freed;
        if !is_followed && !draft.interim.contains(key) {
            continue;
        }
        let interim = interim_name(&name, &format!("g{}", key.generation));
        if let Some(step) = draft.graph.step_mut(make) {
            match &mut step.operation {
                Operation::Create { attributes, .. } => attributes.name = Some(interim),
                Operation::Copy { name, .. } => *name = interim,
                _ => continue,
            }
        }
        let set = Attributes { name: Some(name), ..Attributes::default() };
        let rename = Operation::Update { at: key.clone(), set };
        let rename = draft.graph.add(Step::aside(rename, Reason::Follows, "takes its name"));
        if let Some(lowered) = draft.placements.get_mut(key) {
            lowered.steps.rename = Some(rename);
        }
    }
}

/// Renames that wait for each other in a circle: the first by address steps aside.
fn break_circles(draft: &mut Draft<'_>, holders: &Holders<'_>) {
    // Each placement that is renamed waits for at most one other: who holds the name it takes.
    let mut waits: BTreeMap<PlacementKey, PlacementKey> = BTreeMap::new();
    for (&key, lowered) in &draft.placements {
        let Some(update) = lowered.steps.update.filter(|_| lowered.steps.make.is_none()) else { continue };
        let Some(name) = taken_name(draft, update) else { continue };
        if let Some(holder) = holders.get(&(&key.region, name.as_str())).filter(|holder| *holder != key) {
            waits.insert(key.clone(), holder.clone());
        }
    }
    let mut done: BTreeSet<PlacementKey> = BTreeSet::new();
    for start in waits.keys() {
        let mut path: Vec<&PlacementKey> = Vec::new();
        let mut here = start;
        while let Some(next) = waits.get(here).filter(|_| !done.contains(here)) {
            if path.contains(&here) {
                step_aside(draft, here);
                break;
            }
            path.push(here);
            here = next;
        }
        done.extend(path.into_iter().cloned());
    }
}

/// Splits a rename: to a temporary name first, to its own when that is free.
fn step_aside(draft: &mut Draft<'_>, key: &PlacementKey) {
    let Some(lowered) = draft.placements.get(key) else { return };
    let Some(update) = lowered.steps.update else { return };
    let held = lowered.change.before.as_ref().and_then(|facts| facts.attributes.name.clone());
    let (Some(held), Some(name)) = (held, taken_name(draft, update)) else { return };
    let reason = lowered.change.reason.clone();
    if let Some(Step { operation: Operation::Update { set, .. }, .. }) = draft.graph.step_mut(update) {
        set.name = Some(interim_name(&held, "aside"));
    }
    let set = Attributes { name: Some(name), ..Attributes::default() };
    let rename = Step::aside(Operation::Update { at: key.clone(), set }, reason, "takes its name");
    let rename = draft.graph.add(rename);
    draft.graph.wait(rename, update, EdgeReason::ImageReady);
    if let Some(lowered) = draft.placements.get_mut(key) {
        lowered.steps.rename = Some(rename);
    }
}

/// Every taker of a name waits for the step that frees it.
fn wait_for_names(draft: &mut Draft<'_>, holders: &Holders<'_>) {
    let mut edges: Vec<(StepIndex, StepIndex, CompactString, Region)> = Vec::new();
    for (&key, lowered) in &draft.placements {
        let steps = &lowered.steps;
        for taker in [steps.make, steps.update, steps.rename].into_iter().flatten() {
            let Some(name) = taken_name(draft, taker) else { continue };
            let Some(holder) = holders.get(&(&key.region, name.as_str())) else { continue };
            if holder == key && !lowered.change.remake {
                continue;
            }
            let Some(held_by) = draft.placements.get(holder) else { continue };
            let frees = held_by.steps.delete.or(held_by
                .steps
                .update
                .filter(|update| taken_name(draft, *update).is_some_and(|new| new != name)));
            if let Some(frees) = frees {
                edges.push((taker, frees, name, key.region.clone()));
            }
        }
    }
    for (taker, frees, name, region) in edges {
        draft.graph.wait(taker, frees, EdgeReason::NameFreed { name, region });
    }
}

/// The first placement that waits, in a circle, to be made under a name that others free.
pub fn taker_in(draft: &Draft<'_>, circle: &Cycle) -> Option<PlacementKey> {
    let is_in = |step: StepIndex| {
        let id = draft.graph.step(step).map(|step| step.id.to_string());
        id.is_some_and(|id| circle.steps.binary_search(&id).is_ok())
    };
    let waits_for_a_name = |make: StepIndex| {
        let names =
            draft.graph.waits_for(make).filter(|(_, reason)| matches!(reason, EdgeReason::NameFreed { .. }));
        is_in(make) && names.map(|(earlier, _)| earlier).any(is_in)
    };
    let takers =
        draft.placements.iter().filter(|(_, lowered)| lowered.steps.make.is_some_and(waits_for_a_name));
    takers.map(|(key, _)| (*key).clone()).find(|key| !draft.interim.contains(key))
}

fn made_name(draft: &Draft<'_>, step: StepIndex) -> Option<CompactString> {
    draft.graph.step(step)?.operation.made_name().cloned()
}

/// The name that a step takes.
fn taken_name(draft: &Draft<'_>, step: StepIndex) -> Option<CompactString> {
    match &draft.graph.step(step)?.operation {
        Operation::Update { set, .. } => set.name.clone(),
        operation => operation.made_name().cloned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interim_name_fits_the_limit_in_characters() {
        assert_eq!(interim_name("web", "g12"), "web~g12");
        let long = "\u{955c}".repeat(60);
        let interim = interim_name(&long, "g3");
        assert_eq!(interim.chars().count(), NAME_MAX_CHARS);
        assert!(interim.ends_with("~g3"));
    }
}

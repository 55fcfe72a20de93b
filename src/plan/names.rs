//! Names are unique per region and account, at every moment: who takes a name waits for who holds it.
//!
//! Where that wait would close a circle, the taker goes by another name first and takes its own when it is free. So a
//! new generation under a fixed name is made as `<name>~g<N>`, since its predecessor stays until it is there; and of
//! images that swap their names, one steps aside. This comes after every other ordering rule: only they tell where a
//! circle would close.

use std::collections::BTreeMap;

use compact_str::{CompactString, format_compact};

use super::graph::{EdgeReason, StepIndex};
use super::lower::Draft;
use super::step::Step;
use crate::diff::{Action, Reason};
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
    let keys: Vec<&PlacementKey> = draft.placements.keys().copied().collect();
    for key in keys {
        let Some(lowered) = draft.placements.get(key) else { continue };
        for taker in [lowered.steps.make, lowered.steps.update].into_iter().flatten() {
            wait_for_name(draft, &holders, key, taker);
        }
    }
}

/// A taker of a name waits for the step that frees it; or takes another name until then.
fn wait_for_name(draft: &mut Draft<'_>, holders: &Holders<'_>, key: &PlacementKey, taker: StepIndex) {
    let Some(name) = taken_name(draft, taker) else { return };
    let Some(holder) = holders.get(&(&key.region, name.as_str())) else { return };
    let Some(frees) = freeing_step(draft, holder, &name).filter(|frees| *frees != taker) else { return };
    let waits = if draft.graph.must_precede(taker, frees) {
        match step_aside(draft, key, taker, &name) {
            Some(rename) => rename,
            None => return,
        }
    } else {
        taker
    };
    draft.graph.wait(waits, frees, EdgeReason::NameFreed { name, region: key.region.clone() });
}

/// The step after which a placement does not have a name any more.
fn freeing_step(draft: &Draft<'_>, holder: &PlacementKey, name: &str) -> Option<StepIndex> {
    let steps = &draft.placements.get(holder)?.steps;
    let renamed = |update: &StepIndex| taken_name(draft, *update).is_some_and(|new| new != name);
    steps.delete.or(steps.update.filter(renamed))
}

/// Splits the taking of a name: another name first, then this one. The step that takes it in the end.
fn step_aside(
    draft: &mut Draft<'_>,
    key: &PlacementKey,
    taker: StepIndex,
    name: &CompactString,
) -> Option<StepIndex> {
    let by_generation = interim_name(name, &format!("g{}", key.generation));
    let change = draft.placements.get(key)?.change;
    let held = change.before.as_ref().and_then(|facts| facts.attributes.name.clone());
    match &mut draft.graph.step_mut(taker)?.operation {
        Operation::Create { attributes, .. } => attributes.name = Some(by_generation),
        Operation::Copy { name, .. } => *name = by_generation,
        Operation::Update { set, .. } => set.name = Some(interim_name(&held?, "aside")),
        _ => return None,
    }
    let reason = if change.action == Action::Update { change.reason.clone() } else { Reason::Follows };
    let set = Attributes { name: Some(name.clone()), ..Attributes::default() };
    let rename = Step::aside(Operation::Update { at: key.clone(), set }, reason, "takes its name");
    let rename = draft.graph.add(rename);
    draft.graph.wait(rename, taker, EdgeReason::ImageReady);
    draft.placements.get_mut(key)?.steps.rename = Some(rename);
    Some(rename)
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

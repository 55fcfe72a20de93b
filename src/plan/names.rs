//! Names are unique per region and account, at every moment: who takes a name waits for who holds it.
//!
//! Where that wait would close a circle, the taker goes by another name first and takes its own when it is free. So a
//! new generation under a fixed name is made as `<name>~g<N>`, since its predecessor stays until it is there; and of
//! images that swap their names, one steps aside. Only the other orders tell where a circle would close, and some of
//! them ask who takes a name last: so a draft is ordered again with what it taught ([`Draft::order`]).

use std::collections::{BTreeMap, BTreeSet};

use compact_str::{CompactString, format_compact};

use super::graph::{EdgeReason, StepIndex};
use super::lower::{Draft, PlacementSteps};
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

/// Splits the taking of a name where the wait for it would close a circle, as an earlier ordering found.
pub fn step_aside(draft: &mut Draft<'_>) {
    for key in draft.aside.clone() {
        let Some((&key, lowered)) = draft.placements.get_key_value(&key) else { continue };
        if let Some(taker) = lowered.steps.make.or(lowered.steps.update) {
            split(draft, key, taker);
        }
    }
}

/// Every taker of a name waits for the step that frees it. Those for which that would close a circle do not: they
/// have to step aside.
pub fn wait_for_names(draft: &mut Draft<'_>) -> BTreeSet<PlacementKey> {
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
    let mut circles = BTreeSet::new();
    let lowered: Vec<(&PlacementKey, PlacementSteps)> =
        draft.placements.iter().map(|(key, lowered)| (*key, lowered.steps)).collect();
    for (key, steps) in lowered {
        for taker in [steps.make, steps.update, steps.rename].into_iter().flatten() {
            let Some(name) = taken_name(draft, taker) else { continue };
            let Some(holder) = holders.get(&(&key.region, name.as_str())) else { continue };
            let Some(frees) = freeing_step(draft, holder, &name).filter(|frees| *frees != taker) else {
                continue;
            };
            if draft.graph.must_precede(taker, frees) {
                circles.insert(key.clone());
            } else {
                draft.graph.wait(taker, frees, EdgeReason::NameFreed { name, region: key.region.clone() });
            }
        }
    }
    circles
}

/// The step after which a placement does not have a name any more.
fn freeing_step(draft: &Draft<'_>, holder: &PlacementKey, name: &str) -> Option<StepIndex> {
    let steps = &draft.placements.get(holder)?.steps;
    let renamed = |update: &StepIndex| taken_name(draft, *update).is_some_and(|new| new != name);
    steps.delete.or(steps.update.filter(renamed))
}

/// Splits the taking of a name: another name first, then this one.
fn split(draft: &mut Draft<'_>, key: &PlacementKey, taker: StepIndex) {
    let (Some(name), Some(lowered)) = (taken_name(draft, taker), draft.placements.get(key)) else { return };
    let change = lowered.change;
    let held = change.before.as_ref().and_then(|facts| facts.attributes.name.as_ref());
    let interim = match held {
        Some(held) => interim_name(held, "aside"),
        None => interim_name(&name, &format!("g{}", key.generation)),
    };
    let Some(step) = draft.graph.step_mut(taker) else { return };
    let reason = if held.is_some() { step.reason.clone() } else { Reason::Follows };
    match &mut step.operation {
        Operation::Create { attributes, .. } => attributes.name = Some(interim),
        Operation::Copy { name, .. } => *name = interim,
        Operation::Update { set, .. } => set.name = Some(interim),
        _ => return,
    }
    let set = Attributes { name: Some(name), ..Attributes::default() };
    let rename = Step::aside(Operation::Update { at: key.clone(), set }, reason, "takes its name");
    let rename = draft.graph.add(rename);
    draft.graph.wait(rename, taker, EdgeReason::ImageReady);
    if let Some(lowered) = draft.placements.get_mut(key) {
        lowered.steps.rename = Some(rename);
    }
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

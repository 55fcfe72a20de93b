//! Names are unique per region and account, at every moment: who takes a name waits for who holds it.
//!
//! Where that wait would close a circle, the taker goes by another name first and takes its own when it is free. So a
//! new generation under a fixed name is made as `<name>~g<N>`, since its predecessor stays until it is there; and of
//! images that swap their names, one steps aside. Only the other orders tell where a circle would close, and some of
//! them ask who takes a name last: so a draft is ordered again with what it taught ([`Draft::order`]).

use std::collections::{BTreeMap, BTreeSet};

use compact_str::{CompactString, format_compact};

use super::draft::{Draft, PlacementSteps};
use super::graph::{EdgeReason, StepIndex};
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
    use crate::plan::Plan;
    use crate::testing::EXAMPLE;
    use crate::testing::worlds::{applied, example_with, plan_to, reason, region, step, step_ids, waits};

    #[test]
    fn an_interim_name_fits_the_limit_in_characters() {
        assert_eq!(interim_name("web", "g12"), "web~g12");
        let long = "\u{955c}".repeat(60);
        let interim = interim_name(&long, "g3");
        assert_eq!(interim.chars().count(), NAME_MAX_CHARS);
        assert!(interim.ends_with("~g3"));
    }

    /// The example, in which both entries have fixed names.
    fn fixed(web: &str, db: &str) -> String {
        example_with("name: web-{generation}", &format!("name: {web}"))
            .replace("name: db-{generation}", &format!("name: {db}"))
            .replace("copies: [ap-singapore, ap-tokyo]", "copies: []")
    }

    fn second(text: &str) -> String {
        text.replace("revision: \"1\"", "revision: \"2\"")
    }

    fn made_name(plan: &Plan, id: &str) -> String {
        plan.graph.step(step(plan, id)).unwrap().operation.made_name().unwrap().to_string()
    }

    #[test]
    fn a_name_that_nobody_has_is_taken_at_once() {
        let plan = plan_to(&applied(&[]), &fixed("web", "db"));
        assert!(!plan.graph.edges().any(|(_, _, reason)| matches!(reason, EdgeReason::NameFreed { .. })));
        assert_eq!(made_name(&plan, "create image.web@ap-jakarta#1"), "web");
    }

    #[test]
    fn a_new_generation_under_a_fixed_name_takes_it_when_the_old_one_is_gone() {
        let plan = plan_to(&applied(&[&fixed("web", "db")]), &second(&fixed("web", "db")));
        assert_eq!(made_name(&plan, "create image.web@ap-jakarta#2"), "web~g2");
        let rename = "update image.web@ap-jakarta#2 (takes its name)";
        let freed = EdgeReason::NameFreed { name: "web".into(), region: region("ap-jakarta") };
        assert_eq!(reason(&plan, rename, "delete image.web@ap-jakarta#1"), Some(freed));
        assert!(waits(&plan, rename, "create image.web@ap-jakarta#2"));
    }

    #[test]
    fn with_the_generation_in_the_name_nothing_is_renamed() {
        let plan = plan_to(&applied(&[EXAMPLE]), &second(EXAMPLE));
        assert!(step_ids(&plan).iter().all(|id| !id.contains("takes its name")));
    }

    #[test]
    fn where_the_old_generation_goes_first_its_name_is_waited_for() {
        let replace = |text: &str| text.replace("copies: []", "replace: delete-first");
        let plan =
            plan_to(&applied(&[&replace(&fixed("web", "db"))]), &second(&replace(&fixed("web", "db"))));
        assert_eq!(made_name(&plan, "create image.web@ap-jakarta#2"), "web");
        assert!(waits(&plan, "create image.web@ap-jakarta#2", "delete image.web@ap-jakarta#1"));
    }

    #[test]
    fn a_name_that_is_passed_on_is_waited_for() {
        let plan = plan_to(&applied(&[&fixed("web", "db")]), &fixed("old", "web"));
        let (takes, frees) = ("update image.db@ap-jakarta#1", "update image.web@ap-jakarta#1");
        let freed = EdgeReason::NameFreed { name: "web".into(), region: region("ap-jakarta") };
        assert_eq!(reason(&plan, takes, frees), Some(freed));
    }

    #[test]
    fn of_two_that_swap_their_names_one_steps_aside() {
        let plan = plan_to(&applied(&[&fixed("web", "db")]), &fixed("db", "web"));
        assert_eq!(
            step_ids(&plan),
            [
                "update image.db@ap-jakarta#1",
                "update image.web@ap-jakarta#1",
                "update image.web@ap-jakarta#1 (takes its name)",
            ]
        );
        let renamed = plan.graph.step(step(&plan, "update image.web@ap-jakarta#1")).unwrap();
        let Operation::Update { set, .. } = &renamed.operation else { panic!("{renamed:?}") };
        assert_eq!(set.name.as_deref(), Some("web~aside"));
    }

    #[test]
    fn a_name_that_passes_between_a_replaced_and_a_renamed_entry_closes_no_circle() {
        let plan = plan_to(&applied(&[&fixed("web", "db")]), &second(&fixed("db", "web")));
        assert_eq!(made_name(&plan, "create image.web@ap-jakarta#2"), "db~g2");
        let last = "update image.web@ap-jakarta#2 (takes its name)";
        assert!(waits(&plan, last, "update image.db@ap-jakarta#1"));
        assert!(waits(&plan, "update image.db@ap-jakarta#1", "delete image.web@ap-jakarta#1"));
    }

    #[test]
    fn the_same_name_in_another_region_is_another_name() {
        let apart =
            fixed("web", "web").replace("  db:\n    region: ap-jakarta", "  db:\n    region: ap-tokyo");
        let plan = plan_to(&applied(&[]), &apart);
        assert_eq!(made_name(&plan, "create image.db@ap-tokyo#1"), "web");
        assert!(!waits(&plan, "create image.web@ap-jakarta#1", "create image.db@ap-tokyo#1"));
    }
}

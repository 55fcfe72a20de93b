//! Names are unique per region and account at every moment: a step that takes a name waits for the step that frees it.
//!
//! If that wait would close a circle, the placement uses an interim name first and takes its own when it is free. A new
//! generation under a fixed name is made as `<name>~g<N>`, because its predecessor stays until it is ready. If images
//! swap their names, one of them uses an interim name. Circles are known only after all other orders, and some orders
//! depend on which step takes a name last, so the draft is ordered again with the interim names ([`Draft::order`]).
//!
//! A name under which another call may have made an image, without a definite answer, is no name for a new image either:
//! what is found under it later could be either one. The new image is made under an interim name and renamed at the end.

use std::collections::{BTreeMap, BTreeSet};

use compact_str::CompactString;

use super::draft::{Draft, PlacementSteps};
use crate::diff::Reason;
use crate::model::interim::with_suffix;
use crate::model::{Attributes, Operation, PlacementKey, Region};
use crate::plan::graph::EdgeReason;
use crate::plan::step::Step;
use crate::plan::step_map::StepIndex;

/// The placement that holds each name of a region now.
type Holders<'a> = BTreeMap<(&'a Region, &'a str), PlacementKey>;

/// Splits the steps that take a name for which an earlier ordering found a circle.
pub(super) fn use_interim_names(draft: &mut Draft<'_>) {
    for key in draft.interim_named.clone() {
        let Some((&key, lowered)) = draft.placements.get_key_value(&key) else { continue };
        let steps = lowered.steps;
        let makes_with_name = steps.make.filter(|make| taken_name(draft, *make).is_some());
        if let Some(taker) = makes_with_name.or(steps.update) {
            split(draft, key, taker);
        }
    }
}

/// Adds a wait for the step that frees a name to every step that takes it. Returns the placements that need an interim
/// name: that wait would close a circle, or another image may have been made under the name.
pub(super) fn wait_for_names(draft: &mut Draft<'_>) -> BTreeSet<PlacementKey> {
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
    let in_doubt: BTreeSet<(&Region, &str)> =
        prior.making.iter().map(|(at, making)| (&at.region, making.name.as_str())).collect();
    let mut circles = BTreeSet::new();
    let lowered: Vec<(&PlacementKey, PlacementSteps)> =
        draft.placements.iter().map(|(key, lowered)| (*key, lowered.steps)).collect();
    for (key, steps) in lowered {
        for taker in [steps.make, steps.update, steps.rename].into_iter().flatten() {
            let Some(name) = taken_name(draft, taker) else { continue };
            // A make that was started continues under the name that it was started with.
            let is_new = steps.make == Some(taker) && !prior.making.contains_key(key);
            if is_new && in_doubt.contains(&(&key.region, name.as_str())) {
                circles.insert(key.clone());
                continue;
            }
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

/// Returns the step after which a placement no longer has a name.
fn freeing_step(draft: &Draft<'_>, holder: &PlacementKey, name: &str) -> Option<StepIndex> {
    let steps = &draft.placements.get(holder)?.steps;
    let renamed = |update: &StepIndex| taken_name(draft, *update).is_some_and(|new| new != name);
    steps.delete.or(steps.update.filter(renamed))
}

/// Splits the taking of a name: another name first, then this one.
fn split(draft: &mut Draft<'_>, key: &PlacementKey, taker: StepIndex) {
    let (Some(name), Some(lowered)) = (taken_name(draft, taker), draft.placements.get(key)) else { return };
    let change = lowered.change;
    let held = change.before().and_then(|facts| facts.attributes.name.as_ref());
    let is_wanted_by_another = held.is_some_and(|held| is_taken_by_another(draft, key, held));
    if lowered.steps.make.is_some_and(|make| make != taker) || held.is_some() && !is_wanted_by_another {
        return rename_last(draft, key, taker, name);
    }
    let interim = match held {
        Some(held) => with_suffix(held, "aside"),
        None => with_suffix(&name, &format!("g{}", key.generation)),
    };
    let step = &mut draft.graph[taker];
    let reason = if held.is_some() { step.reason.clone() } else { Reason::Follows };
    match &mut step.operation {
        Operation::Create { attributes, .. } => attributes.name = Some(interim),
        Operation::Copy { name, .. } => *name = interim,
        Operation::Update { set, .. } => set.name = Some(interim),
        _ => return,
    }
    let set = Attributes { name: Some(name), ..Attributes::default() };
    let rename = Step::with_qualifier(Operation::Update { at: key.clone(), set }, reason, "takes its name");
    let rename = draft.graph.add(rename);
    draft.graph.wait(rename, taker, EdgeReason::ImageReady);
    if let Some(lowered) = draft.placements.get_mut(key) {
        lowered.steps.rename = Some(rename);
    }
}

/// Returns whether another placement of the region takes a name.
fn is_taken_by_another(draft: &Draft<'_>, key: &PlacementKey, name: &str) -> bool {
    draft.placements.iter().any(|(other, lowered)| {
        let steps = [lowered.steps.make, lowered.steps.update, lowered.steps.rename];
        let mut takers = steps.into_iter().flatten();
        *other != key
            && other.region == key.region
            && takers.any(|taker| taken_name(draft, taker).is_some_and(|taken| taken == name))
    })
}

/// An image whose present name nobody waits for, such as one made under an interim name, keeps it until its own is free:
/// a step of its own takes that one.
fn rename_last(draft: &mut Draft<'_>, key: &PlacementKey, update: StepIndex, name: CompactString) {
    let step = &mut draft.graph[update];
    let Operation::Update { set, .. } = &mut step.operation else { return };
    let reason = step.reason.clone();
    let others = Attributes { name: None, ..set.clone() };
    if others.is_empty() {
        if let Some(lowered) = draft.placements.get_mut(key) {
            lowered.steps.rename = lowered.steps.update.take();
        }
        return;
    }
    *set = others;
    let set = Attributes { name: Some(name), ..Attributes::default() };
    let rename = Step::with_qualifier(Operation::Update { at: key.clone(), set }, reason, "takes its name");
    let rename = draft.graph.add(rename);
    draft.graph.wait(rename, update, EdgeReason::ImageReady);
    if let Some(lowered) = draft.placements.get_mut(key) {
        lowered.steps.rename = Some(rename);
    }
}

/// Returns the name that a step takes.
fn taken_name(draft: &Draft<'_>, step: StepIndex) -> Option<CompactString> {
    draft.graph[step].operation.taken_name().cloned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Plan;
    use crate::state::Event;
    use crate::testing::EXAMPLE;
    use crate::testing::worlds::{
        applied, example_with, generation, key, noon, placement, plan_to, reason, region, step, step_ids,
        waits,
    };

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
        plan.graph[step(plan, id)].operation.made_name().unwrap().to_string()
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
    fn a_name_under_which_another_build_may_exist_is_taken_last() {
        let mut snapshot = applied(&[]);
        let first = plan_to(&snapshot, &fixed("web", "db"));
        let create = &first.graph[step(&first, "create image.web@ap-jakarta#1")];
        let (step_id, operation) = (create.id.clone(), create.operation.clone());
        snapshot.take(&Event::Started { step: step_id, at: noon(), operation }).unwrap();

        let again = plan_to(&snapshot, &fixed("web", "db"));
        assert_eq!(made_name(&again, "create image.web@ap-jakarta#1"), "web");
        let next = plan_to(&snapshot, &second(&fixed("web", "db")));
        assert_eq!(made_name(&next, "create image.web@ap-jakarta#2"), "web~g2");
        let rename = "update image.web@ap-jakarta#2 (takes its name)";
        assert!(waits(&next, rename, "create image.web@ap-jakarta#2"));
        assert_eq!(made_name(&next, "create image.db@ap-jakarta#1"), "db");
    }

    #[test]
    fn a_kept_generation_gives_up_a_fixed_name_after_its_successor_is_ready() {
        let kept = |text: &str| text.replace("keep: 0", "keep: 1");
        let plan = plan_to(&applied(&[&kept(&fixed("web", "db"))]), &second(&kept(&fixed("web", "db"))));
        let aside = &plan.graph[step(&plan, "update image.web@ap-jakarta#1")];
        let Operation::Update { set, .. } = &aside.operation else { panic!("{aside:?}") };
        assert_eq!(set.name.as_deref(), Some("web~g1"));
        let rename = "update image.web@ap-jakarta#2 (takes its name)";
        let freed = EdgeReason::NameFreed { name: "web".into(), region: region("ap-jakarta") };
        assert_eq!(reason(&plan, rename, "update image.web@ap-jakarta#1"), Some(freed));
        assert!(waits(&plan, "update image.web@ap-jakarta#1", "create image.web@ap-jakarta#2"));
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
        let renamed = &plan.graph[step(&plan, "update image.web@ap-jakarta#1")];
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

    #[test]
    fn a_copy_of_an_earlier_run_keeps_its_interim_name_until_its_final_one_is_free() {
        let (before, after) = (fixed("web", "db"), second(&fixed("web", "db")));
        let mut snapshot = applied(&[&before, &after]);
        // As a run left it that was killed after the new one was made.
        let mut old = placement(&mut snapshot, "image.web@ap-jakarta#2").clone();
        (old.name, old.id) = ("web".into(), "img-0a1b2c3d".parse().unwrap());
        let source = snapshot.recorded.images[&key("web")].generations[&generation(2)].source.clone();
        let new = placement(&mut snapshot, "image.web@ap-jakarta#2");
        (new.name, new.interim) = ("web~abcdefghij".into(), true);
        let image = snapshot.recorded.images.get_mut(&key("web")).unwrap();
        let placements = [(region("ap-jakarta"), old)].into();
        let build = crate::state::RecordedGeneration { source, of: None, replaced_in: None, placements };
        image.generations.insert(generation(1), build);
        let plan = plan_to(&snapshot, &after);
        let taking: Vec<String> =
            step_ids(&plan).into_iter().filter(|id| id.contains("web@ap-jakarta#2")).collect();
        let [named] = &taking[..] else { panic!("{taking:?}") };
        assert!(waits(&plan, named, "delete image.web@ap-jakarta#1"));
    }
}

//! Which placements consumers should use: moved when a placement of a current generation becomes ready.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use crate::model::{Accounts, GenerationNumber, Operation, PlacementKey};
use crate::plan::{Plan, StepIndex};
use crate::state::{Edit, Placement, Recorded, Snapshot};

/// The edits of a run that was killed after a placement of a current generation was ready, and before that was recorded:
/// it serves, as everyone who sees the serving one sees it too. They come before the edits of a plan, which may make
/// another generation the current one that fewer accounts see.
pub(super) fn not_recorded(recorded: &Recorded, now: Timestamp) -> Vec<Edit> {
    let current = recorded.images.iter().flat_map(|(key, image)| {
        let build = image.generations.get(&image.current);
        let placements = build.into_iter().flat_map(|build| &build.placements);
        placements.map(move |(region, placement)| {
            (
                PlacementKey { image: key.clone(), generation: image.current, region: region.clone() },
                placement,
            )
        })
    });
    let took_over = |(at, placement): &(PlacementKey, &Placement)| {
        let serving = recorded.serving(&at.image, &at.region);
        let covers = |serving: &Placement| serving.everyone().without(&placement.everyone()).is_empty();
        let serving = serving.filter(|(generation, _)| *generation != at.generation);
        placement.is_in_place() && serving.is_some_and(|(_, serving)| covers(serving))
    };
    current.filter(took_over).map(|(at, _)| Edit::Serve { at, since: now }).collect()
}

/// The edits that record which placements serve before any step of a plan is done: those of current generations that
/// are ready already.
pub fn serving_now(plan: &Plan, recorded: &Recorded, now: Timestamp) -> Vec<Edit> {
    let successions = successions(plan, recorded);
    let waits_for_nothing = |at: &PlacementKey| {
        successions.get(at).is_some_and(BTreeSet::is_empty)
            && recorded.placement(at).is_some_and(|placement| placement.is_normal())
    };
    let changing = changing(plan).filter(waits_for_nothing);
    let serves = |at: &PlacementKey| {
        let image = recorded.images.get(&at.image);
        image.is_some_and(|image| image.serving.get(&at.region) == Some(&at.generation))
    };
    plan.ready
        .iter()
        .cloned()
        .chain(changing)
        .filter(|at| recorded.placement(at).is_some() && !serves(at))
        .map(|at| Edit::Serve { at, since: now })
        .collect()
}

/// The edit that lets another placement serve before this operation takes shares from the one that serves, or deletes it:
/// the newest one in place that all its accounts see, and from which nothing is being taken. With delete-first that is a kept
/// generation, where there is one.
pub(super) fn handed_over(snapshot: &Snapshot, operation: &Operation, now: Timestamp) -> Option<Edit> {
    let recorded = &snapshot.recorded;
    let (Operation::Unshare { at, .. } | Operation::Delete { at, .. }) = operation else { return None };
    let (serving, placement) = recorded.serving(&at.image, &at.region)?;
    if serving != at.generation {
        return None;
    }
    let newest_first = recorded.images.get(&at.image)?.generations.iter().rev();
    let covers = |generation: GenerationNumber| {
        let other = PlacementKey { generation, ..at.clone() };
        let is_ending = snapshot.intents.values().any(|intent| {
            let operation = &intent.operation;
            matches!(operation, Operation::Unshare { .. } | Operation::Delete { .. })
                && *operation.at() == other
        });
        let there = recorded.placement(&other).filter(|there| there.is_in_place() && !is_ending)?;
        placement.everyone().without(&there.everyone()).is_empty().then_some(other)
    };
    let mut others = newest_first.map(|(generation, _)| *generation).filter(|other| *other != serving);
    others.find_map(covers).map(|at| Edit::Serve { at, since: now })
}

/// The placements of current generations that a plan changes and does not delete.
fn changing(plan: &Plan) -> impl Iterator<Item = PlacementKey> + '_ {
    plan.changes.iter().flat_map(move |change| {
        change
            .placements
            .iter()
            .filter(move |placement| {
                change.generation == Some(placement.at.generation) && !placement.deletes_image()
            })
            .map(|placement| placement.at.clone())
    })
}

/// The placements of current generations that a plan changes, and the steps after which each is ready: its image is
/// NORMAL, has its attributes, and is shared with every account that sees the serving one and is to keep access: what is
/// taken from the serving one waits for the same steps. Accounts that see only other generations have theirs until they
/// see this one, and it serves before. A change that waits for an earlier placement to give up its name is not among them.
pub fn successions(plan: &Plan, recorded: &Recorded) -> BTreeMap<PlacementKey, BTreeSet<StepIndex>> {
    let mut steps: BTreeMap<&PlacementKey, Vec<StepIndex>> = BTreeMap::new();
    for (index, step) in plan.graph.steps() {
        steps.entry(step.at()).or_default().push(index);
    }
    let steps_at = |at: &PlacementKey| steps.get(at).map(Vec::as_slice).unwrap_or_default();
    changing(plan)
        .map(|at| {
            let earlier: Vec<PlacementKey> = earlier(recorded, &at);
            let serving = recorded.serving(&at.image, &at.region);
            let seeing = serving.map_or(Accounts::EMPTY, |(_, serving)| serving.everyone());
            let operation = |index: StepIndex| &plan.graph[index].operation;
            let is_make = |operation: &Operation| {
                operation.makes_image() || matches!(operation, Operation::Wait { .. })
            };
            let make = steps_at(&at).iter().copied().find(|index| is_make(operation(*index)));
            // What earlier placements give up after the image was made, such as their name.
            let waits_for_earlier = |index: StepIndex| {
                let taking = earlier.iter().flat_map(&steps_at).copied();
                taking.into_iter().any(|taking| {
                    plan.graph.must_precede(taking, index)
                        && !make.is_some_and(|make| plan.graph.must_precede(taking, make))
                })
            };
            let is_needed = |index: &StepIndex| match operation(*index) {
                operation if is_make(operation) => true,
                Operation::Share { accounts, .. } => !accounts.shared_with(&seeing).is_empty(),
                Operation::Update { .. } => !waits_for_earlier(*index),
                _ => false,
            };
            let needed = steps_at(&at).iter().copied().filter(is_needed).collect();
            (at, needed)
        })
        .collect()
}

/// The recorded placements of other generations in the region of a placement.
fn earlier(recorded: &Recorded, at: &PlacementKey) -> Vec<PlacementKey> {
    let Some(image) = recorded.images.get(&at.image) else { return Vec::new() };
    let others = image.generations.iter().filter(|(generation, _)| **generation != at.generation);
    others
        .filter(|(_, build)| build.placements.contains_key(&at.region))
        .map(|(generation, _)| PlacementKey { generation: *generation, ..at.clone() })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::{Event, StepId};
    use crate::testing::EXAMPLE;
    use crate::testing::worlds::*;

    const TOKYO: &str = "image.web@ap-tokyo#2";

    fn revised(revision: u32) -> String {
        EXAMPLE.replace("keep: 0", "keep: 2").replace("revision: \"1\"", &format!("revision: \"{revision}\""))
    }

    fn two_generations() -> Snapshot {
        applied(&[&revised(1), &revised(2)])
    }

    #[test]
    fn a_successor_serves_before_accounts_that_see_only_a_kept_generation_see_it() {
        let third = revised(3);
        let needed = |recorded: &Snapshot| {
            let plan = plan_to(recorded, &third);
            let successor = at("image.web@ap-tokyo#3");
            let steps = successions(&plan, &recorded.recorded)[&successor].clone();
            (steps.contains(&step(&plan, "copy image.web@ap-tokyo#3")))
                .then(|| steps.contains(&step(&plan, "share image.web@ap-tokyo#3")))
        };
        let mut recorded = two_generations();
        assert_eq!(needed(&recorded), Some(true), "those who see the serving one wait for it");
        placement(&mut recorded, TOKYO).shares = Accounts::EMPTY;
        assert_eq!(needed(&recorded), Some(false), "nobody sees the serving one");
    }

    #[test]
    fn a_generation_that_took_over_unrecorded_serves() {
        let mut recorded = two_generations();
        assert_eq!(not_recorded(&recorded.recorded, noon()), []);
        let serving = &mut recorded.recorded.images.get_mut(&key("web")).unwrap().serving;
        serving.insert(region("ap-tokyo"), generation(1));
        let serves = Edit::Serve { at: at(TOKYO), since: noon() };
        assert_eq!(not_recorded(&recorded.recorded, noon()), [serves]);
        placement(&mut recorded, TOKYO).shares = Accounts::EMPTY;
        assert_eq!(not_recorded(&recorded.recorded, noon()), [], "those who see the first would lose it");
    }

    #[test]
    fn what_is_being_deleted_is_not_handed_over_to() {
        let mut recorded = two_generations();
        let (first, second) = (at("image.web@ap-tokyo#1"), at(TOKYO));
        placement(&mut recorded, "image.web@ap-tokyo#1").deprecated = false;
        let delete = |at: &PlacementKey| Operation::Delete { at: at.clone(), snapshots: true };
        let serves = Edit::Serve { at: first.clone(), since: noon() };
        assert_eq!(handed_over(&recorded, &delete(&second), noon()), Some(serves));
        let started = Event::Started { step: StepId("delete".into()), at: noon(), operation: delete(&first) };
        recorded.take(&started).unwrap();
        assert_eq!(handed_over(&recorded, &delete(&second), noon()), None);
    }
}

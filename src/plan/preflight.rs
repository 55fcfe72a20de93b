//! Trials before a run: which calls can be tried now, and which refusals an earlier step of the plan removes.

use serde::Serialize;

use super::graph::{EdgeReason, StepGraph};
use super::step::Step;
use super::step_map::StepIndex;
use crate::model::{Operation, PlacementKey};
use crate::state::{Recorded, StepId};

/// Why a call cannot be tried.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "why")]
pub enum Untried {
    /// The service tries only calls that make and delete images.
    NoTrial,
    /// The image that it is about, or is made from, is made by this plan.
    NotMadeYet {
        /// That image.
        image: PlacementKey,
    },
}

/// A refusal that may apply now and no longer apply when the step runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Obstacle {
    /// The image is shared.
    Shared,
    /// The region is full.
    Quota,
    /// The name is taken.
    Name,
    /// The image is in a state that does not allow the call.
    State,
}

/// Result of a trial.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "trial")]
pub enum Trial {
    /// The service would do it now.
    Passed,
    /// The service refuses it now, and an earlier step removes the reason.
    Removed {
        /// That step.
        by: StepId,
        /// What the service says now.
        refusal: String,
    },
    /// The image is not ready, and the run waits until it is.
    Awaited {
        /// What the service says now.
        refusal: String,
    },
    /// The service refuses it, and no step of the plan changes that.
    Refused {
        /// What the service says.
        refusal: String,
    },
    /// It could not be tried.
    Untried(Untried),
}

/// Results of the trials of a plan's calls, in planned order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Preflight {
    /// Each step.
    pub trials: Vec<(StepId, Trial)>,
}

impl Preflight {
    /// Returns the number of calls that were tried.
    pub fn tried(&self) -> usize {
        self.trials.iter().filter(|(_, trial)| !matches!(trial, Trial::Untried(_))).count()
    }

    /// Returns the number of calls that the run would be refused too.
    pub fn refused(&self) -> usize {
        self.trials.iter().filter(|(_, trial)| matches!(trial, Trial::Refused { .. })).count()
    }
}

/// Returns why a step's call cannot be tried now. `None` if it can.
///
/// DryRun is a parameter of CreateImage, ImportImage, SyncImages and DeleteImages, and of no call that changes
/// attributes, tags or shares.
pub fn untried(graph: &StepGraph, recorded: &Recorded, index: StepIndex) -> Option<Untried> {
    let operation = &graph[index].operation;
    let makes = |step: StepIndex| match &graph[step].operation {
        Operation::Create { at, .. } | Operation::Copy { at, .. } => Some(at),
        _ => None,
    };
    let not_made = |image: &PlacementKey| Untried::NotMadeYet { image: image.clone() };
    let needed = match operation {
        Operation::Wait { .. }
        | Operation::Update { .. }
        | Operation::Tag { .. }
        | Operation::Share { .. }
        | Operation::Unshare { .. } => return Some(Untried::NoTrial),
        // Made from another entry's image: where this plan makes it, it is the new one that counts.
        Operation::Create { .. } => {
            let original = |(step, reason): (StepIndex, &EdgeReason)| {
                makes(step).filter(|_| *reason == EdgeReason::EncryptSourceReady)
            };
            return graph.waits_for(index).find_map(original).map(not_made);
        }
        Operation::Copy { at, from, .. } => PlacementKey { region: from.clone(), ..at.clone() },
        Operation::Delete { at, .. } => at.clone(),
    };
    // One that failed is there, and made again before it is copied.
    let is_made = graph.waits_for(index).any(|(step, _)| makes(step) == Some(&needed));
    (is_made || recorded.placement(&needed).is_none()).then(|| not_made(&needed))
}

/// Returns the step that removes an obstacle before this one runs: one that it waits for, directly or through others.
pub fn remover(
    graph: &StepGraph,
    recorded: &Recorded,
    index: StepIndex,
    obstacle: Obstacle,
) -> Option<StepId> {
    let step = &graph[index];
    let removes = |earlier: &Step| match (obstacle, &earlier.operation) {
        (Obstacle::Shared, Operation::Unshare { at, .. }) => at == step.at(),
        (Obstacle::Quota, Operation::Delete { at, .. }) => at.region == step.at().region,
        (Obstacle::Name, Operation::Delete { at, .. }) => holds_name(recorded, at, step),
        (Obstacle::Name, Operation::Update { at, set }) => {
            set.name.is_some()
                && set.name.as_ref() != step.operation.made_name()
                && holds_name(recorded, at, step)
        }
        // The image at the address is deleted first, whatever state it is in.
        (Obstacle::State, Operation::Delete { at, .. }) => at == step.at(),
        _ => false,
    };
    let found =
        graph.steps().find(|(before, earlier)| removes(earlier) && graph.must_precede(*before, index));
    found.map(|(_, earlier)| earlier.id.clone())
}

/// Returns whether an image holds the name that a step assigns to another one in the same region.
fn holds_name(recorded: &Recorded, at: &PlacementKey, step: &Step) -> bool {
    at.region == step.at().region
        && recorded.placement(at).is_some_and(|placement| Some(&placement.name) == step.operation.made_name())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::ImageState;
    use crate::testing::EXAMPLE;
    use crate::testing::worlds::{applied, at, example_with, placement, plan_to, step};

    fn reason_of(plan: &crate::plan::Plan, recorded: &Recorded, id: &str) -> Option<Untried> {
        untried(&plan.graph, recorded, step(plan, id))
    }

    #[test]
    fn only_makes_and_deletes_of_what_exists_can_be_tried() {
        let nothing = Recorded::default();
        let plan = plan_to(&applied(&[]), EXAMPLE);
        assert_eq!(reason_of(&plan, &nothing, "create image.web@ap-jakarta#1"), None);
        assert_eq!(
            reason_of(&plan, &nothing, "copy image.web@ap-tokyo#1"),
            Some(Untried::NotMadeYet { image: at("image.web@ap-jakarta#1") })
        );
        for never in ["share image.web@ap-tokyo#1", "tag image.web@ap-tokyo#1", "update image.web@ap-tokyo#1"]
        {
            assert_eq!(reason_of(&plan, &nothing, never), Some(Untried::NoTrial), "{never}");
        }
        let snapshot = applied(&[EXAMPLE]);
        let plan = plan_to(&snapshot, &example_with("[ap-singapore, ap-tokyo]", "[ap-singapore, ap-seoul]"));
        assert_eq!(reason_of(&plan, &snapshot.recorded, "copy image.web@ap-seoul#1"), None);
        assert_eq!(reason_of(&plan, &snapshot.recorded, "delete image.web@ap-tokyo#1"), None);
    }

    #[test]
    fn a_copy_of_an_image_that_failed_is_tried_when_that_is_made_again() {
        let mut snapshot = applied(&[EXAMPLE]);
        placement(&mut snapshot, "image.web@ap-jakarta#1").state = ImageState::CreateFailed;
        for copy in ["image.web@ap-tokyo#1", "image.web@ap-singapore#1"] {
            snapshot.recorded.remove(&at(copy));
        }
        let plan = plan_to(&snapshot, EXAMPLE);
        let untried = reason_of(&plan, &snapshot.recorded, "copy image.web@ap-tokyo#1");
        assert_eq!(untried, Some(Untried::NotMadeYet { image: at("image.web@ap-jakarta#1") }));
        assert_eq!(reason_of(&plan, &snapshot.recorded, "delete image.web@ap-jakarta#1"), None);
    }

    #[test]
    fn a_copy_that_is_encrypted_is_tried_when_its_original_is_there() {
        let both = EXAMPLE.replace(
            "shares:",
            "  safe: { region: ap-jakarta, source: { encrypted: { image: db } } }\nshares:",
        );
        let plan = plan_to(&applied(&[]), &both);
        let create = "create image.safe@ap-jakarta#1";
        let original = Some(Untried::NotMadeYet { image: at("image.db@ap-jakarta#1") });
        assert_eq!(reason_of(&plan, &Recorded::default(), create), original);
        let snapshot = applied(&[EXAMPLE]);
        assert_eq!(reason_of(&plan_to(&snapshot, &both), &snapshot.recorded, create), None);
    }

    #[test]
    fn a_refusal_is_removed_by_a_step_that_surely_comes_before() {
        let snapshot = applied(&[EXAMPLE]);
        let recorded = &snapshot.recorded;
        let plan = plan_to(&snapshot, &example_with("[ap-singapore, ap-tokyo]", "[ap-singapore]"));
        let delete = step(&plan, "delete image.web@ap-tokyo#1");
        let by = |obstacle| remover(&plan.graph, recorded, delete, obstacle).map(|id| id.to_string());
        assert_eq!(by(Obstacle::Shared).as_deref(), Some("unshare image.web@ap-tokyo#1"));
        for other in [Obstacle::Quota, Obstacle::Name, Obstacle::State] {
            assert_eq!(by(other), None, "{other:?}");
        }
        let mut loose = plan.graph.clone();
        loose.drop_edges(|_, _, _| true);
        assert_eq!(remover(&loose, recorded, delete, Obstacle::Shared), None, "it may come after");
    }

    #[test]
    fn a_slot_and_a_name_are_freed_by_the_delete_before() {
        let fixed = example_with("name: db-{generation}", "name: db\n    replace: delete-first");
        let snapshot = applied(&[&fixed]);
        let next = fixed.replace("snap-2f3a1c2d", "snap-4444dddd");
        let plan = plan_to(&snapshot, &next);
        let create = step(&plan, "create image.db@ap-jakarta#2");
        for obstacle in [Obstacle::Quota, Obstacle::Name] {
            let by = remover(&plan.graph, &snapshot.recorded, create, obstacle);
            assert_eq!(by.map(|id| id.to_string()).as_deref(), Some("delete image.db@ap-jakarta#1"));
        }
        assert_eq!(remover(&plan.graph, &snapshot.recorded, create, Obstacle::Shared), None);
    }
}

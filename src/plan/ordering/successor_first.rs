//! Create-first: an old generation is unshared only after its successor is NORMAL in that region and shared
//! with every account that is to keep access, and deleted after that. Where none of the accounts that lose the
//! old one is given the new one, nothing waits for the share.

use crate::diff::Action;
use crate::model::{Accounts, Operation};
use crate::plan::draft::{Draft, Lowered};
use crate::plan::graph::{EdgeReason, StepIndex};

/// Whether the successor is shared only once it has taken the name of the one that it follows.
fn shares_last(draft: &Draft<'_>, successor: &Lowered<'_>) -> bool {
    draft.edits_unshared && successor.steps.rename.is_some()
}

/// Whether a share gives access to one of these accounts.
fn gives(draft: &Draft<'_>, share: StepIndex, accounts: &Accounts) -> bool {
    match draft.graph.step(share).map(|step| &step.operation) {
        Some(Operation::Share { accounts: given, .. }) => !given.shared_with(accounts).is_empty(),
        _ => false,
    }
}

pub(super) fn order(draft: &mut Draft<'_>) {
    let mut edges = Vec::new();
    for (&key, lowered) in &draft.placements {
        let retires = lowered.change.action == Action::Delete && !draft.early.contains(key);
        let Some(generation) = lowered.image.generation.filter(|_| retires && !lowered.image.delete_first)
        else {
            continue;
        };
        let Some(successor) = draft.at(&key.image, generation, &key.region) else { continue };
        if generation == key.generation {
            continue;
        }
        // A successor that is there already, and has all its shares, is not waited for.
        let ready = successor.steps.make;
        match (lowered.steps.unshare, lowered.steps.delete) {
            // A successor that takes its name last, and cannot while it is shared, is shared after that.
            (Some(unshare), _) => {
                let share = successor.steps.share.filter(|share| {
                    !shares_last(draft, successor) && gives(draft, *share, &lowered.change.unshare)
                });
                match (share, ready) {
                    (Some(share), _) => edges.push((unshare, share, EdgeReason::SuccessorShared)),
                    (None, Some(make)) => edges.push((unshare, make, EdgeReason::SuccessorReady)),
                    (None, None) => {}
                }
            }
            (None, Some(delete)) => {
                if let Some(make) = ready {
                    edges.push((delete, make, EdgeReason::SuccessorReady));
                }
            }
            (None, None) => {}
        }
    }
    for (later, earlier, reason) in edges {
        draft.graph.wait(later, earlier, reason);
    }
}

#[cfg(test)]
mod tests {
    use crate::plan::EdgeReason;
    use crate::testing::EXAMPLE;
    use crate::testing::worlds::*;

    fn second() -> String {
        example_with("revision: \"1\"", "revision: \"2\"")
    }

    #[test]
    fn accounts_have_the_new_generation_before_they_lose_the_old_one() {
        let plan = plan_to(&applied(&[EXAMPLE]), &second());
        for region in ["ap-jakarta", "ap-singapore", "ap-tokyo"] {
            let (unshare, share) =
                (format!("unshare image.web@{region}#1"), format!("share image.web@{region}#2"));
            assert_eq!(reason(&plan, &unshare, &share), Some(EdgeReason::SuccessorShared));
        }
        let (tokyo, jakarta) = ("unshare image.web@ap-tokyo#1", "share image.web@ap-jakarta#2");
        assert!(
            !waits(&plan, "unshare image.web@ap-jakarta#1", "share image.web@ap-tokyo#2"),
            "each region by itself"
        );
        assert!(!waits(&plan, tokyo, jakarta));
    }

    #[test]
    fn an_old_generation_that_is_not_shared_goes_when_the_new_one_is_ready() {
        let unshared = |text: &str| text.split("shares:").next().unwrap().to_owned();
        let plan = plan_to(&applied(&[&unshared(EXAMPLE)]), &unshared(&second()));
        let (delete, make) = ("delete image.web@ap-tokyo#1", "copy image.web@ap-tokyo#2");
        assert_eq!(reason(&plan, delete, make), Some(EdgeReason::SuccessorReady));
    }

    #[test]
    fn accounts_that_get_nothing_new_are_unshared_once_the_successor_is_ready() {
        let plan = plan_to(
            &applied(&[EXAMPLE]),
            &second().replace(
                "{ image: web, with: [partner, staging] }",
                "{ image: web, with: [\"200000000003\"] }",
            ),
        );
        let unshare = "unshare image.web@ap-tokyo#1";
        assert!(waits(&plan, unshare, "copy image.web@ap-tokyo#2"));
        assert!(!waits(&plan, unshare, "share image.web@ap-tokyo#2"));
    }

    #[test]
    fn a_region_without_a_successor_waits_for_nobody() {
        let plan =
            plan_to(&applied(&[EXAMPLE]), &second().replace("[ap-singapore, ap-tokyo]", "[ap-singapore]"));
        assert_eq!(plan.graph.waits_for(step(&plan, "unshare image.web@ap-tokyo#1")).count(), 0);
    }
}

//! Create-first: whatever takes something from the consumers of an earlier generation (its deletion, the end of its
//! shares, its deprecation mark, any other edit) waits until its successor in that region is ready: NORMAL, with its
//! attributes, and shared with every account that loses the earlier one and is to keep access. It does not matter which
//! run began the successor. Where none of the accounts that lose the earlier one is given the new one, nothing waits
//! for the share.
//!
//! An earlier image that failed serves nobody, so nothing waits before it is deleted.

use std::collections::BTreeMap;

use crate::model::{Accounts, Operation, PlacementKey};
use crate::plan::build::draft::{Draft, Lowered};
use crate::plan::graph::EdgeReason;
use crate::plan::step_map::StepIndex;

/// Whether the successor is shared only once it has taken the name of the one that it supersedes.
fn shares_last(draft: &Draft<'_>, successor: &Lowered<'_>) -> bool {
    draft.edits_unshared && successor.steps.rename.is_some()
}

/// Returns whether a share grants access to one of these accounts.
fn grants(draft: &Draft<'_>, share: StepIndex, accounts: &Accounts) -> bool {
    match &draft.graph[share].operation {
        Operation::Share { accounts: given, .. } => !given.shared_with(accounts).is_empty(),
        _ => false,
    }
}

/// Returns the steps that take something from consumers of an earlier placement. `None` if nothing has to wait for its
/// successor.
fn taking(draft: &Draft<'_>, key: &PlacementKey, lowered: &Lowered<'_>) -> Option<Vec<StepIndex>> {
    let is_wanted =
        draft.desired.images.get(&key.image).is_some_and(|image| image.placements().contains(&key.region));
    let is_failed = draft.prior.placement(key).is_none_or(|placement| placement.state.is_failed());
    if !is_wanted || is_failed || draft.goes_first(key) {
        return None;
    }
    let steps = &lowered.steps;
    Some([steps.unshare, steps.update, steps.rename, steps.delete].into_iter().flatten().collect())
}

pub(super) fn order(draft: &mut Draft<'_>) {
    let mut edges = Vec::new();
    for (&key, lowered) in &draft.placements {
        let Some(successor) = draft.successor_of(key) else { continue };
        let Some(taking) = taking(draft, key, lowered) else { continue };
        // A successor that takes its name last, and cannot while it is shared, is shared after that.
        let seeing = draft.prior.placement(key).map(|placement| placement.everyone()).unwrap_or_default();
        let shared = successor
            .steps
            .share
            .filter(|share| !shares_last(draft, successor) && grants(draft, *share, &seeing));
        let ready = [successor.steps.make.or(successor.steps.wait), successor.steps.update, shared];
        for taking in taking {
            for ready in ready.into_iter().flatten() {
                let reason = match Some(ready) == shared {
                    true => EdgeReason::SuccessorShared,
                    false => EdgeReason::SuccessorReady,
                };
                edges.push((taking, ready, reason));
            }
        }
    }
    // The strongest reason first: a share implies the rest.
    edges.sort_by_key(|(_, _, reason)| *reason != EdgeReason::SuccessorShared);
    for (later, earlier, reason) in edges {
        draft.graph.wait(later, earlier, reason);
    }
}

/// Orders what is taken from the consumers of an earlier placement after its successor has taken its name, unless the name
/// is free only after that. Reads the order of names.
pub(in crate::plan::build) fn order_renames(draft: &mut Draft<'_>) {
    let mut taken: BTreeMap<StepIndex, Vec<StepIndex>> = BTreeMap::new();
    for (&key, lowered) in &draft.placements {
        let Some(rename) = draft.successor_of(key).and_then(|successor| successor.steps.rename) else {
            continue;
        };
        taken.entry(rename).or_default().extend(taking(draft, key, lowered).unwrap_or_default());
    }
    for (rename, taking) in taken {
        if !taking.iter().any(|taking| draft.graph.must_precede(*taking, rename)) {
            for taking in taking {
                draft.graph.wait(taking, rename, EdgeReason::SuccessorReady);
            }
        }
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
        assert!(waits(&plan, delete, make));
        let named = "update image.web@ap-tokyo#2";
        assert_eq!(reason(&plan, delete, named), Some(EdgeReason::SuccessorReady), "it has its name by then");
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

//! An image is shared when it is NORMAL, and a new one only once its name, family, description and tags are set:
//! accounts never see it unfinished. An image that an earlier run began is waited for like one that this run makes. A
//! delete waits until the making has ended, well or badly, because the service deletes no image that is being made
//! (213/15716). An adopted image is claimed before it is changed.

use crate::diff::Work;
use crate::plan::build::draft::Draft;
use crate::plan::graph::EdgeReason;

pub(super) fn order(draft: &mut Draft<'_>) {
    for lowered in draft.placements.values() {
        let steps = &lowered.steps;
        let attributes = [steps.update, steps.tag];
        let is_claim = matches!(lowered.change.work, Work::Adopt { .. })
            || draft.prior.is_taken_over(&lowered.change.at);
        if let Some(tag) = steps.tag.filter(|_| is_claim) {
            for change in [steps.update, steps.share, steps.unshare, steps.delete].into_iter().flatten() {
                draft.graph.wait(change, tag, EdgeReason::Claimed);
            }
        }
        // A copy that an earlier run made, and that nobody sees yet since it still has its interim name.
        let is_unfinished =
            draft.prior.placement(&lowered.change.at).is_some_and(|placement| placement.interim);
        if let Some(share) = steps.share.filter(|_| is_unfinished) {
            for set in attributes.into_iter().flatten() {
                draft.graph.wait(share, set, EdgeReason::ShareAfterAttributes);
            }
        }
        let Some(make) = steps.make.or(steps.wait) else { continue };
        for set in attributes.into_iter().chain([steps.rename]).flatten() {
            draft.graph.wait(set, make, EdgeReason::ImageReady);
        }
        if let Some(wait) = steps.wait {
            for end in [steps.unshare, steps.delete].into_iter().flatten() {
                draft.graph.wait(end, wait, EdgeReason::ImageEnded);
            }
        }
        let Some(share) = steps.share else { continue };
        let mut waits = false;
        for set in attributes.into_iter().flatten() {
            draft.graph.wait(share, set, EdgeReason::ShareAfterAttributes);
            waits = true;
        }
        if !waits {
            draft.graph.wait(share, make, EdgeReason::ShareImageReady);
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::plan::EdgeReason;
    use crate::testing::EXAMPLE;
    use crate::testing::worlds::*;

    #[test]
    fn a_new_image_is_shared_when_it_is_ready() {
        let plan = plan_to(&applied(&[]), EXAMPLE);
        let (share, create) = ("share image.db@ap-jakarta#1", "create image.db@ap-jakarta#1");
        assert_eq!(reason(&plan, share, create), Some(EdgeReason::ShareImageReady));
    }

    #[test]
    fn a_copy_is_described_and_tagged_before_anybody_sees_it() {
        let plan = plan_to(&applied(&[]), EXAMPLE);
        let share = "share image.web@ap-tokyo#1";
        for set in ["update image.web@ap-tokyo#1", "tag image.web@ap-tokyo#1"] {
            assert_eq!(reason(&plan, share, set), Some(EdgeReason::ShareAfterAttributes));
            assert_eq!(reason(&plan, set, "copy image.web@ap-tokyo#1"), Some(EdgeReason::ImageReady));
        }
    }

    #[test]
    fn a_share_of_what_is_there_does_not_wait_for_a_change_of_its_description() {
        let changed = example_with("Ubuntu with nginx", "Ubuntu with Caddy")
            .replace("with: [partner, staging]", "with: [partner, \"200000000003\"]");
        let plan = plan_to(&applied(&[EXAMPLE]), &changed);
        assert!(!waits(&plan, "share image.web@ap-tokyo#1", "update image.web@ap-tokyo#1"));
    }
}

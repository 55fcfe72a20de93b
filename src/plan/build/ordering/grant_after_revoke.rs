//! If more accounts are granted than an image has free places, the grant waits until others are revoked: OverQuota
//! (213/15710 ModifyImageSharePermission).

use crate::plan::build::draft::Draft;
use crate::plan::graph::EdgeReason;

pub(super) fn order(draft: &mut Draft<'_>) {
    for (key, lowered) in &draft.placements {
        let (Some(share), Some(unshare)) = (lowered.steps.share, lowered.steps.unshare) else { continue };
        let now = draft.prior.placement(key).map_or(0, |placement| placement.everyone().len());
        if now.saturating_add(lowered.change.share().len()) > draft.share_limit {
            draft.graph.wait(share, unshare, EdgeReason::PlacesFreed);
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::plan::EdgeReason;
    use crate::testing::worlds::*;

    /// The example with other accounts, under a limit of two for each image.
    fn under_the_limit(with: &str) -> String {
        example_with("images:", "limits: { accounts_per_image: 2 }\nimages:")
            .replace("with: [partner, staging]", with)
    }

    #[test]
    fn where_there_is_no_free_place_accounts_are_granted_after_others_are_revoked() {
        let before = under_the_limit("with: [partner, staging]");
        let plan = plan_to(&applied(&[&before]), &under_the_limit("with: [partner, \"200000000003\"]"));
        let (share, unshare) = ("share image.web@ap-tokyo#1", "unshare image.web@ap-tokyo#1");
        assert_eq!(reason(&plan, share, unshare), Some(EdgeReason::PlacesFreed));
    }

    #[test]
    fn where_there_are_free_places_nobody_waits() {
        let before = under_the_limit("with: [partner]");
        let plan = plan_to(&applied(&[&before]), &under_the_limit("with: [staging]"));
        assert!(!waits(&plan, "share image.web@ap-tokyo#1", "unshare image.web@ap-tokyo#1"));
    }
}

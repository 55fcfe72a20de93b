//! Where the accounts that are granted exceed the free places of an image, they wait until others are revoked:
//! OverQuota (213/15710 ModifyImageSharePermission).

use crate::plan::graph::EdgeReason;
use crate::plan::lower::Draft;

pub(super) fn order(draft: &mut Draft<'_>) {
    for (key, lowered) in &draft.placements {
        let (Some(share), Some(unshare)) = (lowered.steps.share, lowered.steps.unshare) else { continue };
        let now = draft.prior.placement(key).map_or(0, |placement| placement.everyone().len());
        if now.saturating_add(lowered.change.share.len()) > draft.share_limit {
            draft.graph.wait(share, unshare, EdgeReason::PlacesFreed);
        }
    }
}

//! A shared image cannot be deleted: InvalidImageId.InShared (213/15716 DeleteImages).

use crate::plan::graph::EdgeReason;
use crate::plan::lower::Draft;

pub(super) fn order(draft: &mut Draft<'_>) {
    for lowered in draft.placements.values() {
        if let (Some(unshare), Some(delete)) = (lowered.steps.unshare, lowered.steps.delete) {
            draft.graph.wait(delete, unshare, EdgeReason::UnshareFirst);
        }
    }
}

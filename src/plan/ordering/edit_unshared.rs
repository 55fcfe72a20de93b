//! Where an image cannot be changed while it is shared (213/15713, and the documents disagree): unshared first,
//! shared last; and a name changes hands while the image that takes it is not shared.

use crate::plan::graph::EdgeReason;
use crate::plan::lower::Draft;

pub(super) fn order(draft: &mut Draft<'_>) {
    if !draft.edits_unshared {
        return;
    }
    for lowered in draft.placements.values() {
        let steps = &lowered.steps;
        for edit in [steps.update, steps.rename].into_iter().flatten() {
            if let Some(unshare) = steps.unshare {
                draft.graph.wait(edit, unshare, EdgeReason::EditUnshared);
            }
            if let Some(share) = steps.share {
                draft.graph.wait(share, edit, EdgeReason::EditUnshared);
            }
        }
    }
}

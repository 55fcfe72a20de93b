//! Where an image cannot be changed while it is shared (213/15713, and the documents disagree): unshared first,
//! shared last; and a name changes hands while the image that takes it is not shared.

use crate::plan::graph::EdgeReason;
use crate::plan::lower::Draft;

pub(in crate::plan) fn order(draft: &mut Draft<'_>) {
    if !draft.edits_unshared {
        return;
    }
    for lowered in draft.placements.values() {
        let steps = &lowered.steps;
        // A new generation that takes its name last is shared after that: the one before loses its shares as soon
        // as its successor is ready, or neither could go on.
        if let (Some(make), Some(_), Some(share)) = (steps.make, steps.rename, steps.share) {
            let waiting: Vec<_> = draft
                .graph
                .awaited_by(share)
                .filter(|(_, reason)| **reason == EdgeReason::SuccessorShared)
                .map(|(unshare, _)| unshare)
                .collect();
            for unshare in waiting {
                draft.graph.unwait(unshare, share);
                draft.graph.wait(unshare, make, EdgeReason::SuccessorReady);
            }
        }
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

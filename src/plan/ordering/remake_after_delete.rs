//! A failed image is deleted before it is made again: it holds the name and a slot.

use crate::plan::graph::EdgeReason;
use crate::plan::lower::Draft;

pub(super) fn order(draft: &mut Draft<'_>) {
    for lowered in draft.placements.values() {
        if let (true, Some(make), Some(delete)) =
            (lowered.change.remake, lowered.steps.make, lowered.steps.delete)
        {
            draft.graph.wait(make, delete, EdgeReason::RemakeAfterDelete);
        }
    }
}

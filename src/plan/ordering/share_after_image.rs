//! An image is shared when it is NORMAL, and a new one only once its family, description and tags are set:
//! accounts first see it as it is meant to be.

use crate::plan::graph::EdgeReason;
use crate::plan::lower::Draft;

pub(super) fn order(draft: &mut Draft<'_>) {
    for lowered in draft.placements.values() {
        let steps = &lowered.steps;
        let Some(make) = steps.make else { continue };
        let attributes = [steps.update, steps.tag];
        for set in attributes.into_iter().flatten() {
            draft.graph.wait(set, make, EdgeReason::ImageReady);
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

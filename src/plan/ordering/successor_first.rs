//! Create-first: an old generation is unshared only after its successor is NORMAL in that region and shared
//! with every account that is to keep access, and deleted after that.

use crate::diff::Action;
use crate::plan::graph::EdgeReason;
use crate::plan::lower::Draft;

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
            (Some(unshare), _) => match (successor.steps.share, ready) {
                (Some(share), _) => edges.push((unshare, share, EdgeReason::SuccessorShared)),
                (None, Some(make)) => edges.push((unshare, make, EdgeReason::SuccessorReady)),
                (None, None) => {}
            },
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

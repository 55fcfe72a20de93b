//! A copy waits until what it is copied from is NORMAL (213/15711 SyncImages).

use crate::plan::graph::EdgeReason;
use crate::plan::lower::Draft;

pub(super) fn order(draft: &mut Draft<'_>) {
    let mut edges = Vec::new();
    for (&key, lowered) in &draft.placements {
        let (Some(copy), Some(from)) = (lowered.steps.make, &lowered.change.from) else { continue };
        let source = draft.at(&key.image, key.generation, from);
        if let Some(make) = source.and_then(|source| source.steps.make) {
            edges.push((copy, make));
        }
    }
    for (copy, make) in edges {
        draft.graph.wait(copy, make, EdgeReason::CopySourceReady);
    }
}

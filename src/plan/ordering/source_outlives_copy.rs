//! What is copied from stays until the copy is NORMAL.

use crate::plan::graph::EdgeReason;
use crate::plan::lower::Draft;

pub(super) fn order(draft: &mut Draft<'_>) {
    let mut edges = Vec::new();
    for (&key, lowered) in &draft.placements {
        let (Some(copy), Some(from)) = (lowered.steps.make, &lowered.change.from) else { continue };
        let source = draft.at(&key.image, key.generation, from);
        let Some(source) = source.filter(|source| !source.change.remake) else { continue };
        // A shared image is unshared before it is deleted, but the copy does not need the shares.
        if let Some(delete) = source.steps.delete {
            edges.push((delete, copy));
        }
    }
    for (delete, copy) in edges {
        draft.graph.wait(delete, copy, EdgeReason::CopySourceKept);
    }
}

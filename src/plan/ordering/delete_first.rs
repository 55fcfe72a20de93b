//! Delete-first, where the entry asks for it: in each region the new generation waits for the old one to go.

use crate::diff::Action;
use crate::plan::graph::EdgeReason;
use crate::plan::lower::Draft;

pub(super) fn order(draft: &mut Draft<'_>) {
    let mut edges = Vec::new();
    for (&key, lowered) in &draft.placements {
        let retires = lowered.change.action == Action::Delete && lowered.image.delete_first;
        let (Some(generation), Some(delete)) =
            (lowered.image.generation.filter(|_| retires), lowered.steps.delete)
        else {
            continue;
        };
        let successor = draft.at(&key.image, generation, &key.region);
        if let Some(make) = successor.and_then(|successor| successor.steps.make) {
            edges.push((make, delete));
        }
    }
    for (make, delete) in edges {
        draft.graph.wait(make, delete, EdgeReason::DeleteFirst);
    }
}

//! An encrypted copy of another entry waits until that entry's image is NORMAL in its region, and that image
//! is not deleted before.

use crate::model::{Operation, SourceKind};
use crate::plan::graph::EdgeReason;
use crate::plan::lower::Draft;

pub(super) fn order(draft: &mut Draft<'_>) {
    let mut edges = Vec::new();
    for (&key, lowered) in &draft.placements {
        let Some(make) = lowered.steps.make else { continue };
        let Some(Operation::Create { source, .. }) = draft.graph.step(make).map(|step| &step.operation)
        else {
            continue;
        };
        let SourceKind::Encrypted { image, .. } = &source.kind else { continue };
        for (&other, source) in &draft.placements {
            if other.image != *image || other.region != key.region {
                continue;
            }
            if let Some(source_make) = source.steps.make {
                edges.push((make, source_make, EdgeReason::EncryptSourceReady));
            }
        }
    }
    for (later, earlier, reason) in edges {
        draft.graph.wait(later, earlier, reason);
    }
}

//! What is copied from stays until the copy is NORMAL.

use crate::plan::draft::Draft;
use crate::plan::graph::EdgeReason;

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

#[cfg(test)]
mod tests {
    use crate::plan::EdgeReason;
    use crate::testing::EXAMPLE;
    use crate::testing::worlds::*;

    #[test]
    fn what_is_copied_from_stays_until_the_copy_is_ready() {
        let moved = example_with("  db:\n    region: ap-jakarta", "  db:\n    region: ap-tokyo");
        let plan = plan_to(&applied(&[EXAMPLE]), &moved);
        let (delete, copy) = ("delete image.db@ap-jakarta#1", "copy image.db@ap-tokyo#1");
        assert_eq!(reason(&plan, delete, copy), Some(EdgeReason::CopySourceKept));
        assert!(!waits(&plan, "unshare image.db@ap-jakarta#1", copy), "a copy does not need the shares");
    }
}

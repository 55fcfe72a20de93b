//! A shared image cannot be deleted: InvalidImageId.InShared (213/15716 DeleteImages).

use crate::plan::build::draft::Draft;
use crate::plan::graph::EdgeReason;

pub(super) fn order(draft: &mut Draft<'_>) {
    for lowered in draft.placements.values() {
        if let (Some(unshare), Some(delete)) = (lowered.steps.unshare, lowered.steps.delete) {
            draft.graph.wait(delete, unshare, EdgeReason::UnshareFirst);
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::plan::EdgeReason;
    use crate::testing::EXAMPLE;
    use crate::testing::worlds::*;

    #[test]
    fn a_shared_image_is_unshared_before_it_is_deleted() {
        let plan = plan_to(&applied(&[EXAMPLE]), "version: 1\naccount: \"100000000001\"\n");
        let (delete, unshare) = ("delete image.web@ap-tokyo#1", "unshare image.web@ap-tokyo#1");
        assert_eq!(reason(&plan, delete, unshare), Some(EdgeReason::UnshareFirst));
    }

    #[test]
    fn deletes_of_copies_and_origin_are_independent() {
        let plan = plan_to(&applied(&[EXAMPLE]), "version: 1\naccount: \"100000000001\"\n");
        let (copy, origin) = ("delete image.web@ap-tokyo#1", "delete image.web@ap-jakarta#1");
        assert!(!waits(&plan, copy, origin) && !waits(&plan, origin, copy));
    }
}

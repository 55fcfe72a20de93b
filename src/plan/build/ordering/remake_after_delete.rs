//! A failed image is deleted before it is made again: it holds the name and a slot.

use crate::plan::build::draft::Draft;
use crate::plan::graph::EdgeReason;

pub(super) fn order(draft: &mut Draft<'_>) {
    for lowered in draft.placements.values() {
        if let (true, Some(make), Some(delete)) =
            (lowered.change.remakes_image(), lowered.steps.make, lowered.steps.delete)
        {
            draft.graph.wait(make, delete, EdgeReason::RemakeAfterDelete);
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::plan::EdgeReason;
    use crate::testing::EXAMPLE;
    use crate::testing::worlds::*;

    #[test]
    fn a_failed_image_is_deleted_before_it_is_made_again() {
        let mut snapshot = applied(&[EXAMPLE]);
        placement(&mut snapshot, "image.db@ap-jakarta#1").state = crate::model::ImageState::CreateFailed;
        let plan = plan_to(&snapshot, EXAMPLE);
        let (create, delete) = ("create image.db@ap-jakarta#1", "delete image.db@ap-jakarta#1");
        assert_eq!(reason(&plan, create, delete), Some(EdgeReason::RemakeAfterDelete));
    }
}

//! If an image cannot be changed while it is shared (213/15713, and the documents disagree), it is unshared first and
//! shared last. It takes a name while it is not shared.

use crate::plan::build::draft::Draft;
use crate::plan::graph::EdgeReason;

pub(super) fn order(draft: &mut Draft<'_>) {
    if !draft.edits_unshared {
        return;
    }
    for lowered in draft.placements.values() {
        let steps = &lowered.steps;
        for edit in [steps.update, steps.rename].into_iter().flatten() {
            if let Some(unshare) = steps.unshare {
                draft.graph.wait(edit, unshare, EdgeReason::EditUnshared);
            }
            if let Some(share) = steps.share {
                draft.graph.wait(share, edit, EdgeReason::EditUnshared);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::plan::EdgeReason;
    use crate::testing::EXAMPLE;
    use crate::testing::worlds::*;

    fn refusing(text: &str) -> String {
        text.replace("images:\n", "cloud: { shared_image_edits: refused }\nimages:\n")
    }

    #[test]
    fn where_a_shared_image_cannot_be_changed_it_is_unshared_changed_and_shared_again() {
        let changed = refusing(&example_with("Ubuntu with nginx", "Ubuntu with Caddy"));
        let plan = plan_to(&applied(&[&refusing(EXAMPLE)]), &changed);
        let [unshare, update, share] =
            ["unshare", "update", "share"].map(|verb| format!("{verb} image.web@ap-tokyo#1"));
        assert_eq!(reason(&plan, &update, &unshare), Some(EdgeReason::EditUnshared));
        assert_eq!(reason(&plan, &share, &update), Some(EdgeReason::EditUnshared));
    }

    #[test]
    fn where_it_can_be_it_stays_shared() {
        let plan = plan_to(&applied(&[EXAMPLE]), &example_with("Ubuntu with nginx", "Ubuntu with Caddy"));
        assert_eq!(step_ids(&plan).len(), 3, "three updates: {:#?}", step_ids(&plan));
    }

    #[test]
    fn a_refusal_that_was_recorded_counts_like_the_manifest() {
        let mut snapshot = applied(&[EXAMPLE]);
        snapshot.recorded.shared_image_edits_refused = true;
        let plan = plan_to(&snapshot, &example_with("Ubuntu with nginx", "Ubuntu with Caddy"));
        assert!(waits(&plan, "update image.web@ap-tokyo#1", "unshare image.web@ap-tokyo#1"));
    }
}

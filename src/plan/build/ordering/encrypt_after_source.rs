//! An encrypted copy of another entry waits until that entry's image is NORMAL in its region, and that image
//! is not deleted before.

use crate::plan::build::draft::Draft;
use crate::plan::graph::EdgeReason;

pub(super) fn order(draft: &mut Draft<'_>) {
    let mut edges = Vec::new();
    for lowered in draft.placements.values() {
        let Some(make) = lowered.steps.make else { continue };
        let Some(original) = draft.graph[make].operation.original() else { continue };
        let ready =
            draft.placements.get(&original).and_then(|source| source.steps.make.or(source.steps.wait));
        if let Some(ready) = ready {
            edges.push((make, ready, EdgeReason::EncryptSourceReady));
        }
        // The image that is copied stays until the copy is NORMAL.
        if let Some(delete) = draft.placements.get(&original).and_then(|source| source.steps.delete)
            && draft.placements.get(&original).is_some_and(|source| !source.change.remakes_image())
        {
            edges.push((delete, make, EdgeReason::CopySourceKept));
        }
    }
    for (later, earlier, reason) in edges {
        draft.graph.wait(later, earlier, reason);
    }
}

#[cfg(test)]
mod tests {
    use crate::plan::EdgeReason;
    use crate::testing::EXAMPLE;
    use crate::testing::worlds::*;

    fn with_encrypted(region: &str) -> String {
        example_with(
            "  db:",
            &format!("  safe: {{ region: {region}, source: {{ encrypted: {{ image: web }} }} }}\n  db:"),
        )
    }

    #[test]
    fn an_encrypted_copy_waits_until_the_image_in_its_region_is_ready() {
        let plan = plan_to(&applied(&[]), &with_encrypted("ap-tokyo"));
        let (safe, tokyo) = ("create image.safe@ap-tokyo#1", "copy image.web@ap-tokyo#1");
        assert_eq!(reason(&plan, safe, tokyo), Some(EdgeReason::EncryptSourceReady));
        assert!(!waits(&plan, safe, "copy image.web@ap-singapore#1"));
    }

    #[test]
    fn an_encrypted_copy_of_what_is_there_waits_for_nothing() {
        let plan = plan_to(&applied(&[EXAMPLE]), &with_encrypted("ap-tokyo"));
        assert_eq!(plan.graph.waits_for(step(&plan, "create image.safe@ap-tokyo#1")).count(), 0);
    }

    #[test]
    fn an_image_that_is_encrypted_and_replaced_stays_until_one_of_them_was_copied() {
        let plan = plan_to(
            &applied(&[EXAMPLE]),
            &with_encrypted("ap-jakarta").replace("revision: \"1\"", "revision: \"2\""),
        );
        let safe = "create image.safe@ap-jakarta#1";
        assert!(waits(&plan, safe, "create image.web@ap-jakarta#2"));
        assert!(!waits(&plan, "delete image.web@ap-jakarta#1", safe), "the new one is what is encrypted");
    }
}

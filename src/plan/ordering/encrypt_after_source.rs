//! An encrypted copy of another entry waits until that entry's image is NORMAL in its region, and that image
//! is not deleted before.

use crate::model::{Operation, SourceKind};
use crate::plan::draft::Draft;
use crate::plan::graph::EdgeReason;

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

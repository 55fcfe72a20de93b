//! If the entry asks for delete-first: in each region, the new generation waits until the old one is deleted.

use crate::plan::build::draft::Draft;
use crate::plan::graph::EdgeReason;

pub(super) fn order(draft: &mut Draft<'_>) {
    let mut edges = Vec::new();
    for (&key, lowered) in &draft.placements {
        let asks = lowered.image.delete_first && draft.goes_first(key);
        let Some(delete) = lowered.steps.delete.filter(|_| asks) else { continue };
        if let Some(make) = draft.successor_of(key).and_then(|successor| successor.steps.make) {
            edges.push((make, delete));
        }
    }
    for (make, delete) in edges {
        draft.graph.wait(make, delete, EdgeReason::DeleteFirst);
    }
}

#[cfg(test)]
mod tests {
    use crate::plan::EdgeReason;
    use crate::testing::EXAMPLE;
    use crate::testing::worlds::*;

    const DELETE: &str = "delete image.web@ap-jakarta#1";
    const CREATE: &str = "create image.web@ap-jakarta#2";

    fn second(replace: &str) -> String {
        example_with("revision: \"1\"", "revision: \"2\"")
            .replace("copies: [", &format!("replace: {replace}\n    copies: ["))
    }

    #[test]
    fn where_it_is_asked_for_the_old_generation_goes_before_the_new_one_is_made() {
        let plan = plan_to(&applied(&[EXAMPLE]), &second("delete-first"));
        assert_eq!(reason(&plan, CREATE, DELETE), Some(EdgeReason::DeleteFirst));
        assert!(waits(&plan, "copy image.web@ap-tokyo#2", "delete image.web@ap-tokyo#1"));
    }

    #[test]
    fn otherwise_it_goes_after() {
        let plan = plan_to(&applied(&[EXAMPLE]), &second("auto"));
        assert!(waits(&plan, DELETE, CREATE) && !waits(&plan, CREATE, DELETE));
    }
}

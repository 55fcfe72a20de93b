//! A copy waits until what it is copied from is NORMAL (213/15711 SyncImages).

use crate::plan::build::draft::Draft;
use crate::plan::graph::EdgeReason;

pub(super) fn order(draft: &mut Draft<'_>) {
    let mut edges = Vec::new();
    for (&key, lowered) in &draft.placements {
        let (Some(copy), Some(from)) = (lowered.steps.make, lowered.change.copied_from()) else { continue };
        let source = draft.at(&key.image, key.generation, from);
        if let Some(make) = source.and_then(|source| source.steps.make.or(source.steps.wait)) {
            edges.push((copy, make));
        }
    }
    for (copy, make) in edges {
        draft.graph.wait(copy, make, EdgeReason::CopySourceReady);
    }
}

#[cfg(test)]
mod tests {
    use crate::plan::EdgeReason;
    use crate::testing::EXAMPLE;
    use crate::testing::worlds::*;

    #[test]
    fn a_copy_waits_until_its_source_is_ready() {
        let plan = plan_to(&applied(&[]), EXAMPLE);
        let (copy, create) = ("copy image.web@ap-tokyo#1", "create image.web@ap-jakarta#1");
        assert_eq!(reason(&plan, copy, create), Some(EdgeReason::CopySourceReady));
        assert!(!waits(&plan, "copy image.web@ap-singapore#1", copy), "copies do not wait for each other");
    }

    #[test]
    fn a_copy_of_what_is_there_waits_for_nothing() {
        let more = example_with("[ap-singapore, ap-tokyo]", "[ap-singapore, ap-tokyo, ap-seoul]");
        let plan = plan_to(&applied(&[EXAMPLE]), &more);
        assert_eq!(plan.graph.waits_for(step(&plan, "copy image.web@ap-seoul#1")).count(), 0);
    }
}

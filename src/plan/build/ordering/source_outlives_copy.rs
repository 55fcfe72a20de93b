//! The source of a copy stays until the copy is NORMAL, or until it has ended if the copy is deleted too. And of a
//! generation that stays, one NORMAL image is left to copy from, should those that are pending fail.

use std::collections::BTreeSet;

use crate::model::{GenerationNumber, ImageKey, PlacementKey, Region};
use crate::plan::build::draft::Draft;
use crate::plan::graph::EdgeReason;
use crate::plan::step_map::StepIndex;

pub(super) fn order(draft: &mut Draft<'_>) {
    let mut edges: Vec<(StepIndex, StepIndex, EdgeReason)> = Vec::new();
    // Generations of which one image is deleted only once another is NORMAL.
    let mut guarded: BTreeSet<(&ImageKey, GenerationNumber)> = BTreeSet::new();
    for (&key, lowered) in &draft.placements {
        let pending = || draft.prior.placement(key).and_then(|placement| placement.copied_from.as_ref());
        let ends = match (lowered.steps.make, lowered.steps.wait) {
            (Some(copy), _) => lowered.change.copied_from().map(|from| (copy, from)),
            (None, Some(wait)) => pending().map(|from| (wait, from)),
            (None, None) => None,
        };
        let Some((copy, from)) = ends else { continue };
        let Some(delete) = deletion(draft, key, from) else { continue };
        // A shared image is unshared before it is deleted, but the copy does not need the shares.
        if lowered.steps.make.is_none() && lowered.steps.delete.is_some() {
            edges.push((delete, copy, EdgeReason::ImageEnded));
        } else {
            edges.push((delete, copy, EdgeReason::CopySourceKept));
            guarded.insert((&key.image, key.generation));
        }
    }
    for (&key, lowered) in &draft.placements {
        let is_current = lowered.image.generation == Some(key.generation);
        let is_normal = draft.prior.placement(key).is_some_and(|placement| placement.is_normal());
        let Some(delete) = lowered.steps.delete.filter(|_| is_current && is_normal) else { continue };
        if guarded.contains(&(&key.image, key.generation)) || has_another(draft, key) {
            continue;
        }
        let of_generation = |other: &&PlacementKey| {
            other.image == key.image && other.generation == key.generation && *other != key
        };
        let mut staying = draft
            .placements
            .iter()
            .filter(|(other, lowered)| of_generation(other) && lowered.steps.delete.is_none())
            .filter_map(|(_, lowered)| lowered.steps.wait);
        if let Some(wait) = staying.next() {
            edges.push((delete, wait, EdgeReason::CopySourceKept));
            guarded.insert((&key.image, key.generation));
        }
    }
    for (delete, copy, reason) in edges {
        draft.graph.wait(delete, copy, reason);
    }
}

/// The step that deletes what a placement is copied from.
fn deletion(draft: &Draft<'_>, copy: &PlacementKey, from: &Region) -> Option<StepIndex> {
    let source = draft.at(&copy.image, copy.generation, from)?;
    source.steps.delete.filter(|_| !source.change.remakes_image())
}

/// Whether another image of the generation is NORMAL and stays.
fn has_another(draft: &Draft<'_>, at: &PlacementKey) -> bool {
    let image = draft.prior.images.get(&at.image);
    let Some(build) = image.and_then(|image| image.generations.get(&at.generation)) else { return false };
    build.placements.iter().any(|(region, other)| {
        let deleted = draft.at(&at.image, at.generation, region).and_then(|other| other.steps.delete);
        *region != at.region && other.is_normal() && deleted.is_none()
    })
}

#[cfg(test)]
mod tests {
    use crate::model::ImageState;
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

    /// The example, in which the copies of `web` are still being made from this region.
    fn with_copies_under_way(from: &str) -> crate::state::Snapshot {
        let mut snapshot = applied(&[EXAMPLE]);
        for copy in ["image.web@ap-singapore#1", "image.web@ap-tokyo#1"] {
            let copy = placement(&mut snapshot, copy);
            (copy.state, copy.seen, copy.copied_from) = (ImageState::Syncing, false, Some(region(from)));
            (copy.shares, copy.unmanaged) = Default::default();
        }
        snapshot
    }

    #[test]
    fn what_an_earlier_run_copies_from_stays_until_the_copy_is_ready() {
        let moved = example_with("region: ap-jakarta\n    name: web", "region: ap-tokyo\n    name: web")
            .replace("[ap-singapore, ap-tokyo]", "[ap-singapore]");
        let plan = plan_to(&with_copies_under_way("ap-jakarta"), &moved);
        let delete = "delete image.web@ap-jakarta#1";
        for wait in ["wait image.web@ap-singapore#1", "wait image.web@ap-tokyo#1"] {
            assert_eq!(reason(&plan, delete, wait), Some(EdgeReason::CopySourceKept));
        }
        // Copied from elsewhere: one is left to copy from until another is ready, whichever that is.
        let plan = plan_to(&with_copies_under_way("ap-seoul"), &moved);
        let kept =
            plan.graph.waits_for(step(&plan, delete)).filter(|(_, why)| **why == EdgeReason::CopySourceKept);
        assert_eq!(kept.count(), 1);
    }

    #[test]
    fn what_a_copy_that_is_deleted_is_made_from_stays_until_its_end() {
        let nothing = "version: 1\naccount: \"100000000001\"\n";
        let plan = plan_to(&with_copies_under_way("ap-jakarta"), nothing);
        let (delete, wait) = ("delete image.web@ap-jakarta#1", "wait image.web@ap-tokyo#1");
        assert_eq!(reason(&plan, delete, wait), Some(EdgeReason::ImageEnded));
    }
}

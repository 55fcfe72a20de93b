//! Entries that get another region.

use super::*;
use crate::testing::worlds::{plan_to, step_ids};

fn sealed_in(region: &str) -> String {
    format!(
        "version: 1\naccount: \"100000000001\"\nimages:\n  \
         web: {{ region: ap-jakarta, copies: [ap-tokyo], source: {{ snapshots: [snap-2f3a1c2d] }} }}\n  \
         sealed: {{ region: {region}, source: {{ encrypted: {{ image: web }} }} }}\n"
    )
}

#[test]
fn an_encrypted_image_is_made_in_its_new_region_from_the_same_generation() {
    let snapshot = applied(&[&sealed_in("ap-jakarta")]);
    let plan = plan_to(&snapshot, &sealed_in("ap-tokyo"));
    let steps = step_ids(&plan);
    let made: Vec<&String> =
        steps.iter().filter(|id| id.starts_with("create") || id.starts_with("delete")).collect();
    assert_eq!(made, ["create image.sealed@ap-tokyo#1", "delete image.sealed@ap-jakarta#1"], "{steps:#?}");
    let sealed = plan.changes.iter().find(|change| change.image == key("sealed")).unwrap();
    assert_eq!((sealed.generation, sealed.of), (Some(generation(1)), Some(generation(1))));
}

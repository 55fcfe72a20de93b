//! Entries that get another region.

use super::*;
use crate::testing::worlds::{plan_to, step_ids};

/// An encrypted copy of `web`, which has this revision.
fn sealed_in(region: &str, revision: &str, more: &str) -> String {
    format!(
        "version: 1\naccount: \"100000000001\"\nimages:\n  \
         web: {{ region: ap-jakarta, copies: [ap-tokyo], keep: 0, source: {{ snapshots: [snap-2f3a1c2d], revision: {revision} }} }}\n  \
         sealed: {{ region: {region}, keep: 1, {more}source: {{ revision: {revision}, encrypted: {{ image: web }} }} }}\n"
    )
}

#[test]
fn an_encrypted_image_is_made_in_its_new_region_from_the_same_generation() {
    let snapshot = applied(&[&sealed_in("ap-jakarta", "a", "")]);
    let plan = plan_to(&snapshot, &sealed_in("ap-tokyo", "a", ""));
    let steps = step_ids(&plan);
    let made: Vec<&String> =
        steps.iter().filter(|id| id.starts_with("create") || id.starts_with("delete")).collect();
    assert_eq!(made, ["create image.sealed@ap-tokyo#1", "delete image.sealed@ap-jakarta#1"], "{steps:#?}");
    let sealed = plan.changes.iter().find(|change| change.image == key("sealed")).unwrap();
    assert_eq!((sealed.generation, sealed.of), (Some(generation(1)), Some(generation(1))));
}

/// The only image of a generation is not given up for one that nothing can make.
#[test]
fn an_encrypted_image_of_a_generation_that_is_gone_is_not_made_again() {
    let snapshot = applied(&[&sealed_in("ap-jakarta", "a", ""), &sealed_in("ap-jakarta", "b", "")]);
    let steps = step_ids(&plan_to(&snapshot, &sealed_in("ap-tokyo", "b", "pin: a, ")));
    let copy = "copy image.sealed@ap-tokyo#1".to_owned();
    assert!(steps.contains(&copy), "a copy, which GF404 refuses: {steps:#?}");
    assert!(!steps.iter().any(|id| id.starts_with("create image.sealed")), "{steps:#?}");
}

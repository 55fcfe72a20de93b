//! Plans, and why a plan is impossible.

use crate::diff::PlanMode;
use crate::model::LimitSource;
use crate::plan::{PlanOptions, propose};
use crate::testing::worlds::{applied, example_with, plan_to, region};
use crate::testing::{EXAMPLE, desired};

#[test]
fn a_plan_that_would_change_nothing_is_empty() {
    assert!(plan_to(&applied(&[EXAMPLE]), EXAMPLE).is_empty());
    let protected = plan_to(&applied(&[EXAMPLE]), &example_with("copies: [", "protect: true\n    copies: ["));
    assert!(protected.graph.is_empty() && !protected.is_empty(), "a change of the record is one");
}

#[test]
fn the_digest_is_that_of_the_effect() {
    let snapshot = applied(&[EXAMPLE]);
    let changed = example_with("Ubuntu with nginx", "Ubuntu with Caddy");
    let digest = plan_to(&snapshot, &changed).digest;
    let mut later = snapshot.clone();
    (later.serial, later.lineage) = (99, crate::state::Lineage("another".into()));
    assert_eq!(plan_to(&later, &changed).digest, digest, "which state it is does not count");
    for region in later.recorded.regions.values_mut() {
        region.image_limit = None;
    }
    assert_eq!(plan_to(&later, &changed).digest, digest, "nor do limits");
    let other = example_with("Ubuntu with nginx", "Ubuntu with Apache");
    assert_ne!(plan_to(&snapshot, &other).digest, digest);
}

#[test]
fn a_plan_names_the_state_that_it_was_made_from() {
    let plan = plan_to(&applied(&[EXAMPLE]), EXAMPLE);
    assert_eq!(plan.base.unwrap().serial, 1);
    let options = PlanOptions::all(PlanMode::Normal);
    let first = propose(&desired(EXAMPLE), &applied(&[]).recorded, None, &options).unwrap();
    assert_eq!(first.plan.base, None, "before the first write there is none");
}

#[test]
fn the_room_of_a_region_is_what_is_there_what_will_be_and_who_says_so() {
    let mut snapshot = applied(&[EXAMPLE]);
    let jakarta = snapshot.recorded.regions.get_mut(&region("ap-jakarta")).unwrap();
    jakarta.unmanaged.insert("img-0a1b2c3d".parse().unwrap(), "other".into());
    let plan = plan_to(&snapshot, &example_with("revision: \"1\"", "revision: \"2\""));
    let room = &plan.regions[&region("ap-jakarta")];
    assert_eq!((room.managed, room.unmanaged, room.now(), room.after, room.peak), (2, 1, 3, 3, 4));
    assert!(matches!(room.limit.source, LimitSource::Recorded { .. }));
    let lower = plan_to(&snapshot, &example_with("images:", "limits: { images_per_region: 4 }\nimages:"));
    assert_eq!(lower.regions[&region("ap-jakarta")].limit.source, LimitSource::Manifest);
}

#[test]
fn a_region_that_was_never_read_has_the_documented_limit() {
    let options = PlanOptions::all(PlanMode::Normal);
    let nothing = crate::state::Recorded::default();
    let plan = propose(&desired(EXAMPLE), &nothing, None, &options).unwrap().plan;
    let limit = &plan.regions[&region("ap-tokyo")].limit;
    assert_eq!((limit.value, &limit.source), (10, &LimitSource::Documented));
}

#[test]
fn a_new_entrys_settings_are_part_of_its_creation() {
    let protected = example_with("copies: [", "protect: true\n    copies: [");
    let plan = plan_to(&applied(&[]), &protected);
    assert_eq!(plan.edits_of_the_record().count(), 0);
    assert_eq!(plan_to(&applied(&[EXAMPLE]), &protected).edits_of_the_record().count(), 1);
}

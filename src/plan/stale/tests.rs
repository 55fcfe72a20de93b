//! What makes a saved plan stale, and what does not.

use super::*;
use crate::model::{ImageLimit, ImageState};
use crate::plan::file::tests::inputs;
use crate::state::Lineage;
use crate::testing::EXAMPLE;
use crate::testing::worlds::{applied, at, example_with, key, noon, placement, region, settle};

fn file(snapshot: &Snapshot, yaml: &str) -> PlanFile {
    PlanFile::from_text(&inputs(snapshot, yaml).to_text().unwrap()).unwrap()
}

/// What has moved for the plan from the example to a manifest, where the state changed so.
fn moved_by(yaml: &str, change: impl FnOnce(&mut Snapshot)) -> Vec<String> {
    let mut snapshot = applied(&[EXAMPLE]);
    let file = file(&snapshot, yaml);
    assert_eq!(moved(&file, &snapshot.recorded), Vec::<String>::new());
    change(&mut snapshot);
    moved(&file, &snapshot.recorded)
}

fn second() -> String {
    example_with("revision: \"1\"", "revision: \"2\"")
}

#[track_caller]
fn says(moved: &[String], part: &str) {
    assert!(moved.iter().any(|sentence| sentence.contains(part)), "{part}: {moved:?}");
}

#[test]
fn a_state_is_known_by_its_lineage() {
    let mut snapshot = applied(&[EXAMPLE]);
    let known = inputs(&snapshot, &second());
    assert_eq!(other_state(&known, Some(&snapshot)), Vec::<String>::new());
    says(&other_state(&known, None), "there is no state now");
    let mut first = known.clone();
    first.base = None;
    assert_eq!(other_state(&first, None), Vec::<String>::new());
    says(&other_state(&first, Some(&snapshot)), "before the state was first written");
    snapshot.serial += 5;
    assert_eq!(
        other_state(&known, Some(&snapshot)),
        Vec::<String>::new(),
        "what moved in it is another question"
    );
    snapshot.lineage = Lineage("another".into());
    says(&other_state(&known, Some(&snapshot)), "the state is another now");
}

#[test]
fn a_state_of_another_account_service_or_place_is_another_one() {
    let mut snapshot = applied(&[EXAMPLE]);
    let mut known = inputs(&snapshot, &second());
    snapshot.account = "100000000002".parse().unwrap();
    says(&other_state(&known, Some(&snapshot)), "the state describes account 100000000002");
    snapshot.account = known.desired.account;
    known.desired.cloud.provider = crate::model::Provider::Tencent;
    says(&other_state(&known, Some(&snapshot)), "another service");
    snapshot.provider = crate::model::Provider::Tencent;
    assert_eq!(other_state(&known, Some(&snapshot)), Vec::<String>::new(), "a state of before places");
    snapshot.place = known.desired.cloud.place();
    assert_eq!(other_state(&known, Some(&snapshot)), Vec::<String>::new());
    known.desired.cloud.endpoint = Some("http://127.0.0.1:9".to_owned());
    let why = other_state(&known, Some(&snapshot));
    assert_eq!(
        why,
        ["it is for endpoint http://127.0.0.1:9, and the state describes the images at site international"]
    );
}

#[test]
fn an_image_that_a_step_touches_must_be_as_it_was() {
    let update = example_with("Ubuntu with nginx", "Ubuntu with Caddy");
    let tokyo = "image.web@ap-tokyo#1";
    says(&moved_by(&update, |state| placement(state, tokyo).description = "by hand".into()), "description");
    says(
        &moved_by(&update, |state| placement(state, tokyo).id = "img-0a1b2c3d".parse().unwrap()),
        "another image now",
    );
    says(
        &moved_by(&update, |state| placement(state, tokyo).state = ImageState::CreateFailed),
        "was NORMAL and is CREATEFAILED",
    );
    says(
        &moved_by(&update, |state| {
            let image = state.recorded.images.get_mut(&key("web")).unwrap();
            let build = image.generations.values_mut().next().unwrap();
            build.placements.remove(&region("ap-tokyo"));
        }),
        "was there and is gone",
    );
    // What the plan does not touch may be anything.
    let others = moved_by(&update, |state| {
        let db = placement(state, "image.db@ap-jakarta#1");
        (db.description, db.state) = ("by hand".into(), ImageState::CreateFailed);
        state.recorded.images.get_mut(&key("db")).unwrap().protect = true;
    });
    assert_eq!(others, Vec::<String>::new());
}

#[test]
fn an_image_that_became_ready_is_what_the_plan_waits_for_and_one_that_failed_is_not() {
    let mut snapshot = applied(&[EXAMPLE]);
    let pending = |snapshot: &mut Snapshot, state: ImageState| {
        let tokyo = placement(snapshot, "image.web@ap-tokyo#1");
        (tokyo.state, tokyo.seen) = (state, true);
    };
    pending(&mut snapshot, ImageState::Syncing);
    let file = file(&snapshot, EXAMPLE);
    assert_eq!(file.plan.graph.len(), 1, "it waits");
    pending(&mut snapshot, ImageState::Normal);
    assert_eq!(moved(&file, &snapshot.recorded), Vec::<String>::new());
    pending(&mut snapshot, ImageState::CreateFailed);
    says(&moved(&file, &snapshot.recorded), "was SYNCING and is CREATEFAILED");
}

#[test]
fn a_plan_that_was_applied_is_stale() {
    for yaml in [
        second(),
        example_with("Ubuntu with nginx", "Ubuntu with Caddy"),
        example_with("with: [partner, staging]", "with: [staging]"),
        example_with("copies: [ap-singapore, ap-tokyo]", "copies: [ap-singapore, ap-tokyo, ap-seoul]"),
        example_with("copies: [ap-singapore, ap-tokyo]", "copies: [ap-singapore]"),
        example_with("copies: [", "protect: true\n    copies: ["),
        "version: 1\naccount: \"100000000001\"\n".to_owned(),
    ] {
        let mut snapshot = applied(&[EXAMPLE]);
        let file = file(&snapshot, &yaml);
        settle(&mut snapshot, &file.plan);
        assert_ne!(moved(&file, &snapshot.recorded), Vec::<String>::new(), "{yaml}");
    }
}

#[test]
fn what_failed_is_made_again_once() {
    let mut snapshot = applied(&[EXAMPLE]);
    placement(&mut snapshot, "image.web@ap-tokyo#1").state = ImageState::CreateFailed;
    let file = file(&snapshot, EXAMPLE);
    settle(&mut snapshot, &file.plan);
    says(&moved(&file, &snapshot.recorded), "image.web@ap-tokyo#1 is another image now");
}

#[test]
fn a_new_generation_needs_the_number_and_the_predecessor_that_it_had() {
    says(
        &moved_by(&second(), |state| {
            *state.recorded.generations_used.get_mut(&key("web")).unwrap() = GenerationNumber(2);
        }),
        "the number of its next generation was 2 and is 3",
    );
    let mut snapshot = applied(&[EXAMPLE]);
    let file = file(&snapshot, &second());
    let third = applied(&[EXAMPLE, &example_with("revision: \"1\"", "revision: \"3\"")]);
    snapshot.recorded = third.recorded;
    says(&moved(&file, &snapshot.recorded), "image.web: its current generation was #1 and is #2");
}

#[test]
fn a_copy_needs_its_source() {
    let more = example_with("copies: [ap-singapore, ap-tokyo]", "copies: [ap-singapore, ap-tokyo, ap-seoul]");
    let moved = moved_by(&more, |state| {
        let jakarta = placement(state, "image.web@ap-jakarta#1");
        jakarta.state = ImageState::CreateFailed;
    });
    says(&moved, "image.web@ap-jakarta#1, which image.web@ap-seoul#1 is copied from, is gone");
}

#[test]
fn limits_may_rise_and_not_fall() {
    let limit = |value: u32| {
        move |state: &mut Snapshot| {
            let jakarta = state.recorded.regions.get_mut(&region("ap-jakarta")).unwrap();
            jakarta.image_limit = Some(ImageLimit { value, read_at: noon() });
        }
    };
    assert_eq!(moved_by(&second(), limit(20)), Vec::<String>::new());
    says(&moved_by(&second(), limit(9)), "ap-jakarta: the limit of custom images was 10 and is 9");
    let accounts = |value: u32| {
        move |state: &mut Snapshot| state.recorded.share_limit = Some(ImageLimit { value, read_at: noon() })
    };
    says(&moved_by(&second(), accounts(20)), "the limit of accounts per image was 50 and is 20");
    let update = example_with("Ubuntu with nginx", "Ubuntu with Caddy");
    says(
        &moved_by(&update, |state| state.recorded.shared_image_edits_refused = true),
        "refused a change of an image because it was shared",
    );
}

#[test]
fn an_image_that_is_taken_over_must_be_as_it_was_seen() {
    const ADOPTS: &str = "version: 1\naccount: \"100000000001\"\nimages:\n  old: { region: ap-jakarta, source: { adopted: img-0a1b2c3d } }\n";
    let mut snapshot = applied(&[EXAMPLE]);
    let seen = placement(&mut snapshot, "image.db@ap-jakarta#1").clone();
    let id: crate::model::ImageId = "img-0a1b2c3d".parse().unwrap();
    let seen = Placement { id: id.clone(), ..seen };
    let mut recorded = applied(&[]);
    let jakarta = region("ap-jakarta");
    recorded.recorded.adoptable.entry(jakarta.clone()).or_default().insert(id.clone(), seen);
    let file = file(&recorded, ADOPTS);
    assert_eq!(moved(&file, &recorded.recorded), Vec::<String>::new());
    let mut settled = recorded.clone();
    settle(&mut settled, &file.plan);
    says(&moved(&file, &settled.recorded), "image.old: its current generation was none and is #1");
    let adoptable = recorded.recorded.adoptable.get_mut(&jakarta).unwrap();
    adoptable.get_mut(&id).unwrap().description = "by hand".to_owned();
    says(&moved(&file, &recorded.recorded), "is not as it was: description");
    recorded.recorded.adoptable.clear();
    says(&moved(&file, &recorded.recorded), "no longer exists or was not observed");
    assert_eq!(file.plan.changes[0].placements[0].at, at("image.old@ap-jakarta#1"));
}

#[test]
fn an_entry_that_another_apply_has_replaced_does_not_serve_its_earlier_image_again() {
    let kept = example_with("keep: { at_most: 0 }", "keep: 1");
    let update = kept.replace("Ubuntu with nginx", "Ubuntu with Caddy");
    let file = file(&applied(&[&kept]), &update);
    let db = |number: u32| at(&format!("image.db@ap-jakarta#{number}"));
    assert!(file.plan.ready.contains(&db(1)));
    let present = applied(&[&kept, &kept.replace("snap-2f3a1c2d", "snap-99999999")]);
    assert_eq!(moved(&file, &present.recorded), Vec::<String>::new());
    let wanted = &file.inputs.desired;
    let rebased = file.plan.clone().rebased(wanted, &present.recorded, Some(&present)).unwrap();
    assert!(!rebased.ready.contains(&db(1)), "{:?}", rebased.ready);
    assert_eq!(rebased.digest, file.plan.digest);
    let serves = crate::apply::serving_now(&rebased, &present.recorded, noon());
    assert!(serves.iter().all(|edit| !matches!(edit, Edit::Serve { at, .. } if *at == db(1))), "{serves:?}");
}

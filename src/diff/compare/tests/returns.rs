//! Earlier generations that become current again.

use super::*;

/// The example, whose web keeps an earlier generation and has this revision.
pub(super) fn kept(revision: &str) -> String {
    example_with(r#"revision: "1""#, &format!(r#"revision: "{revision}""#)).replace("keep: 0", "keep: 1")
}

fn two_generations() -> Snapshot {
    applied(&[&kept("1"), &kept("2")])
}

#[test]
fn a_reverted_revision_returns_to_the_generation_that_was_made_for_it() {
    let diff = converge(&two_generations(), &kept("1"));
    let web = image(&diff, "web");
    assert_eq!(
        (web.action, web.generation, web.supersedes),
        (Action::Return, Some(generation(1)), Some(generation(2)))
    );
    assert_eq!(web.reason, Reason::Returned { from: generation(2) });
    assert!(web.placements.iter().all(|change| change.action() == Action::Update), "{web:#?}");
    let marks: Vec<(String, Option<bool>)> = web
        .placements
        .iter()
        .filter_map(|change| Some((change.at.to_string(), change.after()?.attributes.deprecated)))
        .collect();
    assert_eq!(marks.len(), 6);
    assert!(marks.iter().all(|(at, mark)| *mark == Some(at.ends_with("#2"))), "{marks:?}");
    assert!(diff.edits.contains(&Edit::Return { image: key("web"), generation: generation(1) }));
}

#[test]
fn where_shared_images_cannot_be_changed_the_mark_is_cleared_if_everyone_has_another_image() {
    let mut snapshot = two_generations();
    snapshot.recorded.shared_image_edits_refused = true;
    // This account sees the earlier one only.
    placement(&mut snapshot, "image.web@ap-tokyo#2").shares = crate::model::Accounts::EMPTY;
    assert!(!placement(&mut snapshot, "image.web@ap-tokyo#1").everyone().is_empty());
    let diff = converge(&snapshot, &kept("1"));
    let mark = |address: &str| {
        let change = image(&diff, "web").placements.iter().find(|change| change.at == at(address))?;
        change.after()?.attributes.deprecated
    };
    assert_eq!(mark("image.web@ap-jakarta#1"), Some(false));
    assert_eq!(mark("image.web@ap-tokyo#1"), None);
    assert_eq!(mark("image.web@ap-jakarta#2"), None, "its accounts would be without it meanwhile");
}

#[test]
fn going_forward_again_returns_too_and_builds_nothing() {
    let snapshot = applied(&[&kept("1"), &kept("2"), &kept("1")]);
    assert_eq!(snapshot.recorded.images[&key("web")].current, generation(1));
    assert!(converge(&snapshot, &kept("1")).images.iter().all(|image| image.action == Action::Unchanged));
    let web = image(&converge(&snapshot, &kept("2")), "web").clone();
    assert_eq!((web.action, web.generation), (Action::Return, Some(generation(2))));
    let third = image(&converge(&snapshot, &kept("3")), "web").clone();
    assert_eq!((third.action, third.generation), (Action::Replace, Some(generation(3))));
}

#[test]
fn what_is_missing_of_the_earlier_generation_is_copied() {
    let mut snapshot = two_generations();
    snapshot.recorded.remove(&at("image.web@ap-tokyo#1"));
    let diff = converge(&snapshot, &kept("1"));
    let copied =
        image(&diff, "web").placements.iter().find(|change| change.action() == Action::Copy).unwrap();
    assert_eq!(copied.at, at("image.web@ap-tokyo#1"));
    assert_eq!(copied.copied_from(), Some(&region("ap-jakarta")));
}

#[test]
fn a_build_that_failed_or_is_pending_gives_way_to_the_generation_before_it() {
    for state in [ImageState::CreateFailed, ImageState::Creating] {
        let mut snapshot = two_generations();
        for region in ["ap-singapore", "ap-tokyo"] {
            snapshot.recorded.remove(&at(&format!("image.web@{region}#2")));
        }
        placement(&mut snapshot, "image.web@ap-jakarta#2").state = state;
        let diff = converge(&snapshot, &kept("1"));
        let web = image(&diff, "web");
        assert_eq!((web.action, web.generation), (Action::Return, Some(generation(1))), "{state:?}");
        let newer = web.placements.iter().find(|change| change.at.generation == generation(2)).unwrap();
        assert_eq!(newer.action(), Action::Delete, "{state:?}: it is not usable, so it is not kept");
    }
}

#[test]
fn a_generation_of_which_nothing_is_usable_is_not_returned_to() {
    let mut snapshot = two_generations();
    for region in ["ap-jakarta", "ap-singapore", "ap-tokyo"] {
        placement(&mut snapshot, &format!("image.web@{region}#1")).state = ImageState::CreateFailed;
    }
    let diff = converge(&snapshot, &kept("1"));
    assert_eq!(
        (image(&diff, "web").action, image(&diff, "web").generation),
        (Action::Replace, Some(generation(3)))
    );
}

#[test]
fn a_build_that_the_user_asks_for_is_made_where_an_earlier_one_answers() {
    let (desired, snapshot) = (desired(&kept("1")), two_generations());
    let asked = [key("web")].into();
    let diff = diff_replacing(&desired, &snapshot.recorded, PlanMode::Normal, &asked, noon());
    assert_eq!(
        (image(&diff, "web").action, image(&diff, "web").generation),
        (Action::Replace, Some(generation(3)))
    );
}

#[test]
fn an_image_that_was_taken_over_before_is_returned_to_by_its_id() {
    let with = |id: &str| {
        example_with("{ snapshots: [snap-2f3a1c2d] }", &format!("{{ adopted: {id} }}"))
            .replace("keep: { at_most: 0 }", "keep: 1")
    };
    let mut snapshot = applied(&[EXAMPLE]);
    let first = placement(&mut snapshot, "image.db@ap-jakarta#1").id.clone();
    let source = desired(&with("img-0a1b2c3d")).images[&key("db")].source.clone().unwrap();
    let mut other = placement(&mut snapshot, "image.db@ap-jakarta#1").clone();
    other.id = "img-0a1b2c3d".parse().unwrap();
    snapshot.recorded.put(&at("image.db@ap-jakarta#2"), &source, other);
    let diff = converge(&snapshot, &with(first.as_str()));
    assert_eq!(
        (image(&diff, "db").action, image(&diff, "db").generation),
        (Action::Return, Some(generation(1)))
    );
}

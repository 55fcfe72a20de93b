//! Entries that are pinned to a generation.

use jiff::Timestamp;

use super::returns::kept;
use super::*;
use crate::state::Hold;

fn pinned(revision: &str, pin: &str) -> String {
    kept(revision).replace("keep: 1", &format!("keep: 1\n    pin: {pin}"))
}

#[test]
fn a_pin_returns_to_its_generation_and_keeps_the_one_that_the_source_asks_for() {
    let snapshot = applied(&[&kept("a"), &kept("b")]);
    let diff = converge(&snapshot, &pinned("b", "a").replace("keep: 1", "keep: 0"));
    let web = image(&diff, "web");
    assert_eq!(
        (web.action, web.generation, web.supersedes),
        (Action::Return, Some(generation(1)), Some(generation(2)))
    );
    let Reason::Pinned { revision, source } = &web.reason else { panic!("{web:#?}") };
    assert_eq!((revision.to_string().as_str(), source.as_deref()), ("a", Some("b")));
    assert!(web.placements.iter().all(|change| change.action() == Action::Update), "{web:#?}");
    assert_eq!(web.source.as_ref().unwrap().revision.as_deref(), Some("a"));
    assert!(diff.edits.contains(&Edit::Return { image: key("web"), generation: generation(1) }));
}

#[test]
fn what_a_pin_returned_to_stays_until_the_pin_is_removed() {
    let snapshot = applied(&[&kept("a"), &kept("b"), &pinned("b", "a")]);
    assert_eq!(snapshot.recorded.images[&key("web")].current, generation(1));
    // The source asks for builds in vain.
    for revision in ["b", "c"] {
        let web = image(&converge(&snapshot, &pinned(revision, "a")), "web").clone();
        assert_eq!((web.action, web.generation), (Action::Unchanged, Some(generation(1))), "{revision}");
        assert!(matches!(web.reason, Reason::Pinned { .. }));
    }
    let web = image(&converge(&snapshot, &kept("b")), "web").clone();
    assert_eq!((web.action, web.generation), (Action::Return, Some(generation(2))));
    let web = image(&converge(&snapshot, &kept("c")), "web").clone();
    assert_eq!((web.action, web.generation), (Action::Replace, Some(generation(3))));
}

#[test]
fn a_pin_to_what_the_source_asks_for_builds_it() {
    let snapshot = applied(&[&kept("a")]);
    let web = image(&converge(&snapshot, &pinned("b", "b")), "web").clone();
    assert_eq!((web.action, web.generation), (Action::Replace, Some(generation(2))));
    // A number cannot name a build that does not exist.
    let web = image(&converge(&snapshot, &pinned("b", "b#2")), "web").clone();
    assert_eq!((web.action, web.generation), (Action::Unchanged, Some(generation(1))));
}

#[test]
fn a_pinned_generation_is_usable_while_the_newer_one_failed_or_is_pending() {
    for state in [ImageState::CreateFailed, ImageState::Creating] {
        let mut snapshot = applied(&[&kept("a"), &kept("b")]);
        for region in ["ap-singapore", "ap-tokyo"] {
            snapshot.recorded.remove(&at(&format!("image.web@{region}#2")));
        }
        snapshot.recorded.placement_mut(&at("image.web@ap-jakarta#2")).unwrap().state = state;
        let web = image(&converge(&snapshot, &pinned("b", "a")), "web").clone();
        assert_eq!((web.action, web.generation), (Action::Return, Some(generation(1))), "{state:?}");
    }
}

#[test]
fn a_pin_with_a_number_names_one_of_several_builds_of_a_revision() {
    let snapshot = applied(&[&kept("a"), &kept("b")]);
    let mut snapshot = snapshot;
    let web = snapshot.recorded.images.get_mut(&key("web")).unwrap();
    web.generations.get_mut(&generation(2)).unwrap().source.revision = Some("a".into());
    for (pin, number) in [("a", 2), ("a#1", 1), ("a#2", 2)] {
        let web = image(&converge(&snapshot, &pinned("c", pin)), "web").clone();
        assert_eq!(web.generation, Some(generation(number)), "{pin}");
    }
}

fn held(snapshot: &mut Snapshot, revision: &str) {
    let hold =
        Hold { revision: revision.parse().unwrap(), since: Timestamp::UNIX_EPOCH, by: "ann@laptop".into() };
    snapshot.recorded.apply(&Edit::Hold { image: key("web"), hold: Some(hold) });
}

#[test]
fn a_hold_counts_more_than_the_pin_and_ends_when_the_pin_says_the_same() {
    let mut snapshot = applied(&[&kept("a"), &kept("b"), &kept("c").replace("keep: 1", "keep: 2")]);
    held(&mut snapshot, "a");
    for text in [kept("c"), kept("d"), pinned("c", "b")] {
        let diff = converge(&snapshot, &text);
        let web = image(&diff, "web");
        assert_eq!((web.action, web.generation), (Action::Return, Some(generation(1))));
        assert!(matches!(web.reason, Reason::Held { .. }));
        let is_release = |edit: &Edit| matches!(edit, Edit::Hold { hold: None, .. });
        assert!(!diff.edits.iter().any(is_release));
    }
    let diff = converge(&snapshot, &pinned("c", "a"));
    assert!(diff.edits.contains(&Edit::Hold { image: key("web"), hold: None }));
    assert_eq!(image(&diff, "web").generation, Some(generation(1)));
}

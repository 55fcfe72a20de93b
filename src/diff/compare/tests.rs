//! What differs, case by case.

use jiff::SignedDuration;

use super::*;
use crate::model::{Accounts, ImageState};
use crate::state::Snapshot;
use crate::testing::worlds::{applied, at, example_with, generation, key, noon, placement, region};
use crate::testing::{EXAMPLE, desired};

fn converge(snapshot: &Snapshot, yaml: &str) -> Diff {
    diff(&desired(yaml), &snapshot.recorded, PlanMode::Normal)
}

/// The change of an entry of the example.
fn image<'d>(diff: &'d Diff, key: &str) -> &'d ImageChange {
    diff.images.iter().find(|change| change.image.as_str() == key).unwrap()
}

/// The only placement that changes.
fn only(diff: &Diff) -> &PlacementChange {
    let all: Vec<_> = diff.images.iter().flat_map(|image| &image.placements).collect();
    assert_eq!(all.len(), 1, "{all:#?}");
    all[0]
}

fn actions(change: &ImageChange) -> Vec<(String, Action)> {
    change.placements.iter().map(|placement| (placement.at.to_string(), placement.action())).collect()
}

#[test]
fn the_unbroken_example_has_no_changes_once_it_is_applied() {
    let diff = converge(&applied(&[EXAMPLE]), EXAMPLE);
    assert!(diff.images.iter().all(|image| image.action == Action::Unchanged), "{diff:#?}");
    assert_eq!(diff.images.iter().map(|image| image.unchanged).sum::<usize>(), 4);
    assert!(diff.edits.is_empty(), "{:#?}", diff.edits);
}

#[test]
fn where_nothing_is_recorded_each_entry_is_created_in_its_region_and_copied_elsewhere() {
    let diff = converge(&applied(&[]), EXAMPLE);
    let web = image(&diff, "web");
    assert_eq!((web.action, &web.reason), (Action::Create, &Reason::Declared));
    assert_eq!(
        actions(web),
        [
            ("image.web@ap-jakarta#1".to_owned(), Action::Create),
            ("image.web@ap-singapore#1".to_owned(), Action::Copy),
            ("image.web@ap-tokyo#1".to_owned(), Action::Copy),
        ]
    );
    assert!(web.placements.iter().all(|placement| placement.share().len() == 2));
    let db = image(&diff, "db");
    assert!(!db.placements[0].deletes_snapshots(), "snapshots that the user named stay");
}

#[test]
fn a_new_revision_makes_a_new_generation_and_retires_the_old_one() {
    let diff = converge(&applied(&[EXAMPLE]), &example_with(r#"revision: "1""#, r#"revision: "2""#));
    let web = image(&diff, "web");
    assert_eq!(web.action, Action::Replace);
    assert_eq!((web.generation, web.supersedes), (Some(generation(2)), Some(generation(1))));
    assert!(matches!(web.reason, Reason::RevisionChanged { .. }));
    let retired = web.placements.iter().filter(|placement| placement.action() == Action::Delete);
    assert!(retired.clone().all(|old| old.at.generation == generation(1) && old.unshare().len() == 2));
    assert_eq!(retired.count(), 3);
    assert_eq!(image(&diff, "db").action, Action::Unchanged);
}

#[test]
fn snapshots_of_the_user_stay_when_the_entry_is_made_from_something_else() {
    let from_instance = example_with("{ snapshots: [snap-2f3a1c2d] }", "{ instance: { id: ins-7e2b1c2d } }");
    let snapshots = |diff: &Diff| -> Vec<(u32, bool)> {
        let retired = image(diff, "db").placements.iter().filter(|one| one.action() == Action::Delete);
        retired.map(|one| (one.at.generation.0, one.deletes_snapshots())).collect()
    };
    assert_eq!(snapshots(&converge(&applied(&[EXAMPLE]), &from_instance)), [(1, false)]);
    let said = from_instance.replace("name: db-", "delete_snapshots: true\n    name: db-");
    assert_eq!(snapshots(&converge(&applied(&[EXAMPLE]), &said)), [(1, true)]);
    // Both exist, and the entry is removed.
    let keep = |text: &str| text.replace("keep: { at_most: 0 }", "keep: 1");
    let both = applied(&[&keep(EXAMPLE), &keep(&from_instance)]);
    let all = diff(&desired(EXAMPLE), &both.recorded, PlanMode::Destroy);
    assert_eq!(snapshots(&all), [(1, false), (2, true)]);
    let said = example_with("name: db-", "delete_snapshots: true\n    name: db-");
    let all = diff(&desired(EXAMPLE), &applied(&[&said]).recorded, PlanMode::Destroy);
    assert_eq!(snapshots(&all), [(1, true)], "it was said");
}

#[test]
fn another_source_makes_a_new_generation_and_says_why() {
    let diff = converge(&applied(&[EXAMPLE]), &example_with("ins-8f3a1c2d", "ins-99999999"));
    assert!(matches!(image(&diff, "web").reason, Reason::SourceChanged { .. }));
}

#[test]
fn a_changed_description_changes_every_placement_and_builds_nothing() {
    let diff = converge(&applied(&[EXAMPLE]), &example_with("Ubuntu with nginx", "Ubuntu with Caddy"));
    let web = image(&diff, "web");
    assert_eq!((web.action, web.generation), (Action::Update, Some(generation(1))));
    assert!(web.placements.iter().all(|placement| placement.action() == Action::Update));
    let fields = web.placements[0].fields();
    assert_eq!(fields.len(), 1);
    assert_eq!(fields[0].after.as_deref(), Some("Ubuntu with Caddy"));
}

#[test]
fn an_attribute_that_is_left_out_is_not_managed_and_an_empty_one_is_emptied() {
    let left_out = example_with("    description: Ubuntu with nginx\n", "");
    assert_eq!(image(&converge(&applied(&[EXAMPLE]), &left_out), "web").action, Action::Unchanged);
    let emptied = example_with("Ubuntu with nginx", r#""""#);
    assert_eq!(image(&converge(&applied(&[EXAMPLE]), &emptied), "web").action, Action::Update);
}

#[test]
fn a_region_more_is_copied_to_and_nothing_else_is_touched() {
    let diff = converge(
        &applied(&[EXAMPLE]),
        &example_with("[ap-singapore, ap-tokyo]", "[ap-singapore, ap-tokyo, ap-seoul]"),
    );
    let copy = only(&diff);
    assert_eq!((copy.at.clone(), copy.action()), (at("image.web@ap-seoul#1"), Action::Copy));
    assert_eq!(copy.copied_from(), Some(&region("ap-jakarta")));
    assert_eq!(copy.reason, Reason::RegionWanted);
}

#[test]
fn a_region_less_is_unshared_and_deleted() {
    let diff = converge(&applied(&[EXAMPLE]), &example_with("[ap-singapore, ap-tokyo]", "[ap-singapore]"));
    let gone = only(&diff);
    assert_eq!((gone.at.clone(), gone.action()), (at("image.web@ap-tokyo#1"), Action::Delete));
    assert_eq!((gone.unshare().len(), &gone.reason), (2, &Reason::RegionUnwanted));
}

#[test]
fn moving_the_region_to_where_the_image_is_moves_the_label_alone() {
    let moved = example_with(
        "web:\n    region: ap-jakarta\n    name: web-{generation}\n    description: Ubuntu with nginx\n    source: { revision: \"1\", instance: { id: ins-8f3a1c2d } }\n    copies: [ap-singapore, ap-tokyo]",
        "web:\n    region: ap-tokyo\n    name: web-{generation}\n    description: Ubuntu with nginx\n    source: { revision: \"1\", instance: { id: ins-8f3a1c2d } }\n    copies: [ap-singapore, ap-jakarta]",
    );
    let diff = converge(&applied(&[EXAMPLE]), &moved);
    assert_eq!(image(&diff, "web").action, Action::Unchanged);
    assert!(matches!(&diff.edits[..], [Edit::Settings { origin, .. }] if origin.as_str() == "ap-tokyo"));
}

#[test]
fn moving_the_region_elsewhere_copies_the_current_generation_there() {
    let moved = example_with("  db:\n    region: ap-jakarta", "  db:\n    region: ap-tokyo");
    let diff = converge(&applied(&[EXAMPLE]), &moved);
    let db = image(&diff, "db");
    assert_eq!(db.action, Action::Update);
    assert_eq!(
        actions(db),
        [
            ("image.db@ap-tokyo#1".to_owned(), Action::Copy),
            ("image.db@ap-jakarta#1".to_owned(), Action::Delete),
        ]
    );
}

#[test]
fn a_placement_that_is_gone_is_copied_from_one_that_is_left() {
    let mut snapshot = applied(&[EXAMPLE]);
    snapshot.recorded.remove(&at("image.web@ap-jakarta#1"));
    let diff = converge(&snapshot, EXAMPLE);
    let copy = only(&diff);
    assert_eq!((copy.at.clone(), copy.action()), (at("image.web@ap-jakarta#1"), Action::Copy));
    assert_eq!(copy.copied_from(), Some(&region("ap-singapore")));
}

#[test]
fn a_generation_that_is_nowhere_any_more_is_followed_by_the_next_number() {
    let mut snapshot = applied(&[EXAMPLE]);
    for address in ["image.web@ap-jakarta#1", "image.web@ap-singapore#1", "image.web@ap-tokyo#1"] {
        snapshot.recorded.remove(&at(address));
    }
    assert_eq!(image(&converge(&snapshot, EXAMPLE), "web").generation, Some(generation(2)));
}

#[test]
fn a_failed_placement_is_made_again_under_its_own_number() {
    let mut snapshot = applied(&[EXAMPLE]);
    placement(&mut snapshot, "image.db@ap-jakarta#1").state = ImageState::CreateFailed;
    let diff = converge(&snapshot, EXAMPLE);
    let made = only(&diff);
    assert_eq!((made.at.clone(), made.action()), (at("image.db@ap-jakarta#1"), Action::Create));
    assert!(made.remakes_image() && matches!(made.reason, Reason::Failed { .. }));
}

#[test]
fn a_failed_copy_is_never_what_is_copied_from() {
    let mut snapshot = applied(&[EXAMPLE]);
    placement(&mut snapshot, "image.web@ap-jakarta#1").state = ImageState::CreateFailed;
    placement(&mut snapshot, "image.web@ap-singapore#1").state = ImageState::CreateFailed;
    let diff = converge(&snapshot, EXAMPLE);
    let from: Vec<_> =
        image(&diff, "web").placements.iter().map(|made| made.copied_from().cloned()).collect();
    assert_eq!(from, [Some(region("ap-tokyo")), Some(region("ap-tokyo"))]);
}

#[test]
fn an_entry_that_is_gone_from_the_manifest_is_deleted_everywhere() {
    let without = EXAMPLE.split("  db:").next().unwrap().to_owned() + "shares: []\n";
    let diff = converge(&applied(&[EXAMPLE]), &without);
    let db = image(&diff, "db");
    assert_eq!((db.action, &db.reason, db.generation), (Action::Delete, &Reason::EntryRemoved, None));
}

#[test]
fn destroy_deletes_what_is_declared_too() {
    let snapshot = applied(&[EXAMPLE]);
    let diff = diff(&desired(EXAMPLE), &snapshot.recorded, PlanMode::Destroy);
    let placements: Vec<_> = diff.images.iter().flat_map(|image| &image.placements).collect();
    assert_eq!(placements.len(), 4);
    assert!(placements.iter().all(|gone| gone.action() == Action::Delete && gone.reason == Reason::Destroy));
}

#[test]
fn a_kept_generation_is_deprecated_and_keeps_the_shares_that_are_still_wanted() {
    let second = example_with(r#"revision: "1""#, r#"revision: "2""#)
        .replace("keep: 0", "keep: 1")
        .replace("with: [partner, staging]", "with: [staging]");
    let diff = converge(&applied(&[EXAMPLE]), &second);
    let kept: Vec<_> =
        image(&diff, "web").placements.iter().filter(|placement| placement.reason == Reason::Kept).collect();
    assert_eq!(kept.len(), 3);
    for kept in kept {
        assert_eq!(kept.fields()[0].field, "deprecated");
        assert_eq!((kept.unshare().len(), kept.share().len()), (1, 0), "partner leaves, nobody comes");
    }
}

#[test]
fn of_several_generations_the_newest_are_kept() {
    let revision = |number: u32| {
        example_with(r#"revision: "1""#, &format!(r#"revision: "{number}""#))
            .replace("copies: [ap-singapore, ap-tokyo]", "")
            .replace("keep: 0", "keep: 2")
    };
    let (one, two, three, four) = (revision(1), revision(2), revision(3), revision(4));
    let diff = converge(&applied(&[&one, &two, &three]), &four);
    let gone: Vec<_> = image(&diff, "web")
        .placements
        .iter()
        .filter(|placement| placement.action() == Action::Delete)
        .map(|placement| placement.at.generation)
        .collect();
    assert_eq!(gone, [generation(1)]);
}

#[test]
fn a_tag_that_was_set_and_is_not_named_any_more_is_removed() {
    let tagged = example_with("copies: [", "tags: { team: platform, stage: test }\n    copies: [");
    let less = example_with("copies: [", "tags: { team: web }\n    copies: [");
    let diff = converge(&applied(&[&tagged]), &less);
    let fields: Vec<_> = image(&diff, "web").placements[0].fields();
    let shown: Vec<_> = fields.iter().map(|field| (field.field.as_str(), field.after.as_deref())).collect();
    assert_eq!(shown, [("tags.team", Some("web")), ("tags.stage", None)]);
}

#[test]
fn an_ownership_tag_that_is_missing_is_set_again() {
    let mut snapshot = applied(&[EXAMPLE]);
    placement(&mut snapshot, "image.db@ap-jakarta#1").tags.clear();
    assert_eq!(only(&converge(&snapshot, EXAMPLE)).fields()[0].field, "ownership tag");
}

#[test]
fn a_share_that_somebody_else_gave_becomes_ours_when_the_manifest_names_it() {
    let mut snapshot = applied(&[EXAMPLE]);
    let db = placement(&mut snapshot, "image.db@ap-jakarta#1");
    db.unmanaged = std::mem::take(&mut db.shares);
    let diff = converge(&snapshot, EXAMPLE);
    assert!(diff.images.iter().all(|image| image.action == Action::Unchanged), "it is shared already");
    assert!(matches!(&diff.edits[..], [Edit::Claim { accounts, .. }] if accounts.len() == 1));
}

#[test]
fn a_share_of_others_stays_unless_the_manifest_is_exclusive() {
    let mut snapshot = applied(&[EXAMPLE]);
    let stranger: Accounts = ["900000000009".parse().unwrap()].into_iter().collect();
    placement(&mut snapshot, "image.db@ap-jakarta#1").unmanaged = stranger.clone();
    assert_eq!(image(&converge(&snapshot, EXAMPLE), "db").action, Action::Unchanged);
    let exclusive = example_with("image: db, with: [partner]", "image: db, exclusive: true, with: [partner]");
    assert_eq!(only(&converge(&snapshot, &exclusive)).unshare(), stranger);
}

#[test]
fn a_share_of_others_is_carried_to_the_next_generation() {
    let mut snapshot = applied(&[EXAMPLE]);
    let stranger: Accounts = ["900000000009".parse().unwrap()].into_iter().collect();
    placement(&mut snapshot, "image.web@ap-tokyo#1").unmanaged = stranger.clone();
    let diff = converge(&snapshot, &example_with(r#"revision: "1""#, r#"revision: "2""#));
    for placement in image(&diff, "web").placements.iter().filter(|new| new.at.generation == generation(2)) {
        let expected = if placement.at.region.as_str() == "ap-tokyo" { &stranger } else { &Accounts::EMPTY };
        assert_eq!(&placement.carried(), expected, "{}", placement.at);
    }
}

#[test]
fn protection_is_a_change_of_the_record_alone() {
    let diff = converge(&applied(&[EXAMPLE]), &example_with("copies: [", "protect: true\n    copies: ["));
    assert!(diff.images.iter().all(|image| image.action == Action::Unchanged));
    assert!(matches!(&diff.edits[..], [Edit::Settings { protect: true, .. }]));
}

#[test]
fn a_new_build_can_be_asked_for_without_a_change() {
    let snapshot = applied(&[EXAMPLE]);
    let asked = BTreeSet::from([key("db")]);
    let diff = diff_replacing(&desired(EXAMPLE), &snapshot.recorded, PlanMode::Normal, &asked, noon());
    assert_eq!(image(&diff, "db").reason, Reason::Asked);
    assert_eq!(image(&diff, "db").generation, Some(generation(2)));
    assert_eq!(image(&diff, "web").action, Action::Unchanged);
}

#[test]
fn an_earlier_generation_is_kept_for_as_many_days_as_the_manifest_says() {
    let first = example_with("keep: 0", "keep: { generations: 0, days: 30 }");
    let second = first.replace(r#"revision: "1""#, r#"revision: "2""#);
    let snapshot = applied(&[&first, &second]);
    let after = |days: i64| {
        let now = noon().checked_add(SignedDuration::from_hours(24 * days)).unwrap();
        let options = crate::plan::PlanOptions { now, ..crate::plan::PlanOptions::all(PlanMode::Normal) };
        let made = crate::plan::propose(&desired(&second), &snapshot.recorded, Some(&snapshot), &options);
        let plan = made.unwrap().plan;
        let changes = plan.changes.iter().flat_map(|change| &change.placements);
        let deleted = changes.filter(|change| change.action() == Action::Delete);
        deleted.map(|change| change.at.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(after(0), [""; 0], "superseded at noon");
    assert_eq!(after(29), [""; 0]);
    assert_eq!(after(30), ["image.web@ap-jakarta#1", "image.web@ap-singapore#1", "image.web@ap-tokyo#1"]);
}

#[test]
fn a_long_row_of_encrypted_copies_is_followed_without_recursion() {
    let copy = |number: usize| {
        format!(
            "  i{number}: {{ region: ap-jakarta, source: {{ encrypted: {{ image: i{} }} }} }}\n",
            number - 1
        )
    };
    let first = "  i0: { region: ap-jakarta, source: { snapshots: [snap-2f3a1c2d] } }\n".to_owned();
    let images = (1..8_000).fold(first, |text, number| text + &copy(number));
    let text = format!("version: 1\naccount: \"100000000001\"\nimages:\n{images}");
    let desired = crate::testing::desired(&text);
    let diff = super::diff(&desired, &crate::state::Recorded::default(), super::PlanMode::Normal);
    let of_first = diff.images.iter().filter(|change| change.of == Some(crate::model::GenerationNumber(1)));
    assert_eq!(of_first.count(), 7_999);
}

/// The names that are wanted of the current generations.
fn names(diff: &Diff, entry: &str) -> Vec<String> {
    let image = image(diff, entry);
    let current = image.placements.iter().filter(|change| Some(change.at.generation) == image.generation);
    current.filter_map(|change| change.after()?.attributes.name.as_ref()).map(ToString::to_string).collect()
}

#[test]
fn names_and_descriptions_hold_the_revision_and_the_key() {
    let with = |revision: &str| {
        let text = example_with("name: web-{generation}", "name: \"{key}-{revision}\"");
        let text = text.replace("Ubuntu with nginx", "Ubuntu, {revision} ({generation})");
        text.replace("revision: \"1\"", &format!("revision: {revision}")).replace("keep: 0", "keep: 1")
    };
    let snapshot = applied(&[&with("w47")]);
    let diff = converge(&snapshot, &with("w48"));
    assert_eq!(names(&diff, "web"), ["web-w48", "web-w48", "web-w48"]);
    let after = image(&diff, "web").placements[0].after().unwrap();
    assert_eq!(after.attributes.description.as_deref(), Some("Ubuntu, w48 (2)"));
    assert!(converge(&snapshot, &with("w47")).images.iter().all(|image| image.placements.is_empty()));
    // The generation that is returned to keeps the name of its revision.
    let back = converge(&applied(&[&with("w47"), &with("w48")]), &with("w47"));
    assert_eq!(names(&back, "web"), ["web-w47", "web-w47", "web-w47"]);
    assert!(
        image(&back, "web")
            .placements
            .iter()
            .all(|change| change.fields().iter().all(|f| f.field == "deprecated"))
    );
}

#[test]
fn without_a_revision_it_is_the_id_of_the_source_and_of_an_encrypted_copy_that_of_its_image() {
    let text = example_with("name: db-{generation}", "name: \"{key}-{revision}\"").replace(
        "shares:",
        "  sealed: { region: ap-jakarta, name: \"s-{revision}\", source: { encrypted: { image: web } } }\n  \
         plain: { region: ap-jakarta, source: { snapshots: [snap-2f3a1c2d] } }\nshares:",
    );
    let diff = converge(&applied(&[]), &text);
    assert_eq!(names(&diff, "db"), ["db-snap-2f3a1c2d"]);
    assert_eq!(names(&diff, "sealed"), ["s-1"]);
    assert_eq!(names(&diff, "plain"), ["plain-1"], "the default");
}

mod moved;
mod pins;
mod returns;

//! Which calls bring a change about.

use super::*;
use crate::plan::Plan;
use crate::testing::EXAMPLE;
use crate::testing::worlds::{applied, at, example_with, placement, plan_to, step, step_ids, waits};

fn operation<'p>(plan: &'p Plan, id: &str) -> &'p Operation {
    &plan.graph[step(plan, id)].operation
}

#[test]
fn what_is_as_it_should_be_needs_no_step() {
    assert_eq!(step_ids(&plan_to(&applied(&[EXAMPLE]), EXAMPLE)), Vec::<String>::new());
}

#[test]
fn a_create_carries_attributes_and_tags_and_a_copy_gets_them_after() {
    let tagged =
        example_with("copies: [ap-singapore, ap-tokyo]", "tags: { team: web }\n    copies: [ap-tokyo]");
    let plan = plan_to(&applied(&[]), &tagged);
    assert_eq!(
        step_ids(&plan),
        [
            "copy image.web@ap-tokyo#1",
            "create image.db@ap-jakarta#1",
            "create image.web@ap-jakarta#1",
            "share image.db@ap-jakarta#1",
            "share image.web@ap-jakarta#1",
            "share image.web@ap-tokyo#1",
            "tag image.web@ap-tokyo#1",
            "update image.web@ap-tokyo#1",
        ]
    );
    let Operation::Create { attributes, tags, ownership, .. } =
        operation(&plan, "create image.web@ap-jakarta#1")
    else {
        panic!("a create")
    };
    assert_eq!(attributes.description.as_deref(), Some("Ubuntu with nginx"));
    assert_eq!((tags.len(), ownership.as_deref()), (1, Some("goldform")), "whose it is, the state says");
    let Operation::Update { set, .. } = operation(&plan, "update image.web@ap-tokyo#1") else {
        panic!("an update")
    };
    assert_eq!((set.name.as_deref(), set.description.as_deref()), (Some("web-1"), Some("Ubuntu with nginx")));
}

#[test]
fn a_copy_takes_at_most_one_call_more_for_its_final_name() {
    let calls = |yaml: &str| {
        let plan = plan_to(&applied(&[]), yaml);
        step_ids(&plan).iter().filter(|id| id.contains("image.web@ap-tokyo")).cloned().collect::<Vec<_>>()
    };
    let described = calls(EXAMPLE);
    assert_eq!(
        described.len(),
        4,
        "copy, description, tag and share, as without an interim name: {described:?}"
    );
    let bare = calls(&example_with("    description: Ubuntu with nginx\n", ""));
    assert_eq!(bare.len(), 4, "where nothing else is set, the name is: {bare:?}");
}

#[test]
fn an_update_sets_what_differs_and_leaves_the_rest_alone() {
    let plan = plan_to(&applied(&[EXAMPLE]), &example_with("Ubuntu with nginx", "Ubuntu with Caddy"));
    let Operation::Update { set, .. } = operation(&plan, "update image.web@ap-tokyo#1") else {
        panic!("an update")
    };
    let only = Attributes { description: Some("Ubuntu with Caddy".to_owned()), ..Attributes::default() };
    assert_eq!(*set, only);
}

#[test]
fn a_tag_step_sets_and_removes_in_one() {
    let one = example_with("copies: [ap-singapore, ap-tokyo]", "tags: { team: web, stage: test }");
    let other = example_with("copies: [ap-singapore, ap-tokyo]", "tags: { team: web, owner: me }");
    let plan = plan_to(&applied(&[&one]), &other);
    assert_eq!(step_ids(&plan), ["tag image.web@ap-jakarta#1"]);
    let Operation::Tag { set, unset, ownership, .. } = operation(&plan, "tag image.web@ap-jakarta#1") else {
        panic!("a tag")
    };
    assert_eq!(set.keys().collect::<Vec<_>>(), ["owner"], "what is so already is not set again");
    assert_eq!((unset.as_slice(), ownership), (&["stage".into()][..], &None));
}

#[test]
fn shares_are_given_and_taken_for_those_who_come_and_go() {
    let plan = plan_to(&applied(&[EXAMPLE]), &example_with("with: [partner]", "with: [staging]"));
    assert_eq!(step_ids(&plan), ["share image.db@ap-jakarta#1", "unshare image.db@ap-jakarta#1"]);
    let Operation::Share { accounts, .. } = operation(&plan, "share image.db@ap-jakarta#1") else {
        panic!("a share")
    };
    assert_eq!(accounts.iter().map(|id| id.to_string()).collect::<Vec<_>>(), ["200000000002"]);
}

#[test]
fn a_retired_placement_is_unshared_from_everyone_and_deleted() {
    let mut snapshot = applied(&[EXAMPLE]);
    placement(&mut snapshot, "image.web@ap-tokyo#1").unmanaged =
        Accounts::from(vec!["900000000009".parse().unwrap()]);
    let plan = plan_to(&snapshot, &example_with("[ap-singapore, ap-tokyo]", "[ap-singapore]"));
    assert_eq!(step_ids(&plan), ["delete image.web@ap-tokyo#1", "unshare image.web@ap-tokyo#1"]);
    let Operation::Unshare { accounts, .. } = operation(&plan, "unshare image.web@ap-tokyo#1") else {
        panic!("an unshare")
    };
    assert_eq!(accounts.len(), 3, "those of others too");
    let Operation::Delete { snapshots, .. } = operation(&plan, "delete image.web@ap-tokyo#1") else {
        panic!("a delete")
    };
    assert!(snapshots, "the service made them for the image");
}

#[test]
fn snapshots_that_the_user_named_are_not_deleted() {
    let without = "version: 1\naccount: \"100000000001\"\n";
    let plan = plan_to(&applied(&[EXAMPLE]), without);
    let Operation::Delete { snapshots, .. } = operation(&plan, "delete image.db@ap-jakarta#1") else {
        panic!("a delete")
    };
    assert!(!snapshots);
}

#[test]
fn an_image_that_is_taken_over_is_changed_only_where_it_differs() {
    let adopting = example_with(
        "  db:",
        "  old: { region: ap-jakarta, name: old, description: ours, source: { adopted: img-0a1b2c3d } }\n  db:",
    );
    let mut snapshot = applied(&[EXAMPLE]);
    assert!(step_ids(&plan_to(&snapshot, &adopting)).is_empty(), "never seen: nothing is known of it");
    let mut seen = placement(&mut snapshot, "image.db@ap-jakarta#1").clone();
    (seen.id, seen.name) = ("img-0a1b2c3d".parse().unwrap(), "old".into());
    (seen.tags, seen.shares) = (Tags::new(), Accounts::EMPTY);
    let region = at("image.old@ap-jakarta#1").region;
    snapshot.recorded.adoptable.entry(region).or_default().insert(seen.id.clone(), seen);
    let plan = plan_to(&snapshot, &adopting);
    let (tag, update) = ("tag image.old@ap-jakarta#1", "update image.old@ap-jakarta#1");
    assert_eq!(step_ids(&plan), [tag, update], "the ownership tag and the description");
    assert!(waits(&plan, update, tag), "it is claimed before it is changed");
}

//! What each event does to the record.

use super::*;
use crate::model::{Accounts, Attributes, GenerationNumber, Tags};
use crate::testing::EXAMPLE;
use crate::testing::worlds::{applied, at, build, key, noon, plan_to, region};

const MADE: &str = "img-0a1b2c3d";
const DB: &str = "image.db@ap-jakarta#1";

fn step(name: &str) -> StepId {
    StepId(name.into())
}

fn started(name: &str, operation: Operation) -> Event {
    Event::Started { step: step(name), at: noon(), operation }
}

fn accepted(name: &str) -> Event {
    Event::Accepted { step: step(name), at: noon(), id: MADE.parse().unwrap() }
}

fn settled(name: &str) -> Event {
    let image = SettledImage { state: ImageState::Normal, build: build() };
    Event::Settled { step: step(name), at: noon(), image: Some(image) }
}

fn done(name: &str) -> Event {
    Event::Settled { step: step(name), at: noon(), image: None }
}

fn failed(name: &str, state: Option<ImageState>) -> Event {
    Event::Failed { step: step(name), at: noon(), why: "refused".to_owned(), state }
}

/// The first create of the example.
fn create() -> Operation {
    let plan = plan_to(&applied(&[]), EXAMPLE);
    let (_, step) =
        plan.graph.steps().find(|(_, step)| step.id.to_string() == format!("create {DB}")).unwrap();
    step.operation.clone()
}

fn accounts(ids: &[&str]) -> Accounts {
    ids.iter().map(|id| id.parse().unwrap()).collect()
}

/// Folds events over an empty record, or over the applied example.
fn fold_all(over: &[&str], events: &[Event]) -> Result<(Recorded, Intents), IllegalEvent> {
    let mut recorded = applied(over).recorded;
    let mut intents = Intents::new();
    for event in events {
        fold(&mut recorded, &mut intents, event)?;
    }
    Ok((recorded, intents))
}

#[test]
fn a_create_is_an_intent_then_a_placement_then_settled() {
    let (recorded, intents) = fold_all(&[], &[started("make", create())]).unwrap();
    assert!(recorded.images.is_empty() && intents[&step("make")].accepted.is_none());

    let (recorded, intents) = fold_all(&[], &[started("make", create()), accepted("make")]).unwrap();
    let placement = recorded.placement(&at(DB)).unwrap();
    assert_eq!((placement.id.as_str(), placement.state, placement.seen), (MADE, ImageState::Creating, false));
    assert_eq!(recorded.generations_used[&key("db")], GenerationNumber(1));
    assert_eq!(intents[&step("make")].accepted.as_ref().unwrap().as_str(), MADE);

    let events = [started("make", create()), accepted("make"), settled("make")];
    let (recorded, intents) = fold_all(&[], &events).unwrap();
    let placement = recorded.placement(&at(DB)).unwrap();
    assert_eq!(
        (placement.state, placement.seen, &placement.build),
        (ImageState::Normal, true, &Some(build()))
    );
    assert!(intents.is_empty());
}

#[test]
fn a_make_that_failed_keeps_what_the_service_has_made() {
    let events =
        [started("make", create()), accepted("make"), failed("make", Some(ImageState::CreateFailed))];
    let (recorded, intents) = fold_all(&[], &events).unwrap();
    assert_eq!(recorded.placement(&at(DB)).unwrap().state, ImageState::CreateFailed);
    assert!(intents.is_empty());
    let (recorded, _) = fold_all(&[], &[started("make", create()), failed("make", None)]).unwrap();
    assert!(recorded.images.is_empty(), "a refused one has made nothing");
}

#[test]
fn no_event_follows_what_it_cannot_follow() {
    let make = || started("make", create());
    let share = || {
        started(
            "share",
            Operation::Share {
                at: at(DB),
                accounts: accounts(&["200000000002"]),
                unmanaged: Accounts::EMPTY,
            },
        )
    };
    let cases: &[(&str, Vec<Event>)] = &[
        ("started twice", vec![make(), make()]),
        ("was accepted", vec![accepted("make")]),
        ("was accepted twice", vec![make(), accepted("make"), accepted("make")]),
        ("was accepted twice", vec![share(), accepted("share")]),
        ("has settled", vec![settled("make")]),
        ("has settled", vec![make(), settled("make")]),
        ("failed", vec![failed("make", None)]),
        ("failed", vec![make(), failed("make", None), failed("make", None)]),
        ("has settled", vec![share(), done("share")]),
        ("has settled", vec![make(), accepted("make"), settled("make"), settled("make")]),
    ];
    for (what, events) in cases {
        let error = fold_all(&[], events).unwrap_err();
        assert_eq!(error.what, *what, "{events:#?}");
    }
}

#[test]
fn each_operation_is_recorded_once_it_is_done() {
    let after = |operation: Operation| {
        let (recorded, _) = fold_all(&[EXAMPLE], &[started("step", operation), done("step")]).unwrap();
        recorded.placement(&at(DB)).cloned()
    };
    let before = applied(&[EXAMPLE]).recorded.placement(&at(DB)).cloned().unwrap();

    let set =
        Attributes { description: Some("new".to_owned()), deprecated: Some(true), ..Attributes::default() };
    let updated = after(Operation::Update { at: at(DB), set }).unwrap();
    assert_eq!((updated.description.as_str(), updated.deprecated), ("new", true));
    assert_eq!((&updated.name, &updated.family), (&before.name, &before.family), "the rest stays");

    let set = Tags::from([("team".into(), "web".into())]);
    let tag = Operation::Tag { at: at(DB), set, unset: vec!["goldform".into()], ownership: None };
    let tags = after(tag).unwrap().tags;
    assert_eq!(tags.keys().map(|key| key.as_str()).collect::<Vec<_>>(), ["team"]);

    let more = accounts(&["200000000002", "900000000009"]);
    let stranger = accounts(&["900000000009"]);
    let share = Operation::Share { at: at(DB), accounts: more, unmanaged: stranger.clone() };
    let shared = after(share).unwrap();
    assert_eq!(shared.shares, accounts(&["200000000001", "200000000002"]));
    assert_eq!(shared.unmanaged, stranger, "carried shares are still those of others");

    let unshare = Operation::Unshare { at: at(DB), accounts: accounts(&["200000000001"]) };
    assert!(after(unshare).unwrap().everyone().is_empty());
    assert_eq!(after(Operation::Delete { at: at(DB), snapshots: true }), None);
}

#[test]
fn the_last_placement_takes_its_entry_with_it_and_leaves_its_number() {
    let delete = [started("delete", Operation::Delete { at: at(DB), snapshots: true }), done("delete")];
    let (recorded, _) = fold_all(&[EXAMPLE], &delete).unwrap();
    assert!(!recorded.images.contains_key(&key("db")));
    assert_eq!(recorded.next_generation(&key("db")), GenerationNumber(2));
}

#[test]
fn a_copy_needs_its_generation() {
    let copy =
        Operation::Copy { at: at("image.db@ap-tokyo#1"), from: region("ap-jakarta"), name: "db-1".into() };
    assert!(fold_all(&[], &[started("copy", copy.clone()), accepted("copy")]).is_err());
    let (recorded, _) = fold_all(&[EXAMPLE], &[started("copy", copy), accepted("copy")]).unwrap();
    assert_eq!(recorded.placement(&at("image.db@ap-tokyo#1")).unwrap().state, ImageState::Syncing);
}

#[test]
fn an_edit_changes_the_record_alone() {
    let edited = |change: Edit| {
        let (recorded, intents) = fold_all(&[EXAMPLE], &[Event::Edited { at: noon(), change }]).unwrap();
        assert!(intents.is_empty());
        recorded
    };
    let settings = Edit::Settings {
        image: key("db"),
        origin: region("ap-tokyo"),
        protect: true,
        delete_snapshots: true,
    };
    let db = edited(settings).images[&key("db")].clone();
    assert_eq!((db.origin.as_str(), db.protect, db.delete_snapshots), ("ap-tokyo", true, true));

    let id: ImageId = MADE.parse().unwrap();
    let forgotten = edited(Edit::Forget { at: at(DB), unmanaged: Some((id.clone(), "db-1".into())) });
    assert_eq!(forgotten.placement(&at(DB)), None);
    assert_eq!(forgotten.regions[&region("ap-jakarta")].unmanaged[&id], "db-1");

    let renamed = edited(Edit::Rename { from: key("db"), to: key("store") });
    assert!(renamed.placement(&at("image.store@ap-jakarta#1")).is_some());
    assert_eq!(renamed.next_generation(&key("store")), GenerationNumber(2));

    assert_eq!(edited(Edit::LearnShareLimit { value: 7, at: noon() }).share_limit.unwrap().value, 7);
    assert!(edited(Edit::LearnSharedEditsRefused).shared_image_edits_refused);
}

#[test]
fn a_list_of_shares_that_is_read_back_says_which_are_our_own() {
    let (ours, theirs) = (accounts(&["200000000001", "200000000002"]), "200000000009");
    let everyone = accounts(&["200000000002", theirs]);
    let seen = Event::Edited { at: noon(), change: Edit::SeeShares { at: at(DB), everyone, own: ours } };
    let (recorded, _) = fold_all(&[EXAMPLE], &[seen]).unwrap();
    let placement = recorded.placement(&at(DB)).unwrap();
    assert_eq!(
        (&placement.shares, &placement.unmanaged),
        (&accounts(&["200000000002"]), &accounts(&[theirs]))
    );
}

#[test]
fn how_many_accounts_a_call_takes_only_falls_and_never_to_nothing() {
    let learn = |value| Event::Edited { at: noon(), change: Edit::LearnAccountsPerCall { value } };
    let (recorded, _) = fold_all(&[], &[learn(7), learn(9)]).unwrap();
    assert_eq!(recorded.accounts_per_call, Some(7));
    assert_eq!(fold_all(&[], &[learn(0)]).unwrap().0.accounts_per_call, Some(1));
}

#[test]
fn a_learned_limit_never_rises() {
    let learn = |value| Event::Edited { at: noon(), change: Edit::LearnShareLimit { value, at: noon() } };
    let (recorded, _) = fold_all(&[], &[learn(7), learn(9)]).unwrap();
    assert_eq!(recorded.share_limit.unwrap().value, 7);
}

#[test]
fn an_adopted_image_is_managed_and_counts_as_unmanaged_no_more() {
    let mut recorded = applied(&[EXAMPLE]).recorded;
    let mut image = recorded.placement(&at(DB)).unwrap().clone();
    image.id = MADE.parse().unwrap();
    let jakarta = recorded.regions.get_mut(&region("ap-jakarta")).unwrap();
    jakarta.unmanaged.insert(image.id.clone(), image.name.clone());
    let source = recorded.images[&key("db")].generations[&GenerationNumber(1)].source.clone();
    let change = Edit::Adopt { at: at("image.old@ap-jakarta#1"), source, image: Box::new(image) };
    fold(&mut recorded, &mut Intents::new(), &Event::Edited { at: noon(), change }).unwrap();
    assert!(recorded.placement(&at("image.old@ap-jakarta#1")).is_some());
    assert!(recorded.regions[&region("ap-jakarta")].unmanaged.is_empty());
}

#[test]
fn events_are_one_line_each_and_read_back() {
    for event in [
        started("make", create()),
        accepted("make"),
        settled("make"),
        failed("make", Some(ImageState::CreateFailed)),
    ] {
        let line = serde_json::to_string(&event).unwrap();
        assert!(!line.contains('\n'));
        assert_eq!(serde_json::from_str::<Event>(&line).unwrap(), event);
    }
}

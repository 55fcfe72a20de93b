//! Changes by hand, and those that are refused.

use super::*;

/// `web` in two regions with two generations in one, `db` in one region, one region that was never read.
fn recorded() -> Recorded {
    let placement = |id: &str, name: &str| {
        serde_json::json!({ "id": id, "name": name, "state": "NORMAL", "accepted_at": "2026-11-24T12:00:00Z",
                "seen": true, "shares": ["200000000001"] })
    };
    let web = serde_json::json!({ "origin": "ap-jakarta", "current": 2, "protect": true, "delete_snapshots": true,
            "generations": {
                "1": { "source": { "instance": { "id": "ins-8f3a1c2d" }, "revision": "1" },
                       "placements": { "ap-jakarta": placement("img-00000001", "web-1") } },
                "2": { "source": { "instance": { "id": "ins-8f3a1c2d" }, "revision": "2" },
                       "placements": { "ap-jakarta": placement("img-00000002", "web-2"),
                                       "ap-tokyo": placement("img-00000003", "web-2") } } } });
    let db = serde_json::json!({ "origin": "ap-jakarta", "current": 1, "delete_snapshots": true,
            "generations": { "1": { "source": { "encrypted": { "image": "web" } },
                "placements": { "ap-jakarta": placement("img-00000004", "db-1") } } } });
    serde_json::from_value(serde_json::json!({
        "images": { "web": web, "db": db },
        "generations_used": { "web": 2, "db": 1 },
        "regions": { "ap-jakarta": { "read_at": "2026-11-24T12:00:00Z" } },
    }))
    .unwrap()
}

fn address(text: &str) -> Address {
    text.parse().unwrap()
}

fn all(recorded: &Recorded) -> Vec<String> {
    recorded.placements().map(|(at, _)| at.to_string()).collect()
}

fn verified(recorded: Recorded) -> Recorded {
    let lineage = crate::state::Lineage("lineage-1".into());
    let account = "100000000001".parse().unwrap();
    let mut snapshot = Snapshot::first(lineage, account, crate::model::Provider::Sandbox);
    snapshot.recorded = recorded;
    snapshot.verify().unwrap();
    snapshot.recorded
}

#[test]
fn an_entry_keeps_everything_under_its_new_key() {
    let mut record = recorded();
    let before = record.images[&key("web")].clone();
    let moved = move_to(&mut record, &address("image.web"), &address("image.web-base")).unwrap();
    assert_eq!(moved.len(), 3);
    let record = verified(record);
    assert_eq!(record.images.get(&key("web-base")), Some(&before));
    assert!(!record.generations_used.contains_key(&key("web")));
    let source = &record.images[&key("db")].generations[&crate::model::GenerationNumber(1)].source;
    assert_eq!(source.describe(), "encrypted copy of image.web-base");
}

#[test]
fn a_placement_takes_its_build_to_another_entry() {
    let mut record = recorded();
    let (from, to) = (address("image.web@ap-tokyo#2"), address("image.edge@ap-tokyo#7"));
    move_to(&mut record, &from, &to).unwrap();
    let record = verified(record);
    let edge = &record.images[&key("edge")];
    assert!(edge.protect, "settings come along to an entry that is new");
    assert_eq!((edge.origin.as_str(), edge.current.0), ("ap-tokyo", 7));
    assert_eq!(record.generations_used[&key("edge")].0, 7);
    assert_eq!(record.images[&key("web")].generations.len(), 2);
}

#[test]
fn a_region_is_moved_as_a_whole_or_not_at_all() {
    let mut record = recorded();
    let error = move_to(&mut record, &address("image.web@ap-jakarta"), &address("image.db@ap-jakarta"));
    assert!(matches!(error, Err(StateEditError::Taken(_))), "{error:?}");
    assert_eq!(record, recorded(), "generation 1 is in the way, so generation 2 stays too");
    move_to(&mut record, &address("image.web@ap-jakarta"), &address("image.other@ap-jakarta")).unwrap();
    assert_eq!(
        all(&verified(record)),
        [
            "image.db@ap-jakarta#1",
            "image.other@ap-jakarta#1",
            "image.other@ap-jakarta#2",
            "image.web@ap-tokyo#2"
        ]
    );
}

#[test]
fn a_move_back_undoes_a_move() {
    let mut record = recorded();
    let (a, b) = (address("image.web@ap-tokyo#2"), address("image.edge@ap-tokyo#2"));
    move_to(&mut record, &a, &b).unwrap();
    move_to(&mut record, &b, &a).unwrap();
    assert_eq!(record.images, recorded().images);
}

#[test]
fn what_cannot_be_is_refused_and_changes_nothing() {
    for (from, to, expected) in [
        ("image.web", "image.web", "image.web is moved to itself"),
        ("image.web", "image.db", "image.db is recorded already, and would be overwritten"),
        ("image.wob", "image.x", "image.wob is not recorded"),
        ("image.web@ap-seoul", "image.x@ap-seoul", "image.web@ap-seoul is not recorded"),
        ("image.web@ap-tokyo#9", "image.x@ap-tokyo#9", "image.web@ap-tokyo#9 is not recorded"),
        (
            "image.web@ap-tokyo#2",
            "image.web@ap-seoul#2",
            "image.web@ap-tokyo#2 cannot become image.web@ap-seoul#2: an image stays in the region that it is in",
        ),
        (
            "image.web@ap-tokyo#2",
            "image.db@ap-tokyo#1",
            "image.web@ap-tokyo#2 is not the same build as generation 1 of image.db: that was made from encrypted \
                 copy of image.web, this from instance ins-8f3a1c2d, revision 2",
        ),
        (
            "image.web",
            "image.x@ap-tokyo",
            "image.web cannot become image.x@ap-tokyo: entries become entries, placements placements, lookups \
                 lookups",
        ),
    ] {
        let mut record = recorded();
        let error = move_to(&mut record, &address(from), &address(to)).unwrap_err();
        assert_eq!(error.to_string(), expected);
        assert!(!error.help().is_empty());
        assert_eq!(record, recorded(), "{from} → {to}");
    }
}

#[test]
fn a_forgotten_image_counts_as_unmanaged_where_its_region_was_read() {
    let mut record = recorded();
    let gone = forget(&mut record, &address("image.web")).unwrap();
    assert_eq!(gone.len(), 3);
    let record = verified(record);
    assert_eq!(all(&record), ["image.db@ap-jakarta#1"]);
    let unmanaged: Vec<&str> =
        record.regions.values().flat_map(|region| region.unmanaged.values()).map(|n| n.as_str()).collect();
    assert_eq!(unmanaged, ["web-1", "web-2"]);
    assert_eq!(record.next_generation(&key("web")).0, 3, "numbers are not used again");
}

#[test]
fn a_forgotten_share_stays_as_one_of_others() {
    let mut record = recorded();
    let share = address("share.web@ap-tokyo#2/200000000001");
    forget(&mut record, &share).unwrap();
    let record = verified(record);
    let at = record.placements().find(|(at, _)| at.region.as_str() == "ap-tokyo").unwrap().1;
    assert!(at.shares.is_empty());
    assert_eq!(at.unmanaged.len(), 1);
    assert_eq!(forget(&mut record.clone(), &share), Err(StateEditError::NotRecorded(share)));
}

#[test]
fn an_older_snapshot_takes_over_what_must_not_be_lost() {
    let lineage = crate::state::Lineage("lineage-1".into());
    let account = "100000000001".parse().unwrap();
    let mut present = Snapshot::first(lineage, account, crate::model::Provider::Sandbox);
    let mut older = present.clone();
    older.serial = 3;
    older.recorded = recorded();
    present.serial = 9;
    present.recorded = recorded();
    present.recorded.generations_used.insert(key("web"), crate::model::GenerationNumber(5));
    succeed(&mut older, &present);
    assert_eq!((older.serial, older.recorded.next_generation(&key("web")).0), (9, 6));
    older.verify().unwrap();
    older.lineage = crate::state::Lineage("another".into());
    older.recorded = recorded();
    succeed(&mut older, &present);
    assert_eq!(older.recorded.next_generation(&key("web")).0, 3, "another state has numbers of its own");
}

fn key(text: &str) -> ImageKey {
    text.parse().unwrap()
}

/// A snapshot in which the outcome of a create is unknown.
fn in_doubt() -> (Snapshot, PlacementKey) {
    let mut snapshot = crate::testing::worlds::applied(&[crate::testing::EXAMPLE]);
    let more =
        crate::testing::EXAMPLE.replace("[ap-singapore, ap-tokyo]", "[ap-singapore, ap-tokyo, ap-seoul]");
    let plan = crate::testing::worlds::plan_to(&snapshot, &more);
    let at = crate::testing::worlds::at("image.web@ap-seoul#1");
    let step = &plan.graph[crate::testing::worlds::step(&plan, "copy image.web@ap-seoul#1")];
    let event = crate::state::Event::Started {
        step: step.id.clone(),
        at: crate::testing::worlds::noon(),
        operation: snapshot.recorded.as_sent(step.operation.clone(), crate::testing::LINEAGE),
    };
    snapshot.take(&event).unwrap();
    (snapshot, at)
}

#[test]
fn a_doubtful_step_is_closed_by_a_persons_word_and_by_nothing_else() {
    let (snapshot, at) = in_doubt();
    let error = check_closed(&snapshot.intents).unwrap_err();
    assert!(error.help().contains("goldform import image.web@ap-seoul#1 ID"), "{}", error.help());
    assert!(error.help().contains("goldform forget image.web@ap-seoul#1"), "{}", error.help());

    let id: ImageId = "img-0a1b2c3d".parse().unwrap();
    for made in [None, Some(&id)] {
        let mut snapshot = snapshot.clone();
        let change = resolve(&snapshot, &at, made).unwrap();
        let event = crate::state::Event::Edited { at: crate::testing::worlds::noon(), change };
        snapshot.take(&event).unwrap();
        snapshot.verify().unwrap();
        assert_eq!(check_closed(&snapshot.intents), Ok(()));
        assert!(snapshot.recorded.making.is_empty());
        assert_eq!(snapshot.recorded.placement(&at).map(|placement| &placement.id), made);
        assert_eq!(resolve(&snapshot, &at, made), Err(StateEditError::NotInDoubt(at.clone())));
    }
    let other = PlacementKey { region: "ap-tokyo".parse().unwrap(), ..at };
    assert_eq!(resolve(&snapshot, &other, None), Err(StateEditError::NotInDoubt(other)));
}

#[test]
fn an_image_that_is_recorded_already_is_not_what_a_doubtful_step_made() {
    let (mut snapshot, at) = in_doubt();
    let id = "img-0a1b2c3d".parse().unwrap();
    let copy = crate::testing::worlds::placement(&mut snapshot, "image.web@ap-tokyo#1").clone();
    let image = snapshot.recorded.images.get_mut(&"web".parse().unwrap()).unwrap();
    let generation = crate::model::GenerationNumber(7);
    let mut other = image.generations.values().next().unwrap().clone();
    other.placements.clear();
    other.placements.insert(at.region.clone(), super::super::Placement { id, ..copy });
    image.generations.insert(generation, other);
    let id: ImageId = "img-0a1b2c3d".parse().unwrap();
    let of = PlacementKey { generation, ..at.clone() };
    assert_eq!(resolve(&snapshot, &at, Some(&id)), Err(StateEditError::Recorded { id, of }));
}

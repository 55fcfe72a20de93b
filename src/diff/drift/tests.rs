//! Reported drift, and the recorded state after it.

use super::*;
use crate::model::ImageState;
use crate::state::{Event, ObservedImage, Snapshot, StepId};
use crate::testing::worlds::{applied, at, build, example_with, noon, placement, region};
use crate::testing::{EXAMPLE, LINEAGE, desired};

/// What the cloud shows when it is just as recorded.
fn as_recorded(snapshot: &Snapshot) -> Observed {
    let mut observed = Observed::default();
    for (key, placement) in snapshot.recorded.placements() {
        let region = observed.regions.entry(key.region.clone()).or_insert_with(|| ObservedRegion {
            at: noon(),
            images: BTreeMap::new(),
            shares: BTreeMap::new(),
            image_limit: Some(10),
        });
        region.shares.insert(placement.id.clone(), placement.everyone());
        region.images.insert(
            placement.id.clone(),
            ObservedImage {
                id: placement.id.clone(),
                name: placement.name.clone(),
                description: placement.description.clone(),
                family: placement.family.clone(),
                deprecated: placement.deprecated,
                tags: placement.tags.clone(),
                state: placement.state,
                kind: ImageKind::Custom,
                created: noon(),
                creator: "100000000001".into(),
                build: build(),
            },
        );
    }
    observed
}

const DB: &str = "image.db@ap-jakarta#1";

/// The drift after one change of what the cloud shows, and the record after it.
fn after(change: impl FnOnce(&mut ObservedRegion, &ImageId)) -> (Drift, Snapshot) {
    let mut snapshot = applied(&[EXAMPLE]);
    let mut observed = as_recorded(&snapshot);
    let id = placement(&mut snapshot, DB).id.clone();
    change(observed.regions.get_mut(&region("ap-jakarta")).unwrap(), &id);
    let drift = observe(&mut snapshot, &observed, &desired(EXAMPLE));
    snapshot.verify().unwrap();
    (drift, snapshot)
}

fn image<'o>(region: &'o mut ObservedRegion, id: &ImageId) -> &'o mut ObservedImage {
    region.images.get_mut(id).unwrap()
}

#[test]
fn a_cloud_that_is_as_recorded_shows_no_drift() {
    let (drift, snapshot) = after(|_, _| {});
    assert_eq!(drift, Drift::default());
    assert_eq!(snapshot.recorded, applied(&[EXAMPLE]).recorded);
}

#[test]
fn an_image_that_is_not_there_any_more_is_missing_and_no_longer_recorded() {
    let (drift, snapshot) = after(|region, id| {
        region.images.remove(id);
    });
    assert!(matches!(&drift.items[..], [DriftItem::Missing { at: gone, .. }] if *gone == at(DB)));
    assert_eq!(snapshot.recorded.placement(&at(DB)), None);
    assert!(drift.facts_changed);
}

#[test]
fn an_image_that_was_just_accepted_and_never_seen_is_only_late() {
    let mut snapshot = applied(&[EXAMPLE]);
    let mut observed = as_recorded(&snapshot);
    let db = placement(&mut snapshot, DB);
    db.seen = false;
    let id = db.id.clone();
    let jakarta = observed.regions.get_mut(&region("ap-jakarta")).unwrap();
    jakarta.images.remove(&id);
    let drift = observe(&mut snapshot, &observed, &desired(EXAMPLE));
    assert_eq!((drift.items.len(), drift.pending), (0, vec![at(DB)]));

    let jakarta = observed.regions.get_mut(&region("ap-jakarta")).unwrap();
    jakarta.at = noon().checked_add(PENDING_FOR).unwrap();
    let drift = observe(&mut snapshot, &observed, &desired(EXAMPLE));
    assert!(matches!(&drift.items[..], [DriftItem::Missing { .. }]), "{drift:#?}");
}

#[test]
fn a_changed_name_is_reported_once_and_recorded() {
    let (drift, mut snapshot) = after(|region, id| image(region, id).name = "renamed".into());
    let [DriftItem::Changed { fields, .. }] = &drift.items[..] else { panic!("{drift:#?}") };
    assert_eq!((fields[0].field.as_str(), fields[0].after.as_deref()), ("name", Some("renamed")));
    assert_eq!(placement(&mut snapshot, DB).name, "renamed");
}

#[test]
fn an_attribute_that_the_manifest_leaves_out_is_recorded_and_no_drift() {
    let (drift, mut snapshot) = after(|region, id| image(region, id).description = "by hand".to_owned());
    assert_eq!(drift.items, []);
    assert!(drift.facts_changed);
    assert_eq!(placement(&mut snapshot, DB).description, "by hand");
}

#[test]
fn a_tag_of_others_is_neither_drift_nor_recorded_and_one_of_ours_is_both() {
    let (drift, mut snapshot) = after(|region, id| {
        image(region, id).tags.insert("cost-centre".into(), "7".into());
    });
    assert_eq!(drift.items, []);
    assert!(!placement(&mut snapshot, DB).tags.contains_key("cost-centre"));
    let (drift, _) = after(|region, id| {
        image(region, id).tags.remove("goldform");
    });
    let [DriftItem::Changed { fields, .. }] = &drift.items[..] else { panic!("{drift:#?}") };
    assert_eq!(fields[0].field, "tags.goldform");
}

#[test]
fn lost_and_foreign_shares_are_reported_apart() {
    let stranger: Accounts = ["900000000009".parse().unwrap()].into_iter().collect();
    let (drift, mut snapshot) = after(|region, id| {
        region.shares.insert(id.clone(), stranger.clone());
    });
    let [DriftItem::Unshared { accounts: lost, .. }, DriftItem::SharedByOthers { accounts: found, .. }] =
        &drift.items[..]
    else {
        panic!("{drift:#?}")
    };
    assert_eq!((lost.len(), found), (1, &stranger));
    let db = placement(&mut snapshot, DB);
    assert_eq!((db.shares.len(), &db.unmanaged), (0, &stranger));
}

#[test]
fn an_image_that_has_failed_since_is_reported() {
    let (drift, _) = after(|region, id| image(region, id).state = ImageState::CreateFailed);
    let [DriftItem::Changed { fields, .. }] = &drift.items[..] else { panic!("{drift:#?}") };
    assert_eq!(fields[0].field, "state");
}

#[test]
fn a_region_that_was_not_looked_at_keeps_its_record() {
    let mut snapshot = applied(&[EXAMPLE]);
    let before = snapshot.clone();
    let drift = observe(&mut snapshot, &Observed::default(), &desired(EXAMPLE));
    assert_eq!((drift, snapshot), (Drift::default(), before));
}

#[test]
fn images_of_others_are_counted_and_are_no_drift() {
    let (drift, snapshot) = after(|region, id| {
        let mut other = image(region, id).clone();
        other.id = "img-0therone".parse().unwrap();
        other.name = "other".into();
        region.images.insert(other.id.clone(), other.clone());
        // One that is only shared with the account does not count.
        other.id = "img-lent0000".parse().unwrap();
        other.kind = ImageKind::Shared;
        region.images.insert(other.id.clone(), other);
    });
    assert_eq!(drift.items, []);
    assert!(drift.facts_changed);
    let jakarta = &snapshot.recorded.regions[&region("ap-jakarta")];
    assert_eq!(jakarta.unmanaged.values().collect::<Vec<_>>(), ["other"]);
}

#[test]
fn a_limit_that_moved_is_a_fact_and_a_time_of_reading_is_none() {
    let (drift, snapshot) = after(|region, _| region.image_limit = Some(20));
    assert!(drift.facts_changed && drift.items.is_empty());
    assert_eq!(snapshot.recorded.regions[&region("ap-jakarta")].image_limit.as_ref().unwrap().value, 20);
    let (drift, _) = after(|region, _| region.at = noon().checked_add(PENDING_FOR).unwrap());
    assert!(!drift.facts_changed);
    let (_, snapshot) = after(|region, _| region.image_limit = None);
    assert!(snapshot.recorded.regions[&region("ap-jakarta")].image_limit.is_some(), "what was read stays");
}

#[test]
fn shares_are_read_of_what_is_to_be_taken_over_before_it_is_managed() {
    let mut snapshot = applied(&[EXAMPLE]);
    let mut observed = as_recorded(&snapshot);
    let adopting =
        example_with("  db:", "  old: { region: ap-jakarta, source: { adopted: img-0a1b2c3d } }\n  db:");
    let id: ImageId = "img-0a1b2c3d".parse().unwrap();
    let jakarta = observed.regions.get_mut(&region("ap-jakarta")).unwrap();
    let mut old = jakarta.images.values().next().unwrap().clone();
    (old.id, old.name) = (id.clone(), "old".into());
    jakarta.images.insert(id.clone(), old);
    jakarta.shares.insert(id.clone(), Accounts::EMPTY);
    observe(&mut snapshot, &observed, &desired(&adopting));
    assert!(snapshot.recorded.adoptable(&region("ap-jakarta"), &id).is_some());
}

#[test]
fn what_goldform_is_deleting_and_what_is_late_is_not_missing() {
    let mut snapshot = applied(&[EXAMPLE]);
    let mut observed = as_recorded(&snapshot);
    observed.regions.get_mut(&region("ap-tokyo")).unwrap().images.clear();
    observed.regions.get_mut(&region("ap-jakarta")).unwrap().images.clear();
    observed.regions.remove(&region("ap-singapore"));
    let named = |snapshot: &Snapshot| -> Vec<String> {
        missing(&snapshot.recorded, &snapshot.intents, &observed).iter().map(ToString::to_string).collect()
    };
    assert_eq!(named(&snapshot), [DB, "image.web@ap-jakarta#1", "image.web@ap-tokyo#1"]);
    placement(&mut snapshot, "image.web@ap-tokyo#1").seen = false;
    assert_eq!(named(&snapshot), [DB, "image.web@ap-jakarta#1"]);
    let operation = Operation::Delete { at: at(DB), snapshots: true };
    let step = crate::state::StepId("delete".into());
    let started = crate::state::Event::Started { step, at: noon(), operation };
    snapshot.take(&started).unwrap();
    assert_eq!(named(&snapshot), ["image.web@ap-jakarta#1"]);
}

#[test]
fn an_image_that_is_listed_and_not_normal_is_pending_and_no_drift() {
    let mut snapshot = applied(&[EXAMPLE]);
    let tokyo = "image.web@ap-tokyo#1";
    (placement(&mut snapshot, tokyo).seen, placement(&mut snapshot, tokyo).state) =
        (false, ImageState::Syncing);
    let mut observed = as_recorded(&snapshot);
    let id = placement(&mut snapshot, tokyo).id.clone();
    let images = &mut observed.regions.get_mut(&region("ap-tokyo")).unwrap().images;
    images.get_mut(&id).unwrap().state = ImageState::Syncing;
    let drift = observe(&mut snapshot, &observed, &desired(EXAMPLE));
    assert!(drift.is_empty());
    assert_eq!(drift.pending, [at(tokyo)]);
}

#[test]
fn of_what_is_to_be_taken_over_the_ownership_tag_is_recorded_and_no_other() {
    let mut snapshot = applied(&[EXAMPLE]);
    let mut observed = as_recorded(&snapshot);
    let adopting =
        example_with("  db:", "  old: { region: ap-jakarta, source: { adopted: img-0a1b2c3d } }\n  db:");
    let id: ImageId = "img-0a1b2c3d".parse().unwrap();
    let jakarta = observed.regions.get_mut(&region("ap-jakarta")).unwrap();
    let mut old = jakarta.images.values().next().unwrap().clone();
    (old.id, old.name) = (id.clone(), "old".into());
    old.tags = [("goldform".into(), "lineage-2".into()), ("team".into(), "web".into())].into();
    jakarta.images.insert(id.clone(), old);
    jakarta.shares.insert(id.clone(), Accounts::EMPTY);
    observe(&mut snapshot, &observed, &desired(&adopting));
    let tags = &snapshot.recorded.adoptable(&region("ap-jakarta"), &id).unwrap().tags;
    assert_eq!(*tags, [("goldform".into(), "lineage-2".into())].into());
}

#[test]
fn an_image_of_a_make_without_an_answer_is_reported_and_recorded_when_it_shows() {
    let mut snapshot = applied(&[EXAMPLE]);
    let mut observed = as_recorded(&snapshot);
    let tokyo = at("image.web@ap-tokyo#1");
    let made = placement(&mut snapshot, "image.web@ap-tokyo#1").clone();
    snapshot.recorded.remove(&tokyo);
    let name = snapshot.recorded.interim_name("web-1", LINEAGE, &tokyo);
    let make = Operation::Copy { at: tokyo.clone(), from: region("ap-jakarta"), name: name.clone() };
    let step = StepId("copy image.web@ap-tokyo#1".into());
    snapshot.take(&Event::Started { step: step.clone(), at: noon(), operation: make }).unwrap();
    snapshot.take(&Event::NotFound { step, at: noon() }).unwrap();
    let shown = observed.regions.get_mut(&region("ap-tokyo")).unwrap();
    image(shown, &made.id).name = name;
    // Nobody sees it yet: it is shared when all else is done.
    shown.shares.clear();
    let drift = observe(&mut snapshot, &observed, &desired(EXAMPLE));
    assert_eq!(drift.items, [DriftItem::Found { at: tokyo.clone(), id: made.id.clone() }]);
    assert!(drift.facts_changed);
    let recorded = snapshot.recorded.placement(&tokyo).unwrap();
    assert_eq!((&recorded.id, recorded.interim), (&made.id, true));
    snapshot.verify().unwrap();
    assert_eq!(observe(&mut snapshot, &observed, &desired(EXAMPLE)), Drift::default(), "once");
}

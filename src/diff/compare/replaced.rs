//! Adopted images that another one replaces within a generation: the manifest names another id in a region that is not the
//! origin's.
//!
//! Two images would be at one address, and steps are ordered by address: the new one is shared and ready before anything is
//! taken from the old one. So the old one gets an address of its own first, by an edit of the record alone: a generation
//! number that was never used, and its own id as the source. It is then an earlier image like any other, which is
//! kept or deleted as `keep` says, after all builds, and every ordering rule and proof holds for it unchanged. The new image gets the address that it
//! had, without a new number. Handed back, it is moved back.
//!
//! While an entry is held, its images stay as they were recorded: a hold is for an emergency, and the manifest that names
//! another image may be older than it.

use std::borrow::Cow;
use std::collections::BTreeSet;

use super::choice::{answers, choose, is_held};
use crate::manifest::Desired;
use crate::model::{ImageId, ImageKey, PlacementKey, Source, SourceKind};
use crate::state::{Edit, Recorded, RecordedGeneration};

/// Returns the record in which every image that is replaced within its generation has an address of its own, and the edits that
/// make it so. `asked`: entries of which the user asked for a new build.
pub fn replaced<'a>(
    desired: &Desired,
    prior: Cow<'a, Recorded>,
    asked: &BTreeSet<ImageKey>,
) -> (Cow<'a, Recorded>, Vec<Edit>) {
    let mut record = prior;
    let mut edits = Vec::new();
    for (key, image) in desired.images.iter().filter(|(_, image)| !image.adopted_elsewhere.is_empty()) {
        let Some(wanted) = image.source.as_ref().filter(|_| record.images.contains_key(key)) else {
            continue;
        };
        if is_held(&record, key, image) {
            continue;
        }
        let choice = choose(&record, asked, (key, image), None);
        for (region, id) in &image.adopted_elsewhere {
            let at =
                PlacementKey { image: key.clone(), generation: choice.generation, region: region.clone() };
            let build = record.images.get(key).and_then(|image| image.generations.get(&at.generation));
            // A pinned generation has the images that it was recorded with.
            let Some(build) = build.filter(|build| !choice.is_new && answers(build, wanted)) else {
                continue;
            };
            let source = build.source.clone();
            let mut moves = Vec::new();
            match build.placements.get(region) {
                Some(placement) if placement.id == *id => continue,
                Some(placement) => {
                    let to = PlacementKey { generation: record.next_generation(key), ..at.clone() };
                    moves.push(Edit::Move { from: at.clone(), to, source: alone(&placement.id) });
                }
                None => {}
            }
            if let Some(from) = replaced_before(&record, &at, id) {
                moves.push(Edit::Move { from, to: at, source });
            }
            for edit in moves {
                record.to_mut().apply(&edit);
                edits.push(edit);
            }
        }
    }
    (record, edits)
}

/// The source of an image that has a generation of its own because it was replaced.
fn alone(id: &ImageId) -> Source {
    Source { kind: SourceKind::Adopted(id.clone()), revision: None }
}

/// Returns where an image is that was replaced in this placement before. One of another build stays there (GF303).
fn replaced_before(record: &Recorded, at: &PlacementKey, id: &ImageId) -> Option<PlacementKey> {
    let mut builds = record.images.get(&at.image)?.generations.iter();
    let is_it = |build: &RecordedGeneration| {
        build.replaced_in == Some(at.generation)
            && build.placements.get(&at.region).is_some_and(|placement| placement.id == *id)
    };
    builds
        .find(|(_, build)| is_it(build))
        .map(|(generation, _)| PlacementKey { generation: *generation, ..at.clone() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Accounts, ImageId};
    use crate::plan::EdgeReason;
    use crate::state::{Hold, Snapshot};
    use crate::testing::desired;
    use crate::testing::worlds::{
        applied, at, generation, key, placement, plan_to, reason, region, step_ids,
    };

    const NEW: &str = "img-99999999";

    fn entry(source: &str, more: &str) -> String {
        format!(
            "version: 1\naccount: \"100000000001\"\nimages:\n  web: {{ region: ap-jakarta, {more}source: {{ {source} }} }}\n\
             shares:\n  - {{ image: web, with: [\"200000000001\"] }}\n"
        )
    }

    /// A manifest that names these images of `web` in ap-jakarta and ap-tokyo.
    fn names(jakarta: &ImageId, tokyo: &str, more: &str) -> String {
        entry(&format!("adopted: {{ ap-jakarta: {jakarta}, ap-tokyo: {tokyo} }}"), more)
    }

    /// `web` as adopted in two regions, another image of it in ap-tokyo, and the ids of the first two.
    fn adopted() -> (Snapshot, ImageId, ImageId) {
        let mut snapshot = applied(&[&entry("snapshots: [snap-2f3a1c2d]", "copies: [ap-tokyo], ")]);
        let jakarta = placement(&mut snapshot, "image.web@ap-jakarta#1").id.clone();
        let image = snapshot.recorded.images.get_mut(&key("web")).unwrap();
        image.delete_snapshots = false;
        image.generations.get_mut(&generation(1)).unwrap().source.kind = SourceKind::Adopted(jakarta.clone());
        let tokyo = placement(&mut snapshot, "image.web@ap-tokyo#1");
        tokyo.copied_from = None;
        let mut other = tokyo.clone();
        let tokyo = tokyo.id.clone();
        (other.id, other.name, other.shares) = (NEW.parse().unwrap(), "again".into(), Accounts::EMPTY);
        other.tags.clear();
        let adoptable = snapshot.recorded.adoptable.entry(region("ap-tokyo")).or_default();
        adoptable.insert(other.id.clone(), other);
        (snapshot, jakarta, tokyo)
    }

    #[test]
    fn the_new_image_has_the_address_and_the_old_one_goes_after_it_is_shared() {
        let (snapshot, jakarta, _) = adopted();
        let plan = plan_to(&snapshot, &names(&jakarta, NEW, "keep: 0, "));
        assert_eq!(
            step_ids(&plan),
            [
                "delete image.web@ap-tokyo#2",
                "share image.web@ap-tokyo#1",
                "tag image.web@ap-tokyo#1",
                "unshare image.web@ap-tokyo#2"
            ]
        );
        let (unshare, share) = ("unshare image.web@ap-tokyo#2", "share image.web@ap-tokyo#1");
        assert_eq!(reason(&plan, unshare, share), Some(EdgeReason::SuccessorShared));
        let claim = "tag image.web@ap-tokyo#1";
        assert_eq!(reason(&plan, share, claim), Some(EdgeReason::Claimed));
    }

    #[test]
    fn the_old_image_serves_until_the_new_one_is_ready() {
        let (snapshot, jakarta, tokyo) = adopted();
        let mut before = snapshot.recorded;
        let serving = BTreeSet::from([region("ap-tokyo")]);
        let image = before.images.get_mut(&key("web")).unwrap();
        image.serving = serving.into_iter().map(|region| (region, generation(1))).collect();
        let wanted = desired(&names(&jakarta, NEW, ""));
        let (after, edits) = replaced(&wanted, Cow::Borrowed(&before), &BTreeSet::new());
        assert_eq!(edits.len(), 1);
        let mut after = after.into_owned();
        let new = after.adoptable(&region("ap-tokyo"), &NEW.parse().unwrap()).unwrap().clone();
        let source = after.images[&key("web")].generations[&generation(1)].source.clone();
        after.adopt(&at("image.web@ap-tokyo#1"), &source, new);
        let (number, serving) = after.serving(&key("web"), &region("ap-tokyo")).unwrap();
        assert_eq!((number, &serving.id), (generation(2), &tokyo));
        assert_eq!(after.images[&key("web")].current, generation(1));
        assert!(after.usable_generations(&key("web")).all(|(number, _)| number == generation(1)));
    }

    #[test]
    fn an_image_that_is_handed_back_is_the_same_placement_again() {
        let (snapshot, jakarta, tokyo) = adopted();
        let (once, back) = (names(&jakarta, NEW, ""), names(&jakarta, tokyo.as_str(), ""));
        let (after, _) = replaced(&desired(&once), Cow::Borrowed(&snapshot.recorded), &BTreeSet::new());
        let mut after = after.into_owned();
        let new = after.adoptable(&region("ap-tokyo"), &NEW.parse().unwrap()).unwrap().clone();
        let source = after.images[&key("web")].generations[&generation(1)].source.clone();
        after.adopt(&at("image.web@ap-tokyo#1"), &source, new);
        let (again, edits) = replaced(&desired(&back), Cow::Borrowed(&after), &BTreeSet::new());
        assert_eq!(edits.len(), 2);
        assert_eq!(again.placement(&at("image.web@ap-tokyo#1")).unwrap().id, tokyo);
        assert_eq!(again.placement(&at("image.web@ap-tokyo#3")).unwrap().id.as_str(), NEW);
        assert!(again.placement(&at("image.web@ap-tokyo#2")).is_none());
    }

    #[test]
    fn a_held_entry_keeps_its_images_until_the_hold_ends() {
        let (mut snapshot, jakarta, _) = adopted();
        let revision: crate::model::RevisionName = jakarta.as_str().parse().unwrap();
        let hold = Hold { revision, since: crate::testing::worlds::noon(), by: "ann@laptop".into() };
        let wanted = names(&jakarta, NEW, "keep: 0, ");
        snapshot.recorded.holds.insert(key("web"), hold);
        let plan = plan_to(&snapshot, &wanted);
        assert_eq!(step_ids(&plan), Vec::<String>::new());
        let web = plan.changes.iter().find(|change| change.image == key("web")).unwrap();
        assert!(matches!(web.reason, crate::diff::Reason::Held { .. }), "{:?}", web.reason);
        // The manifest pins the same: the hold ends with this plan.
        let pinned = names(&jakarta, NEW, &format!("keep: 0, pin: {jakarta}, "));
        assert_eq!(step_ids(&plan_to(&snapshot, &pinned)).len(), 4);
        snapshot.recorded.holds.clear();
        assert_eq!(step_ids(&plan_to(&snapshot, &wanted)).len(), 4);
    }

    #[test]
    fn the_images_of_another_generation_stay_as_they_were_recorded() {
        let (snapshot, jakarta, _) = adopted();
        let pinned = names(&"img-77777777".parse().unwrap(), NEW, &format!("pin: {jakarta}, "));
        let (_, edits) = replaced(&desired(&pinned), Cow::Borrowed(&snapshot.recorded), &BTreeSet::new());
        assert_eq!(edits, []);
        assert_eq!(step_ids(&plan_to(&snapshot, &pinned)), Vec::<String>::new());
    }
}

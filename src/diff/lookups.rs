//! Records what lookups find, and returns what has changed.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;

use crate::manifest::Desired;
use crate::model::{ImageId, ImageKey, Lookup, Region};
use crate::state::select::select;
use crate::state::{Found, ObservedImage, Recorded, RecordedLookup};

/// Puts what lookups found, as recorded, into the sources that name them.
pub fn use_lookups(desired: &mut Desired, recorded: &Recorded) {
    let answers: BTreeMap<ImageKey, &ImageId> = desired
        .lookups
        .iter()
        .filter_map(|(name, lookup)| Some((name.clone(), &recorded.lookups.get(name)?.answer(lookup)?.id)))
        .collect();
    desired.set_lookups(|name| answers.get(name).copied());
}

/// How the answer to a lookup differs from the recorded one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "drift")]
pub enum LookupDrift {
    /// The image that was found no longer exists.
    Gone {
        /// The lookup.
        lookup: ImageKey,
        /// The image.
        id: ImageId,
    },
    /// Another image answers now, and the one before is still there: a newer one, or the question is another.
    Answered {
        /// The lookup.
        lookup: ImageKey,
        /// The image before. `None` if there was no answer.
        before: Option<ImageId>,
        /// The image now.
        after: ImageId,
    },
}

impl LookupDrift {
    /// Whether something was lost; a new answer is news, not drift.
    pub fn is_drift(&self) -> bool {
        matches!(self, Self::Gone { .. })
    }
}

/// Records what lookups find in these listings. Lookups that the manifest does not have any more are taken out, those
/// whose region was not listed keep their answer. Returns the changes, and whether any fact changed.
pub fn observe_lookups(
    recorded: &mut Recorded,
    lookups: &BTreeMap<ImageKey, Lookup>,
    listings: &BTreeMap<Region, BTreeMap<ImageId, ObservedImage>>,
    at: Timestamp,
) -> (Vec<LookupDrift>, bool) {
    let known = recorded.lookups.len();
    recorded.lookups.retain(|name, _| lookups.contains_key(name));
    let mut facts_changed = recorded.lookups.len() != known;
    let mut drift = Vec::new();
    for (name, lookup) in lookups {
        let Some(images) = listings.get(&lookup.region) else { continue };
        let found = select(lookup, images.values());
        let before = recorded.lookups.get(name);
        let id_before = match before.map(|before| &before.found) {
            Some(Found::One(image)) => Some(&image.id),
            _ => None,
        };
        let is_gone = |id: &&ImageId| {
            before.is_some_and(|before| before.asked.region == lookup.region) && !images.contains_key(*id)
        };
        if let Some(id) = id_before.filter(is_gone) {
            drift.push(LookupDrift::Gone { lookup: name.clone(), id: id.clone() });
        }
        if let Found::One(image) = &found
            && id_before != Some(&image.id)
        {
            drift.push(LookupDrift::Answered {
                lookup: name.clone(),
                before: id_before.cloned(),
                after: image.id.clone(),
            });
        }
        facts_changed |= before.is_none_or(|before| before.asked != *lookup || before.found != found);
        recorded.lookups.insert(name.clone(), RecordedLookup { asked: lookup.clone(), read_at: at, found });
    }
    (drift, facts_changed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::desired;

    const MANIFEST: &str = r#"
version: 1
account: "100000000001"
lookups:
  base: { region: ap-jakarta, type: public, os: Ubuntu, newest: true }
  other: { region: ap-tokyo, type: public }
"#;

    fn listing(ids: &[(&str, &str)]) -> BTreeMap<Region, BTreeMap<ImageId, ObservedImage>> {
        let images = ids.iter().map(|(id, created)| {
            let image = ObservedImage {
                id: id.parse().unwrap(),
                name: "Ubuntu".into(),
                description: String::new(),
                family: "".into(),
                deprecated: false,
                tags: crate::model::Tags::new(),
                state: crate::model::ImageState::Normal,
                kind: crate::model::ImageKind::Public,
                created: created.parse().unwrap(),
                creator: "tencent".into(),
                build: crate::model::image::Build {
                    size_gib: 20,
                    os: "Ubuntu".into(),
                    platform: "Ubuntu".into(),
                    architecture: crate::model::Architecture::X86_64,
                    snapshots: Vec::new(),
                },
            };
            (image.id.clone(), image)
        });
        BTreeMap::from([("ap-jakarta".parse().unwrap(), images.collect())])
    }

    #[test]
    fn a_story_of_answers() {
        let lookups = desired(MANIFEST).lookups;
        let mut recorded = Recorded::default();
        let old = ("img-00000001", "2025-01-01T00:00:00Z");
        let new = ("img-00000002", "2025-02-01T00:00:00Z");
        let see = |recorded: &mut Recorded, ids: &[(&str, &str)]| {
            let (drift, changed) = observe_lookups(recorded, &lookups, &listing(ids), Timestamp::UNIX_EPOCH);
            let changes: Vec<String> = drift
                .iter()
                .map(|drift| match drift {
                    LookupDrift::Gone { id, .. } => format!("gone {id}"),
                    LookupDrift::Answered { before, after, .. } => {
                        format!("{} → {after}", before.as_ref().map_or("none", |id| id.as_str()))
                    }
                })
                .collect();
            (changes.join("; "), changed)
        };
        let changes = |text: &str, changed: bool| (text.to_owned(), changed);
        assert_eq!(see(&mut recorded, &[old]), changes("none → img-00000001", true));
        assert_eq!(see(&mut recorded, &[old]), changes("", false));
        assert_eq!(see(&mut recorded, &[old, new]), changes("img-00000001 → img-00000002", true));
        assert_eq!(
            see(&mut recorded, &[old]),
            changes("gone img-00000002; img-00000002 → img-00000001", true)
        );
        assert_eq!(see(&mut recorded, &[]), changes("gone img-00000001", true));
        assert_eq!(recorded.lookups.len(), 1, "a region that was not listed says nothing");
        let (_, changed) =
            observe_lookups(&mut recorded, &BTreeMap::new(), &BTreeMap::new(), Timestamp::UNIX_EPOCH);
        assert!(changed && recorded.lookups.is_empty(), "a lookup that is gone is taken out");
    }
}

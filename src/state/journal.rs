//! The journal: what a run did since the last snapshot, one event a line, stored before the next thing happens.
//!
//! ```text
//!  Started ──call──▶ Accepted{id} ──poll──▶ Settled{facts}       create, copy
//!  Started ──call──▶ Settled                                     all others: they are done when accepted
//!  Started ──call──▶ Failed
//! ```
//!
//! Folding the events over the snapshot gives the present record; the run itself uses the same function, so a
//! replay after a crash cannot differ from what the run believed. An intent (a Started without an outcome) is
//! what recovery looks at.

use std::collections::BTreeMap;

use compact_str::CompactString;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::recorded::{Placement, Recorded};
use crate::model::image::Build;
use crate::model::{
    Accounts, ImageId, ImageKey, ImageLimit, ImageState, Operation, PlacementKey, Region, Source, SourceKind,
};

/// The id of a step: its verb and address, unique in a plan.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct StepId(pub CompactString);

impl std::fmt::Display for StepId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// A change of the record alone: no call goes with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "edit")]
pub enum Edit {
    /// What the manifest says of an entry that only goldform keeps.
    Settings {
        /// The entry.
        image: ImageKey,
        /// The region copies are made from.
        origin: Region,
        /// Whether it is protected.
        protect: bool,
        /// Whether snapshots go with the image.
        delete_snapshots: bool,
    },
    /// Stop managing a placement; the image stays as it is.
    Forget {
        /// The placement.
        at: PlacementKey,
        /// Its id, and its name where the image still exists: it then counts as unmanaged.
        unmanaged: Option<(ImageId, CompactString)>,
    },
    /// Accounts that an image was shared with by others are named in the manifest now: goldform's own from here.
    Claim {
        /// The placement.
        at: PlacementKey,
        /// The accounts.
        accounts: Accounts,
    },
    /// Take over an image that goldform did not make, as it is.
    Adopt {
        /// The placement that it becomes.
        at: PlacementKey,
        /// What the manifest says that it is made from.
        source: Source,
        /// The image as it was last seen.
        image: Box<Placement>,
    },
    /// An OverQuota has taught that an image cannot be shared with more accounts than this.
    LearnShareLimit {
        /// The most that it can be.
        value: u32,
        /// When it was refused.
        at: Timestamp,
    },
    /// A LimitExceeded has taught that a share call cannot name more accounts than this.
    LearnAccountsPerCall {
        /// The most that it can.
        value: u32,
    },
    /// The accounts that an image is shared with were read back, after a call that may have changed some of them.
    SeeShares {
        /// The placement.
        at: PlacementKey,
        /// Everyone that it is shared with.
        everyone: Accounts,
        /// Those that goldform asked for: its own, as far as they are among them.
        own: Accounts,
    },
    /// A SharedImageModifyUnsupported has taught that an image cannot be changed while it is shared.
    LearnSharedEditsRefused,
    /// An entry was renamed.
    Rename {
        /// The old key.
        from: ImageKey,
        /// The new key.
        to: ImageKey,
    },
}

/// Facts about an image once it has settled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SettledImage {
    /// Its state: NORMAL, or a failed one.
    pub state: ImageState,
    /// Facts that never change.
    pub build: Build,
}

/// One thing that happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "event")]
pub enum Event {
    /// The record was changed without a call.
    Edited {
        /// When.
        at: Timestamp,
        /// How.
        change: Edit,
    },
    /// A step is about to call the service.
    Started {
        /// The step.
        step: StepId,
        /// When.
        at: Timestamp,
        /// What it calls for.
        operation: Operation,
        /// Whether the name that a create or copy uses was seen to be free.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        name_was_free: bool,
    },
    /// The service accepted it and works on it.
    Accepted {
        /// The step.
        step: StepId,
        /// When.
        at: Timestamp,
        /// The id of the image that it makes.
        id: ImageId,
    },
    /// It is done.
    Settled {
        /// The step.
        step: StepId,
        /// When.
        at: Timestamp,
        /// Facts about the image that it made.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        image: Option<SettledImage>,
    },
    /// It did not happen, or what it made failed.
    Failed {
        /// The step.
        step: StepId,
        /// When.
        at: Timestamp,
        /// Why, for people.
        why: String,
        /// The failed state of the image that it made.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        state: Option<ImageState>,
    },
}

/// A step that was started and has no outcome yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Intent {
    /// When it was started.
    pub at: Timestamp,
    /// What it called for.
    pub operation: Operation,
    /// Whether the name that a create or copy uses was seen to be free.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub name_was_free: bool,
    /// The id of the image, once the service has accepted the call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accepted: Option<ImageId>,
}

/// Steps that were started and have no outcome yet.
pub type Intents = BTreeMap<StepId, Intent>;

/// An event that cannot follow what went before: the journal does not belong to the snapshot, or is damaged.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("the journal says that step `{step}` {what}, which cannot follow what it said before")]
pub struct IllegalEvent {
    /// The step.
    pub step: String,
    /// What the event says.
    pub what: &'static str,
}

/// Folds one event over the record.
///
/// # Errors
/// When the event cannot follow: an outcome of a step that was not started, a step started twice, a placement
/// that is not recorded.
pub fn fold(recorded: &mut Recorded, intents: &mut Intents, event: &Event) -> Result<(), IllegalEvent> {
    let illegal = |step: &StepId, what| IllegalEvent { step: step.to_string(), what };
    match event {
        Event::Edited { at: _, change } => {
            edit(recorded, change);
            Ok(())
        }
        Event::Started { step, at, operation, name_was_free } => {
            if intents.contains_key(step) {
                return Err(illegal(step, "started twice"));
            }
            let intent = Intent {
                at: *at,
                operation: operation.clone(),
                name_was_free: *name_was_free,
                accepted: None,
            };
            intents.insert(step.clone(), intent);
            Ok(())
        }
        Event::Accepted { step, at, id } => {
            let intent = intents.get_mut(step).ok_or_else(|| illegal(step, "was accepted"))?;
            if intent.accepted.is_some() || !intent.operation.makes_image() {
                return Err(illegal(step, "was accepted twice"));
            }
            intent.accepted = Some(id.clone());
            place(recorded, &intent.operation, id, *at).ok_or_else(|| illegal(step, "was accepted"))
        }
        Event::Settled { step, at: _, image } => {
            let intent = intents.remove(step).ok_or_else(|| illegal(step, "has settled"))?;
            settle(recorded, &intent.operation, image.as_ref()).ok_or_else(|| illegal(step, "has settled"))
        }
        Event::Failed { step, at: _, why: _, state } => {
            let intent = intents.remove(step).ok_or_else(|| illegal(step, "failed"))?;
            if let (Some(state), Some(placement)) = (state, recorded.placement_mut(intent.operation.at())) {
                placement.state = *state;
            }
            Ok(())
        }
    }
}

fn edit(recorded: &mut Recorded, change: &Edit) {
    match change {
        Edit::Settings { image, origin, protect, delete_snapshots } => {
            if let Some(image) = recorded.images.get_mut(image) {
                image.origin.clone_from(origin);
                image.protect = *protect;
                image.delete_snapshots = *delete_snapshots;
            }
        }
        Edit::Forget { at, unmanaged } => {
            recorded.remove(at);
            if let (Some((id, name)), Some(region)) = (unmanaged, recorded.regions.get_mut(&at.region)) {
                region.unmanaged.insert(id.clone(), name.clone());
            }
        }
        Edit::Claim { at, accounts } => {
            if let Some(placement) = recorded.placement_mut(at) {
                let claimed = placement.foreign.shared_with(accounts);
                placement.foreign = placement.foreign.without(&claimed);
                placement.shares = placement.shares.joined(&claimed);
            }
        }
        Edit::Adopt { at, source, image } => recorded.adopt(at, source, image.as_ref().clone()),
        Edit::LearnShareLimit { value, at } => {
            let known = recorded.share_limit.as_ref().map_or(u32::MAX, |known| known.value);
            recorded.share_limit = Some(ImageLimit { value: known.min(*value), read_at: *at });
        }
        Edit::LearnAccountsPerCall { value } => {
            let known = recorded.accounts_per_call.unwrap_or(u32::MAX);
            recorded.accounts_per_call = Some(known.min(*value).max(1));
        }
        Edit::SeeShares { at, everyone, own } => {
            if let Some(placement) = recorded.placement_mut(at) {
                placement.shares = placement.shares.joined(own);
                placement.see_shares(everyone);
            }
        }
        Edit::LearnSharedEditsRefused => recorded.shared_image_edits_refused = true,
        Edit::Rename { from, to } => {
            if let Some(image) = recorded.images.remove(from) {
                recorded.images.insert(to.clone(), image);
            }
            if let Some(used) = recorded.generations_used.remove(from) {
                let last = recorded.generations_used.entry(to.clone()).or_insert(used);
                *last = (*last).max(used);
            }
        }
    }
}

/// Records the placement that an accepted create or copy makes.
fn place(recorded: &mut Recorded, operation: &Operation, id: &ImageId, accepted_at: Timestamp) -> Option<()> {
    match operation {
        Operation::Create { at, attributes, tags, source, ownership: _ } => {
            let state = match source.kind {
                SourceKind::Import { .. } => ImageState::Importing,
                SourceKind::Shared { .. } | SourceKind::Encrypted { .. } => ImageState::Syncing,
                _ => ImageState::Creating,
            };
            let name = attributes.name.clone()?;
            let mut placement = Placement::accepted(id.clone(), name, state, accepted_at);
            placement.description = attributes.description.clone().unwrap_or_default();
            placement.family = attributes.family.clone().unwrap_or_default();
            placement.tags.clone_from(tags);
            recorded.put(at, source, placement);
        }
        Operation::Copy { at, from: _, name } => {
            let placement = Placement::accepted(id.clone(), name.clone(), ImageState::Syncing, accepted_at);
            let image = recorded.images.get_mut(&at.image)?;
            image.generations.get_mut(&at.generation)?.placements.insert(at.region.clone(), placement);
        }
        _ => return None,
    }
    Some(())
}

/// Records what a step did once it is done.
fn settle(recorded: &mut Recorded, operation: &Operation, image: Option<&SettledImage>) -> Option<()> {
    match operation {
        Operation::Create { at, .. } | Operation::Copy { at, .. } => {
            let placement = recorded.placement_mut(at)?;
            if let Some(SettledImage { state, build }) = image {
                placement.state = *state;
                placement.build = Some(build.clone());
                placement.seen = true;
            }
        }
        Operation::Update { at, set } => {
            let placement = recorded.placement_mut(at)?;
            if let Some(name) = &set.name {
                placement.name.clone_from(name);
            }
            if let Some(description) = &set.description {
                placement.description.clone_from(description);
            }
            if let Some(family) = &set.family {
                placement.family.clone_from(family);
            }
            if let Some(deprecated) = set.deprecated {
                placement.deprecated = deprecated;
            }
        }
        Operation::Tag { at, set, unset, ownership: _ } => {
            let placement = recorded.placement_mut(at)?;
            placement.tags.retain(|key, _| !unset.contains(key));
            placement.tags.extend(set.iter().map(|(key, value)| (key.clone(), value.clone())));
        }
        Operation::Share { at, accounts, foreign } => {
            let placement = recorded.placement_mut(at)?;
            let own = accounts.without(foreign);
            placement.shares = placement.shares.joined(&own);
            placement.foreign = placement.foreign.without(&own).joined(foreign);
        }
        Operation::Unshare { at, accounts } => {
            let placement = recorded.placement_mut(at)?;
            placement.shares = placement.shares.without(accounts);
            placement.foreign = placement.foreign.without(accounts);
        }
        Operation::Delete { at, snapshots: _ } => {
            recorded.remove(at);
        }
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Attributes, GenerationNumber, Tags};
    use crate::testing::EXAMPLE;
    use crate::testing::worlds::{applied, at, build, key, noon, plan_to, region};

    const MADE: &str = "img-0a1b2c3d";
    const DB: &str = "image.db@ap-jakarta#1";

    fn step(name: &str) -> StepId {
        StepId(name.into())
    }

    fn started(name: &str, operation: Operation) -> Event {
        Event::Started { step: step(name), at: noon(), operation, name_was_free: true }
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
        assert_eq!(
            (placement.id.as_str(), placement.state, placement.seen),
            (MADE, ImageState::Creating, false)
        );
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
                    foreign: Accounts::EMPTY,
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

        let set = Attributes {
            description: Some("new".to_owned()),
            deprecated: Some(true),
            ..Attributes::default()
        };
        let updated = after(Operation::Update { at: at(DB), set }).unwrap();
        assert_eq!((updated.description.as_str(), updated.deprecated), ("new", true));
        assert_eq!((&updated.name, &updated.family), (&before.name, &before.family), "the rest stays");

        let set = Tags::from([("team".into(), "web".into())]);
        let tag = Operation::Tag { at: at(DB), set, unset: vec!["goldform".into()], ownership: None };
        let tags = after(tag).unwrap().tags;
        assert_eq!(tags.keys().map(|key| key.as_str()).collect::<Vec<_>>(), ["team"]);

        let more = accounts(&["200000000002", "900000000009"]);
        let stranger = accounts(&["900000000009"]);
        let share = Operation::Share { at: at(DB), accounts: more, foreign: stranger.clone() };
        let shared = after(share).unwrap();
        assert_eq!(shared.shares, accounts(&["200000000001", "200000000002"]));
        assert_eq!(shared.foreign, stranger, "carried shares are still those of others");

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
        let copy = Operation::Copy {
            at: at("image.db@ap-tokyo#1"),
            from: region("ap-jakarta"),
            name: "db-1".into(),
        };
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
            (&placement.shares, &placement.foreign),
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
}

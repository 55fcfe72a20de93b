//! The JSON form of a placement's change in a saved plan, which the digest of a plan's effect is taken of: one level of
//! keys, absent where they say nothing.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::placement::{Difference, PlacementChange, PlacementFacts, Work};
use super::{Action, Reason};
use crate::model::{Accounts, ImageId, PlacementKey, Region};

/// A change as it is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct StoredChange {
    at: PlacementKey,
    action: Action,
    reason: Reason,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    id: Option<ImageId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    before: Option<PlacementFacts>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    after: Option<PlacementFacts>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    from: Option<Region>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    remake: bool,
    #[serde(default, skip_serializing_if = "Accounts::is_empty")]
    share: Accounts,
    #[serde(default, skip_serializing_if = "Accounts::is_empty")]
    carried: Accounts,
    #[serde(default, skip_serializing_if = "Accounts::is_empty")]
    unshare: Accounts,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    delete_snapshots: bool,
    #[serde(rename = "early", default, skip_serializing_if = "std::ops::Not::not")]
    delete_first: bool,
}

impl Serialize for PlacementChange {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        StoredChange::of(self).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for PlacementChange {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let stored = StoredChange::deserialize(deserializer)?;
        stored.change().ok_or_else(|| {
            let (at, action) = (&stored.at, stored.action.as_str());
            D::Error::custom(format!("the change of {at} ({action}) contradicts itself or is incomplete"))
        })
    }
}

impl StoredChange {
    fn of(change: &PlacementChange) -> Self {
        Self {
            action: change.action(),
            id: change.id().cloned(),
            before: change.before().cloned(),
            after: change.after().cloned(),
            from: change.copied_from().cloned(),
            remake: change.remakes_image(),
            share: change.share(),
            carried: change.carried(),
            unshare: change.unshare(),
            delete_snapshots: change.deletes_snapshots(),
            delete_first: change.is_deleted_first(),
            at: change.at.clone(),
            reason: change.reason.clone(),
        }
    }

    /// Returns the change. `None` if it is incomplete, or if who gains and loses access does not follow from its facts.
    fn change(&self) -> Option<PlacementChange> {
        let (at, reason) = (self.at.clone(), self.reason.clone());
        let change = PlacementChange { at, reason, work: self.work()? };
        (Self::of(&change) == *self).then_some(change)
    }

    /// Returns what is done. `None` if a part of it is missing.
    fn work(&self) -> Option<Work> {
        let Self { id, before, after, .. } = self.clone();
        let facts = before.clone().zip(after.clone()).map(|(before, after)| Difference { before, after });
        Some(match self.action {
            Action::Create | Action::Copy => Work::Make {
                from: self.from.clone(),
                failed: id,
                after: after?,
                delete_snapshots: self.delete_snapshots,
            },
            Action::Adopt => Work::Adopt { id: id?, facts },
            Action::Update => Work::Update { id: id?, facts: facts? },
            Action::Wait => Work::Wait { id: id?, facts: facts? },
            Action::Delete => Work::Delete {
                id: id?,
                before: before?,
                delete_snapshots: self.delete_snapshots,
                first: self.delete_first,
            },
            Action::Replace | Action::Return | Action::Unchanged => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diff::{PlanMode, diff};
    use crate::testing::worlds::{applied, example_with, placement};
    use crate::testing::{EXAMPLE, desired};

    /// Changes of every kind: an image is built, copied, changed, waited for and deleted.
    fn changes() -> Vec<PlacementChange> {
        let mut snapshot = applied(&[EXAMPLE]);
        placement(&mut snapshot, "image.web@ap-tokyo#1").state = crate::model::ImageState::Syncing;
        let mut changes = Vec::new();
        for manifest in [
            EXAMPLE.to_owned(),
            example_with("Ubuntu with nginx", "Ubuntu with Caddy"),
            example_with("revision: \"1\"", "revision: \"2\""),
        ] {
            let found = diff(&desired(&manifest), &snapshot.recorded, PlanMode::Normal);
            changes.extend(found.images.into_iter().flat_map(|image| image.placements));
        }
        let gone = diff(&desired(EXAMPLE), &snapshot.recorded, PlanMode::Destroy);
        changes.extend(gone.images.into_iter().flat_map(|image| image.placements));
        changes
    }

    #[test]
    fn a_change_reads_back_as_it_was_written() {
        let changes = changes();
        let mut actions: Vec<Action> = changes.iter().map(PlacementChange::action).collect();
        actions.sort_unstable();
        actions.dedup();
        assert_eq!(actions, [Action::Create, Action::Copy, Action::Update, Action::Delete, Action::Wait]);
        for change in changes {
            let text = serde_json::to_string(&change).unwrap();
            assert_eq!(serde_json::from_str::<PlacementChange>(&text).unwrap(), change, "{text}");
        }
    }

    #[test]
    fn a_change_that_contradicts_itself_is_not_read() {
        for change in changes() {
            let stored = serde_json::to_value(&change).unwrap();
            for (key, value) in [
                ("share", serde_json::json!(["200000000009"])),
                ("unshare", serde_json::json!(["200000000009"])),
                ("action", serde_json::json!("replace")),
                ("from", serde_json::json!("ap-seoul")),
                ("early", serde_json::json!(true)),
            ] {
                let mut bad = stored.clone();
                bad[key] = value;
                // A copy is from one region or another, and what is deleted may be deleted first.
                let is_possible =
                    matches!((key, change.action()), ("from", Action::Copy) | ("early", Action::Delete));
                let read = serde_json::from_value::<PlacementChange>(bad);
                assert_eq!(read.is_ok(), is_possible, "{} {key}", change.at);
            }
        }
    }
}

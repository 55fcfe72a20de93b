//! What must hold of every snapshot: checked when it is read and before it is written.

use std::collections::BTreeMap;

use super::snapshot::{Snapshot, StateError};
use crate::model::PlacementKey;

impl Snapshot {
    /// Whether the snapshot keeps its own rules.
    ///
    /// # Errors
    /// Names the first rule that is broken, and where.
    pub fn verify(&self) -> Result<(), StateError> {
        let broken = |why: String| Err(StateError::Broken { why });
        let mut ids: BTreeMap<(&str, &str), PlacementKey> = BTreeMap::new();
        for (key, image) in &self.recorded.images {
            if image.generations.is_empty() {
                return broken(format!("image.{key} has no generation"));
            }
            let newest = image.generations.keys().next_back().copied();
            let used = self.recorded.generations_used.get(key).copied();
            if newest > used {
                return broken(format!("image.{key} has a generation above the last number it has used"));
            }
            if !image.generations.contains_key(&image.current) {
                // The current generation may be gone from the cloud: then nothing is current, but a number that
                // was never used cannot be.
                if Some(image.current) > used {
                    return broken(format!("image.{key} names a current generation that it never had"));
                }
            }
            for (generation, build) in &image.generations {
                if build.placements.is_empty() {
                    return broken(format!("image.{key} generation {generation} is nowhere"));
                }
                for (region, placement) in &build.placements {
                    let at =
                        PlacementKey { image: key.clone(), generation: *generation, region: region.clone() };
                    if !placement.shares.shared_with(&placement.unmanaged).is_empty() {
                        return broken(format!(
                            "{at} lists an account as its own share and as an unmanaged one"
                        ));
                    }
                    if let Some(other) = ids.insert((region.as_str(), placement.id.as_str()), at.clone()) {
                        return broken(format!("{} is recorded twice: as {other} and as {at}", placement.id));
                    }
                }
            }
        }
        for (region, recorded) in &self.recorded.regions {
            for id in recorded.unmanaged.keys() {
                if let Some(at) = ids.get(&(region.as_str(), id.as_str())) {
                    return broken(format!("{id} is recorded as {at} and as unmanaged"));
                }
            }
        }
        for (step, intent) in &self.intents {
            if let Some(id) = &intent.accepted {
                let at = intent.operation.at();
                if self.recorded.placement(at).is_none_or(|placement| placement.id != *id) {
                    return broken(format!(
                        "step `{step}` was accepted as {id}, but {at} is not recorded so"
                    ));
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use crate::model::{Accounts, ImageId};
    use crate::state::{Intent, Snapshot, StateError, StepId};
    use crate::testing::EXAMPLE;
    use crate::testing::worlds::{applied, generation, key, noon, placement, region, settle};

    /// Why the example is refused once it is broken in one way.
    fn broken(change: impl FnOnce(&mut Snapshot)) -> String {
        let mut snapshot = applied(&[EXAMPLE]);
        change(&mut snapshot);
        match snapshot.verify() {
            Err(StateError::Broken { why }) => why,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_unbroken_example_is_one_that_can_be_written_and_read() {
        let snapshot = applied(&[EXAMPLE]);
        snapshot.verify().unwrap();
        assert_eq!(Snapshot::from_text(&snapshot.to_text().unwrap()).unwrap(), snapshot);
    }

    #[test]
    fn an_entry_has_a_generation() {
        let why = broken(|snapshot| {
            snapshot.recorded.images.get_mut(&key("db")).unwrap().generations.clear();
        });
        assert_eq!(why, "image.db has no generation");
    }

    #[test]
    fn a_generation_is_somewhere() {
        let why = broken(|snapshot| {
            let db = snapshot.recorded.images.get_mut(&key("db")).unwrap();
            db.generations.get_mut(&generation(1)).unwrap().placements.clear();
        });
        assert_eq!(why, "image.db generation 1 is nowhere");
    }

    #[test]
    fn no_generation_is_above_the_last_number_that_was_used() {
        let why = broken(|snapshot| {
            snapshot.recorded.generations_used.remove(&key("db"));
        });
        assert_eq!(why, "image.db has a generation above the last number it has used");
    }

    #[test]
    fn the_current_generation_is_one_that_there_was() {
        let why = broken(|snapshot| {
            snapshot.recorded.images.get_mut(&key("db")).unwrap().current = generation(2);
        });
        assert_eq!(why, "image.db names a current generation that it never had");
    }

    #[test]
    fn an_account_has_one_share_of_an_image() {
        let why = broken(|snapshot| {
            let db = placement(snapshot, "image.db@ap-jakarta#1");
            db.unmanaged = db.shares.clone();
        });
        assert_eq!(why, "image.db@ap-jakarta#1 lists an account as its own share and as an unmanaged one");
    }

    #[test]
    fn an_image_is_recorded_once() {
        let why = broken(|snapshot| {
            let id = placement(snapshot, "image.web@ap-jakarta#1").id.clone();
            placement(snapshot, "image.db@ap-jakarta#1").id = id;
        });
        assert!(
            why.ends_with("is recorded twice: as image.db@ap-jakarta#1 and as image.web@ap-jakarta#1"),
            "{why}"
        );
    }

    #[test]
    fn ids_are_unique_in_their_region_only() {
        let mut snapshot = applied(&[EXAMPLE]);
        let id = placement(&mut snapshot, "image.web@ap-tokyo#1").id.clone();
        placement(&mut snapshot, "image.db@ap-jakarta#1").id = id;
        snapshot.verify().unwrap();
    }

    #[test]
    fn a_managed_image_does_not_count_as_unmanaged() {
        let why = broken(|snapshot| {
            let id = placement(snapshot, "image.db@ap-jakarta#1").id.clone();
            let jakarta = snapshot.recorded.regions.get_mut(&region("ap-jakarta")).unwrap();
            jakarta.unmanaged.insert(id, "db-1".into());
        });
        assert!(why.ends_with("is recorded as image.db@ap-jakarta#1 and as unmanaged"), "{why}");
    }

    #[test]
    fn what_was_accepted_is_recorded() {
        let why = broken(|snapshot| {
            let plan = crate::testing::worlds::plan_to(&applied(&[]), EXAMPLE);
            let (_, step) = plan.graph.steps().find(|(_, step)| step.operation.makes_image()).unwrap();
            let accepted: ImageId = "img-0a1b2c3d".parse().unwrap();
            let mut intent = Intent::new(noon(), step.operation.clone());
            intent.accepted = Some(accepted);
            snapshot.intents.insert(StepId("create".into()), intent);
        });
        assert!(why.starts_with("step `create` was accepted as img-0a1b2c3d, but"), "{why}");
    }

    #[test]
    fn a_state_that_contradicts_itself_is_neither_written_nor_read() {
        let mut snapshot = applied(&[EXAMPLE]);
        let text = snapshot.to_text().unwrap();
        placement(&mut snapshot, "image.db@ap-jakarta#1").unmanaged =
            Accounts::from(vec!["200000000001".parse().unwrap()]);
        assert!(snapshot.to_text().is_err());
        let lie = text.replace("\"current\": 1", "\"current\": 7");
        assert_ne!(lie, text);
        assert!(matches!(Snapshot::from_edited(lie.as_bytes()), Err(StateError::Broken { .. })));
    }

    #[test]
    fn what_applies_leave_behind_verifies_after_every_one_of_them() {
        let mut snapshot = applied(&[EXAMPLE]);
        for yaml in [
            EXAMPLE.replace("revision: \"1\"", "revision: \"2\""),
            EXAMPLE.replace("  db:", "  store:").replace("image: db", "image: store"),
        ] {
            let plan = crate::testing::worlds::plan_to(&snapshot, &yaml);
            settle(&mut snapshot, &plan);
            snapshot.verify().unwrap();
        }
    }
}

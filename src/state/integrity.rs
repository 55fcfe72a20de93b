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
                    if !placement.shares.shared_with(&placement.foreign).is_empty() {
                        return broken(format!(
                            "{at} lists an account as its own share and as a foreign one"
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

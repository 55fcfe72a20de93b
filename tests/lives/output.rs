//! The ids that `goldform output` prints.

use std::collections::{BTreeMap, BTreeSet};

use goldform::model::Region;
use goldform::state::Recorded;

/// The id that serves each entry in each region, by the entry's key and the region.
pub fn output(recorded: &Recorded) -> BTreeMap<(String, String), String> {
    let mut ids = BTreeMap::new();
    for (key, image) in &recorded.images {
        let regions: BTreeSet<&Region> =
            image.generations.values().flat_map(|build| build.placements.keys()).collect();
        for region in regions {
            if let Some((_, placement)) = recorded.serving(key, region) {
                ids.insert((key.to_string(), region.to_string()), placement.id.to_string());
            }
        }
    }
    ids
}

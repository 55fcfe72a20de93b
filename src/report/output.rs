//! `output`: the ids that consumers should use, for other tools.

mod document;
mod missing;
mod variables;

use std::collections::{BTreeMap, BTreeSet};

use compact_str::CompactString;
use jiff::Timestamp;

pub use document::schema;
pub use missing::{Missing, MissingReason};
pub use variables::{PRINTED_VARIABLES, SameVariable};

use super::table::{Align, table};
use crate::manifest::Desired;
use crate::model::{AccountId, Address, GenerationNumber, ImageId, ImageKey, Region};
use crate::state::Recorded;

/// The images that serve, the images that lookups found, and the regions in which nothing serves.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outputs {
    /// What serves, by entry and region. An entry that serves in no region is left out.
    pub images: BTreeMap<ImageKey, BTreeMap<Region, Serving>>,
    /// The region and the image of each lookup that found one.
    pub lookups: BTreeMap<ImageKey, (Region, ImageId)>,
    /// The regions that the manifest wants an entry in and where none of its images can be used.
    pub missing: Vec<Missing>,
}

/// An image that serves in a region.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Serving {
    /// Its generation.
    pub generation: GenerationNumber,
    /// Its id.
    pub id: ImageId,
    /// Its name in the service.
    pub name: CompactString,
    /// Revision of its generation.
    pub revision: Option<CompactString>,
    /// When the service accepted the call that makes it, or when it was adopted.
    pub created: Timestamp,
    /// Whether its generation is the one that the manifest asked for last.
    pub is_current: bool,
}

impl Outputs {
    /// Returns whether an address covers an image, a lookup or a missing region.
    pub fn covers(&self, address: &Address) -> bool {
        let mut covered = self.clone();
        covered.keep_only(address);
        !covered.is_empty()
    }

    /// Keeps the images, lookups and missing regions that an address covers.
    pub fn keep_only(&mut self, address: &Address) {
        let covers = |image: &ImageKey, region: &Region| match address {
            Address::Image(key) => image == key,
            Address::InRegion(key, wanted) => image == key && region == wanted,
            _ => false,
        };
        for (key, regions) in &mut self.images {
            regions.retain(|region, _| covers(key, region));
        }
        self.images.retain(|_, regions| !regions.is_empty());
        self.missing.retain(|missing| covers(&missing.image, &missing.region));
        self.lookups.retain(|name, _| matches!(address, Address::Lookup(wanted) if wanted == name));
    }

    /// Returns whether there is nothing to print and nothing missing.
    pub fn is_empty(&self) -> bool {
        self.images.is_empty() && self.missing.is_empty() && self.lookups.is_empty()
    }

    /// Collects what serves in each region that is recorded or desired for an entry: for everyone, or for one account, which
    /// may still have an earlier image.
    pub fn of(desired: &Desired, recorded: &Recorded, account: Option<AccountId>) -> Self {
        let mut outputs = Self::default();
        // The owner sees every image.
        let account = account.filter(|account| *account != desired.account);
        for key in recorded.images.keys().chain(desired.images.keys()).collect::<BTreeSet<_>>() {
            let wanted = desired.images.get(key).map(|image| image.placements()).unwrap_or_default();
            let is_wanted = |region: &Region| match account {
                None => wanted.contains(region),
                Some(account) => desired
                    .images
                    .get(key)
                    .and_then(|image| image.shares.get(region))
                    .is_some_and(|accounts| accounts.contains(account)),
            };
            let image = recorded.images.get(key);
            let there = image.into_iter().flat_map(|image| image.generations.values());
            let there = there.flat_map(|build| build.placements.keys());
            for region in there.chain(wanted.iter().copied()).collect::<BTreeSet<_>>() {
                let found = match account {
                    None => recorded.serving(key, region),
                    Some(account) => recorded.serving_for(key, region, account),
                };
                match found {
                    Some((generation, placement)) => {
                        let serving = Serving {
                            generation,
                            id: placement.id.clone(),
                            name: placement.name.clone(),
                            revision: recorded.revision(key, generation),
                            created: placement.accepted_at,
                            is_current: image.is_some_and(|image| image.current == generation),
                        };
                        outputs.images.entry(key.clone()).or_default().insert(region.clone(), serving);
                    }
                    None if is_wanted(region) => outputs.missing.push(Missing {
                        image: key.clone(),
                        region: region.clone(),
                        account,
                        reason: match recorded.serving(key, region) {
                            Some((_, placement)) => MissingReason::NotShared { id: placement.id.clone() },
                            None => missing::reason(recorded, key, region),
                        },
                    }),
                    None => {}
                }
            }
        }
        for (name, lookup) in desired.lookups.iter().filter(|_| account.is_none()) {
            if let Some(image) = recorded.lookups.get(name).and_then(|found| found.answer(lookup)) {
                outputs.lookups.insert(name.clone(), (lookup.region.clone(), image.id.clone()));
            }
        }
        outputs
    }

    /// Returns the id if there is exactly one and nothing is missing.
    pub fn only_id(&self) -> Option<&ImageId> {
        let images = self.images.values().flat_map(|regions| regions.values().map(|serving| &serving.id));
        let mut ids = images.chain(self.lookups.values().map(|(_, id)| id));
        let first = ids.next().filter(|_| self.missing.is_empty());
        first.filter(|_| ids.next().is_none())
    }

    /// One image and region a line.
    pub fn text(&self) -> String {
        let mut rows = Vec::new();
        for (key, regions) in &self.images {
            for (region, serving) in regions {
                rows.push(vec![key.to_string(), region.to_string(), serving.id.to_string()]);
            }
        }
        for (name, (region, id)) in &self.lookups {
            rows.push(vec![format!("lookup.{name}"), region.to_string(), id.to_string()]);
        }
        table("", &[Align::Left; 3], &rows)
    }
}

#[cfg(test)]
mod tests;

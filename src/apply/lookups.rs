//! Resolves lookups of unmanaged images, in the regions that they name and no other.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::tasks::bounded;
use crate::cloud::{CloudError, CloudRead, ImageFilter};
use crate::diff::{self, LookupDrift};
use crate::model::{Clock, ImageId, ImageKey, ImageKind, Lookup, Region};
use crate::state::{Found, ObservedImage, Recorded};

/// The images of each region that a lookup names, of the kinds that its lookups ask for.
type Listings = BTreeMap<Region, BTreeMap<ImageId, ObservedImage>>;

/// Resolves lookups and records the results. Returns the changes, and whether any fact changed.
///
/// # Errors
/// The first read that failed; the record is as it was then.
pub async fn look_up(
    cloud: &Arc<dyn CloudRead>,
    clock: &dyn Clock,
    lookups: &BTreeMap<ImageKey, Lookup>,
    recorded: &mut Recorded,
    parallelism: usize,
) -> Result<(Vec<LookupDrift>, bool), CloudError> {
    if lookups.is_empty() && recorded.lookups.is_empty() {
        return Ok((Vec::new(), false));
    }
    let at = clock.now();
    let listings = observe_lookups(cloud, lookups, recorded, parallelism).await?;
    Ok(diff::observe_lookups(recorded, lookups, &listings, at))
}

/// Lists the regions that lookups name.
///
/// # Errors
/// The first read that failed.
async fn observe_lookups(
    cloud: &Arc<dyn CloudRead>,
    lookups: &BTreeMap<ImageKey, Lookup>,
    recorded: &Recorded,
    parallelism: usize,
) -> Result<Listings, CloudError> {
    // One listing for each kind; one of all kinds where a lookup names none.
    let mut kinds: BTreeMap<&Region, BTreeSet<Option<ImageKind>>> = BTreeMap::new();
    for lookup in lookups.values() {
        kinds.entry(&lookup.region).or_default().insert(lookup.kind);
    }
    let filters = kinds.into_iter().flat_map(|(region, mut kinds)| {
        if kinds.contains(&None) {
            kinds = BTreeSet::from([None]);
        }
        kinds.into_iter().map(move |kind| (region, ImageFilter { kind, name: None }))
    });
    let listing = |(region, filter): (&Region, ImageFilter)| {
        let region = region.clone();
        let name = format!("listing {region}");
        (name, async move { Ok((cloud.images(&region, &filter).await?, region)) })
    };
    let mut listings = Listings::new();
    for (images, region) in bounded(parallelism, filters.map(listing)).await? {
        let images = images.into_iter().map(|image| (image.id.clone(), image));
        listings.entry(region).or_default().extend(images);
    }
    ask_again(cloud, lookups, recorded, &mut listings).await?;
    Ok(listings)
}

/// A listing of several pages is not taken at one moment: a recorded answer that it misses is asked for once more.
async fn ask_again(
    cloud: &Arc<dyn CloudRead>,
    lookups: &BTreeMap<ImageKey, Lookup>,
    recorded: &Recorded,
    listings: &mut Listings,
) -> Result<(), CloudError> {
    let mut missed: BTreeMap<&Region, BTreeSet<ImageId>> = BTreeMap::new();
    for (name, lookup) in lookups {
        let Some(Found::One(image)) = recorded.lookups.get(name).map(|recorded| &recorded.found) else {
            continue;
        };
        if listings.get(&lookup.region).is_some_and(|images| !images.contains_key(&image.id)) {
            missed.entry(&lookup.region).or_default().insert(image.id.clone());
        }
    }
    for (region, ids) in missed {
        let ids: Vec<ImageId> = ids.into_iter().collect();
        let found = cloud.images_by_id(region, &ids).await?;
        let images = found.into_iter().map(|image| (image.id.clone(), image));
        listings.entry(region.clone()).or_default().extend(images);
    }
    Ok(())
}

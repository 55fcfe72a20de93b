//! Observes the cloud: one listing per region and one share call per managed image, concurrently.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;
use tokio::sync::Semaphore;

use super::tasks::bounded;
use crate::cloud::{CloudError, CloudRead, ErrorKind, ImageFilter};
use crate::constraints::{Judgement, Levels, judge_observation};
use crate::diff::missing;
use crate::manifest::Desired;
use crate::model::{Clock, ImageId, ImageKind, PlacementKey, Region};
use crate::state::{Observed, ObservedRegion, Recorded, Snapshot};

/// Images to adopt, by region. Their shares are read beside those of managed images.
pub type Wanted = BTreeMap<Region, BTreeSet<ImageId>>;

/// Limit of concurrent calls that ask about missing images.
const CALLS_AT_ONCE: usize = 10;

/// Observes these regions, and the shares of every recorded image in them.
///
/// # Errors
/// The first read that failed; what was seen until then is not used.
pub async fn observe(
    cloud: &Arc<dyn CloudRead>,
    clock: &dyn Clock,
    recorded: &Recorded,
    wanted: &Wanted,
    regions: BTreeSet<Region>,
    parallelism: usize,
) -> Result<Observed, CloudError> {
    let mut managed: Wanted = BTreeMap::new();
    for (key, placement) in recorded.placements() {
        managed.entry(key.region).or_default().insert(placement.id.clone());
    }
    for (region, ids) in wanted {
        managed.entry(region.clone()).or_default().extend(ids.iter().cloned());
    }
    // One limit for the calls of all regions, and for those that each of them makes.
    let calls = Semaphore::new(parallelism.max(1));
    let at = clock.now();
    let observing = |region: Region| {
        let managed = managed.remove(&region).unwrap_or_default();
        let calls = &calls;
        (format!("observing {region}"), async move {
            let (images, shares, image_limit) = observe_region(cloud, calls, &region, Some(&managed)).await?;
            Ok((region, ObservedRegion { at, images, shares, image_limit }))
        })
    };
    let seen = bounded(usize::MAX, regions.into_iter().map(observing)).await?;
    Ok(Observed { regions: seen.into_iter().collect() })
}

/// Requests recorded placements by id that an observation does not show, and adds those that exist to it.
///
/// # Errors
/// The first read that failed.
pub async fn ask_again(
    cloud: &Arc<dyn CloudRead>,
    recorded: &Recorded,
    gone: &[PlacementKey],
    observed: &mut Observed,
) -> Result<(), CloudError> {
    let mut ids: BTreeMap<&Region, Vec<ImageId>> = BTreeMap::new();
    for at in gone {
        let id = recorded.placement(at).map(|placement| placement.id.clone());
        ids.entry(&at.region).or_default().extend(id);
    }
    for (region, ids) in ids {
        let Some(seen) = observed.regions.get_mut(region) else { continue };
        for image in cloud.images_by_id(region, &ids).await? {
            if image.kind == ImageKind::Custom {
                match cloud.shares(region, &image.id).await {
                    Ok(accounts) => seen.shares.insert(image.id.clone(), accounts),
                    // It was deleted between the two calls.
                    Err(error) if error.kind == ErrorKind::NotFound => continue,
                    Err(error) => return Err(error),
                };
            }
            seen.images.insert(image.id.clone(), image);
        }
    }
    Ok(())
}

/// Observes these regions and the shares of every custom image in them. A region that cannot be read does not hide the
/// others.
///
/// # Errors
/// If goldform itself fails: a task panicked.
pub async fn survey(
    cloud: &Arc<dyn CloudRead>,
    clock: &dyn Clock,
    regions: BTreeSet<Region>,
    parallelism: usize,
) -> Result<(Observed, Vec<(Region, CloudError)>), CloudError> {
    let calls = Semaphore::new(parallelism.max(1));
    let at = clock.now();
    let observing = |region: Region| {
        let calls = &calls;
        (
            format!("observing {region}"),
            async move { Ok((survey_region(cloud, calls, &region).await, region)) },
        )
    };
    let (mut observed, mut failures) = (Observed::default(), Vec::new());
    for (seen, region) in bounded(usize::MAX, regions.into_iter().map(observing)).await? {
        match seen {
            Ok((images, shares, image_limit)) => {
                observed.regions.insert(region, ObservedRegion { at, images, shares, image_limit });
            }
            Err(error) => failures.push((region, error)),
        }
    }
    failures.sort_by(|a, b| a.0.cmp(&b.0));
    Ok((observed, failures))
}

async fn survey_region(
    cloud: &Arc<dyn CloudRead>,
    calls: &Semaphore,
    region: &Region,
) -> Result<Seen, CloudError> {
    let lent = {
        let _permit = calls.acquire().await;
        cloud.images(region, &ImageFilter { kind: Some(ImageKind::Shared), name: None }).await?
    };
    let (mut images, shares, limit) = observe_region(cloud, calls, region, None).await?;
    images.extend(lent.into_iter().map(|image| (image.id.clone(), image)));
    Ok((images, shares, limit))
}

type Seen =
    (BTreeMap<ImageId, crate::state::ObservedImage>, BTreeMap<ImageId, crate::model::Accounts>, Option<u32>);

/// A region, and the shares of these images in it; `None`: of all that it lists.
async fn observe_region(
    cloud: &Arc<dyn CloudRead>,
    calls: &Semaphore,
    region: &Region,
    managed: Option<&BTreeSet<ImageId>>,
) -> Result<Seen, CloudError> {
    let filter = ImageFilter { kind: Some(ImageKind::Custom), name: None };
    let listed = {
        let _permit = calls.acquire().await;
        cloud.images(region, &filter).await?
    };
    let mut images: BTreeMap<_, _> = listed.into_iter().map(|image| (image.id.clone(), image)).collect();
    // A listing of several pages is not taken at one moment: what it misses is asked for once more.
    let managed = managed.map_or_else(|| images.keys().cloned().collect(), BTreeSet::clone);
    let missed: Vec<ImageId> = managed.iter().filter(|id| !images.contains_key(*id)).cloned().collect();
    if !missed.is_empty() {
        let _permit = calls.acquire().await;
        let found = cloud.images_by_id(region, &missed).await?;
        images.extend(found.into_iter().map(|image| (image.id.clone(), image)));
    }
    // Only the owner may ask with whom an image is shared.
    let is_ours = |id: &&ImageId| images.get(*id).is_some_and(|image| image.kind == ImageKind::Custom);
    let ours: Vec<ImageId> = managed.iter().filter(is_ours).cloned().collect();
    let reading = |id: ImageId| {
        (format!("reading the shares of {id} in {region}"), async move {
            let _permit = calls.acquire().await;
            match cloud.shares(region, &id).await {
                Ok(accounts) => Ok((id, Some(accounts))),
                Err(error) if error.kind == ErrorKind::NotFound => Ok((id, None)),
                Err(error) => Err(error),
            }
        })
    };
    let mut shares = BTreeMap::new();
    for (id, accounts) in bounded(usize::MAX, ours.into_iter().map(reading)).await? {
        match accounts {
            Some(accounts) => {
                shares.insert(id, accounts);
            }
            // It went between the listing and this call.
            None => {
                images.remove(&id);
            }
        }
    }
    let image_limit = {
        let _permit = calls.acquire().await;
        cloud.image_limit(region).await?
    };
    Ok((images, shares, Some(image_limit)))
}

/// Asks with whom images are shared that no listing shows: of an image that is deleted, the service knows no shares.
///
/// # Errors
/// When it knows them, or cannot be asked: the image may be there.
async fn contradict(
    cloud: &Arc<dyn CloudRead>,
    recorded: &Recorded,
    gone: &[PlacementKey],
) -> Result<(), CloudError> {
    let found = |region: &Region, id: &ImageId| CloudError {
        kind: ErrorKind::Other,
        action: "DescribeImages".into(),
        region: Some(region.clone()),
        code: None,
        message: format!(
            "{id} is not listed, but DescribeImageSharePermission finds it. Run the command again"
        ),
        request_id: None,
    };
    let reading = |at: &PlacementKey| {
        let (region, id) = (at.region.clone(), recorded.placement(at)?.id.clone());
        Some((format!("reading the shares of {id} in {region}"), async move {
            match cloud.shares(&region, &id).await {
                Ok(_) => Err(found(&region, &id)),
                Err(error) if error.kind == ErrorKind::NotFound => Ok(()),
                Err(error) => Err(error),
            }
        }))
    };
    bounded(CALLS_AT_ONCE, gone.iter().filter_map(reading)).await?;
    Ok(())
}

/// Judges what an observation no longer shows. What is missing is asked for once more by id, where that would decide.
///
/// # Errors
/// When the cloud cannot be read.
pub async fn judge_missing(
    cloud: &Arc<dyn CloudRead>,
    snapshot: &Snapshot,
    desired: &Desired,
    levels: &Levels,
    now: Timestamp,
    observed: &mut Observed,
) -> Result<Judgement, CloudError> {
    let Snapshot { recorded, intents, .. } = snapshot;
    let gone = missing(recorded, intents, observed);
    let judgement = judge_observation(desired, recorded, &gone, levels, now);
    if judgement.diagnostics.is_empty() {
        contradict(cloud, recorded, &gone).await?;
        return Ok(judgement);
    }
    ask_again(cloud, recorded, &gone, observed).await?;
    let gone = missing(recorded, intents, observed);
    Ok(judge_observation(desired, recorded, &gone, levels, now))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cloud::CloudWrite as _;
    use crate::cloud::sim::Settings;
    use crate::diff::PlanMode;
    use crate::testing::worlds::{at, region};
    use crate::testing::{Bench, EXAMPLE, desired};

    #[tokio::test(start_paused = true)]
    async fn an_image_whose_shares_are_known_is_not_taken_for_deleted() {
        let mut bench = Bench::new(Settings::default());
        bench.apply(&desired(EXAMPLE), PlanMode::Normal).await;
        let snapshot = bench.snapshot().await;
        let cloud: Arc<dyn CloudRead> = bench.cloud();
        let web = at("image.web@ap-tokyo#1");
        let id = snapshot.recorded.placement(&web).unwrap().id.clone();
        let gone = [web.clone()];
        let error = contradict(&cloud, &snapshot.recorded, &gone).await.unwrap_err();
        assert!(error.to_string().contains(id.as_str()), "{error}");

        let everyone = snapshot.recorded.placement(&web).unwrap().everyone();
        bench.cloud().unshare_image(&web.region, &id, &everyone).await.unwrap();
        bench.cloud().delete_image(&web.region, &id, true).await.unwrap();
        contradict(&cloud, &snapshot.recorded, &gone).await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn what_a_listing_missed_is_found_by_id_and_what_is_deleted_is_not() {
        let mut bench = Bench::new(Settings::default());
        bench.apply(&desired(EXAMPLE), PlanMode::Normal).await;
        let snapshot = bench.snapshot().await;
        let cloud: Arc<dyn CloudRead> = bench.cloud();
        let (recorded, clock) = (&snapshot.recorded, bench.clock.as_ref());
        let regions = bench.engine(&desired(EXAMPLE)).regions(&snapshot);
        let whole = observe(&cloud, clock, recorded, &Wanted::new(), regions, 10).await.unwrap();
        let mut cut = whole.clone();
        cut.regions.values_mut().for_each(|seen| {
            seen.images.clear();
            seen.shares.clear();
        });
        let deleted = at("image.db@ap-jakarta#1");
        let id = recorded.placement(&deleted).unwrap().id.clone();
        let partner = ["200000000001".parse().unwrap()].into_iter().collect();
        bench.cloud().unshare_image(&region("ap-jakarta"), &id, &partner).await.unwrap();
        bench.cloud().delete_image(&region("ap-jakarta"), &id, true).await.unwrap();

        let gone = missing(recorded, &snapshot.intents, &cut);
        assert_eq!(gone.len(), 4);
        ask_again(&cloud, recorded, &gone, &mut cut).await.unwrap();
        assert_eq!(missing(recorded, &snapshot.intents, &cut), [deleted]);
        let web = at("image.web@ap-tokyo#1");
        let (id, region) = (&recorded.placement(&web).unwrap().id, &web.region);
        assert_eq!(cut.regions[region].shares[id], whole.regions[region].shares[id]);
    }
}

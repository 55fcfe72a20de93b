//! `images`: what is in the cloud, region by region.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;

use crate::apply::tasks::bounded;
use crate::cli::args::{Format, ImagesArgs};
use crate::cli::printer::Printer;
use crate::cli::workspace::Workspace;
use crate::cli::{CommandError, ExitStatus};
use crate::cloud::{CloudError, CloudRead, ErrorKind, ImageFilter};
use crate::model::{Criteria, PlacementKey, Region};
use crate::report::images::{Listed, images_json, images_text};
use crate::state::ObservedImage;

/// How many regions are read at once.
const PARALLEL: usize = 10;

/// Lists images.
///
/// # Errors
/// When the manifest cannot be read, or no region can.
pub async fn run(args: &ImagesArgs, printer: &Printer) -> Result<ExitStatus, CommandError> {
    let workspace = Workspace::open_or_look_around(&args.manifest)?;
    let managed = managed(&workspace).await?;
    workspace.connect()?.check_caller().await?;
    let cloud: Arc<dyn CloudRead> = workspace.cloud()?;
    let criteria = criteria(args, workspace.engine.clock.now());
    let regions = regions(args, &workspace, cloud.as_ref()).await?;
    let (mut listed, failures) = list(&cloud, regions, &criteria).await?;
    for image in &mut listed {
        image.address = managed.get(&(image.region.clone(), image.image.id.to_string())).cloned();
    }
    match printer.format {
        _ if args.ids => {
            printer.data(&listed.iter().map(|listed| format!("{}\n", listed.image.id)).collect::<String>())
        }
        // The image may be in a region that could not be read.
        Format::Text if listed.is_empty() && !failures.is_empty() => {}
        Format::Text => printer.text(&images_text(&listed, printer.out)),
        Format::Json => printer.document(images_json(&listed)?),
    }
    let mut status = ExitStatus::Done;
    for (region, error) in failures {
        // Not every region has the image service: an error is only reported for a region that was requested.
        if args.all_regions && error.kind == ErrorKind::Unsupported {
            printer.say(&format!("note: {region} was left out: {error}"));
        } else {
            printer.error(&error.to_string());
            status = ExitStatus::Error;
        }
    }
    Ok(status)
}

fn criteria(args: &ImagesArgs, now: Timestamp) -> Criteria {
    let ago =
        |age: &Option<jiff::SignedDuration>| age.map(|age| now.checked_sub(age).unwrap_or(Timestamp::MIN));
    Criteria {
        kinds: args.kind.iter().map(|kind| (*kind).into()).collect(),
        os: args.os.as_deref().map(Into::into),
        architecture: args.architecture.map(Into::into),
        bits: args.bits.as_deref().and_then(|bits| bits.parse().ok()),
        name: args.name.as_deref().map(Into::into),
        from: args.from,
        tags: args.tag.clone(),
        since: ago(&args.newer_than),
        before: ago(&args.older_than),
        usable: false,
    }
}

/// The regions to list: those that were named, else the manifest's, else all.
async fn regions(
    args: &ImagesArgs,
    workspace: &Workspace,
    cloud: &dyn CloudRead,
) -> Result<BTreeSet<Region>, CommandError> {
    if !args.region.is_empty() {
        return Ok(args.region.iter().cloned().collect());
    }
    let images = workspace.engine.desired.images.values().flat_map(|image| image.placements());
    let lookups = workspace.engine.desired.lookups.values().map(|lookup| &lookup.region);
    let named: BTreeSet<Region> = images.chain(lookups).cloned().collect();
    if args.all_regions || named.is_empty() {
        return Ok(cloud.regions().await?.into_iter().collect());
    }
    Ok(named)
}

/// Returns the addresses of managed images, by region and id. Empty if nothing is recorded.
async fn managed(workspace: &Workspace) -> Result<BTreeMap<(Region, String), PlacementKey>, CommandError> {
    let Some(snapshot) = workspace.snapshot().await? else { return Ok(BTreeMap::new()) };
    let key = |(at, placement): (PlacementKey, &crate::state::Placement)| {
        ((at.region.clone(), placement.id.to_string()), at)
    };
    Ok(snapshot.recorded.placements().map(key).collect())
}

type Listing = (Vec<Listed>, Vec<(Region, CloudError)>);

/// Lists these regions side by side; one that cannot be read does not hide the others.
async fn list(
    cloud: &Arc<dyn CloudRead>,
    regions: BTreeSet<Region>,
    criteria: &Criteria,
) -> Result<Listing, CommandError> {
    // The service narrows the listing by what it understands; everything is compared again.
    let kind = match criteria.kinds.as_slice() {
        [kind] => Some(*kind),
        _ => None,
    };
    let filter = ImageFilter { kind, name: criteria.name.clone() };
    let listing = |region: Region| {
        let filter = &filter;
        (format!("listing {region}"), async move { Ok((cloud.images(&region, filter).await, region)) })
    };
    let (mut listed, mut failures) = (Vec::new(), Vec::new());
    for (images, region) in bounded(PARALLEL, regions.into_iter().map(listing)).await? {
        match images {
            Ok(images) => {
                let fitting = images.into_iter().filter(|image: &ObservedImage| criteria.matches(image));
                listed.extend(fitting.map(|image| Listed { region: region.clone(), image, address: None }));
            }
            Err(error) => failures.push((region, error)),
        }
    }
    // Newest first in each region.
    listed.sort_by(|a, b| {
        let newest = b.image.created.cmp(&a.image.created);
        a.region
            .cmp(&b.region)
            .then(newest)
            .then_with(|| (&a.image.name, &a.image.id).cmp(&(&b.image.name, &b.image.id)))
    });
    failures.sort_by(|a, b| a.0.cmp(&b.0));
    Ok((listed, failures))
}

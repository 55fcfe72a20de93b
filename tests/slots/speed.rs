//! How long planning takes. Nothing is asserted about time: run it by name, with `--ignored --nocapture`.

use std::time::Instant;

use goldform::manifest::Desired;
use goldform::model::{GenerationNumber, ImageState, PlacementKey, Region};
use goldform::plan::Plan;
use goldform::state::{Placement, Recorded, RecordedRegion};

use crate::slots::world::{Case, Shape, case, now};

const REGIONS: [&str; 10] = [
    "ap-bangkok",
    "ap-hongkong",
    "ap-jakarta",
    "ap-seoul",
    "ap-singapore",
    "ap-tokyo",
    "eu-frankfurt",
    "na-ashburn",
    "na-siliconvalley",
    "sa-saopaulo",
];

/// `images` entries in ten regions, replaced; with the given number of free slots in each region.
fn replaced(images: usize, free: usize) -> Case {
    let regions: Vec<Region> = REGIONS.iter().map(|name| name.parse().unwrap()).collect();
    let template = (0..)
        .map(|seed| case(seed, Shape { images: 1, regions: 1, plain: true }))
        .find(|case| case.desired.images.len() == 1 && case.desired.cloud.ownership_tag.is_none())
        .unwrap();
    let mut desired: Desired = template.desired;
    let image = desired.images.values().next().unwrap().clone();
    desired.images.clear();
    desired.limits.regions.clear();
    desired.limits.images_per_region = Some((images + free) as u32);
    let mut prior = Recorded::default();
    for number in 0..images {
        let key: goldform::model::ImageKey = format!("image-{number:05}").parse().unwrap();
        let mut image = image.clone();
        image.name = goldform::model::NameTemplate(format!("image-{number:05}-{{generation}}").into());
        image.region = regions[number % 10].clone();
        image.copies = regions.iter().filter(|region| **region != image.region).cloned().collect();
        image.copy_entries = (0..9).collect();
        image.keep = goldform::model::Keep::NOTHING;
        image.replace = goldform::model::ReplaceOrder::Auto;
        let source = image.source.as_mut().unwrap();
        source.revision = Some("1".into());
        for (place, region) in regions.iter().enumerate() {
            let id = format!("img-{number:06}x{place}").parse().unwrap();
            let at =
                PlacementKey { image: key.clone(), generation: GenerationNumber(1), region: region.clone() };
            let name = image.name.of(GenerationNumber(1), "1");
            prior.put(&at, source, Placement::accepted(id, name, ImageState::Normal, now()));
        }
        prior.images.get_mut(&key).unwrap().origin = image.region.clone();
        image.source.as_mut().unwrap().revision = Some("2".into());
        desired.images.insert(key, image);
    }
    for region in &regions {
        let known = RecordedRegion {
            read_at: now(),
            image_limit: None,
            unmanaged: Default::default(),
            owners: Default::default(),
        };
        prior.regions.insert(region.clone(), known);
    }
    Case { seed: 0, desired, prior }
}

fn timed(what: &str, case: &Case) -> Plan {
    let diff = case.diff();
    let start = Instant::now();
    let plan = goldform::plan::plan(&case.desired, &case.prior, None, diff).unwrap();
    let planned = start.elapsed();
    let start = Instant::now();
    let errors = crate::slots::edges::errors(&crate::slots::edges::judged(case, &plan));
    let judged = start.elapsed();
    let early = plan
        .changes
        .iter()
        .flat_map(|image| &image.placements)
        .filter(|change| change.is_deleted_first())
        .count();
    println!(
        "speed: {what}: {} steps, {} edges, {early} early, blocked {}: planned in {planned:.2?}, judged in {judged:.2?} ({errors:?})",
        plan.graph.len(),
        plan.graph.edges().count(),
        plan.blocked.is_some(),
    );
    plan
}

#[test]
#[ignore = "a measurement"]
fn planning_stays_near_linear() {
    for images in [125, 250, 500, 1_000] {
        timed(&format!("{} placements that fit", images * 10), &replaced(images, images));
    }
    for images in [50, 100, 200] {
        timed(&format!("{} replacements, one free slot in each region", images * 10), &replaced(images, 1));
        timed(&format!("{} replacements in full regions", images * 10), &replaced(images, 0));
    }
}

//! Regions: cvm DescribeRegions (213/15708, frozen but answered).

use serde_json::{Value, json};

use super::Action;
use crate::cloud::Service;
use crate::cloud::sim::geography;
use crate::cloud::sim::protocol::Reply;
use crate::cloud::sim::refusal::Stop;
use crate::cloud::sim::scene::Scene;
use crate::cloud::sim::schema::Args;

pub(super) const ACTIONS: &[Action] = &[Action {
    service: Service::Cvm,
    name: "DescribeRegions",
    regional: false,
    rate: 20,
    fields: &[],
    codes: &[],
    run: describe_regions,
}];

fn describe_regions(scene: &Scene<'_>, _: Args<'_>) -> Result<Reply, Stop> {
    let set: Vec<Value> = geography::all(scene.settings)
        .map(|place| {
            let name = if scene.english || place.chinese.is_empty() { place.english } else { place.chinese };
            json!({"Region": place.code, "RegionName": name, "RegionState": "AVAILABLE"})
        })
        .collect();
    Ok(Reply::from_iter([
        ("TotalCount".to_owned(), Value::from(set.len())),
        ("RegionSet".to_owned(), Value::Array(set)),
    ]))
}

//! Reading tags through the tag service: 651/35320 DescribeResourceTagsByResourceIds.

use serde_json::{Value, json};

use super::Action;
use crate::cloud::Service;
use crate::cloud::sim::checksum;
use crate::cloud::sim::geography;
use crate::cloud::sim::protocol::Reply;
use crate::cloud::sim::refusal::{Stop, refuse};
use crate::cloud::sim::scene::Scene;
use crate::cloud::sim::schema::{Args, Kind, optional, required};
use crate::cloud::sim::world::Tag;

pub(super) const ACTIONS: &[Action] = &[Action {
    service: Service::Tag,
    name: "DescribeResourceTagsByResourceIds",
    regional: false,
    rate: 100,
    fields: &[
        required("ServiceType", Kind::Text),
        required("ResourcePrefix", Kind::Text),
        required("ResourceIds", Kind::Texts),
        required("ResourceRegion", Kind::Text),
        optional("Offset", Kind::Integer),
        optional("Limit", Kind::Integer),
        optional("Category", Kind::Text),
    ],
    codes: &[
        "InvalidParameterValue.RegionInvalid",
        "InvalidParameterValue.ResourceIdInvalid",
        "InvalidParameterValue.ResourcePrefixInvalid",
        "InvalidParameterValue.ServiceTypeInvalid",
    ],
    run: describe_resource_tags_by_resource_ids,
}];

/// The most resources in one call.
const IDS_MAX: usize = 50;
/// The kinds of things that the image service tags; only images carry tags here.
const PREFIXES: &[&str] = &["instance", "host", "image", "keypair", "ps", "hpc"];

fn describe_resource_tags_by_resource_ids(scene: &Scene<'_>, args: Args<'_>) -> Result<Reply, Stop> {
    let prefix = judge_kind(args)?;
    let ids = args.texts("ResourceIds");
    if ids.len() > IDS_MAX || ids.iter().any(|id| id.is_empty()) {
        return refuse(
            "InvalidParameterValue.ResourceIdInvalid",
            format!("ResourceIds holds 1 to {IDS_MAX} ids."),
        );
    }
    let region = args.text("ResourceRegion").unwrap_or_default();
    if geography::find(scene.settings, region).is_none() {
        return refuse("InvalidParameterValue.RegionInvalid", format!("ResourceRegion {region} is invalid."));
    }
    let (offset, limit) = page(args)?;
    let category = args.text("Category").unwrap_or("All");
    if !matches!(category, "All" | "Custom" | "System") {
        return refuse("InvalidParameterValue", format!("Category {category} is invalid."));
    }
    let mut rows = Vec::new();
    if prefix == "image" && category != "System" {
        for id in ids {
            let own = scene.world.image(region, id)?.is_some_and(|image| image.owner == scene.caller);
            let tags = if own { scene.world.tags(id)? } else { Vec::new() };
            rows.extend(tags.iter().map(|tag| row(id, tag)));
        }
    }
    let total = rows.len();
    Ok(Reply::from_iter([
        ("TotalCount".to_owned(), Value::from(total)),
        ("Offset".to_owned(), Value::from(offset)),
        ("Limit".to_owned(), Value::from(limit)),
        ("Tags".to_owned(), Value::Array(rows.into_iter().skip(offset).take(limit).collect())),
    ]))
}

/// The kind of resources that is asked for.
pub(super) fn judge_kind(args: Args<'_>) -> Result<&str, Stop> {
    let service = args.text("ServiceType").unwrap_or_default();
    if service != "cvm" {
        return refuse(
            "InvalidParameterValue.ServiceTypeInvalid",
            format!("ServiceType {service} is invalid."),
        );
    }
    let prefix = args.text("ResourcePrefix").unwrap_or_default();
    if !PREFIXES.contains(&prefix) {
        return refuse(
            "InvalidParameterValue.ResourcePrefixInvalid",
            format!("ResourcePrefix {prefix} is invalid."),
        );
    }
    Ok(prefix)
}

/// Offset and Limit of the tag service: 0 and 15 by default, Offset a multiple of Limit.
pub(super) fn page(args: Args<'_>) -> Result<(usize, usize), Stop> {
    let limit = args.integer("Limit").unwrap_or(15);
    let offset = args.integer("Offset").unwrap_or(0);
    match (usize::try_from(offset), usize::try_from(limit)) {
        (Ok(offset), Ok(limit)) if limit > 0 && offset % limit == 0 => Ok((offset, limit)),
        _ => refuse("InvalidParameterValue", format!("Offset {offset} is no multiple of Limit {limit}.")),
    }
}

fn row(id: &str, tag: &Tag) -> Value {
    json!({
        "TagKey": tag.key,
        "TagValue": tag.value,
        "ResourceId": id,
        "TagKeyMd5": checksum::md5(&tag.key),
        "TagValueMd5": checksum::md5(&tag.value),
        "ServiceType": "cvm",
        "Category": "Custom",
    })
}

//! Regions and zones: cvm DescribeRegions (213/15708, frozen but available) and DescribeZones (213/15707), and the
//! region service (1596/77930) that replaces them.

use serde_json::{Value, json};

use super::Action;
use crate::cloud::Service;
use crate::cloud::sim::context::RequestContext;
use crate::cloud::sim::geography::{self, RegionInfo};
use crate::cloud::sim::protocol::Reply;
use crate::cloud::sim::refusal::{ActionError, refuse};
use crate::cloud::sim::schema::{Args, Field, Kind, optional, required};

const PRODUCT: &[Field] = &[required("Product", Kind::Text), optional("Scene", Kind::Integer)];

pub(super) const ACTIONS: &[Action] = &[
    Action {
        service: Service::Cvm,
        name: "DescribeRegions",
        regional: false,
        rate: 20,
        fields: &[],
        codes: &[],
        run: |context, _| Ok(regions(context, false)),
    },
    Action {
        service: Service::Cvm,
        name: "DescribeZones",
        regional: true,
        rate: 20,
        fields: &[],
        codes: &[],
        run: |context, _| Ok(zones(context, false)),
    },
    Action {
        service: Service::Region,
        name: "DescribeRegions",
        regional: false,
        rate: 50,
        fields: PRODUCT,
        codes: &[],
        run: |context, args| validate_product(args).map(|()| regions(context, true)),
    },
    Action {
        service: Service::Region,
        name: "DescribeZones",
        regional: true,
        rate: 50,
        fields: PRODUCT,
        codes: &[],
        run: |context, args| validate_product(args).map(|()| zones(context, true)),
    },
    Action {
        service: Service::Region,
        name: "DescribeProducts",
        regional: false,
        rate: 20,
        fields: &[optional("Limit", Kind::Integer), optional("Offset", Kind::Integer)],
        codes: &[],
        run: describe_products,
    },
];

/// The products that this world has.
const PRODUCTS: &[&str] = &["cbs", "cvm", "tag"];

fn validate_product(args: Args<'_>) -> Result<(), ActionError> {
    let product = args.text("Product").unwrap_or_default();
    if !PRODUCTS.contains(&product) {
        return refuse("InvalidParameterValue", format!("Product {product} is not known."));
    }
    match args.integer("Scene") {
        None | Some(0 | 1) => Ok(()),
        Some(other) => refuse("InvalidParameterValue", format!("Scene {other} is neither 0 nor 1.")),
    }
}

fn name<'a>(context: &RequestContext<'_>, region_info: &RegionInfo<'a>) -> &'a str {
    if context.english || region_info.chinese.is_empty() { region_info.english } else { region_info.chinese }
}

/// Returns the set of regions. The region service adds fields that may be null.
fn regions(context: &RequestContext<'_>, console: bool) -> Reply {
    let set: Vec<Value> = geography::all(context.settings)
        .map(|region_info| {
            let mut region = json!({
                "Region": region_info.code,
                "RegionName": name(context, &region_info),
                "RegionState": "AVAILABLE",
            });
            if console {
                for field in ["RegionTypeMC", "LocationMC", "RegionNameMC", "RegionIdMC"] {
                    set_null(&mut region, field);
                }
            }
            region
        })
        .collect();
    counted("RegionSet", set)
}

fn zones(context: &RequestContext<'_>, console: bool) -> Reply {
    let Some(region_info) = context.region_info else { return counted("ZoneSet", Vec::new()) };
    let set: Vec<Value> = region_info
        .zones
        .iter()
        .map(|number| {
            let city = name(context, &region_info).split(['(', ')']).nth(1).unwrap_or(region_info.code);
            let title =
                if context.english { format!("{city} Zone {number}") } else { format!("{city}{number}区") };
            let mut zone = json!({
                "Zone": format!("{}-{number}", region_info.code),
                "ZoneName": title,
                "ZoneId": (region_info.zone_base + u32::from(*number)).to_string(),
                "ZoneState": "AVAILABLE",
            });
            if console {
                for field in [
                    "ParentZone",
                    "ParentZoneId",
                    "ParentZoneName",
                    "ZoneType",
                    "MachineRoomTypeMC",
                    "ZoneIdMC",
                ] {
                    set_null(&mut zone, field);
                }
            }
            zone
        })
        .collect();
    counted("ZoneSet", set)
}

fn describe_products(_: &RequestContext<'_>, args: Args<'_>) -> Result<Reply, ActionError> {
    let (offset, limit) = (args.integer("Offset").unwrap_or(0), args.integer("Limit").unwrap_or(20));
    let (Ok(offset), Ok(limit @ 1..=100)) = (usize::try_from(offset), usize::try_from(limit)) else {
        return refuse("InvalidParameterValue", "Limit is not from 1 to 100, or Offset is negative.");
    };
    let set = PRODUCTS.iter().skip(offset).take(limit).map(|name| json!({"Name": name})).collect();
    let mut reply = counted("Products", set);
    reply.insert("TotalCount".to_owned(), Value::from(PRODUCTS.len()));
    Ok(reply)
}

fn set_null(object: &mut Value, field: &str) {
    if let Some(fields) = object.as_object_mut() {
        fields.insert(field.to_owned(), Value::Null);
    }
}

fn counted(name: &str, set: Vec<Value>) -> Reply {
    Reply::from_iter([
        ("TotalCount".to_owned(), Value::from(set.len())),
        (name.to_owned(), Value::Array(set)),
    ])
}

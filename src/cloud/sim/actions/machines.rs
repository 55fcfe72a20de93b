//! Sources of images: cvm DescribeInstances (213/15728), and cbs DescribeSnapshots (362/15647) and DeleteSnapshots
//! (362/15646).

use serde_json::{Value, json};

use super::Action;
use super::listing::{FILTER, FILTERS_MAX, Page, VALUES_MAX, time};
use crate::cloud::Service;
use crate::cloud::sim::context::RequestContext;
use crate::cloud::sim::protocol::Reply;
use crate::cloud::sim::refusal::{ActionError, refuse};
use crate::cloud::sim::schema::{Args, Kind, optional, required};
use crate::cloud::sim::world::{Disk, Instance, Snapshot};
use crate::model::{InstanceId, SnapshotId};

pub(super) const ACTIONS: &[Action] = &[
    Action {
        service: Service::Cvm,
        name: "DescribeInstances",
        regional: true,
        rate: 40,
        fields: &[
            optional("InstanceIds", Kind::Texts),
            optional("Filters", Kind::Objects(FILTER)),
            optional("Offset", Kind::Integer),
            optional("Limit", Kind::Integer),
        ],
        codes: &[
            "InvalidFilter",
            "InvalidFilterValue.LimitExceeded",
            "InvalidInstanceId.Malformed",
            "InvalidParameterValue.LimitExceeded",
        ],
        run: describe_instances,
    },
    Action {
        service: Service::Cbs,
        name: "DescribeSnapshots",
        regional: true,
        rate: 20,
        fields: &[
            optional("SnapshotIds", Kind::Texts),
            optional("Filters", Kind::Objects(FILTER)),
            optional("Offset", Kind::Integer),
            optional("Limit", Kind::Integer),
            optional("Order", Kind::Text),
            optional("OrderField", Kind::Text),
        ],
        codes: &["InvalidFilter"],
        run: describe_snapshots,
    },
    Action {
        service: Service::Cbs,
        name: "DeleteSnapshots",
        regional: true,
        rate: 20,
        fields: &[required("SnapshotIds", Kind::Texts), optional("DeleteBindImages", Kind::Flag)],
        codes: &["InvalidSnapshotId.NotFound", "UnsupportedOperation.SnapshotHasBindedImage"],
        run: delete_snapshots,
    },
];

/// Filters by name. The caller decides whether a resource has a value.
struct Filters<'a>(Vec<(&'a str, Vec<&'a str>)>);

impl<'a> Filters<'a> {
    fn read(
        args: Args<'a>,
        known: &[&str],
        limit_code: &'static str,
        values_code: &'static str,
    ) -> Result<Self, ActionError> {
        let filters = args.objects("Filters");
        if filters.len() > FILTERS_MAX {
            return refuse(limit_code, format!("At most {FILTERS_MAX} Filters can be named."));
        }
        let mut read = Vec::with_capacity(filters.len());
        for filter in filters {
            let (name, values) = (filter.text("Name").unwrap_or_default(), filter.texts("Values"));
            if !known.contains(&name) {
                return refuse("InvalidFilter", format!("The filter {name} is not recognized."));
            }
            if values.len() > VALUES_MAX {
                return refuse(values_code, format!("The filter {name} has more than {VALUES_MAX} values."));
            }
            read.push((name, values));
        }
        Ok(Self(read))
    }

    fn pass(&self, has: impl Fn(&str, &str) -> bool) -> bool {
        self.0.iter().all(|(name, values)| values.iter().any(|value| has(name, value)))
    }
}

fn describe_instances(context: &RequestContext<'_>, args: Args<'_>) -> Result<Reply, ActionError> {
    let ids = args.texts("InstanceIds");
    let known = ["instance-id", "instance-name", "instance-state", "image-id", "zone"];
    let filters = Filters::read(
        args,
        &known,
        "InvalidParameterValue.LimitExceeded",
        "InvalidFilterValue.LimitExceeded",
    )?;
    if !ids.is_empty() && !filters.0.is_empty() {
        return refuse("InvalidParameter", "InstanceIds and Filters exclude each other.");
    }
    if ids.len() > 100 {
        return refuse("InvalidParameterValue.LimitExceeded", "At most 100 InstanceIds can be named.");
    }
    if let Some(id) = ids.iter().find(|id| id.parse::<InstanceId>().is_err()) {
        return refuse("InvalidInstanceId.Malformed", format!("InstanceId {id} is malformed."));
    }
    let page = Page::read(args, "InvalidParameterValue.LimitExceeded")?;
    let mut instances = Vec::new();
    if ids.is_empty() {
        instances = context.world.instances(context.region(), context.caller)?;
    } else {
        for id in ids {
            instances.extend(context.instance(id)?);
        }
    }
    let zone = zone(context);
    instances.retain(|instance| {
        filters.pass(|name, value| match name {
            "instance-id" => instance.id == value,
            "instance-name" => instance.id.contains(value),
            "instance-state" => instance.state == value,
            "zone" => zone == value,
            _ => false,
        })
    });
    let total = instances.len();
    let set = page.of(instances).map(|instance| instance_fields(context, &instance, &zone)).collect();
    Ok(Reply::from_iter([
        ("TotalCount".to_owned(), Value::from(total)),
        ("InstanceSet".to_owned(), Value::Array(set)),
    ]))
}

/// Returns the zone of all resources of a region: its last one, because the first ones are often sold out.
fn zone(context: &RequestContext<'_>) -> String {
    let number = context.region_info.and_then(|info| info.zones.last()).copied().unwrap_or(1);
    format!("{}-{number}", context.region())
}

/// Returns the fields of an Instance (213/15753) that matter for imaging, and those that are always there.
fn instance_fields(context: &RequestContext<'_>, instance: &Instance, zone: &str) -> Value {
    let disk = |disk: &Disk| json!({"DiskId": disk.id, "DiskType": disk.kind, "DiskSize": disk.size_gib});
    let charging = match (instance.state.as_str(), instance.stop_charging) {
        ("STOPPED", true) => "STOP_CHARGING",
        ("STOPPED", false) => "KEEP_CHARGING",
        _ => "NOT_APPLICABLE",
    };
    json!({
        "InstanceId": instance.id,
        "InstanceName": instance.id,
        "InstanceState": instance.state,
        "InstanceType": if instance.architecture == "arm" { "SR1.MEDIUM4" } else { "SA5.MEDIUM2" },
        "InstanceChargeType": "POSTPAID_BY_HOUR",
        "Placement": {"Zone": zone, "ProjectId": 0},
        "CPU": 2,
        "Memory": 4,
        "RestrictState": "NORMAL",
        "ImageId": Value::Null,
        "OsName": instance.os,
        "LicenseType": "TencentCloud",
        "StopChargingMode": charging,
        "SystemDisk": instance.disks.first().map(disk),
        "DataDisks": instance.disks.iter().skip(1).map(disk).collect::<Vec<_>>(),
        "PrivateIpAddresses": [],
        "PublicIpAddresses": [],
        "SecurityGroupIds": [],
        "Tags": [],
        "CreatedTime": time(context.settings.timestamps, 0),
        "ExpiredTime": Value::Null,
        "LatestOperation": Value::Null,
        "LatestOperationState": if instance.busy { "OPERATING" } else { "SUCCESS" },
    })
}

fn describe_snapshots(context: &RequestContext<'_>, args: Args<'_>) -> Result<Reply, ActionError> {
    let ids = args.texts("SnapshotIds");
    let known = [
        "snapshot-id",
        "snapshot-name",
        "snapshot-state",
        "snapshot-type",
        "disk-id",
        "disk-usage",
        "encrypt",
        "zone",
    ];
    let filters = Filters::read(args, &known, "InvalidParameterValue", "InvalidParameterValue")?;
    if !ids.is_empty() && !filters.0.is_empty() {
        return refuse("InvalidParameter", "SnapshotIds and Filters exclude each other.");
    }
    if ids.len() > 100 || ids.iter().any(|id| id.parse::<SnapshotId>().is_err()) {
        return refuse("InvalidParameterValue", "SnapshotIds must contain at most 100 ids of snapshots.");
    }
    let descending = match (args.text("OrderField"), args.text("Order")) {
        (None | Some("CREATE_TIME"), None | Some("DESC")) => true,
        (None | Some("CREATE_TIME"), Some("ASC")) => false,
        _ => return refuse("InvalidParameterValue", "Order or OrderField is invalid."),
    };
    let page = Page::read(args, "InvalidParameterValue")?;
    let mut snapshots = context.world.snapshots(context.region(), context.caller)?;
    let zone = zone(context);
    snapshots.retain(|snapshot| {
        let named = ids.is_empty() || ids.contains(&snapshot.id.as_str());
        named
            && filters.pass(|name, value| match name {
                "snapshot-id" => snapshot.id == value,
                "snapshot-name" => snapshot.id.contains(value),
                "snapshot-state" => snapshot.state_at(context.now) == value,
                "snapshot-type" => value == "PRIVATE_SNAPSHOT",
                "disk-id" => snapshot.disk == value,
                "disk-usage" => snapshot.usage() == value,
                "encrypt" => value.eq_ignore_ascii_case(if snapshot.encrypted { "true" } else { "false" }),
                _ => zone == value,
            })
    });
    snapshots.sort_by_key(|snapshot| snapshot.created_at);
    if descending {
        snapshots.reverse();
    }
    let total = snapshots.len();
    let set = page
        .of(snapshots)
        .map(|snapshot| snapshot_fields(context, &snapshot, &zone))
        .collect::<Result<_, _>>()?;
    Ok(Reply::from_iter([
        ("TotalCount".to_owned(), Value::from(total)),
        ("SnapshotSet".to_owned(), Value::Array(set)),
    ]))
}

/// Returns the fields of a Snapshot (362/15669), with the images that it is bound to.
fn snapshot_fields(
    context: &RequestContext<'_>,
    snapshot: &Snapshot,
    zone: &str,
) -> Result<Value, ActionError> {
    let images: Vec<Value> = context
        .world
        .images_of_snapshot(&snapshot.id)?
        .into_iter()
        .map(|(id, name)| json!({"ImageId": id, "ImageName": name}))
        .collect();
    let state = snapshot.state_at(context.now);
    Ok(json!({
        "SnapshotId": snapshot.id,
        "SnapshotName": snapshot.id,
        "SnapshotState": state,
        "SnapshotType": "PRIVATE_SNAPSHOT",
        "DiskUsage": snapshot.usage(),
        "DiskSize": snapshot.size_gib,
        "DiskId": snapshot.disk,
        "Percent": if state == "NORMAL" { 100 } else { 0 },
        "Encrypt": snapshot.encrypted,
        "ImageCount": images.len(),
        "Images": images,
        "Placement": {"Zone": zone, "ProjectId": 0},
        "CreateTime": time(context.settings.timestamps, snapshot.created_at),
        "DeadlineTime": Value::Null,
        "IsPermanent": true,
        "CopyFromRemote": false,
        "CopyingToRegions": [],
        "ShareReference": 0,
        "Tags": [],
    }))
}

fn delete_snapshots(context: &RequestContext<'_>, args: Args<'_>) -> Result<Reply, ActionError> {
    let ids = args.texts("SnapshotIds");
    for id in &ids {
        if context.world.snapshot(context.region(), context.caller, id)?.is_none() {
            return refuse("InvalidSnapshotId.NotFound", format!("SnapshotId {id} is not found."));
        }
        let images = context.world.images_of_snapshot(id)?;
        if args.flag("DeleteBindImages") {
            for (image, _) in images {
                let (image, _) = context.image(&image)?;
                if image.state_at(context.now).is_busy() || context.world.share_count(&image.id)? > 0 {
                    return refuse(
                        "UnsupportedOperation.SnapshotHasBindedImage",
                        format!("{} of {id} is in use.", image.id),
                    );
                }
            }
        } else if let Some((image, _)) = images.first() {
            return refuse(
                "UnsupportedOperation.SnapshotHasBindedImage",
                format!("{id} belongs to {image}."),
            );
        }
    }
    for id in ids {
        for (image, _) in context.world.images_of_snapshot(id)? {
            context.world.remove_image(&image, false)?;
        }
        context.world.remove_snapshot(id)?;
    }
    Ok(Reply::new())
}

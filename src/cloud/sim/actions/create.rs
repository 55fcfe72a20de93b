//! Creation of a custom image from an instance or from snapshots: 213/16726 CreateImage.

use serde_json::Value;

use super::Action;
use crate::cloud::Service;
use crate::cloud::sim::context::RequestContext;
use crate::cloud::sim::protocol::Reply;
use crate::cloud::sim::refusal::{ActionError, refuse};
use crate::cloud::sim::schema::{Args, Field, Kind, optional, required};
use crate::cloud::sim::settings::Existence;
use crate::cloud::sim::world::{Disk, Image, ImageStatus, Instance, NewImage, Snapshot};
use crate::model::SnapshotId;

/// Tag of a TagSpecification.
const TAG: &[Field] = &[required("Key", Kind::Text), required("Value", Kind::Text)];
/// Structure of the parameter TagSpecification of CreateImage and ImportImage.
pub(super) const TAG_SPECIFICATION: &[Field] =
    &[required("ResourceType", Kind::Text), required("Tags", Kind::Objects(TAG))];

pub(super) const ACTIONS: &[Action] = &[Action {
    service: Service::Cvm,
    name: "CreateImage",
    regional: true,
    rate: 10,
    fields: &[
        required("ImageName", Kind::Text),
        optional("InstanceId", Kind::Text),
        optional("SnapshotIds", Kind::Texts),
        optional("ImageDescription", Kind::Text),
        optional("ForcePoweroff", Kind::Text),
        optional("Sysprep", Kind::Text),
        optional("DataDiskIds", Kind::Texts),
        optional("DryRun", Kind::Flag),
        optional("TagSpecification", Kind::Objects(TAG_SPECIFICATION)),
        optional("ImageFamily", Kind::Text),
    ],
    codes: &[
        "ImageQuotaLimitExceeded",
        "InvalidAccount.InsufficientBalance",
        "InvalidImageName.Duplicate",
        "InvalidInstance.NotSupported",
        "InvalidInstanceId.NotFound",
        "InvalidParameter.DataDiskIdContainsRootDisk",
        "InvalidParameter.DataDiskNotBelongSpecifiedInstance",
        "InvalidParameter.DuplicateSystemSnapshots",
        "InvalidParameter.InvalidDependence",
        "InvalidParameter.LocalDataDiskNotSupport",
        "InvalidParameter.SnapshotNotFound",
        "InvalidParameter.SpecifyOneParameter",
        "InvalidParameter.SwapDiskNotSupport",
        "InvalidParameter.SystemSnapshotNotFound",
        "InvalidParameter.ValueTooLarge",
        "InvalidParameterConflict",
        "InvalidParameterValue.InvalidImageFamily",
        "InvalidParameterValue.LimitExceeded",
        "InvalidParameterValue.TagKeyNotFound",
        "InvalidParameterValue.TagQuotaLimitExceeded",
        "InvalidParameterValue.TooLarge",
        "MutexOperation.TaskRunning",
        "OperationDenied.InstanceOperationInProgress",
        "ResourceUnavailable.SnapshotCreating",
        "UnsupportedOperation.EncryptedImagesNotSupported",
        "UnsupportedOperation.InstanceReinstallFailed",
        "UnsupportedOperation.InstanceStateEnterRescueMode",
        "UnsupportedOperation.InstanceStateEnterServiceLiveMigrate",
        "UnsupportedOperation.InstanceStateExitRescueMode",
        "UnsupportedOperation.InstanceStateFreezing",
        "UnsupportedOperation.InstanceStateRebooting",
        "UnsupportedOperation.InstanceStateRescueMode",
        "UnsupportedOperation.InstanceStateServiceLiveMigrate",
        "UnsupportedOperation.InstanceStateStarting",
        "UnsupportedOperation.InstanceStateStopping",
        "UnsupportedOperation.InstanceStateTerminating",
        "UnsupportedOperation.StoppedModeStopCharging",
    ],
    run: create_image,
}];

/// States in which an instance cannot be imaged, with the error code of each.
const FORBIDDEN_STATES: &[(&str, &str)] = &[
    ("STARTING", "UnsupportedOperation.InstanceStateStarting"),
    ("STOPPING", "UnsupportedOperation.InstanceStateStopping"),
    ("REBOOTING", "UnsupportedOperation.InstanceStateRebooting"),
    ("TERMINATING", "UnsupportedOperation.InstanceStateTerminating"),
    ("FREEZING", "UnsupportedOperation.InstanceStateFreezing"),
    ("ENTER_RESCUE_MODE", "UnsupportedOperation.InstanceStateEnterRescueMode"),
    ("RESCUE_MODE", "UnsupportedOperation.InstanceStateRescueMode"),
    ("EXIT_RESCUE_MODE", "UnsupportedOperation.InstanceStateExitRescueMode"),
    ("ENTER_SERVICE_LIVE_MIGRATE", "UnsupportedOperation.InstanceStateEnterServiceLiveMigrate"),
    ("SERVICE_LIVE_MIGRATE", "UnsupportedOperation.InstanceStateServiceLiveMigrate"),
    ("REINSTALL_FAILED", "UnsupportedOperation.InstanceReinstallFailed"),
];

/// Maximum number of snapshots or data disks in one call (unpublished: an instance has at most 20 data disks).
const DISKS_MAX: usize = 21;

/// Material of a new image: the operating system, the disks, and the id of the source.
struct Material {
    os: String,
    platform: String,
    architecture: String,
    from: String,
    disks: Disks,
}

enum Disks {
    /// Disks of which new snapshots are created, the system disk first.
    Fresh(Vec<Disk>),
    /// Existing snapshots, that of the system disk first.
    Taken(Vec<Snapshot>),
}

fn create_image(context: &RequestContext<'_>, args: Args<'_>) -> Result<Reply, ActionError> {
    let name = args.text("ImageName").unwrap_or_default();
    context.validate_name(name, true)?;
    context.validate_texts(args, true)?;
    for switch in ["ForcePoweroff", "Sysprep"] {
        // The upper-case form was the documented one until 2023-10-31.
        if let Some(value) = args.text(switch)
            && !matches!(value, "true" | "false" | "TRUE" | "FALSE")
        {
            return refuse(
                "InvalidParameterValue",
                format!("The parameter `{switch}` is neither true nor false."),
            );
        }
    }
    let snapshot_ids = args.texts("SnapshotIds");
    let data_disks = args.texts("DataDiskIds");
    if snapshot_ids.len().max(data_disks.len()) > DISKS_MAX {
        return refuse(
            "InvalidParameterValue.LimitExceeded",
            format!("At most {DISKS_MAX} disks can be named."),
        );
    }
    let material = match (args.text("InstanceId"), snapshot_ids.is_empty()) {
        (Some(_), false) => {
            return refuse("InvalidParameterConflict", "InstanceId and SnapshotIds exclude each other.");
        }
        (None, true) => {
            return refuse(
                "InvalidParameter.SpecifyOneParameter",
                "One of InstanceId and SnapshotIds is needed.",
            );
        }
        (Some(id), true) => from_instance(context, id, &data_disks)?,
        (None, false) if !data_disks.is_empty() => {
            return refuse("InvalidParameter.InvalidDependence", "DataDiskIds depend on InstanceId.");
        }
        (None, false) => from_snapshots(context, &snapshot_ids)?,
    };
    let tags = context.specified_tags(args)?;
    let caller_pays = !context.settings.insolvent.iter().any(|account| account.to_string() == context.caller);
    if !caller_pays {
        return refuse("InvalidAccount.InsufficientBalance", "The account balance is insufficient.");
    }
    context.validate_name_free(context.region(), name)?;
    context.validate_quota(context.region())?;
    if let Some(reply) = context.dry_run(args)? {
        return Ok(reply);
    }

    let id = context.world.new_id("img-")?;
    let task = context.task(ImageStatus::Creating);
    let snapshots = match material.disks {
        Disks::Taken(snapshots) => snapshots,
        Disks::Fresh(disks) => disks
            .into_iter()
            .enumerate()
            .map(|(position, disk)| {
                fresh_snapshot(context, disk.id, disk.size_gib, position == 0, task.ready_at)
            })
            .collect::<Result<_, _>>()?,
    };
    let image = Image {
        id: id.clone(),
        region: context.region().to_owned(),
        owner: context.caller.to_owned(),
        name: name.to_owned(),
        description: args.text("ImageDescription").unwrap_or_default().to_owned(),
        family: args.text("ImageFamily").unwrap_or_default().to_owned(),
        deprecated: false,
        size_gib: snapshots.first().map_or(0, |snapshot| snapshot.size_gib),
        os: material.os,
        platform: material.platform,
        architecture: material.architecture,
        license: "TencentCloud".to_owned(),
        source: "CREATE_IMAGE".to_owned(),
        cloudinit: true,
        encrypted: false,
        created_at: context.now,
        visible_at: context.visible_at(),
        state: task.state,
        ready_at: task.ready_at,
        becomes: task.becomes,
        made_from: material.from,
    };
    context.world.add_image(&NewImage { image, snapshots })?;
    for tag in &tags {
        context.world.set_tag(context.caller, &id, tag)?;
    }
    Ok(Reply::from_iter([("ImageId".to_owned(), Value::from(id))]))
}

/// Creates a snapshot for an image.
pub(super) fn fresh_snapshot(
    context: &RequestContext<'_>,
    disk: String,
    size_gib: u32,
    system: bool,
    ready_at: Option<i64>,
) -> Result<Snapshot, ActionError> {
    Ok(Snapshot {
        id: context.world.new_id("snap-")?,
        region: context.region().to_owned(),
        owner: context.caller.to_owned(),
        system,
        size_gib,
        disk,
        encrypted: false,
        state: "CREATING".to_owned(),
        ready_at,
        created_at: context.now,
    })
}

fn from_instance(
    context: &RequestContext<'_>,
    id: &str,
    data_disks: &[&str],
) -> Result<Material, ActionError> {
    let Some(instance) = context.instance(id)? else {
        return refuse("InvalidInstanceId.NotFound", format!("InstanceId {id} is not found."));
    };
    validate_instance(context, &instance)?;
    let disks = chosen_disks(context, &instance, data_disks)?;
    Ok(Material {
        os: instance.os,
        platform: instance.platform,
        architecture: instance.architecture,
        from: instance.id,
        disks: Disks::Fresh(disks),
    })
}

fn validate_instance(context: &RequestContext<'_>, instance: &Instance) -> Result<(), ActionError> {
    let id = &instance.id;
    if let Some(code) = &instance.refusal {
        let message = format!("Instance {id} does not allow the operation.");
        return Err(ActionError::Refused(crate::cloud::sim::Refusal { code: code.clone().into(), message }));
    }
    if instance.bare_metal {
        return refuse(
            "InvalidInstance.NotSupported",
            format!("Instance {id} is bare metal and cannot be imaged."),
        );
    }
    if let Some((_, code)) = FORBIDDEN_STATES.iter().find(|(state, _)| *state == instance.state) {
        return refuse(code, format!("Instance {id} is {}.", instance.state));
    }
    if instance.stop_charging {
        return refuse(
            "UnsupportedOperation.StoppedModeStopCharging",
            format!("Instance {id} is not charged."),
        );
    }
    if instance.encrypted {
        return refuse(
            "UnsupportedOperation.EncryptedImagesNotSupported",
            format!("Instance {id} is encrypted."),
        );
    }
    if instance.busy {
        return refuse("OperationDenied.InstanceOperationInProgress", format!("Instance {id} is busy."));
    }
    if !context.settings.parallel_imaging
        && context.world.is_being_imaged(context.region(), context.caller, id, context.now)?
    {
        return refuse("MutexOperation.TaskRunning", format!("Instance {id} is being imaged."));
    }
    Ok(())
}

/// Returns the disks of the image: the system disk and the named data disks.
fn chosen_disks(
    context: &RequestContext<'_>,
    instance: &Instance,
    named: &[&str],
) -> Result<Vec<Disk>, ActionError> {
    let mut disks: Vec<Disk> = instance.disks.iter().take(1).cloned().collect();
    let root = disks.first().map(|disk| disk.id.clone()).unwrap_or_default();
    // An instance that was not added to the world has every data disk with a well-formed id.
    let is_made_up = context.world.instance(context.region(), context.caller, &instance.id)?.is_none();
    for id in named {
        if *id == root {
            return refuse("InvalidParameter.DataDiskIdContainsRootDisk", format!("{id} is the root disk."));
        }
        let well_formed = id.parse::<crate::model::ids::DiskId>().is_ok();
        let known = instance.disks.iter().find(|disk| disk.id == *id).cloned();
        let made_up =
            Disk { id: (*id).to_owned(), kind: "CLOUD_PREMIUM".to_owned(), size_gib: 100, swap: false };
        let Some(disk) = known.or_else(|| (is_made_up && well_formed).then_some(made_up)) else {
            return refuse(
                "InvalidParameter.DataDiskNotBelongSpecifiedInstance",
                format!("{id} does not belong to {}.", instance.id),
            );
        };
        if disk.swap {
            return refuse("InvalidParameter.SwapDiskNotSupport", format!("{id} is a swap disk."));
        }
        if disk.kind.starts_with("LOCAL_") {
            return refuse("InvalidParameter.LocalDataDiskNotSupport", format!("{id} is a local disk."));
        }
        if !disks.iter().any(|other| other.id == disk.id) {
            disks.push(disk);
        }
    }
    Ok(disks)
}

fn from_snapshots(context: &RequestContext<'_>, ids: &[&str]) -> Result<Material, ActionError> {
    let mut known: Vec<Snapshot> = Vec::new();
    let mut made_up: Vec<&str> = Vec::new();
    for id in ids {
        match context.world.snapshot(context.region(), context.caller, id)? {
            Some(snapshot) if snapshot.state_at(context.now) != "NORMAL" => {
                return refuse(
                    "ResourceUnavailable.SnapshotCreating",
                    format!("Snapshot {id} is being made."),
                );
            }
            Some(snapshot) => known.push(snapshot),
            None if context.settings.snapshots == Existence::WellFormed
                && id.parse::<SnapshotId>().is_ok() =>
            {
                made_up.push(id);
            }
            None => {
                return refuse("InvalidParameter.SnapshotNotFound", format!("Snapshot {id} is not found."));
            }
        }
    }
    // Of snapshots that were not added to the world, the first is that of the system disk, unless an added one is.
    let mut system_is_missing = !known.iter().any(|snapshot| snapshot.system);
    for id in made_up {
        known.push(Snapshot {
            id: id.to_owned(),
            region: context.region().to_owned(),
            owner: context.caller.to_owned(),
            system: system_is_missing,
            size_gib: 50,
            disk: String::new(),
            encrypted: false,
            state: "NORMAL".to_owned(),
            ready_at: None,
            created_at: context.now,
        });
        system_is_missing = false;
    }
    known.sort_by(|a, b| (!a.system, &a.id).cmp(&(!b.system, &b.id)));
    known.dedup_by(|a, b| a.id == b.id);
    if known.iter().any(|snapshot| snapshot.encrypted) {
        return refuse("UnsupportedOperation.EncryptedImagesNotSupported", "A snapshot is encrypted.");
    }
    match known.iter().filter(|snapshot| snapshot.system).count() {
        0 => refuse("InvalidParameter.SystemSnapshotNotFound", "None of the snapshots is of a system disk."),
        1 => Ok(Material {
            os: "Ubuntu Server 22.04 LTS 64bit".to_owned(),
            platform: "Ubuntu".to_owned(),
            architecture: "x86_64".to_owned(),
            from: known.iter().map(|snapshot| snapshot.id.as_str()).collect::<Vec<_>>().join(","),
            disks: Disks::Taken(known),
        }),
        _ => refuse("InvalidParameter.DuplicateSystemSnapshots", "Several snapshots are of a system disk."),
    }
}

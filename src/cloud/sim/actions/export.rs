//! Export of images to object storage: 213/73474 ExportImages. The task takes some time but writes nothing.

use serde_json::Value;

use super::Action;
use super::import::is_bucket;
use crate::cloud::Service;
use crate::cloud::sim::context::{RequestContext, micros};
use crate::cloud::sim::ownership::Ownership;
use crate::cloud::sim::protocol::Reply;
use crate::cloud::sim::refusal::{ActionError, refuse};
use crate::cloud::sim::schema::{Args, Kind, optional, required};
use crate::cloud::sim::world::{Image, ImageStatus};

pub(super) const ACTIONS: &[Action] = &[Action {
    service: Service::Cvm,
    name: "ExportImages",
    regional: true,
    rate: 20,
    fields: &[
        required("BucketName", Kind::Text),
        optional("ImageIds", Kind::Texts),
        optional("ExportFormat", Kind::Text),
        optional("FileNamePrefixList", Kind::Texts),
        optional("OnlyExportRootDisk", Kind::Flag),
        optional("DryRun", Kind::Flag),
        optional("RoleName", Kind::Text),
    ],
    codes: &[
        "AuthFailure.CamRoleNameAuthenticateFailed",
        "InvalidImageId.Malformed",
        "InvalidImageId.NotFound",
        "InvalidParameter.ImageIdsSnapshotIdsMustOne",
        "InvalidParameterValue.BucketNotFound",
        "InvalidParameterValue.InvalidBucketPermissionForExport",
        "InvalidParameterValue.InvalidFileNamePrefixList",
        "InvalidParameterValue.InvalidImageState",
        "InvalidParameterValue.LimitExceeded",
        "LimitExceeded.ExportImageTaskLimitExceeded",
        "UnsupportedOperation.EncryptedImagesNotSupported",
        "UnsupportedOperation.ImageTooLargeExportUnsupported",
        "UnsupportedOperation.PublicImageExportUnsupported",
        "UnsupportedOperation.RedHatImageExportUnsupported",
        "UnsupportedOperation.SharedImageExportUnsupported",
        "UnsupportedOperation.WindowsImageExportUnsupported",
    ],
    run: export_images,
}];

/// Maximum size of an exported disk in GiB, and maximum number of data disks (user page on exporting).
const DISK_MAX: u32 = 500;
/// See [`DISK_MAX`].
const DATA_DISKS_MAX: usize = 5;

fn export_images(context: &RequestContext<'_>, args: Args<'_>) -> Result<Reply, ActionError> {
    let ids = args.texts("ImageIds");
    if ids.is_empty() {
        return refuse("InvalidParameter.ImageIdsSnapshotIdsMustOne", "ImageIds is needed.");
    }
    if ids.len() > usize::try_from(context.settings.ids_per_call).unwrap_or(usize::MAX) {
        return refuse("InvalidParameterValue.LimitExceeded", "There are too many ImageIds.");
    }
    let extension = match args.text("ExportFormat").unwrap_or("RAW") {
        "RAW" => "raw",
        "QCOW2" => "qcow2",
        "VHD" => "vhd",
        "VMDK" => "vmdk",
        other => return refuse("InvalidParameterValue", format!("ExportFormat {other} is invalid.")),
    };
    let prefixes = args.texts("FileNamePrefixList");
    if !prefixes.is_empty() && prefixes.len() != ids.len() {
        return refuse(
            "InvalidParameterValue.InvalidFileNamePrefixList",
            "One prefix for each image is needed.",
        );
    }
    validate_bucket(context, args)?;
    let mut images = Vec::with_capacity(ids.len());
    for id in &ids {
        images.push(exportable(context, id)?);
    }
    if let Some(most) = context.settings.export_tasks
        && context.world.running_exports(context.region(), context.caller, context.now)? >= most
    {
        return refuse(
            "LimitExceeded.ExportImageTaskLimitExceeded",
            format!("At most {most} exports run at a time."),
        );
    }
    if let Some(reply) = context.dry_run(args)? {
        return Ok(reply);
    }

    let ready_at = context.now.saturating_add(micros(context.settings.settle));
    let mut paths = Vec::new();
    for (position, image) in images.iter().enumerate() {
        let prefix = prefixes.get(position).map(|prefix| format!("{prefix}_")).unwrap_or_default();
        for snapshot in context.world.snapshots_of(&image.id)? {
            if snapshot.system || !args.flag("OnlyExportRootDisk") {
                let disk = if snapshot.system { "system" } else { "data" };
                paths.push(Value::from(format!("{prefix}{}_{disk}_{}.{extension}", image.id, snapshot.id)));
            }
        }
    }
    let mut task = 0;
    for image in &images {
        task = context.world.add_export(context.region(), context.caller, &image.id, ready_at)?;
    }
    Ok(Reply::from_iter([
        ("TaskId".to_owned(), Value::from(task)),
        ("CosPaths".to_owned(), Value::Array(paths)),
    ]))
}

fn validate_bucket(context: &RequestContext<'_>, args: Args<'_>) -> Result<(), ActionError> {
    let bucket = args.text("BucketName").unwrap_or_default();
    let known = context.settings.buckets.as_ref().is_none_or(|known| known.contains(bucket));
    if !known || !is_bucket(bucket) {
        return refuse("InvalidParameterValue.BucketNotFound", format!("Bucket {bucket} is not found."));
    }
    if context.settings.closed_buckets.contains(bucket) {
        return refuse(
            "InvalidParameterValue.InvalidBucketPermissionForExport",
            format!("Bucket {bucket} cannot be written to."),
        );
    }
    let role = args.text("RoleName").unwrap_or("CVM_QcsRole");
    if context.settings.roles.as_ref().is_some_and(|known| !known.contains(role)) {
        return refuse(
            "AuthFailure.CamRoleNameAuthenticateFailed",
            format!("Role {role} is not authorized."),
        );
    }
    Ok(())
}

fn exportable(context: &RequestContext<'_>, id: &str) -> Result<Image, ActionError> {
    let (image, ownership) = context.image(id)?;
    let code = match ownership {
        Ownership::Public => Some("UnsupportedOperation.PublicImageExportUnsupported"),
        Ownership::Shared => Some("UnsupportedOperation.SharedImageExportUnsupported"),
        Ownership::Own if image.platform == "Windows" => {
            Some("UnsupportedOperation.WindowsImageExportUnsupported")
        }
        Ownership::Own if image.platform == "Redhat" => {
            Some("UnsupportedOperation.RedHatImageExportUnsupported")
        }
        Ownership::Own if image.encrypted => Some("UnsupportedOperation.EncryptedImagesNotSupported"),
        Ownership::Own => None,
    };
    if let Some(code) = code {
        return refuse(code, format!("{id} cannot be exported."));
    }
    let state = image.state_at(context.now);
    if state != ImageStatus::Normal {
        return refuse("InvalidParameterValue.InvalidImageState", format!("{id} is {}.", state.as_str()));
    }
    let snapshots = context.world.snapshots_of(id)?;
    if snapshots.len() > DATA_DISKS_MAX + 1 || snapshots.iter().any(|snapshot| snapshot.size_gib > DISK_MAX) {
        return refuse("UnsupportedOperation.ImageTooLargeExportUnsupported", format!("{id} is too large."));
    }
    Ok(image)
}

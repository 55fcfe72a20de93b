//! Import of an image from object storage: 213/15717 ImportImage.
//!
//! Mistakes that the service only finds while it reads the object (213/4945: format, size, drivers, cloud-init) lead to
//! the state IMPORTFAILED, and not to a refusal of the call.

use serde_json::Value;

use super::Action;
use super::create::{TAG_SPECIFICATION, fresh_snapshot};
use super::systems;
use crate::cloud::Service;
use crate::cloud::sim::context::RequestContext;
use crate::cloud::sim::geography;
use crate::cloud::sim::protocol::Reply;
use crate::cloud::sim::refusal::{ActionError, refuse};
use crate::cloud::sim::schema::{Args, Field, Kind, optional, required};
use crate::cloud::sim::world::{Image, ImageStatus, NewImage};

const DATA_DISK: &[Field] = &[required("ImageUrl", Kind::Text)];

pub(super) const ACTIONS: &[Action] = &[Action {
    service: Service::Cvm,
    name: "ImportImage",
    regional: true,
    rate: 10,
    fields: &[
        required("Architecture", Kind::Text),
        required("OsType", Kind::Text),
        required("OsVersion", Kind::Text),
        required("ImageUrl", Kind::Text),
        required("ImageName", Kind::Text),
        optional("ImageDescription", Kind::Text),
        optional("DryRun", Kind::Flag),
        optional("Force", Kind::Flag),
        optional("TagSpecification", Kind::Objects(TAG_SPECIFICATION)),
        optional("LicenseType", Kind::Text),
        optional("BootMode", Kind::Text),
        optional("ImageFamily", Kind::Text),
        optional("ImportImageDataDiskList", Kind::Objects(DATA_DISK)),
    ],
    codes: &[
        "ImageQuotaLimitExceeded",
        "InvalidImageName.Duplicate",
        "InvalidImageOsType.Unsupported",
        "InvalidImageOsVersion.Unsupported",
        "InvalidParameter.InvalidParameterUrlError",
        "InvalidParameterValue.ISOMustImportByForce",
        "InvalidParameterValue.InvalidBootMode",
        "InvalidParameterValue.InvalidImageFamily",
        "InvalidParameterValue.InvalidLicenseType",
        "InvalidParameterValue.TagKeyNotFound",
        // Not documented for this action, but for the same parameter of CreateImage.
        "InvalidParameterValue.TagQuotaLimitExceeded",
        "InvalidParameterValue.TooLarge",
        "OperationDenied.InnerUserProhibitAction",
        "RegionAbilityLimit.UnsupportedToImportImage",
    ],
    run: import_image,
}];

/// Size of every imported disk in GiB. The sandbox does not read objects.
const IMPORTED_DISK_GIB: u32 = 40;

/// Maximum number of imported data disks (an instance has at most 20).
const DATA_DISKS_MAX: usize = 20;

fn import_image(context: &RequestContext<'_>, args: Args<'_>) -> Result<Reply, ActionError> {
    let name = args.text("ImageName").unwrap_or_default();
    context.validate_name(name, false)?;
    context.validate_texts(args, false)?;
    let architecture = validate_system(context, args)?;
    let license = match args.text("LicenseType") {
        None => "TencentCloud",
        Some(license @ ("TencentCloud" | "BYOL")) => license,
        Some(other) => {
            return refuse(
                "InvalidParameterValue.InvalidLicenseType",
                format!("LicenseType {other} is invalid."),
            );
        }
    };
    if let Some(mode) = args.text("BootMode")
        && !matches!(mode, "Legacy BIOS" | "UEFI")
    {
        return refuse("InvalidParameterValue.InvalidBootMode", format!("BootMode {mode} is invalid."));
    }
    let urls = validate_urls(context, args)?;
    if context.settings.restricted.iter().any(|account| account.to_string() == context.caller) {
        return refuse("OperationDenied.InnerUserProhibitAction", "The account may not import images.");
    }
    if context.settings.no_import.iter().any(|region| region.as_str() == context.region()) {
        return refuse(
            "RegionAbilityLimit.UnsupportedToImportImage",
            format!("Images cannot be imported in {}.", context.region()),
        );
    }
    let tags = context.specified_tags(args)?;
    context.validate_name_free(context.region(), name)?;
    context.validate_quota(context.region())?;
    if let Some(reply) = context.dry_run(args)? {
        return Ok(reply);
    }

    let id = context.world.new_id("img-")?;
    let mut task = context.task(ImageStatus::Importing);
    if urls.iter().any(|url| context.settings.objects.as_ref().is_some_and(|known| !known.contains(*url))) {
        task.becomes = ImageStatus::ImportFailed;
    }
    let snapshots = (0..urls.len())
        .map(|disk| fresh_snapshot(context, String::new(), IMPORTED_DISK_GIB, disk == 0, task.ready_at))
        .collect::<Result<_, _>>()?;
    let system = args.text("OsType").unwrap_or_default();
    let bits = if architecture == "i386" { "32" } else { "64" };
    let image = Image {
        id: id.clone(),
        region: context.region().to_owned(),
        owner: context.caller.to_owned(),
        name: name.to_owned(),
        description: args.text("ImageDescription").unwrap_or_default().to_owned(),
        family: args.text("ImageFamily").unwrap_or_default().to_owned(),
        deprecated: false,
        size_gib: IMPORTED_DISK_GIB,
        os: format!("{system} {} {bits}bit", args.text("OsVersion").unwrap_or_default()),
        platform: if system.starts_with("Windows") { "Windows" } else { system }.to_owned(),
        architecture: architecture.to_owned(),
        license: license.to_owned(),
        source: "EXTERNAL_IMPORT".to_owned(),
        cloudinit: !args.flag("Force"),
        encrypted: false,
        created_at: context.now,
        visible_at: context.visible_at(),
        state: task.state,
        ready_at: task.ready_at,
        becomes: task.becomes,
        made_from: urls.first().copied().unwrap_or_default().to_owned(),
    };
    context.world.add_image(&NewImage { image, snapshots })?;
    for tag in &tags {
        context.world.set_tag(context.caller, &id, tag)?;
    }
    let mut reply = Reply::new();
    if context.settings.import_tells_id {
        reply.insert("ImageId".to_owned(), Value::from(id));
    }
    Ok(reply)
}

/// Refuses a system that cannot be imported. Returns its architecture as an image spells it.
fn validate_system<'a>(context: &RequestContext<'_>, args: Args<'a>) -> Result<&'a str, ActionError> {
    let architecture = args.text("Architecture").unwrap_or_default();
    if !matches!(architecture, "x86_64" | "i386" | "arm_64") {
        return refuse("InvalidParameterValue", format!("Architecture {architecture} is invalid."));
    }
    let name = args.text("OsType").unwrap_or_default();
    let Some(system) = systems::systems(context.settings).iter().find(|system| system.name == name) else {
        return refuse("InvalidImageOsType.Unsupported", format!("OsType {name} is not supported."));
    };
    let version = args.text("OsVersion").unwrap_or_default();
    if !system.versions.contains(&version) || !system.architectures.contains(&architecture) {
        return refuse(
            "InvalidImageOsVersion.Unsupported",
            format!("OsVersion {version} of {name} is not supported for {architecture}."),
        );
    }
    Ok(if architecture == "arm_64" { "arm" } else { architecture })
}

/// Returns the URLs of the system disk and the data disks, without their queries.
fn validate_urls<'a>(context: &RequestContext<'_>, args: Args<'a>) -> Result<Vec<&'a str>, ActionError> {
    let disks = args.objects("ImportImageDataDiskList");
    if disks.len() > DATA_DISKS_MAX {
        return refuse(
            "InvalidParameterValue",
            format!("At most {DATA_DISKS_MAX} data disks can be imported."),
        );
    }
    let all = args.text("ImageUrl").into_iter().chain(disks.iter().filter_map(|disk| disk.text("ImageUrl")));
    all.map(|url| validate_url(context, url, args.flag("Force"))).collect()
}

/// Validates the URL of an object in object storage (213/4945). Returns it without its query. The object must be in the
/// called region, or both must be in the mainland. Finance regions accept only their own objects.
fn validate_url<'a>(context: &RequestContext<'_>, url: &'a str, force: bool) -> Result<&'a str, ActionError> {
    let bare = url.split_once('?').map_or(url, |(bare, _)| bare);
    let malformed =
        || refuse("InvalidParameter.InvalidParameterUrlError", format!("ImageUrl {bare} is invalid."));
    let rest = bare.strip_prefix("https://").or_else(|| bare.strip_prefix("http://"));
    let Some((host, key)) = rest.and_then(|rest| rest.split_once('/')) else { return malformed() };
    let Some((bucket, region)) = host.strip_suffix(".myqcloud.com").and_then(|host| host.split_once(".cos."))
    else {
        return malformed();
    };
    let (Some(from), Some(to)) = (geography::find(context.settings, region), context.region_info) else {
        return malformed();
    };
    let is_finance = from.code.ends_with("-fsi") || to.code.ends_with("-fsi");
    let reachable = from.code == to.code || (from.mainland && to.mainland && !is_finance);
    if key.is_empty() || !is_bucket(bucket) || !reachable {
        return malformed();
    }
    let file = key.rsplit('/').next().unwrap_or(key);
    match file.rsplit_once('.').map(|(_, extension)| extension.to_ascii_lowercase()).as_deref() {
        Some("iso") if !force => {
            refuse("InvalidParameterValue.ISOMustImportByForce", "An ISO can be imported by force only.")
        }
        None | Some("raw" | "img" | "vhd" | "qcow2" | "vmdk" | "iso") => Ok(bare),
        Some(_) => malformed(),
    }
}

/// Returns whether a text is the full name of a bucket: its own name and the AppId of its account.
pub(super) fn is_bucket(name: &str) -> bool {
    name.rsplit_once('-').is_some_and(|(own, app)| {
        !own.is_empty()
            && own.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
            && app.len() >= 8
            && app.chars().all(|c| c.is_ascii_digit())
    })
}

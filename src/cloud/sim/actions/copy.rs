//! Copies of images: 213/15711 SyncImages.
//!
//! Three kinds of copy share the action: a custom image to other regions, a custom image encrypted into its own
//! region, and an image that another account shares with the caller into its own region.

use serde_json::{Value, json};

use super::Action;
use crate::cloud::Service;
use crate::cloud::sim::context::RequestContext;
use crate::cloud::sim::geography::{self, Border, RegionInfo};
use crate::cloud::sim::ownership::Ownership;
use crate::cloud::sim::protocol::Reply;
use crate::cloud::sim::refusal::{ActionError, refuse};
use crate::cloud::sim::schema::{Args, Kind, optional, required};
use crate::cloud::sim::world::{Image, ImageStatus, NewImage, Snapshot};

pub(super) const ACTIONS: &[Action] = &[Action {
    service: Service::Cvm,
    name: "SyncImages",
    regional: true,
    rate: 10,
    fields: &[
        required("ImageIds", Kind::Texts),
        required("DestinationRegions", Kind::Texts),
        optional("DryRun", Kind::Flag),
        optional("ImageName", Kind::Text),
        optional("ImageSetRequired", Kind::Flag),
        optional("Encrypt", Kind::Flag),
        optional("KmsKeyId", Kind::Text),
    ],
    codes: &[
        "FailedOperation.InvalidImageState",
        "ImageQuotaLimitExceeded",
        "InvalidImageId.IncorrectState",
        "InvalidImageId.Malformed",
        "InvalidImageId.NotFound",
        "InvalidImageId.TooLarge",
        "InvalidImageName.Duplicate",
        "InvalidParameter.InstanceImageNotSupport",
        "InvalidParameter.InvalidKmsKeyId",
        "InvalidParameterValue.InvalidImageId",
        "InvalidParameterValue.InvalidImageState",
        "InvalidParameterValue.InvalidRegion",
        "InvalidParameterValue.LimitExceeded",
        // Not documented for this action, but for the same limit of CreateImage.
        "InvalidParameterValue.TooLarge",
        "InvalidRegion.NotFound",
        "InvalidRegion.Unavailable",
        "UnsupportedOperation.EncryptedImagesNotSupported",
        "UnsupportedOperation.Region",
        "UnsupportedOperation.SyncEncryptImageNotSupport",
    ],
    run: sync_images,
}];

fn sync_images(context: &RequestContext<'_>, args: Args<'_>) -> Result<Reply, ActionError> {
    let ids = args.texts("ImageIds");
    let (Some(id), 1) = (ids.first(), ids.len()) else {
        return refuse("InvalidParameterValue.LimitExceeded", "Exactly one image can be copied at a time.");
    };
    let encrypt = args.flag("Encrypt");
    validate_key(args.text("KmsKeyId"), encrypt)?;
    let (source, ownership) = context.image(id)?;
    let name = args.text("ImageName").unwrap_or(&source.name);
    context.validate_name(name, false)?;
    let destinations = destinations(context, &args.texts("DestinationRegions"))?;
    validate_source(context, &source, ownership, &destinations, encrypt)?;
    for destination in &destinations {
        context.validate_name_free(destination.code, name)?;
    }
    for destination in &destinations {
        context.validate_quota(destination.code)?;
    }
    if let Some(reply) = context.dry_run(args)? {
        return Ok(reply);
    }

    let mut set = Vec::with_capacity(destinations.len());
    for destination in &destinations {
        let id = copy(context, &source, *destination, name, encrypt)?;
        set.push(json!({"ImageId": id, "Region": destination.code}));
    }
    if context.settings.copy_source_syncing && ownership == Ownership::Own {
        let task = context.task(ImageStatus::Syncing);
        context.world.set_busy(&source.id, ImageStatus::Syncing, task.ready_at, ImageStatus::Normal)?;
    }
    if !args.flag("ImageSetRequired") {
        set.clear();
    }
    Ok(Reply::from_iter([("ImageSet".to_owned(), Value::Array(set))]))
}

/// Returns a key may be named only where the copy is encrypted. The form of its id is not published.
fn validate_key(key: Option<&str>, encrypt: bool) -> Result<(), ActionError> {
    match key {
        None => Ok(()),
        Some(key)
            if encrypt && !key.is_empty() && key.chars().all(|c| c.is_ascii_alphanumeric() || c == '-') =>
        {
            Ok(())
        }
        Some(key) => refuse("InvalidParameter.InvalidKmsKeyId", format!("KmsKeyId {key} is invalid.")),
    }
}

fn destinations<'a>(
    context: &RequestContext<'a>,
    codes: &[&str],
) -> Result<Vec<RegionInfo<'a>>, ActionError> {
    let mut regions: Vec<RegionInfo<'a>> = Vec::with_capacity(codes.len());
    for code in codes {
        let Some(region_info) = geography::find(context.settings, code) else {
            return refuse("InvalidRegion.NotFound", format!("Region {code} is not found."));
        };
        if regions.iter().any(|other| other.code == region_info.code) {
            return refuse("InvalidParameterValue.InvalidRegion", format!("Region {code} appears twice."));
        }
        regions.push(region_info);
    }
    Ok(regions)
}

fn validate_source(
    context: &RequestContext<'_>,
    source: &Image,
    ownership: Ownership,
    destinations: &[RegionInfo<'_>],
    encrypt: bool,
) -> Result<(), ActionError> {
    let id = &source.id;
    let only_home = destinations.iter().all(|info| info.code == context.region());
    let away_and_home = destinations.iter().any(|info| info.code == context.region()) && !only_home;
    match ownership {
        Ownership::Public => {
            return refuse("InvalidParameterValue.InvalidImageId", format!("{id} is a public image."));
        }
        // Documented for the region of the image only, and forbidden altogether by the user pages (213/4941).
        Ownership::Shared if !only_home || !context.settings.shared_image_copies => {
            return refuse("InvalidParameterValue.InvalidImageId", format!("{id} is a shared image."));
        }
        Ownership::Shared if encrypt => {
            return refuse(
                "UnsupportedOperation.SyncEncryptImageNotSupport",
                format!("{id} is a shared image."),
            );
        }
        Ownership::Shared => {}
        Ownership::Own if encrypt && !only_home => {
            return refuse("InvalidParameterValue.InvalidRegion", "An encrypted copy stays in its region.");
        }
        Ownership::Own if !encrypt && (only_home || away_and_home) => {
            return refuse(
                "InvalidParameterValue.InvalidRegion",
                format!("{id} is in {} already.", context.region()),
            );
        }
        Ownership::Own => {}
    }
    validate_borders(context, destinations)?;
    if source.encrypted {
        return refuse("UnsupportedOperation.EncryptedImagesNotSupported", format!("{id} is encrypted."));
    }
    if is_whole_machine(context, id)? {
        // Documented for copies to other regions (213/4943); which images can be encrypted is not published.
        let code = if encrypt {
            "UnsupportedOperation.SyncEncryptImageNotSupport"
        } else {
            "InvalidParameter.InstanceImageNotSupport"
        };
        return refuse(code, format!("{id} is an image of a whole machine."));
    }
    if context.settings.copy_max_gib.is_some_and(|most| source.size_gib > most) {
        return refuse("InvalidImageId.TooLarge", format!("{id} is too large: {} GiB.", source.size_gib));
    }
    match source.state_at(context.now) {
        ImageStatus::Normal => Ok(()),
        state if state.is_busy() && context.settings.twin_codes => {
            refuse("FailedOperation.InvalidImageState", format!("{id} is {}.", state.as_str()))
        }
        state if state.is_busy() => {
            refuse("InvalidParameterValue.InvalidImageState", format!("{id} is {}.", state.as_str()))
        }
        state => refuse("InvalidImageId.IncorrectState", format!("{id} is {}.", state.as_str())),
    }
}

fn validate_borders(
    context: &RequestContext<'_>,
    destinations: &[RegionInfo<'_>],
) -> Result<(), ActionError> {
    let Some(home) = context.region_info else { return Ok(()) };
    for away in destinations.iter().filter(|info| info.code != home.code) {
        match geography::border(home, *away) {
            None => {}
            Some(Border::NoCopies) => {
                return refuse(
                    "InvalidRegion.Unavailable",
                    format!("Images cannot be copied between {} and {}.", home.code, away.code),
                );
            }
            Some(Border::Mainland) => {
                return refuse(
                    "UnsupportedOperation.Region",
                    format!(
                        "Images cannot be copied from {} to {} (Chinese mainland).",
                        home.code, away.code
                    ),
                );
            }
        }
    }
    Ok(())
}

/// Returns whether an image contains data disks.
pub(super) fn is_whole_machine(context: &RequestContext<'_>, image: &str) -> Result<bool, ActionError> {
    Ok(context.world.snapshots_of(image)?.len() > 1)
}

/// Creates the copy of an image in a region.
fn copy(
    context: &RequestContext<'_>,
    source: &Image,
    to: RegionInfo<'_>,
    name: &str,
    encrypt: bool,
) -> Result<String, ActionError> {
    let id = context.world.new_id("img-")?;
    let task = context.task(ImageStatus::Syncing);
    let inherits = context.settings.copies_inherit;
    let snapshot = Snapshot {
        id: context.world.new_id("snap-")?,
        region: to.code.to_owned(),
        owner: context.caller.to_owned(),
        system: true,
        size_gib: source.size_gib,
        disk: String::new(),
        encrypted: encrypt,
        state: "CREATING".to_owned(),
        ready_at: task.ready_at,
        created_at: context.now,
    };
    let image = Image {
        id: id.clone(),
        region: to.code.to_owned(),
        owner: context.caller.to_owned(),
        name: name.to_owned(),
        description: if inherits { source.description.clone() } else { String::new() },
        family: if inherits { source.family.clone() } else { String::new() },
        deprecated: false,
        // The value of ImageSource for a copy is not documented.
        source: "CREATE_IMAGE".to_owned(),
        encrypted: encrypt,
        created_at: context.now,
        visible_at: context.visible_at(),
        state: task.state,
        ready_at: task.ready_at,
        becomes: task.becomes,
        made_from: source.id.clone(),
        ..source.clone()
    };
    context.world.add_image(&NewImage { image, snapshots: vec![snapshot] })?;
    if inherits && source.owner == context.caller {
        for tag in context.world.tags(&source.id)? {
            context.world.set_tag(context.caller, &id, &tag)?;
        }
    }
    Ok(id)
}

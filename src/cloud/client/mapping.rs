//! Converts between the wire types and the model: images, shares, regions, and the parameters of a new image.
//!
//! A missing optional field has a default (empty text, 0, unknown state). A missing [`ImageId`] or [`AccountId`] makes
//! the answer malformed: skipping it would hide an image that counts in the quota, or a share that prevents a deletion.

use std::collections::{BTreeMap, BTreeSet};

use compact_str::CompactString;
use jiff::Timestamp;

use super::envelope::MalformedResponse;
use super::wire;
use crate::cloud::{ImageFilter, NewImage};
use crate::model::image::Build;
use crate::model::{
    AccountId, Accounts, Architecture, Attributes, ImageId, ImageKind, ImageState, Region, SnapshotId,
    SourceKind, Tags,
};
use crate::state::{ImportSystems, ObservedImage};

/// Maximum number of tags that one call sets, and of tags that it removes (651/35307
/// ModifyResourceTags).
pub(super) const TAGS_PER_CALL: usize = 10;

/// Converts an image. Returns `None` for an image of another account or of the provider whose id has an unknown form.
///
/// # Errors
/// If a custom image has no valid id.
pub(super) fn image(image: wire::Image) -> Result<Option<ObservedImage>, MalformedResponse> {
    let kind = kind(image.image_type.as_deref());
    let id = match image.image_id.as_deref().unwrap_or_default().parse::<ImageId>() {
        Ok(id) => id,
        Err(malformed) if kind == ImageKind::Custom => {
            return Err(MalformedResponse(format!(
                "the listing contains an image without a valid id: {malformed}"
            )));
        }
        // goldform cannot use such an image, but must not fail because of it.
        Err(_) => return Ok(None),
    };
    Ok(Some(ObservedImage {
        id,
        name: image.image_name.unwrap_or_default(),
        description: image.image_description.unwrap_or_default(),
        family: image.image_family.unwrap_or_default(),
        deprecated: image.image_deprecated.unwrap_or_default(),
        tags: image.tags.into_iter().map(|wire::Tag { key, value }| (key, value)).collect(),
        state: state(image.image_state.as_deref()),
        kind,
        created: image.created_time.as_deref().and_then(time).unwrap_or(Timestamp::UNIX_EPOCH),
        creator: image.image_creator.unwrap_or_default(),
        build: Build {
            size_gib: image.image_size.and_then(|size| u32::try_from(size).ok()).unwrap_or_default(),
            os: image.os_name.unwrap_or_default(),
            platform: image.platform.unwrap_or_default(),
            architecture: architecture(image.architecture.as_deref()),
            snapshots: image
                .snapshot_set
                .into_iter()
                .filter_map(|snapshot| snapshot.snapshot_id?.parse::<SnapshotId>().ok())
                .collect(),
        },
    }))
}

/// Parses a time. 213/15753 CreatedTime: `2020-09-22T00:00:00Z` by its description, `2020-09-22T00:00:00+00:00` in its
/// examples.
fn time(text: &str) -> Option<Timestamp> {
    text.trim().parse().ok()
}

fn state(text: Option<&str>) -> ImageState {
    match text.unwrap_or_default() {
        "CREATING" => ImageState::Creating,
        "NORMAL" => ImageState::Normal,
        "CREATEFAILED" => ImageState::CreateFailed,
        "SYNCING" => ImageState::Syncing,
        "IMPORTING" => ImageState::Importing,
        "IMPORTFAILED" => ImageState::ImportFailed,
        "USING" => ImageState::Using,
        _ => ImageState::Unknown,
    }
}

fn kind(text: Option<&str>) -> ImageKind {
    match text.unwrap_or_default() {
        "PUBLIC_IMAGE" => ImageKind::Public,
        "PRIVATE_IMAGE" => ImageKind::Custom,
        "SHARED_IMAGE" => ImageKind::Shared,
        _ => ImageKind::Other,
    }
}

/// Parses an architecture: `arm` in an image, `arm_64` in an import.
fn architecture(text: Option<&str>) -> Architecture {
    match text.unwrap_or_default() {
        "x86_64" => Architecture::X86_64,
        "i386" => Architecture::I386,
        "arm" | "arm_64" | "arm64" => Architecture::Arm,
        _ => Architecture::Other,
    }
}

/// Returns the filters of a listing (213/15715 Filters). They only narrow the listing: [`passes`] decides.
pub(super) fn filters(filter: &ImageFilter) -> Vec<wire::Filter> {
    let ImageFilter { kind, name } = filter;
    let kind = match kind {
        Some(ImageKind::Public) => Some("PUBLIC_IMAGE"),
        Some(ImageKind::Custom) => Some("PRIVATE_IMAGE"),
        Some(ImageKind::Shared) => Some("SHARED_IMAGE"),
        Some(ImageKind::Other) | None => None,
    };
    let kind = kind.map(|kind| wire::Filter { name: "image-type", values: vec![CompactString::new(kind)] });
    // The documents do not define wildcards and blanks in the fuzzy filter. A name with other than plain characters is
    // not filtered by the service, so that no image is missed.
    let name = name
        .as_ref()
        .filter(|name| {
            !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || matches!(c, '-' | '_' | '.'))
        })
        .map(|name| wire::Filter { name: "image-name", values: vec![name.clone()] });
    kind.into_iter().chain(name).collect()
}

/// Returns whether an image passes the filter.
pub(super) fn passes(image: &ObservedImage, filter: &ImageFilter) -> bool {
    let ImageFilter { kind, name } = filter;
    kind.is_none_or(|kind| kind == image.kind)
        && name.as_ref().is_none_or(|name| image.name.contains(name.as_str()))
}

/// Converts a list of shares to their accounts.
///
/// # Errors
/// If an account is malformed.
pub(super) fn accounts(shares: wire::SharePermissions) -> Result<Accounts, MalformedResponse> {
    shares
        .share_permission_set
        .into_iter()
        .map(|share| account(share.account_id.as_deref()))
        .collect::<Result<Vec<_>, _>>()
        .map(Accounts::from)
}

/// Parses an account.
///
/// # Errors
/// If the account is missing or malformed.
pub(super) fn account(text: Option<&str>) -> Result<AccountId, MalformedResponse> {
    text.unwrap_or_default().parse().map_err(|malformed| {
        MalformedResponse(format!("the answer contains a malformed account: {malformed}"))
    })
}

/// Returns the available regions. Codes of an unknown form are left out.
pub(super) fn regions(regions: wire::Regions) -> Vec<Region> {
    let mut regions: Vec<Region> = regions
        .region_set
        .into_iter()
        .filter(|region| region.region_state.as_deref() != Some("UNAVAILABLE"))
        .filter_map(|region| region.region?.parse().ok())
        .collect();
    regions.sort_unstable();
    regions.dedup();
    regions
}

/// Returns the systems that a region imports: every system of either list.
pub(super) fn import_systems(answer: wire::ImportSystems) -> ImportSystems {
    let wire::SystemNames { windows, linux } = answer.import_image_os_list_supported;
    let mut systems: BTreeMap<CompactString, BTreeSet<CompactString>> =
        windows.into_iter().chain(linux).map(|name| (name, BTreeSet::new())).collect();
    for wire::SystemVersions { os_name, os_versions } in answer.import_image_os_version_set {
        if let Some(name) = os_name {
            systems.entry(name).or_default().extend(os_versions);
        }
    }
    ImportSystems(systems)
}

/// Call that creates an image.
pub(super) enum Creation {
    /// From an instance or from snapshots.
    Create(wire::CreateImage),
    /// From a file in object storage.
    Import(wire::ImportImage),
    /// From an image in the same region.
    Sync(wire::SyncImages),
}

/// Returns the call that creates an image in a region.
///
/// # Errors
/// If no call can create the image, with the reason.
pub(super) fn creation(region: &Region, image: &NewImage) -> Result<Creation, String> {
    let NewImage { attributes, tags, source, query, original } = image;
    let Attributes { name, description, family, deprecated: _ } = attributes;
    let name = name.clone().ok_or("an image needs a name")?;
    let description = description.clone().filter(|text| !text.is_empty());
    let family = family.clone().filter(|text| !text.is_empty());
    Ok(match &source.kind {
        SourceKind::Instance { id, power_off, sysprep, data_disks } => Creation::Create(wire::CreateImage {
            image_name: name,
            instance_id: Some(CompactString::new(id.as_str())),
            image_description: description,
            force_poweroff: Some(wire::TextFlag(*power_off)),
            // For Windows only, so it is left out unless it is requested.
            sysprep: sysprep.then_some(wire::TextFlag(true)),
            data_disk_ids: data_disks.iter().map(|disk| CompactString::new(disk.as_str())).collect(),
            tag_specification: tag_specification(tags),
            image_family: family,
            ..Default::default()
        }),
        SourceKind::Snapshots(snapshots) => Creation::Create(wire::CreateImage {
            image_name: name,
            snapshot_ids: snapshots.iter().map(|id| CompactString::new(id.as_str())).collect(),
            image_description: description,
            tag_specification: tag_specification(tags),
            image_family: family,
            ..Default::default()
        }),
        SourceKind::Import { url, os, version, architecture, license, boot, force } => {
            let architecture = match architecture {
                Architecture::X86_64 => "x86_64",
                Architecture::I386 => "i386",
                Architecture::Arm => "arm_64",
                Architecture::Other => return Err("an import needs a known architecture".to_owned()),
            };
            let image_url = match query.as_ref().filter(|query| !query.is_empty()) {
                Some(query) => format!("{url}?{}", query.reveal().trim_start_matches('?')),
                None => url.clone(),
            };
            Creation::Import(wire::ImportImage {
                architecture,
                os_type: os.clone(),
                os_version: version.clone(),
                image_url,
                image_name: name,
                image_description: description,
                force: force.then_some(true),
                tag_specification: tag_specification(tags),
                license_type: license.clone(),
                boot_mode: boot.clone(),
                image_family: family,
                dry_run: None,
            })
        }
        SourceKind::Shared { id, from: _ } => Creation::Sync(sync(id, region, &name)),
        SourceKind::Encrypted { image: entry, kms_key } => {
            let original = original
                .as_ref()
                .ok_or_else(|| format!("the encrypted copy needs an image of image.{entry} in {region}"))?;
            Creation::Sync(wire::SyncImages {
                encrypt: Some(true),
                kms_key_id: kms_key.clone(),
                ..sync(original, region, &name)
            })
        }
        SourceKind::Adopted(id) => return Err(format!("{id} was adopted and cannot be created again")),
    })
}

/// Returns the call that copies one image to one region (213/15711 SyncImages). It always requests the ids, because the
/// answer contains an empty list otherwise.
pub(super) fn sync(image: &ImageId, to: &Region, name: &str) -> wire::SyncImages {
    wire::SyncImages {
        image_ids: vec![CompactString::new(image.as_str())],
        destination_regions: vec![CompactString::new(to.as_str())],
        image_name: CompactString::new(name),
        image_set_required: true,
        ..Default::default()
    }
}

/// Returns the id of the copy in a region. `None` if the answer does not contain it.
pub(super) fn copy_in(region: &Region, answer: wire::SyncedImages) -> Option<ImageId> {
    let copies = answer.image_set;
    let only = copies.len() == 1;
    copies
        .into_iter()
        .find(|copy| match copy.region.as_deref() {
            Some(there) => there == region.as_str(),
            None => only,
        })?
        .image_id?
        .parse()
        .ok()
}

fn tag_specification(tags: &Tags) -> Vec<wire::TagSpecification> {
    if tags.is_empty() {
        return Vec::new();
    }
    let tags = tags.iter().map(|(key, value)| wire::Tag { key: key.clone(), value: value.clone() }).collect();
    vec![wire::TagSpecification { resource_type: "image", tags }]
}

/// Returns the calls that set and remove tags of an image, as few as the limits allow.
///
/// The name of the resource has six segments (651/35307): `qcs::cvm:<region>:uin/<owner>:image/<id>`.
pub(super) fn tag_calls(
    owner: AccountId,
    region: &Region,
    image: &ImageId,
    set: &Tags,
    unset: &[CompactString],
) -> Vec<wire::ModifyResourceTags> {
    let set: Vec<_> = set.iter().collect();
    // The service refuses a key that is both set and removed. Setting it takes precedence.
    let unset: Vec<_> = unset.iter().filter(|key| set.iter().all(|(set, _)| set != key)).collect();
    let mut set = set.chunks(TAGS_PER_CALL);
    let mut unset = unset.chunks(TAGS_PER_CALL);
    let mut calls = Vec::new();
    loop {
        let (set, unset) = (set.next(), unset.next());
        if set.is_none() && unset.is_none() {
            return calls;
        }
        calls.push(wire::ModifyResourceTags {
            resource: format!("qcs::cvm:{region}:uin/{owner}:image/{image}"),
            replace_tags: set
                .unwrap_or_default()
                .iter()
                .map(|(key, value)| wire::ReplacedTag {
                    tag_key: (*key).clone(),
                    tag_value: (*value).clone(),
                })
                .collect(),
            delete_tags: unset
                .unwrap_or_default()
                .iter()
                .map(|key| wire::DeletedTag { tag_key: (*key).clone() })
                .collect(),
        });
    }
}

#[cfg(test)]
mod tests;

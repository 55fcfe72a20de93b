//! Listings of images, and their limit: 213/15715 DescribeImages, 213/15719 DescribeImageQuota.

use serde_json::{Map, Value, json};

use super::Action;
use super::listing::{FILTER, FILTERS_MAX, Page, VALUES_MAX, time};
use crate::cloud::Service;
use crate::cloud::sim::catalogue;
use crate::cloud::sim::context::RequestContext;
use crate::cloud::sim::ownership::Ownership;
use crate::cloud::sim::protocol::Reply;
use crate::cloud::sim::refusal::{ActionError, refuse};
use crate::cloud::sim::schema::{Args, Kind, optional};
use crate::cloud::sim::settings::Arm;
use crate::cloud::sim::validation::validate_tag_key;
use crate::cloud::sim::world::{Image, Tag};
use crate::model::ImageId;

pub(super) const ACTIONS: &[Action] = &[
    Action {
        service: Service::Cvm,
        name: "DescribeImages",
        regional: true,
        rate: 40,
        fields: &[
            optional("ImageIds", Kind::Texts),
            optional("Filters", Kind::Objects(FILTER)),
            optional("Offset", Kind::Integer),
            optional("Limit", Kind::Integer),
            optional("InstanceType", Kind::Text),
        ],
        codes: &[
            "FailedOperation.IllegalTagKey",
            "InvalidFilter",
            "InvalidFilterValue.LimitExceeded",
            "InvalidImageId.Malformed",
            "InvalidInstanceType.Malformed",
            "InvalidParameter.InvalidParameterCoexistImageIdsFilters",
            "InvalidParameterValue.InstanceTypeNotFound",
            "InvalidParameterValue.InvalidParameterValueLimit",
            "InvalidParameterValue.LimitExceeded",
            "InvalidParameterValue.TagKeyNotFound",
        ],
        run: describe_images,
    },
    Action {
        service: Service::Cvm,
        name: "DescribeImageQuota",
        regional: true,
        rate: 10,
        fields: &[],
        codes: &[],
        run: |context, _| {
            let limit = context.settings.image_limit(context.region());
            Ok(Reply::from_iter([("ImageNumQuota".to_owned(), Value::from(limit))]))
        },
    },
];

/// Number of own images in a region above which a listing reads only the requested page.
const LARGE_LISTING: u32 = 1_000;

/// Documented filter.
enum Filter<'a> {
    Id(Vec<&'a str>),
    Type(Vec<&'a str>),
    /// Fuzzy (documented since 2025-05-07): the name contains the text. The filter is case-sensitive.
    Name(Vec<&'a str>),
    /// Also fuzzy.
    Platform(Vec<&'a str>),
    TagKey(Vec<&'a str>),
    TagValue(Vec<&'a str>),
    Tag(&'a str, Vec<&'a str>),
    /// Filter for dedicated clusters. The sandbox has none, so no image passes.
    Nothing,
}

impl<'a> Filter<'a> {
    fn read(args: Args<'a>) -> Result<Self, ActionError> {
        let name = args.text("Name").unwrap_or_default();
        let values = args.texts("Values");
        if values.len() > VALUES_MAX {
            return refuse(
                "InvalidFilterValue.LimitExceeded",
                format!("The filter {name} has more than {VALUES_MAX} values."),
            );
        }
        Ok(match name {
            "image-id" => Self::Id(values),
            "image-type" => Self::Type(values),
            "image-name" => Self::Name(values),
            "platform" => Self::Platform(values),
            "tag-key" => Self::TagKey(values),
            "tag-value" => Self::TagValue(values),
            "dedicated-cluster-id" | "cdc-cache-status" => Self::Nothing,
            _ => match name.strip_prefix("tag:") {
                Some(key) if !key.is_empty() => Self::Tag(key, values),
                _ => return refuse("InvalidFilter", format!("The filter {name} is not recognized.")),
            },
        })
    }

    /// Returns whether an image passes the filter. Several values of one filter are alternatives.
    fn passes(&self, image: &Image, ownership: Ownership, tags: &[Tag]) -> bool {
        match self {
            Self::Id(ids) => ids.contains(&image.id.as_str()),
            Self::Type(types) => types.contains(&image_type(ownership)),
            Self::Name(texts) => texts.iter().any(|text| image.name.contains(text)),
            Self::Platform(texts) => texts.iter().any(|text| image.platform.contains(text)),
            Self::TagKey(keys) => tags.iter().any(|tag| keys.contains(&tag.key.as_str())),
            Self::TagValue(values) => tags.iter().any(|tag| values.contains(&tag.value.as_str())),
            Self::Tag(key, values) => {
                tags.iter().any(|tag| tag.key == *key && values.contains(&tag.value.as_str()))
            }
            Self::Nothing => false,
        }
    }

    /// Returns the tag keys of the filter.
    fn tag_keys(&self) -> &[&'a str] {
        match self {
            Self::TagKey(keys) => keys,
            Self::Tag(key, _) => std::slice::from_ref(key),
            _ => &[],
        }
    }

    fn needs_tags(&self) -> bool {
        matches!(self, Self::TagKey(_) | Self::TagValue(_) | Self::Tag(..))
    }
}

fn describe_images(context: &RequestContext<'_>, args: Args<'_>) -> Result<Reply, ActionError> {
    let ids = args.texts("ImageIds");
    let filters = args.objects("Filters");
    if !ids.is_empty() && !filters.is_empty() {
        return refuse(
            "InvalidParameter.InvalidParameterCoexistImageIdsFilters",
            "ImageIds and Filters exclude each other.",
        );
    }
    let most = usize::try_from(context.settings.ids_per_call).unwrap_or(usize::MAX);
    if ids.len() > most || filters.len() > FILTERS_MAX {
        return refuse("InvalidParameterValue.LimitExceeded", "There are too many ImageIds or Filters.");
    }
    if let Some(id) = ids.iter().find(|id| id.parse::<ImageId>().is_err()) {
        return refuse("InvalidImageId.Malformed", format!("ImageId {id} is malformed."));
    }
    let filters = filters.into_iter().map(Filter::read).collect::<Result<Vec<_>, _>>()?;
    for key in filters.iter().flat_map(Filter::tag_keys) {
        if validate_tag_key(context.settings, key).is_err() {
            return refuse("FailedOperation.IllegalTagKey", format!("The tag key {key} is illegal."));
        }
        if context.settings.tag_keys_must_exist
            && context.world.values_of_key(context.caller, key)?.is_empty()
        {
            return refuse(
                "InvalidParameterValue.TagKeyNotFound",
                format!("The tag key {key} is not found."),
            );
        }
    }
    let page = Page::read(args, "InvalidParameterValue.InvalidParameterValueLimit")?
        .at_most(context.settings.images_per_page);
    let architecture = args.text("InstanceType").map(|name| runs_on(context, name)).transpose()?;

    if ids.is_empty()
        && architecture.is_none()
        && filters.iter().all(|filter| matches!(filter, Filter::Type(_)))
        && context.world.image_count(context.region(), context.caller)? > LARGE_LISTING
    {
        return one_of_many_pages(context, &page, &filters);
    }
    let mut images = if ids.is_empty() { listed(context)? } else { named(context, &ids)? };
    images.retain(|(image, _)| image.visible_at <= context.now);
    if let Some(runs) = architecture {
        images.retain(|(image, _)| runs.contains(&image.architecture.as_str()));
    }
    if !filters.is_empty() {
        let with_tags = filters.iter().any(Filter::needs_tags);
        let mut passed = Vec::with_capacity(images.len());
        for (image, ownership) in images {
            let tags = if with_tags { context.world.tags(&image.id)? } else { Vec::new() };
            if filters.iter().all(|filter| filter.passes(&image, ownership, &tags)) {
                passed.push((image, ownership));
            }
        }
        images = passed;
    }
    let total = images.len();
    let set = page
        .of(images)
        .map(|(image, ownership)| image_fields(context, &image, ownership))
        .collect::<Result<_, _>>()?;
    Ok(Reply::from_iter([
        ("ImageSet".to_owned(), Value::Array(set)),
        ("TotalCount".to_owned(), Value::from(total)),
    ]))
}

/// Returns a page of a listing that filters by type only. The own images of the caller come first, and only those on
/// the page are read.
fn one_of_many_pages(
    context: &RequestContext<'_>,
    page: &Page,
    filters: &[Filter<'_>],
) -> Result<Reply, ActionError> {
    let passes = |image: &Image, ownership| filters.iter().all(|filter| filter.passes(image, ownership, &[]));
    let is_own = |types: &Vec<&str>| types.contains(&image_type(Ownership::Own));
    let own = filters.iter().all(|filter| matches!(filter, Filter::Type(types) if is_own(types)));
    let (own_total, images) = if own {
        let (region, caller, now) = (context.region(), context.caller, context.now);
        (
            context.world.visible_count(region, caller, now)?,
            context.world.images_on_page(region, caller, now, page.offset, page.limit)?,
        )
    } else {
        (0, Vec::new())
    };
    let mut images: Vec<(Image, Ownership)> =
        images.into_iter().map(|image| (image, Ownership::Own)).collect();
    let shared = context.world.images_shared_with(context.region(), context.caller)?;
    let mut others: Vec<(Image, Ownership)> =
        shared.into_iter().map(|image| (image, Ownership::Shared)).collect();
    others.extend(catalogue::images(context.settings, context.region(), context.caller));
    others.retain(|(image, ownership)| image.visible_at <= context.now && passes(image, *ownership));
    let total = own_total + others.len();
    let room = page.limit.saturating_sub(images.len());
    images.extend(others.into_iter().skip(page.offset.saturating_sub(own_total)).take(room));
    let set = images
        .iter()
        .map(|(image, ownership)| image_fields(context, image, *ownership))
        .collect::<Result<_, _>>()?;
    Ok(Reply::from_iter([
        ("ImageSet".to_owned(), Value::Array(set)),
        ("TotalCount".to_owned(), Value::from(total)),
    ]))
}

/// Returns every image that the caller sees in the region: its own ones, the shared ones, then those of the catalogue.
fn listed(context: &RequestContext<'_>) -> Result<Vec<(Image, Ownership)>, ActionError> {
    let own = context.world.images_of(context.region(), context.caller)?;
    let shared = context.world.images_shared_with(context.region(), context.caller)?;
    let mut images: Vec<(Image, Ownership)> = Vec::with_capacity(own.len() + shared.len());
    images.extend(own.into_iter().map(|image| (image, Ownership::Own)));
    images.extend(shared.into_iter().map(|image| (image, Ownership::Shared)));
    images.extend(catalogue::images(context.settings, context.region(), context.caller));
    Ok(images)
}

/// Returns the images with these ids that the caller sees. Other ids are skipped, because the action does not document
/// InvalidImageId.NotFound.
fn named(context: &RequestContext<'_>, ids: &[&str]) -> Result<Vec<(Image, Ownership)>, ActionError> {
    let mut images: Vec<(Image, Ownership)> = Vec::with_capacity(ids.len());
    for id in ids {
        if let Some(found) = context.find_image(id)?
            && !images.iter().any(|(image, _)| image.id == found.0.id)
        {
            images.push(found);
        }
    }
    Ok(images)
}

/// Returns the architectures that an instance type supports. Types SR1, SR2 and SK are ARM.
fn runs_on(
    context: &RequestContext<'_>,
    instance_type: &str,
) -> Result<&'static [&'static str], ActionError> {
    let family = instance_type.split_once('.').map(|(family, size)| (family, !size.is_empty()));
    match family {
        Some((family, true)) if !family.is_empty() && family.chars().all(|c| c.is_ascii_alphanumeric()) => {
            let known = context.settings.instance_types.as_ref();
            if known.is_some_and(|known| !known.contains(instance_type)) {
                return refuse(
                    "InvalidParameterValue.InstanceTypeNotFound",
                    format!("InstanceType {instance_type} is not found."),
                );
            }
            let arm = family.starts_with("SR") || family.starts_with("SK");
            Ok(if arm { &["arm"] } else { &["x86_64", "i386"] })
        }
        _ => refuse("InvalidInstanceType.Malformed", format!("InstanceType {instance_type} is malformed.")),
    }
}

fn image_type(ownership: Ownership) -> &'static str {
    match ownership {
        Ownership::Own => "PRIVATE_IMAGE",
        Ownership::Shared => "SHARED_IMAGE",
        Ownership::Public => "PUBLIC_IMAGE",
    }
}

/// Returns the fields of an image that the caller sees (213/15753 Image).
pub(super) fn image_fields(
    context: &RequestContext<'_>,
    image: &Image,
    ownership: Ownership,
) -> Result<Value, ActionError> {
    let settings = context.settings;
    // A recipient sees neither the tags nor the snapshots of the owner, because it cannot use them.
    let own = ownership == Ownership::Own;
    let snapshots: Vec<Value> = if own { context.world.snapshots_of(&image.id)? } else { Vec::new() }
        .iter()
        .map(|snapshot| {
            json!({"SnapshotId": snapshot.id, "DiskUsage": snapshot.usage(), "DiskSize": snapshot.size_gib})
        })
        .collect();
    let tags: Vec<Value> = if own { context.world.tags(&image.id)? } else { Vec::new() }
        .iter()
        .map(|tag| json!({"Key": tag.key, "Value": tag.value}))
        .collect();
    let creator = match (ownership, settings.creator) {
        (Ownership::Public, _) => "tencent".to_owned(),
        (_, Some(user)) => user.to_string(),
        (_, None) => image.owner.clone(),
    };
    let list = |items: Vec<Value>| {
        if items.is_empty() && settings.null_fields { Value::Null } else { Value::Array(items) }
    };
    let architecture = match (image.architecture.as_str(), settings.arm) {
        ("arm", Arm::Arm64) => "arm_64",
        (architecture, _) => architecture,
    };
    let mut fields = Map::new();
    let mut set = |name: &str, value: Value| fields.insert(name.to_owned(), value);
    set("ImageId", Value::from(image.id.as_str()));
    set("OsName", Value::from(image.os.as_str()));
    set("ImageType", Value::from(image_type(ownership)));
    set("CreatedTime", Value::from(time(settings.timestamps, image.created_at)));
    set("ImageName", Value::from(image.name.as_str()));
    set("ImageDescription", Value::from(image.description.as_str()));
    set("ImageSize", Value::from(image.size_gib));
    set("Architecture", Value::from(architecture));
    set("ImageState", Value::from(image.state_at(context.now).as_str()));
    set("Platform", Value::from(image.platform.as_str()));
    set("ImageCreator", Value::from(creator));
    set("ImageSource", Value::from(image.source.as_str()));
    set(
        "SyncPercent",
        if settings.null_fields { Value::Null } else { Value::from(sync_percent(context, image)) },
    );
    set("IsSupportCloudinit", Value::from(image.cloudinit));
    set("SnapshotSet", list(snapshots));
    set("Tags", list(tags));
    set("LicenseType", Value::from(image.license.as_str()));
    set(
        "ImageFamily",
        if image.family.is_empty() && settings.null_fields {
            Value::Null
        } else {
            Value::from(image.family.as_str())
        },
    );
    set("ImageDeprecated", Value::from(image.deprecated));
    set("CdcCacheStatus", Value::Null);
    if settings.unknown_fields {
        set("ImageMood", json!({"Cheerful": true}));
    }
    Ok(Value::Object(fields))
}

/// Returns the progress of a copy in percent. An image without a running task has 100, so that the value does not show
/// whether the image is ready.
fn sync_percent(context: &RequestContext<'_>, image: &Image) -> i64 {
    let busy = image.state_at(context.now).is_busy();
    match image.ready_at {
        Some(ready) if busy && ready > image.created_at => {
            ((context.now - image.created_at).max(0).saturating_mul(100) / (ready - image.created_at)).min(99)
        }
        _ if busy => 0,
        _ => 100,
    }
}

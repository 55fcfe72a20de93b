//! Reading tags of resources through the tag service: 651/35320 DescribeResourceTagsByResourceIds,
//! DescribeResourceTags and GetResources. Resources are the caller's images.

use serde_json::{Value, json};

use super::Action;
use super::tags::{ANY_SERVICE, resource};
use crate::cloud::Service;
use crate::cloud::sim::checksum;
use crate::cloud::sim::context::RequestContext;
use crate::cloud::sim::geography;
use crate::cloud::sim::protocol::Reply;
use crate::cloud::sim::refusal::{ActionError, refuse};
use crate::cloud::sim::schema::{Args, Field, Kind, optional, required};
use crate::cloud::sim::world::{Image, Tag};

const TAG_FILTER: &[Field] = &[required("TagKey", Kind::Text), optional("TagValue", Kind::Texts)];

pub(super) const ACTIONS: &[Action] = &[
    Action {
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
    },
    Action {
        service: Service::Tag,
        name: "DescribeResourceTags",
        regional: false,
        rate: 20,
        fields: &[
            optional("CreateUin", Kind::Integer),
            optional("ResourceRegion", Kind::Text),
            optional("ServiceType", Kind::Text),
            optional("ResourcePrefix", Kind::Text),
            optional("ResourceId", Kind::Text),
            optional("Offset", Kind::Integer),
            optional("Limit", Kind::Integer),
            optional("CosResourceId", Kind::Integer),
        ],
        codes: &[],
        run: describe_resource_tags,
    },
    Action {
        service: Service::Tag,
        name: "GetResources",
        regional: false,
        rate: 20,
        fields: &[
            optional("ResourceList", Kind::Texts),
            optional("TagFilters", Kind::Objects(TAG_FILTER)),
            optional("PaginationToken", Kind::Text),
            optional("MaxResults", Kind::Integer),
        ],
        codes: &[
            "AuthFailure.UnauthorizedOperation",
            "InvalidParameter.PaginationTokenInvalid",
            "InvalidParameter.UnsupportedService",
            "InvalidParameterValue.ResourceDescriptionError",
            "InvalidParameterValue.TagFilters",
            "LimitExceeded.ResourceNumPerRequest",
        ],
        run: get_resources,
    },
];

/// Maximum number of resources in one call.
const IDS_MAX: usize = 50;
/// Kinds of resources that the image service tags. In the sandbox, only images have tags.
const PREFIXES: &[&str] = &["instance", "host", "image", "keypair", "ps", "hpc"];

fn describe_resource_tags_by_resource_ids(
    context: &RequestContext<'_>,
    args: Args<'_>,
) -> Result<Reply, ActionError> {
    let prefix = validate_kind(args)?;
    let ids = validate_ids(args, "InvalidParameterValue.ResourceIdInvalid")?;
    let region = validate_region(context, args)?;
    let page = page(args)?;
    let category = args.text("Category").unwrap_or("All");
    if !matches!(category, "All" | "Custom" | "System") {
        return refuse("InvalidParameterValue", format!("Category {category} is invalid."));
    }
    let mut rows = Vec::new();
    if prefix == "image" && category != "System" {
        for id in ids {
            let own = context.world.image(region, id)?.is_some_and(|image| image.owner == context.caller);
            let tags = if own { context.world.tags(id)? } else { Vec::new() };
            rows.extend(tags.iter().map(|tag| row(id, tag)));
        }
    }
    Ok(paged("Tags", rows, page))
}

fn describe_resource_tags(context: &RequestContext<'_>, args: Args<'_>) -> Result<Reply, ActionError> {
    let page = page(args)?;
    let is = |name: &str, value: &str| args.text(name).is_none_or(|given| given == value);
    let mut rows = Vec::new();
    if is("ServiceType", "cvm") && is("ResourcePrefix", "image") {
        for image in own_images(context)? {
            if is("ResourceRegion", &image.region) && is("ResourceId", &image.id) {
                rows.extend(context.world.tags(&image.id)?.iter().map(|tag| row(&image.id, tag)));
            }
        }
    }
    Ok(paged("Rows", rows, page))
}

/// Maximum number of named resources in one call, of filters, and of values in one filter.
const RESOURCES_MAX: usize = 50;
/// See [`RESOURCES_MAX`].
const TAG_FILTERS_MAX: usize = 6;
/// See [`RESOURCES_MAX`].
const TAG_FILTER_VALUES_MAX: usize = 10;

/// Returns the named resources, or those with tags that pass the filters. A call has either names or filters.
fn get_resources(context: &RequestContext<'_>, args: Args<'_>) -> Result<Reply, ActionError> {
    let (named, filters) = (args.texts("ResourceList"), args.objects("TagFilters"));
    if !named.is_empty() && !filters.is_empty() {
        return refuse("InvalidParameter", "ResourceList and TagFilters exclude each other.");
    }
    if named.len() > RESOURCES_MAX {
        return refuse(
            "LimitExceeded.ResourceNumPerRequest",
            format!("At most {RESOURCES_MAX} resources can be named."),
        );
    }
    if filters.len() > TAG_FILTERS_MAX
        || filters.iter().any(|filter| filter.texts("TagValue").len() > TAG_FILTER_VALUES_MAX)
    {
        return refuse(
            "InvalidParameterValue.TagFilters",
            "There are too many TagFilters, or values in one.",
        );
    }
    let limit = match usize::try_from(args.integer("MaxResults").unwrap_or(50)) {
        Ok(limit @ 1..=200) => limit,
        _ => return refuse("InvalidParameterValue", "MaxResults is not from 1 to 200."),
    };
    let offset = match args.text("PaginationToken").unwrap_or_default() {
        "" => 0,
        token => match token.parse::<usize>() {
            Ok(offset) => offset,
            Err(_) => {
                return refuse("InvalidParameter.PaginationTokenInvalid", "PaginationToken is invalid.");
            }
        },
    };
    let wanted =
        named.iter().map(|name| resource(context, name, ANY_SERVICE)).collect::<Result<Vec<_>, _>>()?;
    let mut found = Vec::new();
    for image in own_images(context)? {
        let tags = context.world.tags(&image.id)?;
        let passes = filters.iter().all(|filter| {
            let (key, values) = (filter.text("TagKey").unwrap_or_default(), filter.texts("TagValue"));
            tags.iter()
                .any(|tag| tag.key == key && (values.is_empty() || values.contains(&tag.value.as_str())))
        });
        if !tags.is_empty() && passes && (wanted.is_empty() || wanted.contains(&image.id)) {
            let tags: Vec<Value> = tags
                .iter()
                .map(|tag| json!({"TagKey": tag.key, "TagValue": tag.value, "Category": "Custom"}))
                .collect();
            let name = format!("qcs::cvm:{}:uin/{}:image/{}", image.region, context.caller, image.id);
            found.push(json!({"Resource": name, "Tags": tags}));
        }
    }
    let next = offset.saturating_add(limit);
    let token = if next < found.len() { next.to_string() } else { String::new() };
    Ok(Reply::from_iter([
        ("PaginationToken".to_owned(), Value::from(token)),
        (
            "ResourceTagMappingList".to_owned(),
            Value::Array(found.into_iter().skip(offset).take(limit).collect()),
        ),
    ]))
}

fn own_images(context: &RequestContext<'_>) -> Result<Vec<Image>, ActionError> {
    let mut images = context.world.all_images()?;
    images.retain(|image| image.owner == context.caller);
    Ok(images)
}

/// Returns the requested kind of resources.
pub(super) fn validate_kind(args: Args<'_>) -> Result<&str, ActionError> {
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

/// Returns the requested ids of resources.
pub(super) fn validate_ids<'a>(args: Args<'a>, too_many: &'static str) -> Result<Vec<&'a str>, ActionError> {
    let ids = args.texts("ResourceIds");
    if ids.len() > IDS_MAX {
        return refuse(too_many, format!("At most {IDS_MAX} ResourceIds can be named."));
    }
    if ids.iter().any(|id| id.is_empty()) {
        return refuse("InvalidParameterValue.ResourceIdInvalid", "A ResourceId is empty.");
    }
    Ok(ids)
}

/// Returns the region of the requested resources.
pub(super) fn validate_region<'a>(
    context: &RequestContext<'_>,
    args: Args<'a>,
) -> Result<&'a str, ActionError> {
    let region = args.text("ResourceRegion").unwrap_or_default();
    match geography::find(context.settings, region) {
        Some(_) => Ok(region),
        None => refuse("InvalidParameterValue.RegionInvalid", format!("ResourceRegion {region} is invalid.")),
    }
}

/// Returns Offset and Limit of the tag service. Defaults: 0 and 15. Offset must be a multiple of Limit.
pub(super) fn page(args: Args<'_>) -> Result<(usize, usize), ActionError> {
    let limit = args.integer("Limit").unwrap_or(15);
    let offset = args.integer("Offset").unwrap_or(0);
    match (usize::try_from(offset), usize::try_from(limit)) {
        (Ok(offset), Ok(limit)) if limit > 0 && offset % limit == 0 => Ok((offset, limit)),
        _ => refuse("InvalidParameterValue", format!("Offset {offset} is not a multiple of Limit {limit}.")),
    }
}

fn paged(name: &str, rows: Vec<Value>, (offset, limit): (usize, usize)) -> Reply {
    Reply::from_iter([
        ("TotalCount".to_owned(), Value::from(rows.len())),
        ("Offset".to_owned(), Value::from(offset)),
        ("Limit".to_owned(), Value::from(limit)),
        (name.to_owned(), Value::Array(rows.into_iter().skip(offset).take(limit).collect())),
    ])
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

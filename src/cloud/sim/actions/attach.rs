//! One tag, many resources: 651/55852 AttachResourcesTag and DetachResourcesTag of the tag service.

use super::Action;
use super::tag_reads::{validate_ids, validate_kind, validate_region};
use super::tags::validate_room;
use crate::cloud::Service;
use crate::cloud::sim::context::RequestContext;
use crate::cloud::sim::protocol::Reply;
use crate::cloud::sim::refusal::{ActionError, refuse};
use crate::cloud::sim::schema::{Args, Kind, optional, required};
use crate::cloud::sim::validation::{validate_tag_key, validate_tag_value};
use crate::cloud::sim::world::Tag;

const ATTACH_CODES: &[&str] = &[
    "InvalidParameter.ReservedTagKey",
    "InvalidParameterValue.RegionInvalid",
    "InvalidParameterValue.ResourceIdInvalid",
    "InvalidParameterValue.ResourcePrefixInvalid",
    "InvalidParameterValue.ServiceTypeInvalid",
    "InvalidParameterValue.TagKeyCharacterIllegal",
    "InvalidParameterValue.TagKeyEmpty",
    "InvalidParameterValue.TagValueCharacterIllegal",
    "LimitExceeded.ResourceAttachedTags",
    "LimitExceeded.ResourceNumPerRequest",
    "ResourceInUse.TagKeyAttached",
    "ResourceNotFound.TagNonExist",
];

const DETACH_CODES: &[&str] = &[
    "InvalidParameterValue.RegionInvalid",
    "InvalidParameterValue.ResourceIdInvalid",
    "InvalidParameterValue.ResourcePrefixInvalid",
    "InvalidParameterValue.ServiceTypeInvalid",
    "InvalidParameterValue.TagKeyCharacterIllegal",
    "LimitExceeded.ResourceNumPerRequest",
    "ResourceNotFound.AttachedTagKeyNotFound",
];

pub(super) const ACTIONS: &[Action] = &[
    Action {
        service: Service::Tag,
        name: "AttachResourcesTag",
        regional: false,
        rate: 20,
        fields: &[
            required("ServiceType", Kind::Text),
            required("ResourceIds", Kind::Texts),
            required("TagKey", Kind::Text),
            optional("TagValue", Kind::Text),
            optional("ResourceRegion", Kind::Text),
            optional("ResourcePrefix", Kind::Text),
        ],
        codes: ATTACH_CODES,
        run: attach_resources_tag,
    },
    Action {
        service: Service::Tag,
        name: "DetachResourcesTag",
        regional: false,
        rate: 20,
        fields: &[
            required("ServiceType", Kind::Text),
            required("ResourceIds", Kind::Texts),
            required("TagKey", Kind::Text),
            optional("ResourceRegion", Kind::Text),
            optional("ResourcePrefix", Kind::Text),
        ],
        codes: DETACH_CODES,
        run: detach_resources_tag,
    },
];

fn attach_resources_tag(context: &RequestContext<'_>, args: Args<'_>) -> Result<Reply, ActionError> {
    let tag = Tag {
        key: args.text("TagKey").unwrap_or_default().to_owned(),
        value: args.text("TagValue").unwrap_or_default().to_owned(),
    };
    let images = images(context, args)?;
    documented(validate_tag_key(context.settings, &tag.key), ATTACH_CODES)?;
    documented(validate_tag_value(&tag.value), ATTACH_CODES)?;
    if !context.world.values_of_key(context.caller, &tag.key)?.contains(&tag.value) {
        return refuse(
            "ResourceNotFound.TagNonExist",
            format!("The tag {}={} does not exist.", tag.key, tag.value),
        );
    }
    for image in &images {
        // The key with another value is refused, but the same tag again is not (assumed).
        if context.world.tags(image)?.iter().any(|other| other.key == tag.key && other.value != tag.value) {
            return refuse("ResourceInUse.TagKeyAttached", format!("{image} has the tag key {}.", tag.key));
        }
        validate_room(context, image, std::slice::from_ref(&tag), &[])?;
    }
    for image in &images {
        context.world.set_tag(context.caller, image, &tag)?;
    }
    Ok(Reply::new())
}

fn detach_resources_tag(context: &RequestContext<'_>, args: Args<'_>) -> Result<Reply, ActionError> {
    let key = args.text("TagKey").unwrap_or_default();
    let images = images(context, args)?;
    documented(validate_tag_key(context.settings, key), DETACH_CODES)?;
    for image in &images {
        if !context.world.tags(image)?.iter().any(|tag| tag.key == key) {
            return refuse(
                "ResourceNotFound.AttachedTagKeyNotFound",
                format!("{image} has no tag key {key}."),
            );
        }
    }
    for image in &images {
        context.world.remove_tag(image, key)?;
    }
    Ok(Reply::new())
}

/// Drops a refusal whose code the action does not document. Such a tag is handled as one that does not exist.
fn documented(result: Result<(), ActionError>, codes: &[&str]) -> Result<(), ActionError> {
    match result {
        Err(ActionError::Refused(refusal)) if !codes.contains(&refusal.code.as_ref()) => Ok(()),
        result => result,
    }
}

/// Returns the named own images of the caller.
fn images(context: &RequestContext<'_>, args: Args<'_>) -> Result<Vec<String>, ActionError> {
    let prefix = validate_kind(args)?;
    let ids = validate_ids(args, "LimitExceeded.ResourceNumPerRequest")?;
    let region = validate_region(context, args)?;
    let mut images = Vec::with_capacity(ids.len());
    for id in ids {
        match context.world.image(region, id)? {
            Some(image) if prefix == "image" && image.owner == context.caller => images.push(image.id),
            _ => return refuse("InvalidParameterValue.ResourceIdInvalid", format!("{id} does not exist.")),
        }
    }
    Ok(images)
}

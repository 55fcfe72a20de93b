//! Changing tags through the tag service: 651/35322 ModifyResourceTags, TagResources, UnTagResources.
//!
//! Only images can be tagged here. A resource is named in six segments,
//! `qcs::cvm:ap-jakarta:uin/100000000001:image/img-6pb6lrmy`; the account may be left out after `uin/`.

use serde_json::{Value, json};

use super::Action;
use crate::cloud::Service;
use crate::cloud::sim::context::RequestContext;
use crate::cloud::sim::protocol::Reply;
use crate::cloud::sim::refusal::{ActionError, Refusal, refuse};
use crate::cloud::sim::schema::{Args, Field, Kind, optional, required};
use crate::cloud::sim::validation::{TAGS_MAX, validate_tag_key, validate_tag_value};
use crate::cloud::sim::world::Tag;

/// Tag of the tag service. Its fields have other names than in the image service.
const TAG: &[Field] = &[required("TagKey", Kind::Text), required("TagValue", Kind::Text)];
const KEY: &[Field] = &[required("TagKey", Kind::Text)];

/// Maximum number of resources, tags or keys in one call.
const PER_CALL: usize = 10;
/// Maximum number of keys of one account, and of values of one key (limits of the tag service).
const KEYS_MAX: u32 = 1_000;
/// See [`KEYS_MAX`].
const VALUES_MAX: usize = 1_000;

pub(super) const ACTIONS: &[Action] = &[
    Action {
        service: Service::Tag,
        name: "ModifyResourceTags",
        regional: false,
        rate: 20,
        fields: &[
            required("Resource", Kind::Text),
            optional("ReplaceTags", Kind::Objects(TAG)),
            optional("DeleteTags", Kind::Objects(KEY)),
        ],
        codes: &[
            "InvalidParameter.ReservedTagKey",
            "InvalidParameter.Tag",
            "InvalidParameterValue.DeleteTagsParamError",
            "InvalidParameterValue.ResourceDescriptionError",
            "InvalidParameterValue.TagKeyCharacterIllegal",
            "InvalidParameterValue.TagKeyEmpty",
            "InvalidParameterValue.TagKeyLengthExceeded",
            "InvalidParameterValue.TagValueCharacterIllegal",
            "InvalidParameterValue.TagValueLengthExceeded",
            "LimitExceeded.Quota",
            "LimitExceeded.ResourceAttachedTags",
            "LimitExceeded.TagKey",
            "LimitExceeded.TagValue",
        ],
        run: modify_resource_tags,
    },
    Action {
        service: Service::Tag,
        name: "TagResources",
        regional: false,
        rate: 20,
        fields: &[required("ResourceList", Kind::Texts), required("Tags", Kind::Objects(TAG))],
        codes: &[
            "AuthFailure.UnauthorizedOperation",
            "InvalidParameter.ReservedTagKey",
            "InvalidParameter.UnsupportedService",
            "InvalidParameterValue.ResourceDescriptionError",
            "InvalidParameterValue.TagKeyCharacterIllegal",
            "InvalidParameterValue.TagKeyDuplicate",
            "InvalidParameterValue.TagKeyEmpty",
            "InvalidParameterValue.TagKeyLengthExceeded",
            "InvalidParameterValue.TagValueCharacterIllegal",
            "InvalidParameterValue.TagValueEmpty",
            "InvalidParameterValue.TagValueLengthExceeded",
            "LimitExceeded.ResourceAttachedTags",
            "LimitExceeded.ResourceNumPerRequest",
            "LimitExceeded.TagKey",
            "LimitExceeded.TagNumPerRequest",
            "LimitExceeded.TagValue",
        ],
        run: tag_resources,
    },
    Action {
        service: Service::Tag,
        name: "UnTagResources",
        regional: false,
        rate: 20,
        fields: &[required("ResourceList", Kind::Texts), required("TagKeys", Kind::Texts)],
        codes: &[
            "AuthFailure.UnauthorizedOperation",
            "InvalidParameter.ReservedTagKey",
            "InvalidParameter.UnsupportedService",
            "InvalidParameterValue.ResourceDescriptionError",
            "InvalidParameterValue.TagKeyCharacterIllegal",
            "InvalidParameterValue.TagKeyEmpty",
            "InvalidParameterValue.TagKeyLengthExceeded",
            "LimitExceeded.ResourceNumPerRequest",
            "LimitExceeded.TagNumPerRequest",
        ],
        run: untag_resources,
    },
];

fn modify_resource_tags(context: &RequestContext<'_>, args: Args<'_>) -> Result<Reply, ActionError> {
    let set = read_tags(args.objects("ReplaceTags"));
    let unset: Vec<&str> = args.objects("DeleteTags").iter().filter_map(|tag| tag.text("TagKey")).collect();
    for (name, length) in [("ReplaceTags", set.len()), ("DeleteTags", unset.len())] {
        if args.has(name) && length == 0 {
            return refuse("InvalidParameter.Tag", format!("The parameter `{name}` is empty."));
        }
        if length > PER_CALL {
            return refuse(
                "LimitExceeded.Quota",
                format!("The parameter `{name}` has more than {PER_CALL} items."),
            );
        }
    }
    if set.is_empty() && unset.is_empty() {
        return refuse("InvalidParameter.Tag", "One of ReplaceTags and DeleteTags is needed.");
    }
    if set.iter().any(|tag| unset.contains(&tag.key.as_str())) {
        return refuse("InvalidParameterValue.DeleteTagsParamError", "A key is both replaced and deleted.");
    }
    for key in &unset {
        validate_tag_key(context.settings, key)?;
    }
    // The action documents neither TagValueEmpty nor TagKeyDuplicate.
    let twice = |(at, tag): (usize, &Tag)| set.iter().take(at).any(|other| other.key == tag.key);
    if set.iter().any(|tag| tag.value.is_empty()) || set.iter().enumerate().any(twice) {
        return refuse("InvalidParameter.Tag", "A tag value is empty, or a tag key appears twice.");
    }
    validate_tags(context, &set)?;
    let image = resource(context, args.text("Resource").unwrap_or_default(), ANY_RESOURCE)?;
    validate_room(context, &image, &set, &unset)?;
    for key in unset {
        context.world.remove_tag(&image, key)?;
    }
    for tag in &set {
        context.world.set_tag(context.caller, &image, tag)?;
    }
    Ok(Reply::new())
}

fn tag_resources(context: &RequestContext<'_>, args: Args<'_>) -> Result<Reply, ActionError> {
    let set = read_tags(args.objects("Tags"));
    if set.len() > PER_CALL {
        return refuse("LimitExceeded.TagNumPerRequest", format!("At most {PER_CALL} tags can be named."));
    }
    validate_tags(context, &set)?;
    each_resource(context, args, |image| {
        validate_room(context, image, &set, &[])?;
        for tag in &set {
            context.world.set_tag(context.caller, image, tag)?;
        }
        Ok(())
    })
}

fn untag_resources(context: &RequestContext<'_>, args: Args<'_>) -> Result<Reply, ActionError> {
    let keys = args.texts("TagKeys");
    if keys.len() > PER_CALL {
        return refuse("LimitExceeded.TagNumPerRequest", format!("At most {PER_CALL} keys can be named."));
    }
    for key in &keys {
        validate_tag_key(context.settings, key)?;
    }
    each_resource(context, args, |image| {
        for key in &keys {
            context.world.remove_tag(image, key)?;
        }
        Ok(())
    })
}

/// Applies a change to each named resource. Resources that refuse it are listed in FailedResources.
fn each_resource(
    context: &RequestContext<'_>,
    args: Args<'_>,
    act: impl Fn(&str) -> Result<(), ActionError>,
) -> Result<Reply, ActionError> {
    let resources = args.texts("ResourceList");
    if resources.len() > PER_CALL {
        return refuse(
            "LimitExceeded.ResourceNumPerRequest",
            format!("At most {PER_CALL} resources can be named."),
        );
    }
    let mut failed = Vec::new();
    for name in resources {
        match resource(context, name, ANY_SERVICE).and_then(|image| act(&image)) {
            Ok(()) => {}
            Err(ActionError::Refused(Refusal { code, message })) => {
                failed.push(json!({"Resource": name, "Code": code, "Message": message}));
            }
            Err(stop) => return Err(stop),
        }
    }
    Ok(Reply::from_iter([("FailedResources".to_owned(), Value::Array(failed))]))
}

pub(super) fn read_tags(tags: Vec<Args<'_>>) -> Vec<Tag> {
    tags.into_iter()
        .map(|tag| Tag {
            key: tag.text("TagKey").unwrap_or_default().to_owned(),
            value: tag.text("TagValue").unwrap_or_default().to_owned(),
        })
        .collect()
}

/// Refuses tags that are malformed, appear twice, or exceed the limits of the account.
pub(super) fn validate_tags(context: &RequestContext<'_>, tags: &[Tag]) -> Result<(), ActionError> {
    for (position, tag) in tags.iter().enumerate() {
        validate_tag_key(context.settings, &tag.key)?;
        validate_tag_value(&tag.value)?;
        if tags.iter().take(position).any(|other| other.key == tag.key) {
            return refuse(
                "InvalidParameterValue.TagKeyDuplicate",
                format!("The tag key {} appears twice.", tag.key),
            );
        }
        let values = context.world.values_of_key(context.caller, &tag.key)?;
        if values.is_empty() && context.world.key_count(context.caller)? >= KEYS_MAX {
            return refuse("LimitExceeded.TagKey", format!("The account has {KEYS_MAX} tag keys."));
        }
        if values.len() >= VALUES_MAX && !values.contains(&tag.value) {
            return refuse("LimitExceeded.TagValue", format!("The key {} has {VALUES_MAX} values.", tag.key));
        }
    }
    Ok(())
}

/// Refuses a change that exceeds the limit of tags on a resource.
pub(super) fn validate_room(
    context: &RequestContext<'_>,
    image: &str,
    set: &[Tag],
    unset: &[&str],
) -> Result<(), ActionError> {
    let mut tags = context.world.tags(image)?;
    tags.retain(|tag| !unset.contains(&tag.key.as_str()) && !set.iter().any(|new| new.key == tag.key));
    if tags.len() + set.len() > TAGS_MAX {
        return refuse("LimitExceeded.ResourceAttachedTags", format!("{image} has at most {TAGS_MAX} tags."));
    }
    Ok(())
}

/// Error code for a service without taggable resources. Some actions document a code of their own.
pub(super) const ANY_SERVICE: &str = "InvalidParameter.UnsupportedService";
/// See [`ANY_SERVICE`]: ModifyResourceTags has none.
const ANY_RESOURCE: &str = "InvalidParameterValue.ResourceDescriptionError";

/// Returns the id of the image that a resource in six segments names.
pub(super) fn resource(
    context: &RequestContext<'_>,
    name: &str,
    unsupported: &'static str,
) -> Result<String, ActionError> {
    let parts: Vec<&str> = name.splitn(6, ':').collect();
    let &["qcs", _, service, region, account, thing] = parts.as_slice() else {
        return refuse(
            "InvalidParameterValue.ResourceDescriptionError",
            format!("{name} is not a resource."),
        );
    };
    if service != "cvm" {
        return refuse(unsupported, format!("The service {service} is not supported."));
    }
    let (Some(account), Some(id)) = (account.strip_prefix("uin/"), thing.strip_prefix("image/")) else {
        return refuse("InvalidParameterValue.ResourceDescriptionError", format!("{name} is not an image."));
    };
    if !account.is_empty() && account != context.caller {
        return refuse("AuthFailure.UnauthorizedOperation", format!("{name} belongs to another account."));
    }
    match context.world.image(region, id)? {
        Some(image) if image.owner == context.caller => Ok(image.id),
        // The documents do not say what the tag service does with a resource that does not exist.
        _ => refuse("InvalidParameterValue.ResourceDescriptionError", format!("{name} does not exist.")),
    }
}

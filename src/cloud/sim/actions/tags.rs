//! Changing tags through the tag service: 651/35322 ModifyResourceTags, TagResources, UnTagResources.
//!
//! Only images can be tagged here. A resource is named in six segments,
//! `qcs::cvm:ap-jakarta:uin/100000000001:image/img-6pb6lrmy`; the account may be left out after `uin/`.

use serde_json::{Value, json};

use super::Action;
use crate::cloud::Service;
use crate::cloud::sim::protocol::Reply;
use crate::cloud::sim::refusal::{Refusal, Stop, refuse};
use crate::cloud::sim::scene::{RequestContext, TAGS_MAX, judge_tag_key, judge_tag_value};
use crate::cloud::sim::schema::{Args, Field, Kind, optional, required};
use crate::cloud::sim::world::Tag;

/// A tag of the tag service, which calls its parts otherwise than the image service does.
const TAG: &[Field] = &[required("TagKey", Kind::Text), required("TagValue", Kind::Text)];
const KEY: &[Field] = &[required("TagKey", Kind::Text)];

/// The most resources, tags or keys in one call.
const PER_CALL: usize = 10;
/// The most keys of one account, and the most values of one key (limits of the tag service).
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

fn modify_resource_tags(scene: &RequestContext<'_>, args: Args<'_>) -> Result<Reply, Stop> {
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
        judge_tag_key(scene.settings, key)?;
    }
    // Of this action's documents, neither TagValueEmpty nor TagKeyDuplicate is one of the codes.
    let twice = |(at, tag): (usize, &Tag)| set.iter().take(at).any(|other| other.key == tag.key);
    if set.iter().any(|tag| tag.value.is_empty()) || set.iter().enumerate().any(twice) {
        return refuse("InvalidParameter.Tag", "A tag value is empty, or a tag key stands twice.");
    }
    judge_tags(scene, &set)?;
    let image = resource(scene, args.text("Resource").unwrap_or_default(), ANY_RESOURCE)?;
    judge_room(scene, &image, &set, &unset)?;
    for key in unset {
        scene.world.remove_tag(&image, key)?;
    }
    for tag in &set {
        scene.world.set_tag(scene.caller, &image, tag)?;
    }
    Ok(Reply::new())
}

fn tag_resources(scene: &RequestContext<'_>, args: Args<'_>) -> Result<Reply, Stop> {
    let set = read_tags(args.objects("Tags"));
    if set.len() > PER_CALL {
        return refuse("LimitExceeded.TagNumPerRequest", format!("At most {PER_CALL} tags can be named."));
    }
    judge_tags(scene, &set)?;
    each_resource(scene, args, |image| {
        judge_room(scene, image, &set, &[])?;
        for tag in &set {
            scene.world.set_tag(scene.caller, image, tag)?;
        }
        Ok(())
    })
}

fn untag_resources(scene: &RequestContext<'_>, args: Args<'_>) -> Result<Reply, Stop> {
    let keys = args.texts("TagKeys");
    if keys.len() > PER_CALL {
        return refuse("LimitExceeded.TagNumPerRequest", format!("At most {PER_CALL} keys can be named."));
    }
    for key in &keys {
        judge_tag_key(scene.settings, key)?;
    }
    each_resource(scene, args, |image| {
        for key in &keys {
            scene.world.remove_tag(image, key)?;
        }
        Ok(())
    })
}

/// Does something for each resource that is named; those that refuse it are told in FailedResources.
fn each_resource(
    scene: &RequestContext<'_>,
    args: Args<'_>,
    act: impl Fn(&str) -> Result<(), Stop>,
) -> Result<Reply, Stop> {
    let resources = args.texts("ResourceList");
    if resources.len() > PER_CALL {
        return refuse(
            "LimitExceeded.ResourceNumPerRequest",
            format!("At most {PER_CALL} resources can be named."),
        );
    }
    let mut failed = Vec::new();
    for name in resources {
        match resource(scene, name, ANY_SERVICE).and_then(|image| act(&image)) {
            Ok(()) => {}
            Err(Stop::Refused(Refusal { code, message })) => {
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

/// Refuses tags that are malformed, stand twice, or that the account has no room for.
pub(super) fn judge_tags(scene: &RequestContext<'_>, tags: &[Tag]) -> Result<(), Stop> {
    for (position, tag) in tags.iter().enumerate() {
        judge_tag_key(scene.settings, &tag.key)?;
        judge_tag_value(&tag.value)?;
        if tags.iter().take(position).any(|other| other.key == tag.key) {
            return refuse(
                "InvalidParameterValue.TagKeyDuplicate",
                format!("The tag key {} stands twice.", tag.key),
            );
        }
        let values = scene.world.values_of_key(scene.caller, &tag.key)?;
        if values.is_empty() && scene.world.key_count(scene.caller)? >= KEYS_MAX {
            return refuse("LimitExceeded.TagKey", format!("The account has {KEYS_MAX} tag keys."));
        }
        if values.len() >= VALUES_MAX && !values.contains(&tag.value) {
            return refuse("LimitExceeded.TagValue", format!("The key {} has {VALUES_MAX} values.", tag.key));
        }
    }
    Ok(())
}

/// Refuses more tags on a resource than it can carry.
pub(super) fn judge_room(
    scene: &RequestContext<'_>,
    image: &str,
    set: &[Tag],
    unset: &[&str],
) -> Result<(), Stop> {
    let mut tags = scene.world.tags(image)?;
    tags.retain(|tag| !unset.contains(&tag.key.as_str()) && !set.iter().any(|new| new.key == tag.key));
    if tags.len() + set.len() > TAGS_MAX {
        return refuse("LimitExceeded.ResourceAttachedTags", format!("{image} has at most {TAGS_MAX} tags."));
    }
    Ok(())
}

/// The code for a service whose resources cannot be tagged, where an action has one of its own.
pub(super) const ANY_SERVICE: &str = "InvalidParameter.UnsupportedService";
/// See [`ANY_SERVICE`]: ModifyResourceTags has none.
const ANY_RESOURCE: &str = "InvalidParameterValue.ResourceDescriptionError";

/// The id of the image that a resource in six segments names.
pub(super) fn resource(
    scene: &RequestContext<'_>,
    name: &str,
    unsupported: &'static str,
) -> Result<String, Stop> {
    let parts: Vec<&str> = name.splitn(6, ':').collect();
    let &["qcs", _, service, region, account, thing] = parts.as_slice() else {
        return refuse("InvalidParameterValue.ResourceDescriptionError", format!("{name} is no resource."));
    };
    if service != "cvm" {
        return refuse(unsupported, format!("The service {service} is not supported."));
    }
    let (Some(account), Some(id)) = (account.strip_prefix("uin/"), thing.strip_prefix("image/")) else {
        return refuse("InvalidParameterValue.ResourceDescriptionError", format!("{name} is no image."));
    };
    if !account.is_empty() && account != scene.caller {
        return refuse("AuthFailure.UnauthorizedOperation", format!("{name} belongs to another account."));
    }
    match scene.world.image(region, id)? {
        Some(image) if image.owner == scene.caller => Ok(image.id),
        // The documents do not say what the tag service does with a resource that does not exist.
        _ => refuse("InvalidParameterValue.ResourceDescriptionError", format!("{name} does not exist.")),
    }
}

//! One tag, many resources: 651/55852 AttachResourcesTag and DetachResourcesTag of the tag service.

use super::Action;
use super::tag_reads::{judge_ids, judge_kind, judge_region};
use super::tags::judge_room;
use crate::cloud::Service;
use crate::cloud::sim::protocol::Reply;
use crate::cloud::sim::refusal::{Stop, refuse};
use crate::cloud::sim::scene::{RequestContext, judge_tag_key, judge_tag_value};
use crate::cloud::sim::schema::{Args, Kind, optional, required};
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

fn attach_resources_tag(scene: &RequestContext<'_>, args: Args<'_>) -> Result<Reply, Stop> {
    let tag = Tag {
        key: args.text("TagKey").unwrap_or_default().to_owned(),
        value: args.text("TagValue").unwrap_or_default().to_owned(),
    };
    let images = images(scene, args)?;
    documented(judge_tag_key(scene.settings, &tag.key), ATTACH_CODES)?;
    documented(judge_tag_value(&tag.value), ATTACH_CODES)?;
    if !scene.world.values_of_key(scene.caller, &tag.key)?.contains(&tag.value) {
        return refuse(
            "ResourceNotFound.TagNonExist",
            format!("The tag {}={} does not exist.", tag.key, tag.value),
        );
    }
    for image in &images {
        // The key with another value is in the way; the same pair once more is not (assumed).
        if scene.world.tags(image)?.iter().any(|other| other.key == tag.key && other.value != tag.value) {
            return refuse("ResourceInUse.TagKeyAttached", format!("{image} has the tag key {}.", tag.key));
        }
        judge_room(scene, image, std::slice::from_ref(&tag), &[])?;
    }
    for image in &images {
        scene.world.set_tag(scene.caller, image, &tag)?;
    }
    Ok(Reply::new())
}

fn detach_resources_tag(scene: &RequestContext<'_>, args: Args<'_>) -> Result<Reply, Stop> {
    let key = args.text("TagKey").unwrap_or_default();
    let images = images(scene, args)?;
    documented(judge_tag_key(scene.settings, key), DETACH_CODES)?;
    for image in &images {
        if !scene.world.tags(image)?.iter().any(|tag| tag.key == key) {
            return refuse(
                "ResourceNotFound.AttachedTagKeyNotFound",
                format!("{image} has no tag key {key}."),
            );
        }
    }
    for image in &images {
        scene.world.remove_tag(image, key)?;
    }
    Ok(Reply::new())
}

/// A judgement, as far as an action documents its codes: a malformed tag that it has no code for is just one
/// that does not exist.
fn documented(judged: Result<(), Stop>, codes: &[&str]) -> Result<(), Stop> {
    match judged {
        Err(Stop::Refused(refusal)) if !codes.contains(&refusal.code.as_ref()) => Ok(()),
        judged => judged,
    }
}

/// The images of the caller's own that are named.
fn images(scene: &RequestContext<'_>, args: Args<'_>) -> Result<Vec<String>, Stop> {
    let prefix = judge_kind(args)?;
    let ids = judge_ids(args, "LimitExceeded.ResourceNumPerRequest")?;
    let region = judge_region(scene, args)?;
    let mut images = Vec::with_capacity(ids.len());
    for id in ids {
        match scene.world.image(region, id)? {
            Some(image) if prefix == "image" && image.owner == scene.caller => images.push(image.id),
            _ => return refuse("InvalidParameterValue.ResourceIdInvalid", format!("{id} does not exist.")),
        }
    }
    Ok(images)
}

//! The pairs of key and value that an account has, on things or not: 651/35315 CreateTag, DeleteTag, DescribeTags.
//!
//! A tag can be created only once, so that callers can use CreateTag as a lock.

use serde_json::{Value, json};

use super::Action;
use super::tag_reads::page;
use super::tags::validate_tags;
use crate::cloud::Service;
use crate::cloud::sim::context::RequestContext;
use crate::cloud::sim::protocol::Reply;
use crate::cloud::sim::refusal::{ActionError, refuse};
use crate::cloud::sim::schema::{Args, Field, Kind, optional, required};
use crate::cloud::sim::world::Tag;

const PAIR: &[Field] = &[required("TagKey", Kind::Text), required("TagValue", Kind::Text)];

pub(super) const ACTIONS: &[Action] = &[
    Action {
        service: Service::Tag,
        name: "CreateTag",
        regional: false,
        rate: 20,
        fields: PAIR,
        codes: &[
            "InvalidParameter.ReservedTagKey",
            "InvalidParameterValue.TagKeyCharacterIllegal",
            "InvalidParameterValue.TagKeyEmpty",
            "InvalidParameterValue.TagKeyLengthExceeded",
            "InvalidParameterValue.TagValueCharacterIllegal",
            "InvalidParameterValue.TagValueEmpty",
            "InvalidParameterValue.TagValueLengthExceeded",
            "LimitExceeded.TagKey",
            "LimitExceeded.TagValue",
            "ResourceInUse.TagDuplicate",
        ],
        run: create_tag,
    },
    Action {
        service: Service::Tag,
        name: "DeleteTag",
        regional: false,
        rate: 20,
        fields: PAIR,
        codes: &["FailedOperation.TagAttachedResource", "ResourceNotFound.TagNonExist"],
        run: delete_tag,
    },
    Action {
        service: Service::Tag,
        name: "DescribeTags",
        regional: false,
        rate: 20,
        fields: &[
            optional("TagKey", Kind::Text),
            optional("TagValue", Kind::Text),
            optional("Offset", Kind::Integer),
            optional("Limit", Kind::Integer),
            optional("CreateUin", Kind::Integer),
            optional("TagKeys", Kind::Texts),
            optional("ShowProject", Kind::Integer),
        ],
        codes: &[],
        run: describe_tags,
    },
];

fn pair(args: Args<'_>) -> Tag {
    Tag {
        key: args.text("TagKey").unwrap_or_default().to_owned(),
        value: args.text("TagValue").unwrap_or_default().to_owned(),
    }
}

fn create_tag(context: &RequestContext<'_>, args: Args<'_>) -> Result<Reply, ActionError> {
    let tag = pair(args);
    validate_tags(context, std::slice::from_ref(&tag))?;
    if !context.world.add_account_tag(context.caller, &tag)? {
        return refuse("ResourceInUse.TagDuplicate", format!("The tag {}={} exists.", tag.key, tag.value));
    }
    Ok(Reply::new())
}

fn delete_tag(context: &RequestContext<'_>, args: Args<'_>) -> Result<Reply, ActionError> {
    let tag = pair(args);
    if context.world.is_tag_used(context.caller, &tag)? {
        return refuse(
            "FailedOperation.TagAttachedResource",
            format!("The tag {}={} is in use.", tag.key, tag.value),
        );
    }
    if !context.world.remove_account_tag(context.caller, &tag)? {
        return refuse(
            "ResourceNotFound.TagNonExist",
            format!("The tag {}={} does not exist.", tag.key, tag.value),
        );
    }
    Ok(Reply::new())
}

fn describe_tags(context: &RequestContext<'_>, args: Args<'_>) -> Result<Reply, ActionError> {
    let (offset, limit) = page(args)?;
    let keys = args.texts("TagKeys");
    let mut tags = context.world.account_tags(context.caller)?;
    tags.retain(|tag| {
        let key = if keys.is_empty() {
            args.text("TagKey").is_none_or(|key| key == tag.key)
        } else {
            keys.contains(&tag.key.as_str())
        };
        key && args.text("TagValue").is_none_or(|value| value == tag.value)
    });
    let total = tags.len();
    let mut rows = Vec::new();
    for tag in tags.into_iter().skip(offset).take(limit) {
        let used = context.world.is_tag_used(context.caller, &tag)?;
        rows.push(json!({
            "TagKey": tag.key,
            "TagValue": tag.value,
            "CanDelete": u8::from(!used),
            "Category": "Custom",
        }));
    }
    Ok(Reply::from_iter([
        ("TotalCount".to_owned(), Value::from(total)),
        ("Offset".to_owned(), Value::from(offset)),
        ("Limit".to_owned(), Value::from(limit)),
        ("Tags".to_owned(), Value::Array(rows)),
    ]))
}

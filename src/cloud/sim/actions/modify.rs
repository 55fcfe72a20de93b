//! Changing an image's attributes: 213/15713 ModifyImageAttribute.

use super::Action;
use crate::cloud::Service;
use crate::cloud::sim::context::RequestContext;
use crate::cloud::sim::ownership::Ownership;
use crate::cloud::sim::protocol::Reply;
use crate::cloud::sim::refusal::{ActionError, refuse};
use crate::cloud::sim::schema::{Args, Kind, optional, required};

pub(super) const ACTIONS: &[Action] = &[Action {
    service: Service::Cvm,
    name: "ModifyImageAttribute",
    regional: true,
    rate: 10,
    fields: &[
        required("ImageId", Kind::Text),
        optional("ImageName", Kind::Text),
        optional("ImageDescription", Kind::Text),
        optional("ImageFamily", Kind::Text),
        optional("ImageDeprecated", Kind::Flag),
    ],
    codes: &[
        "InvalidImageId.IncorrectState",
        "InvalidImageId.Malformed",
        "InvalidImageId.NotFound",
        "InvalidImageName.Duplicate",
        "InvalidParameter.ValueTooLarge",
        "InvalidParameterValue.InvalidImageFamily",
        "InvalidParameterValue.TooLarge",
        "UnsupportedOperation.SharedImageModifyUnsupported",
    ],
    run: modify_image_attribute,
}];

fn modify_image_attribute(context: &RequestContext<'_>, args: Args<'_>) -> Result<Reply, ActionError> {
    if let Some(name) = args.text("ImageName") {
        context.validate_name(name, true)?;
    }
    context.validate_texts(args, true)?;
    let id = args.text("ImageId").unwrap_or_default();
    let (image, ownership) = context.image(id)?;
    let shared = match ownership {
        Ownership::Own => !context.settings.shared_image_edits && context.world.share_count(id)? > 0,
        Ownership::Shared => true,
        // No code is documented for public images, so the call is refused as for a missing image.
        Ownership::Public => {
            return refuse("InvalidImageId.NotFound", format!("ImageId {id} is not found."));
        }
    };
    if shared {
        return refuse(
            "UnsupportedOperation.SharedImageModifyUnsupported",
            format!("{id} is a shared image and cannot be modified."),
        );
    }
    let state = image.state_at(context.now);
    if state.is_busy() {
        return refuse("InvalidImageId.IncorrectState", format!("{id} is {}.", state.as_str()));
    }
    let name = args.text("ImageName").filter(|name| *name != image.name);
    if let Some(name) = name {
        context.validate_name_free(context.region(), name)?;
    }
    context.world.set_attributes(
        id,
        name,
        args.text("ImageDescription"),
        args.text("ImageFamily"),
        args.has("ImageDeprecated").then(|| args.flag("ImageDeprecated")),
    )?;
    Ok(Reply::new())
}

//! Changing an image's attributes: 213/15713 ModifyImageAttribute.

use super::Action;
use crate::cloud::Service;
use crate::cloud::sim::protocol::Reply;
use crate::cloud::sim::refusal::{Stop, refuse};
use crate::cloud::sim::scene::{RequestContext, Standing};
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

fn modify_image_attribute(scene: &RequestContext<'_>, args: Args<'_>) -> Result<Reply, Stop> {
    if let Some(name) = args.text("ImageName") {
        scene.judge_name(name, true)?;
    }
    scene.judge_texts(args, true)?;
    let id = args.text("ImageId").unwrap_or_default();
    let (image, standing) = scene.image(id)?;
    let shared = match standing {
        Standing::Own => !scene.settings.shared_image_edits && scene.world.share_count(id)? > 0,
        Standing::SharedInImage => true,
        // No code is documented for public images; to one who may change its own ones only, it is not there.
        Standing::Public => {
            return refuse("InvalidImageId.NotFound", format!("ImageId {id} is not found."));
        }
    };
    if shared {
        return refuse(
            "UnsupportedOperation.SharedImageModifyUnsupported",
            format!("{id} is a shared image and cannot be modified."),
        );
    }
    let state = image.state_at(scene.now);
    if state.is_busy() {
        return refuse("InvalidImageId.IncorrectState", format!("{id} is {}.", state.as_str()));
    }
    let name = args.text("ImageName").filter(|name| *name != image.name);
    if let Some(name) = name {
        scene.judge_name_free(scene.region(), name)?;
    }
    scene.world.set_attributes(
        id,
        name,
        args.text("ImageDescription"),
        args.text("ImageFamily"),
        args.has("ImageDeprecated").then(|| args.flag("ImageDeprecated")),
    )?;
    Ok(Reply::new())
}

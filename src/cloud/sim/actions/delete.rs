//! Deleting images: 213/15716 DeleteImages.

use super::Action;
use crate::cloud::Service;
use crate::cloud::sim::context::RequestContext;
use crate::cloud::sim::ownership::Ownership;
use crate::cloud::sim::protocol::Reply;
use crate::cloud::sim::refusal::{ActionError, refuse};
use crate::cloud::sim::schema::{Args, Kind, optional, required};

pub(super) const ACTIONS: &[Action] = &[Action {
    service: Service::Cvm,
    name: "DeleteImages",
    regional: true,
    rate: 10,
    fields: &[
        required("ImageIds", Kind::Texts),
        // The misspelling is the documented name.
        optional("DeleteBindedSnap", Kind::Flag),
        optional("DryRun", Kind::Flag),
    ],
    codes: &[
        "InvalidImageId.InShared",
        "InvalidImageId.IncorrectState",
        "InvalidImageId.Malformed",
        "InvalidImageId.NotFound",
        "InvalidParameterValue.InvalidImageId",
        "InvalidParameterValue.InvalidImageIdIsShared",
        "InvalidParameterValue.LimitExceeded",
    ],
    run: delete_images,
}];

/// Deletes all images or none: the call is refused if one of them cannot be deleted.
fn delete_images(context: &RequestContext<'_>, args: Args<'_>) -> Result<Reply, ActionError> {
    let ids = args.texts("ImageIds");
    let most = usize::try_from(context.settings.ids_per_call).unwrap_or(usize::MAX);
    if ids.len() > most {
        return refuse(
            "InvalidParameterValue.LimitExceeded",
            format!("At most {most} ImageIds can be named."),
        );
    }
    for id in &ids {
        let (image, ownership) = context.image(id)?;
        match ownership {
            Ownership::Own => {}
            Ownership::Shared => {
                return refuse(
                    "InvalidParameterValue.InvalidImageIdIsShared",
                    format!("{id} is shared by another account."),
                );
            }
            Ownership::Public => {
                return refuse("InvalidParameterValue.InvalidImageId", format!("{id} is a public image."));
            }
        }
        let state = image.state_at(context.now);
        if state.is_busy() {
            return refuse("InvalidImageId.IncorrectState", format!("{id} is {}.", state.as_str()));
        }
        if context.world.share_count(id)? > 0 {
            return refuse("InvalidImageId.InShared", format!("{id} is shared; cancel its shares first."));
        }
    }
    if let Some(reply) = context.dry_run(args)? {
        return Ok(reply);
    }
    for id in &ids {
        context.world.remove_image(id, args.flag("DeleteBindedSnap"))?;
    }
    Ok(Reply::new())
}

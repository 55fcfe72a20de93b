//! Image of a family: 213/111405 DescribeImageFromFamily.

use serde_json::Value;

use super::Action;
use super::describe::image_fields;
use crate::cloud::Service;
use crate::cloud::sim::context::RequestContext;
use crate::cloud::sim::ownership::Ownership;
use crate::cloud::sim::protocol::Reply;
use crate::cloud::sim::refusal::ActionError;
use crate::cloud::sim::schema::{Args, Kind, optional};
use crate::cloud::sim::world::ImageStatus;

pub(super) const ACTIONS: &[Action] = &[Action {
    service: Service::Cvm,
    name: "DescribeImageFromFamily",
    regional: true,
    rate: 20,
    fields: &[optional("ImageFamily", Kind::Text)],
    codes: &[],
    run: describe_image_from_family,
}];

/// Returns the newest own image of the family that is NORMAL and not deprecated, or null. The documents do not define
/// which image is returned.
fn describe_image_from_family(context: &RequestContext<'_>, args: Args<'_>) -> Result<Reply, ActionError> {
    let family = args.text("ImageFamily").unwrap_or_default();
    let images = context.world.images_of(context.region(), context.caller)?;
    let newest = images.into_iter().find(|image| {
        !family.is_empty()
            && image.family == family
            && !image.deprecated
            && image.visible_at <= context.now
            && image.state_at(context.now) == ImageStatus::Normal
    });
    let image = match newest {
        Some(image) => image_fields(context, &image, Ownership::Own)?,
        None => Value::Null,
    };
    Ok(Reply::from_iter([("Image".to_owned(), image)]))
}

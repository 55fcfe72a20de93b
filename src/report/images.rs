//! Images of the cloud, for people and programs.

use serde_json::{Value, json};

use super::table::{Align, table};
use super::{Paint, count};
use crate::diagnostics::sanitize;
use crate::model::{PlacementKey, Region};
use crate::state::ObservedImage;

/// An image that was listed.
#[derive(Debug, Clone)]
pub struct Listed {
    /// Its region.
    pub region: Region,
    /// The image.
    pub image: ObservedImage,
    /// Its address, where it is managed.
    pub address: Option<PlacementKey>,
}

/// A table, one image a line, and their number.
pub fn images_text(listed: &[Listed], paint: Paint) -> String {
    if listed.is_empty() {
        return "No image is like that.\n".to_owned();
    }
    let head =
        ["region", "id", "type", "created", "GiB", "architecture", "name", "operating system", "managed as"];
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    for Listed { region, image, address } in listed {
        let mut name = sanitize::escape_truncated(&image.name);
        if !image.state.is_ready() {
            name.push_str(&format!(" ({})", image.state.as_str()));
        }
        if image.deprecated {
            name.push_str(" (deprecated)");
        }
        rows.push(vec![
            region.to_string(),
            image.id.to_string(),
            image.kind.as_str().to_owned(),
            image.created.strftime("%Y-%m-%d").to_string(),
            image.build.size_gib.to_string(),
            image.build.architecture.as_str().to_owned(),
            name,
            sanitize::escape_truncated(&image.build.os),
            address.as_ref().map(|at| format!("image.{}#{}", at.image, at.generation)).unwrap_or_default(),
        ]);
    }
    // A column that would be empty is left out.
    if listed.iter().all(|listed| listed.address.is_none()) {
        for row in &mut rows {
            row.pop();
        }
    }
    let mut align = [Align::Left; 9];
    align[4] = Align::Right;
    let text = table("", &align, &rows);
    let (head, rest) = text.split_once('\n').unwrap_or((&text, ""));
    format!("{}\n{rest}\n{}.\n", paint.dim(head), count(listed.len(), "image", "images"))
}

/// The images as a list of objects.
///
/// # Errors
/// When an image cannot be written as JSON: a defect of goldform.
pub fn images_json(listed: &[Listed]) -> Result<Value, serde_json::Error> {
    let one = |Listed { region, image, address }: &Listed| {
        let ObservedImage {
            id,
            name,
            description,
            family,
            deprecated,
            tags,
            state,
            kind,
            created,
            creator,
            build,
        } = image;
        Ok(json!({
            "region": region, "id": id, "name": name, "description": description, "family": family,
            "deprecated": deprecated, "tags": tags, "state": state.as_str(), "type": kind.as_str(),
            "created": created, "creator": creator, "os": build.os, "platform": build.platform,
            "architecture": build.architecture.as_str(), "bits": build.architecture.bits(),
            "size_gib": build.size_gib, "snapshots": serde_json::to_value(&build.snapshots)?,
            "address": address.as_ref().map(ToString::to_string),
        }))
    };
    let images = listed.iter().map(one).collect::<Result<Vec<_>, serde_json::Error>>()?;
    Ok(json!({ "images": images }))
}

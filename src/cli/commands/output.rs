//! `output`: the ids of the current images, for other tools.

use serde_json::{Map, Value, json};

use crate::cli::args::{Format, OutputCommandArgs};
use crate::cli::printer::Printer;
use crate::cli::workspace::Workspace;
use crate::cli::{CommandError, ExitStatus};
use crate::report::table::{Align, table};

/// Prints the id of every placement of every current generation.
///
/// # Errors
/// When the manifest or state cannot be read.
pub async fn run(args: &OutputCommandArgs, printer: &Printer) -> Result<ExitStatus, CommandError> {
    let workspace = Workspace::open(&args.manifest, None, printer)?;
    let snapshot = workspace.snapshot().await?;
    let mut rows = Vec::new();
    let mut images = Map::new();
    for (key, image) in snapshot.iter().flat_map(|snapshot| &snapshot.recorded.images) {
        let Some(build) = image.generations.get(&image.current) else { continue };
        let mut regions = Map::new();
        for (region, placement) in &build.placements {
            rows.push(vec![key.to_string(), region.to_string(), placement.id.to_string()]);
            regions.insert(region.to_string(), json!(placement.id));
        }
        images.insert(key.to_string(), json!({ "generation": image.current, "regions": regions }));
    }
    match printer.format {
        Format::Text => printer.data(&table("", &[Align::Left; 3], &rows)),
        Format::Json => printer.json(&Value::Object(images)),
    }
    Ok(ExitStatus::Done)
}

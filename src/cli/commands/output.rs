//! `output`: the ids of the current images, for other tools.

use std::fmt::Write as _;

use serde_json::{Map, Value, json};

use crate::cli::args::{Format, OutputAs, OutputCommandArgs};
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
    match (printer.format, args.output_as) {
        (Format::Json, _) => printer.json(&Value::Object(images)),
        (Format::Text, OutputAs::Env) => printer.data(&as_env(&rows)),
        (Format::Text, OutputAs::Tfvars) => printer.data(&as_tfvars(&rows)),
        (Format::Text, OutputAs::Table) => printer.data(&table("", &[Align::Left; 3], &rows)),
    }
    Ok(ExitStatus::Done)
}

/// Shell variables. Keys, regions and ids hold letters, digits, `-`, `_` and `.` only, so nothing needs quotes; two
/// keys that differ in these signs alone would give one name, and are told apart by the second's line being a comment.
fn as_env(rows: &[Vec<String>]) -> String {
    let mut text = String::new();
    let mut seen = std::collections::BTreeSet::new();
    for row in rows {
        let [image, region, id] = row.as_slice() else { continue };
        let upper = |part: &str| part.to_ascii_uppercase().replace(['-', '.'], "_");
        let name = format!("GOLDFORM_IMAGE_{}_{}", upper(image), upper(region));
        let mark = if seen.insert(name.clone()) { "" } else { "# the name is taken: " };
        let _ = writeln!(text, "{mark}{name}={id}");
    }
    text
}

/// A variable file for Terraform.
fn as_tfvars(rows: &[Vec<String>]) -> String {
    let mut text = String::from("image_ids = {\n");
    let mut open: Option<&String> = None;
    for row in rows {
        let [image, region, id] = row.as_slice() else { continue };
        if open != Some(image) {
            if open.is_some() {
                text.push_str("  }\n");
            }
            let _ = writeln!(text, "  \"{image}\" = {{");
            open = Some(image);
        }
        let _ = writeln!(text, "    \"{region}\" = \"{id}\"");
    }
    if open.is_some() {
        text.push_str("  }\n");
    }
    text.push_str("}\n");
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows() -> Vec<Vec<String>> {
        let row = |key: &str, region: &str, id: &str| vec![key.to_owned(), region.to_owned(), id.to_owned()];
        vec![
            row("web-base", "ap-tokyo", "img-00000001"),
            row("web-base", "ap-seoul", "img-00000002"),
            row("web.base", "ap-tokyo", "img-00000003"),
        ]
    }

    #[test]
    fn names_for_the_shell_are_told_apart() {
        assert_eq!(
            as_env(&rows()),
            "GOLDFORM_IMAGE_WEB_BASE_AP_TOKYO=img-00000001\n\
             GOLDFORM_IMAGE_WEB_BASE_AP_SEOUL=img-00000002\n\
             # the name is taken: GOLDFORM_IMAGE_WEB_BASE_AP_TOKYO=img-00000003\n"
        );
    }

    #[test]
    fn terraform_gets_a_map_of_maps() {
        let text = as_tfvars(&rows());
        assert!(text.starts_with("image_ids = {\n  \"web-base\" = {\n    \"ap-tokyo\" = \"img-00000001\"\n"));
        assert_eq!(text.matches('{').count(), text.matches('}').count());
    }
}

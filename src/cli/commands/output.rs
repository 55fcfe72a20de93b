//! `output`: the ids of the current images and of what lookups found, for other tools.

use std::fmt::Write as _;

use serde_json::{Map, Value, json};

use crate::cli::args::{Format, OutputAs, OutputCommandArgs};
use crate::cli::printer::Printer;
use crate::cli::workspace::Workspace;
use crate::cli::{CommandError, ExitStatus};
use crate::model::{GenerationNumber, ImageId, ImageKey, Region};
use crate::report::table::{Align, table};
use crate::state::Snapshot;

/// Prints the id of every placement of every current generation, and of what lookups found.
///
/// # Errors
/// When the manifest or state cannot be read, or names cannot be told apart as variables.
pub async fn run(args: &OutputCommandArgs, printer: &Printer) -> Result<ExitStatus, CommandError> {
    let workspace = Workspace::open(&args.manifest, None, printer)?;
    let snapshot = workspace.snapshot().await?;
    let ids = snapshot.as_ref().map(|snapshot| ids(&workspace, snapshot)).unwrap_or_default();
    match (printer.format, args.output_as) {
        (Format::Json, _) => printer.json(&to_json(&ids)),
        (Format::Text, OutputAs::Env) => printer.data(&env(&ids)?),
        (Format::Text, OutputAs::Tfvars) => printer.data(&tfvars(&ids)?),
        (Format::Text, OutputAs::Table) => printer.text(&text(&ids)),
    }
    Ok(ExitStatus::Done)
}

/// An entry's current generation, and the image of it in each region.
type Current = (ImageKey, GenerationNumber, Vec<(Region, ImageId)>);

/// What other tools are told.
#[derive(Debug, Default)]
struct Ids {
    images: Vec<Current>,
    lookups: Vec<(ImageKey, Region, ImageId)>,
}

fn ids(workspace: &Workspace, snapshot: &Snapshot) -> Ids {
    let recorded = &snapshot.recorded;
    let images = recorded.images.iter().filter_map(|(key, image)| {
        let build = image.generations.get(&image.current)?;
        let regions =
            build.placements.iter().map(|(region, placement)| (region.clone(), placement.id.clone()));
        Some((key.clone(), image.current, regions.collect()))
    });
    let lookups = workspace.desired.lookups.iter().filter_map(|(name, lookup)| {
        let image = recorded.lookups.get(name)?.answer(lookup)?;
        Some((name.clone(), lookup.region.clone(), image.id.clone()))
    });
    Ids { images: images.collect(), lookups: lookups.collect() }
}

fn text(ids: &Ids) -> String {
    let mut rows = Vec::new();
    for (key, _, regions) in &ids.images {
        for (region, id) in regions {
            rows.push(vec![key.to_string(), region.to_string(), id.to_string()]);
        }
    }
    for (name, region, id) in &ids.lookups {
        rows.push(vec![format!("lookup.{name}"), region.to_string(), id.to_string()]);
    }
    table("", &[Align::Left; 3], &rows)
}

fn to_json(ids: &Ids) -> Value {
    let mut all = Map::new();
    for (key, generation, regions) in &ids.images {
        let regions: Map<String, Value> =
            regions.iter().map(|(region, id)| (region.to_string(), json!(id))).collect();
        all.insert(key.to_string(), json!({ "generation": generation, "regions": regions }));
    }
    for (name, region, id) in &ids.lookups {
        // The key of an entry may look like this too: its own images come first.
        let regions = Map::from_iter([(region.to_string(), json!(id))]);
        all.entry(format!("lookup.{name}")).or_insert_with(|| json!({ "regions": regions }));
    }
    Value::Object(all)
}

/// Variables and their values, by what they stand for: images by key and region, lookups by name.
fn variables(
    ids: &Ids,
    name: impl Fn(&str, &[&str]) -> String,
) -> Result<Vec<(String, ImageId)>, CommandError> {
    let mut all: Vec<(String, String, ImageId)> = Vec::new();
    for (key, _, regions) in &ids.images {
        for (region, id) in regions {
            let variable = name("image", &[key.as_str(), region.as_str()]);
            all.push((variable, format!("image.{key}@{region}"), id.clone()));
        }
    }
    for (lookup, _, id) in &ids.lookups {
        all.push((name("lookup", &[lookup.as_str()]), format!("lookup.{lookup}"), id.clone()));
    }
    let mut taken: std::collections::BTreeMap<&str, &str> = std::collections::BTreeMap::new();
    for (variable, address, _) in &all {
        if let Some(other) = taken.insert(variable, address) {
            return Err(CommandError::input(
                format!("{other} and {address} would both be `{variable}`"),
                "Rename one of them, or take the JSON, whose names differ:\n\n    goldform output --format json",
            ));
        }
    }
    Ok(all.into_iter().map(|(variable, _, id)| (variable, id)).collect())
}

/// A name that every shell takes: letters, digits and underscores.
fn word(text: &str) -> String {
    text.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect()
}

/// `GOLDFORM_IMAGE_WEB_BASE_AP_TOKYO=img-…`, one a line. Names and ids are made of letters, digits, underscores and
/// hyphens, so nothing needs quoting and nothing can break out.
fn env(ids: &Ids) -> Result<String, CommandError> {
    let named = variables(ids, |kind, parts| {
        let parts: Vec<String> = parts.iter().map(|part| word(part)).collect();
        format!("goldform_{kind}_{}", parts.join("_")).to_uppercase()
    })?;
    let mut text = String::new();
    for (name, id) in named {
        let _ = writeln!(text, "{name}={id}");
    }
    Ok(text)
}

/// A variable file for Terraform: `image_ids` by key and region, and `lookup_ids` by name where there are lookups. Keys
/// are quoted, so they stand as they are.
fn tfvars(ids: &Ids) -> Result<String, CommandError> {
    let quoted = |text: &str| serde_json::to_string(text);
    let mut text = String::from("image_ids = {\n");
    for (key, _, regions) in &ids.images {
        let _ = writeln!(text, "  {} = {{", quoted(key.as_str())?);
        for (region, id) in regions {
            let _ = writeln!(text, "    {} = {}", quoted(region.as_str())?, quoted(id.as_str())?);
        }
        text.push_str("  }\n");
    }
    text.push_str("}\n");
    if !ids.lookups.is_empty() {
        text.push_str("lookup_ids = {\n");
        for (name, _, id) in &ids.lookups {
            let _ = writeln!(text, "  {} = {}", quoted(name.as_str())?, quoted(id.as_str())?);
        }
        text.push_str("}\n");
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn some() -> Ids {
        let id = |text: &str| text.parse::<ImageId>().unwrap();
        let region = |text: &str| text.parse::<Region>().unwrap();
        Ids {
            images: vec![(
                "web-base".parse().unwrap(),
                GenerationNumber(3),
                vec![(region("ap-jakarta"), id("img-00000001")), (region("ap-tokyo"), id("img-00000002"))],
            )],
            lookups: vec![("ubuntu-22.04".parse().unwrap(), region("ap-jakarta"), id("img-00000003"))],
        }
    }

    #[test]
    fn shells_read_the_variables_as_they_are() {
        let text = env(&some()).unwrap();
        assert_eq!(
            text,
            "GOLDFORM_IMAGE_WEB_BASE_AP_JAKARTA=img-00000001\nGOLDFORM_IMAGE_WEB_BASE_AP_TOKYO=img-00000002\n\
             GOLDFORM_LOOKUP_UBUNTU_22_04=img-00000003\n"
        );
        for line in text.lines() {
            let (name, value) = line.split_once('=').unwrap();
            assert!(name.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_'), "{name}");
            assert!(value.chars().all(|c| c.is_ascii_alphanumeric() || c == '-'), "{value}");
        }
    }

    #[test]
    fn names_that_would_be_one_variable_are_told() {
        let mut ids = some();
        let mut twin = ids.images[0].clone();
        twin.0 = "web_base".parse().unwrap();
        ids.images.push(twin);
        let error = env(&ids).unwrap_err();
        assert_eq!(
            error.to_string(),
            "image.web-base@ap-jakarta and image.web_base@ap-jakarta would both be `GOLDFORM_IMAGE_WEB_BASE_AP_JAKARTA`"
        );
        assert!(tfvars(&ids).is_ok(), "quoted keys differ");
    }

    #[test]
    fn terraform_reads_maps() {
        insta::assert_snapshot!(tfvars(&some()).unwrap());
    }
}

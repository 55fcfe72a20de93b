//! `output`: the ids of the images that serve and of what lookups found, for other tools.

use std::collections::BTreeSet;

use crate::cli::args::{Format, OutputAs, OutputCommandArgs};
use crate::cli::printer::Printer;
use crate::cli::workspace::Workspace;
use crate::cli::{CommandError, ExitStatus};
use crate::diagnostics::{closest, sanitize};
use crate::diff::renamed;
use crate::model::Address;
use crate::report::output::{Outputs, SameVariable};
use crate::state::Recorded;

/// Prints the id that serves in each region of each entry, and the ids of what lookups found. What is missing is named
/// on stderr, and the status is then 1.
///
/// # Errors
/// If the manifest or state cannot be read, or two ids would be one variable.
pub async fn run(args: &OutputCommandArgs, printer: &Printer) -> Result<ExitStatus, CommandError> {
    let workspace = Workspace::open(&args.manifest, None)?;
    let snapshot = workspace.snapshot().await?;
    let recorded = snapshot.map_or_else(Recorded::default, |snapshot| snapshot.recorded);
    let (recorded, _) = renamed(&workspace.engine.desired, &recorded);
    let mut outputs = Outputs::of(&workspace.engine.desired, &recorded);
    if let Some(text) = &args.address {
        let address = parse(text)?;
        outputs.keep_only(&address);
        if outputs.is_empty() {
            return Err(unknown(&address, &workspace, &recorded));
        }
        // For `$(goldform output image.web@ap-tokyo)`.
        if let (Address::InRegion(key, region), Format::Text, OutputAs::Table) =
            (&address, printer.format, args.output_as)
            && let Some(serving) = outputs.images.get(key).and_then(|regions| regions.get(region))
        {
            printer.data(&format!("{}\n", serving.id));
            return Ok(ExitStatus::Done);
        }
    }
    match (printer.format, args.output_as) {
        (Format::Json, _) => printer.json(&outputs.json()),
        (Format::Text, OutputAs::Env) => printer.data(&outputs.env()?),
        (Format::Text, OutputAs::Tfvars) => printer.data(&outputs.tfvars()),
        (Format::Text, OutputAs::Table) => printer.text(&outputs.text()),
    }
    for missing in &outputs.missing {
        printer.always(&missing.to_string());
    }
    Ok(if outputs.missing.is_empty() { ExitStatus::Done } else { ExitStatus::Error })
}

/// Parses the address of an entry, of an entry in a region, or of a lookup.
fn parse(text: &str) -> Result<Address, CommandError> {
    let help = "Name an entry, and a region if you want one id:\n\n    goldform output image.web@ap-tokyo";
    match text.parse::<Address>() {
        Ok(address @ (Address::Image(_) | Address::InRegion(..) | Address::Lookup(_))) => Ok(address),
        Ok(_) => Err(CommandError::input(
            format!("`{}` names a generation, and what serves changes", sanitize::escape_truncated(text)),
            help,
        )),
        Err(error) => Err(CommandError::input(error.to_string(), help)),
    }
}

/// Returns the error for an address that names nothing.
fn unknown(address: &Address, workspace: &Workspace, recorded: &Recorded) -> CommandError {
    let images = workspace.engine.desired.images.keys().chain(recorded.images.keys());
    let known: BTreeSet<String> = images.map(|key| format!("image.{key}")).collect();
    let similar = closest(&address.to_string(), known.iter().map(String::as_str));
    let help = match similar {
        Some(similar) => format!("Did you mean `{similar}`?"),
        None => "See which addresses there are:\n\n    goldform output".to_owned(),
    };
    CommandError::input(format!("{address} is neither in the manifest nor recorded"), help)
}

impl From<SameVariable> for CommandError {
    fn from(error: SameVariable) -> Self {
        Self::input(
            error.to_string(),
            "Rename one of them, or use the JSON, whose keys differ:\n\n    goldform output --format json",
        )
    }
}

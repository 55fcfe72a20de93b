//! `output`: the ids of the images that serve and of what lookups found, for other tools.

use crate::cli::args::{Format, OutputAs, OutputCommandArgs};
use crate::cli::printer::Printer;
use crate::cli::workspace::Workspace;
use crate::cli::{CommandError, ExitStatus};
use crate::diff::renamed;
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
    let outputs = Outputs::of(&workspace.engine.desired, &recorded);
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

impl From<SameVariable> for CommandError {
    fn from(error: SameVariable) -> Self {
        Self::input(
            error.to_string(),
            "Rename one of them, or use the JSON, whose keys differ:\n\n    goldform output --format json",
        )
    }
}

//! `show`: the state, or a state file, for people or as JSON.

use super::apply::read_plan;
use crate::backend::{FileStore, StateStore as _};
use crate::cli::args::{Format, ShowArgs};
use crate::cli::printer::Printer;
use crate::cli::workspace::Workspace;
use crate::cli::{CommandError, ExitStatus};
use crate::diagnostics::harmless;
use crate::plan::PlanFile;
use crate::report::{self, AccountNames};
use crate::state::Recorded;

/// Shows a state.
///
/// # Errors
/// When there is none, or it cannot be read.
pub async fn run(args: &ShowArgs, printer: &Printer) -> Result<ExitStatus, CommandError> {
    if let Some(file) = args.path.as_deref().and_then(|path| read_plan(path).ok()) {
        return show_plan(file, printer);
    }
    let (snapshot, names, place) = match &args.path {
        Some(path) => {
            let snapshot = FileStore::at(path).load().await?;
            (snapshot, AccountNames::default(), harmless::path(path))
        }
        None => {
            let workspace = Workspace::open(&args.manifest, None, printer)?;
            let names = AccountNames::of(&workspace.engine.desired);
            (workspace.snapshot().await?, names, workspace.store()?.place())
        }
    };
    let Some(snapshot) = snapshot else {
        if args.path.is_some() {
            return Err(CommandError::input(
                format!("{place}: there is no such file"),
                "Name a state or plan file, or leave it out for the manifest's state.",
            ));
        }
        return Err(CommandError::input(
            format!("{place}: nothing is recorded yet"),
            "Record something:\n\n    goldform apply",
        ));
    };
    match printer.format {
        Format::Text => printer.text(&report::state::state_text(&snapshot, &names, printer.out)),
        // As it is stored: with its digest, so that it can be used as a state.
        Format::Json => {
            let text = snapshot.to_text().map_err(|error| CommandError::Internal(error.to_string()))?;
            printer.json(&serde_json::from_str(&text)?);
        }
    }
    Ok(ExitStatus::Done)
}

/// Shows a saved plan, as it was made.
fn show_plan(file: PlanFile, printer: &Printer) -> Result<ExitStatus, CommandError> {
    let PlanFile { goldform, secrets, desired, plan, .. } = file;
    match printer.format {
        Format::Text => {
            let names = AccountNames::of(&desired);
            printer.text(&report::plan::plan_text(&plan, &Recorded::default(), &names, printer.out));
            printer
                .say(&format!("A saved plan of account {}, written by goldform {goldform}.", plan.account));
            if !secrets.is_empty() {
                printer.say(&format!(
                    "To apply it, these sensitive variables are needed: {}.",
                    secrets.join(", ")
                ));
            }
        }
        Format::Json => printer.json(&report::json::plan(&plan, &Recorded::default(), Vec::new())?),
    }
    Ok(ExitStatus::Done)
}

//! `show`: the state, or a state file, for people or as JSON.

use crate::backend::{FileStore, StateStore as _};
use crate::cli::args::{Format, ShowArgs};
use crate::cli::printer::Printer;
use crate::cli::workspace::Workspace;
use crate::cli::{CommandError, ExitStatus};
use crate::report::{self, AccountNames};

/// Shows a state.
///
/// # Errors
/// When there is none, or it cannot be read.
pub async fn run(args: &ShowArgs, printer: &Printer) -> Result<ExitStatus, CommandError> {
    let (snapshot, names, place) = match &args.path {
        Some(path) => {
            let snapshot = FileStore::at(path).load().await?;
            (snapshot, AccountNames::default(), path.display().to_string())
        }
        None => {
            let workspace = Workspace::open(&args.manifest, None, printer)?;
            let names = AccountNames::of(&workspace.desired);
            (workspace.snapshot().await?, names, workspace.store()?.place())
        }
    };
    let Some(snapshot) = snapshot else {
        return Err(CommandError::input(
            format!("{place}: nothing is recorded yet"),
            "Record something:\n\n    goldform apply",
        ));
    };
    match printer.format {
        Format::Text => printer.data(&report::state::state_text(&snapshot, &names, printer.out)),
        Format::Json => printer.json(&serde_json::to_value(&snapshot)?),
    }
    Ok(ExitStatus::Done)
}

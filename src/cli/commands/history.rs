//! `history`: what was applied.

use serde_json::json;

use crate::cli::args::{Format, HistoryArgs};
use crate::cli::printer::Printer;
use crate::cli::workspace::Workspace;
use crate::cli::{CommandError, ExitStatus};
use crate::report::history::runs_text;
use crate::state::Runs;

/// Lists the runs that changed the cloud, newest first.
///
/// # Errors
/// When the manifest or the state cannot be read.
pub async fn run(args: &HistoryArgs, printer: &Printer) -> Result<ExitStatus, CommandError> {
    let workspace = Workspace::open(&args.manifest, None)?;
    let runs = workspace.snapshot().await?.map(|snapshot| snapshot.runs).unwrap_or_default();
    match printer.format {
        Format::Text if runs.is_empty() => printer.say("Nothing was applied yet."),
        Format::Text => printer.text(&runs_text(&runs, workspace.writer().await.is_some(), printer.out)),
        Format::Json => printer.document(json!({ "runs": serde_json::to_value(newest_first(&runs))? })),
    }
    Ok(ExitStatus::Done)
}

fn newest_first(runs: &Runs) -> Vec<&crate::state::Run> {
    runs.iter().rev().collect()
}

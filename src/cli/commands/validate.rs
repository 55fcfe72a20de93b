//! `validate`: parses the manifest and checks it against the rules, offline.

use crate::cli::args::{Format, ValidateArgs};
use crate::cli::printer::Printer;
use crate::cli::reports::emit;
use crate::cli::workspace::Workspace;
use crate::cli::{CommandError, ExitStatus};
use crate::diff::PlanMode;
use crate::report::CommandResult;

/// Judges the manifest by itself, under the limits that a local state has recorded.
///
/// # Errors
/// When the manifest or the state cannot be read.
pub async fn run(args: &ValidateArgs, printer: &Printer) -> Result<ExitStatus, CommandError> {
    let mut workspace = Workspace::open(&args.manifest, Some(&args.rules))?;
    let snapshot = workspace.snapshot().await?;
    workspace.engine.use_lookups(snapshot.as_ref(), PlanMode::Normal);
    let judgement = workspace.engine.check_manifest(snapshot.as_ref(), !workspace.has_errors())?;
    let mut status = if judgement.refuses() { ExitStatus::Violated } else { ExitStatus::Done };
    if workspace.has_errors() {
        status = status.or(ExitStatus::Error);
    }
    let mut diagnostics = workspace.diagnostics.clone();
    diagnostics.extend(judgement.diagnostics);
    if printer.format == Format::Text {
        printer.diagnostics(&diagnostics, &workspace.locator);
    }
    let images = workspace.engine.desired.images.len();
    let placements = workspace.engine.desired.images.values().map(|image| image.placements().len()).sum();
    emit(&workspace, &diagnostics, CommandResult::Judged { images, placements }, printer);
    Ok(status)
}

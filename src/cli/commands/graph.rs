//! `graph`: the plan's graph, drawn or for other programs to draw.

use super::planning::{Proposed, diagnostics, proposed};
use crate::cli::args::GraphArgs;
use crate::cli::printer::Printer;
use crate::cli::reports::emit;
use crate::cli::{CommandError, ExitStatus};
use crate::report::CommandResult;

/// Draws the plan that the same arguments of `plan` make, whether a rule refuses it or not: the picture helps to see
/// why.
///
/// # Errors
/// When the manifest or state cannot be read, the cloud cannot be reached with `--refresh`, or a file cannot be
/// written.
pub async fn run(args: &GraphArgs, printer: &Printer) -> Result<ExitStatus, CommandError> {
    let Proposed { workspace, planned, .. } =
        proposed(&args.manifest, None, &args.proposal, None, printer).await?;
    let result = CommandResult::Plan { plan: planned.plan(), prior: &planned.prior, unexpected: None };
    emit(&workspace, &diagnostics(&workspace, &planned), result, printer);
    Ok(ExitStatus::Done)
}

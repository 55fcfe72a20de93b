//! `plan`: shows what apply would do, offline against the recorded state, or after a look at the cloud.

use std::path::Path;

use super::expected::Expected;
use super::planning::{Proposed, proposed, show, status_of};
use crate::backend::file::write_atomically;
use crate::cli::args::PlanArgs;
use crate::cli::printer::Printer;
use crate::cli::workspace::Workspace;
use crate::cli::{CommandError, ExitStatus};
use crate::diagnostics::harmless;
use crate::engine::CheckedPlan;
use crate::plan::PlanFile;

/// Makes a plan and shows it. Writes nothing.
///
/// # Errors
/// When the manifest or state cannot be read, or the cloud cannot be reached with `--refresh`.
pub async fn run(args: &PlanArgs, printer: &Printer) -> Result<ExitStatus, CommandError> {
    let expected = Expected::read(&args.expect)?;
    let Proposed { workspace, snapshot, planned } =
        proposed(&args.manifest, Some(&args.rules), &args.proposal, printer).await?;
    let unexpected = expected.unmet(planned.plan())?;
    show(&workspace, &planned, unexpected.as_ref(), printer)?;
    if let Some(unexpected) = &unexpected {
        return Err(expected.stale(unexpected, planned.plan(), snapshot.as_ref()));
    }
    if let Some(path) = &args.out {
        save(&workspace, &planned, path, printer)?;
    }
    let mut status = status_of(&planned);
    if !planned.plan().is_empty() {
        if args.expect.expect_no_changes {
            status = status.or(ExitStatus::Error);
        } else if args.detailed_exitcode {
            status = status.or(ExitStatus::Changes);
        }
    }
    Ok(status)
}

/// Saves a plan. One that a rule refuses is not saved: it could not be applied.
fn save(
    workspace: &Workspace,
    planned: &CheckedPlan,
    path: &Path,
    printer: &Printer,
) -> Result<(), CommandError> {
    if planned.valid.is_err() {
        printer.say(&format!("{} was not written: a rule refuses the plan", harmless::path(path)));
        return Ok(());
    }
    if let Err(error) = workspace.check_lookups(planned.plan()) {
        printer.say(&format!("{} was not written: {error}", harmless::path(path)));
        return Ok(());
    }
    // The levels that it was judged by go with it.
    let mut desired = workspace.engine.desired.clone();
    desired.levels = workspace.engine.levels.all();
    let text = PlanFile::new(&desired, planned.plan(), workspace.folder()).to_text()?;
    write_atomically(path, &text).map_err(|source| CommandError::File {
        path: harmless::path(path),
        source,
        help: "Name a file that can be written.".to_owned(),
    })?;
    printer.say(&format!("Saved. Apply just this:\n\n    goldform apply {}", harmless::path(path)));
    Ok(())
}

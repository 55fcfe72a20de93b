//! `plan`: shows what apply would do, offline from the recorded state, or after a refresh.

use std::path::Path;

use super::expected::Expected;
use super::planning::{Proposed, proposed, show, status_of};
use crate::backend::file::write_atomically;
use crate::cli::args::PlanArgs;
use crate::cli::printer::Printer;
use crate::cli::{CommandError, ExitStatus};
use crate::diagnostics::sanitize;
use crate::plan::PlanInputs;

/// Makes a plan and shows it. Writes nothing.
///
/// # Errors
/// When the manifest or state cannot be read, or the cloud cannot be reached with `--refresh`.
pub async fn run(args: &PlanArgs, printer: &Printer) -> Result<ExitStatus, CommandError> {
    let expected = Expected::read(&args.expect)?;
    let rules = expected.rules(&args.rules)?;
    let proposed = proposed(&args.manifest, Some(&rules), &args.proposal, expected.time(), printer).await?;
    let Proposed { workspace, snapshot, options: _, planned } = &proposed;
    let unexpected = expected.unmet(planned.plan())?;
    show(workspace, planned, unexpected.as_ref(), printer);
    if let Some(unexpected) = &unexpected {
        return Err(expected.stale(unexpected, planned.plan(), snapshot.as_ref()));
    }
    if let Some(path) = &args.out {
        save(&proposed, path, printer)?;
    }
    let mut status = status_of(planned);
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
fn save(proposed: &Proposed, path: &Path, printer: &Printer) -> Result<(), CommandError> {
    let Proposed { workspace, snapshot, options, planned } = proposed;
    if planned.valid.is_err() {
        printer.say(&format!("{} was not written: a rule refuses the plan", sanitize::path(path)));
        return Ok(());
    }
    if let Err(error) = workspace.check_lookups(planned.plan()) {
        printer.say(&format!("{} was not written: {error}", sanitize::path(path)));
        return Ok(());
    }
    let inputs = PlanInputs {
        state: workspace.absolute_state()?,
        base: planned.plan().base.clone(),
        options: options.clone(),
        rules: workspace.engine.levels.of_command_line().clone(),
        desired: workspace.engine.desired.clone(),
        recorded: snapshot.as_ref().map(|snapshot| snapshot.recorded.clone()).unwrap_or_default(),
    };
    let digest = inputs.plan()?.plan.digest;
    if digest != planned.plan().digest {
        return Err(CommandError::Internal("the plan is another one when it is made again".to_owned()));
    }
    let text = inputs.to_text_of(digest)?;
    write_atomically(path, &text).map_err(|source| CommandError::File {
        path: sanitize::path(path),
        source,
        help: "Name a file that can be written.".to_owned(),
    })?;
    printer.say(&format!("Saved. Apply just this:\n\n    goldform apply {}", sanitize::path(path)));
    Ok(())
}

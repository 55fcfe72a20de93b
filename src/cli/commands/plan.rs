//! `plan`: shows what apply would do, offline against the recorded state, or after a look at the cloud.

use super::planning::{check_expected, make_plan, show, stop_on_errors};
use super::refresh::look;
use crate::cli::args::PlanArgs;
use crate::cli::printer::Printer;
use crate::cli::workspace::Workspace;
use crate::cli::{CommandError, ExitStatus};
use crate::diff::Intention;

/// Makes a plan and shows it. Writes nothing.
///
/// # Errors
/// When the manifest or state cannot be read, or the cloud cannot be reached with `--refresh`.
pub async fn run(args: &PlanArgs, printer: &Printer) -> Result<ExitStatus, CommandError> {
    let workspace = Workspace::open(&args.manifest, Some(&args.rules), printer)?;
    let mut snapshot = workspace.snapshot().await?;
    stop_on_errors(&workspace, snapshot.as_ref(), printer)?;
    if args.refresh {
        let mut seen = snapshot.take().unwrap_or_else(|| workspace.first_snapshot());
        look(&workspace, &mut seen, 10).await?;
        snapshot = Some(seen);
    }
    let intention = if args.destroy { Intention::Destroy } else { Intention::Converge };
    let planned = make_plan(&workspace, snapshot.as_ref(), intention)?;
    show(&workspace, snapshot.as_ref(), &planned, printer)?;
    check_expected(&args.expect, planned.plan())?;
    let mut status = planned.status();
    if !planned.plan().is_empty() {
        if args.expect.expect_no_changes {
            status = status.or(ExitStatus::Error);
        } else if args.detailed_exitcode {
            status = status.or(ExitStatus::Changes);
        }
    }
    Ok(status)
}

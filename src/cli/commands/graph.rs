//! `graph`: the plan's graph for other programs to draw.

use super::planning::{make_plan, stop_on_errors};
use crate::cli::args::{DrawAs, GraphArgs};
use crate::cli::printer::Printer;
use crate::cli::workspace::Workspace;
use crate::cli::{CommandError, ExitStatus};
use crate::diff::Intention;
use crate::plan::Wish;
use crate::report::drawing::svg;
use crate::report::graph::{dot, mermaid};

/// Draws the plan against what is recorded, whether a rule refuses it or not: the picture helps to see why.
///
/// # Errors
/// When the manifest or state cannot be read.
pub async fn run(args: &GraphArgs, printer: &Printer) -> Result<ExitStatus, CommandError> {
    let mut workspace = Workspace::open(&args.manifest, None, printer)?;
    let snapshot = workspace.snapshot().await?;
    stop_on_errors(&workspace, snapshot.as_ref(), printer)?;
    let intention = if args.destroy { Intention::Destroy } else { Intention::Converge };
    workspace.use_lookups(snapshot.as_ref(), intention);
    let planned = make_plan(&workspace, snapshot.as_ref(), &Wish::all(intention), printer)?;
    printer.data(&match args.draw_as {
        DrawAs::Dot => dot(planned.plan()),
        DrawAs::Mermaid => mermaid(planned.plan()),
        DrawAs::Svg => svg(planned.plan()),
    });
    Ok(ExitStatus::Done)
}

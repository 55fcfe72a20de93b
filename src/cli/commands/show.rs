//! `show`: the state, or a state file, for people or as JSON.

use std::path::Path;

use super::apply::plan_of_text;
use crate::backend::{FileStore, StateStore as _};
use crate::cli::args::{Format, ShowArgs};
use crate::cli::files::{Kind, read_named_text, state_of};
use crate::cli::printer::Printer;
use crate::cli::workspace::Workspace;
use crate::cli::{CommandError, ExitStatus};
use crate::diagnostics::sanitize;
use crate::plan::{Base, Plan, PlanFile, PlanInputs};
use crate::report::{self, AccountNames};
use crate::state::Snapshot;

/// Shows a state.
///
/// # Errors
/// When there is none, or it cannot be read.
pub async fn run(args: &ShowArgs, printer: &Printer) -> Result<ExitStatus, CommandError> {
    let (snapshot, names, place, is_running) = match &args.path {
        Some(path) => match read_shown(path).await? {
            Shown::Plan(file) => return show_plan(*file, printer),
            Shown::State(snapshot) => {
                (snapshot.map(|one| *one), AccountNames::default(), sanitize::path(path), false)
            }
        },
        None => {
            let workspace = Workspace::open(&args.manifest, None)?;
            let names = AccountNames::of(&workspace.engine.desired);
            let is_running = workspace.writer().await.is_some();
            (workspace.snapshot().await?, names, workspace.store()?.place(), is_running)
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
        Format::Text => printer.text(&report::state::state_text(&snapshot, &names, is_running, printer.out)),
        // As it is stored: with its digest, so that it can be used as a state.
        Format::Json => {
            let text = snapshot.to_text().map_err(|error| CommandError::Internal(error.to_string()))?;
            printer.json(&serde_json::from_str(&text)?);
        }
    }
    Ok(ExitStatus::Done)
}

/// What a file that was named holds.
enum Shown {
    Plan(Box<PlanFile>),
    /// `None` if there is no such file.
    State(Option<Box<Snapshot>>),
}

/// Reads a plan or a state, from a file or from a pipe, which can be read only once.
async fn read_shown(path: &Path) -> Result<Shown, CommandError> {
    if !path.exists() {
        return Ok(Shown::State(None));
    }
    let text = read_named_text(path, Kind::State, "Name a state or plan file.")?;
    if PlanFile::is_plan_file(&text) {
        return Ok(Shown::Plan(Box::new(plan_of_text(path, &text)?)));
    }
    let snapshot = match path.is_file() {
        // Its journal belongs to it.
        true => FileStore::at(path).load().await?,
        false => Some(state_of(path, &text)?),
    };
    Ok(Shown::State(snapshot.map(Box::new)))
}

/// Shows a saved plan, as it was made.
fn show_plan(file: PlanFile, printer: &Printer) -> Result<ExitStatus, CommandError> {
    let PlanFile { goldform, inputs, plan, prior } = file;
    match printer.format {
        Format::Text => {
            let names = AccountNames::of(&inputs.desired);
            printer.text(&report::plan::plan_text(&plan, &prior, &names, printer.out, printer.detail));
            printer.say(&origin(&goldform, &inputs, &plan));
        }
        Format::Json => printer.json(&report::json::plan(&plan, &prior, Vec::new())?),
    }
    Ok(ExitStatus::Done)
}

/// What a saved plan was made from and needs.
fn origin(goldform: &str, inputs: &PlanInputs, plan: &Plan) -> String {
    let made = inputs.options.now.strftime("%Y-%m-%d %H:%M UTC");
    let base = match &inputs.base {
        Some(Base { lineage, serial }) => format!("serial {serial} of the state {lineage}"),
        None => "no state".to_owned(),
    };
    let mut text = format!(
        "A saved plan for account {}, {}: made {made} by goldform {}, from {base}.\nIt is applied to {}.",
        plan.account,
        plan.place,
        sanitize::escape_truncated(goldform),
        sanitize::escape_truncated(&inputs.state),
    );
    let levels: Vec<String> =
        inputs.rules.iter().map(|(rule, level)| format!("--{} {rule}", level.as_str())).collect();
    if !levels.is_empty() {
        text.push_str(&format!("\nIt keeps these levels of rules: {}.", levels.join(", ")));
    }
    let secrets: Vec<&str> = inputs.desired.secrets().into_iter().map(|name| name.as_str()).collect();
    if !secrets.is_empty() {
        text.push_str(&format!(
            "\nTo apply it, these sensitive variables are needed: {}.",
            secrets.join(", ")
        ));
    }
    text
}

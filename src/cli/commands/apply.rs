//! `apply` and `destroy`: recover, refresh, plan, ask, apply.

use std::path::Path;

use super::expected::Expected;
use super::planning::{
    Planned, diagnostics, make_plan, note_needless, print_unresolved, recover_in_memory, show,
    stop_on_errors, wish,
};
use super::refresh::{look, look_at_managed};
use crate::apply::{Executor, Pace, preflight};
use crate::backend::{FileStore, Freshness, LockWait, StateStore as _};
use crate::cli::args::{ApplyArgs, ApplyCommandArgs, Format};
use crate::cli::confirm::confirm;
use crate::cli::printer::Printer;
use crate::cli::progress::Bar;
use crate::cli::reports::tell;
use crate::cli::signals::Signals;
use crate::cli::workspace::Workspace;
use crate::cli::{CommandError, ExitStatus};
use crate::constraints::validate;
use crate::diagnostics::harmless;
use crate::diff::{Intention, renamed};
use crate::plan::{self, Outcome, PlanFile, Preflight, StepOutcome, Trial};
use crate::report::{self, Told};
use crate::state::Snapshot;

/// Makes the cloud as the manifest says, or applies a saved plan.
///
/// # Errors
/// When anything before the first change fails; what fails after it is in the outcome.
pub async fn run(args: &ApplyCommandArgs, printer: &Printer) -> Result<ExitStatus, CommandError> {
    match &args.plan {
        Some(path) => apply_file(path, &args.apply, printer).await,
        None => go(&args.apply, Intention::Converge, printer).await,
    }
}

/// Deletes everything that is managed.
///
/// # Errors
/// As [`run`].
pub async fn destroy(args: &ApplyArgs, printer: &Printer) -> Result<ExitStatus, CommandError> {
    go(args, Intention::Destroy, printer).await
}

/// A locked state, repaired and refreshed: what an apply starts from.
struct Start {
    store: FileStore,
    snapshot: Snapshot,
    freshness: Freshness,
    /// The plan that is expected, read before anything is done.
    expected: Expected,
}

async fn start(
    args: &ApplyArgs,
    workspace: &Workspace,
    name: &str,
    printer: &Printer,
) -> Result<Start, CommandError> {
    let expected = Expected::read(&args.expect)?;
    let mut store = workspace.locked_store(name, LockWait(args.lock.lock_timeout)).await?;
    let stored = store.load().await?;
    let mut is_new = stored.is_none();
    let mut snapshot = stored.unwrap_or_else(|| workspace.first_snapshot());
    workspace.check_owner(&snapshot)?;
    stop_on_errors(workspace, Some(&snapshot), printer)?;
    workspace.check_caller().await?;
    // What an earlier run left open is closed before anything is planned.
    is_new |= repair(workspace, &mut store, &mut snapshot, printer).await?;
    if !args.no_refresh {
        let parallelism = usize::from(args.parallelism);
        let drift = match name {
            "destroy" => look_at_managed(workspace, &mut snapshot, parallelism, printer).await?,
            _ => look(workspace, &mut snapshot, parallelism, printer).await?,
        };
        is_new |= drift.facts_changed;
        let is_news = !(drift.items.is_empty() && drift.lookups.is_empty());
        if is_news && printer.format == Format::Text {
            let names = report::AccountNames::of(&workspace.desired);
            printer.say(&report::drift::drift_text(&drift, &names, printer.talk));
        }
    }
    let freshness = if is_new { Freshness::New } else { Freshness::Same };
    Ok(Start { store, snapshot, freshness, expected })
}

async fn go(args: &ApplyArgs, intention: Intention, printer: &Printer) -> Result<ExitStatus, CommandError> {
    let mut workspace = Workspace::open(&args.manifest, Some(&args.rules), printer)?;
    let name = if intention == Intention::Destroy { "destroy" } else { "apply" };
    let start = start(args, &workspace, name, printer).await?;
    workspace.use_lookups(Some(&start.snapshot), intention);
    let wish = wish(&args.select, intention, &workspace, Some(&start.snapshot))?;
    let planned = make_plan(&workspace, Some(&start.snapshot), &wish, printer)?;
    finish(args, &workspace, start, &planned, intention, printer).await
}

/// Applies a saved plan: judged again, and refused where what it relies on has moved.
async fn apply_file(path: &Path, args: &ApplyArgs, printer: &Printer) -> Result<ExitStatus, CommandError> {
    let file = read_plan(path)?;
    let workspace = Workspace::of_plan(file.desired, &file.folder, &args.manifest, &args.rules)?;
    let start = start(args, &workspace, "apply", printer).await?;
    let (prior, _) = renamed(&workspace.desired, &start.snapshot.recorded);
    let moved = plan::file::moved(&file.plan, &workspace.desired, &prior);
    if !moved.is_empty() {
        return Err(CommandError::Stale {
            what: format!("the plan is stale: {}", moved.join("; ")),
            help: "Make it again, and review it:\n\n    goldform plan --refresh --out <file>".to_owned(),
        });
    }
    let plan = file.plan.rebased(&workspace.desired, &prior, Some(&start.snapshot)).map_err(|error| {
        CommandError::input(format!("{}: {error}", harmless::path(path)), "Make the plan again.")
    })?;
    let prior = prior.into_owned();
    let now = workspace.clock.now();
    let (judgement, valid) = validate(plan, &workspace.desired, &prior, &workspace.levels, now);
    let planned = Planned { valid, judgement, prior };
    finish(args, &workspace, start, &planned, Intention::Converge, printer).await
}

/// Reads a saved plan.
///
/// # Errors
/// When it cannot be read, or is none.
#[expect(clippy::disallowed_methods, reason = "saved plans are read here")]
pub fn read_plan(path: &Path) -> Result<PlanFile, CommandError> {
    let text = std::fs::read_to_string(path).map_err(|source| CommandError::File {
        path: harmless::path(path),
        source,
        help: "Save a plan first:\n\n    goldform plan --out <file>".to_owned(),
    })?;
    PlanFile::from_text(&text).map_err(|error| {
        CommandError::input(
            format!("{}: {error}", harmless::path(path)),
            "Make the plan again:\n\n    goldform plan --out <file>",
        )
    })
}

/// Shows the plan, asks, and walks it.
async fn finish(
    args: &ApplyArgs,
    workspace: &Workspace,
    start: Start,
    planned: &Planned,
    intention: Intention,
    printer: &Printer,
) -> Result<ExitStatus, CommandError> {
    let Start { mut store, mut snapshot, freshness, expected } = start;
    let unexpected = expected.unmet(planned.plan())?;
    // For programs, the outcome is the result; a plan that is not applied is told in its place.
    let will_run = planned.valid.is_ok() && !planned.plan().is_empty() && unexpected.is_none();
    if !will_run {
        show(workspace, planned, unexpected.as_ref(), printer)?;
    } else {
        if printer.format == Format::Text {
            let names = report::AccountNames::of(&workspace.desired);
            printer.text(&report::plan::plan_text(planned.plan(), &planned.prior, &names, printer.out));
        }
        printer.diagnostics(&diagnostics(workspace, planned), &workspace.locator);
        note_needless(planned, printer);
    }
    if let Some(unexpected) = &unexpected {
        return Err(expected.stale(unexpected, planned.plan(), Some(&snapshot)));
    }
    if args.expect.expect_no_changes && !planned.plan().is_empty() {
        return Ok(ExitStatus::Error.or(planned.status()));
    }
    let Ok(plan) = &planned.valid else { return Ok(planned.status()) };
    if intention == Intention::Converge {
        workspace.check_lookups(plan.plan())?;
    }
    if plan.plan().is_empty() {
        store.save(&mut snapshot, freshness).await?;
        return Ok(ExitStatus::Done);
    }
    let queries = workspace.queries()?;
    if args.preflight {
        let (trying, prior) = (workspace.trying()?, &planned.prior);
        let calls = usize::from(args.parallelism);
        let told = preflight(&trying, plan, prior, &snapshot.lineage, &queries, calls).await?;
        printer.say(&report::preflight::preflight_text(&told, printer.talk));
        if told.refused() > 0 {
            return Err(refused_on_trial(&told, printer));
        }
    }
    let question = match intention {
        Intention::Converge => "Apply this plan?",
        Intention::Destroy => "Delete all of this? It cannot be undone.",
    };
    if !args.yes && !confirm(printer, question)? {
        printer.always("Nothing was changed.");
        return Ok(ExitStatus::Error);
    }
    let command = if intention == Intention::Destroy { "destroy" } else { "apply" };
    snapshot.runs.begin(workspace.run(command, plan.plan(), snapshot.serial));
    store.save(&mut snapshot, freshness).await?;
    let signals = Signals::listen(printer.clone());
    let mut progress = Bar::new(printer.clone(), plan.plan().graph.len());
    let executor = Executor {
        cloud: workspace.cloud()?,
        store: &mut store,
        clock: workspace.clock.clone(),
        pace: Pace { parallelism: usize::from(args.parallelism), settle_timeout: args.settle_timeout },
        stop: signals.stop.clone(),
        progress: &mut progress,
        queries,
    };
    let result = executor.run(plan, &mut snapshot).await;
    progress.finish();
    let outcome = result?;
    snapshot.runs.end(workspace.run_end(&outcome));
    store.save(&mut snapshot, Freshness::New).await?;
    let mut found = diagnostics(workspace, planned);
    found.extend(report::findings::outcome(&outcome, plan.plan(), &workspace.desired));
    let told = Told::Applied { plan: plan.plan(), prior: &planned.prior, outcome: &outcome };
    tell(workspace, &found, told, printer)?;
    print_unresolved(&snapshot, printer);
    Ok(status(&outcome).or(signals.status().unwrap_or(ExitStatus::Done)))
}

/// The service would refuse these calls: nothing was changed.
fn refused_on_trial(told: &Preflight, printer: &Printer) -> CommandError {
    let refusals: Vec<String> = told
        .trials
        .iter()
        .filter_map(|(step, trial)| match trial {
            Trial::Refused { refusal } => Some(format!("{step}: {refusal}")),
            _ => None,
        })
        .collect();
    // What was said already is not said again.
    let which = if printer.quiet { format!(": {}", refusals.join("; ")) } else { String::new() };
    CommandError::input(
        format!(
            "the service would refuse {}, so nothing was changed{which}",
            report::count(refusals.len(), "call of this plan", "calls of this plan")
        ),
        "Remove what the refusal names, or leave the entry out with --exclude.",
    )
}

/// Partly applied where a step is done or may be; an error where none is.
fn status(outcome: &Outcome) -> ExitStatus {
    if outcome.internal_error.is_some() {
        return ExitStatus::Internal;
    }
    if outcome.is_complete() {
        return ExitStatus::Done;
    }
    let may_be = |result: &StepOutcome| *result == StepOutcome::Done || result.is_open();
    if outcome.count(may_be) > 0 { ExitStatus::Partial } else { ExitStatus::Error }
}

/// Closes what an earlier run left open, as far as that can be found out; returns whether anything was. A make that no
/// listing shows yet stays open: an apply goes on with it, and a person can say what became of it.
///
/// # Errors
/// When the cloud cannot be asked.
pub async fn repair(
    workspace: &Workspace,
    store: &mut FileStore,
    snapshot: &mut Snapshot,
    printer: &Printer,
) -> Result<bool, CommandError> {
    let had_open = !snapshot.intents.is_empty();
    let events = recover_in_memory(workspace, snapshot, printer).await?;
    if !events.is_empty() {
        store.append(&events).await?;
    }
    Ok(had_open)
}

//! `apply` and `destroy`: recover, refresh, plan, ask, apply.

use std::path::Path;

use super::expected::Expected;
use super::judgement::accept;
use super::planning::{
    diagnostics, make_plan, note_needless, plan_event, plan_options, print_recovery, print_unresolved, show,
    status_of, stop_on_errors,
};
use crate::apply::ExecutorOptions;
use crate::backend::{LockWait, StateStore};
use crate::cli::args::{ApplyArgs, ApplyCommandArgs, Format};
use crate::cli::confirm::confirm;
use crate::cli::files::{Kind, read_named_text};
use crate::cli::printer::Printer;
use crate::cli::progress::{Bar, Events};
use crate::cli::reports::{emit, line_of};
use crate::cli::signals::Signals;
use crate::cli::workspace::Workspace;
use crate::cli::{CommandError, ExitStatus, service};
use crate::diagnostics::sanitize;
use crate::diff::{PlanMode, renamed, replaced};
use crate::engine::{CheckedPlan, Connected, Executed, Execution, LockedState, Observation, Scope};
use crate::plan::{Outcome, PlanFile, Preflight, StepOutcome, Trial, stale};
use crate::report::applied::{ApplyResult, Run};
use crate::report::{self, CommandResult};
use crate::state::{Edit, Snapshot};

/// Applies the manifest, or a saved plan.
///
/// # Errors
/// If anything before the first change fails. Later failures are in the outcome.
pub async fn run(args: &ApplyCommandArgs, printer: &Printer) -> Result<ExitStatus, CommandError> {
    match &args.plan {
        Some(path) => apply_file(path, &args.apply, printer).await,
        None => apply_manifest(&args.apply, PlanMode::Normal, None, printer).await,
    }
}

/// Deletes everything that is managed.
///
/// # Errors
/// As [`run`].
pub async fn destroy(args: &ApplyArgs, printer: &Printer) -> Result<ExitStatus, CommandError> {
    apply_manifest(args, PlanMode::Destroy, None, printer).await
}

/// Holds an entry at a generation, or releases the hold, and applies the manifest. The hold is saved before the first
/// call, and not at all if the plan is refused or declined.
///
/// # Errors
/// As [`run`].
pub async fn hold(args: &ApplyArgs, hold: Edit, printer: &Printer) -> Result<ExitStatus, CommandError> {
    apply_manifest(args, PlanMode::Normal, Some(hold), printer).await
}

/// Loads the locked state, recovers the steps that an earlier run left open, and refreshes it.
async fn prepare<'s>(
    args: &ApplyArgs,
    workspace: &Workspace,
    file: Option<&PlanFile>,
    mode: PlanMode,
    store: &'s mut dyn StateStore,
    printer: &Printer,
) -> Result<LockedState<'s>, CommandError> {
    let mut state = LockedState::load(store, || workspace.first_snapshot()).await?;
    if let Some(file) = file {
        let stored = Some(&state.snapshot).filter(|snapshot| snapshot.serial > 0);
        check_state(file, workspace, stored)?;
    }
    workspace.check_owner(&state.snapshot)?;
    stop_on_errors(workspace, Some(&state.snapshot), printer)?;
    let connected = connect(args, workspace)?;
    connected.check_caller().await?;
    let recovery = state.recover(&connected).await?;
    print_recovery(&state.snapshot, &recovery, printer);
    if !args.no_refresh {
        let scope = match mode {
            PlanMode::Destroy => Scope::Managed,
            PlanMode::Normal => Scope::All,
        };
        let observed = state.observe(&connected, scope).await;
        let Observation { drift, .. } = accept(workspace, observed, |found| &found.judgement, printer)?;
        let is_news = !(drift.items.is_empty() && drift.lookups.is_empty());
        if is_news && printer.format == Format::Text {
            let names = report::AccountNames::of(&workspace.engine.desired);
            printer.say(&report::drift::drift_text(&drift, &names, printer.talk));
        }
    }
    Ok(state)
}

fn connect<'w>(args: &ApplyArgs, workspace: &'w Workspace) -> Result<Connected<'w>, CommandError> {
    Ok(Connected { parallelism: usize::from(args.parallelism), ..workspace.connect()? })
}

async fn apply_manifest(
    args: &ApplyArgs,
    mode: PlanMode,
    hold: Option<Edit>,
    printer: &Printer,
) -> Result<ExitStatus, CommandError> {
    let expected = Expected::read(&args.expect)?;
    let (rules, now) = (expected.rules(&args.rules)?, expected.time());
    let mut workspace = Workspace::open(&args.manifest, Some(&rules))?;
    let mut store =
        workspace.locked_store(command_name(mode), LockWait(args.lock.lock_timeout), printer).await?;
    let mut state = prepare(args, &workspace, None, mode, &mut *store, printer).await?;
    if let Some(hold) = hold {
        state.snapshot.recorded.apply(&hold);
        state.changed();
    }
    let snapshot = Some(&state.snapshot);
    let options = plan_options(&args.select, mode, &workspace, snapshot, now)?;
    let planned = make_plan(&mut workspace, snapshot, snapshot, &options, printer)?;
    confirm_and_execute(args, &workspace, state, &expected, &planned, mode, printer).await
}

/// Returns the name of the command in the history.
fn command_name(mode: PlanMode) -> &'static str {
    match mode {
        PlanMode::Normal => "apply",
        PlanMode::Destroy => "destroy",
    }
}

/// Applies a saved plan, which is validated again and refused if the state changed where the plan depends on it.
async fn apply_file(path: &Path, args: &ApplyArgs, printer: &Printer) -> Result<ExitStatus, CommandError> {
    let file = read_plan(path)?;
    let expected = Expected::read(&args.expect)?;
    let workspace = Workspace::of_plan(&file.inputs, &args.manifest)?;
    // An unexpected plan may name another service: nothing is sent to it.
    if let Some(unexpected) = expected.unmet(&file.plan)? {
        let checked = workspace.engine.check(file.plan.clone(), file.prior.clone());
        show(&workspace, &checked, Some(&unexpected), printer);
        return Err(expected.stale(&unexpected, &file.plan, None));
    }
    // Before the lock file is written: the state must be the one that the plan was made from.
    check_state(&file, &workspace, workspace.store()?.load().await?.as_ref())?;
    let mode = file.inputs.options.mode;
    let mut store =
        workspace.locked_store(command_name(mode), LockWait(args.lock.lock_timeout), printer).await?;
    let state = prepare(args, &workspace, Some(&file), mode, &mut *store, printer).await?;
    let desired = &workspace.engine.desired;
    let (prior, _) = renamed(desired, &state.snapshot.recorded);
    let (prior, _) = replaced(desired, prior, &file.inputs.options.replace);
    let moved = stale::moved(&file, &prior);
    if !moved.is_empty() {
        return Err(CommandError::Stale {
            what: format!("the plan is stale: {}", moved.join("; ")),
            help: PLAN_AGAIN.to_owned(),
        });
    }
    let plan =
        file.plan.rebased(&workspace.engine.desired, &prior, Some(&state.snapshot)).map_err(|error| {
            CommandError::input(format!("{}: {error}", sanitize::path(path)), "Make the plan again.")
        })?;
    let planned = workspace.engine.check(plan, prior.into_owned());
    confirm_and_execute(args, &workspace, state, &expected, &planned, mode, printer).await
}

const PLAN_AGAIN: &str = "Plan again, and review the plan:\n\n    goldform plan --refresh --out <file>";

/// Checks that the stored state is the one that a saved plan was made from.
fn check_state(file: &PlanFile, workspace: &Workspace, found: Option<&Snapshot>) -> Result<(), CommandError> {
    let place = workspace.store()?.place();
    let mut why = stale::other_state(&file.inputs, found);
    if why.is_empty() && found.is_none() && !workspace.has_state_folder() {
        why.push("its folder does not exist on this machine".to_owned());
    }
    if why.is_empty() {
        return Ok(());
    }
    let help = match found {
        Some(_) => PLAN_AGAIN.to_owned(),
        None => format!(
            "If the state is in another place on this machine, name it:\n\n    goldform apply <file> --state \
             <state>\n\n{PLAN_AGAIN}"
        ),
    };
    Err(CommandError::Stale {
        what: format!("the plan is stale: its state is {place}; {}", why.join("; ")),
        help,
    })
}

/// Reads a saved plan.
///
/// # Errors
/// If it cannot be read, or is not a saved plan.
pub fn read_plan(path: &Path) -> Result<PlanFile, CommandError> {
    let text = read_named_text(path, Kind::Plan, "Save a plan first:\n\n    goldform plan --out <file>")?;
    plan_of_text(path, &text)
}

/// Reads the text of a saved plan.
///
/// # Errors
/// If it is not a saved plan that can be used.
pub fn plan_of_text(path: &Path, text: &str) -> Result<PlanFile, CommandError> {
    PlanFile::from_text(text).map_err(|error| {
        if crate::manifest::is_manifest(text) {
            let path = sanitize::path(path);
            return CommandError::input(
                format!("{path} is a manifest, and a saved plan is expected"),
                format!("Name manifests with -f:\n\n    goldform apply -f {path}"),
            );
        }
        CommandError::input(
            format!("{}: {error}", sanitize::path(path)),
            "Make the plan again:\n\n    goldform plan --out <file>",
        )
    })
}

/// Prints the plan, asks for confirmation and executes it.
async fn confirm_and_execute(
    args: &ApplyArgs,
    workspace: &Workspace,
    mut state: LockedState<'_>,
    expected: &Expected,
    planned: &CheckedPlan,
    mode: PlanMode,
    printer: &Printer,
) -> Result<ExitStatus, CommandError> {
    let unexpected = expected.unmet(planned.plan())?;
    // The machine-readable result is the outcome, or the plan if it is not applied.
    let will_run = planned.valid.is_ok() && !planned.plan().is_empty() && unexpected.is_none();
    if !will_run {
        show(workspace, planned, unexpected.as_ref(), printer);
    } else {
        if printer.format == Format::Text {
            let names = report::AccountNames::of(&workspace.engine.desired);
            let plan =
                report::plan::plan_text(planned.plan(), &planned.prior, &names, printer.out, printer.detail);
            // What follows is not part of the plan.
            printer.text(&format!("{plan}\n"));
        }
        let found = diagnostics(workspace, planned);
        plan_event(planned, &found, printer);
        printer.diagnostics(&found, &workspace.locator);
        note_needless(planned, printer);
    }
    if let Some(unexpected) = &unexpected {
        return Err(expected.stale(unexpected, planned.plan(), Some(&state.snapshot)));
    }
    if args.expect.expect_no_changes && !planned.plan().is_empty() {
        return Ok(ExitStatus::Error.or(status_of(planned)));
    }
    let Ok(plan) = &planned.valid else { return Ok(status_of(planned)) };
    if mode == PlanMode::Normal {
        workspace.check_lookups(plan.plan())?;
    }
    if plan.plan().is_empty() {
        state.save().await?;
        return Ok(ExitStatus::Done);
    }
    let queries = workspace.queries()?;
    if args.preflight {
        let lineage = &state.snapshot.lineage;
        let result = connect(args, workspace)?.preflight(plan, &planned.prior, lineage, &queries).await?;
        printer.say(&report::preflight::preflight_text(&result, printer.talk));
        if result.refused() > 0 {
            return Err(refused_in_preflight(&result, printer));
        }
    }
    let question = match mode {
        PlanMode::Normal => "Apply this plan?",
        PlanMode::Destroy => "Delete all of this? It cannot be undone.",
    };
    let shown = printer.output_status();
    if shown != ExitStatus::Done {
        // A plan that could not be shown was not reviewed.
        printer.always("Nothing was changed.");
        return Ok(shown);
    }
    if !args.yes && !confirm(printer, question)? {
        printer.always("Nothing was changed.");
        return Ok(ExitStatus::Error);
    }
    let signals = Signals::listen(printer.clone());
    let bar = Bar::new(printer.clone(), plan.plan().graph.len());
    let mut progress = (bar, Events::new(printer.clone()));
    let execution = Execution {
        options: ExecutorOptions {
            parallelism: usize::from(args.parallelism),
            settle_timeout: args.settle_timeout,
            keep_names_for: service::calls_last(state.snapshot.provider, &workspace.engine.desired.cloud),
        },
        stop: Some(signals.stop.clone()),
        progress: Some(&mut progress),
        queries,
        ..Execution::new(workspace.actor(), command_name(mode))
    };
    let executed = connect(args, workspace)?.execute(&mut state, plan, execution).await;
    progress.0.finish();
    let Executed { outcome, unsaved } = executed?;
    printer.outcome_event(&outcome);
    let result = ApplyResult::of(&Run {
        plan: plan.plan(),
        prior: &planned.prior,
        after: &state.snapshot.recorded,
        outcome: &outcome,
        desired: &workspace.engine.desired,
        command: command_name(mode),
        locate: &|place| line_of(workspace, place),
    });
    let mut found = diagnostics(workspace, planned);
    found.extend(report::findings::outcome(&outcome, &result, plan.plan(), &workspace.engine.desired));
    let applied = CommandResult::Applied {
        plan: plan.plan(),
        prior: &planned.prior,
        outcome: &outcome,
        result: &result,
    };
    emit(workspace, &found, applied, printer);
    let is_shown = printer.format == Format::Text && printer.output_status() == ExitStatus::Done;
    if let Some(why) = outcome.unsaved.as_ref().filter(|_| !is_shown) {
        printer.error(why);
    }
    print_unresolved(&state.snapshot, printer);
    let recorded = unsaved.map_or(ExitStatus::Done, |error| CommandError::from(error).exit_status());
    Ok(status(&outcome).or(recorded).or(signals.status().unwrap_or(ExitStatus::Done)))
}

/// Returns the error for calls that the service would refuse. Nothing was changed.
fn refused_in_preflight(result: &Preflight, printer: &Printer) -> CommandError {
    let refusals: Vec<String> = result
        .trials
        .iter()
        .filter_map(|(step, trial)| match trial {
            Trial::Refused { refusal } => Some(format!("{step}: {refusal}")),
            _ => None,
        })
        .collect();
    // The refusals were printed, unless `--quiet` suppressed them.
    let which = if printer.quiet { format!(": {}", refusals.join("; ")) } else { String::new() };
    CommandError::input(
        format!(
            "the service would refuse {}, so nothing was changed{which}",
            report::count(refusals.len(), "call of this plan", "calls of this plan")
        ),
        "Remove what the refusal names, or leave the entry out with --exclude.",
    )
}

/// Returns the exit status of an outcome: partly applied if any step is done or may be, else an error.
fn status(outcome: &Outcome) -> ExitStatus {
    if outcome.internal_error.is_some() {
        return ExitStatus::Internal;
    }
    if outcome.is_complete() {
        return ExitStatus::Done;
    }
    // A step that is done and not recorded is left to the next apply, which records it.
    let may_be = |result: &StepOutcome| *result == StepOutcome::Done || result.is_open();
    if outcome.count(may_be) > 0 { ExitStatus::Partial } else { ExitStatus::Error }
}

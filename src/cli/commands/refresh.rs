//! `refresh` and `drift`: observe the cloud and record what is there, or only report what differs.

use super::judgement::accept;
use super::planning::{note_unfinished, print_recovery, print_recovery_without_lock};
use crate::backend::LockWait;
use crate::cli::args::RefreshArgs;
use crate::cli::printer::Printer;
use crate::cli::reports::emit;
use crate::cli::workspace::Workspace;
use crate::cli::{CommandError, ExitStatus};
use crate::constraints::judge_recorded;
use crate::diagnostics::{Diagnostic, Severity};
use crate::diff::Drift;
use crate::engine::{LockedState, Observation, Scope};
use crate::report::{CommandResult, findings};

/// Observes the cloud and records what is there.
///
/// # Errors
/// When the manifest or state cannot be read, the cloud cannot be reached, or the state cannot be written.
pub async fn refresh(args: &RefreshArgs, printer: &Printer) -> Result<ExitStatus, CommandError> {
    let workspace = open(args, printer)?;
    let mut store = workspace.locked_store("refresh", LockWait(args.lock.lock_timeout), printer).await?;
    let mut state = LockedState::load(&mut *store, || workspace.first_snapshot()).await?;
    workspace.check_owner(&state.snapshot)?;
    let connected = workspace.connect()?;
    let recovery = state.recover(&connected).await?;
    print_recovery(&state.snapshot, &recovery, printer);
    let observed = state.observe(&connected, Scope::All).await;
    let Observation { drift, .. } = accept(&workspace, observed, |found| &found.judgement, printer)?;
    state.save().await?;
    emit_drift(&workspace, &drift, &[], printer);
    printer.say(&format!("Recorded in {}, serial {}.", state.store.place(), state.snapshot.serial));
    Ok(ExitStatus::Done)
}

/// Reports how the cloud differs from recorded state. Writes nothing.
///
/// # Errors
/// When the manifest or state cannot be read, or the cloud cannot be reached.
pub async fn drift(args: &RefreshArgs, printer: &Printer) -> Result<ExitStatus, CommandError> {
    let workspace = open(args, printer)?;
    let mut snapshot = workspace.snapshot().await?.unwrap_or_else(|| workspace.first_snapshot());
    note_unfinished(&workspace, Some(&snapshot), true, printer).await;
    let connected = workspace.connect()?;
    let recovery = connected.recover(&mut snapshot).await?;
    print_recovery_without_lock(&workspace, &snapshot, &recovery, printer).await;
    let Observation { drift, judgement } = connected.drift(&mut snapshot).await?;
    // Nothing is recorded here, so what other commands refuse is a warning.
    let engine = &workspace.engine;
    let now = engine.clock.now();
    let lasting = judge_recorded(&engine.desired, &snapshot.recorded, &engine.levels, now);
    let news: Vec<Diagnostic> = judgement
        .diagnostics
        .into_iter()
        .chain(lasting.diagnostics)
        .map(|diagnostic| Diagnostic { severity: Severity::Warning, ..diagnostic })
        .collect();
    emit_drift(&workspace, &drift, &news, printer);
    printer.diagnostics(&news, &workspace.locator);
    Ok(if drift.is_empty() { ExitStatus::Done } else { ExitStatus::Changes })
}

fn open(args: &RefreshArgs, printer: &Printer) -> Result<Workspace, CommandError> {
    let workspace = Workspace::open(&args.manifest, Some(&args.rules))?;
    if workspace.has_errors() {
        printer.diagnostics(&workspace.diagnostics, &workspace.locator);
        emit(&workspace, &workspace.diagnostics, CommandResult::Unread, printer);
        return Err(CommandError::AlreadyReported(ExitStatus::Error));
    }
    Ok(workspace)
}

fn emit_drift(workspace: &Workspace, drift: &Drift, news: &[Diagnostic], printer: &Printer) {
    let mut found = news.to_vec();
    found.extend(findings::drift(drift, &workspace.engine.desired));
    emit(workspace, &found, CommandResult::Drift(drift), printer);
}

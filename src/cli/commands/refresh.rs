//! `refresh` and `drift`: look at the cloud and record what is there, or only tell what differs.

use std::sync::Arc;

use super::planning::{note_unfinished, recover_in_memory};
use crate::apply::{look_up, look_up_systems, observe};
use crate::backend::Freshness;
use crate::backend::{LockWait, StateStore as _};
use crate::cli::args::RefreshArgs;
use crate::cli::printer::Printer;
use crate::cli::reports::tell;
use crate::cli::workspace::Workspace;
use crate::cli::{CommandError, ExitStatus};
use crate::cloud::CloudRead;
use crate::constraints::Judgement;
use crate::diagnostics::{Diagnostic, Severity};
use crate::diff::{self, Drift};
use crate::report::{Told, findings};
use crate::state::{Observed, Snapshot};

/// Looks at every region that the manifest names or that is recorded, and for the images that lookups ask for, and
/// folds what is there into the snapshot.
///
/// # Errors
/// When the cloud cannot be read, or a rule refuses to record what was observed: the snapshot is as before then.
pub async fn look(
    workspace: &Workspace,
    snapshot: &mut Snapshot,
    parallelism: usize,
    printer: &Printer,
) -> Result<Drift, CommandError> {
    let drift = look_at_managed(workspace, snapshot, parallelism, printer).await?;
    observe_sources(workspace, snapshot, drift, parallelism).await
}

/// Observes what lookups and imports ask for, and adds what changed to the drift.
async fn observe_sources(
    workspace: &Workspace,
    snapshot: &mut Snapshot,
    mut drift: Drift,
    parallelism: usize,
) -> Result<Drift, CommandError> {
    let cloud: Arc<dyn CloudRead> = workspace.cloud()?;
    let lookups = &workspace.desired.lookups;
    let recorded = &mut snapshot.recorded;
    let (changed, facts) = look_up(&cloud, workspace.clock.as_ref(), lookups, recorded, parallelism).await?;
    drift.lookups = changed;
    drift.facts_changed |= facts;
    let imports = workspace.desired.import_regions();
    drift.facts_changed |= look_up_systems(&cloud, imports, &mut snapshot.recorded, parallelism).await?;
    Ok(drift)
}

/// As [`look`], and what lookups ask for is left alone: what is deleted needs none of it.
///
/// # Errors
/// As [`look`].
pub async fn look_at_managed(
    workspace: &Workspace,
    snapshot: &mut Snapshot,
    parallelism: usize,
    printer: &Printer,
) -> Result<Drift, CommandError> {
    let (observed, judgement) = observe_and_judge(workspace, snapshot, parallelism).await?;
    accept(workspace, &judgement, printer)?;
    snapshot.place = workspace.desired.cloud.place();
    Ok(diff::observe(&mut snapshot.recorded, &observed, &workspace.desired))
}

/// Prints what rules say of an observation.
///
/// # Errors
/// When one of them refuses to record it.
pub fn accept(workspace: &Workspace, judgement: &Judgement, printer: &Printer) -> Result<(), CommandError> {
    for rule in &judgement.needless_allowances {
        printer.say(&format!("note: --allow {rule} was not needed: the rule found nothing"));
    }
    printer.diagnostics(&judgement.diagnostics, &workspace.locator);
    if judgement.refuses() {
        tell(workspace, &judgement.diagnostics, Told::Unread, printer)?;
        return Err(CommandError::Told(ExitStatus::Violated));
    }
    Ok(())
}

/// Observes every region that the manifest names or that is recorded, and judges what is missing. Records nothing.
async fn observe_and_judge(
    workspace: &Workspace,
    snapshot: &Snapshot,
    parallelism: usize,
) -> Result<(Observed, Judgement), CommandError> {
    workspace.check_caller().await?;
    let cloud: Arc<dyn CloudRead> = workspace.cloud()?;
    let regions = workspace.regions(snapshot);
    let wanted = workspace.desired.named();
    let mut observed =
        observe(&cloud, workspace.clock.as_ref(), &snapshot.recorded, &wanted, regions, parallelism).await?;
    let judgement = judge_missing(workspace, &cloud, snapshot, &mut observed).await?;
    Ok((observed, judgement))
}

/// Judges what an observation misses, after it was requested once more by id.
///
/// # Errors
/// When the cloud cannot be read.
pub async fn judge_missing(
    workspace: &Workspace,
    cloud: &Arc<dyn CloudRead>,
    snapshot: &Snapshot,
    observed: &mut Observed,
) -> Result<Judgement, CommandError> {
    let (desired, levels, now) = (&workspace.desired, &workspace.levels, workspace.clock.now());
    Ok(crate::apply::judge_missing(cloud, snapshot, desired, levels, now, observed).await?)
}

/// Looks and records.
///
/// # Errors
/// When the manifest or state cannot be read, the cloud cannot be reached, or the state cannot be written.
pub async fn refresh(args: &RefreshArgs, printer: &Printer) -> Result<ExitStatus, CommandError> {
    let workspace = open(args, printer)?;
    let mut store = workspace.locked_store("refresh", LockWait(args.lock.lock_timeout)).await?;
    let mut snapshot = store.load().await?.unwrap_or_else(|| workspace.first_snapshot());
    workspace.check_owner(&snapshot)?;
    let settled = super::apply::repair(&workspace, &mut store, &mut snapshot, printer).await?;
    let drift = look(&workspace, &mut snapshot, 10, printer).await?;
    let is_new = drift.facts_changed || settled || snapshot.serial == 0;
    store.save(&mut snapshot, if is_new { Freshness::New } else { Freshness::Same }).await?;
    tell_drift(&workspace, &drift, &[], printer)?;
    printer.say(&format!("Recorded in {}, serial {}.", store.place(), snapshot.serial));
    Ok(ExitStatus::Done)
}

/// Looks and tells; writes nothing.
///
/// # Errors
/// When the manifest or state cannot be read, or the cloud cannot be reached.
pub async fn drift(args: &RefreshArgs, printer: &Printer) -> Result<ExitStatus, CommandError> {
    let workspace = open(args, printer)?;
    let mut snapshot = workspace.snapshot().await?.unwrap_or_else(|| workspace.first_snapshot());
    note_unfinished(&workspace, Some(&snapshot), true, printer);
    recover_in_memory(&workspace, &mut snapshot, printer).await?;
    let (observed, judgement) = observe_and_judge(&workspace, &snapshot, 10).await?;
    let drift = diff::observe(&mut snapshot.recorded, &observed, &workspace.desired);
    let drift = observe_sources(&workspace, &mut snapshot, drift, 10).await?;
    // Nothing is recorded here, so what other commands refuse is a warning.
    let news: Vec<Diagnostic> = judgement
        .diagnostics
        .into_iter()
        .map(|diagnostic| Diagnostic { severity: Severity::Warning, ..diagnostic })
        .collect();
    tell_drift(&workspace, &drift, &news, printer)?;
    printer.diagnostics(&news, &workspace.locator);
    Ok(if drift.is_empty() { ExitStatus::Done } else { ExitStatus::Changes })
}

fn open(args: &RefreshArgs, printer: &Printer) -> Result<Workspace, CommandError> {
    let workspace = Workspace::open(&args.manifest, Some(&args.rules), printer)?;
    if workspace.has_errors() {
        printer.diagnostics(&workspace.diagnostics, &workspace.locator);
        tell(&workspace, &workspace.diagnostics, Told::Unread, printer)?;
        return Err(CommandError::Told(ExitStatus::Error));
    }
    Ok(workspace)
}

fn tell_drift(
    workspace: &Workspace,
    drift: &Drift,
    news: &[Diagnostic],
    printer: &Printer,
) -> Result<(), CommandError> {
    let mut found = news.to_vec();
    found.extend(findings::drift(drift, &workspace.desired));
    tell(workspace, &found, Told::Drift(drift), printer)
}

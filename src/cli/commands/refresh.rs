//! `refresh` and `drift`: look at the cloud and record what is there, or only tell what differs.

use std::sync::Arc;

use super::planning::note_unfinished;
use crate::apply::{look_up, look_up_systems, observe};
use crate::backend::Freshness;
use crate::backend::{LockWait, StateStore as _};
use crate::cli::args::RefreshArgs;
use crate::cli::printer::Printer;
use crate::cli::reports::tell;
use crate::cli::workspace::Workspace;
use crate::cli::{CommandError, ExitStatus};
use crate::cloud::CloudRead;
use crate::diff::{self, Drift};
use crate::report::{Told, findings};
use crate::state::Snapshot;

/// Looks at every region that the manifest names or that is recorded, and for the images that lookups ask for, and
/// folds what is there into the snapshot.
///
/// # Errors
/// When the cloud cannot be read.
pub async fn look(
    workspace: &Workspace,
    snapshot: &mut Snapshot,
    parallelism: usize,
) -> Result<Drift, CommandError> {
    let mut drift = look_at_managed(workspace, snapshot, parallelism).await?;
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
) -> Result<Drift, CommandError> {
    workspace.check_caller().await?;
    let cloud: Arc<dyn CloudRead> = workspace.cloud()?;
    let regions = workspace.regions(snapshot);
    let wanted = workspace.desired.named();
    let observed =
        observe(&cloud, workspace.clock.as_ref(), &snapshot.recorded, &wanted, regions, parallelism).await?;
    Ok(diff::observe(&mut snapshot.recorded, &observed, &workspace.desired))
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
    let drift = look(&workspace, &mut snapshot, 10).await?;
    let is_new = drift.facts_changed || settled || snapshot.serial == 0;
    store.save(&mut snapshot, if is_new { Freshness::New } else { Freshness::Same }).await?;
    tell_drift(&workspace, &drift, printer)?;
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
    note_unfinished(Some(&snapshot), printer);
    let drift = look(&workspace, &mut snapshot, 10).await?;
    tell_drift(&workspace, &drift, printer)?;
    Ok(if drift.is_empty() { ExitStatus::Done } else { ExitStatus::Changes })
}

fn open(args: &RefreshArgs, printer: &Printer) -> Result<Workspace, CommandError> {
    let workspace = Workspace::open(&args.manifest, None, printer)?;
    if workspace.has_errors() {
        printer.diagnostics(&workspace.diagnostics, &workspace.locator);
        tell(&workspace, &workspace.diagnostics, Told::Unread, printer)?;
        return Err(CommandError::Told(ExitStatus::Error));
    }
    Ok(workspace)
}

fn tell_drift(workspace: &Workspace, drift: &Drift, printer: &Printer) -> Result<(), CommandError> {
    let found = findings::drift(drift, &workspace.desired);
    tell(workspace, &found, Told::Drift(drift), printer)
}

//! `state lock`, `unlock` and `migrate`: the state as a thing that several people share.

use std::path::Path;

use serde_json::json;

use crate::backend::{LockWait, SerialBump, StateStore};
use crate::cli::args::{Format, StateLockArgs, StateMigrateArgs, StateUnlockArgs};
use crate::cli::confirm::confirm;
use crate::cli::printer::Printer;
use crate::cli::workspace::{Workspace, absolute};
use crate::cli::{CommandError, ExitStatus};
use crate::diagnostics::sanitize;
use crate::manifest::StateLocation;
use crate::state::{Snapshot, state_edit};

/// Locks a shared state until it is unlocked.
///
/// # Errors
/// If another holds the lock, or the state is in a file.
pub async fn lock(args: &StateLockArgs, printer: &Printer) -> Result<ExitStatus, CommandError> {
    let workspace = Workspace::open(&args.manifest, None)?;
    let mut store = workspace.store()?;
    let operation = match &args.reason {
        Some(reason) => format!("state lock --reason '{}'", sanitize::escape_truncated(reason)),
        None => "state lock".to_owned(),
    };
    store.lock_for_good(workspace.lock_info(&operation), LockWait(args.lock.lock_timeout)).await?;
    let place = store.place();
    match printer.format {
        Format::Text => printer.say(&format!(
            "{place} is locked: no command writes it until you unlock it:\n\n    goldform state unlock"
        )),
        Format::Json => printer.document(json!({ "locked": place })),
    }
    Ok(ExitStatus::Done)
}

/// Releases the lock of a shared state, also one that another command holds.
///
/// # Errors
/// If nobody can be asked, or the lock lasts as long as the process that holds it.
pub async fn unlock(args: &StateUnlockArgs, printer: &Printer) -> Result<ExitStatus, CommandError> {
    let workspace = Workspace::open(&args.manifest, None)?;
    let mut store = workspace.store()?;
    let place = store.place();
    let holder = store.writer().await;
    if let Some(holder) = &holder {
        printer.always(&format!("{place} is locked by {holder}."));
        let question = "Release the lock? The command that holds it cannot write the state any more.";
        if !args.yes && !confirm(printer, question)? {
            printer.always("Nothing was changed.");
            return Ok(ExitStatus::Error);
        }
    }
    let holder = store.unlock().await?;
    match (printer.format, &holder) {
        (Format::Text, Some(_)) => printer.say(&format!("{place} is unlocked.")),
        (Format::Text, None) => printer.say(&format!("{place} is not locked.")),
        (Format::Json, holder) => printer.document(json!({ "unlocked": place, "holder": holder })),
    }
    Ok(ExitStatus::Done)
}

/// Moves a state from another place to the one that the manifest names.
///
/// It is written and read back in the new place before it is removed from the old one, so a move that was cut off is
/// repeated.
///
/// # Errors
/// If there is no state there, steps are open, or the new place holds another state.
pub async fn migrate(args: &StateMigrateArgs, printer: &Printer) -> Result<ExitStatus, CommandError> {
    let workspace = Workspace::open(&args.manifest, None)?;
    let wait = LockWait(args.lock.lock_timeout);
    let from = match StateLocation::parse(&args.from) {
        Some(StateLocation::File(path)) => StateLocation::File(absolute(Path::new(&path))?),
        Some(object) => object,
        None => {
            return Err(CommandError::input(
                "the place to migrate from is neither a file nor an object in a bucket",
                "Name a file, s3://bucket/key or cos://bucket/key:\n\n    goldform state migrate --from goldform.state.json",
            ));
        }
    };
    if workspace.absolute_state()? == from.to_string() {
        return Err(CommandError::input(
            format!("the manifest names {from} as the place of the state, and so does --from"),
            "Write the new place into the manifest first, then name the old one:\n\n    state: s3://bucket/key",
        ));
    }
    let mut target = workspace.locked_store("state migrate", wait, printer).await?;
    let mut source = workspace.store_elsewhere(&from)?;
    source.lock(workspace.lock_info("state migrate"), wait).await?;
    let Some(snapshot) = source.load().await? else {
        return Err(CommandError::input(
            format!("{}: there is no state", source.place()),
            "Name the place that the state is in now:\n\n    goldform state migrate --from <file>",
        ));
    };
    workspace.check_account(&snapshot)?;
    state_edit::check_closed(&snapshot.intents)?;
    let moved = write(&mut *target, snapshot, &source.place()).await?;
    let kept = source.retire().await?;
    match printer.format {
        Format::Text => {
            printer.say(&format!("The state is in {} now, serial {}.", target.place(), moved.serial));
            printer.say(&format!("The earlier copy is kept as {kept}."));
        }
        Format::Json => printer.document(json!({
            "from": source.place(), "to": target.place(), "kept": kept,
            "lineage": moved.lineage, "serial": moved.serial,
        })),
    }
    Ok(ExitStatus::Done)
}

/// Writes a state to its new place and reads it back.
async fn write(
    target: &mut dyn StateStore,
    snapshot: Snapshot,
    from: &str,
) -> Result<Snapshot, CommandError> {
    match target.load().await? {
        // An earlier move was cut off after this.
        Some(present)
            if present.lineage == snapshot.lineage
                && present.serial >= snapshot.serial
                && present.recorded == snapshot.recorded =>
        {
            return Ok(present);
        }
        Some(present) if present.lineage == snapshot.lineage => {
            let (old, new) = (snapshot.serial, present.serial);
            return Err(CommandError::input(
                format!("{} holds this state already, serial {new}; {from} has serial {old}", target.place()),
                format!(
                    "If nothing was applied with {from} since it was moved, that state is out of date: remove it. \
                     Otherwise compare it with the one that is in place:\n\n    goldform state pull"
                ),
            ));
        }
        Some(present) => {
            return Err(CommandError::input(
                format!("{} holds another state already, serial {}", target.place(), present.serial),
                "Use that one, or name another place in the manifest:\n\n    state: s3://bucket/other-key",
            ));
        }
        None => {}
    }
    let mut moved = snapshot;
    target.save(&mut moved, SerialBump::Yes).await?;
    match target.load().await? {
        Some(read) if read == moved => Ok(moved),
        _ => Err(CommandError::Internal(format!("{}: what was written was not read back", target.place()))),
    }
}

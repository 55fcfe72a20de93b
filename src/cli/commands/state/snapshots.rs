//! `state pull`, `push`, `history` and `restore`: whole snapshots out and in.

use std::path::Path;

use serde_json::{Value, json};

use crate::backend::{LockWait, SerialBump, StateStore, StoreError};
use crate::cli::args::{Format, StateHistoryArgs, StatePullArgs, StatePushArgs, StateRestoreArgs};
use crate::cli::files::{Kind, as_text, bounded, failed, read_named_text, too_large};
use crate::cli::printer::Printer;
use crate::cli::workspace::Workspace;
use crate::cli::{CommandError, ExitStatus};
use crate::diagnostics::sanitize;
use crate::report::history::snapshots_text;
use crate::state::{Head, Snapshot, StateError, state_edit};

/// Prints the state as JSON: the snapshot with its journal folded in.
///
/// # Errors
/// When nothing is recorded, or the state cannot be read.
pub async fn pull(args: &StatePullArgs, printer: &Printer) -> Result<ExitStatus, CommandError> {
    let workspace = Workspace::open(&args.manifest, None)?;
    let Some(snapshot) = workspace.snapshot_of_any_place().await? else {
        return Err(CommandError::input(
            format!("{}: nothing is recorded yet", workspace.store()?.place()),
            "Record something:\n\n    goldform apply",
        ));
    };
    let text = snapshot.to_text().map_err(|error| CommandError::Internal(error.to_string()))?;
    printer.data(&text);
    Ok(ExitStatus::Done)
}

/// Puts a file in the place of the state.
///
/// # Errors
/// If it is no state of this account, is of another lineage or older and not forced, or steps are open.
pub async fn push(args: &StatePushArgs, printer: &Printer) -> Result<ExitStatus, CommandError> {
    let workspace = Workspace::open(&args.manifest, None)?;
    let mut pushed = read(&args.path, args.edited)?;
    workspace.check_owner(&pushed)?;
    let mut store = workspace.locked_store("state push", LockWait(args.lock.lock_timeout), printer).await?;
    match store.load().await {
        Ok(Some(mut present)) => {
            state_edit::check_closed(&present.intents)?;
            if present == pushed {
                emit(&present, &format!("The state is this already, serial {}.", present.serial), printer);
                return Ok(ExitStatus::Done);
            }
            keep_journal(&mut *store, &mut present).await?;
            if !args.force {
                check_successor(&present, &pushed, &args.path)?;
            }
            state_edit::succeed(&mut pushed, &present);
            store.save(&mut pushed, SerialBump::Yes).await?;
        }
        Ok(None) => store.save(&mut pushed, SerialBump::Yes).await?,
        Err(error) if error.is_unusable() && (args.force || repairs(&error, &pushed, args)) => {
            replace(&mut *store, &mut pushed, printer).await?;
        }
        Err(error) => return Err(error.into()),
    }
    emit(&pushed, &format!("Pushed, recorded as serial {}.", pushed.serial), printer);
    Ok(ExitStatus::Done)
}

/// Saves what a run that was cut off has left in the journal: it is newer than the snapshot, and would be lost with it.
async fn keep_journal(store: &mut dyn StateStore, present: &mut Snapshot) -> Result<(), CommandError> {
    if store.has_events() {
        store.save(present, SerialBump::IfEvents).await?;
    }
    Ok(())
}

/// Whether a pushed state is a repair of the one that cannot be used, and no other one.
fn repairs(error: &StoreError, pushed: &Snapshot, args: &StatePushArgs) -> bool {
    match error {
        StoreError::State { .. } => args.edited,
        StoreError::JournalApart { lineage, follows, .. } => {
            pushed.lineage == *lineage && pushed.serial == *follows
        }
        _ => false,
    }
}

/// Puts a snapshot in the place of a state that cannot be used, and says what became of the files that were there.
async fn replace(
    store: &mut dyn StateStore,
    snapshot: &mut Snapshot,
    printer: &Printer,
) -> Result<(), CommandError> {
    for file in store.replace(snapshot).await? {
        printer.always(&format!("note: what was there is kept as {file}"));
    }
    if !snapshot.intents.is_empty() {
        printer.say("Steps are open. Find out what became of them:\n\n    goldform apply");
    }
    Ok(())
}

fn check_successor(present: &Snapshot, pushed: &Snapshot, path: &Path) -> Result<(), CommandError> {
    let path = sanitize::path(path);
    if pushed.lineage != present.lineage {
        return Err(CommandError::input(
            format!(
                "{path} is another state: its lineage is {}, the present one's {}",
                pushed.lineage, present.lineage
            ),
            "To replace the present state anyway:\n\n    goldform state push --force <file>",
        ));
    }
    if pushed.serial < present.serial {
        return Err(CommandError::input(
            format!(
                "{path} is older than the state: its serial is {}, the state's {}. Facts were recorded since that it \
                 does not know",
                pushed.serial, present.serial
            ),
            "Pull again and repeat the change. To replace the state anyway:\n\n    \
             goldform state push --force <file>",
        ));
    }
    Ok(())
}

/// Lists the snapshots that are kept, and the present one.
///
/// # Errors
/// If the place cannot be read. A damaged present state is a warning, not an error.
pub async fn history(args: &StateHistoryArgs, printer: &Printer) -> Result<ExitStatus, CommandError> {
    let workspace = Workspace::open(&args.manifest, None)?;
    let mut store = workspace.store()?;
    let kept = store.kept().await?;
    let present = match store.load().await {
        Ok(snapshot) => snapshot.map(|snapshot| snapshot.head()),
        Err(error) => {
            printer.always(&format!("note: the present state cannot be read: {error}"));
            None
        }
    };
    match printer.format {
        Format::Text if kept.is_empty() && present.is_none() => {
            printer.say("Nothing is recorded yet.");
        }
        Format::Text => printer.text(&snapshots_text(&kept, present.as_ref())),
        Format::Json => {
            let line = |serial: u64, head: Option<&Head>, is_present: bool| {
                json!({ "serial": serial, "lineage": head.map(|head| &head.lineage),
                        "written": head.and_then(|head| head.written.as_ref()), "readable": head.is_some(),
                        "present": is_present })
            };
            let mut lines: Vec<Value> =
                kept.iter().map(|(serial, head)| line(*serial, head.as_ref(), false)).collect();
            lines.extend(present.as_ref().map(|head| line(head.serial, Some(head), true)));
            printer.document(json!({ "snapshots": lines }));
        }
    }
    Ok(ExitStatus::Done)
}

/// Makes a kept snapshot the state again, with a new serial.
///
/// # Errors
/// When none has this serial, it or the present state cannot be read, or steps are open.
pub async fn restore(args: &StateRestoreArgs, printer: &Printer) -> Result<ExitStatus, CommandError> {
    let workspace = Workspace::open(&args.manifest, None)?;
    let mut store =
        workspace.locked_store("state restore", LockWait(args.lock.lock_timeout), printer).await?;
    let present = match store.load().await {
        Ok(present) => Ok(present),
        Err(error) if error.is_unusable() => Err(error),
        Err(error) => return Err(error.into()),
    };
    let is_present = matches!(&present, Ok(Some(present)) if present.serial == args.serial);
    let kept = if is_present { None } else { store.recall(args.serial).await? };
    let Some(mut kept) = kept else {
        let what = match is_present {
            true => format!("serial {} is the present state", args.serial),
            false => format!("no snapshot with serial {} is kept", args.serial),
        };
        return Err(CommandError::input(what, "See which there are:\n\n    goldform state history"));
    };
    workspace.check_owner(&kept)?;
    match present {
        Ok(Some(mut present)) => {
            state_edit::check_closed(&present.intents)?;
            keep_journal(&mut *store, &mut present).await?;
            state_edit::succeed(&mut kept, &present);
            store.save(&mut kept, SerialBump::Yes).await?;
        }
        Ok(None) | Err(_) => replace(&mut *store, &mut kept, printer).await?,
    }
    emit(&kept, &format!("Restored serial {}, recorded as serial {}.", args.serial, kept.serial), printer);
    printer.say("The cloud was not changed. See what differs from it:\n\n    goldform drift");
    Ok(ExitStatus::Done)
}

fn emit(snapshot: &Snapshot, what: &str, printer: &Printer) {
    match printer.format {
        Format::Text => printer.say(what),
        Format::Json => {
            printer.document(json!({ "lineage": snapshot.lineage, "serial": snapshot.serial }));
        }
    }
}

/// Reads a state file that is not the state's own.
fn read(path: &Path, is_edited: bool) -> Result<Snapshot, CommandError> {
    const HELP: &str = "Name a state file, such as one that was pulled:\n\n    goldform state pull > <file>";
    let text = if path == Path::new("-") {
        let most = Kind::State.most_bytes();
        let bytes = bounded(std::io::stdin().lock(), most).map_err(|source| failed(path, source, HELP))?;
        as_text(path, bytes.ok_or_else(|| too_large(path, Kind::State, most))?, HELP)?
    } else {
        read_named_text(path, Kind::State, HELP)?
    };
    let bytes = text.as_bytes();
    let read = if is_edited { Snapshot::from_edited(bytes) } else { Snapshot::from_bytes(bytes) };
    read.map_err(|error| {
        let help = match &error {
            StateError::Newer { .. } => {
                "The state was left as it is. Use that goldform, or a newer one.".to_owned()
            }
            StateError::Broken { .. } => {
                "The state was left as it is. Pull it again, or take a snapshot that was kept:\n\n    \
                 goldform state history"
                    .to_owned()
            }
            StateError::Changed { .. } => format!(
                "The state was left as it is. If you edited the file, and it is right:\n\n    \
                 goldform state push --edited {}",
                sanitize::path(path)
            ),
        };
        CommandError::input(format!("{}: {error}", sanitize::path(path)), help)
    })
}

//! `state pull`, `push`, `history` and `restore`: whole snapshots out and in.

use std::io::Read as _;
use std::path::Path;

use serde_json::{Value, json};

use crate::backend::{Freshness, LockWait, StateStore as _};
use crate::cli::args::{Format, StateHistoryArgs, StatePullArgs, StatePushArgs, StateRestoreArgs};
use crate::cli::printer::Printer;
use crate::cli::workspace::Workspace;
use crate::cli::{CommandError, ExitStatus};
use crate::diagnostics::harmless;
use crate::report::history::snapshots_text;
use crate::state::{Head, Snapshot, StateError, surgery};

/// Prints the state as JSON: the snapshot with its journal folded in.
///
/// # Errors
/// When nothing is recorded, or the state cannot be read.
pub async fn pull(args: &StatePullArgs, printer: &Printer) -> Result<ExitStatus, CommandError> {
    let workspace = Workspace::open(&args.manifest, None, printer)?;
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
/// When it is no state of this account, is of another lineage or older and not forced, or steps are open.
pub async fn push(args: &StatePushArgs, printer: &Printer) -> Result<ExitStatus, CommandError> {
    let workspace = Workspace::open(&args.manifest, None, printer)?;
    let mut pushed = read(&args.path)?;
    workspace.check_owner(&pushed)?;
    let mut store = workspace.locked_store("state push", LockWait(args.lock.lock_timeout)).await?;
    if let Some(mut present) = store.load().await? {
        surgery::check_closed(&present.intents)?;
        if present == pushed {
            printer.say(&format!("The state is this already, serial {}.", present.serial));
            return Ok(ExitStatus::Done);
        }
        if present.serial == pushed.serial && !args.force {
            // What a run that was cut off has left in the journal is newer than what was pulled before it.
            store.save(&mut present, Freshness::Same).await?;
        }
        if !args.force {
            check_successor(&present, &pushed, &args.path)?;
        }
        surgery::succeed(&mut pushed, &present);
    }
    store.save(&mut pushed, Freshness::New).await?;
    tell(&pushed, "Pushed", printer);
    Ok(ExitStatus::Done)
}

fn check_successor(present: &Snapshot, pushed: &Snapshot, path: &Path) -> Result<(), CommandError> {
    let path = harmless::path(path);
    if pushed.lineage != present.lineage {
        return Err(CommandError::input(
            format!(
                "{path} is another state: its lineage is {}, the present one's {}",
                pushed.lineage, present.lineage
            ),
            "If it is to take the place of the present one all the same:\n\n    goldform state push --force <file>",
        ));
    }
    if pushed.serial < present.serial {
        return Err(CommandError::input(
            format!(
                "{path} is older than the state: its serial is {}, the state's {}. Facts were recorded since that it \
                 does not know",
                pushed.serial, present.serial
            ),
            "Pull again and repeat the change. If it is to take the state's place all the same:\n\n    \
             goldform state push --force <file>",
        ));
    }
    Ok(())
}

/// Lists the snapshots that are kept, and the present one.
///
/// # Errors
/// When the place cannot be read. A present state that is broken is told, and no error.
pub async fn history(args: &StateHistoryArgs, printer: &Printer) -> Result<ExitStatus, CommandError> {
    let workspace = Workspace::open(&args.manifest, None, printer)?;
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
            printer.json(&Value::Array(lines));
        }
    }
    Ok(ExitStatus::Done)
}

/// Makes a kept snapshot the state again, with a new serial.
///
/// # Errors
/// When none has this serial, it or the present state cannot be read, or steps are open.
pub async fn restore(args: &StateRestoreArgs, printer: &Printer) -> Result<ExitStatus, CommandError> {
    let workspace = Workspace::open(&args.manifest, None, printer)?;
    let mut store = workspace.locked_store("state restore", LockWait(args.lock.lock_timeout)).await?;
    let present = store.load().await?;
    let Some(mut kept) = store.recall(args.serial).await? else {
        let what = match &present {
            Some(present) if present.serial == args.serial => {
                format!("serial {} is the present state", args.serial)
            }
            _ => format!("no snapshot with serial {} is kept", args.serial),
        };
        return Err(CommandError::input(what, "See which there are:\n\n    goldform state history"));
    };
    workspace.check_owner(&kept)?;
    match &present {
        Some(present) => {
            surgery::check_closed(&present.intents)?;
            surgery::succeed(&mut kept, present);
        }
        // The state that was there had a serial above all that are kept, and its journal may still lie there: the new
        // serial must not be its.
        None => {
            let last = store.kept().await?.last().map_or(kept.serial, |(serial, _)| *serial);
            kept.serial = last.saturating_add(1);
        }
    }
    store.save(&mut kept, Freshness::New).await?;
    tell(&kept, &format!("Restored serial {}", args.serial), printer);
    printer.say("The cloud was not changed. See what differs from it:\n\n    goldform drift");
    Ok(ExitStatus::Done)
}

fn tell(snapshot: &Snapshot, what: &str, printer: &Printer) {
    match printer.format {
        Format::Text => printer.say(&format!("{what}, recorded as serial {}.", snapshot.serial)),
        Format::Json => {
            printer.json(&json!({ "lineage": snapshot.lineage, "serial": snapshot.serial }));
        }
    }
}

/// Reads a state file that is not the state's own.
#[expect(clippy::disallowed_methods, reason = "the file to push is read here")]
fn read(path: &Path) -> Result<Snapshot, CommandError> {
    let failed = |source| CommandError::File {
        path: harmless::path(path),
        source,
        help: "Name a state file, such as one that was pulled:\n\n    goldform state pull > <file>"
            .to_owned(),
    };
    let text = if path == Path::new("-") {
        let mut text = String::new();
        std::io::stdin().lock().read_to_string(&mut text).map_err(failed)?;
        text
    } else {
        std::fs::read_to_string(path).map_err(failed)?
    };
    Snapshot::from_text(&text).map_err(|error| {
        let help = match &error {
            StateError::Newer { .. } => "The state was left as it is. Use that goldform, or a newer one.",
            StateError::Broken { .. } => {
                "The state was left as it is. Pull it again, or take a snapshot that was kept:\n\n    \
                 goldform state history"
            }
        };
        CommandError::input(format!("{}: {error}", harmless::path(path)), help)
    })
}

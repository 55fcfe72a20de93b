//! `state`: shows and edits the state.

pub mod edit;
pub mod shared;
pub mod snapshots;

use std::fmt::Write as _;

use serde_json::{Map, json};

use crate::cli::args::{Format, ManifestArgs, StateArgs, StateCommand};
use crate::cli::printer::Printer;
use crate::cli::workspace::Workspace;
use crate::cli::{CommandError, ExitStatus};
use crate::model::Address;
use crate::report::state::{addresses, placement_json};
use crate::state::Snapshot;

/// Runs a command of `state`.
///
/// # Errors
/// When there is no state, or it cannot be read or changed.
pub async fn run(args: &StateArgs, printer: &Printer) -> Result<ExitStatus, CommandError> {
    match &args.command {
        StateCommand::List(args) => {
            let snapshot = read(&args.manifest).await?;
            let only = args.address.as_deref().map(parse).transpose()?;
            list(snapshot.as_ref(), only.as_ref(), printer);
            Ok(ExitStatus::Done)
        }
        StateCommand::Show(args) => {
            let snapshot = read(&args.manifest).await?;
            show(snapshot.as_ref(), &parse(&args.address)?, printer)
        }
        StateCommand::Mv(args) => edit::move_to(args, printer).await,
        StateCommand::Rm(args) => edit::forget(args, "state rm", printer).await,
        StateCommand::Pull(args) => snapshots::pull(args, printer).await,
        StateCommand::Push(args) => snapshots::push(args, printer).await,
        StateCommand::History(args) => snapshots::history(args, printer).await,
        StateCommand::Restore(args) => snapshots::restore(args, printer).await,
        StateCommand::Migrate(args) => shared::migrate(args, printer).await,
        StateCommand::Lock(args) => shared::lock(args, printer).await,
        StateCommand::Unlock(args) => shared::unlock(args, printer).await,
    }
}

async fn read(args: &ManifestArgs) -> Result<Option<Snapshot>, CommandError> {
    Workspace::open(args, None)?.snapshot().await
}

fn parse(text: &str) -> Result<Address, CommandError> {
    text.parse().map_err(|error: crate::model::address::MalformedAddress| {
        CommandError::input(error.to_string(), "See which there are:\n\n    goldform state list")
    })
}

fn list(snapshot: Option<&Snapshot>, only: Option<&Address>, printer: &Printer) {
    let mut shown: Vec<String> = Vec::new();
    for address in snapshot.map(addresses).unwrap_or_default() {
        let is_wanted = match (&address, only) {
            (_, None) => true,
            (Address::Placement(at), Some(only)) => only.covers(at),
            (Address::Share(at, _), Some(only)) => {
                only.covers(at) && (!matches!(only, Address::Share(..)) || *only == address)
            }
            (Address::Lookup(_), Some(only)) => *only == address,
            _ => false,
        };
        if is_wanted {
            shown.push(address.to_string());
        }
    }
    match printer.format {
        Format::Text => {
            let mut text = String::new();
            for address in shown {
                let _ = writeln!(text, "{address}");
            }
            printer.text(&text);
        }
        Format::Json => printer.document(json!({ "addresses": shown })),
    }
}

fn show(
    snapshot: Option<&Snapshot>,
    address: &Address,
    printer: &Printer,
) -> Result<ExitStatus, CommandError> {
    let mut found = Map::new();
    for recorded in snapshot.iter().map(|snapshot| &snapshot.recorded) {
        for (at, placement) in recorded.placements().filter(|(at, _)| address.covers(at)) {
            found.insert(at.to_string(), placement_json(recorded, &at, placement)?);
        }
    }
    if let (Address::Lookup(name), Some(snapshot)) = (address, snapshot)
        && let Some(lookup) = snapshot.recorded.lookups.get(name)
    {
        found.insert(address.to_string(), serde_json::to_value(lookup)?);
    }
    if found.is_empty() {
        return Err(CommandError::input(
            format!("{address} is not recorded"),
            "See which addresses there are:\n\n    goldform state list",
        ));
    }
    // What is recorded is JSON: for people too, that is the clearest form of it.
    printer.document(json!({ "resources": found }));
    Ok(ExitStatus::Done)
}

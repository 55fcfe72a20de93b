//! `state mv`, `state rm` and `forget`: edits of the state that neither read nor change the cloud.

use std::fmt::Write as _;

use serde_json::json;

use super::parse;
use crate::backend::{LockWait, StateStore};
use crate::cli::args::{ForgetArgs, Format, StateMoveArgs};
use crate::cli::printer::Printer;
use crate::cli::workspace::Workspace;
use crate::cli::{CommandError, ExitStatus};
use crate::engine::LockedState;
use crate::model::{Address, ImageId, PlacementKey};
use crate::state::{Event, state_edit};

/// Loads the locked state of a manifest for an edit.
async fn load<'s>(
    workspace: &Workspace,
    store: &'s mut dyn StateStore,
) -> Result<LockedState<'s>, CommandError> {
    let state = LockedState::load(store, || workspace.first_snapshot()).await?;
    // No snapshot was saved yet.
    if state.snapshot.serial == 0 {
        return Err(CommandError::input(
            format!("{}: nothing is recorded yet", state.store.place()),
            "Record something:\n\n    goldform apply",
        ));
    }
    workspace.check_owner(&state.snapshot)?;
    Ok(state)
}

/// Closes a step whose outcome is unknown, as the user states it, and stores that.
///
/// # Errors
/// If no such step is open, the image is recorded for something else, or the state cannot be written.
pub async fn resolve(
    workspace: &Workspace,
    state: &mut LockedState<'_>,
    at: &PlacementKey,
    id: Option<&ImageId>,
) -> Result<(), CommandError> {
    let change = state_edit::resolve(&state.snapshot, at, id)?;
    let event = Event::Edited { at: workspace.engine.clock.now(), change };
    state.snapshot.take(&event).map_err(|illegal| CommandError::Internal(illegal.to_string()))?;
    state.store.append(&[event]).await?;
    Ok(())
}

/// Moves recorded resources to another address.
///
/// # Errors
/// When the two do not fit, steps are open, or the state cannot be written.
pub async fn move_to(args: &StateMoveArgs, printer: &Printer) -> Result<ExitStatus, CommandError> {
    let (old, new) = (parse(&args.old)?, parse(&args.new)?);
    let workspace = Workspace::open(&args.manifest, None)?;
    let mut store = workspace.locked_store("state mv", LockWait(args.lock.lock_timeout), printer).await?;
    let mut state = load(&workspace, &mut *store).await?;
    state_edit::check_closed(&state.snapshot.intents)?;
    let moved = state_edit::move_to(&mut state.snapshot.recorded, &old, &new)?;
    state.changed();
    state.save().await?;
    match printer.format {
        Format::Text => {
            let mut text = String::new();
            for (from, to) in &moved {
                let _ = writeln!(text, "{from} → {to}");
            }
            printer.text(&text);
        }
        Format::Json => {
            let moved: Vec<_> = moved.iter().map(|(from, to)| json!({ "from": from, "to": to })).collect();
            printer.document(json!({ "moved": moved, "serial": state.snapshot.serial }));
        }
    }
    for (_, to) in &moved {
        if !is_declared(&workspace, to) {
            printer.say(&format!(
                "note: the manifest does not declare {}: the next plan deletes what is recorded there",
                place_of(to)
            ));
            break;
        }
    }
    printer.say(&format!("Recorded as serial {}.", state.snapshot.serial));
    Ok(ExitStatus::Done)
}

/// Stops managing addresses.
///
/// # Errors
/// When nothing is recorded at one of them, steps are open, or the state cannot be written.
pub async fn forget(
    args: &ForgetArgs,
    operation: &str,
    printer: &Printer,
) -> Result<ExitStatus, CommandError> {
    let addresses = args.addresses.iter().map(|text| parse(text)).collect::<Result<Vec<_>, _>>()?;
    let workspace = Workspace::open(&args.manifest, None)?;
    let mut store = workspace.locked_store(operation, LockWait(args.lock.lock_timeout), printer).await?;
    let mut state = load(&workspace, &mut *store).await?;
    let before = state.snapshot.recorded.clone();
    let mut forgotten = Vec::new();
    let mut others = Vec::new();
    for address in &addresses {
        match address {
            Address::Placement(at) if state_edit::doubtful(&state.snapshot.intents, at).is_some() => {
                resolve(&workspace, &mut state, at, None).await?;
                forgotten.push(address.clone());
            }
            Address::Placement(at) => {
                // An image that the service still makes is given up: its step has no other outcome.
                if let Some(step) = state_edit::accepted(&state.snapshot.intents, at).cloned() {
                    let settled = Event::Settled { step, at: workspace.engine.clock.now(), image: None };
                    state
                        .snapshot
                        .take(&settled)
                        .map_err(|illegal| CommandError::Internal(illegal.to_string()))?;
                }
                others.push(address);
            }
            _ => others.push(address),
        }
    }
    if !others.is_empty() {
        state_edit::check_closed(&state.snapshot.intents)?;
    }
    for address in others {
        forgotten.extend(state_edit::forget(&mut state.snapshot.recorded, address)?);
    }
    state.changed();
    state.save().await?;
    let id = |address: &Address| match address {
        Address::Placement(at) => before.placement(at).map(|placement| placement.id.clone()),
        _ => None,
    };
    let was_doubtful =
        |address: &Address| matches!(address, Address::Placement(at) if before.making.contains_key(at));
    match printer.format {
        Format::Text => {
            let mut text = String::new();
            for address in &forgotten {
                let _ = match id(address) {
                    Some(id) => writeln!(text, "{address}: no longer managed ({id} stays as it is)"),
                    None if was_doubtful(address) => writeln!(text, "{address}: recorded as not made"),
                    None => writeln!(text, "{address}: no longer managed"),
                };
            }
            printer.text(&text);
        }
        Format::Json => {
            let forgotten: Vec<_> =
                forgotten.iter().map(|address| json!({ "address": address, "id": id(address) })).collect();
            printer.document(json!({ "forgotten": forgotten, "serial": state.snapshot.serial }));
        }
    }
    if let Some(address) = forgotten.iter().find(|address| is_declared(&workspace, address)) {
        let then = match address {
            Address::Lookup(_) => "the next refresh reads it again",
            Address::Share(..) => "the next plan manages it again",
            _ => "the next plan makes it again",
        };
        printer.say(&format!("note: the manifest still declares {}: {then}", place_of(address)));
    }
    printer.say(&format!("Recorded as serial {}.", state.snapshot.serial));
    Ok(ExitStatus::Done)
}

/// Whether the manifest wants something at this address.
fn is_declared(workspace: &Workspace, address: &Address) -> bool {
    let images = &workspace.engine.desired.images;
    match address {
        Address::Image(key) => images.contains_key(key),
        Address::InRegion(key, region) | Address::Placement(PlacementKey { image: key, region, .. }) => {
            images.get(key).is_some_and(|image| image.placements().contains(region))
        }
        Address::Share(at, account) => images
            .get(&at.image)
            .and_then(|image| image.shares.get(&at.region))
            .is_some_and(|accounts| accounts.contains(*account)),
        Address::Lookup(name) => workspace.engine.desired.lookups.contains_key(name),
    }
}

/// The address without its generation, which a manifest does not name.
fn place_of(address: &Address) -> String {
    match address {
        Address::Placement(at) => Address::InRegion(at.image.clone(), at.region.clone()).to_string(),
        other => other.to_string(),
    }
}

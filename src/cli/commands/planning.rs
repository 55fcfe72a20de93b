//! Shared by `validate`, `plan` and `apply`: making, validating and printing a plan.

use jiff::Timestamp;

use super::judgement::accept;
use crate::apply::Recovered;
use crate::cli::args::{ManifestArgs, ProposalArgs, RuleArgs, SelectArgs};
use crate::cli::printer::Printer;
use crate::cli::reports::emit;
use crate::cli::workspace::Workspace;
use crate::cli::{CommandError, ExitStatus};
use crate::diagnostics::{Diagnostic, sanitize};
use crate::diff::{PlanMode, Selection};
use crate::engine::{CheckedPlan, Planned, RecoveredStep, Recovery, Scope};
use crate::model::{Address, ImageId, ImageKey, Region};
use crate::plan::{PlanOptions, Unexpected};
use crate::report::events::{RecoveredOutcome, RunEvent};
use crate::report::state::unresolved_text;
use crate::report::{CommandResult, count};
use crate::state::{Snapshot, StepId};

/// Returns the exit status of a validated plan.
pub fn status_of(planned: &CheckedPlan) -> ExitStatus {
    if planned.valid.is_ok() { ExitStatus::Done } else { ExitStatus::Violated }
}

/// Returns the options that the arguments set.
///
/// # Errors
/// If an address is malformed, or is neither declared nor recorded.
pub fn plan_options(
    args: &SelectArgs,
    mode: PlanMode,
    workspace: &Workspace,
    snapshot: Option<&Snapshot>,
    now: Option<Timestamp>,
) -> Result<PlanOptions, CommandError> {
    const HELP: &str = "See which addresses there are:\n\n    goldform state list";
    let known = |key: &ImageKey| {
        workspace.engine.desired.images.contains_key(key)
            || snapshot.is_some_and(|snapshot| snapshot.recorded.images.contains_key(key))
    };
    let is_in = |key: &ImageKey, region: &Region| {
        let desired = workspace.engine.desired.images.get(key);
        let recorded = snapshot.and_then(|snapshot| snapshot.recorded.images.get(key));
        let mut builds = recorded.into_iter().flat_map(|image| image.generations.values());
        desired.is_some_and(|image| image.placements().contains(region))
            || builds.any(|build| build.placements.contains_key(region))
    };
    let parse = |text: &String| -> Result<Address, CommandError> {
        let address: Address = text.parse().map_err(|error: crate::model::address::MalformedAddress| {
            CommandError::input(error.to_string(), HELP)
        })?;
        let key = match &address {
            Address::Image(key) | Address::InRegion(key, _) | Address::Lookup(key) => key,
            Address::Placement(at) | Address::Share(at, _) => &at.image,
        };
        let region = match &address {
            Address::InRegion(_, region) => Some(region),
            Address::Placement(at) | Address::Share(at, _) => Some(&at.region),
            Address::Image(_) | Address::Lookup(_) => None,
        };
        if known(key) && region.is_none_or(|region| is_in(key, region)) {
            Ok(address)
        } else {
            Err(CommandError::input(format!("{address} is neither in the manifest nor recorded"), HELP))
        }
    };
    let parse_all = |texts: &[String]| texts.iter().map(parse).collect::<Result<Vec<_>, _>>();
    let mut replace = std::collections::BTreeSet::new();
    for address in parse_all(&args.replace)? {
        match address {
            Address::Image(key) => {
                let entry = workspace.engine.desired.images.get(&key);
                let pin = entry.and_then(|entry| entry.pin.as_ref());
                let pin = snapshot.map_or(pin, |snapshot| snapshot.recorded.pin(&key, pin));
                if let Some(pin) = pin {
                    let is_held = snapshot.is_some_and(|snapshot| snapshot.recorded.holds.contains_key(&key));
                    let (how, help) = match is_held {
                        true => (
                            "held at",
                            format!("Release the hold first:\n\n    goldform rollback --release image.{key}"),
                        ),
                        false => (
                            "pinned to",
                            format!("Remove the pin first:\n\n    goldform set --unset images.{key}.pin"),
                        ),
                    };
                    let pin = pin.to_string();
                    let pin = sanitize::escape_truncated(&pin);
                    return Err(CommandError::input(
                        format!("image.{key} is {how} {pin}, so no new build can be current"),
                        help,
                    ));
                }
                replace.insert(key);
            }
            other => {
                return Err(CommandError::input(
                    format!("{other} cannot be replaced by itself: a generation is built as a whole"),
                    "Name the entry:\n\n    --replace image.KEY",
                ));
            }
        }
    }
    let selection = Selection { targets: parse_all(&args.target)?, excluded: parse_all(&args.exclude)? };
    Ok(PlanOptions { mode, selection, replace, now: now.unwrap_or_else(|| workspace.engine.clock.now()) })
}

/// A plan of a command that does not write the state.
pub struct Proposed {
    /// The manifest and its settings.
    pub workspace: Workspace,
    /// The stored or observed state. `None` before the first write.
    pub snapshot: Option<Snapshot>,
    /// Returns the options that the arguments set.
    pub options: PlanOptions,
    /// The plan.
    pub planned: CheckedPlan,
}

/// Reads the manifest and makes the plan that the arguments ask for, as of `now` if it is given. Writes nothing.
///
/// # Errors
/// When the manifest or state cannot be read, or `--refresh` cannot reach the cloud.
pub async fn proposed(
    manifest: &ManifestArgs,
    rules: Option<&RuleArgs>,
    args: &ProposalArgs,
    now: Option<Timestamp>,
    printer: &Printer,
) -> Result<Proposed, CommandError> {
    let mut workspace = Workspace::open(manifest, rules)?;
    let mut snapshot = workspace.snapshot().await?;
    let is_stored = snapshot.is_some();
    stop_on_errors(&workspace, snapshot.as_ref(), printer)?;
    note_unfinished(&workspace, snapshot.as_ref(), args.refresh, printer).await;
    if args.refresh {
        let mut seen = snapshot.take().unwrap_or_else(|| workspace.first_snapshot());
        let connected = workspace.connect()?;
        let recovery = connected.recover(&mut seen).await?;
        print_recovery_without_lock(&workspace, &seen, &recovery, printer).await;
        let observed = connected.observe(&mut seen, Scope::All).await;
        accept(&workspace, observed, |found| &found.judgement, printer)?;
        snapshot = Some(seen);
    }
    let mode = if args.destroy { PlanMode::Destroy } else { PlanMode::Normal };
    let options = plan_options(&args.select, mode, &workspace, snapshot.as_ref(), now)?;
    // What was observed without a state has no lineage yet: the first write makes one.
    let base = snapshot.as_ref().filter(|_| is_stored);
    let planned = make_plan(&mut workspace, snapshot.as_ref(), base, &options, printer)?;
    Ok(Proposed { workspace, snapshot, options, planned })
}

/// Plans against recorded state, validates the plan, and prints a note for each target or exclusion without a change.
/// `base` is the stored state.
///
/// # Errors
/// If the steps cannot be ordered.
pub fn make_plan(
    workspace: &mut Workspace,
    snapshot: Option<&Snapshot>,
    base: Option<&Snapshot>,
    options: &PlanOptions,
    printer: &Printer,
) -> Result<CheckedPlan, CommandError> {
    let Planned { checked, unmatched } = workspace.engine.plan(snapshot, base, options)?;
    for address in unmatched {
        printer.say(&format!("note: nothing changes at {address}"));
    }
    Ok(checked)
}

/// Stops if the manifest has errors. Prints them, with the violations in the entries that can be read.
///
/// # Errors
/// If the manifest has errors.
pub fn stop_on_errors(
    workspace: &Workspace,
    snapshot: Option<&Snapshot>,
    printer: &Printer,
) -> Result<(), CommandError> {
    if !workspace.has_errors() {
        return Ok(());
    }
    let judgement = workspace.engine.check_manifest(snapshot, false)?;
    let status = if judgement.refuses() { ExitStatus::Violated } else { ExitStatus::Error };
    let mut diagnostics = workspace.diagnostics.clone();
    diagnostics.extend(judgement.diagnostics);
    printer.diagnostics(&diagnostics, &workspace.locator);
    emit(workspace, &diagnostics, CommandResult::Unread, printer);
    Err(CommandError::AlreadyReported(status))
}

/// Returns the diagnostics of the manifest and of the plan.
pub fn diagnostics(workspace: &Workspace, planned: &CheckedPlan) -> Vec<Diagnostic> {
    workspace.diagnostics.iter().chain(&planned.judgement.diagnostics).cloned().collect()
}

/// Prints a plan and how it differs from the expected one, and its diagnostics to stderr.
pub fn show(
    workspace: &Workspace,
    planned: &CheckedPlan,
    unexpected: Option<&Unexpected<'_>>,
    printer: &Printer,
) {
    let diagnostics = diagnostics(workspace, planned);
    plan_event(planned, &diagnostics, printer);
    let result = CommandResult::Plan { plan: planned.plan(), prior: &planned.prior, unexpected };
    emit(workspace, &diagnostics, result, printer);
    printer.diagnostics(&diagnostics, &workspace.locator);
    note_needless(planned, printer);
}

/// Writes the event of a plan.
pub fn plan_event(planned: &CheckedPlan, diagnostics: &[Diagnostic], printer: &Printer) {
    printer.event(|| Some(RunEvent::plan(planned.plan(), planned.valid.is_err(), diagnostics)));
}

/// Prints which recorded steps have no outcome yet: those of a run that is under way, or of one that was cut off. An
/// apply resolves them first, and may then have less to do than is planned here. With `is_refreshed`, the command looks
/// them up itself.
pub async fn note_unfinished(
    workspace: &Workspace,
    snapshot: Option<&Snapshot>,
    is_refreshed: bool,
    printer: &Printer,
) {
    if let Some(writer) = workspace.writer().await {
        printer.always(&format!("note: {writer} is running on this state, so this output may change\n"));
        return;
    }
    let Some(snapshot) = snapshot else { return };
    // What was accepted is recorded as pending, and the plan waits for it.
    let without_outcome = snapshot.intents.values().filter(|intent| intent.accepted.is_none()).count();
    if without_outcome == 0 {
        return;
    }
    let open = count(without_outcome, "step has", "steps have");
    if is_refreshed {
        return;
    }
    let in_doubt = snapshot.intents.values().filter(|intent| intent.is_in_doubt()).count();
    if in_doubt < without_outcome {
        printer.always(&format!(
        "note: a run was cut off, and {open} no outcome yet. Resolve them before you rely on this:\n\n    \
         goldform refresh\n"
        ));
    }
    print_unresolved(snapshot, printer);
}

/// Prints the calls whose outcome is unknown, each with the commands that close it.
pub fn print_unresolved(snapshot: &Snapshot, printer: &Printer) {
    let text = unresolved_text(&snapshot.intents);
    if !text.is_empty() {
        printer.always(text.trim_end_matches('\n'));
    }
}

/// As [`print_recovery`], for a command that does not hold the lock: what is open may be the work of a run that is under way,
/// which nothing was recovered from.
pub async fn print_recovery_without_lock(
    workspace: &Workspace,
    snapshot: &Snapshot,
    recovery: &Recovery,
    printer: &Printer,
) {
    if workspace.writer().await.is_none() {
        print_recovery(snapshot, recovery, printer);
    }
}

/// Prints the outcomes of the steps that an earlier run left open, and which are unresolved.
pub fn print_recovery(snapshot: &Snapshot, recovery: &Recovery, printer: &Printer) {
    for RecoveredStep { step, accepted, became } in &recovery.steps {
        printer.event(|| Some(recovered_event(step, accepted.as_ref(), became)));
        let text = match became {
            Recovered::Adopted(id) => format!("recovered: `{step}` had made {id}"),
            Recovered::NotExecuted => {
                format!("recovered: no image of `{step}` is found, so it is planned again")
            }
            Recovered::Deleted => format!("recovered: `{step}` had deleted its image"),
            Recovered::SeenByListing => match accepted {
                Some(id) => format!("recovered: `{step}` was accepted, and makes {id}"),
                None => format!("recovered: `{step}`; the listing shows what it did"),
            },
            // The text below lists it as unresolved.
            Recovered::Open(ids) if ids.is_empty() => continue,
            Recovered::Open(ids) => {
                let ids: Vec<&str> = ids.iter().map(ImageId::as_str).collect();
                let ids = ids.join(" or ");
                format!("`{step}` was sent and not answered; {ids} has its name and no ownership tag yet")
            }
        };
        printer.say(&text);
    }
    if !recovery.steps.is_empty() {
        print_unresolved(snapshot, printer);
    }
}

fn recovered_event(step: &StepId, accepted: Option<&ImageId>, became: &Recovered) -> RunEvent {
    let (outcome, ids) = match became {
        Recovered::Adopted(id) => (RecoveredOutcome::Made, vec![id.to_string()]),
        Recovered::NotExecuted => (RecoveredOutcome::NotExecuted, Vec::new()),
        Recovered::Deleted => (RecoveredOutcome::Deleted, Vec::new()),
        Recovered::SeenByListing => match accepted {
            Some(id) => (RecoveredOutcome::Accepted, vec![id.to_string()]),
            None => (RecoveredOutcome::Listed, Vec::new()),
        },
        Recovered::Open(ids) => (RecoveredOutcome::Unresolved, ids.iter().map(ToString::to_string).collect()),
    };
    RunEvent::Recovered { step: step.to_string(), outcome, ids }
}

/// Prints a note for each allowance that was not needed.
pub fn note_needless(planned: &CheckedPlan, printer: &Printer) {
    for rule in &planned.judgement.needless_allowances {
        printer.say(&format!("note: --allow {rule} was not needed: the rule has no violation"));
    }
}

//! `explain`: pages of codes, the list of rules, or a step of the plan.

use std::borrow::Cow;

use serde_json::json;

use super::planning::{make_plan, stop_on_errors};
use crate::cli::args::{ExplainArgs, Format};
use crate::cli::printer::Printer;
use crate::cli::workspace::Workspace;
use crate::cli::{CommandError, ExitStatus};
use crate::constraints::{RULES, find};
use crate::diagnostics::{Code, catalogue, closest};
use crate::diff::PlanMode;
use crate::model::{Address, ImageKey, Region, Verb};
use crate::plan::{MoreSlots, PlanOptions, SlotTrial, Step, StepIndex};
use crate::report::AccountNames;
use crate::report::code_page;
use crate::report::step::{step_json, step_text};
use crate::report::table::{Align, table};
use crate::state::{Recorded, Snapshot};

/// Prints pages of codes, the list of rules, or why a step is in the plan and what it waits for.
///
/// # Errors
/// Fails if there is no such code or step, or if the manifest or the state cannot be read.
pub async fn run(args: &ExplainArgs, printer: &Printer) -> Result<ExitStatus, CommandError> {
    let name = args.what.join(" ");
    let name = with_blank(name.trim());
    let name = name.as_ref();
    // No id or name of a code has such a character.
    if name.contains(['@', '.']) {
        return step(name, args, printer).await;
    }
    if printer.format == Format::Json {
        let codes: Vec<&Code> = match name {
            "" => RULES.iter().map(|rule| &rule.code).collect(),
            names => names.split_whitespace().map(code).collect::<Result<_, _>>()?,
        };
        printer.document(json!({ "codes": codes.into_iter().map(code_page::json).collect::<Vec<_>>() }));
        return Ok(ExitStatus::Done);
    }
    if name.is_empty() {
        let row =
            |code: &Code| [code.id, code.level.as_str(), code.name, code.title].map(str::to_owned).to_vec();
        let rows: Vec<Vec<String>> = RULES.iter().map(|rule| row(&rule.code)).collect();
        printer.page(&table("", &[Align::Left; 4], &rows));
        return Ok(ExitStatus::Done);
    }
    let pages = name.split_whitespace().map(|name| Ok(code_page::of(code(name)?.id).unwrap_or_default()));
    printer.page(&pages.collect::<Result<Vec<_>, CommandError>>()?.join("\n"));
    Ok(ExitStatus::Done)
}

/// Returns the id of a step whose verb and address are separated by a colon, as one word of a shell.
fn with_blank(name: &str) -> Cow<'_, str> {
    match name.split_once(':') {
        Some((verb, address)) if Verb::ALL.iter().any(|known| known.as_str() == verb) => {
            Cow::Owned(format!("{verb} {}", address.trim_start()))
        }
        _ => Cow::Borrowed(name),
    }
}

/// Returns the code with this id or name.
fn code(name: &str) -> Result<&'static Code, CommandError> {
    let code = find(name).map(|rule| &rule.code).or_else(|| catalogue::find(name));
    code.ok_or_else(|| {
        let similar = closest(name, code_page::codes().map(|code| code.name));
        let help = similar.map_or_else(
            || "See every rule:\n\n    goldform explain".to_owned(),
            |similar| format!("Did you mean this one?\n\n    goldform explain {similar}"),
        );
        CommandError::input(format!("`{name}` is not the id or name of a rule or finding"), help)
    })
}

/// Whether an address speaks of something that is declared or recorded.
fn is_known(workspace: &Workspace, snapshot: Option<&Snapshot>, address: &Address) -> bool {
    let declared = |key: &ImageKey, region: Option<&Region>| {
        let image = workspace.engine.desired.images.get(key);
        image.is_some_and(|image| region.is_none_or(|region| image.placements().contains(region)))
    };
    let is_recorded =
        snapshot.is_some_and(|snapshot| snapshot.recorded.placements().any(|(at, _)| address.covers(&at)));
    match address {
        Address::Image(key) => declared(key, None) || is_recorded,
        Address::InRegion(key, region) => declared(key, Some(region)) || is_recorded,
        _ => is_recorded,
    }
}

/// Explains the steps of the plan with this id or at this address.
async fn step(name: &str, args: &ExplainArgs, printer: &Printer) -> Result<ExitStatus, CommandError> {
    let mut workspace = Workspace::open(&args.manifest, None)?;
    let snapshot = workspace.snapshot().await?;
    stop_on_errors(&workspace, snapshot.as_ref(), printer)?;
    let mode = if args.destroy { PlanMode::Destroy } else { PlanMode::Normal };
    let options = PlanOptions { now: workspace.engine.clock.now(), ..PlanOptions::all(mode) };
    let planned = make_plan(&mut workspace, snapshot.as_ref(), snapshot.as_ref(), &options, printer)?;
    let graph = &planned.plan().graph;
    let address: Option<Address> = name.parse().ok();
    let is_asked = |step: &Step| {
        *step.id.0 == *name || address.as_ref().is_some_and(|address| address.covers(step.at()))
    };
    let found: Vec<_> = graph.steps().filter(|(_, step)| is_asked(step)).map(|(index, _)| index).collect();
    let is_known = address.as_ref().is_some_and(|address| is_known(&workspace, snapshot.as_ref(), address));
    if found.is_empty() && is_known {
        match printer.format {
            Format::Text => printer.text(&format!("The plan changes nothing at {name}.\n")),
            Format::Json => printer.document(json!({ "steps": [] })),
        }
        return Ok(ExitStatus::Done);
    }
    if found.is_empty() {
        let ids: Vec<String> = graph.steps().map(|(_, step)| step.id.to_string()).collect();
        let help = match closest(name, ids.iter().map(String::as_str)) {
            Some(similar) => format!("Did you mean this one?\n\n    goldform explain {similar}"),
            None => "See the steps of the plan:\n\n    goldform graph".to_owned(),
        };
        return Err(CommandError::input(format!("the plan has no step `{name}`"), help));
    }
    let plan = planned.plan();
    let nothing = Recorded::default();
    let recorded = snapshot.as_ref().map_or(&nothing, |snapshot| &snapshot.recorded);
    let mut trial = SlotTrial::new(plan, &workspace.engine.desired, recorded, snapshot.as_ref(), &options);
    let mut explained = Vec::new();
    for index in found {
        let more_slots = trial.of(&graph[index])?;
        explained.push((index, more_slots));
    }
    match printer.format {
        Format::Text => {
            let names = AccountNames::of(&workspace.engine.desired);
            let text = |(index, more_slots): &(StepIndex, Option<MoreSlots>)| {
                step_text(plan, *index, more_slots.as_ref(), &names, printer.out)
            };
            let texts: Vec<String> = explained.iter().map(text).collect();
            printer.text(&texts.join("\n"));
        }
        Format::Json => {
            let json = |(index, more_slots): &(StepIndex, Option<MoreSlots>)| {
                step_json(plan, *index, more_slots.as_ref())
            };
            let steps = explained.iter().map(json).collect::<Result<Vec<_>, _>>()?;
            printer.document(json!({ "steps": steps }));
        }
    }
    Ok(ExitStatus::Done)
}

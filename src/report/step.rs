//! One step of a plan: what it does, why it is there, what it waits for and what waits for it.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::plan::because;
use super::{AccountNames, Paint};
use crate::diagnostics::sanitize::escape_truncated;
use crate::diff::Reason;
use crate::model::{Attributes, Operation};
use crate::plan::{EdgeReason, MoreSlots, Plan, SlotGain, Step, StepIndex};

/// A step for people, with what more slots would change for it.
pub fn step_text(
    plan: &Plan,
    index: StepIndex,
    more_slots: Option<&MoreSlots>,
    names: &AccountNames,
    paint: Paint,
) -> String {
    let step = &plan.graph[index];
    let mut text = String::new();
    let _ = writeln!(text, "{}", paint.bold(&step.id.to_string()));
    let _ = writeln!(text, "  {}", what(&step.operation, names));
    let _ = writeln!(text, "  because {}", why(plan, step));
    let mut list = |title: &str, none: &str, edges: Vec<(StepIndex, &EdgeReason)>| {
        if edges.is_empty() {
            let _ = writeln!(text, "\n  {none}");
            return;
        }
        let _ = writeln!(text, "\n  {title}");
        for (other, reason) in edges {
            let source = paint.dim(&format!("({})", reason.source()));
            let _ = writeln!(text, "    {}: {} {source}", plan.graph[other].id, reason.explain());
        }
    };
    list("It waits for", "It waits for nothing.", sorted(plan.graph.waits_for(index)));
    list("What waits for it", "Nothing waits for it.", sorted(plan.graph.awaited_by(index)));
    if let Some(more_slots) = more_slots {
        let _ = writeln!(text, "\n  {}", what_if(more_slots));
    }
    text
}

/// What more slots would change, in a sentence.
fn what_if(MoreSlots { region, slots, limit, gain }: &MoreSlots) -> String {
    let slots = match slots {
        1 => "one more slot".to_owned(),
        more => format!("{more} more slots"),
    };
    let with = format!("With {slots} in {region} (a limit of {limit})");
    match gain {
        Some(SlotGain::CreateFirst) => {
            format!("{with} this would be create-first: the old image is deleted once the new one is ready.")
        }
        Some(SlotGain::Kept) => format!("{with} the image would be kept."),
        Some(SlotGain::WaitsLess(steps)) => {
            let steps: Vec<String> = steps.iter().map(|step| format!("`{step}`")).collect();
            format!("{with} it would not wait for {}.", steps.join(", "))
        }
        Some(SlotGain::Fits) => format!("{with} the plan would not be refused for its limit."),
        None => format!("{with} nothing would change here."),
    }
}

fn what_if_json(MoreSlots { region, slots, limit, gain }: &MoreSlots) -> Value {
    let (name, steps) = match gain {
        Some(SlotGain::CreateFirst) => ("create_first", &[][..]),
        Some(SlotGain::Kept) => ("kept", &[][..]),
        Some(SlotGain::WaitsLess(steps)) => ("waits_less", steps.as_slice()),
        Some(SlotGain::Fits) => ("fits", &[][..]),
        None => ("nothing", &[][..]),
    };
    json!({ "region": region, "slots": slots, "limit": limit, "gain": name, "no_longer_waits_for": steps })
}

/// Why a step is there; of one that follows from a change of its entry, why that changes.
fn why(plan: &Plan, step: &Step) -> String {
    let entry = plan.changes.iter().find(|change| change.image == step.at().image);
    match entry.filter(|entry| step.reason == Reason::Follows && entry.reason != Reason::Follows) {
        Some(entry) => format!("image.{} changes: {}", entry.image, because(&entry.reason)),
        None => because(&step.reason),
    }
}

/// Edges in the order in which their steps were planned.
fn sorted<'a>(edges: impl Iterator<Item = (StepIndex, &'a EdgeReason)>) -> Vec<(StepIndex, &'a EdgeReason)> {
    let mut edges: Vec<_> = edges.collect();
    edges.sort_by_key(|(index, _)| *index);
    edges
}

/// A step for programs.
///
/// # Errors
/// When it cannot be written as JSON: a defect of goldform.
pub fn step_json(
    plan: &Plan,
    index: StepIndex,
    more_slots: Option<&MoreSlots>,
) -> Result<Value, serde_json::Error> {
    let step = &plan.graph[index];
    let edges = |edges: Vec<(StepIndex, &EdgeReason)>| -> Result<Vec<Value>, serde_json::Error> {
        edges
            .into_iter()
            .map(|(other, reason)| {
                Ok(json!({ "step": plan.graph[other].id, "why": serde_json::to_value(reason)?, "because": reason.explain(),
                           "source": reason.source() }))
            })
            .collect()
    };
    let mut value = json!({
        "step": step.id,
        "operation": serde_json::to_value(&step.operation)?,
        "reason": serde_json::to_value(&step.reason)?,
        "because": why(plan, step),
        "waits_for": edges(sorted(plan.graph.waits_for(index)))?,
        "awaited_by": edges(sorted(plan.graph.awaited_by(index)))?,
    });
    if let (Some(more_slots), Some(fields)) = (more_slots, value.as_object_mut()) {
        fields.insert("with_more_slots".to_owned(), what_if_json(more_slots));
    }
    Ok(value)
}

/// What an operation does, in a line.
pub(super) fn what(operation: &Operation, names: &AccountNames) -> String {
    match operation {
        Operation::Create { at, source, attributes, .. } => format!(
            "makes `{}` in {} from {}",
            escape_truncated(attributes.name.as_deref().unwrap_or_default()),
            at.region,
            escape_truncated(&source.describe())
        ),
        Operation::Copy { at, from, name } => {
            format!(
                "copies generation {} from {from} to {} as `{}`",
                at.generation,
                at.region,
                escape_truncated(name)
            )
        }
        Operation::Wait { at: _ } => "waits until the image that an earlier run began is NORMAL".to_owned(),
        Operation::Update { at: _, set } => format!("sets {}", fields(set)),
        Operation::Tag { at: _, set, unset, ownership } => {
            let mut parts = Vec::new();
            parts.extend(set.keys().map(|key| format!("sets `{}`", escape_truncated(key))));
            parts.extend(unset.iter().map(|key| format!("removes `{}`", escape_truncated(key))));
            parts.extend(
                ownership.iter().map(|key| format!("sets the ownership tag `{}`", escape_truncated(key))),
            );
            format!("changes tags: {}", parts.join(", "))
        }
        Operation::Share { at: _, accounts, unmanaged } => {
            let carried = match unmanaged.is_empty() {
                true => String::new(),
                false => format!("; others shared its predecessor with {}", names.list(unmanaged)),
            };
            format!("shares it with {}{carried}", names.list(accounts))
        }
        Operation::Unshare { at: _, accounts } => format!("cancels the share of {}", names.list(accounts)),
        Operation::Delete { at: _, snapshots } => {
            if *snapshots { "deletes it and its snapshots" } else { "deletes it; its snapshots stay" }
                .to_owned()
        }
    }
}

fn fields(set: &Attributes) -> String {
    let Attributes { name, description, family, deprecated } = set;
    let mut fields = Vec::new();
    fields.extend(name.iter().map(|name| format!("the name `{}`", escape_truncated(name))));
    fields.extend(description.iter().map(|text| format!("the description `{}`", escape_truncated(text))));
    fields.extend(family.iter().map(|family| format!("the family `{}`", escape_truncated(family))));
    fields.extend(deprecated.iter().map(|mark| format!("deprecated to {mark}")));
    fields.join(", ")
}

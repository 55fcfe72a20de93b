//! A plan against the one that was reviewed: what would be done that was not seen, and what was seen and would not be.
//!
//! Differences are listed by step. If no step at a placement differs, the plans may still differ in what they found there
//! or why they act: then the placement or the entry is listed. So plans whose effects have different digests always have
//! a listed difference.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use super::contents::{Base, Plan};
use super::effect::changes_anything;
use super::file::{PlanFile, PlanFileError, PlanInputs};
use super::{Step, StepIndex};
use crate::diagnostics::json_error_message;
use crate::diff::{ImageChange, PlacementChange};
use crate::model::{ImageKey, PlacementKey};
use crate::state::{Edit, StepId};

/// A plan that is not the one that was expected.
#[derive(Debug)]
pub struct Unexpected<'a> {
    /// The digest that was expected, as it was given.
    pub digest: &'a str,
    /// What differs, where more is known of the expected plan than its digest.
    pub comparison: Option<Comparison<'a>>,
}

/// A plan that was reviewed against one that was made since.
#[derive(Debug)]
pub struct Comparison<'a> {
    /// The plan that was reviewed.
    pub reviewed: &'a Plan,
    /// The plan as it is now.
    pub planned: &'a Plan,
    /// What differs: steps, then what else, each in the order of its addresses.
    pub differences: Vec<Difference<'a>>,
}

/// One thing that differs.
#[derive(Debug)]
pub struct Difference<'a> {
    /// What it is about.
    pub subject: Subject<'a>,
    /// As it was reviewed; nothing: it was not there.
    pub reviewed: Option<Value>,
    /// As it is planned now; nothing: it is not there any more.
    pub planned: Option<Value>,
}

/// What differs.
#[derive(Debug, Clone, Copy)]
pub enum Subject<'a> {
    /// A step, as it is planned now where it still is.
    Step(&'a Step),
    /// Prior facts, desired facts or reasons of a placement, with equal steps.
    Placement(&'a PlacementKey),
    /// Why an entry changes, or what it is made from, and nothing else of it.
    Entry(&'a ImageKey),
    /// A change of the record alone.
    Edit(&'a Edit),
}

/// A plan that was reviewed.
#[derive(Debug)]
pub struct Reviewed {
    /// The plan.
    pub plan: Plan,
    /// What it was made from. `None` for a plan that was only printed.
    pub inputs: Option<PlanInputs>,
}

/// Reads a plan that was reviewed: a saved one, or what `plan --format json` printed.
///
/// # Errors
/// If it is neither, was written by another goldform, or its digest is not that of what it would do.
pub fn reviewed(text: &str) -> Result<Reviewed, PlanFileError> {
    if PlanFile::is_plan_file(text) {
        let PlanFile { inputs, plan, .. } = PlanFile::from_text(text)?;
        return Ok(Reviewed { plan, inputs: Some(inputs) });
    }
    let plan: Plan =
        serde_json::from_str(text).map_err(|error| PlanFileError::Broken(json_error_message(&error)))?;
    match plan.effect() {
        Ok(digest) if digest == plan.digest => Ok(Reviewed { plan, inputs: None }),
        _ => Err(PlanFileError::Edited),
    }
}

impl<'a> Comparison<'a> {
    /// Compares two plans.
    ///
    /// # Errors
    /// When a part of one cannot be written as JSON: a defect of goldform.
    pub fn of(reviewed: &'a Plan, planned: &'a Plan) -> Result<Self, serde_json::Error> {
        let mut differences = Vec::new();
        let (old, new) = (steps(reviewed), steps(planned));
        let (mut touched, mut entries) = (BTreeSet::new(), BTreeSet::new());
        for id in old.keys().chain(new.keys()).collect::<BTreeSet<_>>() {
            let (was, is) = (old.get(id), new.get(id));
            let value = |plan, found: Option<&(StepIndex, &Step)>| {
                found.map(|(index, step)| step_value(plan, *index, step)).transpose()
            };
            let Some((_, step)) = is.or(was) else { continue };
            if push(&mut differences, Subject::Step(step), value(reviewed, was)?, value(planned, is)?) {
                touched.insert(step.at());
                entries.insert(&step.at().image);
            }
        }
        let (old, new) = (placements(reviewed), placements(planned));
        for at in old.keys().chain(new.keys()).copied().collect::<BTreeSet<_>>() {
            let value = |found: Option<&&PlacementChange>| found.map(serde_json::to_value).transpose();
            if touched.contains(at) {
                continue;
            }
            let (was, is) = (value(old.get(at))?, value(new.get(at))?);
            if push(&mut differences, Subject::Placement(at), was, is) {
                entries.insert(&at.image);
            }
        }
        let (old, new) = (changes(reviewed), changes(planned));
        for key in old.keys().chain(new.keys()).copied().collect::<BTreeSet<_>>() {
            if !entries.contains(key) {
                let value = |found: Option<&&ImageChange>| found.map(|change| head(change)).transpose();
                push(&mut differences, Subject::Entry(key), value(old.get(key))?, value(new.get(key))?);
            }
        }
        let (old, new) = (edits(reviewed)?, edits(planned)?);
        for text in old.keys().chain(new.keys()).collect::<BTreeSet<_>>() {
            let (was, is) = (old.get(text), new.get(text));
            let value = |found: Option<&&Edit>| found.map(serde_json::to_value).transpose();
            if let Some(edit) = is.or(was) {
                push(&mut differences, Subject::Edit(edit), value(was)?, value(is)?);
            }
        }
        Ok(Self { reviewed, planned, differences })
    }

    /// What else has moved: the account, the state. Sentences.
    pub fn moved(&self) -> Vec<String> {
        let mut moved = Vec::new();
        let (was, is) = (self.reviewed, self.planned);
        if was.account != is.account {
            moved.push(format!("It was made for account {}, this one for {}.", was.account, is.account));
        }
        if was.place != is.place {
            let (was, is) = (was.place.to_string(), is.place.to_string());
            moved.push(match was == is {
                true => format!("It was made for other quotas of {was}."),
                false => format!("It was made for {was}, this one for {is}."),
            });
        }
        for key in was.queries.keys().chain(is.queries.keys()).collect::<BTreeSet<_>>() {
            if was.queries.get(key) != is.queries.get(key) {
                moved.push(format!("The query of the URL that image.{key} is imported from differs."));
            }
        }
        match (&was.base, &is.base) {
            (Some(Base { lineage: old, .. }), Some(Base { lineage: new, .. })) if old != new => {
                moved.push("It started from another state.".to_owned());
            }
            (Some(Base { serial: old, .. }), Some(Base { serial: new, .. })) if old != new => {
                moved.push(format!("It started from serial {old} of the state, this one from serial {new}."));
            }
            (None, Some(Base { serial, .. })) => {
                moved.push(format!(
                    "It was made before the first apply, this one from serial {serial} of the state."
                ));
            }
            (Some(Base { serial, .. }), None) => {
                moved.push(format!("It started from serial {serial} of a state, and there is none now."));
            }
            _ => {}
        }
        moved
    }
}

/// Pushes a difference if there is one. Returns whether there is.
fn push<'a>(
    differences: &mut Vec<Difference<'a>>,
    subject: Subject<'a>,
    reviewed: Option<Value>,
    planned: Option<Value>,
) -> bool {
    let differs = reviewed != planned;
    if differs {
        differences.push(Difference { subject, reviewed, planned });
    }
    differs
}

/// The steps, by address and id.
fn steps(plan: &Plan) -> BTreeMap<(&PlacementKey, &StepId), (StepIndex, &Step)> {
    plan.graph.steps().map(|(index, step)| ((step.at(), &step.id), (index, step))).collect()
}

/// A step without its verb and address, with what it waits for.
fn step_value(plan: &Plan, index: StepIndex, step: &Step) -> Result<Value, serde_json::Error> {
    let Step { id: _, operation, reason } = step;
    let mut value = serde_json::to_value(operation)?;
    let waits: BTreeMap<&str, String> = plan
        .graph
        .waits_for(index)
        .map(|(earlier, reason)| (plan.graph[earlier].id.0.as_str(), reason.explain()))
        .collect();
    if let Some(object) = value.as_object_mut() {
        // Its id shows both.
        object.remove("do");
        object.remove("at");
        object.insert("reason".to_owned(), serde_json::to_value(reason)?);
        let waits: Map<String, Value> =
            waits.into_iter().map(|(step, why)| (step.to_owned(), Value::String(why))).collect();
        if !waits.is_empty() {
            object.insert("waits_for".to_owned(), Value::Object(waits));
        }
    }
    Ok(value)
}

fn placements(plan: &Plan) -> BTreeMap<&PlacementKey, &PlacementChange> {
    plan.changes.iter().flat_map(|image| &image.placements).map(|change| (&change.at, change)).collect()
}

fn changes(plan: &Plan) -> BTreeMap<&ImageKey, &ImageChange> {
    let changes = plan.changes.iter().filter(|change| changes_anything(change));
    changes.map(|change| (&change.image, change)).collect()
}

/// What is said of an entry as a whole.
fn head(change: &ImageChange) -> Result<Value, serde_json::Error> {
    serde_json::to_value(ImageChange { placements: Vec::new(), ..change.clone() })
}

fn edits(plan: &Plan) -> Result<BTreeMap<String, &Edit>, serde_json::Error> {
    plan.edits.iter().map(|edit| Ok((serde_json::to_string(edit)?, edit))).collect()
}

#[cfg(test)]
mod tests;

//! A saved plan: everything that applying it needs, and no secret.
//!
//! It is judged again when it is read, since limits and rules may have moved and the file may have been edited;
//! and it is *stale* only where something that it relies on has moved, which is shown.

use compact_str::CompactString;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::planner::Plan;
use super::room::RegionRoom;
use crate::diff::{Action, PlacementChange, PlacementFacts};
use crate::manifest::Desired;
use crate::model::limits::DOCUMENTED_IMAGES_PER_REGION;
use crate::model::{Limit, PlacementKey};
use crate::state::Recorded;

/// The version of the file format that this program writes.
pub const FORMAT: u32 = 1;

/// A saved plan.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlanFile {
    /// The version of the file format.
    pub goldform_plan: u32,
    /// The version of goldform that wrote it.
    pub goldform: CompactString,
    /// The folder that the state's place is relative to, as the user named it.
    pub folder: String,
    /// Sensitive variables whose values are needed again.
    pub secrets: Vec<CompactString>,
    /// What the manifest meant.
    pub desired: Desired,
    /// The plan.
    pub plan: Plan,
}

/// A file that is no plan that can be used.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum PlanFileError {
    /// It was written by a newer goldform.
    #[error(
        "the plan has format {format}, written by goldform {by}; this goldform reads formats up to {FORMAT}"
    )]
    Newer {
        /// Its format.
        format: u32,
        /// Who wrote it.
        by: String,
    },
    /// It would do something else than its digest says.
    #[error("its digest is not that of what it would do: it was edited, or written by another goldform")]
    Edited,
    /// It is no plan.
    #[error("it is not a saved plan: {0}")]
    Broken(String),
}

impl PlanFile {
    /// A plan to be saved.
    pub fn new(desired: &Desired, plan: &Plan, folder: impl Into<String>) -> Self {
        Self {
            goldform_plan: FORMAT,
            goldform: CompactString::const_new(env!("CARGO_PKG_VERSION")),
            folder: folder.into(),
            secrets: desired.secrets().into_iter().cloned().collect(),
            desired: desired.clone(),
            plan: plan.clone(),
        }
    }

    /// The file's text.
    ///
    /// # Errors
    /// When it cannot be written as JSON: a defect of goldform.
    pub fn to_text(&self) -> Result<String, serde_json::Error> {
        let mut text = serde_json::to_string_pretty(self)?;
        text.push('\n');
        Ok(text)
    }

    /// Reads a file's text.
    ///
    /// # Errors
    /// When it is no plan, was written by a newer goldform, or was edited.
    pub fn from_text(text: &str) -> Result<Self, PlanFileError> {
        #[derive(Deserialize)]
        struct Version {
            goldform_plan: u32,
            goldform: Option<String>,
        }
        let version: Version =
            serde_json::from_str(text).map_err(|error| PlanFileError::Broken(error.to_string()))?;
        if version.goldform_plan > FORMAT {
            let by = version.goldform.unwrap_or_default();
            return Err(PlanFileError::Newer { format: version.goldform_plan, by });
        }
        let mut reader = serde_json::Deserializer::from_str(text);
        let file: Self = serde_path_to_error::deserialize(&mut reader)
            .map_err(|error| PlanFileError::Broken(format!("at `{}`: {}", error.path(), error.inner())))?;
        // What is shown of it is its changes, what is done are its steps, in the account of the manifest's meaning: only
        // together are they the plan that was made.
        let is_whole = file.plan.effect().is_ok_and(|digest| digest == file.plan.digest);
        match is_whole && file.desired.account == file.plan.account {
            true => Ok(file),
            false => Err(PlanFileError::Edited),
        }
    }
}

/// What a plan relied on and is not so any more: sentences. Empty: the plan is not stale.
pub fn moved(plan: &Plan, desired: &Desired, recorded: &Recorded) -> Vec<String> {
    let mut moved = Vec::new();
    for change in plan.changes.iter().flat_map(|image| &image.placements) {
        moved.extend(moved_placement(plan, desired, recorded, change));
    }
    for (region, RegionRoom { limit, .. }) in &plan.regions {
        let is_touched = plan.graph.steps().any(|(_, step)| step.at().region == *region);
        let known = recorded.regions.get(region).and_then(|known| known.image_limit.as_ref());
        let present = Limit::effective(desired.limits.images_in(region), known, DOCUMENTED_IMAGES_PER_REGION);
        if is_touched && present.value < limit.value {
            moved.push(format!(
                "{region}: the limit of custom images was {} and is {}",
                limit.value, present.value
            ));
        }
    }
    moved
}

fn moved_placement(
    plan: &Plan,
    desired: &Desired,
    recorded: &Recorded,
    change: &PlacementChange,
) -> Option<String> {
    let at = &change.at;
    let present = recorded.placement(at);
    let tag = desired.cloud.ownership_tag.as_ref();
    match (change.action, &change.before, present) {
        (Action::Adopt, _, None) => None,
        (Action::Create | Action::Copy, _, Some(present)) if !change.remake => {
            Some(format!("{at} was not there and is {}", present.id))
        }
        (Action::Create | Action::Copy, ..) => moved_making(plan, recorded, change),
        (_, Some(before), Some(present)) => {
            if change.id.as_ref() != Some(&present.id) {
                return Some(format!("{at} is another image now: {}", present.id));
            }
            let is = PlacementFacts::of(present, tag);
            (is != *before)
                .then(|| format!("{at} ({}) is not as it was: {}", present.id, differences(before, &is)))
        }
        (_, Some(_), None) => Some(format!("{at} was there and is gone")),
        (_, None, _) => None,
    }
}

/// What a create or copy relied on: its number was free, and what it is copied from is there.
fn moved_making(plan: &Plan, recorded: &Recorded, change: &PlacementChange) -> Option<String> {
    let at = &change.at;
    let image = recorded.images.get(&at.image);
    let is_known = image.is_some_and(|image| image.generations.contains_key(&at.generation));
    let used = recorded.generations_used.get(&at.image).is_some_and(|used| *used >= at.generation);
    if used && !is_known {
        return Some(format!("{at}: generation {} was used since", at.generation));
    }
    let from = change.from.as_ref()?;
    let source = PlacementKey { region: from.clone(), ..at.clone() };
    let is_made = plan.graph.steps().any(|(_, step)| step.operation.makes_image() && *step.at() == source);
    let is_taken_over = plan
        .changes
        .iter()
        .flat_map(|image| &image.placements)
        .any(|other| other.at == source && other.action == Action::Adopt);
    let is_there = recorded.placement(&source).is_some() || is_made || is_taken_over;
    (!is_there).then(|| format!("{source}, which {at} is copied from, is gone"))
}

fn differences(before: &PlacementFacts, is: &PlacementFacts) -> String {
    let PlacementFacts { attributes, tags, owned, shares, foreign } = before;
    let mut named = Vec::new();
    let mut push = |differs: bool, name: &'static str| {
        if differs {
            named.push(name);
        }
    };
    push(attributes.name != is.attributes.name, "name");
    push(attributes.description != is.attributes.description, "description");
    push(attributes.family != is.attributes.family, "family");
    push(attributes.deprecated != is.attributes.deprecated, "deprecation");
    push(*tags != is.tags || *owned != is.owned, "tags");
    push(*shares != is.shares || *foreign != is.foreign, "shares");
    named.join(", ")
}

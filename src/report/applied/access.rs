//! What is missing for whom, and who lost an image.

use std::collections::BTreeMap;

use super::{Generation, Run};
use crate::diff::PlacementChange;
use crate::model::{Accounts, GenerationNumber, ImageId, ImageKey, PlacementKey, Region};
use crate::plan::StepOutcome;
use crate::report::losses::access;
use crate::state::{Placement, Recorded, StepId};

/// An image that is not where it is wanted, or that accounts do not see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::report) struct Missing {
    pub(in crate::report) image: ImageKey,
    pub(in crate::report) region: Region,
    /// The generation that is missing, or that was lost.
    pub(in crate::report) generation: Generation,
    /// Its id, if the image exists.
    pub(in crate::report) id: Option<ImageId>,
    /// Who does not see it.
    pub(in crate::report) accounts: Accounts,
    /// What serves there instead.
    pub(in crate::report) serving: Option<(Generation, ImageId)>,
    /// Why.
    pub(in crate::report) reason: String,
}

/// Returns what serves in a region.
pub(super) fn serving(run: &Run<'_>, image: &ImageKey, region: &Region) -> Option<(Generation, ImageId)> {
    let (number, placement) = run.after.serving(image, region)?;
    Some((Generation::of(run, image, number), placement.id.clone()))
}

/// Returns the placements of the generations that the plan asks for and that are not there, or not for everyone.
pub(super) fn missing(run: &Run<'_>, outcomes: &BTreeMap<&StepId, &StepOutcome>) -> Vec<Missing> {
    let mut missing = Vec::new();
    for change in &run.plan.changes {
        let Some(wanted) = change.generation else { continue };
        let is_wanted =
            |placement: &&PlacementChange| placement.at.generation == wanted && !placement.deletes_image();
        for placement in change.placements.iter().filter(is_wanted) {
            let at = &placement.at;
            let everyone = placement.after().map(|facts| facts.shares.clone()).unwrap_or_default();
            let there = run.after.placement(at).filter(|there| there.is_normal());
            let accounts = match there {
                Some(there) => everyone.without(&there.everyone()),
                None => everyone,
            };
            if there.is_some() && accounts.is_empty() {
                continue;
            }
            missing.push(Missing {
                image: at.image.clone(),
                region: at.region.clone(),
                generation: Generation::of(run, &at.image, wanted),
                id: run.after.placement(at).map(|there| there.id.clone()),
                accounts,
                serving: serving(run, &at.image, &at.region),
                reason: reason(run, outcomes, at),
            });
        }
    }
    missing
}

/// Returns why a placement is not as planned: the first of its steps that is not done.
fn reason(run: &Run<'_>, outcomes: &BTreeMap<&StepId, &StepOutcome>, at: &PlacementKey) -> String {
    let steps = run.plan.graph.steps().filter(|(_, step)| step.at() == at);
    let why = steps.filter_map(|(_, step)| match outcomes.get(&step.id)? {
        StepOutcome::Done => None,
        StepOutcome::Failed(failure) | StepOutcome::Unknown(failure) => Some(failure.why.clone()),
        StepOutcome::Pending { failure: Some(failure) } => Some(failure.why.clone()),
        StepOutcome::Pending { failure: None } => Some("accepted, not ready yet".to_owned()),
        StepOutcome::Skipped { because } => Some(format!("waits for `{because}`")),
        StepOutcome::NotStarted => Some("the run ended before".to_owned()),
    });
    why.into_iter().next().unwrap_or_else(|| "the state does not hold it".to_owned())
}

/// Returns who lost an image that the plan does not take from them, and what can be said if nobody did.
pub(super) fn lost(run: &Run<'_>) -> (Vec<Missing>, Option<&'static str>) {
    let mut lost = Vec::new();
    let (mut is_seen, mut is_revoked) = (false, false);
    for change in &run.plan.changes {
        let image = &change.image;
        for (region, (had, keeps)) in access(change, run.prior) {
            let gone = had.without(&seen(run.after, image, &region));
            let accounts = gone.shared_with(&keeps);
            is_seen |= !had.is_empty();
            is_revoked |= accounts.len() < gone.len();
            if accounts.is_empty() {
                continue;
            }
            let any = || there(run.prior, image, &region).find(|(_, placement)| placement.is_normal());
            let Some((number, placement)) = run.prior.serving(image, &region).or_else(any) else { continue };
            lost.push(Missing {
                image: image.clone(),
                generation: Generation::of(run, image, number),
                id: run.after.placement_with_id(&region, &placement.id).map(|_| placement.id.clone()),
                accounts,
                serving: serving(run, image, &region),
                reason: "no image that they see is left there".to_owned(),
                region,
            });
        }
    }
    let deleted_first =
        run.plan.changes.iter().any(|change| {
            change.delete_first || change.placements.iter().any(PlacementChange::is_deleted_first)
        });
    let access = match (lost.is_empty() && is_seen, is_revoked, deleted_first) {
        (false, ..) => None,
        (true, true, _) => Some("Accounts lost images only as planned."),
        // During the run, an account may have been without it.
        (true, false, true) => Some("No account is without an image that it had."),
        (true, false, false) => Some("No account lost an image."),
    };
    (lost, access)
}

/// The placements of an entry in a region.
fn there<'r>(
    recorded: &'r Recorded,
    image: &ImageKey,
    region: &'r Region,
) -> impl Iterator<Item = (GenerationNumber, &'r Placement)> {
    let generations = recorded.images.get(image).into_iter().flat_map(|image| &image.generations);
    generations.filter_map(move |(number, build)| Some((*number, build.placements.get(region)?)))
}

/// Everyone who sees a NORMAL image of an entry in a region.
fn seen(recorded: &Recorded, image: &ImageKey, region: &Region) -> Accounts {
    let normal = there(recorded, image, region).filter(|(_, placement)| placement.is_normal());
    normal.fold(Accounts::EMPTY, |all, (_, placement)| all.joined(&placement.everyone()))
}

/// Returns what each account of a list uses in a region, those with the same image together.
pub(super) fn used_by(
    run: &Run<'_>,
    at: &PlacementKey,
    accounts: &Accounts,
) -> Vec<(Accounts, Option<(Generation, ImageId)>)> {
    let mut used: Vec<(Accounts, Option<(Generation, ImageId)>)> = Vec::new();
    for account in accounts.iter() {
        let found = run.after.serving_for(&at.image, &at.region, account);
        let found = found.map(|(number, there)| (Generation::of(run, &at.image, number), there.id.clone()));
        match used.iter_mut().find(|(_, known)| *known == found) {
            Some((all, _)) => *all = all.joined(&[account].into_iter().collect()),
            None => used.push(([account].into_iter().collect(), found)),
        }
    }
    used
}

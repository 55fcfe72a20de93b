//! Recovery: what became of the steps that a killed run left without an outcome, and which images are ours.
//!
//! The dangerous gap is between the call and its answer: the service may or may not have made an image, and no image
//! action takes a client token. So every make carries evidence of ours ([`crate::state::evidence`]). A tag may attach late
//! and may be missing in listings: such an image is *unproven* for [`PENDING_FOR`] after the last call, and the tag service
//! is asked too. Nothing found is *open* for the same time, since listings show new images late. After that a make is
//! taken as not executed, and what shows of it later is recorded by the observation that shows it.
//!
//! Names are unique in a region (213/15713), so sending a doubtful call again, under the same name, makes no second image:
//! it is answered with `InvalidImageName.Duplicate`. That holds while an image has the name, so it is kept (`kept_names`)
//! until the first call cannot be executed any more.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use crate::cloud::{CloudError, CloudRead, ImageFilter};
use crate::diff::drift::PENDING_FOR;
use crate::model::{ImageId, ImageKind, Operation};
use crate::state::evidence::{Ownership, ownership};
use crate::state::{Event, Intent, ObservedImage, Recorded, Snapshot, StepId};

/// How long an image is searched for whose name is taken though no listing shows it.
const TAKEN_FOR: SignedDuration = SignedDuration::from_hours(1);

/// What became of an intent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Recovered {
    /// The image was made: it is recorded.
    Adopted(ImageId),
    /// It was not executed: it is planned again.
    NotExecuted,
    /// The image that it deletes is gone.
    Deleted,
    /// What it did shows in the next listing.
    SeenByListing,
    /// It may have made an image, possibly one of these. The intent stays open: a later run searches again, or a
    /// user resolves it.
    Open(Vec<ImageId>),
}

/// Looks up what became of every intent of a snapshot, and returns the events that close it, in order. One image is made by
/// one call: what an intent is found to have made is recorded for the intents after it.
///
/// # Errors
/// When the service cannot be asked.
pub async fn recover(
    cloud: &dyn CloudRead,
    snapshot: &Snapshot,
    now: Timestamp,
) -> Result<Vec<RecoveredIntent>, CloudError> {
    let mut recovered: Vec<RecoveredIntent> = Vec::new();
    let mut known = snapshot.clone();
    // Where two calls used one name, the service refused it to the later one.
    let mut intents: Vec<(&StepId, &Intent)> = snapshot.intents.iter().collect();
    intents.sort_by_key(|(_, intent)| intent.at);
    for (step, intent) in intents {
        let (mut what, mut events) = recover_one(cloud, &known, step, intent, now).await?;
        if events.iter().try_for_each(|event| known.take(event)).is_err() {
            // What was found contradicts the state: nothing of it is used, and a person can resolve the step.
            let found = if let Recovered::Adopted(id) = what { vec![id] } else { Vec::new() };
            (what, events) = (Recovered::Open(found), Vec::new());
            known = replayed(snapshot, &recovered);
        }
        recovered.push((step.clone(), what, events));
    }
    Ok(recovered)
}

/// What became of a step, and the events that close it.
type RecoveredIntent = (StepId, Recovered, Vec<Event>);

/// A snapshot with all events that were found so far, each of which could follow.
fn replayed(snapshot: &Snapshot, recovered: &[RecoveredIntent]) -> Snapshot {
    let mut known = snapshot.clone();
    for event in recovered.iter().flat_map(|(_, _, events)| events) {
        let _ = known.take(event);
    }
    known
}

async fn recover_one(
    cloud: &dyn CloudRead,
    snapshot: &Snapshot,
    step: &StepId,
    intent: &Intent,
    now: Timestamp,
) -> Result<(Recovered, Vec<Event>), CloudError> {
    let failed = |why: &str| Event::Failed { step: step.clone(), at: now, why: why.to_owned(), state: None };
    if let Operation::Delete { at, .. } = &intent.operation
        && let Some(placement) = snapshot.recorded.placement(at)
    {
        // Asked for by id, so that a listing that misses it is not taken for the loss of an image.
        let listed = cloud.images_by_id(&at.region, std::slice::from_ref(&placement.id)).await?;
        if listed.is_empty() && is_surely_missing(cloud, &snapshot.recorded, intent).await? {
            let settled = Event::Settled { step: step.clone(), at: now, image: None };
            return Ok((Recovered::Deleted, vec![settled]));
        }
    }
    if !intent.is_in_doubt() {
        // The listing that follows shows the state of an accepted image, and what every other call did.
        let event = match intent.accepted {
            Some(_) => Event::Settled { step: step.clone(), at: now, image: None },
            None => failed("the run ended before the answer came; the listing shows what it did"),
        };
        return Ok((Recovered::SeenByListing, vec![event]));
    }
    let lineage = snapshot.lineage.0.as_str();
    Ok(match find_made(cloud, &snapshot.recorded, lineage, intent, now).await? {
        LookupResult::Ours(image) => {
            let accepted = Event::Accepted { step: step.clone(), at: intent.at, id: image.id.clone() };
            let settled = Event::Settled { step: step.clone(), at: now, image: None };
            (Recovered::Adopted(image.id), vec![accepted, settled])
        }
        LookupResult::Nothing
            if may_be_late(intent, now)
                || intent.name_taken && now.duration_since(intent.last_sent()) < TAKEN_FOR
                || !is_surely_missing(cloud, &snapshot.recorded, intent).await? =>
        {
            (Recovered::Open(Vec::new()), Vec::new())
        }
        LookupResult::Unproven(ids) => (Recovered::Open(ids), Vec::new()),
        LookupResult::Nothing => {
            (Recovered::NotExecuted, vec![Event::NotFound { step: step.clone(), at: now }])
        }
        LookupResult::Others(_) => (
            Recovered::NotExecuted,
            vec![failed("the run ended before the answer came, and no image was made")],
        ),
    })
}

/// Asks once more for what a call may have made or deleted, with the whole region: one answer is not believed. Returns
/// `false` if the image is there after all, or if the answer misses every other image that is recorded there.
async fn is_surely_missing(
    cloud: &dyn CloudRead,
    recorded: &Recorded,
    intent: &Intent,
) -> Result<bool, CloudError> {
    let region = &intent.operation.at().region;
    let listed = cloud.images(region, &ImageFilter { kind: Some(ImageKind::Custom), name: None }).await?;
    let name = intent.operation.made_name();
    let own = recorded.placement(intent.operation.at()).map(|placement| &placement.id);
    let is_there = listed.iter().any(|image| Some(&image.name) == name || Some(&image.id) == own);
    let mut known = recorded
        .placements()
        .filter(|(at, placement)| at.region == *region && placement.is_normal() && Some(&placement.id) != own)
        .map(|(_, placement)| &placement.id)
        .peekable();
    let is_plausible = known.peek().is_none() || known.any(|id| listed.iter().any(|image| image.id == *id));
    Ok(!is_there && is_plausible)
}

/// Whether what a call made may still be missing in listings.
pub fn may_be_late(intent: &Intent, now: Timestamp) -> bool {
    now.duration_since(intent.last_sent()) < PENDING_FOR
}

/// What was found of the image that a make without a definite answer may have made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LookupResult {
    /// The image that it made.
    Ours(Box<ObservedImage>),
    /// No image has the name.
    Nothing,
    /// An image has the name, and no tag shows yet whose it is.
    Unproven(Vec<ImageId>),
    /// Images of others have the name: nothing of ours was made.
    Others(Vec<ImageId>),
}

/// Searches for the image that a create or copy may have made.
///
/// # Errors
/// When the service cannot be asked.
pub async fn find_made(
    cloud: &dyn CloudRead,
    recorded: &Recorded,
    lineage: &str,
    intent: &Intent,
    now: Timestamp,
) -> Result<LookupResult, CloudError> {
    let Some(name) = intent.operation.made_name() else { return Ok(LookupResult::Nothing) };
    let at = intent.operation.at();
    let filter = ImageFilter { kind: Some(ImageKind::Custom), name: Some(name.clone()) };
    // The service's name filter is fuzzy: compare exactly.
    let mut named = cloud.images(&at.region, &filter).await?;
    named.retain(|image| image.name == *name && image.kind == ImageKind::Custom);
    let mut missing = Vec::new();
    for image in &named {
        match ownership(image, &image.tags, recorded, lineage, intent) {
            Ownership::Ours => return Ok(LookupResult::Ours(Box::new(image.clone()))),
            Ownership::Untagged => missing.push(image.id.clone()),
            Ownership::Others => {}
        }
    }
    let tags = match missing.as_slice() {
        [] => BTreeMap::new(),
        ids => cloud.tags(&at.region, ids).await?,
    };
    let mut unproven = Vec::new();
    for image in named.iter().filter(|image| missing.contains(&image.id)) {
        let tags = tags.get(&image.id).unwrap_or(&image.tags);
        match ownership(image, tags, recorded, lineage, intent) {
            Ownership::Ours => return Ok(LookupResult::Ours(Box::new(image.clone()))),
            Ownership::Untagged if may_be_late(intent, now) => unproven.push(image.id.clone()),
            Ownership::Untagged | Ownership::Others => {}
        }
    }
    Ok(match (named.is_empty(), unproven.is_empty()) {
        (true, _) => LookupResult::Nothing,
        (false, false) => LookupResult::Unproven(unproven),
        (false, true) => LookupResult::Others(named.into_iter().map(|image| image.id).collect()),
    })
}

#[cfg(test)]
mod tests;

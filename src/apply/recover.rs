//! Repairs what a killed run left behind: intents without an outcome.
//!
//! The dangerous gap is between the call and its answer: the service may or may not have made an image. No
//! image action takes a client token, so the image's name, unique in its region, is the natural key: look for
//! the exact name, and take the image over only when everything known speaks for it.

use jiff::{SignedDuration, Timestamp};

use crate::cloud::{CloudError, CloudRead, ImageFilter};
use crate::model::{ImageId, ImageKind, Operation};
use crate::state::{Event, Intent, ObservedImage, Recorded, Snapshot, StepId};

/// How far the service's clock may be from ours.
const SKEW: SignedDuration = SignedDuration::from_mins(5);

/// What became of an intent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Recovered {
    /// The image was made: it is taken over.
    Adopted(ImageId),
    /// It was not executed: it is planned again.
    NotExecuted,
    /// What it did shows in the next listing.
    SeenByListing,
    /// It may have made one of these, and nothing tells which or whether: a person must look.
    Doubtful(Vec<ImageId>),
}

/// Looks at every intent of a snapshot and gives the events that close it, and what became of each.
///
/// # Errors
/// When the service cannot be asked.
pub async fn recover(
    cloud: &dyn CloudRead,
    snapshot: &Snapshot,
    now: Timestamp,
) -> Result<Vec<(StepId, Recovered, Vec<Event>)>, CloudError> {
    let mut recovered = Vec::new();
    for (step, intent) in &snapshot.intents {
        let (what, events) = recover_one(cloud, snapshot, step, intent, now).await?;
        recovered.push((step.clone(), what, events));
    }
    Ok(recovered)
}

async fn recover_one(
    cloud: &dyn CloudRead,
    snapshot: &Snapshot,
    step: &StepId,
    intent: &Intent,
    now: Timestamp,
) -> Result<(Recovered, Vec<Event>), CloudError> {
    let failed = |why: &str| Event::Failed { step: step.clone(), at: now, why: why.to_owned(), state: None };
    if intent.accepted.is_some() {
        // The placement is recorded, and the listing that follows shows its state.
        return Ok((
            Recovered::SeenByListing,
            vec![Event::Settled { step: step.clone(), at: now, image: None }],
        ));
    }
    if !intent.operation.makes_image() {
        return Ok((
            Recovered::SeenByListing,
            vec![failed("the run ended before the answer came; the listing shows what it did")],
        ));
    }
    Ok(match find_made(cloud, &snapshot.recorded, snapshot.lineage.0.as_str(), intent).await? {
        Found::One(image) => {
            let accepted = Event::Accepted { step: step.clone(), at: intent.at, id: image.id.clone() };
            let settled = Event::Settled { step: step.clone(), at: now, image: None };
            (Recovered::Adopted(image.id), vec![accepted, settled])
        }
        Found::None => (
            Recovered::NotExecuted,
            vec![failed("the run ended before the answer came, and no image was made")],
        ),
        Found::Doubtful(ids) => (Recovered::Doubtful(ids), Vec::new()),
    })
}

/// What a lookup by name found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// The image that the intent made.
    One(Box<ObservedImage>),
    /// No image of that name.
    None,
    /// Images of that name that may or may not be it.
    Doubtful(Vec<ImageId>),
}

/// Looks for the image that a create or copy may have made.
///
/// # Errors
/// When the service cannot be asked.
pub async fn find_made(
    cloud: &dyn CloudRead,
    recorded: &Recorded,
    lineage: &str,
    intent: &Intent,
) -> Result<Found, CloudError> {
    let Some(name) = intent.operation.made_name() else { return Ok(Found::None) };
    let region = &intent.operation.at().region;
    let filter = ImageFilter { kind: Some(ImageKind::Custom), name: Some(name.clone()) };
    // The service's name filter is fuzzy: compare exactly.
    let mut named = cloud.images(region, &filter).await?;
    named.retain(|image| image.name == *name && image.kind == ImageKind::Custom);
    if named.is_empty() {
        return Ok(Found::None);
    }
    // The service truncates to seconds, and its clock may differ. An image that was there before the intent is
    // somebody else's; since names are unique, the call was then refused.
    let earliest = intent.at.checked_sub(SKEW).unwrap_or(Timestamp::MIN);
    named.retain(|image| image.created >= earliest && !names_another_state(image, lineage, intent));
    match named.as_slice() {
        [] => Ok(Found::None),
        [image] if intent.name_was_free && looks_like_it(image, recorded, intent) => {
            Ok(Found::One(Box::new(image.clone())))
        }
        several => Ok(Found::Doubtful(several.iter().map(|image| image.id.clone()).collect())),
    }
}

/// Whether the image carries an ownership tag of another state.
fn names_another_state(image: &ObservedImage, lineage: &str, intent: &Intent) -> bool {
    let Operation::Create { tags, .. } = &intent.operation else { return false };
    let owned = tags.iter().find(|(_, value)| *value == lineage);
    owned.is_some_and(|(key, value)| image.tags.get(key).is_some_and(|seen| seen != value))
}

/// Whether a copy is like its origin in what never changes. Of a create nothing is known beforehand.
fn looks_like_it(image: &ObservedImage, recorded: &Recorded, intent: &Intent) -> bool {
    let Operation::Copy { at, from, .. } = &intent.operation else { return true };
    let mut source = at.clone();
    source.region = from.clone();
    let build = recorded.placement(&source).and_then(|placement| placement.build.as_ref());
    build.is_none_or(|build| {
        build.size_gib == image.build.size_gib
            && build.os == image.build.os
            && build.architecture == image.build.architecture
    })
}

//! Evidence of which call made an image, where the call was never answered.
//!
//! - *Tag*: CreateImage and ImportImage set the ownership tag in the call, with the state's lineage as its value.
//! - *Name*: SyncImages takes no tags, so a copy is made under an interim name that nobody else uses
//!   ([`crate::model::interim`]), and so is every make without the tag.
//!
//! An image of the right name without that evidence is somebody else's and is never acted on.
//!
//! That an image shows proves that it was made. That none shows proves nothing: a listing may be late, incomplete or
//! empty. So a make of which no image is found is planned again, and stays recorded ([`Recorded::not_found`]): an image
//! that an observation shows later, with the evidence, is recorded as what it is.

use jiff::{SignedDuration, Timestamp};

use super::event::{Intent, NotFound};
use super::observed::{Observed, ObservedImage};
use super::recorded::Recorded;
use crate::model::interim::is_interim_name;
use crate::model::{ImageId, ImageKind, PlacementKey, Tags};

/// How long after it was sent, by our clock, a call may still be executed: it is valid for 5 minutes by the clock of the
/// service (common parameters, X-TC-Timestamp), which may be 5 minutes from ours.
pub const MAY_BE_EXECUTED_FOR: SignedDuration = SignedDuration::from_mins(10);

/// How far the service's clock may be from ours.
const SKEW: SignedDuration = SignedDuration::from_mins(5);
/// How long observations search for the image of a make that was taken as not executed: 30 days.
const SEARCHED_FOR: SignedDuration = SignedDuration::from_hours(30 * 24);

/// Whose an image of the right name is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ownership {
    /// The call made it.
    Ours,
    /// Something else made it.
    Others,
    /// It could be ours, and carries no ownership tag (yet).
    Untagged,
}

/// Returns whether the call of an intent made an image that has its name. `tags`: those that the image is known to carry.
pub fn ownership(
    image: &ObservedImage,
    tags: &Tags,
    recorded: &Recorded,
    lineage: &str,
    intent: &Intent,
) -> Ownership {
    let at = intent.operation.at();
    if recorded.placement_with_id(&at.region, &image.id).is_some() {
        return Ownership::Others;
    }
    let Some(key) = intent.operation.ownership() else {
        // Made under an interim name, which is the evidence. An intent of an earlier version has another name, and no
        // evidence at all.
        let is_interim = intent.operation.made_name().is_some_and(|name| is_interim_name(name));
        return if is_interim { Ownership::Ours } else { Ownership::Others };
    };
    // The service truncates to seconds, and its clock may differ.
    let earliest = intent.first_sent().checked_sub(SKEW).unwrap_or(Timestamp::MIN);
    let latest = intent.last_sent().checked_add(MAY_BE_EXECUTED_FOR).unwrap_or(Timestamp::MAX);
    if !(earliest..=latest).contains(&image.created) {
        return Ownership::Others;
    }
    match tags.get(key) {
        Some(value) if value == lineage => Ownership::Ours,
        Some(_) => Ownership::Others,
        None => Ownership::Untagged,
    }
}

impl Recorded {
    /// Records the images that an observation shows of makes that were taken as not executed, and returns them. What was
    /// sent long ago is not searched for any more.
    pub fn find_late(&mut self, observed: &Observed, lineage: &str) -> Vec<(PlacementKey, ImageId)> {
        let mut found = Vec::new();
        for (at, NotFound { intent, .. }) in self.not_found.clone() {
            let Some(region) = observed.regions.get(&at.region) else { continue };
            let is_made = |image: &&ObservedImage| {
                image.kind == ImageKind::Custom
                    && intent.operation.made_name() == Some(&image.name)
                    && ownership(image, &image.tags, self, lineage, &intent) == Ownership::Ours
            };
            // Where another image took its address, it stays unmanaged.
            let image = region.images.values().find(is_made).filter(|_| self.placement(&at).is_none());
            if let Some(id) = image.map(|image| image.id.clone()) {
                found.extend(self.record_made(&intent, &id, intent.at).map(|()| (at, id)));
            } else if region.at.duration_since(intent.last_sent()) > SEARCHED_FOR {
                self.not_found.remove(&at);
            }
        }
        found
    }
}

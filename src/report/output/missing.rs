//! Regions in which nothing serves, and why.

use thiserror::Error;

use crate::model::{
    AccountId, Address, GenerationNumber, ImageId, ImageKey, ImageState, PlacementKey, Region,
};
use crate::state::Recorded;

/// A region in which nothing of a wanted entry serves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Missing {
    /// The entry.
    pub image: ImageKey,
    /// The region.
    pub region: Region,
    /// Account that has no image there, if the ids are for one account.
    pub account: Option<AccountId>,
    /// Why nothing serves there.
    pub reason: MissingReason,
}

/// Why nothing serves in a region.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum MissingReason {
    /// The service still makes the image.
    #[error("{id} is not ready yet: {}", state.as_str())]
    Pending {
        /// The image.
        id: ImageId,
        /// Its state.
        state: ImageState,
    },
    /// The service could not make the image.
    #[error("{id} failed: {}", state.as_str())]
    Failed {
        /// The image.
        id: ImageId,
        /// Its state.
        state: ImageState,
    },
    /// The image is NORMAL and its attributes are not those of a finished one.
    #[error("{id} is not finished: it {what}")]
    Unfinished {
        /// The image.
        id: ImageId,
        /// What it is still lacking.
        what: &'static str,
    },
    /// The call that makes the image was sent, and its outcome is unknown.
    #[error("its image may have been made: the call was not answered")]
    InDoubt,
    /// There is no image.
    #[error("its image is not made yet")]
    NotMade,
    /// An image serves, and the account does not see it yet.
    #[error("{id} is not shared with it yet")]
    NotShared {
        /// The image.
        id: ImageId,
    },
}

impl std::fmt::Display for Missing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let at = Address::InRegion(self.image.clone(), self.region.clone());
        match self.account {
            None => write!(f, "{at} has no image to use: {}", self.reason),
            Some(account) => write!(f, "{account} has no image of {at} to use: {}", self.reason),
        }
    }
}

/// Returns why nothing of an entry serves in a region, judged by its newest image there.
pub(super) fn reason(recorded: &Recorded, key: &ImageKey, region: &Region) -> MissingReason {
    let in_doubt =
        recorded.making_of(key).filter(|(at, _)| at.region == *region).map(|(at, _)| at.generation);
    let at = |generation: &GenerationNumber| PlacementKey {
        image: key.clone(),
        generation: *generation,
        region: region.clone(),
    };
    let generations = recorded.images.get(key).into_iter().flat_map(|image| image.generations.keys().rev());
    let newest =
        generations.filter_map(|generation| Some((*generation, recorded.placement(&at(generation))?))).next();
    let Some((generation, placement)) = newest else {
        return if in_doubt.max().is_some() { MissingReason::InDoubt } else { MissingReason::NotMade };
    };
    let (id, state) = (placement.id.clone(), placement.state);
    if in_doubt.max().is_some_and(|newer| newer > generation) {
        MissingReason::InDoubt
    } else if state.is_failed() {
        MissingReason::Failed { id, state }
    } else if placement.is_pending() {
        MissingReason::Pending { id, state }
    } else if placement.interim {
        MissingReason::Unfinished { id, what: "does not have its final name" }
    } else {
        MissingReason::Unfinished { id, what: "is marked as deprecated" }
    }
}

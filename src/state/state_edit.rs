//! Edits of the state that a user asks for: an entry or placement moves to another address, or is no longer managed.
//! They make no call to the cloud.
//!
//! A function that fails leaves the state unchanged. All of them refuse while steps are open: the outcomes of these would
//! be written to addresses that have moved.

#![expect(clippy::result_large_err, reason = "made once in a run, and reported at once")]

use thiserror::Error;

use super::event::{Edit, Intent, Intents, StepId};
use super::recorded::Recorded;
use super::snapshot::Snapshot;
use crate::model::{Address, ImageId, ImageKey, PlacementKey};

/// A refused edit of the state.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum StateEditError {
    /// Steps were started and have no outcome yet.
    #[error("{}", open(.steps))]
    Open {
        /// The steps.
        steps: Vec<String>,
        /// The placements of those that may have made an image.
        in_doubt: Vec<PlacementKey>,
    },
    /// No step of this placement has an unknown outcome.
    #[error("the outcome of no step of {0} is unknown")]
    NotInDoubt(PlacementKey),
    /// The image is recorded for something else.
    #[error("{id} is recorded as {of}")]
    Recorded {
        /// The image.
        id: ImageId,
        /// What it is recorded as.
        of: PlacementKey,
    },
    /// Nothing is recorded there.
    #[error("{0} is not recorded")]
    NotRecorded(Address),
    /// Something is recorded there already.
    #[error("{0} is recorded already, and would be overwritten")]
    Taken(Address),
    /// Old and new address are the same.
    #[error("{0} is moved to itself")]
    Same(Address),
    /// An image cannot change its region.
    #[error("{from} cannot become {to}: an image stays in the region that it is in")]
    OtherRegion {
        /// Address before.
        from: Address,
        /// Address after.
        to: Address,
    },
    /// A generation is one build, and this is another.
    #[error("{from} is not the same build as generation {} of image.{}: that was made from {theirs}, this from {ours}", .to.generation, .to.image)]
    OtherBuild {
        /// Address before.
        from: PlacementKey,
        /// Address after.
        to: PlacementKey,
        /// Source of the moved build.
        ours: String,
        /// Source of the other build.
        theirs: String,
    },
    /// The two addresses are of different kinds, or of a type that cannot be moved.
    #[error("{from} cannot become {to}: entries become entries, placements placements, lookups lookups")]
    Unlike {
        /// Address before.
        from: Address,
        /// Address after.
        to: Address,
    },
}

fn open(steps: &[String]) -> String {
    let number = steps.len();
    let named = steps.iter().take(3).map(|step| format!("`{step}`")).collect::<Vec<_>>().join(", ");
    let more = if number > 3 { format!(" and {} more", number.saturating_sub(3)) } else { String::new() };
    format!("the state cannot be edited while the outcome of {named}{more} is unknown")
}

impl StateEditError {
    /// What to do about it.
    pub fn help(&self) -> String {
        match self {
            Self::Open { in_doubt, .. } => {
                let mut help = "Find out first:\n\n    goldform refresh".to_owned();
                if let Some(at) = in_doubt.first() {
                    help.push_str(&format!(
                        "\n\nIf it stays unknown, record what became of it:\n\n    goldform import {at} ID\n    \
                         goldform forget {at}"
                    ));
                }
                help
            }
            Self::NotInDoubt(_) => {
                "See what is recorded, and what is unresolved:\n\n    goldform show".to_owned()
            }
            Self::Recorded { .. } => "Name the image that the call made:\n\n    goldform images".to_owned(),
            Self::NotRecorded(_) => "See which addresses there are:\n\n    goldform state list".to_owned(),
            Self::Taken(address) => {
                format!("Make room first, where it is not wanted:\n\n    goldform state rm {address}")
            }
            Self::Same(_) => "Name another address as the new one.".to_owned(),
            Self::OtherRegion { .. } => {
                "Declare the other region under `copies`, and apply: the image is copied there.".to_owned()
            }
            Self::OtherBuild { to, .. } => {
                format!("Name a generation of its own, such as:\n\n    {}", next_to(to))
            }
            Self::Unlike { .. } => {
                "Name addresses of one kind:\n\n    goldform state mv image.OLD image.NEW".to_owned()
            }
        }
    }
}

fn next_to(at: &PlacementKey) -> PlacementKey {
    PlacementKey { generation: at.generation.next(), ..at.clone() }
}

/// Whether the record may be changed by hand.
///
/// # Errors
/// [`StateEditError::Open`] while steps have no outcome.
pub fn check_closed(intents: &Intents) -> Result<(), StateEditError> {
    if intents.is_empty() {
        return Ok(());
    }
    let in_doubt = intents.values().filter(|intent| intent.is_in_doubt());
    Err(StateEditError::Open {
        steps: intents.keys().map(ToString::to_string).collect(),
        in_doubt: in_doubt.map(|intent| intent.operation.at().clone()).collect(),
    })
}

/// Returns the step that may have made the image of a placement and whose outcome is unknown.
pub fn doubtful<'s>(intents: &'s Intents, at: &PlacementKey) -> Option<&'s Intent> {
    intents.values().find(|intent| intent.is_in_doubt() && intent.operation.at() == at)
}

/// Returns the step that makes a placement's image and that the service has accepted.
pub fn accepted<'s>(intents: &'s Intents, at: &PlacementKey) -> Option<&'s StepId> {
    let mut making = intents.iter().filter(|(_, intent)| intent.operation.at() == at);
    making.find(|(_, intent)| intent.accepted.is_some()).map(|(step, _)| step)
}

/// Returns the edit that closes a doubtful step by a person's word: it made this image, or none.
///
/// # Errors
/// [`StateEditError::NotInDoubt`] if no such step is open, [`StateEditError::Recorded`] if the image is recorded for
/// something else.
pub fn resolve(snapshot: &Snapshot, at: &PlacementKey, id: Option<&ImageId>) -> Result<Edit, StateEditError> {
    if doubtful(&snapshot.intents, at).is_none() {
        return Err(StateEditError::NotInDoubt(at.clone()));
    }
    let recorded_as = id.and_then(|id| Some((id, snapshot.recorded.placement_with_id(&at.region, id)?)));
    match recorded_as {
        Some((id, of)) => Err(StateEditError::Recorded { id: id.clone(), of }),
        None => Ok(Edit::Resolve { at: at.clone(), id: id.cloned() }),
    }
}

/// Moves what is recorded at one address to another. Returns each placement's old and new address.
///
/// # Errors
/// When nothing is recorded at the old address, something is at the new one, or the two do not fit.
pub fn move_to(
    recorded: &mut Recorded,
    from: &Address,
    to: &Address,
) -> Result<Vec<(Address, Address)>, StateEditError> {
    if from == to {
        return Err(StateEditError::Same(from.clone()));
    }
    match (from, to) {
        (Address::Image(old), Address::Image(new)) => rename(recorded, old, new),
        (Address::InRegion(old, region), Address::InRegion(new, other)) => {
            if region != other {
                return Err(StateEditError::OtherRegion { from: from.clone(), to: to.clone() });
            }
            let pairs: Vec<_> = at_address(recorded, from)
                .into_iter()
                .map(|at| (at.clone(), PlacementKey { image: new.clone(), ..at }))
                .collect();
            if pairs.is_empty() {
                return Err(StateEditError::NotRecorded(Address::InRegion(old.clone(), region.clone())));
            }
            // All of them, or none: the rest is tried on a copy first.
            let mut trial = recorded.clone();
            for (old, new) in &pairs {
                move_placement(&mut trial, old, new)?;
            }
            *recorded = trial;
            Ok(pairs.into_iter().map(|(a, b)| (Address::Placement(a), Address::Placement(b))).collect())
        }
        (Address::Placement(old), Address::Placement(new)) => {
            move_placement(recorded, old, new)?;
            Ok(vec![(from.clone(), to.clone())])
        }
        (Address::Lookup(old), Address::Lookup(new)) => {
            if recorded.lookups.contains_key(new) {
                return Err(StateEditError::Taken(to.clone()));
            }
            let lookup =
                recorded.lookups.remove(old).ok_or_else(|| StateEditError::NotRecorded(from.clone()))?;
            recorded.lookups.insert(new.clone(), lookup);
            Ok(vec![(from.clone(), to.clone())])
        }
        _ => Err(StateEditError::Unlike { from: from.clone(), to: to.clone() }),
    }
}

/// The recorded placements that an address covers.
fn at_address(recorded: &Recorded, address: &Address) -> Vec<PlacementKey> {
    recorded.placements().map(|(at, _)| at).filter(|at| address.covers(at)).collect()
}

fn rename(
    recorded: &mut Recorded,
    old: &ImageKey,
    new: &ImageKey,
) -> Result<Vec<(Address, Address)>, StateEditError> {
    if recorded.images.contains_key(new) {
        return Err(StateEditError::Taken(Address::Image(new.clone())));
    }
    let moved = at_address(recorded, &Address::Image(old.clone()));
    if moved.is_empty() {
        return Err(StateEditError::NotRecorded(Address::Image(old.clone())));
    }
    recorded.apply(&Edit::Rename { from: old.clone(), to: new.clone() });
    let renamed = |at: PlacementKey| {
        let to = PlacementKey { image: new.clone(), ..at.clone() };
        (Address::Placement(at), Address::Placement(to))
    };
    Ok(moved.into_iter().map(renamed).collect())
}

fn move_placement(
    recorded: &mut Recorded,
    from: &PlacementKey,
    to: &PlacementKey,
) -> Result<(), StateEditError> {
    let address = |at: &PlacementKey| Address::Placement(at.clone());
    if from.region != to.region {
        return Err(StateEditError::OtherRegion { from: address(from), to: address(to) });
    }
    if recorded.placement(to).is_some() {
        return Err(StateEditError::Taken(address(to)));
    }
    let missing = || StateEditError::NotRecorded(address(from));
    let image = recorded.images.get(&from.image).ok_or_else(missing)?;
    let (protect, delete_snapshots) = (image.protect, image.delete_snapshots);
    let source = image.generations.get(&from.generation).ok_or_else(missing)?.source.clone();
    let there = recorded.images.get(&to.image);
    if let Some(build) = there.and_then(|image| image.generations.get(&to.generation))
        && build.source != source
    {
        return Err(StateEditError::OtherBuild {
            from: from.clone(),
            to: to.clone(),
            ours: source.describe(),
            theirs: build.source.describe(),
        });
    }
    let is_new = there.is_none();
    let placement = recorded.remove(from).ok_or_else(missing)?;
    recorded.put(to, &source, placement);
    if let Some(image) = recorded.images.get_mut(&to.image).filter(|_| is_new) {
        image.protect = protect;
        image.delete_snapshots = delete_snapshots;
    }
    Ok(())
}

/// Stops managing the placements and shares that an address covers, and returns their addresses. The images and shares
/// count as unmanaged from then on.
///
/// # Errors
/// When nothing is recorded there.
pub fn forget(recorded: &mut Recorded, address: &Address) -> Result<Vec<Address>, StateEditError> {
    let missing = || StateEditError::NotRecorded(address.clone());
    match address {
        Address::Image(_) | Address::InRegion(..) | Address::Placement(_) => {
            let keys = at_address(recorded, address);
            for key in &keys {
                forget_placement(recorded, key);
            }
            // What shows of it later is not managed either.
            recorded.not_found.retain(|at, _| !address.covers(at));
            if keys.is_empty() {
                return Err(missing());
            }
            Ok(keys.into_iter().map(Address::Placement).collect())
        }
        Address::Share(at, account) => {
            let placement = recorded.placement_mut(at).ok_or_else(missing)?;
            if !placement.shares.contains(*account) {
                return Err(missing());
            }
            let account = std::iter::once(*account).collect();
            placement.shares = placement.shares.without(&account);
            placement.unmanaged = placement.unmanaged.joined(&account);
            Ok(vec![address.clone()])
        }
        Address::Lookup(name) => {
            recorded.lookups.remove(name).ok_or_else(missing)?;
            Ok(vec![address.clone()])
        }
    }
}

fn forget_placement(recorded: &mut Recorded, at: &PlacementKey) {
    let image = recorded.placement(at).map(|placement| (placement.id.clone(), placement.name.clone()));
    recorded.apply(&Edit::Forget { at: at.clone(), unmanaged: image });
}

/// Makes a snapshot fit to take the place of the present one: its serial is not lower, and of the same state what must
/// not be lost is taken along, which is the list of runs, the holds, the makes of which no image was found, and the
/// generation numbers that are never used again.
pub fn succeed(next: &mut Snapshot, present: &Snapshot) {
    next.serial = next.serial.max(present.serial);
    if next.lineage != present.lineage {
        return;
    }
    next.runs.clone_from(&present.runs);
    next.recorded.holds.clone_from(&present.recorded.holds);
    next.recorded.not_found.clone_from(&present.recorded.not_found);
    for (key, used) in &present.recorded.generations_used {
        let last = next.recorded.generations_used.entry(key.clone()).or_insert(*used);
        *last = (*last).max(*used);
    }
}

#[cfg(test)]
mod tests;

//! Changes of the record that a person asks for: an entry or placement gets another address, or is managed no more.
//! No call goes with them: what exists in the cloud stays as it is.
//!
//! Each function changes the record or leaves it as it was. None runs while steps are open: their outcome would be
//! written to addresses that have moved.

#![expect(clippy::result_large_err, reason = "made once in a run, and told at once")]

use thiserror::Error;

use super::journal::Intents;
use super::recorded::Recorded;
use super::snapshot::Snapshot;
use crate::model::{Address, ImageKey, PlacementKey, SourceKind};

/// A change of the record that is not made.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum SurgeryError {
    /// Steps were started and have no outcome yet.
    #[error("{}", open(.0))]
    Open(Vec<String>),
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
        /// What was to be moved.
        from: Address,
        /// Where to.
        to: Address,
    },
    /// A generation is one build, and this is another.
    #[error("{from} is not the same build as generation {} of image.{}: that was made from {theirs}, this from {ours}", .to.generation, .to.image)]
    OtherBuild {
        /// What was to be moved.
        from: PlacementKey,
        /// Where to.
        to: PlacementKey,
        /// What the one to be moved was made from.
        ours: String,
        /// What the other was made from.
        theirs: String,
    },
    /// The two addresses are of different kinds, or of a kind that is not moved.
    #[error("{from} cannot become {to}: entries become entries, placements placements, lookups lookups")]
    Unlike {
        /// What was to be moved.
        from: Address,
        /// Where to.
        to: Address,
    },
}

fn open(steps: &[String]) -> String {
    let number = steps.len();
    let named = steps.iter().take(3).map(|step| format!("`{step}`")).collect::<Vec<_>>().join(", ");
    let more = if number > 3 { format!(" and {} more", number.saturating_sub(3)) } else { String::new() };
    format!("the record is not changed by hand while it is open what became of {named}{more}")
}

impl SurgeryError {
    /// What to do about it.
    pub fn help(&self) -> String {
        match self {
            Self::Open(_) => "Find out first:\n\n    goldform refresh".to_owned(),
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
/// [`SurgeryError::Open`] while steps have no outcome.
pub fn check_closed(intents: &Intents) -> Result<(), SurgeryError> {
    if intents.is_empty() {
        return Ok(());
    }
    Err(SurgeryError::Open(intents.keys().map(ToString::to_string).collect()))
}

/// Gives what is recorded at one address another; tells each placement's old and new address.
///
/// # Errors
/// When nothing is recorded at the old address, something is at the new one, or the two do not fit.
pub fn move_to(
    recorded: &mut Recorded,
    from: &Address,
    to: &Address,
) -> Result<Vec<(Address, Address)>, SurgeryError> {
    if from == to {
        return Err(SurgeryError::Same(from.clone()));
    }
    match (from, to) {
        (Address::Image(old), Address::Image(new)) => rename(recorded, old, new),
        (Address::InRegion(old, region), Address::InRegion(new, other)) => {
            if region != other {
                return Err(SurgeryError::OtherRegion { from: from.clone(), to: to.clone() });
            }
            let pairs: Vec<_> = at_address(recorded, from)
                .into_iter()
                .map(|at| (at.clone(), PlacementKey { image: new.clone(), ..at }))
                .collect();
            if pairs.is_empty() {
                return Err(SurgeryError::NotRecorded(Address::InRegion(old.clone(), region.clone())));
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
                return Err(SurgeryError::Taken(to.clone()));
            }
            let lookup =
                recorded.lookups.remove(old).ok_or_else(|| SurgeryError::NotRecorded(from.clone()))?;
            recorded.lookups.insert(new.clone(), lookup);
            Ok(vec![(from.clone(), to.clone())])
        }
        _ => Err(SurgeryError::Unlike { from: from.clone(), to: to.clone() }),
    }
}

/// The placements that an address speaks of.
fn at_address(recorded: &Recorded, address: &Address) -> Vec<PlacementKey> {
    let keys = recorded.placements().map(|(key, _)| key);
    keys.filter(|at| match address {
        Address::Image(key) => at.image == *key,
        Address::InRegion(key, region) => at.image == *key && at.region == *region,
        Address::Placement(placement) => placement == at,
        Address::Share(..) | Address::Lookup(_) => false,
    })
    .collect()
}

fn rename(
    recorded: &mut Recorded,
    old: &ImageKey,
    new: &ImageKey,
) -> Result<Vec<(Address, Address)>, SurgeryError> {
    if recorded.images.contains_key(new) {
        return Err(SurgeryError::Taken(Address::Image(new.clone())));
    }
    let moved = at_address(recorded, &Address::Image(old.clone()));
    let Some(image) = recorded.images.remove(old) else {
        return Err(SurgeryError::NotRecorded(Address::Image(old.clone())));
    };
    recorded.images.insert(new.clone(), image);
    if let Some(used) = recorded.generations_used.remove(old) {
        // The new key may have had a life before: its numbers are not used again either.
        let last = recorded.generations_used.entry(new.clone()).or_insert(used);
        *last = (*last).max(used);
    }
    // What was made from the entry was made from the same images under their new name.
    for build in recorded.images.values_mut().flat_map(|image| image.generations.values_mut()) {
        if let SourceKind::Encrypted { image, .. } = &mut build.source.kind
            && image == old
        {
            image.clone_from(new);
        }
    }
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
) -> Result<(), SurgeryError> {
    let address = |at: &PlacementKey| Address::Placement(at.clone());
    if from.region != to.region {
        return Err(SurgeryError::OtherRegion { from: address(from), to: address(to) });
    }
    if recorded.placement(to).is_some() {
        return Err(SurgeryError::Taken(address(to)));
    }
    let missing = || SurgeryError::NotRecorded(address(from));
    let image = recorded.images.get(&from.image).ok_or_else(missing)?;
    let (protect, delete_snapshots) = (image.protect, image.delete_snapshots);
    let source = image.generations.get(&from.generation).ok_or_else(missing)?.source.clone();
    let there = recorded.images.get(&to.image);
    if let Some(build) = there.and_then(|image| image.generations.get(&to.generation))
        && build.source != source
    {
        return Err(SurgeryError::OtherBuild {
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

/// Stops managing what an address speaks of, and tells what that was. An image counts as one that goldform does not
/// manage from then on, an account's share as one that others gave.
///
/// # Errors
/// When nothing is recorded there.
pub fn forget(recorded: &mut Recorded, address: &Address) -> Result<Vec<Address>, SurgeryError> {
    let missing = || SurgeryError::NotRecorded(address.clone());
    match address {
        Address::Image(_) | Address::InRegion(..) | Address::Placement(_) => {
            let keys = at_address(recorded, address);
            for key in &keys {
                forget_placement(recorded, key);
            }
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
            placement.foreign = placement.foreign.joined(&account);
            Ok(vec![address.clone()])
        }
        Address::Lookup(name) => {
            recorded.lookups.remove(name).ok_or_else(missing)?;
            Ok(vec![address.clone()])
        }
    }
}

fn forget_placement(recorded: &mut Recorded, at: &PlacementKey) {
    let Some(placement) = recorded.remove(at) else { return };
    // Of a region that was never read nothing is known, so there is no place to note it: the next refresh will.
    if let Some(region) = recorded.regions.get_mut(&at.region) {
        region.unmanaged.insert(placement.id, placement.name);
    }
}

/// Makes a snapshot fit to take the place of the present one: its serial is not lower, and of the same state what must
/// not be lost is taken along, which is the list of runs and the generation numbers that are never used again.
pub fn succeed(next: &mut Snapshot, present: &Snapshot) {
    next.serial = next.serial.max(present.serial);
    if next.lineage != present.lineage {
        return;
    }
    next.runs.clone_from(&present.runs);
    for (key, used) in &present.recorded.generations_used {
        let last = next.recorded.generations_used.entry(key.clone()).or_insert(*used);
        *last = (*last).max(*used);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `web` in two regions with two generations in one, `db` in one region, one region that was never read.
    fn recorded() -> Recorded {
        let placement = |id: &str, name: &str| {
            serde_json::json!({ "id": id, "name": name, "state": "NORMAL", "accepted_at": "2026-11-24T12:00:00Z",
                "seen": true, "shares": ["200000000001"] })
        };
        let web = serde_json::json!({ "origin": "ap-jakarta", "current": 2, "protect": true, "delete_snapshots": true,
            "generations": {
                "1": { "source": { "instance": { "id": "ins-8f3a1c2d" }, "revision": "1" },
                       "placements": { "ap-jakarta": placement("img-00000001", "web-1") } },
                "2": { "source": { "instance": { "id": "ins-8f3a1c2d" }, "revision": "2" },
                       "placements": { "ap-jakarta": placement("img-00000002", "web-2"),
                                       "ap-tokyo": placement("img-00000003", "web-2") } } } });
        let db = serde_json::json!({ "origin": "ap-jakarta", "current": 1, "delete_snapshots": true,
            "generations": { "1": { "source": { "encrypted": { "image": "web" } },
                "placements": { "ap-jakarta": placement("img-00000004", "db-1") } } } });
        serde_json::from_value(serde_json::json!({
            "images": { "web": web, "db": db },
            "generations_used": { "web": 2, "db": 1 },
            "regions": { "ap-jakarta": { "read_at": "2026-11-24T12:00:00Z" } },
        }))
        .unwrap()
    }

    fn address(text: &str) -> Address {
        text.parse().unwrap()
    }

    fn all(recorded: &Recorded) -> Vec<String> {
        recorded.placements().map(|(at, _)| at.to_string()).collect()
    }

    fn verified(recorded: Recorded) -> Recorded {
        let lineage = crate::state::Lineage("lineage-1".into());
        let account = "100000000001".parse().unwrap();
        let mut snapshot = Snapshot::first(lineage, account, crate::manifest::Provider::Sandbox);
        snapshot.recorded = recorded;
        snapshot.verify().unwrap();
        snapshot.recorded
    }

    #[test]
    fn an_entry_keeps_everything_under_its_new_key() {
        let mut record = recorded();
        let before = record.images[&key("web")].clone();
        let moved = move_to(&mut record, &address("image.web"), &address("image.web-base")).unwrap();
        assert_eq!(moved.len(), 3);
        let record = verified(record);
        assert_eq!(record.images.get(&key("web-base")), Some(&before));
        assert!(!record.generations_used.contains_key(&key("web")));
        let source = &record.images[&key("db")].generations[&crate::model::GenerationNumber(1)].source;
        assert_eq!(source.describe(), "encrypted copy of image.web-base");
    }

    #[test]
    fn a_placement_takes_its_build_to_another_entry() {
        let mut record = recorded();
        let (from, to) = (address("image.web@ap-tokyo#2"), address("image.edge@ap-tokyo#7"));
        move_to(&mut record, &from, &to).unwrap();
        let record = verified(record);
        let edge = &record.images[&key("edge")];
        assert!(edge.protect, "settings come along to an entry that is new");
        assert_eq!((edge.origin.as_str(), edge.current.0), ("ap-tokyo", 7));
        assert_eq!(record.generations_used[&key("edge")].0, 7);
        assert_eq!(record.images[&key("web")].generations.len(), 2);
    }

    #[test]
    fn a_region_is_moved_as_a_whole_or_not_at_all() {
        let mut record = recorded();
        let error = move_to(&mut record, &address("image.web@ap-jakarta"), &address("image.db@ap-jakarta"));
        assert!(matches!(error, Err(SurgeryError::Taken(_))), "{error:?}");
        assert_eq!(record, recorded(), "generation 1 is in the way, so generation 2 stays too");
        move_to(&mut record, &address("image.web@ap-jakarta"), &address("image.other@ap-jakarta")).unwrap();
        assert_eq!(
            all(&verified(record)),
            [
                "image.db@ap-jakarta#1",
                "image.other@ap-jakarta#1",
                "image.other@ap-jakarta#2",
                "image.web@ap-tokyo#2"
            ]
        );
    }

    #[test]
    fn a_move_back_undoes_a_move() {
        let mut record = recorded();
        let (a, b) = (address("image.web@ap-tokyo#2"), address("image.edge@ap-tokyo#2"));
        move_to(&mut record, &a, &b).unwrap();
        move_to(&mut record, &b, &a).unwrap();
        assert_eq!(record.images, recorded().images);
    }

    #[test]
    fn what_cannot_be_is_refused_and_changes_nothing() {
        for (from, to, expected) in [
            ("image.web", "image.web", "image.web is moved to itself"),
            ("image.web", "image.db", "image.db is recorded already, and would be overwritten"),
            ("image.wob", "image.x", "image.wob is not recorded"),
            ("image.web@ap-seoul", "image.x@ap-seoul", "image.web@ap-seoul is not recorded"),
            ("image.web@ap-tokyo#9", "image.x@ap-tokyo#9", "image.web@ap-tokyo#9 is not recorded"),
            (
                "image.web@ap-tokyo#2",
                "image.web@ap-seoul#2",
                "image.web@ap-tokyo#2 cannot become image.web@ap-seoul#2: an image stays in the region that it is in",
            ),
            (
                "image.web@ap-tokyo#2",
                "image.db@ap-tokyo#1",
                "image.web@ap-tokyo#2 is not the same build as generation 1 of image.db: that was made from encrypted \
                 copy of image.web, this from instance ins-8f3a1c2d, revision 2",
            ),
            (
                "image.web",
                "image.x@ap-tokyo",
                "image.web cannot become image.x@ap-tokyo: entries become entries, placements placements, lookups \
                 lookups",
            ),
        ] {
            let mut record = recorded();
            let error = move_to(&mut record, &address(from), &address(to)).unwrap_err();
            assert_eq!(error.to_string(), expected);
            assert!(!error.help().is_empty());
            assert_eq!(record, recorded(), "{from} → {to}");
        }
    }

    #[test]
    fn a_forgotten_image_counts_as_unmanaged_where_its_region_was_read() {
        let mut record = recorded();
        let gone = forget(&mut record, &address("image.web")).unwrap();
        assert_eq!(gone.len(), 3);
        let record = verified(record);
        assert_eq!(all(&record), ["image.db@ap-jakarta#1"]);
        let unmanaged: Vec<&str> = record
            .regions
            .values()
            .flat_map(|region| region.unmanaged.values())
            .map(|n| n.as_str())
            .collect();
        assert_eq!(unmanaged, ["web-1", "web-2"]);
        assert_eq!(record.next_generation(&key("web")).0, 3, "numbers are not used again");
    }

    #[test]
    fn a_forgotten_share_stays_as_one_of_others() {
        let mut record = recorded();
        let share = address("share.web@ap-tokyo#2/200000000001");
        forget(&mut record, &share).unwrap();
        let record = verified(record);
        let at = record.placements().find(|(at, _)| at.region.as_str() == "ap-tokyo").unwrap().1;
        assert!(at.shares.is_empty());
        assert_eq!(at.foreign.len(), 1);
        assert_eq!(forget(&mut record.clone(), &share), Err(SurgeryError::NotRecorded(share)));
    }

    #[test]
    fn an_older_snapshot_takes_over_what_must_not_be_lost() {
        let lineage = crate::state::Lineage("lineage-1".into());
        let account = "100000000001".parse().unwrap();
        let mut present = Snapshot::first(lineage, account, crate::manifest::Provider::Sandbox);
        let mut older = present.clone();
        older.serial = 3;
        older.recorded = recorded();
        present.serial = 9;
        present.recorded = recorded();
        present.recorded.generations_used.insert(key("web"), crate::model::GenerationNumber(5));
        succeed(&mut older, &present);
        assert_eq!((older.serial, older.recorded.next_generation(&key("web")).0), (9, 6));
        older.verify().unwrap();
        older.lineage = crate::state::Lineage("another".into());
        older.recorded = recorded();
        succeed(&mut older, &present);
        assert_eq!(older.recorded.next_generation(&key("web")).0, 3, "another state has numbers of its own");
    }

    fn key(text: &str) -> ImageKey {
        text.parse().unwrap()
    }
}

//! Holds: in an emergency a team holds an entry at a revision, in the state and not in the manifest. What is drawn, and what
//! the observer knows of it.

use std::collections::{BTreeMap, BTreeSet};

use goldform::model::{ImageKey, RevisionName};
use goldform::state::{Hold, Recorded};
use jiff::Timestamp;

use super::chance::Chance;
use super::fleet::{EntryKey, Fleet, key};

/// A hold that a team places, or releases.
pub struct Drawn {
    pub number: u8,
    /// `None`: it is released.
    pub hold: Option<Hold>,
    /// The images of the generation at which it is held.
    pub images: BTreeSet<String>,
}

impl Drawn {
    pub fn key(&self) -> ImageKey {
        key(self.number).parse().unwrap()
    }

    /// What it is, for people.
    pub fn describe(&self) -> String {
        match &self.hold {
            Some(hold) => format!("{} is held at {}", self.key(), hold.revision),
            None => format!("{} is released", self.key()),
        }
    }
}

/// Draws what a team holds or releases, of what it has recorded. `None` if there is nothing.
pub fn draw(chance: &mut Chance, recorded: &Recorded, fleet: &Fleet, since: Timestamp) -> Option<Drawn> {
    let numbers: Vec<u8> = fleet.entries.keys().copied().collect();
    let number = *numbers.get(chance.below(numbers.len()))?;
    let key: ImageKey = key(number).parse().unwrap();
    if recorded.holds.contains_key(&key) && chance.percent(50) {
        return Some(Drawn { number, hold: None, images: BTreeSet::new() });
    }
    let usable: Vec<_> = recorded.usable_generations(&key).collect();
    let (generation, revision) = usable.get(chance.below(usable.len()))?;
    let revision = revision.clone()?;
    // As `rollback` names it. What an open call may still make could have the same revision.
    let is_shared = usable.iter().filter(|(_, other)| other.as_ref() == Some(&revision)).count() > 1;
    let is_open = recorded.making_of(&key).next().is_some();
    let name = RevisionName { revision, generation: Some(*generation).filter(|_| is_shared || is_open) };
    let build = &recorded.images[&key].generations[generation];
    let images = build.placements.values().map(|placement| placement.id.to_string()).collect();
    Some(Drawn { number, hold: Some(Hold { revision: name, since, by: "ann@laptop".into() }), images })
}

/// The entries whose hold names a revision of which nothing is left: a rule refuses their plans.
pub fn without_image(recorded: &Recorded, fleet: &Fleet) -> Vec<u8> {
    let is_gone = |number: &&u8| {
        let key: ImageKey = key(**number).parse().unwrap();
        recorded.holds.get(&key).is_some_and(|hold| {
            let mut usable = recorded.usable_generations(&key);
            !usable.any(|(generation, revision)| {
                revision.is_some_and(|text| hold.revision.matches(&text, generation))
            })
        })
    };
    fleet.entries.keys().filter(is_gone).copied().collect()
}

/// An entry that is held.
pub struct Held {
    pub revision: String,
    images: BTreeSet<String>,
}

/// All entries that are held, as the observer knows them.
#[derive(Default)]
pub struct Holds {
    by_entry: BTreeMap<EntryKey, Held>,
    /// What each image was made from.
    made_from: BTreeMap<String, String>,
}

impl Holds {
    /// An image was made.
    pub fn made(&mut self, id: &str, from: &str) {
        self.made_from.insert(id.to_owned(), from.to_owned());
    }

    pub fn placed(&mut self, entry: EntryKey, revision: String, images: BTreeSet<String>) {
        self.by_entry.insert(entry, Held { revision, images });
    }

    pub fn released(&mut self, entry: EntryKey) {
        self.by_entry.remove(&entry);
    }

    pub fn of(&self, entry: EntryKey) -> Option<&Held> {
        self.by_entry.get(&entry)
    }

    /// The entries of a team that are held.
    pub fn of_team(&self, team: usize) -> Vec<EntryKey> {
        self.by_entry.keys().filter(|entry| entry.0 == team).copied().collect()
    }

    /// Whether an image is of the generation at which its entry is held: one of those that were there, or a copy.
    pub fn has(&self, entry: EntryKey, id: &str) -> bool {
        let Some(held) = self.by_entry.get(&entry) else { return false };
        let mut id = id;
        loop {
            if held.images.contains(id) {
                return true;
            }
            match self.made_from.get(id) {
                Some(from) => id = from,
                None => return false,
            }
        }
    }
}

//! What is applied while something goes wrong: a few chosen changes, and random ones of a seed.

use std::collections::{BTreeMap, BTreeSet};

use crate::lives::chance::Chance;
use crate::lives::fleet::{Entry, Fleet, Source};

/// Manifests that are applied one after the other; something goes wrong with the last one.
#[derive(Debug, Clone)]
pub struct Story {
    pub name: String,
    pub before: Vec<Fleet>,
    pub last: Fleet,
}

fn entry(variant: u8) -> Entry {
    Entry {
        home: 0,
        copies: BTreeSet::from([1, 2]),
        source: Source::Instance(variant),
        revision: 1,
        by_generation: true,
        description: Some(1),
        family: Some(1),
        tag: Some(1),
        partners: BTreeSet::from([0, 1]),
        exclusive: false,
        keep: 1,
        pin: None,
        delete_first: false,
        protect: false,
    }
}

fn fleet(entries: impl IntoIterator<Item = (u8, Entry)>) -> Fleet {
    Fleet { team: 0, prefix: "", entries: entries.into_iter().collect(), consents: true }
}

/// A first apply, a change of everything, a removal, and the end of everything.
pub fn chosen() -> Vec<Story> {
    let plain = entry(0);
    let fixed = Entry {
        by_generation: false,
        copies: BTreeSet::from([3]),
        partners: BTreeSet::from([2]),
        family: None,
        ..entry(1)
    };
    let hasty = Entry { copies: BTreeSet::new(), keep: 1, ..entry(2) };
    let first = fleet([(0, plain.clone()), (1, fixed.clone()), (2, hasty.clone())]);
    let second = fleet([
        // A new generation everywhere, the old one kept; other accounts, another tag, another text.
        (
            0,
            Entry {
                revision: 2,
                keep: 2,
                partners: BTreeSet::from([0, 2]),
                tag: Some(2),
                description: Some(2),
                copies: BTreeSet::from([2, 3]),
                ..plain
            },
        ),
        // A new generation under a fixed name, which changes hands.
        (1, Entry { revision: 2, ..fixed }),
        // The old generation is deleted before the new one is made.
        (2, Entry { revision: 2, delete_first: true, partners: BTreeSet::new(), ..hasty }),
        (3, Entry { partners: BTreeSet::from([0, 1, 2]), copies: BTreeSet::from([1]), ..entry(3) }),
    ]);
    let mut third = second.clone();
    third.entries.remove(&0);
    if let Some(entry) = third.entries.get_mut(&3) {
        entry.revision = 3;
        entry.keep = 2;
    }
    let nothing = fleet(BTreeMap::new());
    let story = |name: &str, before: &[&Fleet], last: &Fleet| Story {
        name: name.to_owned(),
        before: before.iter().copied().cloned().collect(),
        last: last.clone(),
    };
    vec![
        story("first apply", &[], &first),
        story("change of everything", &[&first], &second),
        story("removal", &[&first, &second], &third),
        story("destroy", &[&second], &nothing),
    ]
}

/// Random changes. A rule may refuse them.
pub fn random(seed: u64) -> Story {
    let mut chance = Chance::from_seed(seed);
    let first = Fleet { consents: true, ..Fleet::random(0, "", &mut chance) };
    let mut last = first.clone();
    for _ in 0..1 + chance.below(4) {
        let mut next = last.clone();
        next.edit(&mut chance, |_| String::new());
        // Images of others are those of the lives.
        if next.adopted().next().is_none() {
            last = next;
        }
    }
    let before = if chance.percent(15) { Vec::new() } else { vec![first] };
    Story { name: format!("story {seed}"), before, last }
}

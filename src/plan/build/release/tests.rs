//! Compared with every choice of images on small fleets, and examples.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::*;
use crate::plan::Plan;
use crate::testing::worlds::{applied, plan_to};

/// An entry in one region.
#[derive(Debug, Clone)]
struct Entry {
    /// Earlier generations that are there, besides the current one.
    history: usize,
    at_least: usize,
    at_most: usize,
    is_replaced: bool,
}

/// The manifest after a number of builds of each entry.
fn manifest(entries: &[Entry], builds: impl Fn(&Entry) -> usize, keeps_all: bool, limit: usize) -> String {
    let mut text =
        format!("version: 1\naccount: \"100000000001\"\nlimits: {{ images_per_region: {limit} }}\nimages:\n");
    for (number, entry) in entries.iter().enumerate() {
        let Entry { at_least, at_most, .. } = entry;
        let keep = match keeps_all {
            true => "9".to_owned(),
            false => format!("{{ at_least: {at_least}, at_most: {at_most} }}"),
        };
        writeln!(
            text,
            "  e{number}: {{ region: ap-jakarta, name: \"e{number}-{{generation}}\", keep: {keep}, \
             source: {{ revision: \"{}\", snapshots: [snap-2f3a1c2d] }} }}",
            builds(entry)
        )
        .unwrap();
    }
    text
}

/// Plans the replacement of a fleet whose earlier generations are all there.
fn plan_of(entries: &[Entry], limit: usize) -> Plan {
    let most = entries.iter().map(|entry| entry.history).max().unwrap_or_default();
    let earlier: Vec<String> = (0..=most)
        .map(|past| manifest(entries, |entry| 1 + entry.history.saturating_sub(most - past), true, 10))
        .collect();
    let earlier: Vec<&str> = earlier.iter().map(String::as_str).collect();
    let builds = |entry: &Entry| 1 + entry.history + usize::from(entry.is_replaced);
    plan_to(&applied(&earlier), &manifest(entries, builds, false, limit))
}

/// An image that a plan may delete: its entry, how many of the entry are newer, and whether it is current.
type Old = (usize, usize, bool);

/// The images that may be released, and the number of those that nothing keeps.
fn old_images(entries: &[Entry]) -> (Vec<Old>, usize) {
    let (mut releasable, mut ended) = (Vec::new(), 0);
    for (number, entry) in entries.iter().enumerate() {
        let all = entry.history + usize::from(entry.is_replaced);
        for newer in 0..all {
            let is_current = entry.is_replaced && newer == 0;
            match newer {
                _ if newer < entry.at_least => {}
                _ if newer < entry.at_most => releasable.push((number, newer, is_current)),
                _ if is_current => releasable.push((number, usize::MAX, true)),
                _ => ended += 1,
            }
        }
    }
    (releasable, ended)
}

/// Whether the plan fits the limit and no entry is ever without an image: everything that is not current is deleted first,
/// then come the builds whose predecessor is deleted after them, then the others.
fn fits(entries: &[Entry], limit: usize, ended: usize, released: &BTreeSet<&Old>) -> bool {
    let used: usize = entries.iter().map(|entry| 1 + entry.history).sum();
    let made = entries.iter().filter(|entry| entry.is_replaced).count();
    let current = released.iter().filter(|(_, _, is_current)| *is_current).count();
    let before_builds = used - ended - (released.len() - current);
    made == 0 || (before_builds < limit && before_builds + made - current <= limit)
}

#[test]
fn just_as_many_are_released_as_the_limit_needs() {
    let mut seen = [0; 3];
    for seed in 0..400 {
        let mut dice = fastrand::Rng::with_seed(seed);
        let entries: Vec<Entry> = (0..dice.usize(1..=3))
            .map(|_| {
                let at_least = dice.usize(0..=1);
                Entry {
                    history: dice.usize(0..=2),
                    at_least,
                    at_most: at_least + dice.usize(0..=2),
                    is_replaced: dice.bool(),
                }
            })
            .collect();
        let used: usize = entries.iter().map(|entry| 1 + entry.history).sum();
        let limit = (used + dice.usize(0..=1)).min(10);
        let (all, ended) = old_images(&entries);
        // The current one of an entry that keeps nothing is deleted in any case.
        let (always, releasable): (Vec<&Old>, Vec<&Old>) =
            all.iter().partition(|(_, newer, _)| *newer == usize::MAX);
        let with = |chosen: &BTreeSet<&Old>| {
            fits(&entries, limit, ended, &chosen.iter().copied().chain(always.iter().copied()).collect())
        };
        let is_possible = (0..1_u32 << releasable.len()).any(|bits| {
            let chosen = releasable.iter().enumerate().filter(|(n, _)| bits & (1 << n) != 0);
            with(&chosen.map(|(_, old)| *old).collect())
        });
        let plan = plan_of(&entries, limit);
        let released: BTreeSet<&Old> = releasable
            .iter()
            .copied()
            .filter(|(number, newer, _)| {
                let entry = &entries[*number];
                let last = 1 + entry.history + usize::from(entry.is_replaced);
                let generation = u32::try_from(last - 1 - newer).unwrap();
                plan.changes.iter().flat_map(|image| &image.placements).any(|change| {
                    change.at.image.as_str() == format!("e{number}")
                        && change.at.generation.0 == generation
                        && matches!(change.reason, Reason::Released { .. })
                })
            })
            .collect();
        let said = format!("seed {seed}, limit {limit}: {entries:?}, released {released:?}");
        if !is_possible {
            seen[0] += 1;
            continue;
        }
        assert!(plan.blocked.is_none(), "{said}");
        assert!(with(&released), "an entry is without an image, or the region is over its limit: {said}");
        for one in &released {
            let mut fewer = released.clone();
            fewer.remove(*one);
            assert!(!with(&fewer), "{one:?} could stay: {said}");
        }
        seen[if released.is_empty() { 1 } else { 2 }] += 1;
    }
    assert!(seen.iter().all(|seen| *seen >= 20), "{seen:?}");
}

fn released(plan: &Plan) -> Vec<String> {
    let changes = plan.changes.iter().flat_map(|image| &image.placements);
    let released = changes.filter(|change| matches!(change.reason, Reason::Released { .. }));
    released.map(|change| change.at.to_string()).collect()
}

#[test]
fn of_the_entry_that_is_replaced_first() {
    let kept = Entry { history: 1, at_least: 0, at_most: 2, is_replaced: false };
    let replaced = Entry { is_replaced: true, ..kept };
    let plan = plan_of(&[kept.clone(), replaced.clone()], 4);
    assert_eq!(released(&plan), ["image.e1@ap-jakarta#1"]);
    assert_eq!(released(&plan_of(&[kept, replaced], 5)), [""; 0], "there is a slot");
}

#[test]
fn what_keep_promises_is_not_released() {
    let entry = Entry { history: 0, at_least: 1, at_most: 1, is_replaced: true };
    let plan = plan_of(&[entry], 1);
    assert!(plan.blocked.is_some() && released(&plan).is_empty());
}

#[test]
fn delete_first_consents_to_lose_what_keep_promises() {
    let text = |revision: u32, limit: u32| {
        format!(
            "version: 1\naccount: \"100000000001\"\nlimits: {{ images_per_region: {limit} }}\nimages:\n  e0: {{ region: \
             ap-jakarta, name: \"e0-{{generation}}\", keep: 1, replace: delete-first, source: {{ revision: \
             \"{revision}\", snapshots: [snap-2f3a1c2d] }} }}\n"
        )
    };
    let plan = plan_to(&applied(&[&text(1, 10)]), &text(2, 1));
    assert!(plan.blocked.is_none());
    assert_eq!(released(&plan), ["image.e0@ap-jakarta#1"]);
    let roomy = plan_to(&applied(&[&text(1, 10)]), &text(2, 2));
    assert_eq!(released(&roomy), [""; 0]);
}

#[test]
fn the_selected_entries_alone_release() {
    use crate::diff::{PlanMode, Selection};
    use crate::plan::{PlanOptions, propose};
    let kept = Entry { history: 1, at_least: 0, at_most: 1, is_replaced: false };
    let replaced = Entry { history: 0, at_least: 0, at_most: 0, is_replaced: true };
    let entries = [kept, replaced];
    let earlier =
        [manifest(&entries, |_| 1, true, 10), manifest(&entries, |entry| 1 + entry.history, true, 10)];
    let snapshot = applied(&[&earlier[0], &earlier[1]]);
    let wanted = crate::testing::desired(&manifest(
        &entries,
        |entry| 1 + entry.history + usize::from(entry.is_replaced),
        false,
        3,
    ));
    let plan = |targets: Vec<crate::model::Address>| {
        let selection = Selection { targets, excluded: Vec::new() };
        let options = PlanOptions { selection, ..PlanOptions::all(PlanMode::Normal) };
        propose(&wanted, &snapshot.recorded, None, &options).unwrap().plan
    };
    assert_eq!(released(&plan(Vec::new())), ["image.e0@ap-jakarta#1"]);
    let one = plan(vec!["image.e1".parse().unwrap()]);
    assert_eq!(released(&one), [""; 0]);
}

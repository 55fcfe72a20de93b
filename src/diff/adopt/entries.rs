//! Which images are copies of one another, and what entries they become.

use std::collections::{BTreeMap, BTreeSet};

use super::Found;
use crate::manifest::Desired;
use crate::manifest::insert::{NewEntry, NewShare};
use crate::model::{AccountId, ImageKey, Region};
use crate::state::ObservedImage;

/// Returns whether one can be a copy of the other, by the attributes that a copy inherits.
pub(super) fn are_alike(one: &ObservedImage, other: &ObservedImage) -> bool {
    let facts = |image: &ObservedImage| {
        let build = &image.build;
        (build.size_gib, build.os.clone(), build.platform.clone(), build.architecture)
    };
    facts(one) == facts(other)
}

/// Images of one name, oldest first, as groups of an origin and its copies.
pub(super) fn grouped<'o>(found: Vec<Found<'o>>, name: &str, notes: &mut Vec<String>) -> Vec<Vec<Found<'o>>> {
    let mut groups: Vec<Vec<Found<'o>>> = Vec::new();
    for next in found {
        let home = groups.iter_mut().find(|group| {
            group.first().is_some_and(|(_, origin, _)| are_alike(origin, next.1))
                && group.iter().all(|(region, ..)| *region != next.0)
        });
        match home {
            Some(group) => group.push(next),
            None => groups.push(vec![next]),
        }
    }
    if groups.len() > 1 {
        let origins: Vec<String> = groups
            .iter()
            .filter_map(|group| group.first())
            .map(|(region, image, _)| format!("{} in {region}", image.id))
            .collect();
        notes.push(format!(
            "images named `{name}` are not copies of one another, so each has its own entry: {}",
            origins.join(", ")
        ));
    }
    groups
}

pub(super) fn entry(
    group: &[Found<'_>],
    desired: &Desired,
    taken: &BTreeSet<ImageKey>,
    notes: &mut Vec<String>,
) -> Option<NewEntry> {
    let (region, origin, _) = group.first()?;
    let key = key_of(&origin.name, taken)?;
    let mut differing = Vec::new();
    let same = |text: &dyn Fn(&ObservedImage) -> String, what: &str, differing: &mut Vec<String>| {
        let first = text(origin);
        if group.iter().all(|(_, image, _)| text(image) == first) {
            return (!first.is_empty()).then_some(first);
        }
        differing.push(what.to_owned());
        None
    };
    let description = same(&|image| image.description.clone(), "description", &mut differing);
    let family = same(&|image| image.family.to_string(), "family", &mut differing);
    let ownership = desired.cloud.ownership_tag.as_ref();
    let mut tags = origin.tags.clone();
    tags.retain(|key, value| {
        Some(key) != ownership && group.iter().all(|(_, image, _)| image.tags.get(key) == Some(value))
    });
    if group.iter().any(|(_, image, _)| {
        image.tags.iter().any(|(key, value)| Some(key) != ownership && tags.get(key) != Some(value))
    }) {
        differing.push("tags".to_owned());
    }
    if !differing.is_empty() {
        notes.push(format!(
            "image.{key}: its {} {} not the same in every region and left as they are",
            differing.join(", "),
            if differing.len() == 1 { "is" } else { "are" }
        ));
    }
    if group.get(1).is_some_and(|(_, copy, _)| copy.created == origin.created) {
        notes.push(format!(
            "image.{key}: copies were made in the same second as {}, which is taken as the origin",
            origin.id
        ));
    }
    Some(NewEntry {
        region: (*region).clone(),
        name: origin.name.to_string(),
        description,
        family,
        deprecate: !group.iter().any(|(_, image, _)| image.deprecated),
        tags,
        id: origin.id.clone(),
        copies: group.iter().skip(1).map(|(region, ..)| (*region).clone()).collect(),
        shares: shares(group, desired.account),
        key,
    })
}

/// One share for all regions where it is the same in all; else one for each list of accounts.
fn shares(group: &[Found<'_>], owner: AccountId) -> Vec<NewShare> {
    let mut by_accounts: BTreeMap<Vec<AccountId>, BTreeSet<Region>> = BTreeMap::new();
    for (region, _, accounts) in group {
        let with: Vec<AccountId> = accounts.iter().filter(|account| *account != owner).collect();
        by_accounts.entry(with).or_default().insert((*region).clone());
    }
    let is_one = by_accounts.len() == 1;
    by_accounts
        .into_iter()
        .filter(|(with, _)| !with.is_empty())
        .map(|(with, regions)| NewShare { with, regions: if is_one { BTreeSet::new() } else { regions } })
        .collect()
}

/// A key made from a name, that nothing else has.
fn key_of(name: &str, taken: &BTreeSet<ImageKey>) -> Option<ImageKey> {
    let is_fit = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let stem: String = name.chars().map(|c| if is_fit(c) { c } else { '-' }).collect();
    let stem = stem.trim_start_matches(|c: char| !c.is_ascii_alphanumeric()).trim_end_matches('-');
    let stem = if stem.is_empty() { "image" } else { stem };
    let stem: String = stem.chars().take(50).collect();
    let candidates = std::iter::once(stem.clone()).chain((2..).map(|number| format!("{stem}-{number}")));
    candidates.map_while(|text| text.parse::<ImageKey>().ok()).find(|key| !taken.contains(key))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_made_of_names_and_are_unique() {
        let mut taken = BTreeSet::new();
        for (name, expected) in
            [("web", "web"), ("web", "web-2"), ("My image!", "My-image"), ("…", "image"), ("-x", "x")]
        {
            let key = key_of(name, &taken).unwrap();
            assert_eq!(key.as_str(), expected);
            taken.insert(key);
        }
        assert_eq!(key_of(&"x".repeat(80), &taken).unwrap().as_str().len(), 50);
    }
}

//! Images that somebody else made and that an entry takes over: in its region, or in several.

use std::collections::{BTreeMap, BTreeSet};

use super::chance::Chance;
use super::fleet::{Entry, Fleet, REGIONS, Source, key};

/// The ids of an adopted image, by region.
pub type Adopted = BTreeMap<usize, String>;

/// Has a pipeline make an image for an entry: in its region, and sometimes in others that it is wanted in.
pub fn make(chance: &mut Chance, entry: &Entry, mut make_image: impl FnMut(&str) -> String) -> Adopted {
    let is_in_several = chance.percent(50);
    let mut regions = entry.regions();
    regions.retain(|region| *region == entry.home || is_in_several && chance.percent(60));
    regions.into_iter().map(|region| (region, make_image(REGIONS[region]))).collect()
}

/// Has a pipeline make the image of one region again, other than the entry's own. Returns the region; `None` if the image is
/// adopted in one region only.
pub fn replace_one(
    chance: &mut Chance,
    home: usize,
    ids: &mut Adopted,
    make_image: impl FnOnce(&str) -> String,
) -> Option<usize> {
    let others: Vec<usize> = ids.keys().copied().filter(|region| *region != home).collect();
    if others.is_empty() {
        return None;
    }
    let region = *chance.pick(&others);
    ids.insert(region, make_image(REGIONS[region]));
    Some(region)
}

/// The value of `adopted` in a manifest.
pub fn yaml(ids: &Adopted) -> String {
    let one = |(region, id): (&usize, &String)| format!("{}: {id}", REGIONS[*region]);
    match ids.len() {
        1 => ids.values().cloned().collect(),
        _ => format!("{{ {} }}", ids.iter().map(one).collect::<Vec<_>>().join(", ")),
    }
}

impl Fleet {
    pub fn adopts_in_several_regions(&self) -> bool {
        self.entries.values().any(|entry| entry.adopted_in().count() > 1)
    }

    /// The entries of an earlier manifest that adopt another image than this one. An image that was handed over
    /// once and replaced is not handed over again.
    pub fn handed_over_otherwise(&self, earlier: &Self) -> BTreeSet<u8> {
        let now: BTreeSet<(u8, &str)> = self.adopted().collect();
        let then = earlier.adopted().filter(|adopted| !now.contains(adopted));
        then.map(|(number, _)| number).collect()
    }

    /// Has an entry adopt another image of others, in the regions where it adopts one. Returns what was edited, for people.
    pub fn take_over(&mut self, number: u8, mut make_image: impl FnMut(&str) -> String) -> String {
        let Some(entry) = self.entries.get_mut(&number) else { return String::new() };
        let regions: BTreeSet<usize> = entry.adopted_in().chain([entry.home]).collect();
        let ids: Adopted = regions.into_iter().map(|region| (region, make_image(REGIONS[region]))).collect();
        let said = format!("{}: takes {} over", key(number), yaml(&ids));
        entry.source = Source::Adopted(ids);
        said
    }
}

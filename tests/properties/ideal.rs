//! What the cloud should hold: a second, simple-minded reading of manifests, which knows nothing of steps.

use std::collections::{BTreeMap, BTreeSet};

use goldform::testing::{Bench, LINEAGE};

use super::manifests::{Entry, Manifest, account, words};

/// Everything that should be there, by entry.
#[derive(Debug, Clone, Default)]
pub struct Ideal {
    entries: BTreeMap<u8, Generations>,
    /// The last generation of each entry, gone ones included.
    used: BTreeMap<u8, u32>,
    /// Images that others made.
    others: Vec<Image>,
}

#[derive(Debug, Clone)]
struct Generations {
    current: u32,
    all: BTreeMap<u32, Generation>,
}

#[derive(Debug, Clone)]
struct Generation {
    source: String,
    /// By region.
    images: BTreeMap<&'static str, Image>,
}

/// One image as the cloud shows it, without its id.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Image {
    pub region: String,
    pub name: String,
    pub description: String,
    pub family: String,
    pub deprecated: bool,
    pub tags: BTreeMap<String, String>,
    pub shares: BTreeSet<String>,
}

impl Ideal {
    /// What should be there once a manifest is applied.
    pub fn follow(&mut self, manifest: &Manifest) {
        self.entries.retain(|number, _| manifest.entries.contains_key(number));
        for (number, entry) in &manifest.entries {
            self.follow_entry(manifest, *number, entry);
        }
        self.give_up_names();
    }

    /// A name is a current generation's, of whichever entry: an earlier one gives it up.
    fn give_up_names(&mut self) {
        let current: BTreeSet<(String, String)> = self
            .entries
            .values()
            .filter_map(|generations| generations.all.get(&generations.current))
            .flat_map(|build| build.images.values().map(|image| (image.region.clone(), image.name.clone())))
            .collect();
        for generations in self.entries.values_mut() {
            let earlier = generations.all.iter_mut().filter(|(number, _)| **number != generations.current);
            for (generation, build) in earlier {
                for image in build.images.values_mut() {
                    if current.contains(&(image.region.clone(), image.name.clone())) {
                        image.name = format!("{}~g{generation}", image.name);
                    }
                }
            }
        }
    }

    fn follow_entry(&mut self, manifest: &Manifest, number: u8, entry: &Entry) {
        let source = format!("{:?} {:?}", entry.source, entry.revision);
        let regions: Vec<u8> = entry.placements().into_iter().collect();
        let wanted: BTreeSet<&str> = regions.iter().map(|region| manifest.region(*region)).collect();
        let generations =
            self.entries.entry(number).or_insert(Generations { current: 0, all: BTreeMap::new() });
        // The newest generation of the source that is still there, kept ones included: a reverted manifest builds nothing.
        let same = generations.all.iter().rev().find(|(_, build)| build.source == source);
        if let Some((number, _)) = same {
            generations.current = *number;
        } else {
            let next = self.used.get(&number).copied().unwrap_or(0) + 1;
            self.used.insert(number, next);
            generations.current = next;
            generations.all.insert(next, Generation { source, images: BTreeMap::new() });
        }
        let current = generations.current;
        let shared_in = manifest.shared_regions(entry);
        let accounts: BTreeSet<String> = entry.shares.iter().map(|n| account(*n).to_owned()).collect();
        let shares = |region: &str| {
            let is_shared = shared_in.iter().any(|shared| manifest.region(*shared) == region);
            if is_shared { accounts.clone() } else { BTreeSet::new() }
        };

        let build = generations.all.get_mut(&current).unwrap();
        build.images.retain(|region, _| wanted.contains(region));
        for region in regions {
            let region = manifest.region(region);
            let image = build.images.entry(region).or_default();
            image.region = region.to_owned();
            image.deprecated = false;
            image.name = entry.name_template(number).replace("{generation}", &current.to_string());
            if let Some(description) = entry.description {
                image.description = words("description", description);
            }
            if let Some(family) = entry.family {
                image.family = words("family", family);
            }
            image.tags = entry
                .tags
                .iter()
                .map(|(key, value)| (format!("tag-{key}"), format!("value-{value}")))
                .collect();
            image.tags.insert("goldform".to_owned(), LINEAGE.to_owned());
            image.shares = shares(region);
        }

        let kept: BTreeSet<u32> = generations
            .all
            .keys()
            .rev()
            .copied()
            .filter(|generation| *generation != current)
            .take(usize::from(entry.keep))
            .collect();
        generations.all.retain(|generation, _| *generation == current || kept.contains(generation));
        for (_, build) in generations.all.iter_mut().filter(|(generation, _)| **generation != current) {
            build.images.retain(|region, _| wanted.contains(region));
            for (region, image) in &mut build.images {
                image.deprecated = true;
                image.shares = image.shares.intersection(&shares(region)).cloned().collect();
            }
        }
        generations.all.retain(|_, build| !build.images.is_empty());
    }

    /// Somebody deleted an image: it is not missed where it was an earlier generation, and its entry starts again
    /// where it was the last of the current one.
    pub fn lose(&mut self, region: &str, name: &str) {
        for generations in self.entries.values_mut() {
            for build in generations.all.values_mut() {
                build.images.retain(|_, image| image.region != region || image.name != name);
            }
            generations.all.retain(|_, build| !build.images.is_empty());
        }
    }

    /// Somebody made an image that no manifest names.
    pub fn expect_another(&mut self, region: String, name: String) {
        self.others.push(Image { region, name, ..Image::default() });
    }

    /// The image of a region and name, and whether it is one of the current generation.
    pub fn image(&mut self, region: &str, name: &str) -> Option<(&mut Image, bool)> {
        self.entries.values_mut().find_map(|generations| {
            let current = generations.current;
            generations.all.iter_mut().find_map(|(generation, build)| {
                let image = build.images.get_mut(region).filter(|image| image.name == name)?;
                Some((image, *generation == current))
            })
        })
    }

    pub fn images(&self) -> Vec<Image> {
        let builds = self.entries.values().flat_map(|generations| generations.all.values());
        let mut images: Vec<Image> = builds.flat_map(|build| build.images.values().cloned()).collect();
        images.extend(self.others.iter().cloned());
        images.sort();
        images
    }
}

/// All custom images of the cloud, in any state.
pub fn real_images(bench: &Bench) -> Vec<Image> {
    let mut images: Vec<Image> = bench
        .sim
        .images()
        .unwrap()
        .into_iter()
        .map(|image| Image {
            shares: bench.sim.shares(&image.id).unwrap().into_iter().map(|share| share.account).collect(),
            tags: bench.sim.tags(&image.id).unwrap().into_iter().collect(),
            region: image.region,
            name: image.name,
            description: image.description,
            family: image.family,
            deprecated: image.deprecated,
        })
        .collect();
    images.sort();
    images
}

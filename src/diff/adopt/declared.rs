//! Images of a state that was lost, matched with the entries that the manifest declares: by their ownership tag, their name
//! and their region.
//!
//! A name says which build an image is of. The newest build of an entry is recorded as what the manifest's source makes;
//! what earlier ones were made from is not known, so each has a revision of its own.

use std::collections::{BTreeMap, BTreeSet};

use compact_str::{CompactString, format_compact};

use super::{owner, set_settings, taken_over};
use crate::manifest::{Desired, DesiredImage};
use crate::model::{Accounts, GenerationNumber, ImageId, ImageKind, PlacementKey, Region, Source};
use crate::state::{Lineage, Observed, ObservedImage, Placement, Recorded};

/// Image of an entry's build.
struct Match<'o> {
    region: &'o Region,
    image: &'o ObservedImage,
    shares: Accounts,
    number: Option<GenerationNumber>,
    revision: Option<CompactString>,
}

/// Records the images of these states as builds of the entries whose names they have. Entries that are recorded already are
/// left alone. Returns the recorded placements.
pub fn record_lost(
    desired: &Desired,
    recorded: &mut Recorded,
    lineages: &[&Lineage],
    observed: &Observed,
) -> Vec<PlacementKey> {
    let mut managed: BTreeSet<(Region, ImageId)> =
        recorded.placements().map(|(at, placement)| (at.region, placement.id.clone())).collect();
    let mut all = Vec::new();
    for (key, image) in &desired.images {
        let Some(source) = image.source.as_ref().filter(|_| !recorded.images.contains_key(key)) else {
            continue;
        };
        let matches: Vec<Match<'_>> = matches(desired, image, lineages, observed)
            .into_iter()
            .filter(|one| !managed.contains(&(one.region.clone(), one.image.id.clone())))
            .collect();
        let builds = builds(matches, image.revision().as_ref());
        let newest = builds.keys().next_back().copied();
        for (generation, matches) in builds {
            let revision = matches.iter().find_map(|one| one.revision.clone());
            let source = match (Some(generation) == newest, revision) {
                (_, Some(revision)) => Source { revision: Some(revision), ..source.clone() },
                (true, None) => source.clone(),
                (false, None) => {
                    Source { revision: Some(format_compact!("recovered-{generation}")), ..source.clone() }
                }
            };
            for one in matches {
                let at = PlacementKey { image: key.clone(), generation, region: one.region.clone() };
                // Two images of one build in a region: the first is recorded, the other stays unmanaged.
                if recorded.placement(&at).is_some() {
                    continue;
                }
                managed.insert((one.region.clone(), one.image.id.clone()));
                recorded.adopt(&at, &source, placement(desired, image, &one));
                all.push(at);
            }
        }
        set_settings(recorded, key, image);
    }
    all
}

/// Returns the images with a name of the entry, in the regions in which it is wanted.
fn matches<'o>(
    desired: &Desired,
    image: &DesiredImage,
    lineages: &[&Lineage],
    observed: &'o Observed,
) -> Vec<Match<'o>> {
    let mut matches = Vec::new();
    let wanted = image.placements();
    for (region, seen) in observed.regions.iter().filter(|(region, _)| wanted.contains(region)) {
        for found in seen.images.values() {
            let is_ours =
                owner(desired, found).is_some_and(|owner| lineages.iter().any(|one| one.0 == *owner));
            if found.kind != ImageKind::Custom || !found.state.is_ready() || !is_ours || image.keeps_name {
                continue;
            }
            let Some((number, revision)) = image.name.parse(&found.name) else { continue };
            let shares = seen.shares.get(&found.id).cloned().unwrap_or_default();
            matches.push(Match { region, image: found, shares, number, revision });
        }
    }
    matches
}

/// Returns images by build. Builds without a number in their names are numbered by their revision, or come last, in the order in
/// which they were made. CreatedTime has seconds (213/15715): of builds of one second, that of the revision that the
/// manifest declares is the newest.
fn builds<'o>(
    mut matches: Vec<Match<'o>>,
    declared: Option<&CompactString>,
) -> BTreeMap<GenerationNumber, Vec<Match<'o>>> {
    matches.sort_by_key(|one| (one.image.created, one.revision.as_ref() == declared, one.region));
    let mut builds: BTreeMap<GenerationNumber, Vec<Match<'_>>> = BTreeMap::new();
    let mut numbers: BTreeMap<Option<CompactString>, GenerationNumber> = BTreeMap::new();
    let mut last = matches.iter().filter_map(|one| one.number).max();
    for one in matches {
        let number = one.number.unwrap_or_else(|| {
            *numbers.entry(one.revision.clone()).or_insert_with(|| {
                let next = last.map_or(GenerationNumber(1), GenerationNumber::next);
                last = Some(next);
                next
            })
        });
        builds.entry(number).or_default().push(one);
    }
    builds
}

fn placement(desired: &Desired, image: &DesiredImage, found: &Match<'_>) -> Placement {
    let mut placement = taken_over(desired, image, found.region, found.image, &found.shares);
    placement.copied_from = Some(image.region.clone()).filter(|origin| origin != found.region);
    placement
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::ImageState;
    use crate::state::ObservedRegion;
    use crate::testing::worlds::{build, key, noon, region};
    use crate::testing::{LINEAGE, desired};

    fn made(id: &str, name: &str) -> (ImageId, ObservedImage) {
        let id: ImageId = id.parse().unwrap();
        let image = ObservedImage {
            id: id.clone(),
            name: name.into(),
            description: String::new(),
            family: CompactString::default(),
            deprecated: false,
            tags: [("goldform".into(), LINEAGE.into())].into(),
            state: ImageState::Normal,
            kind: ImageKind::Custom,
            created: noon(),
            creator: "100000000001".into(),
            build: build(),
        };
        (id, image)
    }

    #[test]
    fn of_two_builds_of_one_second_the_declared_one_is_the_newest() {
        for declared in ["w46", "w47"] {
            let manifest = desired(&format!(
                "version: 1\naccount: \"100000000001\"\nimages:\n  web: {{ region: ap-jakarta, name: \"{{key}}-{{revision}}\", \
                 source: {{ revision: {declared}, snapshots: [snap-2f3a1c2d] }} }}\n"
            ));
            let images = [made("img-00000001", "web-w47"), made("img-00000002", "web-w46")].into();
            let seen = ObservedRegion { at: noon(), images, shares: BTreeMap::new(), image_limit: None };
            let observed = Observed { regions: [(region("ap-jakarta"), seen)].into() };
            let mut recorded = Recorded::default();
            let lineage = Lineage(LINEAGE.into());
            assert_eq!(record_lost(&manifest, &mut recorded, &[&lineage], &observed).len(), 2);
            let web = &recorded.images[&key("web")];
            let current = &web.generations[&web.current].source;
            assert_eq!(current.revision.as_deref(), Some(declared));
        }
    }
}

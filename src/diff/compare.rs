//! Compares what is desired with what is recorded, entry by entry.

use std::collections::BTreeSet;

use super::change::{Action, Diff, ImageChange, PlacementChange, PlacementFacts, Reason};
use crate::manifest::{Desired, DesiredImage, ReplaceOrder};
use crate::model::{
    Accounts, Attributes, GenerationNumber, ImageId, ImageKey, PlacementKey, Region, Source, SourceKind,
};
use crate::state::{Edit, Placement, Recorded, RecordedGeneration, RecordedImage};

/// What the diff is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Intention {
    /// Make the cloud as the manifest says.
    Converge,
    /// Delete everything that is managed.
    Destroy,
}

/// Compares the desired state with the prior one. Entries are in key order.
pub fn diff(desired: &Desired, prior: &Recorded, intention: Intention) -> Diff {
    diff_replacing(desired, prior, intention, &BTreeSet::new())
}

/// As [`diff`], with a new build of these entries whether their source has changed or not.
pub fn diff_replacing(
    desired: &Desired,
    prior: &Recorded,
    intention: Intention,
    replace: &BTreeSet<ImageKey>,
) -> Diff {
    let mut diff = Diff::default();
    let wanted = |key: &ImageKey| match intention {
        Intention::Converge => desired.images.get(key),
        Intention::Destroy => None,
    };
    let keys: BTreeSet<&ImageKey> = match intention {
        Intention::Converge => desired.images.keys().chain(prior.images.keys()).collect(),
        Intention::Destroy => prior.images.keys().collect(),
    };
    for key in keys {
        if wanted(key).is_some_and(|image| waits_for_lookup(image, prior.images.get(key))) {
            continue;
        }
        let is_asked = replace.contains(key) && !wanted(key).is_some_and(DesiredImage::waits_for_lookup);
        let entry = Entry { key, context: desired, prior, is_asked, edits: &mut diff.edits };
        let change = match (wanted(key), prior.images.get(key)) {
            (Some(image), recorded) => entry.converge(image, recorded),
            (None, Some(recorded)) => entry.remove(recorded, intention),
            (None, None) => continue,
        };
        diff.images.push(change);
    }
    diff
}

/// Which generation answers the manifest, and why it is that one.
struct Choice {
    generation: GenerationNumber,
    supersedes: Option<GenerationNumber>,
    reason: Reason,
    is_new: bool,
}

struct Entry<'a> {
    key: &'a ImageKey,
    context: &'a Desired,
    prior: &'a Recorded,
    /// Whether the user asked for a new build.
    is_asked: bool,
    edits: &'a mut Vec<Edit>,
}

impl Entry<'_> {
    fn at(&self, generation: GenerationNumber, region: &Region) -> PlacementKey {
        PlacementKey { image: self.key.clone(), generation, region: region.clone() }
    }

    fn facts(&self, placement: &Placement) -> PlacementFacts {
        PlacementFacts::of(placement, self.context.cloud.ownership_tag.as_ref())
    }

    /// The entry is in the manifest.
    fn converge(mut self, image: &DesiredImage, recorded: Option<&RecordedImage>) -> ImageChange {
        let choice = self.choose(image, recorded);
        let current = recorded.and_then(|recorded| recorded.generations.get(&choice.generation));
        let mut placements = Vec::new();
        let mut unchanged = 0;
        self.wanted_placements(image, recorded, current, &choice, &mut placements, &mut unchanged);
        self.edit_settings(image, recorded);
        if let Some(recorded) = recorded {
            self.other_placements(image, recorded, &choice, &mut placements, &mut unchanged);
        }
        let action = match (choice.is_new, choice.supersedes, placements.is_empty()) {
            (true, Some(_), _) => Action::Replace,
            (true, None, _) if adopted_id(image).is_some() => Action::Adopt,
            (true, None, _) => Action::Create,
            (false, _, false) => Action::Update,
            (false, _, true) => Action::Unchanged,
        };
        ImageChange {
            image: self.key.clone(),
            action,
            reason: choice.reason,
            generation: Some(choice.generation),
            supersedes: choice.supersedes,
            source: image.source.clone(),
            delete_first: image.replace == ReplaceOrder::DeleteFirst && choice.supersedes.is_some(),
            placements,
            unchanged,
        }
    }

    /// Which generation answers the manifest: the current one where its source is the manifest's, an
    /// incomplete one included; else a new one.
    fn choose(&self, image: &DesiredImage, recorded: Option<&RecordedImage>) -> Choice {
        let next = self.prior.next_generation(self.key);
        let fresh = |reason, supersedes| Choice { generation: next, supersedes, reason, is_new: true };
        let Some(recorded) = recorded else { return fresh(Reason::Declared, None) };
        let newest = recorded.generations.keys().next_back().copied();
        let Some(current) = recorded.generations.get(&recorded.current) else {
            return fresh(Reason::Gone, newest);
        };
        if self.is_asked {
            return fresh(Reason::Asked, Some(recorded.current));
        }
        let keep = |reason| Choice { generation: recorded.current, supersedes: None, reason, is_new: false };
        let Some(wanted) = &image.source else { return keep(Reason::Differs) };
        if answers(current, wanted) {
            // A generation that has nothing left to copy from, and is wanted where it failed, is made again
            // under its own number; the placements say so.
            return keep(Reason::Differs);
        }
        let reason = if current.source.kind == wanted.kind {
            Reason::RevisionChanged {
                before: current.source.revision.clone(),
                after: wanted.revision.clone(),
            }
        } else {
            Reason::SourceChanged {
                before: Box::new(current.source.clone()),
                after: Box::new(wanted.clone()),
            }
        };
        fresh(reason, Some(recorded.current))
    }

    /// The chosen generation in every wanted region.
    fn wanted_placements(
        &mut self,
        image: &DesiredImage,
        recorded: Option<&RecordedImage>,
        current: Option<&RecordedGeneration>,
        choice: &Choice,
        placements: &mut Vec<PlacementChange>,
        unchanged: &mut usize,
    ) {
        let wanted = image.placements();
        let copied_from = copy_source(image, recorded, current, &wanted);
        for &region in &wanted {
            let at = self.at(choice.generation, region);
            if let Some(id) = adopted_id(image).filter(|_| choice.is_new && *region == image.region) {
                placements.push(self.adopt(image, at, id));
                continue;
            }
            let existing = current.and_then(|build| build.placements.get(region));
            match existing.filter(|placement| !placement.state.is_failed()) {
                Some(placement) => match self.change_existing(image, region, at, placement) {
                    Some(change) => placements.push(change),
                    None => *unchanged += 1,
                },
                None => placements.push(self.make(image, at, existing, copied_from, choice)),
            }
        }
    }

    /// A placement that is to be made: created in the origin's region, copied everywhere else.
    fn make(
        &self,
        image: &DesiredImage,
        at: PlacementKey,
        failed: Option<&Placement>,
        copied_from: Option<&Region>,
        choice: &Choice,
    ) -> PlacementChange {
        let from = match copied_from {
            Some(source) => Some(source.clone()),
            None if at.region == image.region => None,
            None => Some(image.region.clone()),
        };
        let shares = image.shares.get(&at.region).cloned().unwrap_or_default();
        let carried = self.carried(image, &at, &shares);
        let reason = match failed {
            Some(failed) => Reason::Failed { state: failed.state },
            None if choice.is_new => Reason::Follows,
            None => Reason::RegionWanted,
        };
        PlacementChange {
            action: if from.is_some() { Action::Copy } else { Action::Create },
            reason,
            id: failed.map(|failed| failed.id.clone()),
            before: None,
            after: Some(PlacementFacts {
                attributes: self.attributes(image, at.generation),
                tags: image.tags.clone(),
                owned: self.is_owned(image.source.as_ref()),
                shares: shares.clone(),
                foreign: carried.clone(),
            }),
            from,
            remake: failed.is_some(),
            share: shares,
            carried,
            unshare: Accounts::EMPTY,
            delete_snapshots: image.deletes_snapshots(),
            early: false,
            at,
        }
    }

    /// Accounts that others shared a retiring generation with, and that are to keep access.
    fn carried(&self, image: &DesiredImage, at: &PlacementKey, wanted: &Accounts) -> Accounts {
        if image.exclusive.contains(&at.region) {
            return Accounts::EMPTY;
        }
        let Some(recorded) = self.prior.images.get(self.key) else { return Accounts::EMPTY };
        let earlier = recorded.generations.iter().filter(|(generation, _)| **generation != at.generation);
        earlier
            .filter_map(|(_, build)| build.placements.get(&at.region))
            .fold(Accounts::EMPTY, |all, placement| all.joined(&placement.foreign))
            .without(wanted)
    }

    /// An image that is taken over: recorded as it was seen, and changed where it differs.
    fn adopt(&mut self, image: &DesiredImage, at: PlacementKey, id: &ImageId) -> PlacementChange {
        let (Some(seen), Some(source)) = (self.prior.adoptable(&at.region, id), &image.source) else {
            // Never seen: what is to change on it is not known before a refresh.
            return PlacementChange {
                at,
                action: Action::Adopt,
                reason: Reason::Declared,
                id: Some(id.clone()),
                before: None,
                after: None,
                from: None,
                remake: false,
                share: Accounts::EMPTY,
                carried: Accounts::EMPTY,
                unshare: Accounts::EMPTY,
                delete_snapshots: false,
                early: false,
            };
        };
        self.edits.push(Edit::Adopt {
            at: at.clone(),
            source: source.clone(),
            image: Box::new(seen.clone()),
        });
        let region = at.region.clone();
        let change = self.compare_existing(image, &region, at, seen);
        PlacementChange { action: Action::Adopt, reason: Reason::Declared, ..change }
    }

    fn attributes(&self, image: &DesiredImage, generation: GenerationNumber) -> Attributes {
        Attributes {
            name: Some(image.name.of(generation)),
            description: image.description.clone(),
            family: image.family.clone(),
            deprecated: None,
        }
    }

    /// Whether the ownership tag is put on it: on everything that goldform makes, never on what it took over.
    fn is_owned(&self, source: Option<&Source>) -> bool {
        self.context.cloud.ownership_tag.is_some()
            && !matches!(source, Some(Source { kind: SourceKind::Adopted(_), .. }))
    }

    /// What is to change on a placement that is there; nothing when it is as wanted.
    fn change_existing(
        &mut self,
        image: &DesiredImage,
        region: &Region,
        at: PlacementKey,
        placement: &Placement,
    ) -> Option<PlacementChange> {
        let change = self.compare_existing(image, region, at, placement);
        let differs = !change.share.is_empty() || !change.unshare.is_empty() || !change.fields().is_empty();
        differs.then_some(change)
    }

    fn compare_existing(
        &mut self,
        image: &DesiredImage,
        region: &Region,
        at: PlacementKey,
        placement: &Placement,
    ) -> PlacementChange {
        let wanted = image.shares.get(region);
        let empty = Accounts::EMPTY;
        let wanted = wanted.unwrap_or(&empty);
        let claimed = wanted.shared_with(&placement.foreign);
        if !claimed.is_empty() {
            self.edits.push(Edit::Claim { at: at.clone(), accounts: claimed });
        }
        let everyone = placement.everyone();
        let share = wanted.without(&everyone);
        let unwanted = if image.exclusive.contains(region) { &everyone } else { &placement.shares };
        let unshare = unwanted.without(wanted);
        let before = self.facts(placement);
        let foreign = placement.foreign.without(wanted).without(&unshare);
        // Keys that were set before and are not named any more are removed: they are in `before`, not here.
        let owned = before.owned || self.is_owned(image.source.as_ref());
        let after = PlacementFacts {
            attributes: self.attributes(image, at.generation),
            tags: image.tags.clone(),
            owned,
            shares: wanted.clone(),
            foreign,
        };
        PlacementChange {
            at,
            action: Action::Update,
            reason: Reason::Differs,
            id: Some(placement.id.clone()),
            before: Some(before),
            after: Some(after),
            from: None,
            remake: false,
            share,
            carried: Accounts::EMPTY,
            unshare,
            delete_snapshots: false,
            early: false,
        }
    }

    /// Everything recorded that is not the chosen generation in a wanted region: kept, or retired.
    fn other_placements(
        &self,
        image: &DesiredImage,
        recorded: &RecordedImage,
        choice: &Choice,
        placements: &mut Vec<PlacementChange>,
        unchanged: &mut usize,
    ) {
        let wanted = image.placements();
        let kept: BTreeSet<GenerationNumber> = recorded
            .generations
            .keys()
            .rev()
            .filter(|generation| **generation != choice.generation)
            .take(usize::try_from(image.keep.generations).unwrap_or(usize::MAX))
            .copied()
            .collect();
        for (generation, build) in &recorded.generations {
            let is_current = *generation == choice.generation;
            for (region, placement) in &build.placements {
                let at = self.at(*generation, region);
                if is_current && wanted.contains(region) {
                    continue; // told above
                }
                if kept.contains(generation) && wanted.contains(region) && !placement.state.is_failed() {
                    match self.keep_existing(image, at, placement) {
                        Some(change) => placements.push(change),
                        None => *unchanged += 1,
                    }
                    continue;
                }
                let reason = if !wanted.contains(region) {
                    Reason::RegionUnwanted
                } else {
                    Reason::Superseded { by: choice.generation }
                };
                placements.push(self.retire(at, placement, reason, image.deletes_snapshots()));
            }
        }
    }

    /// An earlier generation that is kept: deprecated, and shared only with those who are still wanted.
    fn keep_existing(
        &self,
        image: &DesiredImage,
        at: PlacementKey,
        placement: &Placement,
    ) -> Option<PlacementChange> {
        let wanted = image.shares.get(&at.region).cloned().unwrap_or_default();
        let unshare = placement.shares.without(&wanted);
        let before = self.facts(placement);
        let mut after = before.clone();
        after.attributes = Attributes { name: None, description: None, family: None, deprecated: Some(true) };
        after.shares = placement.shares.without(&unshare);
        let change = PlacementChange {
            at,
            action: Action::Update,
            reason: Reason::Kept,
            id: Some(placement.id.clone()),
            before: Some(before),
            after: Some(after),
            from: None,
            remake: false,
            share: Accounts::EMPTY,
            carried: Accounts::EMPTY,
            unshare,
            delete_snapshots: false,
            early: false,
        };
        let differs = !change.unshare.is_empty() || !change.fields().is_empty();
        differs.then_some(change)
    }

    /// A placement that goes: unshared from everyone, then deleted.
    fn retire(
        &self,
        at: PlacementKey,
        placement: &Placement,
        reason: Reason,
        delete_snapshots: bool,
    ) -> PlacementChange {
        PlacementChange {
            at,
            action: Action::Delete,
            reason,
            id: Some(placement.id.clone()),
            before: Some(self.facts(placement)),
            after: None,
            from: None,
            remake: false,
            share: Accounts::EMPTY,
            carried: Accounts::EMPTY,
            unshare: placement.everyone(),
            delete_snapshots,
            early: false,
        }
    }

    /// What the manifest says of an entry that only goldform keeps.
    fn edit_settings(&mut self, image: &DesiredImage, recorded: Option<&RecordedImage>) {
        let wanted = (&image.region, image.protect, image.deletes_snapshots());
        let is = match recorded {
            Some(RecordedImage { origin, protect, delete_snapshots, current: _, generations: _ }) => {
                (origin, *protect, *delete_snapshots)
            }
            // What a first create records.
            None => (&image.region, false, true),
        };
        if wanted != is {
            self.edits.push(Edit::Settings {
                image: self.key.clone(),
                origin: image.region.clone(),
                protect: image.protect,
                delete_snapshots: image.deletes_snapshots(),
            });
        }
    }

    /// The entry is not in the manifest.
    fn remove(self, recorded: &RecordedImage, intention: Intention) -> ImageChange {
        let reason = match intention {
            Intention::Converge => Reason::EntryRemoved,
            Intention::Destroy => Reason::Destroy,
        };
        let mut placements = Vec::new();
        for (generation, build) in &recorded.generations {
            for (region, placement) in &build.placements {
                let at = self.at(*generation, region);
                placements.push(self.retire(at, placement, reason.clone(), recorded.delete_snapshots));
            }
        }
        ImageChange {
            image: self.key.clone(),
            action: Action::Delete,
            reason,
            generation: None,
            supersedes: None,
            source: None,
            delete_first: false,
            placements,
            unchanged: 0,
        }
    }
}

/// The image that an entry takes over.
fn adopted_id(image: &DesiredImage) -> Option<&ImageId> {
    match &image.source {
        Some(Source { kind: SourceKind::Adopted(id), .. }) => Some(id),
        _ => None,
    }
}

/// Whether nothing can be said of an entry until its lookup was read: there is nothing that it could be made from, and
/// no current generation that could be kept meanwhile.
fn waits_for_lookup(image: &DesiredImage, recorded: Option<&RecordedImage>) -> bool {
    let has_current = recorded.is_some_and(|image| image.generations.contains_key(&image.current));
    image.waits_for_lookup() && !has_current
}

/// Whether a generation answers a source: it was made from just that. An adopted image answers whatever it was
/// recorded as made from, as long as it is that image.
fn answers(build: &RecordedGeneration, wanted: &Source) -> bool {
    match &wanted.kind {
        SourceKind::Adopted(id) => {
            build.source.kind == wanted.kind || build.placements.values().any(|placement| placement.id == *id)
        }
        _ => build.source == *wanted,
    }
}

/// The region whose placement missing ones are copied from; nothing where nothing of the generation is left.
fn copy_source<'a>(
    image: &'a DesiredImage,
    recorded: Option<&'a RecordedImage>,
    current: Option<&'a RecordedGeneration>,
    wanted: &BTreeSet<&Region>,
) -> Option<&'a Region> {
    let current = current?;
    let survives = |region: &&Region| {
        current.placements.get(*region).is_some_and(|placement| !placement.state.is_failed())
    };
    // A placement that stays comes before one that is to go, and one that is ready before one that is not.
    let mut survivors: Vec<&Region> = current.placements.keys().filter(survives).collect();
    let origin = recorded.map(|recorded| &recorded.origin);
    survivors.sort_by_key(|region| {
        let ready = current.placements.get(*region).is_some_and(|placement| placement.state.is_ready());
        (!ready, !wanted.contains(region), **region != image.region, Some(*region) != origin, *region)
    });
    survivors.first().copied()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::ImageState;
    use crate::state::Snapshot;
    use crate::testing::worlds::{applied, at, example_with, generation, key, placement, region};
    use crate::testing::{EXAMPLE, desired};

    fn converge(snapshot: &Snapshot, yaml: &str) -> Diff {
        diff(&desired(yaml), &snapshot.recorded, Intention::Converge)
    }

    /// The change of an entry of the example.
    fn image<'d>(diff: &'d Diff, key: &str) -> &'d ImageChange {
        diff.images.iter().find(|change| change.image.as_str() == key).unwrap()
    }

    /// The only placement that changes.
    fn only(diff: &Diff) -> &PlacementChange {
        let all: Vec<_> = diff.images.iter().flat_map(|image| &image.placements).collect();
        assert_eq!(all.len(), 1, "{all:#?}");
        all[0]
    }

    fn actions(change: &ImageChange) -> Vec<(String, Action)> {
        change.placements.iter().map(|placement| (placement.at.to_string(), placement.action)).collect()
    }

    #[test]
    fn the_unbroken_example_has_no_changes_once_it_is_applied() {
        let diff = converge(&applied(&[EXAMPLE]), EXAMPLE);
        assert!(diff.images.iter().all(|image| image.action == Action::Unchanged), "{diff:#?}");
        assert_eq!(diff.images.iter().map(|image| image.unchanged).sum::<usize>(), 4);
        assert!(diff.edits.is_empty(), "{:#?}", diff.edits);
    }

    #[test]
    fn where_nothing_is_recorded_each_entry_is_created_in_its_region_and_copied_elsewhere() {
        let diff = converge(&applied(&[]), EXAMPLE);
        let web = image(&diff, "web");
        assert_eq!((web.action, &web.reason), (Action::Create, &Reason::Declared));
        assert_eq!(
            actions(web),
            [
                ("image.web@ap-jakarta#1".to_owned(), Action::Create),
                ("image.web@ap-singapore#1".to_owned(), Action::Copy),
                ("image.web@ap-tokyo#1".to_owned(), Action::Copy),
            ]
        );
        assert!(web.placements.iter().all(|placement| placement.share.len() == 2));
        let db = image(&diff, "db");
        assert!(!db.placements[0].delete_snapshots, "snapshots that the user named stay");
    }

    #[test]
    fn a_new_revision_makes_a_new_generation_and_retires_the_old_one() {
        let diff = converge(&applied(&[EXAMPLE]), &example_with(r#"revision: "1""#, r#"revision: "2""#));
        let web = image(&diff, "web");
        assert_eq!(web.action, Action::Replace);
        assert_eq!((web.generation, web.supersedes), (Some(generation(2)), Some(generation(1))));
        assert!(matches!(web.reason, Reason::RevisionChanged { .. }));
        let retired = web.placements.iter().filter(|placement| placement.action == Action::Delete);
        assert!(retired.clone().all(|old| old.at.generation == generation(1) && old.unshare.len() == 2));
        assert_eq!(retired.count(), 3);
        assert_eq!(image(&diff, "db").action, Action::Unchanged);
    }

    #[test]
    fn another_source_makes_a_new_generation_and_says_why() {
        let diff = converge(&applied(&[EXAMPLE]), &example_with("ins-8f3a1c2d", "ins-99999999"));
        assert!(matches!(image(&diff, "web").reason, Reason::SourceChanged { .. }));
    }

    #[test]
    fn a_changed_description_changes_every_placement_and_builds_nothing() {
        let diff = converge(&applied(&[EXAMPLE]), &example_with("Ubuntu with nginx", "Ubuntu with Caddy"));
        let web = image(&diff, "web");
        assert_eq!((web.action, web.generation), (Action::Update, Some(generation(1))));
        assert!(web.placements.iter().all(|placement| placement.action == Action::Update));
        let fields = web.placements[0].fields();
        assert_eq!(fields.len(), 1);
        assert_eq!(fields[0].after.as_deref(), Some("Ubuntu with Caddy"));
    }

    #[test]
    fn an_attribute_that_is_left_out_is_not_managed_and_an_empty_one_is_emptied() {
        let left_out = example_with("    description: Ubuntu with nginx\n", "");
        assert_eq!(image(&converge(&applied(&[EXAMPLE]), &left_out), "web").action, Action::Unchanged);
        let emptied = example_with("Ubuntu with nginx", r#""""#);
        assert_eq!(image(&converge(&applied(&[EXAMPLE]), &emptied), "web").action, Action::Update);
    }

    #[test]
    fn a_region_more_is_copied_to_and_nothing_else_is_touched() {
        let diff = converge(
            &applied(&[EXAMPLE]),
            &example_with("[ap-singapore, ap-tokyo]", "[ap-singapore, ap-tokyo, ap-seoul]"),
        );
        let copy = only(&diff);
        assert_eq!((copy.at.clone(), copy.action), (at("image.web@ap-seoul#1"), Action::Copy));
        assert_eq!(copy.from, Some(region("ap-jakarta")));
        assert_eq!(copy.reason, Reason::RegionWanted);
    }

    #[test]
    fn a_region_less_is_unshared_and_deleted() {
        let diff =
            converge(&applied(&[EXAMPLE]), &example_with("[ap-singapore, ap-tokyo]", "[ap-singapore]"));
        let gone = only(&diff);
        assert_eq!((gone.at.clone(), gone.action), (at("image.web@ap-tokyo#1"), Action::Delete));
        assert_eq!((gone.unshare.len(), &gone.reason), (2, &Reason::RegionUnwanted));
    }

    #[test]
    fn moving_the_region_to_where_the_image_is_moves_the_label_alone() {
        let moved = example_with(
            "web:\n    region: ap-jakarta\n    name: web-{generation}\n    description: Ubuntu with nginx\n    source: { revision: \"1\", instance: { id: ins-8f3a1c2d } }\n    copies: [ap-singapore, ap-tokyo]",
            "web:\n    region: ap-tokyo\n    name: web-{generation}\n    description: Ubuntu with nginx\n    source: { revision: \"1\", instance: { id: ins-8f3a1c2d } }\n    copies: [ap-singapore, ap-jakarta]",
        );
        let diff = converge(&applied(&[EXAMPLE]), &moved);
        assert_eq!(image(&diff, "web").action, Action::Unchanged);
        assert!(matches!(&diff.edits[..], [Edit::Settings { origin, .. }] if origin.as_str() == "ap-tokyo"));
    }

    #[test]
    fn moving_the_region_elsewhere_copies_the_current_generation_there() {
        let moved = example_with("  db:\n    region: ap-jakarta", "  db:\n    region: ap-tokyo");
        let diff = converge(&applied(&[EXAMPLE]), &moved);
        let db = image(&diff, "db");
        assert_eq!(db.action, Action::Update);
        assert_eq!(
            actions(db),
            [
                ("image.db@ap-tokyo#1".to_owned(), Action::Copy),
                ("image.db@ap-jakarta#1".to_owned(), Action::Delete),
            ]
        );
    }

    #[test]
    fn a_placement_that_is_gone_is_copied_from_one_that_is_left() {
        let mut snapshot = applied(&[EXAMPLE]);
        snapshot.recorded.remove(&at("image.web@ap-jakarta#1"));
        let diff = converge(&snapshot, EXAMPLE);
        let copy = only(&diff);
        assert_eq!((copy.at.clone(), copy.action), (at("image.web@ap-jakarta#1"), Action::Copy));
        assert_eq!(copy.from, Some(region("ap-singapore")));
    }

    #[test]
    fn a_generation_that_is_nowhere_any_more_is_followed_by_the_next_number() {
        let mut snapshot = applied(&[EXAMPLE]);
        for address in ["image.web@ap-jakarta#1", "image.web@ap-singapore#1", "image.web@ap-tokyo#1"] {
            snapshot.recorded.remove(&at(address));
        }
        assert_eq!(image(&converge(&snapshot, EXAMPLE), "web").generation, Some(generation(2)));
    }

    #[test]
    fn a_failed_placement_is_made_again_under_its_own_number() {
        let mut snapshot = applied(&[EXAMPLE]);
        placement(&mut snapshot, "image.db@ap-jakarta#1").state = ImageState::CreateFailed;
        let diff = converge(&snapshot, EXAMPLE);
        let made = only(&diff);
        assert_eq!((made.at.clone(), made.action), (at("image.db@ap-jakarta#1"), Action::Create));
        assert!(made.remake && matches!(made.reason, Reason::Failed { .. }));
    }

    #[test]
    fn a_failed_copy_is_never_what_is_copied_from() {
        let mut snapshot = applied(&[EXAMPLE]);
        placement(&mut snapshot, "image.web@ap-jakarta#1").state = ImageState::CreateFailed;
        placement(&mut snapshot, "image.web@ap-singapore#1").state = ImageState::CreateFailed;
        let diff = converge(&snapshot, EXAMPLE);
        let from: Vec<_> = image(&diff, "web").placements.iter().map(|made| made.from.clone()).collect();
        assert_eq!(from, [Some(region("ap-tokyo")), Some(region("ap-tokyo"))]);
    }

    #[test]
    fn an_entry_that_is_gone_from_the_manifest_is_deleted_everywhere() {
        let without = EXAMPLE.split("  db:").next().unwrap().to_owned() + "shares: []\n";
        let diff = converge(&applied(&[EXAMPLE]), &without);
        let db = image(&diff, "db");
        assert_eq!((db.action, &db.reason, db.generation), (Action::Delete, &Reason::EntryRemoved, None));
    }

    #[test]
    fn destroy_deletes_what_is_declared_too() {
        let snapshot = applied(&[EXAMPLE]);
        let diff = diff(&desired(EXAMPLE), &snapshot.recorded, Intention::Destroy);
        let placements: Vec<_> = diff.images.iter().flat_map(|image| &image.placements).collect();
        assert_eq!(placements.len(), 4);
        assert!(
            placements.iter().all(|gone| gone.action == Action::Delete && gone.reason == Reason::Destroy)
        );
    }

    #[test]
    fn a_kept_generation_is_deprecated_and_keeps_the_shares_that_are_still_wanted() {
        let second = example_with(r#"revision: "1""#, r#"revision: "2""#)
            .replace("copies: [", "keep: 1\n    copies: [")
            .replace("with: [partner, staging]", "with: [staging]");
        let diff = converge(&applied(&[EXAMPLE]), &second);
        let kept: Vec<_> = image(&diff, "web")
            .placements
            .iter()
            .filter(|placement| placement.reason == Reason::Kept)
            .collect();
        assert_eq!(kept.len(), 3);
        for kept in kept {
            assert_eq!(kept.fields()[0].field, "deprecated");
            assert_eq!((kept.unshare.len(), kept.share.len()), (1, 0), "partner leaves, nobody comes");
        }
    }

    #[test]
    fn of_several_generations_the_newest_are_kept() {
        let revision = |number: u32| {
            example_with(r#"revision: "1""#, &format!(r#"revision: "{number}""#))
                .replace("copies: [ap-singapore, ap-tokyo]", "keep: 2")
        };
        let (one, two, three, four) = (revision(1), revision(2), revision(3), revision(4));
        let diff = converge(&applied(&[&one, &two, &three]), &four);
        let gone: Vec<_> = image(&diff, "web")
            .placements
            .iter()
            .filter(|placement| placement.action == Action::Delete)
            .map(|placement| placement.at.generation)
            .collect();
        assert_eq!(gone, [generation(1)]);
    }

    #[test]
    fn a_tag_that_was_set_and_is_not_named_any_more_is_removed() {
        let tagged = example_with("copies: [", "tags: { team: platform, stage: test }\n    copies: [");
        let less = example_with("copies: [", "tags: { team: web }\n    copies: [");
        let diff = converge(&applied(&[&tagged]), &less);
        let fields: Vec<_> = image(&diff, "web").placements[0].fields();
        let told: Vec<_> =
            fields.iter().map(|field| (field.field.as_str(), field.after.as_deref())).collect();
        assert_eq!(told, [("tags.team", Some("web")), ("tags.stage", None)]);
    }

    #[test]
    fn an_ownership_tag_that_is_missing_is_set_again() {
        let mut snapshot = applied(&[EXAMPLE]);
        placement(&mut snapshot, "image.db@ap-jakarta#1").tags.clear();
        assert_eq!(only(&converge(&snapshot, EXAMPLE)).fields()[0].field, "ownership tag");
    }

    #[test]
    fn a_share_that_somebody_else_gave_becomes_ours_when_the_manifest_names_it() {
        let mut snapshot = applied(&[EXAMPLE]);
        let db = placement(&mut snapshot, "image.db@ap-jakarta#1");
        db.foreign = std::mem::take(&mut db.shares);
        let diff = converge(&snapshot, EXAMPLE);
        assert!(diff.images.iter().all(|image| image.action == Action::Unchanged), "it is shared already");
        assert!(matches!(&diff.edits[..], [Edit::Claim { accounts, .. }] if accounts.len() == 1));
    }

    #[test]
    fn a_share_of_others_stays_unless_the_manifest_is_exclusive() {
        let mut snapshot = applied(&[EXAMPLE]);
        let stranger: Accounts = ["900000000009".parse().unwrap()].into_iter().collect();
        placement(&mut snapshot, "image.db@ap-jakarta#1").foreign = stranger.clone();
        assert_eq!(image(&converge(&snapshot, EXAMPLE), "db").action, Action::Unchanged);
        let exclusive =
            example_with("image: db, with: [partner]", "image: db, exclusive: true, with: [partner]");
        assert_eq!(only(&converge(&snapshot, &exclusive)).unshare, stranger);
    }

    #[test]
    fn a_share_of_others_is_carried_to_the_next_generation() {
        let mut snapshot = applied(&[EXAMPLE]);
        let stranger: Accounts = ["900000000009".parse().unwrap()].into_iter().collect();
        placement(&mut snapshot, "image.web@ap-tokyo#1").foreign = stranger.clone();
        let diff = converge(&snapshot, &example_with(r#"revision: "1""#, r#"revision: "2""#));
        for placement in
            image(&diff, "web").placements.iter().filter(|new| new.at.generation == generation(2))
        {
            let expected =
                if placement.at.region.as_str() == "ap-tokyo" { &stranger } else { &Accounts::EMPTY };
            assert_eq!(&placement.carried, expected, "{}", placement.at);
        }
    }

    #[test]
    fn protection_is_a_change_of_the_record_alone() {
        let diff = converge(&applied(&[EXAMPLE]), &example_with("copies: [", "protect: true\n    copies: ["));
        assert!(diff.images.iter().all(|image| image.action == Action::Unchanged));
        assert!(matches!(&diff.edits[..], [Edit::Settings { protect: true, .. }]));
    }

    #[test]
    fn a_new_build_can_be_asked_for_without_a_change() {
        let snapshot = applied(&[EXAMPLE]);
        let asked = BTreeSet::from([key("db")]);
        let diff = diff_replacing(&desired(EXAMPLE), &snapshot.recorded, Intention::Converge, &asked);
        assert_eq!(image(&diff, "db").reason, Reason::Asked);
        assert_eq!(image(&diff, "db").generation, Some(generation(2)));
        assert_eq!(image(&diff, "web").action, Action::Unchanged);
    }
}

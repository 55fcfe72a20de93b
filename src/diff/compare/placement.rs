//! One desired placement: created, adopted, or changed if it differs.

use compact_str::CompactString;

use super::{Choice, Entry, adopted_id, answers, revision};
use crate::diff::change::{Difference, PlacementChange, PlacementFacts, Reason, Work};
use crate::manifest::DesiredImage;
use crate::model::{
    Accounts, Attributes, ImageId, NameTemplate, PlacementKey, Region, SharedImageEdits, Source,
};
use crate::state::{Edit, Placement};

impl Entry<'_> {
    /// Returns the change that makes a placement: a creation in the origin's region, a copy elsewhere.
    pub(super) fn make(
        &self,
        image: &DesiredImage,
        at: PlacementKey,
        failed: Option<&Placement>,
        copied_from: Option<&Region>,
        choice: &Choice,
    ) -> PlacementChange {
        let is_adopted = failed.is_some() && self.is_adopted_elsewhere(image, &at);
        let is_encrypted = image.source.as_ref().is_some_and(Source::is_encrypted);
        let original = self.originals.get(self.key).and_then(|original| original.generation);
        let is_made_there = is_encrypted && at.region == image.region && original == choice.of;
        let from = match copied_from {
            // It cannot be made again (GF303).
            _ if is_adopted => None,
            // An encrypted image cannot be copied (GF404). It is made again from the generation that its image has now.
            _ if is_made_there => None,
            Some(source) => Some(source.clone()),
            None if at.region == image.region => None,
            None => Some(image.region.clone()),
        };
        let shares = image.shares.get(&at.region).cloned().unwrap_or_default();
        let reason = match failed {
            Some(failed) => Reason::Failed { state: failed.state },
            None if choice.is_new => Reason::Follows,
            None => Reason::RegionWanted,
        };
        let after = PlacementFacts {
            attributes: self.attributes(image, &at),
            tags: image.tags.clone(),
            owned: self.is_owned(),
            unmanaged: self.carried(image, &at, &shares),
            shares,
        };
        let delete_snapshots = match &image.source {
            Some(source) => image.deletes_snapshots_of(source, from.is_some()),
            None => image.deletes_snapshots(),
        };
        let failed = failed.map(|failed| failed.id.clone());
        PlacementChange { at, reason, work: Work::Make { from, failed, after, delete_snapshots } }
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
            .fold(Accounts::EMPTY, |all, placement| all.joined(&placement.unmanaged))
            .without(wanted)
    }

    /// Returns the change that adopts an image: recorded as observed, and changed if it differs.
    pub(super) fn adopt(&mut self, image: &DesiredImage, at: PlacementKey, id: &ImageId) -> PlacementChange {
        let (Some(seen), Some(source)) = (self.prior.adoptable(&at.region, id), &image.source) else {
            // Never seen: what is to change on it is not known before a refresh.
            let work = Work::Adopt { id: id.clone(), facts: None };
            return PlacementChange { at, reason: Reason::Declared, work };
        };
        self.edits.push(Edit::Adopt {
            at: at.clone(),
            source: source.clone(),
            image: Box::new(seen.clone()),
        });
        let region = at.region.clone();
        let mut facts = self.compare_existing(image, &region, &at, seen);
        facts.after.owned |= self.is_owned();
        let work = Work::Adopt { id: id.clone(), facts: Some(facts) };
        PlacementChange { at, reason: Reason::Declared, work }
    }

    pub(super) fn attributes(&self, image: &DesiredImage, at: &PlacementKey) -> Attributes {
        let revision = revision(self.prior, self.originals, (self.key, image), at.generation);
        let revision = revision.unwrap_or_default();
        let templated = || image.name.of(at.generation, &revision);
        let name = match image.keeps_name {
            true if at.region == image.region || self.is_adopted_elsewhere(image, at) => None,
            true => Some(self.inherited_name(image, at).unwrap_or_else(templated)),
            false => Some(templated()),
        };
        let description = image.description.as_ref();
        Attributes {
            name,
            description: description.map(|text| NameTemplate::fill(text, at.generation, &revision).into()),
            family: image.family.clone(),
            deprecated: None,
        }
    }

    /// Returns whether the image of a placement, in another region than the origin's, is one that the entry takes over.
    fn is_adopted_elsewhere(&self, image: &DesiredImage, at: &PlacementKey) -> bool {
        let recorded =
            self.prior.images.get(self.key).and_then(|image| image.generations.get(&at.generation));
        image.adopted_elsewhere.contains_key(&at.region)
            && recorded.is_none_or(|build| match build.placements.get(&at.region) {
                Some(placement) => placement.copied_from.is_none(),
                None => image.source.as_ref().is_some_and(|wanted| answers(build, wanted)),
            })
    }

    /// Returns the name of the adopted image that a placement is a copy of. `None` before it was observed.
    fn inherited_name(&self, image: &DesiredImage, at: &PlacementKey) -> Option<CompactString> {
        let origin = PlacementKey { region: image.region.clone(), ..at.clone() };
        let recorded = self.prior.placement(&origin);
        let adopted = || self.prior.adoptable(&image.region, adopted_id(image)?);
        recorded.or_else(adopted).map(|placement| placement.name.clone())
    }

    /// Whether the ownership tag is put on images: on those that goldform makes, and on those that it takes over, so
    /// that another state can see whose they are.
    pub(super) fn is_owned(&self) -> bool {
        self.context.cloud.ownership_tag.is_some()
    }

    /// Whether the deprecation mark may be set or cleared now. Where an image cannot be changed while it is shared, that
    /// would need a moment without shares, which a mark is not worth unless the image is changed anyway.
    pub(super) fn may_set_deprecation(
        &self,
        image: &DesiredImage,
        placement: &Placement,
        is_changed: bool,
    ) -> bool {
        let edits_refused = self.context.cloud.shared_image_edits == SharedImageEdits::Refused
            || self.prior.shared_image_edits_refused;
        image.deprecate && (is_changed || !edits_refused || placement.everyone().is_empty())
    }

    /// Whether everyone who sees a placement sees another image of the entry in its region: nobody is without one while
    /// this one is not shared.
    fn is_covered_elsewhere(&self, at: &PlacementKey, placement: &Placement) -> bool {
        let Some(recorded) = self.prior.images.get(self.key) else { return false };
        let others = recorded.generations.iter().filter(|(generation, _)| **generation != at.generation);
        let covered = others
            .filter_map(|(_, build)| build.placements.get(&at.region))
            .filter(|other| other.is_in_place())
            .fold(Accounts::EMPTY, |all, other| all.joined(&other.everyone()));
        placement.everyone().without(&covered).is_empty()
    }

    /// What is to change on a placement that is there; nothing when it is as wanted.
    pub(super) fn change_existing(
        &mut self,
        image: &DesiredImage,
        region: &Region,
        at: PlacementKey,
        placement: &Placement,
    ) -> Option<PlacementChange> {
        let mut facts = self.compare_existing(image, region, &at, placement);
        let id = placement.id.clone();
        if facts.is_change() {
            facts.after.owned |= self.is_owned();
            return Some(PlacementChange { at, reason: Reason::Differs, work: Work::Update { id, facts } });
        }
        let reason = Reason::Pending { state: placement.state };
        placement.is_pending().then_some(PlacementChange { at, reason, work: Work::Wait { id, facts } })
    }

    fn compare_existing(
        &mut self,
        image: &DesiredImage,
        region: &Region,
        at: &PlacementKey,
        placement: &Placement,
    ) -> Difference {
        let wanted = image.shares.get(region);
        let empty = Accounts::EMPTY;
        let wanted = wanted.unwrap_or(&empty);
        let claimed = wanted.shared_with(&placement.unmanaged);
        if !claimed.is_empty() {
            self.edits.push(Edit::Claim { at: at.clone(), accounts: claimed });
        }
        let everyone = placement.everyone();
        let unwanted = if image.exclusive.contains(region) { &everyone } else { &placement.shares };
        let unshare = unwanted.without(wanted);
        let before = self.facts(placement);
        let carried = self.carried(image, at, wanted).without(&everyone);
        let unmanaged = placement.unmanaged.without(wanted).without(&unshare).joined(&carried);
        let mut attributes = self.attributes(image, at);
        let is = |wanted: Option<&str>, is: &str| wanted.is_none_or(|wanted| wanted == is);
        let is_changed = !is(attributes.name.as_deref(), &placement.name)
            || !is(attributes.description.as_deref(), &placement.description)
            || !is(attributes.family.as_deref(), &placement.family);
        // A generation that is returned to loses the mark, though it is shared: its accounts have the one that it replaces.
        let may_be_cleared =
            image.deprecate && placement.deprecated && self.is_covered_elsewhere(at, placement);
        if may_be_cleared || self.may_set_deprecation(image, placement, is_changed) {
            attributes.deprecated = Some(false);
        }
        // An image that was adopted without the ownership tag is claimed with its first other change, so that
        // taking over what is there changes nothing.
        // Keys that were set before and are not named any more are removed: they are in `before`, not here.
        let owned = before.owned || self.is_owned() && !self.prior.is_taken_over(at);
        let after =
            PlacementFacts { attributes, tags: image.tags.clone(), owned, shares: wanted.clone(), unmanaged };
        Difference { before, after }
    }
}

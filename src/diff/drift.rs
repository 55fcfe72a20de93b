//! Recorded × Observed → drift: reports differences of the cloud from the recorded state, and records them.

use std::collections::{BTreeMap, BTreeSet};

use compact_str::CompactString;
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use super::change::FieldChange;
use super::lookups::LookupDrift;
use crate::manifest::{Desired, DesiredImage};
use crate::model::{Accounts, ImageId, ImageKind, ImageLimit, Operation, PlacementKey, Region};
use crate::state::{
    Intents, Observed, ObservedImage, ObservedRegion, Placement, Recorded, RecordedRegion, SharedInImage,
    Snapshot,
};

/// How long an accepted image that no listing has shown yet is only late, not missing.
pub const PENDING_FOR: SignedDuration = SignedDuration::from_mins(10);

/// Differences between the cloud and the recorded state.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Drift {
    /// One for each difference, by region and address.
    pub items: Vec<DriftItem>,
    /// Placements that were accepted and are neither NORMAL nor failed, or not listed yet.
    pub pending: Vec<PlacementKey>,
    /// Lookups whose answer is another one, or gone.
    pub lookups: Vec<LookupDrift>,
    /// Whether any fact changed, drift or not: limits, unmanaged images, states.
    pub facts_changed: bool,
}

impl Drift {
    /// Whether the cloud is as recorded.
    pub fn is_empty(&self) -> bool {
        self.items.is_empty() && !self.lookups.iter().any(LookupDrift::is_drift)
    }
}

/// One difference.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "drift")]
pub enum DriftItem {
    /// A make was taken as not executed, and its image exists: it is recorded.
    Found {
        /// The placement.
        at: PlacementKey,
        /// Its id.
        id: ImageId,
    },
    /// The image no longer exists.
    Missing {
        /// The placement.
        at: PlacementKey,
        /// Its id.
        id: ImageId,
    },
    /// Attributes or tags are different.
    Changed {
        /// The placement.
        at: PlacementKey,
        /// Its id.
        id: ImageId,
        /// What differs: recorded, and seen.
        fields: Vec<FieldChange>,
    },
    /// It is not shared any more with accounts that goldform shared it with.
    Unshared {
        /// The placement.
        at: PlacementKey,
        /// Its id.
        id: ImageId,
        /// The accounts.
        accounts: Accounts,
    },
    /// It is shared with accounts that goldform did not share it with.
    SharedByOthers {
        /// The placement.
        at: PlacementKey,
        /// Its id.
        id: ImageId,
        /// The accounts.
        accounts: Accounts,
    },
}

impl DriftItem {
    /// The placement it is about.
    pub fn at(&self) -> &PlacementKey {
        match self {
            Self::Found { at, .. }
            | Self::Missing { at, .. }
            | Self::Changed { at, .. }
            | Self::Unshared { at, .. }
            | Self::SharedByOthers { at, .. } => at,
        }
    }
}

/// Returns the recorded placements that an observation does not show any more, which are those that [`observe`] would
/// remove from the record. A placement that is only late, and one whose deletion was started, is not among them.
pub fn missing(recorded: &Recorded, intents: &Intents, observed: &Observed) -> Vec<PlacementKey> {
    let is_being_deleted = |at: &PlacementKey| {
        intents
            .values()
            .any(|intent| matches!(&intent.operation, Operation::Delete { at: deleted, .. } if deleted == at))
    };
    recorded
        .placements()
        .filter(|(at, placement)| {
            observed.regions.get(&at.region).is_some_and(|region| is_missing(placement, region))
                && !is_being_deleted(at)
        })
        .map(|(at, _)| at)
        .collect()
}

/// Returns whether a region that was observed does not have a placement, and the placement is not only late.
fn is_missing(placement: &Placement, region: &ObservedRegion) -> bool {
    !region.images.contains_key(&placement.id) && !is_late(placement, region.at)
}

/// Updates the recorded state from an observation, and returns the differences. Regions that were not observed keep
/// their record; attributes that the manifest leaves out are recorded, and no drift.
pub fn observe(snapshot: &mut Snapshot, observed: &Observed, desired: &Desired) -> Drift {
    let mut drift = Drift::default();
    let Snapshot { recorded, lineage, .. } = snapshot;
    let searched = recorded.not_found.len();
    let found = recorded.find_late(observed, &lineage.0);
    drift.facts_changed |= recorded.not_found.len() != searched;
    drift.items.extend(found.into_iter().map(|(at, id)| DriftItem::Found { at, id }));
    let managed_tags: BTreeSet<CompactString> = desired.cloud.ownership_tag.iter().cloned().collect();
    let keys: Vec<PlacementKey> = recorded.placements().map(|(key, _)| key).collect();
    for key in &keys {
        let Some(region) = observed.regions.get(&key.region) else { continue };
        let entry = desired.images.get(&key.image);
        observe_placement(recorded, key, region, &managed_tags, entry, &mut drift);
    }
    for (region, seen) in &observed.regions {
        observe_region(
            recorded,
            region,
            seen,
            &managed_tags,
            desired.cloud.ownership_tag.as_ref(),
            &mut drift,
        );
    }
    drift
}

fn observe_placement(
    recorded: &mut Recorded,
    key: &PlacementKey,
    region: &ObservedRegion,
    managed_tags: &BTreeSet<CompactString>,
    entry: Option<&DesiredImage>,
    drift: &mut Drift,
) {
    let Some(placement) = recorded.placement_mut(key) else { return };
    let id = placement.id.clone();
    let Some(image) = region.images.get(&id) else {
        if !is_missing(placement, region) {
            drift.pending.push(key.clone());
        } else {
            drift.items.push(DriftItem::Missing { at: key.clone(), id });
            drift.facts_changed = true;
            recorded.remove(key);
        }
        return;
    };
    let before = placement.clone();
    placement.see(image, managed_tags);
    if placement.is_pending() {
        drift.pending.push(key.clone());
    }
    if before.seen {
        let fields = changed_fields(&before, placement, entry);
        if !fields.is_empty() {
            drift.items.push(DriftItem::Changed { at: key.clone(), id: id.clone(), fields });
        }
    }
    if let Some(accounts) = region.shares.get(&id) {
        placement.see_shares(accounts);
        let lost = before.shares.without(&placement.shares);
        if !lost.is_empty() {
            let item = DriftItem::Unshared { at: key.clone(), id: id.clone(), accounts: lost };
            drift.items.push(item);
        }
        let found = placement.unmanaged.without(&before.unmanaged);
        if !found.is_empty() {
            drift.items.push(DriftItem::SharedByOthers { at: key.clone(), id, accounts: found });
        }
    }
    drift.facts_changed |= before != *placement;
}

/// Whether an image that is not listed is only late: accepted a short while ago and never seen.
fn is_late(placement: &Placement, now: Timestamp) -> bool {
    !placement.seen && now.duration_since(placement.accepted_at) < PENDING_FOR
}

fn changed_fields(before: &Placement, after: &Placement, entry: Option<&DesiredImage>) -> Vec<FieldChange> {
    let is_managed = |is_named: fn(&DesiredImage) -> bool| entry.is_none_or(is_named);
    let mut fields = Vec::new();
    let mut push = |field: &str, before: Option<String>, after: Option<String>| {
        if before != after {
            fields.push(FieldChange { field: field.into(), before, after });
        }
    };
    push("name", Some(before.name.to_string()), Some(after.name.to_string()));
    if is_managed(|image| image.description.is_some()) {
        push("description", Some(before.description.clone()), Some(after.description.clone()));
    }
    if is_managed(|image| image.family.is_some()) {
        push("family", Some(before.family.to_string()), Some(after.family.to_string()));
    }
    push("deprecated", Some(before.deprecated.to_string()), Some(after.deprecated.to_string()));
    for (key, value) in &before.tags {
        let field = format!("tags.{key}");
        push(&field, Some(value.to_string()), after.tags.get(key).map(ToString::to_string));
    }
    if after.state.is_failed() && !before.state.is_failed() {
        push("state", Some(before.state.as_str().to_owned()), Some(after.state.as_str().to_owned()));
    }
    fields
}

fn observe_region(
    recorded: &mut Recorded,
    region: &Region,
    seen: &ObservedRegion,
    managed_tags: &BTreeSet<CompactString>,
    ownership_tag: Option<&CompactString>,
    drift: &mut Drift,
) {
    let managed: BTreeSet<ImageId> = recorded
        .placements()
        .filter(|(key, _)| key.region == *region)
        .map(|(_, placement)| placement.id.clone())
        .collect();
    let is_unmanaged =
        |image: &&ObservedImage| image.kind == ImageKind::Custom && !managed.contains(&image.id);
    let unmanaged = seen.images.values().filter(is_unmanaged);
    let owner = |image: &ObservedImage| image.tags.get(ownership_tag?).cloned();
    let owners = unmanaged.clone().filter_map(|image| Some((image.id.clone(), owner(image)?))).collect();
    let unmanaged = unmanaged.map(|image| (image.id.clone(), image.name.clone())).collect();
    // Shares are read for managed images, and for images that the manifest adopts.
    let adoptable: BTreeMap<ImageId, Placement> = seen
        .images
        .values()
        .filter(is_unmanaged)
        .filter_map(|image| {
            let shares = seen.shares.get(&image.id)?;
            let mut placement =
                Placement::accepted(image.id.clone(), image.name.clone(), image.state, image.created);
            // Its ownership tag says whether another state manages it; its other tags are left alone.
            placement.see(image, managed_tags);
            placement.see_shares(shares);
            Some((image.id.clone(), placement))
        })
        .collect();
    if adoptable.is_empty() {
        drift.facts_changed |= recorded.adoptable.remove(region).is_some();
    } else {
        drift.facts_changed |= recorded.adoptable.get(region) != Some(&adoptable);
        recorded.adoptable.insert(region.clone(), adoptable);
    }
    observe_lent(recorded, region, seen, drift);
    let before = recorded.regions.get(region);
    let image_limit = match seen.image_limit {
        Some(value) => Some(ImageLimit { value, read_at: seen.at }),
        None => before.and_then(|before| before.image_limit.clone()),
    };
    let after = RecordedRegion { read_at: seen.at, image_limit, unmanaged, owners };
    drift.facts_changed |= before.is_none_or(|before| {
        before.unmanaged != after.unmanaged
            || before.owners != after.owners
            || before.image_limit.as_ref().map(|l| l.value) != after.image_limit.as_ref().map(|l| l.value)
    });
    recorded.regions.insert(region.clone(), after);
}

/// Images that others share with us are seen only where the manifest names them by id.
fn observe_lent(recorded: &mut Recorded, region: &Region, seen: &ObservedRegion, drift: &mut Drift) {
    let lent: BTreeMap<ImageId, SharedInImage> = seen
        .images
        .values()
        .filter(|image| image.kind == ImageKind::Shared)
        .map(|image| {
            (image.id.clone(), SharedInImage { name: image.name.clone(), creator: image.creator.clone() })
        })
        .collect();
    let before = if lent.is_empty() {
        recorded.lent.remove(region)
    } else {
        recorded.lent.insert(region.clone(), lent)
    };
    drift.facts_changed |= before.as_ref() != recorded.lent.get(region);
}

#[cfg(test)]
mod tests;

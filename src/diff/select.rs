//! `--target` and `--exclude`: which placements a plan may touch.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::change::Diff;
use crate::model::{Address, ImageKey, PlacementKey};

/// What the user wants a plan to be about.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Selection {
    /// Only these, and what they need.
    pub targets: Vec<Address>,
    /// Not these, nor what needs them.
    pub excluded: Vec<Address>,
}

impl Selection {
    /// Returns whether nothing is excluded.
    pub fn is_everything(&self) -> bool {
        self.targets.is_empty() && self.excluded.is_empty()
    }

    /// Whether a placement is a target by its own address.
    pub fn targets(&self, at: &PlacementKey) -> bool {
        self.targets.is_empty() || self.targets.iter().any(|address| address.covers(at))
    }

    /// Whether a placement is excluded by its own address.
    pub fn excludes(&self, at: &PlacementKey) -> bool {
        self.excluded.iter().any(|address| address.covers(at))
    }

    /// Returns whether an earlier placement may be released for want of a slot: what is not selected gives up nothing for
    /// what is.
    pub fn may_release(&self, at: &PlacementKey) -> bool {
        let is_of_entry = |address: &Address| match address {
            Address::Image(_) | Address::InRegion(..) => address.covers(at),
            Address::Placement(target) => target.image == at.image && target.region == at.region,
            Address::Share(..) | Address::Lookup(_) => false,
        };
        (self.targets.is_empty() || self.targets.iter().any(is_of_entry)) && !self.excludes(at)
    }

    /// Returns whether the build of an entry in its own region is selected: it is a target, or a target needs it, and it
    /// is not excluded.
    pub fn includes_build(&self, build: &PlacementKey) -> bool {
        let is_of_entry = |address: &Address| match address {
            Address::Image(key) | Address::InRegion(key, _) => *key == build.image,
            Address::Placement(at) | Address::Share(at, _) => at.image == build.image,
            Address::Lookup(_) => false,
        };
        (self.targets.is_empty() || self.targets.iter().any(is_of_entry)) && !self.excludes(build)
    }

    /// The addresses that speak of nothing in a diff: misspelled, or unchanged.
    pub fn unmatched<'s>(&'s self, diff: &Diff) -> Vec<&'s Address> {
        let all = || diff.images.iter().flat_map(|image| &image.placements);
        let is_entry = |address: &Address| match address {
            Address::Image(key) => diff.images.iter().any(|image| image.image == *key),
            _ => false,
        };
        self.targets
            .iter()
            .chain(&self.excluded)
            .filter(|address| !is_entry(address) && !all().any(|change| address.covers(&change.at)))
            .collect()
    }
}

/// Keeps the changes of these placements; the others stay as recorded.
pub fn keep_only(diff: &mut Diff, kept: &BTreeSet<PlacementKey>) {
    use crate::diff::Action;
    use crate::state::Edit;
    for image in &mut diff.images {
        let before = image.placements.len();
        image.placements.retain(|change| kept.contains(&change.at));
        let left_out = before.saturating_sub(image.placements.len());
        image.unchanged = image.unchanged.saturating_add(left_out);
        if image.placements.is_empty() && left_out > 0 {
            image.action = Action::Unchanged;
        }
    }
    let images: BTreeSet<&ImageKey> = kept.iter().map(|at| &at.image).collect();
    diff.edits.retain(|edit| match edit {
        Edit::Claim { at, .. }
        | Edit::Forget { at, .. }
        | Edit::Adopt { at, .. }
        | Edit::Serve { at, .. }
        | Edit::Resolve { at, .. }
        | Edit::SeeShares { at, .. } => kept.contains(at),
        Edit::Settings { image, .. } | Edit::Return { image, .. } | Edit::Hold { image, .. } => {
            images.contains(image)
        }
        Edit::Rename { .. }
        | Edit::Move { .. }
        | Edit::LearnShareLimit { .. }
        | Edit::LearnAccountsPerCall { .. }
        | Edit::LearnSharedEditsRefused => true,
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diff::{Action, PlanMode, diff};
    use crate::testing::worlds::{applied, at, example_with};
    use crate::testing::{EXAMPLE, desired};

    #[test]
    fn what_is_left_out_stays_as_it_is() {
        let changed = example_with("Ubuntu with nginx", "Ubuntu with Caddy");
        let mut changes = diff(&desired(&changed), &applied(&[EXAMPLE]).recorded, PlanMode::Normal);
        keep_only(&mut changes, &BTreeSet::from([at("image.web@ap-tokyo#1")]));
        let web = changes.images.iter().find(|image| image.image.as_str() == "web").unwrap();
        assert_eq!((web.placements.len(), web.unchanged), (1, 2));
        keep_only(&mut changes, &BTreeSet::new());
        assert!(changes.images.iter().all(|image| image.action == Action::Unchanged));
    }

    #[test]
    fn an_address_that_speaks_of_nothing_is_reported() {
        let changes = diff(&desired(EXAMPLE), &applied(&[EXAMPLE]).recorded, PlanMode::Normal);
        let targets = vec!["image.web".parse().unwrap(), "image.web@ap-seoul".parse().unwrap()];
        let selection = Selection { targets, excluded: Vec::new() };
        let unmatched: Vec<String> = selection.unmatched(&changes).iter().map(ToString::to_string).collect();
        assert_eq!(unmatched, ["image.web@ap-seoul"]);
    }
}

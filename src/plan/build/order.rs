//! The order of a draft's steps: the ordering rules, and names that change hands.

use std::collections::BTreeSet;

use super::draft::Draft;
use super::{names, ordering};
use crate::diff::Diff;
use crate::manifest::Desired;
use crate::model::PlacementKey;
use crate::state::Recorded;

impl<'a> Draft<'a> {
    /// Returns the steps of a diff with every order but that of slots, if these placements are deleted before their
    /// successors are made.
    pub fn ordered(
        desired: &'a Desired,
        prior: &'a Recorded,
        diff: &'a Diff,
        share_limit: usize,
        early: &BTreeSet<PlacementKey>,
    ) -> Self {
        let mut draft = Draft::lower(desired, prior, diff, share_limit, early.clone());
        draft.order();
        draft
    }

    /// Returns the same diff, if these placements are deleted before their successors are made.
    #[must_use]
    pub fn with_early(&self, early: &BTreeSet<PlacementKey>) -> Draft<'a> {
        Draft::ordered(self.desired, self.prior, self.diff, self.share_limit, early)
    }

    /// Adds every order but that of slots. If names would close a circle, some placements use an interim name first, and the
    /// rest is ordered again.
    pub fn order(&mut self) {
        loop {
            names::step_aside(self);
            for order in ordering::RULES {
                order(self);
            }
            let mut aside = names::wait_for_names(self);
            // A placement with an interim name can do no more: the circle is reported.
            aside.retain(|key| !self.aside.contains(key));
            if aside.is_empty() {
                return;
            }
            aside.append(&mut self.aside);
            let early = std::mem::take(&mut self.early);
            *self =
                Draft { aside, ..Draft::lower(self.desired, self.prior, self.diff, self.share_limit, early) };
        }
    }
}

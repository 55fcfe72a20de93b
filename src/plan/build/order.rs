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
        delete_first: &BTreeSet<PlacementKey>,
    ) -> Self {
        let mut draft = Draft::lower(desired, prior, diff, share_limit, delete_first.clone());
        draft.order();
        draft
    }

    /// Returns the same diff, if these placements are deleted before their successors are made.
    #[must_use]
    pub fn with_delete_first(&self, delete_first: &BTreeSet<PlacementKey>) -> Draft<'a> {
        Draft::ordered(self.desired, self.prior, self.diff, self.share_limit, delete_first)
    }

    /// Adds every order but that of slots. If names would close a circle, some placements use an interim name first, and the
    /// rest is ordered again.
    pub fn order(&mut self) {
        loop {
            names::use_interim_names(self);
            for order in ordering::RULES {
                order(self);
            }
            let mut interim_named = names::wait_for_names(self);
            // A placement with an interim name can do no more: the circle is reported.
            interim_named.retain(|key| !self.interim_named.contains(key));
            if interim_named.is_empty() {
                ordering::successor_first::order_renames(self);
                return;
            }
            interim_named.append(&mut self.interim_named);
            let delete_first = std::mem::take(&mut self.delete_first);
            *self = Draft {
                interim_named,
                ..Draft::lower(self.desired, self.prior, self.diff, self.share_limit, delete_first)
            };
        }
    }
}

//! One pass of scheduling: steps, names, orders and slots.

use std::collections::{BTreeMap, BTreeSet};

use super::draft::Draft;
use super::slots::{Slots, assign_slots, choose_delete_first};
use crate::diff::Diff;
use crate::manifest::Desired;
use crate::model::{Limit, Region};
use crate::plan::graph::Cycle;
use crate::state::Recorded;

/// Orders the steps of a diff and assigns slots to them. Returns the draft, and whether no assignment of slots fits,
/// whichever placements are deleted first.
///
/// # Errors
/// If the steps cannot be ordered.
pub(super) fn schedule<'a>(
    desired: &'a Desired,
    prior: &'a Recorded,
    diff: &'a Diff,
    slots: &BTreeMap<Region, Slots>,
    share_limit: &Limit,
) -> Result<(Draft<'a>, bool), Cycle> {
    let most_shares = usize::try_from(share_limit.value).unwrap_or(usize::MAX);
    let mut draft = Draft::ordered(desired, prior, diff, most_shares, &BTreeSet::new());
    draft.graph.check()?;
    let is_stuck = match choose_delete_first(&draft, slots) {
        Ok(delete_first) => {
            if !delete_first.is_empty() {
                draft = draft.with_delete_first(&delete_first);
                draft.graph.check()?;
            }
            assign_slots(&mut draft, slots).is_err()
        }
        Err(_) => true,
    };
    draft.graph.reduce();
    Ok((draft, is_stuck))
}

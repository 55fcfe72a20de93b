//! Slot scheduling: an order in which no region ever holds more images than its limit.
//!
//! ```text
//!  Draft ─problem─▶ who takes and gives a slot where ─play─▶ an order that fits ─assign_slots─▶ edges
//!                                                     └─▶ stuck ─delete_first─▶ who goes before its successor
//! ```
//!
//! A run is played through, step after step: a create or copy takes a slot of its region, a delete gives one
//! back. In the order that was played each make gets one particular slot; where that is a delete's, the make waits
//! for that delete. The played order keeps every edge, so the new edges close no circle, whatever the regions; and
//! since every make has a slot of its own, the bound holds in every interleaving, not only in the played one.
//!
//! Three facts make playing cheap, and exact as long as its budget lasts. What takes no slot goes at once. A make
//! that leads to no delete waits until all others are done: it only takes. A make that leaves its region no fuller
//! than it was, once everything that follows from it is done, is right to do now: whatever could be done before can
//! be done after. Only where neither decides (moves between full regions) are all choices tried, and no state
//! twice.
//!
//! Where the play is stuck, retiring placements go *before* their successors: as few as possible, region by region
//! in name order, the smallest blast radius first.
//!
//! Turned down: an order of replacements per region (two of them can close a circle), a linear program (its answer
//! cannot be told to people), and slots as counted locks in the executor (the plan would not show what waits for
//! what, and could get stuck).

use std::collections::BTreeSet;

use crate::model::Region;

mod assign;
mod delete_first;
mod problem;
mod search;

pub(super) use assign::assign_slots;
pub(super) use delete_first::{choose_delete_first, missing};

/// The slots of a region: the limit, and what it holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Slots {
    /// The largest number of custom images.
    pub(super) limit: usize,
    /// What it holds now, managed or not.
    pub(super) used: usize,
}

/// Why a play cannot go on: where it got furthest.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Stuck {
    /// Regions without a slot, in which something could be made otherwise.
    pub(super) regions: BTreeSet<Region>,
    /// How many steps were done.
    pub(super) done: usize,
}

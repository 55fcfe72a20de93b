//! Slot scheduling: an order in which no region ever holds more images than its limit.
//!
//! ```text
//!  Draft ─problem─▶ the slot effect of each step ─search─▶ an order that fits ─assign─▶ edges
//!                                                     └─▶ stuck ─delete_first─▶ what is deleted before its successor
//! ```
//!
//! The search simulates a run, step after step: a create or copy occupies a slot of its region, a delete frees one. In
//! the order that it finds, each make is assigned one particular slot. If a delete frees that slot, the make waits for
//! the delete. The order keeps every edge, so the new edges close no circle in any region. Every make has a slot of its
//! own, so the limit holds in every interleaving, not only in the simulated one.
//!
//! Three facts make the search cheap, and exact within its budget. A step that needs no slot runs at once. A make that
//! no delete waits for runs after all others, because it only occupies. A make that leaves its region no fuller than
//! before, once everything that follows from it is done, is safe to run now: whatever was possible before is possible
//! after. Only if neither decides (moves between full regions), the search tries all choices, and no state twice.
//!
//! If the search is stuck, retiring placements are deleted *before* their successors are made: as few as possible,
//! region by region in name order, the fewest affected accounts first.
//!
//! Rejected alternatives: an order of replacements per region (two of them can close a circle), a linear program (its
//! result cannot be explained to users), and slots as counted locks in the executor (the plan would not show what waits
//! for what, and could get stuck).

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

/// The furthest point that a stuck search reached.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Stuck {
    /// Regions without a free slot, in which a make is ready to run.
    pub(super) regions: BTreeSet<Region>,
    /// How many steps were done.
    pub(super) done: usize,
}

//! From a diff to a plan.
//!
//! ```text
//!  Diff ─lower─▶ steps by placement ─ordering/*─▶ edges ─names, slots─▶ StepGraph ─▶ Plan
//! ```

pub mod blocked;
pub mod draft;
mod lower;
pub mod names;
mod order;
pub mod ordering;
pub mod planner;
pub mod propose;
mod release;
mod schedule;
pub mod slots;

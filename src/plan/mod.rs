//! `Diff` → [`Plan`]: steps, and the order they must keep, every edge with a reason that can be printed.
//!
//! ```text
//!  Diff ─lower─▶ steps by placement ─ordering/*─▶ edges ─names, slots─▶ StepGraph ─▶ Plan
//! ```
//!
//! An edge is necessary: without it some order is refused by the cloud, breaks a rule, or breaks an order that
//! is promised. An edge that nothing needs is not there. To add an ordering rule: one file in `ordering/`, a
//! variant of [`EdgeReason`], one line in `ordering::RULES`.

pub mod blocked;
pub mod compare;
pub mod draft;
mod effect;
pub mod file;
pub mod graph;
mod lower;
pub mod names;
pub mod ordering;
pub mod outcome;
pub mod peak;
pub mod place;
pub mod planner;
pub mod preflight;
pub mod propose;
pub mod room;
pub mod slots;
pub mod stale;
pub mod step;
mod usage;
pub mod view;

pub use blocked::Blocked;
pub use compare::{Comparison, Difference, Subject, Unexpected};
pub use file::{PlanFile, PlanInputs};
pub use graph::{Cycle, EdgeReason, StepGraph, StepIndex};
pub use outcome::{Failure, Outcome, StepOutcome};
pub use place::PlanPlace;
pub use planner::{Base, Plan, plan};
pub use preflight::{Preflight, Trial, Untried};
pub use propose::{PlanOptions, PlanResult, propose};
pub use room::{RegionCapacity, image_limit, share_limit};
pub use step::Step;
pub use view::PlanView;

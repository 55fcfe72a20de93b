//! `Diff` → [`Plan`]: steps, and the order they must keep, every edge with a reason that can be printed.
//!
//! The data of a plan is here: [`Plan`], [`Step`], [`StepGraph`], [`PlanFile`]. [`build`] makes a plan, [`proof`] computes
//! what it may reach in any order of its steps.
//!
//! An edge is necessary: without it, the cloud refuses some order, or the order breaks a rule or a promise. To add an
//! ordering rule, write one file in `build/ordering/`, a variant of [`EdgeReason`] and one line in `ordering::RULES`.

pub mod build;
pub mod capacity;
pub mod compare;
pub mod contents;
mod effect;
pub mod file;
pub mod graph;
pub mod more_slots;
pub mod outcome;
pub mod place;
pub mod preflight;
pub mod proof;
pub mod stale;
pub mod step;
pub mod step_map;

pub use build::blocked::Blocked;
pub use build::planner::plan;
pub use build::propose::{PlanOptions, PlanResult, propose};
pub use capacity::{RegionCapacity, image_limit, share_limit};
pub use compare::{Comparison, Difference, Subject, Unexpected};
pub use contents::{Base, Plan, PlanError};
pub use file::{PlanFile, PlanInputs};
pub use graph::{Cycle, EdgeReason, StepGraph};
pub use more_slots::{MoreSlots, SlotGain, SlotTrial};
pub use outcome::{Failure, Outcome, StepOutcome, StepResult, rounded};
pub use place::PlanPlace;
pub use preflight::{Preflight, Trial, Untried};
pub use proof::view::PlanView;
pub use step::Step;
pub use step_map::{StepIndex, StepMap};

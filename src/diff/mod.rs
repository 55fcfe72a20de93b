//! `Desired` × prior → [`Diff`]: the differences between them, by entry and placement, each with its reason. Steps and
//! their order are not decided here.
//!
//! ```text
//!  entry ─▶ which generation answers the manifest? (kept, or a new one)
//!        ─▶ for each wanted region: make it, change it, leave it
//!        ─▶ for everything else that is recorded: keep it as an earlier generation, or retire it
//! ```

pub mod adopt;
pub mod change;
pub mod compare;
pub mod drift;
pub mod lookups;
pub mod rename;
pub mod select;

pub use change::{
    Action, Diff, Difference, FieldChange, ImageChange, PlacementChange, PlacementFacts, Reason, Work,
};
pub use compare::{PlanMode, diff, diff_replacing, replaced};
pub use drift::{Drift, DriftItem, missing, observe};
pub use lookups::{LookupDrift, observe_lookups, use_lookups};
pub use rename::renamed;
pub use select::Selection;

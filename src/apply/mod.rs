//! `ValidPlan` → [`Outcome`](crate::plan::Outcome): applies the plan with a journal, and recovers from a killed run.
//!
//! ```text
//!  recover ─▶ observe ─▶ (plan, validate, confirm) ─▶ executor: scheduler says what is ready
//!                                                       │ Started stored → call → Accepted stored → poll → Settled
//!                                                       ▼
//!                                                     Outcome, one line a step
//! ```
//!
//! The scheduler is a pure state machine. The executor makes no choices: it starts the steps that are ready and records
//! what happens. A failure skips the steps that depend on it and lets independent branches finish. There is no undo: the
//! next run plans from what is recorded and observed.

mod account_search;
mod answers;
pub(crate) mod calls;
mod ending;
mod executor;
mod kept_names;
pub mod lookups;
pub mod observe;
pub mod options;
pub mod polling;
pub mod preflight;
pub mod progress;
pub mod recover;
mod run_state;
pub mod scheduler;
mod serving;
mod settling;
mod sharing;
pub mod systems;
pub mod tasks;

pub use ending::{Unsaved, panic_text};
pub use lookups::look_up;
pub use observe::{ask_again, judge_missing, observe, survey};
pub use options::{ExecutorOptions, Shutdown};
pub use preflight::preflight;
pub use progress::{Progress, Quiet};
pub use recover::{Recovered, recover};
pub use run_state::Executor;
pub use scheduler::Scheduler;
pub use serving::{serving_now, successions};
pub use systems::look_up_systems;

//! goldform: golden images as code for Tencent Cloud.
//!
//! A manifest in YAML declares machine images, their regions and the accounts they are shared with. goldform compares
//! it with the recorded state, makes a plan whose steps are ordered by their dependencies, checks that no ordering of
//! these steps can break a rule or exceed a limit of the service, and applies the plan.
//!
//! ```text
//!  manifest.yaml ─parse─▶ Manifest ─resolve─▶ Desired ──┐
//!  state store ──load──▶ Snapshot ─────────▶ Recorded ──┼─diff─▶ Diff ─plan─▶ Plan{StepGraph} ─validate─▶ ValidPlan
//!  cloud ─observe─▶ Observed ─drift─▶ prior ────────────┘                       │                            │
//!                                                                           PlanFile (JSON)                  │
//!  ═══════════════════════════ purity ends here ════════════════════════════════════════════════════════  apply ─▶ Outcome
//! ```
//!
//! Everything above the line is synchronous and pure: same inputs, same bytes. Time, ids and randomness are
//! parameters. `apply` accepts only a [`ValidPlan`], and only `constraints::validate` returns one. The executor makes no choices: every step is complete in the
//! plan.
//!
//! # Folders
//!
//! Each folder uses only those above it. `tests/architecture.rs` checks this.
//!
//! | folder | what belongs there |
//! |---|---|
//! | [`model`] | vocabulary: ids, addresses, regions, image attributes, levels, limits, lookup criteria, digests, the clock |
//! | `diagnostics` | errors and warnings: codes, places in the manifest, suggestions, rendering |
//! | `manifest` | text to meaning: YAML → `Manifest` → `Desired`; the JSON Schema |
//! | `state` | recorded and observed state: `Snapshot`, `Recorded`, `Observed`, the journal's events, integrity |
//! | `diff` | `Desired` × prior → `Diff`, each change with its reason; drift |
//! | `plan` | `Diff` → `Plan`: steps, and a graph whose edges carry a printable reason |
//! | `constraints` | rules, one file each; `validate` → `ValidPlan` |
//! | `report` | values to text, for people and for programs. No decisions, no I/O |
//! | — | *purity ends here* |
//! | `cloud` | the image service: traits, the client that speaks its protocol, the sandbox |
//! | `backend` | storage of state: stores, locks, one conformance suite |
//! | `apply` | scheduler (a pure state machine), executor, recovery, outcome |
//! | [`engine`] | the pipeline as a library: lock, recover, observe, plan, check, execute, save |
//! | `cli` | arguments → settings → command; constructs clients, stores and printers |
//! | `testing` | shared by all tests: example manifests, a bench with a cloud in memory, scripted failures |
//!
//! # Words, one per idea
//!
//! | word | means |
//! |---|---|
//! | *desired* | declared by the manifest |
//! | *recorded* | stored in the state |
//! | *observed* | read from the service in this run |
//! | *prior* | start of a diff: the recorded state, updated by the observation if there is one |
//! | *change* | a difference that the plan removes, with its reason |
//! | *step* | one call that changes something, and the condition under which it has *settled* |
//! | *entry* | one image of the manifest, by its key |
//! | *generation* | one build of an entry; generations count up and are never used again |
//! | *placement* | an image of a generation in a region |
//! | *origin* | the placement that copies are made from |
//! | *kept* | an earlier generation that retention keeps |
//! | *unchanged* | equal to the desired state: needs no call |
//! | *adopt* | start to manage an existing image |
//! | *forget* | stop managing without deleting anything |
//! | *unmanaged* | a share or image that goldform did not make |
//! | *drift* | a difference between the observed and the recorded state |
//! | *violation* | a rule that a manifest, a plan or an observation breaks |
//! | *refusal* | an error code of the service |
//! | *error* | a failure of goldform or its environment |
//!
//! # Where to start reading
//!
//! [`model::Address`] names managed resources. `diff::diff` compares [`Desired`] with [`Recorded`]. `plan::plan` turns
//! the differences into steps, and `plan::StepGraph` contains their order. `constraints/rules/` has one file for each
//! rule. `apply::Executor` runs the plan and writes the journal. `engine/` calls all of them, and the command line calls
//! the engine. A program that embeds goldform needs the items of this page only: see [`engine`] for an example.

#![cfg_attr(
    not(feature = "testing"),
    allow(
        unreachable_pub,
        unused_imports,
        reason = "the tests of this package turn the feature on, and use more than the program does"
    )
)]

pub mod engine;
pub mod model;

pub use apply::Progress;
pub use backend::{
    FileStore, LeaseTerms, LockInfo, LockWait, MemoryStore, ObjectStateStore, StateStore, StoreError,
};
pub use cli::run;
pub use cloud::client::Client;
pub use cloud::sim::{Settings as SandboxSettings, Sim, SimTransport};
pub use cloud::{CloudError, ErrorKind, SystemClock};
pub use constraints::{Judgement, ValidPlan};
pub use diff::PlanMode;
pub use manifest::{Desired, Input, Loaded, Variables, load};
pub use plan::{Outcome, Plan, PlanFile, PlanOptions};
pub use state::{Lineage, Recorded, Snapshot};

#[cfg(feature = "testing")]
pub mod apply;
#[cfg(not(feature = "testing"))]
mod apply;
#[cfg(feature = "testing")]
pub mod backend;
#[cfg(not(feature = "testing"))]
mod backend;
#[cfg(feature = "testing")]
pub mod cli;
#[cfg(not(feature = "testing"))]
mod cli;
#[cfg(feature = "testing")]
pub mod cloud;
#[cfg(not(feature = "testing"))]
mod cloud;
#[cfg(feature = "testing")]
pub mod constraints;
#[cfg(not(feature = "testing"))]
mod constraints;
#[cfg(feature = "testing")]
pub mod diagnostics;
#[cfg(not(feature = "testing"))]
mod diagnostics;
#[cfg(feature = "testing")]
pub mod diff;
#[cfg(not(feature = "testing"))]
mod diff;
#[cfg(feature = "testing")]
pub mod manifest;
#[cfg(not(feature = "testing"))]
mod manifest;
#[cfg(feature = "testing")]
pub mod plan;
#[cfg(not(feature = "testing"))]
mod plan;
#[cfg(feature = "testing")]
pub mod report;
#[cfg(not(feature = "testing"))]
mod report;
#[cfg(feature = "testing")]
pub mod state;
#[cfg(not(feature = "testing"))]
mod state;
#[cfg(any(test, feature = "testing"))]
pub mod testing;

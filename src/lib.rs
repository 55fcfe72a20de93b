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
//! parameters. `apply` accepts only a [`ValidPlan`](constraints::ValidPlan), and only
//! [`validate`](constraints::validate) returns one. The executor makes no choices: every step is complete in the
//! plan.
//!
//! # Folders
//!
//! Each folder uses only those above it. `tests/architecture.rs` checks this.
//!
//! | folder | what belongs there |
//! |---|---|
//! | [`model`] | vocabulary: ids, addresses, regions, image attributes, levels, limits, lookup criteria, digests, the clock |
//! | [`diagnostics`] | errors and warnings: codes, places in the manifest, suggestions, rendering |
//! | [`manifest`] | text to meaning: YAML → `Manifest` → `Desired`; the JSON Schema |
//! | [`state`] | recorded and observed state: `Snapshot`, `Recorded`, `Observed`, the journal's events, integrity |
//! | [`diff`] | `Desired` × prior → `Diff`, each change with its reason; drift |
//! | [`plan`] | `Diff` → `Plan`: steps, and a graph whose edges carry a printable reason |
//! | [`constraints`] | rules, one file each; `validate` → `ValidPlan` |
//! | [`report`] | values to text, for people and for programs. No decisions, no I/O |
//! | — | *purity ends here* |
//! | [`cloud`] | the image service: traits, the client that speaks its protocol, the sandbox |
//! | [`backend`] | storage of state: stores, locks, one conformance suite |
//! | [`apply`] | scheduler (a pure state machine), executor, recovery, outcome |
//! | [`engine`] | the pipeline as a library: lock, recover, observe, plan, check, execute, save |
//! | [`cli`] | arguments → settings → command; constructs clients, stores and printers |
//! | [`testing`] | shared by all tests: example manifests, a bench with a cloud in memory, scripted failures |
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
//! [`model::Address`] names managed resources. [`diff::diff`] compares [`manifest::Desired`] with
//! [`state::Recorded`]. [`plan::plan`] turns the differences into steps, and [`plan::StepGraph`] contains their
//! order. `constraints/rules/` has one file for each rule. [`apply::Executor`] runs the plan and writes the journal.
//! `cli/commands/apply.rs` calls all of this in one function.

pub mod apply;
pub mod backend;
pub mod cli;
pub mod cloud;
pub mod constraints;
pub mod diagnostics;
pub mod diff;
pub mod engine;
pub mod manifest;
pub mod model;
pub mod plan;
pub mod report;
pub mod state;
pub mod testing;

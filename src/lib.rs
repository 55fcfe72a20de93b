//! goldform: golden images as code for Tencent Cloud.
//!
//! A manifest in YAML says which machine images there are to be, in which regions each must exist, and with which
//! accounts each is shared. goldform compares it with what it recorded, makes a plan whose steps are ordered by
//! their dependencies, proves that the plan keeps every rule of the image service in every order in which its
//! steps may run, and applies it.
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
//! [`validate`](constraints::validate) makes one. The executor makes no choices: every step is complete in the
//! plan.
//!
//! # Folders
//!
//! Each uses only those above it; `tests/architecture.rs` reads the sources and fails where one does not.
//!
//! | folder | what belongs there |
//! |---|---|
//! | [`model`] | vocabulary: ids, addresses, regions, image attributes, levels, limits, lookup criteria, digests, the clock |
//! | [`diagnostics`] | the shape of what we tell the user: diagnostics, places, "did you mean" |
//! | [`manifest`] | text to meaning: YAML → `Manifest` → `Desired`; the JSON Schema |
//! | [`state`] | what we believe: `Snapshot`, `Recorded`, `Observed`, the journal's events, integrity |
//! | [`diff`] | `Desired` × prior → `Diff`, each change with its reason; drift |
//! | [`plan`] | `Diff` → `Plan`: steps, and a graph whose edges carry a printable reason |
//! | [`constraints`] | is every world on the way allowed? One file per rule; `validate` → `ValidPlan` |
//! | [`report`] | values to text, for people and for programs. No decisions, no I/O |
//! | — | *purity ends here* |
//! | [`cloud`] | the image service: traits, the client that speaks its protocol, the sandbox |
//! | [`backend`] | where state is kept: stores, locks, one conformance suite |
//! | [`apply`] | scheduler (a pure state machine), executor, recovery, outcome |
//! | [`engine`] | the pipeline as a library: lock, recover, observe, plan, check, execute, save |
//! | [`cli`] | arguments → settings → command; the only place that wires things |
//! | [`testing`] | shared by all tests: example manifests, a bench with a cloud in memory, scripted deaths |
//!
//! # Words, one per idea
//!
//! | word | means |
//! |---|---|
//! | *desired* | what the manifest asks for |
//! | *recorded* | what we wrote down: the state |
//! | *observed* | what the service said just now |
//! | *prior* | what a diff starts from: recorded, after a look at the cloud where there was one |
//! | *change* | a wanted difference, with its reason |
//! | *step* | one call that changes something, and the condition under which it has *settled* |
//! | *entry* | one image of the manifest, by its key |
//! | *generation* | one build of an entry; generations count up and are never used again |
//! | *placement* | an image of a generation in a region |
//! | *origin* | the placement that copies are made from |
//! | *kept* | an earlier generation that retention keeps |
//! | *unchanged* | as it is wanted: nothing is called |
//! | *adopt* | take over what exists |
//! | *forget* | stop managing, and delete nothing |
//! | *unmanaged* | a share or image that goldform did not make |
//! | *drift* | observed and not as recorded |
//! | *violation* | of a rule |
//! | *refusal* | by the cloud |
//! | *error* | ours, or the environment's |
//!
//! # Where to start reading
//!
//! [`model::Address`] is how things are named, [`manifest::Desired`] and [`state::Recorded`] are the two sides
//! that [`diff::diff`] compares. [`plan::plan`] makes steps of it, [`plan::StepGraph`] holds their order, and
//! `constraints/rules/` has one file for each thing that can be wrong with it. [`apply::Executor`] walks the
//! plan and writes the journal. `cli/commands/apply.rs` is all of that in one function.

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

//! All integration tests, in one program: each part alone would link SQLite and TLS again.
//!
//! `tests/README.md` says what each part is for, how to run one of them, and how to bless what they compare.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::disallowed_methods,
    missing_docs,
    unreachable_pub,
    reason = "a test fails by panicking, says what it counted, and has no public interface"
)]

mod architecture;
mod cli;
mod commands;
mod common;
mod constraints;
mod faults;
mod goldens;
mod hostile_manifests;
mod keys;
mod kill;
mod lives;
mod manifest;
mod properties;
mod security;
mod slots;
mod targets;
mod wire;
mod words;

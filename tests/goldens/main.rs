//! What is published and must not go stale: the examples, and the pages with their tables, pictures and printouts.
//!
//! ```text
//!  examples    the manifests of examples/        reference   tables that are generated: keys, rules, codes
//!  pages       every page in Markdown            sync        one text with what is generated and printed in it
//! ```
//!
//! Regenerate with `GOLDFORM_BLESS=1 cargo test --test goldens`.

#![allow(unreachable_pub, reason = "a test has no public interface")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a test that cannot go on fails"
)]

#[path = "../common/mod.rs"]
mod common;
mod examples;
mod pages;
mod reference;
mod sync;

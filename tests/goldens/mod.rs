//! What is published and must not go stale: the examples, and the pages with their tables, pictures and printouts.
//!
//! ```text
//!  examples    the manifests of examples/        reference   tables that are generated: keys, rules, codes
//!  platform    the plan, the comment, the page and the result of the largest example
//!  pages       every page in Markdown            sync        one text with what is generated and printed in it
//! ```
//!
//! Regenerate with `INSTA_UPDATE=always cargo test --test it goldens::`.

mod examples;
mod pages;
mod platform;
mod reference;
mod sync;

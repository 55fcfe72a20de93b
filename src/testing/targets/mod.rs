//! What must hold for any bytes, one function for each kind of input.
//!
//! A function panics if a property does not hold. The fuzz targets in `.fuzz` call these functions with the bytes of
//! libFuzzer, and `tests/targets.rs` with the committed corpus and seeded mutations of it. So there is one home for the
//! properties, and a bounded run of each is part of `cargo test`.

mod files;
mod inert;
mod journal;
mod manifest;
mod response;
mod server;
mod storage;

/// Function that checks its property for any bytes.
pub type Target = fn(&[u8]);

/// All targets by name. The corpus of each is `.fuzz/corpus/NAME`.
pub const TARGETS: &[(&str, Target)] = &[
    ("manifest", manifest::manifest),
    ("variables", files::variables),
    ("state", files::state),
    ("plan_file", files::plan_file),
    ("journal", journal::journal),
    ("response", response::response),
    ("signature_header", server::signature_header),
    ("served_request", server::served_request),
    ("object_listing", storage::object_listing),
];

/// Checks the property of a target.
pub fn check(name: &str, bytes: &[u8]) {
    let (_, target) = TARGETS.iter().find(|(known, _)| *known == name).expect("a target of this name");
    target(bytes);
}

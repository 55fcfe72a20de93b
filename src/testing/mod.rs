//! Shared by all tests: manifests from text, a bench with a sandbox in memory, scripted deaths.
//!
//! Not part of the public interface.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
#![allow(missing_docs, reason = "the names say it, and only tests read it")]

pub mod bench;
pub mod death;
pub mod storage;
pub mod targets;
pub mod walker;
pub mod watched;
pub mod worlds;

use crate::diagnostics::Severity;
use crate::manifest::{self, Desired, Input, Variables};

pub use bench::{Applied, Bench, LINEAGE, TokioClock};
pub use death::{Death, When};
pub use storage::{FaultyStorage, StorageFault};
pub use walker::{Move, Refused, Walker};
pub use watched::Stored;

/// What a manifest means. Panics where it has errors: for tests whose subject is something else.
pub fn desired(yaml: &str) -> Desired {
    let input = Input { name: "goldform.yaml".to_owned(), bytes: yaml.as_bytes().to_vec() };
    let loaded = manifest::load(vec![input], &Variables::default());
    let errors: Vec<_> = loaded
        .diagnostics
        .iter()
        .filter(|diagnostic| diagnostic.severity == Severity::Error)
        .map(|diagnostic| format!("{}: {}", diagnostic.code, diagnostic.detail))
        .collect();
    assert!(errors.is_empty(), "the manifest has errors:\n{}\n{yaml}", errors.join("\n"));
    loaded.desired.unwrap()
}

/// The manifest that tests break in one way each: two images, three regions, two partners.
pub const EXAMPLE: &str = r#"
version: 1
account: "100000000001"
accounts: { partner: "200000000001", staging: "200000000002" }
images:
  web:
    region: ap-jakarta
    name: web-{generation}
    description: Ubuntu with nginx
    source: { revision: "1", instance: { id: ins-8f3a1c2d } }
    copies: [ap-singapore, ap-tokyo]
    keep: 0
  db:
    region: ap-jakarta
    name: db-{generation}
    source: { snapshots: [snap-2f3a1c2d] }
    keep: { at_most: 0 }
shares:
  - { image: web, with: [partner, staging] }
  - { image: db, with: [partner] }
"#;

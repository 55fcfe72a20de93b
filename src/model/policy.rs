//! How the generations of an entry replace each other.

use serde::{Deserialize, Serialize};

/// Order in which a new generation replaces the old one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum ReplaceOrder {
    /// Create first. Delete first only in regions that have no slot for both.
    #[default]
    Auto,
    /// Create first, or refuse the plan.
    CreateFirst,
    /// Delete first: no image exists until the new one is ready.
    DeleteFirst,
}

/// Number and age of earlier generations that are kept.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Keep {
    /// Number that is always kept.
    pub generations: u32,
    /// Days for which further ones are kept after they were superseded. `None`: not at all.
    pub days: Option<u32>,
}

/// Whether the owner can change an image while it is shared (the documents disagree: 213/15713).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SharedImageEdits {
    /// The service accepts the change.
    Allowed,
    /// The service refuses the change: goldform unshares, changes and shares again.
    Refused,
}

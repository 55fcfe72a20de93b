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

/// Earlier generations that are kept, counted by region.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Keep {
    /// The newest ones, which are always kept.
    pub at_least: u32,
    /// Number up to which further ones are kept, as long as the region has a slot for them. `None`: no bound.
    pub at_most: Option<u32>,
    /// Days for which further ones are kept after they were superseded. `None`: no bound.
    pub days: Option<u32>,
}

impl Keep {
    /// Keeps no earlier generation.
    pub const NOTHING: Self = Self { at_least: 0, at_most: Some(0), days: None };
}

impl Default for Keep {
    /// The image that was replaced last, so that one can go back to it.
    fn default() -> Self {
        Self { at_least: 0, at_most: Some(1), days: None }
    }
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

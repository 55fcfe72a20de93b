//! Levels of rules.

use serde::{Deserialize, Serialize};

/// Effect of a rule that is violated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Level {
    /// Nothing is reported.
    Allow,
    /// Reported; the plan stays valid.
    Warn,
    /// The plan is refused.
    Deny,
}

impl Level {
    /// Returns `allow`, `warn` or `deny`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Warn => "warn",
            Self::Deny => "deny",
        }
    }
}

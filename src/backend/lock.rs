//! Who writes, and how long to wait for them.

use std::fmt;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Who holds a lock, and what for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LockInfo {
    /// The user and host.
    pub owner: String,
    /// The process.
    pub pid: u32,
    /// The command.
    pub operation: String,
    /// Since when.
    pub since: Timestamp,
}

impl fmt::Display for LockInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { owner, pid, operation, since } = self;
        let since = since.strftime("%Y-%m-%d %H:%M:%S UTC");
        write!(f, "{owner} (process {pid}, `goldform {operation}`, since {since})")
    }
}

/// How long to wait for a lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LockWait(pub Duration);

impl LockWait {
    /// Not at all.
    pub const NONE: Self = Self(Duration::ZERO);
    /// Between two tries.
    pub const TICK: Duration = Duration::from_millis(50);
}

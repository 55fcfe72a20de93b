//! Who writes, and how long to wait for them.

use std::fmt;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::state::Written;

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

impl LockInfo {
    /// Returns what a snapshot that the holder writes at this time says of it.
    pub(super) fn written(&self, at: Timestamp) -> Written {
        Written { at, by: self.owner.as_str().into(), command: self.operation.as_str().into() }
    }
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

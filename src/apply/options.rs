//! How a run is limited and stopped.

use std::time::Duration;

use jiff::SignedDuration;

use crate::state::evidence::MAY_BE_EXECUTED_FOR;

/// Limits of concurrency and of waiting.
#[derive(Debug, Clone, Copy)]
pub struct ExecutorOptions {
    /// Maximum number of concurrent calls.
    pub parallelism: usize,
    /// Time that a step may take to settle. A busy answer is retried as long.
    pub settle_timeout: Duration,
    /// How long an image whose making was sent more than once keeps its name (`apply::kept_names`). Zero for the
    /// sandbox in this process, where no call is under way when the run ends.
    pub keep_names_for: SignedDuration,
}

impl Default for ExecutorOptions {
    fn default() -> Self {
        Self {
            parallelism: 10,
            settle_timeout: Duration::from_secs(2 * 60 * 60),
            keep_names_for: MAY_BE_EXECUTED_FOR,
        }
    }
}

/// Request to stop a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Shutdown {
    /// The run continues.
    No,
    /// Nothing new is started. Running steps settle.
    Gently,
    /// The run ends at once, after what is known is recorded.
    Now,
}

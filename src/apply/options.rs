//! How a run is limited and stopped.

use std::time::Duration;

/// Limits of concurrency and of waiting.
#[derive(Debug, Clone, Copy)]
pub struct ExecutorOptions {
    /// Maximum number of concurrent calls.
    pub parallelism: usize,
    /// Time that a step may take to settle. A busy answer is retried as long.
    pub settle_timeout: Duration,
}

impl Default for ExecutorOptions {
    fn default() -> Self {
        Self { parallelism: 10, settle_timeout: Duration::from_secs(2 * 60 * 60) }
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

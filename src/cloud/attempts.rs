//! Budget of attempts that all retries of a call share.
//!
//! Two places retry a call: the transport retries calls that were certainly not executed, and the executor retries
//! others after it has journaled the failure. Both count here, so that their attempts do not multiply.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

tokio::task_local! {
    static CURRENT: Attempts;
}

/// Failed attempts of one call. Throttled ones do not count.
#[derive(Debug, Clone, Default)]
pub struct Attempts(Arc<AtomicU32>);

impl Attempts {
    /// Maximum number of attempts of one call. It is small, so that a machine without a network gets its error within
    /// seconds.
    pub const MAX: u32 = 5;

    /// Returns the attempts of the write that this task sends, or a new count outside a [scope](Self::scope).
    pub fn current() -> Self {
        CURRENT.try_with(Clone::clone).unwrap_or_default()
    }

    /// Runs a call whose attempts are counted here.
    pub async fn scope<F: Future>(self, call: F) -> F::Output {
        CURRENT.scope(self, call).await
    }

    /// Counts a failed attempt. Returns its number, or `None` if it was the last one.
    pub fn record_failure(&self, max: u32) -> Option<u32> {
        let number = self.0.fetch_add(1, Ordering::Relaxed).saturating_add(1);
        (number < max).then_some(number)
    }
}

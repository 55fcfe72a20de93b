//! The one budget from which everything that repeats a call draws.
//!
//! A call is repeated in two places: the transport repeats what was surely not executed, and the executor repeats what
//! may have been, once that is journalled. Both count here, so that the two never multiply.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

tokio::task_local! {
    static OF_THIS_CALL: Attempts;
}

/// Failed attempts of one call. Throttled ones do not count: they wait, and cost the service nothing.
#[derive(Debug, Clone, Default)]
pub struct Attempts(Arc<AtomicU32>);

impl Attempts {
    /// Limit of attempts of one call: a machine without a network gets its error within seconds.
    pub const MOST: u32 = 5;

    /// Returns the attempts of the write that this task sends; without a [scope](Self::scope), a new count.
    pub fn of_this_call() -> Self {
        OF_THIS_CALL.try_with(Clone::clone).unwrap_or_default()
    }

    /// Runs a call whose attempts are counted here.
    pub async fn scope<F: Future>(self, call: F) -> F::Output {
        OF_THIS_CALL.scope(self, call).await
    }

    /// Counts a failed attempt. Returns its number where another one may follow, `None` where it was the last.
    pub fn failed(&self, most: u32) -> Option<u32> {
        let number = self.0.fetch_add(1, Ordering::Relaxed).saturating_add(1);
        (number < most).then_some(number)
    }

    /// Starts the count again, after an answer that is no failure.
    pub fn answered(&self) {
        self.0.store(0, Ordering::Relaxed);
    }
}

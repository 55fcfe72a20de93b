//! Calls that the HTTP server rejects before they reach the world.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;

use crate::cloud::sim::refusal::Refusal;

/// Number of rejected calls that the page shows.
const KEPT: usize = 20;

/// A call that did not reach the world.
#[derive(Debug, Clone)]
pub(super) struct RejectedCall {
    /// Time of the call.
    pub(super) at: Timestamp,
    /// `X-TC-Action`. Empty: missing.
    pub(super) action: String,
    /// Error code of the answer.
    pub(super) code: String,
}

/// Count of all rejected calls, and the last of them.
#[derive(Debug, Default)]
pub(super) struct RejectedCalls {
    count: AtomicU64,
    last: Mutex<VecDeque<RejectedCall>>,
}

impl RejectedCalls {
    /// Adds a call. Returns how many calls were rejected before it.
    pub(super) fn add(&self, at: Timestamp, action: String, refusal: &Refusal) -> u64 {
        let code = refusal.code.clone().into_owned();
        tracing::info!(action, code, "call rejected");
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        last.truncate(KEPT - 1);
        last.push_front(RejectedCall { at, action, code });
        self.count.fetch_add(1, Ordering::Relaxed)
    }

    /// Returns the last rejected calls, newest first.
    pub(super) fn last(&self) -> Vec<RejectedCall> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }
}

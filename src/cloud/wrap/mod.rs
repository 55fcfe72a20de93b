//! Rate limiting, retries and call logging around a [`Transport`].
//!
//! ```text
//!  Client ─▶ RetryingTransport ─▶ wait for a slot ─▶ send ─▶ log ─▶ retry? ─▶ answer
//!               ▲        (rate_limiter, rates)            │ (retry)
//!               └──────── pause ◀─────────────────────────┘
//! ```
//!
//! Invariants:
//! - **A write that may have been executed is never sent again.** A throttled request and one that found no connection
//!   were not executed, so reads and writes are both retried. A write with an unknown outcome is returned to its
//!   caller, which checks the cloud first. Both draw from [one budget](super::Attempts).
//! - A busy answer is not retried here: the caller decides how long to wait.
//! - Calls of one action in one region are spaced evenly at the documented rate from the first call on. If the service
//!   still throttles, they slow down, and later speed up step by step.
//! - The log contains the action and the outcome of each call, but no body, header or message: a message may repeat a
//!   signed URL.
//!
//! Time comes from tokio, so that tests can control it. Randomness comes from a seed of the caller.

use std::sync::Arc;

use async_trait::async_trait;
use tokio::time::Instant;
use tracing::Instrument as _;

use super::client::codes;
use super::client::envelope;
use super::client::wire::Effect;
use super::{ErrorKind, Request, Transport, TransportError};

mod log;
mod rate_limiter;
mod rates;
mod retry;

pub use rates::RateLimits;
pub use retry::RetryPolicy;

use rate_limiter::{RateKey, RateLimiter};
use retry::{AttemptOutcome, Budget, Jitter, RetryState};

/// Transport that limits the rate of calls, retries them and logs them. See the module's documentation.
pub struct RetryingTransport {
    inner: Arc<dyn Transport>,
    limiter: RateLimiter,
    policy: RetryPolicy,
    budget: Budget,
    jitter: Jitter,
}

impl RetryingTransport {
    /// Wraps a transport. The seed makes the pauses of concurrent programs differ.
    pub fn new(inner: Arc<dyn Transport>, rates: RateLimits, policy: RetryPolicy, seed: u64) -> Self {
        Self {
            inner,
            limiter: RateLimiter::new(rates),
            budget: Budget::full(),
            policy,
            jitter: Jitter::from_seed(seed),
        }
    }
}

impl std::fmt::Debug for RetryingTransport {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RetryingTransport").field("policy", &self.policy).finish_non_exhaustive()
    }
}

#[async_trait]
impl Transport for RetryingTransport {
    async fn send(&self, request: Request) -> Result<Vec<u8>, TransportError> {
        let effect = Effect::of(&request.action);
        let key = RateKey::of(&request);
        let mut state = RetryState::new(effect);
        // The deadline does not include the wait for the first slot: nothing has failed yet.
        let mut deadline = None;
        loop {
            self.limiter.wait(&key).await;
            let sent = Instant::now();
            let deadline = *deadline.get_or_insert(sent + self.policy.deadline);
            let attempt = state.count() + 1;
            let span = tracing::debug_span!("call", action = %request.action, attempt);
            let result = self.inner.send(request.clone()).instrument(span).await;
            let outcome = AttemptOutcome::of(&result, effect);
            log::call(&request, attempt, sent.elapsed(), &outcome);
            self.limiter.record_outcome(&key, outcome.kind, sent);
            self.budget.record_outcome(outcome.kind);
            let pause = state.next(&self.policy, effect, &outcome, || self.jitter.next());
            let Some(pause) = pause else { return result };
            if Instant::now() + pause >= deadline || !self.budget.allows(outcome.kind) {
                log::given_up(&request, attempt, &outcome);
                return result;
            }
            tokio::time::sleep(pause).await;
        }
    }
}

impl AttemptOutcome {
    /// Returns the outcome of an attempt that ended with a result of the transport.
    fn of(result: &Result<Vec<u8>, TransportError>, effect: Effect) -> Self {
        let plain = |kind| Self { kind: Some(kind), code: None, request_id: None };
        match result {
            Err(TransportError::NotSent(_)) => plain(ErrorKind::Unreachable),
            Err(TransportError::NoCredentials(_)) => plain(ErrorKind::Credentials),
            Err(TransportError::LockLost(_)) => plain(ErrorKind::LockLost),
            Err(TransportError::OutcomeUnknown(_)) => plain(ErrorKind::OutcomeUnknown),
            Ok(bytes) => match envelope::status(bytes) {
                Err(envelope::MalformedResponse(_)) => plain(ErrorKind::MalformedResponse),
                Ok(envelope::ResponseStatus { refusal, request_id }) => {
                    let code = refusal.map(|refusal| refusal.code);
                    Self { kind: code.as_deref().map(|code| codes::kind_of(code, effect)), code, request_id }
                }
            },
        }
    }
}

#[cfg(test)]
mod tests;

//! Good manners towards the service: a transport around a transport that paces, retries and keeps a log.
//!
//! ```text
//!  Client ─▶ RetryingTransport ─▶ wait for a slot ─▶ send ─▶ log ─▶ judge ─▶ answer
//!               ▲        (pace, rates)                    │ (retry)
//!               └──────── back off ◀──────────────────────┘
//! ```
//!
//! What holds:
//! - **What may have been executed is never sent again, unless it only reads.** A throttled request was refused and
//!   one that found no connection was not sent: both are repeated whatever they do. A write whose outcome is unknown
//!   is returned as that: its caller looks, then decides. Both draw from [one budget](super::Attempts).
//! - A busy answer is an answer: how long to wait for what is the caller's policy.
//! - Calls of one action in one region are spread evenly at the documented rate from the first one on; when the
//!   service throttles all the same they slow down, and come back up bit by bit.
//! - The log names what was called and how it ended, and nothing that was said: no body, no header, no message (a
//!   refusal may repeat a signed URL).
//!
//! Time is tokio's, so that tests can move it; randomness is a seed that the caller gives.

use std::sync::Arc;

use async_trait::async_trait;
use tokio::time::Instant;
use tracing::Instrument as _;

use super::client::codes;
use super::client::envelope;
use super::client::wire::Effect;
use super::{ErrorKind, Request, Transport, TransportError};

mod log;
mod pace;
mod rates;
mod retry;

pub use rates::Rates;
pub use retry::Policy;

use pace::RateLimiter;
use retry::{AttemptOutcome, Budget, Jitter};

/// A transport with manners; see the module's guide.
pub struct RetryingTransport {
    inner: Arc<dyn Transport>,
    pace: RateLimiter,
    policy: Policy,
    budget: Budget,
    jitter: Jitter,
}

impl RetryingTransport {
    /// Wraps a transport. The seed spreads the pauses of programs that run at once.
    pub fn around(inner: Arc<dyn Transport>, rates: Rates, policy: Policy, seed: u64) -> Self {
        Self {
            inner,
            pace: RateLimiter::at(rates),
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
        let lane = pace::RateKey::of(&request);
        let mut tries = retry::RetryState::of(effect);
        // Queueing for the first slot is no part of the deadline: it is the pace, and nothing went wrong yet.
        let mut deadline = None;
        loop {
            self.pace.wait(&lane).await;
            let sent = Instant::now();
            let deadline = *deadline.get_or_insert(sent + self.policy.deadline);
            let attempt = tries.count() + 1;
            let span = tracing::debug_span!("call", action = %request.action, attempt);
            let result = self.inner.send(request.clone()).instrument(span).await;
            let ending = AttemptOutcome::of(&result, effect);
            log::call(&request, attempt, sent.elapsed(), &ending);
            self.pace.heed(&lane, ending.kind, sent);
            self.budget.heed(ending.kind);
            let pause = tries.next(&self.policy, effect, &ending, || self.jitter.next());
            let Some(pause) = pause else { return result };
            if Instant::now() + pause >= deadline || !self.budget.allows(ending.kind) {
                log::given_up(&request, attempt, &ending);
                return result;
            }
            tokio::time::sleep(pause).await;
        }
    }
}

impl AttemptOutcome {
    /// How a request ended, from what came back.
    fn of(result: &Result<Vec<u8>, TransportError>, effect: Effect) -> Self {
        let plain = |kind| Self { kind: Some(kind), code: None, request_id: None };
        match result {
            Err(TransportError::NotSent(_)) => plain(ErrorKind::Unreachable),
            Err(TransportError::NoCredentials(_)) => plain(ErrorKind::Credentials),
            Err(TransportError::OutcomeUnknown(_)) => plain(ErrorKind::OutcomeUnknown),
            Ok(bytes) => match envelope::verdict(bytes) {
                Err(envelope::Unreadable(_)) => plain(ErrorKind::MalformedResponse),
                Ok(envelope::Verdict { refusal, request_id }) => {
                    let code = refusal.map(|refusal| refusal.code);
                    Self { kind: code.as_deref().map(|code| codes::kind_of(code, effect)), code, request_id }
                }
            },
        }
    }
}

#[cfg(test)]
mod tests;

//! Decides whether a call is retried, and after which pause.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use compact_str::CompactString;

use crate::cloud::client::wire::Effect;
use crate::cloud::{Attempts, ErrorKind};

/// Limits of the retries of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RetryPolicy {
    /// Maximum time from the first attempt to the start of the last one. Throttled calls are retried until then.
    pub deadline: Duration,
    /// Maximum number of attempts that fail for another reason than throttling.
    pub attempts: u32,
    /// Pause before the second attempt, without jitter. It doubles with each attempt.
    pub first_pause: Duration,
    /// Maximum pause.
    pub longest_pause: Duration,
}

impl Default for RetryPolicy {
    /// Returns a limit of three minutes, as the Terraform provider has for reads.
    fn default() -> Self {
        Self {
            deadline: Duration::from_secs(180),
            attempts: Attempts::MAX,
            first_pause: Duration::from_millis(500),
            longest_pause: Duration::from_secs(20),
        }
    }
}

/// Outcome of one attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct AttemptOutcome {
    /// Kind of the error. `None`: success.
    pub(super) kind: Option<ErrorKind>,
    /// Error code of the service.
    pub(super) code: Option<CompactString>,
    /// Request id of the answer.
    pub(super) request_id: Option<CompactString>,
}

/// Attempts of one call so far.
#[derive(Debug, Default)]
pub(super) struct RetryState {
    sent: u32,
    throttled: u32,
    failed: Attempts,
    renewed: bool,
}

impl RetryState {
    /// Returns the state before the first attempt. A write shares its count with the executor, which may retry it too.
    pub(super) fn new(effect: Effect) -> Self {
        match effect {
            Effect::Write => Self { failed: Attempts::current(), ..Self::default() },
            Effect::Read => Self::default(),
        }
    }

    /// Returns the number of attempts that have ended.
    pub(super) fn count(&self) -> u32 {
        self.sent
    }

    /// Counts an attempt and returns the pause before the next one. `None`: the attempt was the last one.
    pub(super) fn next(
        &mut self,
        policy: &RetryPolicy,
        effect: Effect,
        outcome: &AttemptOutcome,
        jitter: impl FnOnce() -> f64,
    ) -> Option<Duration> {
        self.sent = self.sent.saturating_add(1);
        let kind = outcome.kind?;
        if kind == ErrorKind::Throttled {
            self.throttled = self.throttled.saturating_add(1);
            return Some(pause(policy, self.throttled, jitter()));
        }
        // The transport drops a token that the service refuses as expired, and the next attempt uses a new one. The
        // refused request was not executed.
        if outcome.code.as_deref() == Some("AuthFailure.TokenFailure") && !self.renewed {
            self.renewed = true;
            return Some(Duration::ZERO);
        }
        let is_repeatable = kind.was_not_executed() || (effect == Effect::Read && kind.may_have_executed());
        if !is_repeatable {
            return None;
        }
        self.failed.record_failure(policy.attempts).map(|number| pause(policy, number, jitter()))
    }
}

/// Returns half of the pause before an attempt to all of it, depending on the jitter.
fn pause(policy: &RetryPolicy, attempt: u32, jitter: f64) -> Duration {
    let doubled = policy.first_pause.saturating_mul(1 << attempt.saturating_sub(1).min(20));
    doubled.min(policy.longest_pause).mul_f64(0.5 + 0.5 * jitter.clamp(0.0, 1.0))
}

/// Budget for the retries of all calls, so that an unavailable service does not receive five times as many calls.
///
/// Each retry after a failure costs one, and each successful call refunds a tenth.
#[derive(Debug)]
pub(super) struct Budget(Mutex<f64>);

impl Budget {
    const FULL: f64 = 50.0;
    const REFUND: f64 = 0.1;

    pub(super) fn full() -> Self {
        Self(Mutex::new(Self::FULL))
    }

    /// Refunds a part of a retry if an attempt succeeded.
    pub(super) fn record_outcome(&self, kind: Option<ErrorKind>) {
        if kind.is_none() {
            let mut left = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            *left = (*left + Self::REFUND).min(Self::FULL);
        }
    }

    /// Spends a retry and returns whether the budget allowed it. Retries after throttling are free: the rate limiter
    /// slows them down.
    pub(super) fn allows(&self, kind: Option<ErrorKind>) -> bool {
        if kind == Some(ErrorKind::Throttled) {
            return true;
        }
        let mut left = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let allowed = *left >= 1.0;
        if allowed {
            *left -= 1.0;
        }
        allowed
    }
}

/// Random numbers from 0 to 1, so that concurrent programs do not pause in step.
#[derive(Debug)]
pub(super) struct Jitter(Mutex<fastrand::Rng>);

impl Jitter {
    pub(super) fn from_seed(seed: u64) -> Self {
        Self(Mutex::new(fastrand::Rng::with_seed(seed)))
    }

    pub(super) fn next(&self) -> f64 {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).f64()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(kind: ErrorKind) -> AttemptOutcome {
        AttemptOutcome { kind: Some(kind), code: None, request_id: None }
    }

    /// Returns how often a call with this outcome is sent, at most 100.
    fn attempts(effect: Effect, outcome: &AttemptOutcome) -> u32 {
        let (policy, mut state) = (RetryPolicy::default(), RetryState::default());
        (1..100).find(|_| state.next(&policy, effect, outcome, || 1.0).is_none()).unwrap_or(100)
    }

    #[test]
    fn only_calls_that_were_not_executed_and_reads_are_retried() {
        use ErrorKind::{
            Busy, Clock, Credentials, Internal, Invalid, MalformedResponse, OutcomeUnknown, Throttled,
            Unreachable,
        };
        for (kind, reads, writes) in [
            (Throttled, 100, 100),
            (Unreachable, 5, 5),
            (Internal, 5, 1),
            (OutcomeUnknown, 5, 1),
            (MalformedResponse, 5, 1),
            (Busy, 1, 1),
            (Invalid, 1, 1),
            (Credentials, 1, 1),
            (Clock, 1, 1),
        ] {
            assert_eq!(attempts(Effect::Read, &outcome(kind)), reads, "{kind:?}");
            assert_eq!(attempts(Effect::Write, &outcome(kind)), writes, "{kind:?}");
        }
    }

    #[test]
    fn an_expired_token_is_renewed_once() {
        let expired = AttemptOutcome {
            code: Some("AuthFailure.TokenFailure".into()),
            ..outcome(ErrorKind::Credentials)
        };
        assert_eq!(attempts(Effect::Write, &expired), 2);
    }

    #[test]
    fn pauses_double_up_to_the_longest_and_vary_by_half() {
        let policy = RetryPolicy::default();
        let pauses: Vec<_> = (1..9).map(|attempt| pause(&policy, attempt, 1.0).as_millis()).collect();
        assert_eq!(pauses, [500, 1000, 2000, 4000, 8000, 16_000, 20_000, 20_000]);
        assert_eq!(pause(&policy, 1, 0.0).as_millis(), 250);
        assert_eq!(pause(&policy, u32::MAX, 0.5).as_millis(), 15_000);
    }

    #[test]
    fn successful_calls_refund_the_budget() {
        let budget = Budget::full();
        let failures = (0..100).filter(|_| budget.allows(Some(ErrorKind::Unreachable))).count();
        assert_eq!(failures, 50);
        assert!(budget.allows(Some(ErrorKind::Throttled)));
        for _ in 0..11 {
            budget.record_outcome(None);
        }
        assert!(budget.allows(Some(ErrorKind::Internal)));
        assert!(!budget.allows(Some(ErrorKind::Internal)));
    }

    #[test]
    fn jitter_is_from_0_to_1_and_depends_on_the_seed_only() {
        let numbers = |seed| {
            let jitter = Jitter::from_seed(seed);
            (0..1000).map(|_| jitter.next()).collect::<Vec<_>>()
        };
        let first = numbers(7);
        assert!(first.iter().all(|n| (0.0..1.0).contains(n)));
        let mean = first.iter().sum::<f64>() / 1000.0;
        assert!((0.45..0.55).contains(&mean), "{mean}");
        assert_eq!(first, numbers(7));
        assert_ne!(first, numbers(8));
    }
}

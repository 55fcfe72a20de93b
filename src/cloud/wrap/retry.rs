//! When to send again, and how long to wait before.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use compact_str::CompactString;

use crate::cloud::client::wire::Effect;
use crate::cloud::{Attempts, ErrorKind};

/// How often and how long a call is repeated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// Longest time from the first attempt to the start of the last one. Throttled calls are repeated until then.
    pub deadline: Duration,
    /// Attempts in all where something fails other than by throttling.
    pub attempts: u32,
    /// The pause before the second attempt, before jitter; it doubles each time.
    pub first_pause: Duration,
    /// The longest pause.
    pub longest_pause: Duration,
}

impl Default for Policy {
    /// Three minutes, as the Terraform provider allows for reads.
    fn default() -> Self {
        Self {
            deadline: Duration::from_secs(180),
            attempts: Attempts::MOST,
            first_pause: Duration::from_millis(500),
            longest_pause: Duration::from_secs(20),
        }
    }
}

/// How one attempt ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct AttemptOutcome {
    /// What a failure means; nothing: it did what was asked.
    pub(super) kind: Option<ErrorKind>,
    /// The error code.
    pub(super) code: Option<CompactString>,
    /// The service's id of the request.
    pub(super) request_id: Option<CompactString>,
}

/// The attempts of one call so far.
#[derive(Debug, Default)]
pub(super) struct RetryState {
    sent: u32,
    throttled: u32,
    failed: Attempts,
    renewed: bool,
}

impl RetryState {
    /// Starts counting. A write shares its count with whoever repeats it after a doubt.
    pub(super) fn of(effect: Effect) -> Self {
        match effect {
            Effect::Write => Self { failed: Attempts::of_this_call(), ..Self::default() },
            Effect::Read => Self::default(),
        }
    }

    /// Returns how many attempts have ended.
    pub(super) fn count(&self) -> u32 {
        self.sent
    }

    /// Counts an attempt and says how long to wait before the next; nothing: this was the last.
    pub(super) fn next(
        &mut self,
        policy: &Policy,
        effect: Effect,
        ending: &AttemptOutcome,
        jitter: impl FnOnce() -> f64,
    ) -> Option<Duration> {
        self.sent = self.sent.saturating_add(1);
        let kind = ending.kind?;
        if kind == ErrorKind::Throttled {
            self.throttled = self.throttled.saturating_add(1);
            return Some(pause(policy, self.throttled, jitter()));
        }
        // The transport forgets a token that was refused as expired; the next attempt brings a new one. It was
        // refused before anything was done.
        if ending.code.as_deref() == Some("AuthFailure.TokenFailure") && !self.renewed {
            self.renewed = true;
            return Some(Duration::ZERO);
        }
        let harmless = kind.was_not_executed() || (effect == Effect::Read && kind.may_have_executed());
        if !harmless {
            return None;
        }
        self.failed.failed(policy.attempts).map(|number| pause(policy, number, jitter()))
    }
}

/// Between half and all of the pause, which doubles from one attempt to the next.
fn pause(policy: &Policy, attempt: u32, jitter: f64) -> Duration {
    let doubled = policy.first_pause.saturating_mul(1 << attempt.saturating_sub(1).min(20));
    doubled.min(policy.longest_pause).mul_f64(0.5 + 0.5 * jitter.clamp(0.0, 1.0))
}

/// Retries of all calls together: a service that is down is not called five times as often as one that is up.
///
/// Each repetition after a failure takes one from it, each call that works gives a tenth back.
#[derive(Debug)]
pub(super) struct Budget(Mutex<f64>);

impl Budget {
    const FULL: f64 = 50.0;
    const REFUND: f64 = 0.1;

    pub(super) fn full() -> Self {
        Self(Mutex::new(Self::FULL))
    }

    /// Learns from how an attempt ended.
    pub(super) fn heed(&self, kind: Option<ErrorKind>) {
        if kind.is_none() {
            let mut left = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            *left = (*left + Self::REFUND).min(Self::FULL);
        }
    }

    /// Takes a repetition from the budget, where there is one. Throttling is the pace's business and costs nothing.
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

/// Numbers between 0 and 1 that look random (SplitMix64): enough to keep programs from pausing in step.
#[derive(Debug)]
pub(super) struct Jitter(AtomicU64);

impl Jitter {
    pub(super) fn from_seed(seed: u64) -> Self {
        Self(AtomicU64::new(seed))
    }

    pub(super) fn next(&self) -> f64 {
        let mut z =
            self.0.fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::Relaxed).wrapping_add(0x9e37_79b9_7f4a_7c15);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^= z >> 31;
        // The upper 32 bits, which a float holds exactly.
        let upper = u32::try_from(z >> 32).unwrap_or(u32::MAX);
        f64::from(upper) / (f64::from(u32::MAX) + 1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ending(kind: ErrorKind) -> AttemptOutcome {
        AttemptOutcome { kind: Some(kind), code: None, request_id: None }
    }

    /// How often a call that always ends so is sent, up to a hundred times.
    fn attempts(effect: Effect, ending: &AttemptOutcome) -> u32 {
        let (policy, mut tries) = (Policy::default(), RetryState::default());
        (1..100).find(|_| tries.next(&policy, effect, ending, || 1.0).is_none()).unwrap_or(100)
    }

    #[test]
    fn only_what_surely_did_nothing_or_only_reads_is_sent_again() {
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
            assert_eq!(attempts(Effect::Read, &ending(kind)), reads, "{kind:?}");
            assert_eq!(attempts(Effect::Write, &ending(kind)), writes, "{kind:?}");
        }
    }

    #[test]
    fn an_expired_token_is_renewed_once() {
        let expired = AttemptOutcome {
            code: Some("AuthFailure.TokenFailure".into()),
            ..ending(ErrorKind::Credentials)
        };
        assert_eq!(attempts(Effect::Write, &expired), 2);
    }

    #[test]
    fn pauses_double_up_to_the_longest_and_vary_by_half() {
        let policy = Policy::default();
        let pauses: Vec<_> = (1..9).map(|attempt| pause(&policy, attempt, 1.0).as_millis()).collect();
        assert_eq!(pauses, [500, 1000, 2000, 4000, 8000, 16_000, 20_000, 20_000]);
        assert_eq!(pause(&policy, 1, 0.0).as_millis(), 250);
        assert_eq!(pause(&policy, u32::MAX, 0.5).as_millis(), 15_000);
    }

    #[test]
    fn a_budget_that_is_spent_comes_back_with_calls_that_work() {
        let budget = Budget::full();
        let failures = (0..100).filter(|_| budget.allows(Some(ErrorKind::Unreachable))).count();
        assert_eq!(failures, 50);
        assert!(budget.allows(Some(ErrorKind::Throttled)));
        for _ in 0..11 {
            budget.heed(None);
        }
        assert!(budget.allows(Some(ErrorKind::Internal)));
        assert!(!budget.allows(Some(ErrorKind::Internal)));
    }

    #[test]
    fn jitter_is_between_0_and_1_and_the_same_for_the_same_seed() {
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

//! Rate limiter: spaces calls evenly at the documented rate, and more slowly while the service throttles.
//!
//! Each action in each region has a bucket with one slot every 1 ÷ rate seconds, and a call uses the next slot. There
//! are no bursts: a server that counts in shorter windows refuses a burst that the limit allows.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use compact_str::CompactString;
use tokio::time::Instant;

use super::RateLimits;
use crate::cloud::{ErrorKind, Request, Service};
use crate::model::Region;

/// Minimum rate of a throttled bucket, as a fraction of its documented rate.
const SLOWEST: f64 = 1.0 / 32.0;
/// Increase of the rate after a call that was not throttled, as a fraction of the documented rate.
const RECOVERY: f64 = 0.05;

/// Key of a limit that calls share: action and region. The caller is part of the limit too, but is always the same.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct RateKey {
    service: Service,
    action: CompactString,
    region: Option<Region>,
}

impl RateKey {
    pub(super) fn of(request: &Request) -> Self {
        let Request { service, action, region, body: _ } = request;
        Self { service: *service, action: action.clone(), region: region.clone() }
    }
}

/// Buckets of one program.
#[derive(Debug)]
pub(super) struct RateLimiter {
    rates: RateLimits,
    buckets: Mutex<BTreeMap<RateKey, Arc<Bucket>>>,
}

/// Slots of one key. Calls wait in a queue and only the first one reads the rate, so that a change applies to all of
/// them.
#[derive(Debug)]
struct Bucket {
    queue: tokio::sync::Mutex<Option<Instant>>,
    speed: Mutex<Speed>,
}

#[derive(Debug)]
struct Speed {
    /// Documented calls per second.
    documented: f64,
    /// Current calls per second.
    rate: f64,
    /// Time of the last decrease. The outcomes of earlier calls do not affect the rate.
    slowed: Option<Instant>,
}

impl Speed {
    fn interval(&self) -> Duration {
        Duration::from_secs_f64(1.0 / self.rate)
    }
}

impl RateLimiter {
    /// Creates a rate limiter without calls.
    pub(super) fn new(rates: RateLimits) -> Self {
        Self { rates, buckets: Mutex::default() }
    }

    /// Waits for the next slot and uses it, in the order of the calls.
    pub(super) async fn wait(&self, key: &RateKey) {
        let Some(rate) = self.rates.of(key.service, &key.action) else { return };
        let bucket = {
            let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(buckets.entry(key.clone()).or_insert_with(|| Arc::new(Bucket::new(rate))))
        };
        let mut last = bucket.queue.lock().await;
        let now = Instant::now();
        // The next slot depends on the last slot, not on the time of waking up, so that delays do not add up.
        let mut slot = last.map_or(now, |last| (last + bucket.interval()).max(now));
        loop {
            tokio::time::sleep_until(slot).await;
            // The rate may have decreased meanwhile.
            let moved = last.map_or(slot, |last| (last + bucket.interval()).max(now));
            if moved <= slot {
                break;
            }
            slot = moved;
        }
        *last = Some(slot);
    }

    /// Adapts the rate to the outcome of a call.
    pub(super) fn record_outcome(&self, key: &RateKey, kind: Option<ErrorKind>, sent: Instant) {
        let bucket = {
            let buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
            buckets.get(key).map(Arc::clone)
        };
        if let Some(bucket) = bucket {
            bucket.record_outcome(kind, sent, Instant::now());
        }
    }
}

impl Bucket {
    fn new(rate: u32) -> Self {
        let documented = f64::from(rate.max(1));
        Self {
            queue: tokio::sync::Mutex::new(None),
            speed: Mutex::new(Speed { documented, rate: documented, slowed: None }),
        }
    }

    fn interval(&self) -> Duration {
        self.speed.lock().unwrap_or_else(PoisonError::into_inner).interval()
    }

    fn record_outcome(&self, kind: Option<ErrorKind>, sent: Instant, now: Instant) {
        let mut speed = self.speed.lock().unwrap_or_else(PoisonError::into_inner);
        if speed.slowed.is_some_and(|slowed| sent < slowed) {
            return;
        }
        if kind == Some(ErrorKind::Throttled) {
            speed.rate = (speed.rate / 2.0).max(speed.documented * SLOWEST);
            speed.slowed = Some(now);
        } else {
            speed.rate = (speed.rate + speed.documented * RECOVERY).min(speed.documented);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(action: &str, region: &str) -> RateKey {
        RateKey { service: Service::Cvm, action: action.into(), region: Some(region.parse().unwrap()) }
    }

    /// Returns the milliseconds after which each of several concurrent calls is sent.
    async fn slots(limiter: &Arc<RateLimiter>, key: &RateKey, calls: usize) -> Vec<u128> {
        let began = Instant::now();
        let waiting: Vec<_> = (0..calls)
            .map(|_| {
                let (limiter, key) = (Arc::clone(limiter), key.clone());
                tokio::spawn(async move {
                    limiter.wait(&key).await;
                    began.elapsed().as_millis()
                })
            })
            .collect();
        let mut slots = Vec::new();
        for one in waiting {
            slots.push(one.await.unwrap());
        }
        slots
    }

    fn documented() -> Arc<RateLimiter> {
        Arc::new(RateLimiter::new(RateLimits::Documented))
    }

    #[tokio::test(start_paused = true)]
    async fn the_first_call_does_not_wait_and_the_next_ones_are_spaced_evenly() {
        let limiter = documented();
        assert_eq!(slots(&limiter, &key("SyncImages", "ap-tokyo"), 4).await, [0, 100, 200, 300]);
        assert_eq!(slots(&limiter, &key("DescribeImages", "ap-tokyo"), 3).await, [0, 25, 50]);
    }

    #[tokio::test(start_paused = true)]
    async fn calls_of_different_keys_do_not_wait_for_each_other() {
        let limiter = documented();
        for key in
            [key("SyncImages", "ap-tokyo"), key("SyncImages", "ap-seoul"), key("DeleteImages", "ap-tokyo")]
        {
            assert_eq!(slots(&limiter, &key, 1).await, [0]);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn unused_slots_are_not_saved_for_a_burst() {
        let limiter = documented();
        let copies = key("SyncImages", "ap-tokyo");
        slots(&limiter, &copies, 1).await;
        tokio::time::sleep(Duration::from_secs(60)).await;
        assert_eq!(slots(&limiter, &copies, 3).await, [0, 100, 200]);
    }

    #[tokio::test(start_paused = true)]
    async fn throttled_calls_that_were_sent_together_slow_the_rate_down_once_and_it_recovers() {
        let limiter = documented();
        let copies = key("SyncImages", "ap-tokyo");
        let sent = Instant::now();
        slots(&limiter, &copies, 4).await;
        // The four calls were sent at once, so their throttling counts once.
        for _ in 0..4 {
            limiter.record_outcome(&copies, Some(ErrorKind::Throttled), sent);
        }
        assert_eq!(slots(&limiter, &copies, 3).await, [200, 400, 600]);
        limiter.record_outcome(&copies, Some(ErrorKind::Throttled), Instant::now());
        assert_eq!(slots(&limiter, &copies, 2).await, [400, 800]);
        for _ in 0..15 {
            limiter.record_outcome(&copies, None, Instant::now());
        }
        assert_eq!(slots(&limiter, &copies, 2).await, [100, 200]);
    }

    #[tokio::test(start_paused = true)]
    async fn calls_that_already_wait_slow_down_too() {
        let limiter = documented();
        let copies = key("SyncImages", "ap-tokyo");
        let throttling = {
            let (limiter, copies) = (Arc::clone(&limiter), copies.clone());
            tokio::spawn(async move {
                tokio::time::sleep(Duration::from_millis(150)).await;
                limiter.record_outcome(&copies, Some(ErrorKind::Throttled), Instant::now());
            })
        };
        assert_eq!(slots(&limiter, &copies, 5).await, [0, 100, 300, 500, 700]);
        throttling.await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn a_cancelled_wait_does_not_block_other_calls() {
        let limiter = documented();
        let copies = key("SyncImages", "ap-tokyo");
        limiter.wait(&copies).await;
        let _ = tokio::time::timeout(Duration::from_millis(50), limiter.wait(&copies)).await;
        assert_eq!(slots(&limiter, &copies, 2).await, [50, 150]);
    }

    #[tokio::test(start_paused = true)]
    async fn the_rate_never_drops_to_zero() {
        let limiter = documented();
        let copies = key("SyncImages", "ap-tokyo");
        for _ in 0..100 {
            limiter.wait(&copies).await;
            limiter.record_outcome(&copies, Some(ErrorKind::Throttled), Instant::now());
        }
        assert_eq!(slots(&limiter, &copies, 2).await, [3200, 6400]);
    }

    #[tokio::test(start_paused = true)]
    async fn without_limits_nothing_waits() {
        let limiter = Arc::new(RateLimiter::new(RateLimits::Unlimited));
        assert_eq!(slots(&limiter, &key("SyncImages", "ap-tokyo"), 100).await, [0; 100]);
    }
}

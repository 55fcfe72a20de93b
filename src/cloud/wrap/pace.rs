//! The pace of calls: even, at the documented rate, slower while the service throttles.
//!
//! Each action in each region has a lane with one slot every 1 ÷ rate seconds; a call takes the next one. There is
//! no burst: a burst that a limit allows on paper is refused by a server that counts in shorter windows.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use compact_str::CompactString;
use tokio::time::Instant;

use super::Rates;
use crate::cloud::{ErrorKind, Request, Service};
use crate::model::Region;

/// A throttled lane is never slower than this part of its documented rate.
const SLOWEST: f64 = 1.0 / 32.0;
/// What a call that was not throttled brings back, as a part of the documented rate.
const RECOVERY: f64 = 0.05;

/// What calls share a limit: the same action in the same region (and the same caller, who is one here).
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

/// The lanes of one program.
#[derive(Debug)]
pub(super) struct RateLimiter {
    rates: Rates,
    lanes: Mutex<BTreeMap<RateKey, Arc<Road>>>,
}

/// One lane: who waits stands in line, and only the first looks at the speed, so that a change of it counts for all
/// who wait.
#[derive(Debug)]
struct Road {
    line: tokio::sync::Mutex<Option<Instant>>,
    speed: Mutex<Speed>,
}

#[derive(Debug)]
struct Speed {
    /// Calls a second by the documents.
    documented: f64,
    /// Calls a second now.
    rate: f64,
    /// When it last became slower. What was sent before that says nothing about the speed since.
    slowed: Option<Instant>,
}

impl Speed {
    fn interval(&self) -> Duration {
        Duration::from_secs_f64(1.0 / self.rate)
    }
}

impl RateLimiter {
    /// Lanes at these rates.
    pub(super) fn at(rates: Rates) -> Self {
        Self { rates, lanes: Mutex::default() }
    }

    /// Waits for the next slot of a lane and takes it. First come, first served.
    pub(super) async fn wait(&self, lane: &RateKey) {
        let Some(rate) = self.rates.of(lane.service, &lane.action) else { return };
        let road = {
            let mut lanes = self.lanes.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(lanes.entry(lane.clone()).or_insert_with(|| Arc::new(Road::at(rate))))
        };
        let mut last = road.line.lock().await;
        let now = Instant::now();
        // Slots lie on a grid, so that waking up late does not add up.
        let mut slot = last.map_or(now, |last| (last + road.interval()).max(now));
        loop {
            tokio::time::sleep_until(slot).await;
            // The lane may have become slower meanwhile.
            let moved = last.map_or(slot, |last| (last + road.interval()).max(now));
            if moved <= slot {
                break;
            }
            slot = moved;
        }
        *last = Some(slot);
    }

    /// Learns from how a call ended that was sent at some time.
    pub(super) fn heed(&self, lane: &RateKey, kind: Option<ErrorKind>, sent: Instant) {
        let road = {
            let lanes = self.lanes.lock().unwrap_or_else(PoisonError::into_inner);
            lanes.get(lane).map(Arc::clone)
        };
        if let Some(road) = road {
            road.heed(kind, sent, Instant::now());
        }
    }
}

impl Road {
    fn at(rate: u32) -> Self {
        let documented = f64::from(rate.max(1));
        Self {
            line: tokio::sync::Mutex::new(None),
            speed: Mutex::new(Speed { documented, rate: documented, slowed: None }),
        }
    }

    fn interval(&self) -> Duration {
        self.speed.lock().unwrap_or_else(PoisonError::into_inner).interval()
    }

    fn heed(&self, kind: Option<ErrorKind>, sent: Instant, now: Instant) {
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

    fn lane(action: &str, region: &str) -> RateKey {
        RateKey { service: Service::Cvm, action: action.into(), region: Some(region.parse().unwrap()) }
    }

    /// Milliseconds until each of some calls that are made at once goes out.
    async fn slots(pace: &Arc<RateLimiter>, lane: &RateKey, calls: usize) -> Vec<u128> {
        let began = Instant::now();
        let waiting: Vec<_> = (0..calls)
            .map(|_| {
                let (pace, lane) = (Arc::clone(pace), lane.clone());
                tokio::spawn(async move {
                    pace.wait(&lane).await;
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
        Arc::new(RateLimiter::at(Rates::Documented))
    }

    #[tokio::test(start_paused = true)]
    async fn the_first_call_goes_at_once_and_the_next_follow_evenly() {
        let pace = documented();
        assert_eq!(slots(&pace, &lane("SyncImages", "ap-tokyo"), 4).await, [0, 100, 200, 300]);
        assert_eq!(slots(&pace, &lane("DescribeImages", "ap-tokyo"), 3).await, [0, 25, 50]);
    }

    #[tokio::test(start_paused = true)]
    async fn lanes_do_not_wait_for_each_other() {
        let pace = documented();
        for lane in
            [lane("SyncImages", "ap-tokyo"), lane("SyncImages", "ap-seoul"), lane("DeleteImages", "ap-tokyo")]
        {
            assert_eq!(slots(&pace, &lane, 1).await, [0]);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn slots_that_nobody_took_are_not_saved_for_a_burst() {
        let pace = documented();
        let copies = lane("SyncImages", "ap-tokyo");
        slots(&pace, &copies, 1).await;
        tokio::time::sleep(Duration::from_secs(60)).await;
        assert_eq!(slots(&pace, &copies, 3).await, [0, 100, 200]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_throttled_lane_slows_down_once_for_what_was_under_way_and_comes_back() {
        let pace = documented();
        let copies = lane("SyncImages", "ap-tokyo");
        let sent = Instant::now();
        slots(&pace, &copies, 4).await;
        // Four were under way; that all of them are throttled is one piece of news.
        for _ in 0..4 {
            pace.heed(&copies, Some(ErrorKind::Throttled), sent);
        }
        assert_eq!(slots(&pace, &copies, 3).await, [200, 400, 600]);
        pace.heed(&copies, Some(ErrorKind::Throttled), Instant::now());
        assert_eq!(slots(&pace, &copies, 2).await, [400, 800]);
        for _ in 0..15 {
            pace.heed(&copies, None, Instant::now());
        }
        assert_eq!(slots(&pace, &copies, 2).await, [100, 200]);
    }

    #[tokio::test(start_paused = true)]
    async fn who_waits_already_slows_down_too() {
        let pace = documented();
        let copies = lane("SyncImages", "ap-tokyo");
        let bad_news = {
            let (pace, copies) = (Arc::clone(&pace), copies.clone());
            tokio::spawn(async move {
                tokio::time::sleep(Duration::from_millis(150)).await;
                pace.heed(&copies, Some(ErrorKind::Throttled), Instant::now());
            })
        };
        assert_eq!(slots(&pace, &copies, 5).await, [0, 100, 300, 500, 700]);
        bad_news.await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn who_gives_up_waiting_holds_nobody_up() {
        let pace = documented();
        let copies = lane("SyncImages", "ap-tokyo");
        pace.wait(&copies).await;
        let _ = tokio::time::timeout(Duration::from_millis(50), pace.wait(&copies)).await;
        assert_eq!(slots(&pace, &copies, 2).await, [50, 150]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_lane_never_stops() {
        let pace = documented();
        let copies = lane("SyncImages", "ap-tokyo");
        for _ in 0..100 {
            pace.wait(&copies).await;
            pace.heed(&copies, Some(ErrorKind::Throttled), Instant::now());
        }
        assert_eq!(slots(&pace, &copies, 2).await, [3200, 6400]);
    }

    #[tokio::test(start_paused = true)]
    async fn without_limits_nothing_waits() {
        let pace = Arc::new(RateLimiter::at(Rates::Unlimited));
        assert_eq!(slots(&pace, &lane("SyncImages", "ap-tokyo"), 100).await, [0; 100]);
    }
}

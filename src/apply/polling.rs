//! When to ask next: one batched listing per region and tick for everything that is pending there.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::cloud::CloudError;
use crate::model::{ImageId, Region};
use crate::plan::StepIndex;

/// The first tick.
const FIRST: Duration = Duration::from_millis(300);
/// The longest tick.
const LONGEST: Duration = Duration::from_secs(10);
/// How long listings fail before that is mentioned.
const TROUBLE_MENTIONED_AFTER: Duration = Duration::from_secs(30);

/// An image that is waited for, and the step that waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Awaited {
    /// The image.
    pub id: ImageId,
    /// The step.
    pub step: StepIndex,
    /// Since when it is waited for.
    pub since: Timestamp,
}

#[derive(Debug)]
struct Ticks {
    tick: Duration,
    due: Timestamp,
    awaited: Vec<Awaited>,
    is_asking: bool,
    trouble: Option<Trouble>,
}

/// Listings of a region that failed, one after the other.
#[derive(Debug, Clone)]
struct Trouble {
    since: Timestamp,
    mentioned: Timestamp,
    last: CloudError,
}

/// What is waited for, by region, and when to ask.
#[derive(Debug, Default)]
pub struct Polling {
    regions: BTreeMap<Region, Ticks>,
}

fn after(now: Timestamp, tick: Duration) -> Timestamp {
    SignedDuration::try_from(tick).ok().and_then(|tick| now.checked_add(tick).ok()).unwrap_or(Timestamp::MAX)
}

impl Polling {
    /// Starts waiting for an image. The interval is reset to the first one, and a poll that is due is not
    /// postponed.
    pub fn await_image(&mut self, region: &Region, awaited: Awaited, now: Timestamp) {
        let first = after(now, FIRST);
        let ticks = self.regions.entry(region.clone()).or_insert_with(|| Ticks {
            tick: FIRST,
            due: first,
            awaited: Vec::new(),
            is_asking: false,
            trouble: None,
        });
        if ticks.awaited.is_empty() {
            ticks.trouble = None;
            ticks.due = first;
        }
        ticks.due = ticks.due.min(first);
        ticks.tick = FIRST;
        ticks.awaited.push(awaited);
    }

    /// Whether nothing is waited for.
    pub fn is_empty(&self) -> bool {
        self.regions.values().all(|ticks| ticks.awaited.is_empty())
    }

    /// When the next poll is due; nothing when none is, or all are being asked.
    pub fn next_due(&self) -> Option<Timestamp> {
        let waiting = self.regions.values().filter(|ticks| !ticks.awaited.is_empty() && !ticks.is_asking);
        waiting.map(|ticks| ticks.due).min()
    }

    /// The regions to ask now, and the images to ask for; they count as being asked until [`Polling::answered`].
    pub fn take_due(&mut self, now: Timestamp) -> Vec<(Region, Vec<ImageId>)> {
        let mut due = Vec::new();
        for (region, ticks) in &mut self.regions {
            if !ticks.is_asking && !ticks.awaited.is_empty() && ticks.due <= now {
                ticks.is_asking = true;
                let mut ids: Vec<ImageId> = ticks.awaited.iter().map(|awaited| awaited.id.clone()).collect();
                ids.sort();
                ids.dedup();
                due.push((region.clone(), ids));
            }
        }
        due
    }

    /// A region was asked. Takes out those for which `is_over` says so, and sets the next tick: the first again
    /// when something settled, else longer by half.
    pub fn answered(
        &mut self,
        region: &Region,
        now: Timestamp,
        mut is_over: impl FnMut(&Awaited) -> bool,
    ) -> Vec<Awaited> {
        let Some(ticks) = self.regions.get_mut(region) else { return Vec::new() };
        let (over, left): (Vec<_>, Vec<_>) = ticks.awaited.drain(..).partition(|awaited| is_over(awaited));
        ticks.awaited = left;
        ticks.is_asking = false;
        ticks.tick = if over.is_empty() { ticks.tick.mul_f64(1.5).min(LONGEST) } else { FIRST };
        ticks.due = after(now, ticks.tick);
        over
    }

    /// Records that listing a region failed. Returns for how long it has been failing, each time another
    /// [`TROUBLE_MENTIONED_AFTER`] has passed.
    pub fn listing_failed(
        &mut self,
        region: &Region,
        now: Timestamp,
        error: &CloudError,
    ) -> Option<Duration> {
        let ticks = self.regions.get_mut(region)?;
        let trouble =
            ticks.trouble.get_or_insert_with(|| Trouble { since: now, mentioned: now, last: error.clone() });
        trouble.last = error.clone();
        let quiet = now.duration_since(trouble.mentioned).unsigned_abs();
        (quiet >= TROUBLE_MENTIONED_AFTER).then(|| {
            trouble.mentioned = now;
            now.duration_since(trouble.since).unsigned_abs()
        })
    }

    /// Records that listing a region worked.
    pub fn listing_worked(&mut self, region: &Region) {
        if let Some(ticks) = self.regions.get_mut(region) {
            ticks.trouble = None;
        }
    }

    /// Returns the error of the last listing of a region. `None` if it worked.
    pub fn last_error(&self, region: &Region) -> Option<&CloudError> {
        self.regions.get(region)?.trouble.as_ref().map(|trouble| &trouble.last)
    }

    /// Returns the steps that wait for images of a region.
    pub fn waiting_in(&self, region: &Region) -> impl Iterator<Item = StepIndex> {
        self.regions.get(region).into_iter().flat_map(|ticks| &ticks.awaited).map(|awaited| awaited.step)
    }

    /// Everything that is still waited for.
    pub fn left(&self) -> impl Iterator<Item = &Awaited> {
        self.regions.values().flat_map(|ticks| &ticks.awaited)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millisecond(millis).unwrap()
    }

    fn awaited(step: u32) -> Awaited {
        Awaited {
            id: format!("img-0000000{step}").parse().unwrap(),
            step: StepIndex::new(step as usize),
            since: at(0),
        }
    }

    #[test]
    fn the_tick_grows_by_half_and_a_settlement_brings_it_back() {
        let region: Region = "ap-tokyo".parse().unwrap();
        let mut polling = Polling::default();
        polling.await_image(&region, awaited(0), at(0));
        polling.await_image(&region, awaited(1), at(0));
        assert_eq!(polling.next_due(), Some(at(300)));
        assert_eq!(polling.take_due(at(300)).len(), 1);
        assert_eq!(polling.next_due(), None, "it is being asked");
        assert!(polling.answered(&region, at(300), |_| false).is_empty());
        assert_eq!(polling.next_due(), Some(at(750)));
        polling.take_due(at(750));
        assert_eq!(polling.answered(&region, at(750), |awaited| awaited.step.index() == 0).len(), 1);
        assert_eq!(polling.next_due(), Some(at(1050)));
    }

    #[test]
    fn an_acceptance_never_puts_off_a_poll_that_is_due() {
        let region: Region = "ap-tokyo".parse().unwrap();
        let mut polling = Polling::default();
        polling.await_image(&region, awaited(0), at(0));
        polling.await_image(&region, awaited(1), at(250));
        assert_eq!(polling.next_due(), Some(at(300)));
    }

    #[test]
    fn a_region_with_nothing_left_is_not_asked() {
        let region: Region = "ap-tokyo".parse().unwrap();
        let mut polling = Polling::default();
        polling.await_image(&region, awaited(0), at(0));
        polling.take_due(at(300));
        polling.answered(&region, at(300), |_| true);
        assert!(polling.is_empty());
        assert_eq!(polling.next_due(), None);
    }
}

//! Turns: which contender writes the lock's object next, on storage that ignores the conditions of writes.
//!
//! ```text
//!  lock free or over, epoch 6 ──claim 7──▶ ours ──▶ write epoch 7 within the lease, withdraw the claim of 6
//!                                └─ refused ──▶ wait until the object changes, or, after a lease, claim 8
//! ```
//!
//! The lease starts before the claim, so a claimer whose lease is over does not write. One that died before it wrote
//! blocks the others for a lease: they then pass its epoch over, and keep its holder out like one that did not release.

use std::time::Duration;

use tokio::time::Instant;

use super::StoreError;
use super::bucket::{Version, is_same};
use super::journal;
use super::request::{MARGIN, Previous, Request};

/// Way of a contender to its epoch.
#[derive(Default)]
pub(super) struct Turn {
    /// Epoch that it has claimed.
    claimed: Option<u64>,
    /// Whether a write of the lock's object with that epoch may be under way.
    pub(super) is_sent: bool,
    /// Epoch that another has claimed.
    refused: Option<Refused>,
}

/// Claim of another, and how long the lock's object has not changed meanwhile.
struct Refused {
    epoch: u64,
    version: Option<Version>,
    since: Instant,
}

impl Turn {
    /// Claims the next epoch, and notes in `before` the epochs that are passed over. Returns whether it is this
    /// contender's turn.
    pub(super) async fn take(
        &mut self,
        request: &Request<'_>,
        before: &mut Previous,
        version: Option<&Version>,
    ) -> Result<bool, StoreError> {
        let Some(claims) = request.claims else { return Ok(true) };
        // A write of an earlier holder that was executed late puts its epoch back into the object.
        let journaled = journal::names(request.bucket).await?.last().map_or(0, |name| name.epoch);
        if self.refused.as_ref().is_some_and(|refused| !is_same(refused.version.as_ref(), version)) {
            self.refused = None;
        }
        let is_over = |refused: &Refused| refused.since.elapsed() > patience(request.terms.lease);
        let next = match &self.refused {
            Some(refused) if is_over(refused) => refused.epoch.max(journaled).saturating_add(1),
            Some(refused) => refused.epoch,
            None => before.epoch.saturating_add(1),
        };
        if self.claimed != Some(next) {
            self.give_up(request).await;
            request.lease.extend((Instant::now(), request.clock.now()), request.terms.lease);
            let claimed = if next > journaled { claims.claim(next).await } else { Ok(false) };
            if !matches!(claimed, Ok(true)) {
                request.lease.release();
            }
            if !claimed? {
                if self.refused.as_ref().is_none_or(|refused| refused.epoch != next) {
                    let since = Instant::now();
                    self.refused = Some(Refused { epoch: next, version: version.cloned(), since });
                }
                return Ok(false);
            }
            (self.claimed, self.is_sent) = (Some(next), false);
        }
        before.open.extend(before.epoch.saturating_add(1)..next);
        before.epoch = next.saturating_sub(1);
        Ok(true)
    }

    /// Drops the claim. Unless a write of the lock's object may be under way, it is withdrawn: it would block others for
    /// a lease.
    pub(super) async fn give_up(&mut self, request: &Request<'_>) {
        let Some(epoch) = self.claimed.take() else { return };
        request.lease.release();
        if !self.is_sent {
            withdraw(request, epoch).await;
        }
    }
}

/// Returns how long a claim of another is waited for.
fn patience(lease: Duration) -> Duration {
    lease.saturating_add(MARGIN.unsigned_abs().min(lease))
}

/// Withdraws a claim that is of no use any more. One that stays does no harm.
pub(super) async fn withdraw(request: &Request<'_>, epoch: u64) {
    let Some(claims) = request.claims.filter(|_| epoch > 0) else { return };
    if let Err(error) = claims.withdraw(epoch).await {
        tracing::warn!(%error, epoch, "the claim of an epoch could not be withdrawn");
    }
}

//! The lock of a state on shared storage: the object `<key>.lock`.
//!
//! ```text
//!  (no object) ──create──▶ held, epoch 1 ──renew──▶ held ──release──▶ free ──update──▶ held, epoch 2
//!                                          └─ not renewed for the lease ─▶ expired ──update──▶ held, epoch 2
//! ```
//!
//! Every change names the version that it replaces, so of several commands that see the same version one succeeds. The
//! holder renews the object; one that is not renewed for its lease may be taken. Whether it is over is decided by the
//! clock of the storage, so a wrong clock of either machine takes no lock away. Each holder has an epoch of its own, which
//! names its part of the journal: see [`journal`](super::journal) for how a holder that comes back is kept out.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::sync::Mutex;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::bucket::{Bucket, NotWritten, Version};
use super::lock_object::{Holder, LockObject, SUFFIX, parse, text};
use crate::backend::{LockInfo, StoreError};
use crate::cloud::Lease;
use crate::model::Clock;

/// Longest time that a release may take, so that a command which was interrupted twice ends in time.
const RELEASE: Duration = Duration::from_secs(2);

/// How long a lock lasts without being renewed, and how often it is renewed.
#[derive(Debug, Clone, Copy)]
pub struct LeaseTerms {
    /// Time after which a lock that is not renewed may be taken.
    pub lease: Duration,
    /// Time between two renewals.
    pub renewal: Duration,
}

impl Default for LeaseTerms {
    /// Returns twice the longest time of a call for the lease, so that calls are sent while renewals fail for a minute.
    fn default() -> Self {
        Self { lease: Duration::from_secs(120), renewal: Duration::from_secs(20) }
    }
}

/// A lock that is held. It is renewed until it is dropped, and released then.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) epoch: u64,
    pub(super) info: LockInfo,
    pub(super) shared: Arc<Shared>,
    pub(super) renewal: JoinHandle<()>,
}

/// What a holder, its renewal and its release share.
pub(super) struct Shared {
    pub(super) bucket: Bucket,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) lease: Lease,
    pub(super) terms: LeaseTerms,
    pub(super) token: String,
    pub(super) current: Mutex<(LockObject, Version)>,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").field("place", &self.bucket.place(SUFFIX)).finish_non_exhaustive()
    }
}

impl Held {
    /// Returns the random text that no other holder has.
    pub(super) fn token(&self) -> &str {
        &self.shared.token
    }

    /// Notes the serial of a snapshot that was written, for the next holder.
    pub(super) async fn note_serial(&self, serial: u64) {
        self.shared.current.lock().await.0.serial = serial;
    }

    /// Notes in the lock's object that all earlier holders are kept out, so that no later holder does it again.
    pub(super) async fn note_sealed(&self) -> Result<(), StoreError> {
        self.shared.current.lock().await.0.open.clear();
        self.shared.renew().await
    }

    /// Checks that the lock is held. One whose lease is over is renewed first: another may have taken it meanwhile.
    ///
    /// # Errors
    /// If another has taken the lock, or the storage cannot be asked.
    pub(super) async fn check(&self) -> Result<(), StoreError> {
        let Shared { bucket, clock, lease, .. } = &*self.shared;
        if lease.check(bucket.write_time(), clock.now()).is_ok() {
            return Ok(());
        }
        lease.check_held().map_err(|why| lost(bucket, why))?;
        self.shared.renew().await?;
        lease.check_held().map_err(|why| lost(bucket, why))
    }

    /// Ends the lease: another holds the lock.
    pub(super) fn lose(&self) -> StoreError {
        self.shared.lease.lose(TAKEN);
        lost(&self.shared.bucket, TAKEN.to_owned())
    }
}

/// Why a lock is lost.
const TAKEN: &str =
    "another command has taken the lock of the state, because it was not renewed in time or was unlocked";

/// Why a lock is lost on storage that ignores the conditions of writes.
const OVER: &str = "the lock of the state was not renewed in time, and another command may have taken it";

/// Returns the error for a lock that is lost.
pub(super) fn lost(bucket: &Bucket, why: String) -> StoreError {
    StoreError::LockLost { place: bucket.place(SUFFIX), why }
}

impl Shared {
    /// Renews the lock. Where another has taken it, the lease is lost. So it is where it is over and the storage ignores
    /// conditions: the renewal could be written over the lock of another.
    async fn renew(&self) -> Result<(), StoreError> {
        let mut current = self.current.lock().await;
        let sent = (Instant::now(), self.clock.now());
        if !self.may_renew() {
            self.lease.lose(OVER);
            return Ok(());
        }
        let (object, version) = &mut *current;
        let mut next = object.clone();
        if let Some(holder) = &mut next.holder {
            *holder = Holder::new(&holder.info, &holder.token, Some(self.terms.lease), sent.1);
        }
        match self.replace(&next, version).await? {
            // A renewal that is answered too late may have been written over the lock of another.
            true if self.may_renew() => {
                *object = next;
                self.lease.extend(sent, self.terms.lease);
            }
            true => self.lease.lose(OVER),
            false => self.lease.lose(TAKEN),
        }
        Ok(())
    }

    fn may_renew(&self) -> bool {
        self.bucket.honours_conditions() || self.lease.check(Duration::ZERO, self.clock.now()).is_ok()
    }

    /// Writes the lock's object. Returns whether it was still that of this holder.
    async fn replace(&self, next: &LockObject, version: &mut Version) -> Result<bool, StoreError> {
        // A single read that shows another holder may be that of an older version.
        const TRIES: u32 = 4;
        let bytes = text(next);
        let mut tries: u32 = 0;
        loop {
            match self.bucket.update(SUFFIX, &bytes, version.clone()).await {
                Ok(written) => {
                    *version = written;
                    return Ok(true);
                }
                Err(NotWritten::Failed(error)) => return Err(error),
                Err(NotWritten::Conflict) if tries == TRIES => return Ok(false),
                Err(NotWritten::Conflict) => tries = tries.saturating_add(1),
            }
            // An earlier renewal may have been written without an answer.
            let found = self.bucket.read(SUFFIX).await?;
            let lock = found.as_ref().and_then(|found| parse(&self.bucket, found).ok());
            let is_ours = |lock: LockObject| {
                // An earlier epoch is a write of an earlier holder that the storage executed late.
                let is_late = !self.bucket.honours_conditions() && lock.epoch < next.epoch;
                is_late || lock.holder.is_some_and(|holder| holder.token == self.token)
            };
            match found {
                Some(found) if lock.is_some_and(is_ours) => *version = found.version,
                _ => tokio::time::sleep(Duration::from_millis(20).saturating_mul(tries)).await,
            }
        }
    }

    async fn release(&self) -> Result<(), StoreError> {
        let mut current = self.current.lock().await;
        let (object, version) = &mut *current;
        let next = LockObject { holder: None, ..object.clone() };
        if self.replace(&next, version).await? {
            self.lease.release();
        }
        Ok(())
    }
}

pub(super) async fn renew_until_lost(shared: Arc<Shared>) {
    let mut pause = shared.terms.renewal;
    loop {
        tokio::time::sleep(pause).await;
        pause = match shared.renew().await {
            Ok(()) => shared.terms.renewal,
            Err(error) => {
                tracing::warn!(%error, "the lock of the state could not be renewed");
                shared.terms.renewal.min(Duration::from_secs(2))
            }
        };
        if shared.lease.check_held().is_err() {
            tracing::warn!("the lock of the state was lost");
            return;
        }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.renewal.abort();
        let shared = Arc::clone(&self.shared);
        let released = async move {
            match tokio::time::timeout(RELEASE, shared.release()).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => tracing::warn!(%error, "the lock of the state was not released"),
                Err(_) => tracing::warn!("the lock of the state was not released in time"),
            }
        };
        // Where it cannot be waited for, it is released in the background, or its lease ends.
        let Ok(runtime) = Handle::try_current() else { return };
        match runtime.runtime_flavor() {
            RuntimeFlavor::MultiThread => tokio::task::block_in_place(|| runtime.block_on(released)),
            _ => drop(runtime.spawn(released)),
        }
    }
}

/// Returns who holds the lock, as its object says. `None` if nobody does, or if the lease is over by this clock: for
/// people, who are not misled by a clock that is a little wrong.
pub(super) async fn holder(bucket: &Bucket, now: Timestamp) -> Result<Option<LockInfo>, StoreError> {
    let Some(object) = bucket.read(SUFFIX).await? else { return Ok(None) };
    let holder = parse(bucket, &object)?.holder;
    Ok(holder.filter(|holder| holder.expires.is_none_or(|end| now <= end)).map(|holder| holder.info))
}

/// Releases a lock of any holder. Its epoch is kept, so that the holder is kept out when it comes back.
pub(super) async fn unlock(bucket: &Bucket) -> Result<Option<LockInfo>, StoreError> {
    const RACES: u32 = 3;
    let mut races: u32 = 0;
    loop {
        let Some(object) = bucket.read(SUFFIX).await? else { return Ok(None) };
        let mut lock = parse(bucket, &object)?;
        let Some(holder) = lock.holder.take() else { return Ok(None) };
        lock.open.push(lock.epoch);
        let free = lock;
        match bucket.update(SUFFIX, &text(&free), object.version).await {
            Ok(_) => return Ok(Some(holder.info)),
            Err(NotWritten::Failed(error)) => return Err(error),
            // It was renewed or released meanwhile.
            Err(NotWritten::Conflict) if races < RACES => races = races.saturating_add(1),
            Err(NotWritten::Conflict) => {
                return Err(StoreError::Locked { holder: Some(holder.info), is_shared: true });
            }
        }
    }
}

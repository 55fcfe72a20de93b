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

use jiff::{SignedDuration, Timestamp};
use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::sync::Mutex;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::bucket::{Bucket, NotWritten, Version};
use super::journal;
use super::lock_object::{FORMAT, Holder, LockObject, SUFFIX, parse, text};
use super::probe::probe;
use crate::backend::{LockInfo, LockWait, StoreError};
use crate::cloud::Lease;
use crate::model::Clock;

/// Time between two reads of a lock that another holds.
const POLL: Duration = Duration::from_secs(1);
/// Added to a lease before it counts as over: times of objects are whole seconds.
const MARGIN: SignedDuration = SignedDuration::from_secs(2);
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

/// What the lock's object said before it was taken.
#[derive(Debug, Clone)]
pub(super) struct Previous {
    pub(super) epoch: u64,
    pub(super) serial: u64,
    /// Epochs of which something may be under way.
    pub(super) open: Vec<u64>,
}

/// A lock that is held. It is renewed until it is dropped, and released then.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) epoch: u64,
    pub(super) info: LockInfo,
    shared: Arc<Shared>,
    renewal: JoinHandle<()>,
}

/// What a holder, its renewal and its release share.
struct Shared {
    bucket: Bucket,
    clock: Arc<dyn Clock>,
    lease: Lease,
    terms: LeaseTerms,
    token: String,
    current: Mutex<(LockObject, Version)>,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").field("place", &self.bucket.place(SUFFIX)).finish_non_exhaustive()
    }
}

/// What is needed to take a lock.
pub(super) struct Request<'r> {
    pub(super) bucket: &'r Bucket,
    pub(super) clock: &'r Arc<dyn Clock>,
    pub(super) lease: &'r Lease,
    pub(super) terms: LeaseTerms,
    /// Random text that no other holder has.
    pub(super) token: &'r str,
}

impl Request<'_> {
    /// Takes the lock, as soon as nobody else holds it.
    ///
    /// # Errors
    /// [`StoreError::Locked`] if another holds it for longer than `wait`.
    pub(super) async fn take(&self, info: LockInfo, wait: LockWait) -> Result<(Held, Previous), StoreError> {
        let (shared, previous) = self.write(&info, Some(self.terms.lease), wait).await?;
        let epoch = previous.epoch.saturating_add(1);
        let shared = Arc::new(shared);
        let renewal = tokio::spawn(renew_until_lost(Arc::clone(&shared)));
        let held = Held { epoch, info, shared, renewal };
        Ok((held, previous))
    }

    /// Takes the lock for a person: it lasts until it is unlocked.
    ///
    /// # Errors
    /// As [`Request::take`].
    pub(super) async fn take_for_good(&self, info: &LockInfo, wait: LockWait) -> Result<(), StoreError> {
        self.write(info, None, wait).await.map(drop)
    }

    async fn write(
        &self,
        info: &LockInfo,
        lease: Option<Duration>,
        wait: LockWait,
    ) -> Result<(Shared, Previous), StoreError> {
        // A few conflicts are those of a race that another wins, who is then named.
        const RACES: u32 = 3;
        let end = Instant::now().checked_add(wait.0);
        let mut races: u32 = 0;
        let mut sent: Option<(LockObject, Previous, (Instant, Timestamp))> = None;
        loop {
            let now = (Instant::now(), self.clock.now());
            let read = self.bucket.read(SUFFIX).await?;
            let (before, version) = match read {
                None => {
                    probe(self.bucket, self.token).await?;
                    // Where the lock was removed, epochs count on.
                    let epoch = journal::names(self.bucket).await?.last().map_or(0, |name| name.epoch);
                    let open = if epoch == 0 { Vec::new() } else { vec![epoch] };
                    (Previous { epoch, serial: 0, open }, None)
                }
                Some(object) => {
                    let mut lock = parse(self.bucket, &object)?;
                    let is_ours = lock.holder.as_ref().is_some_and(|holder| holder.token == self.token);
                    if let Some((next, before, at)) = sent.take_if(|_| is_ours) {
                        return Ok((self.taken(next, object.version, lease, at), before));
                    }
                    if let Some(holder) = &lock.holder
                        && !self.is_over(holder, object.modified).await?
                    {
                        let left = end.map_or(POLL, |end| end.saturating_duration_since(Instant::now()));
                        if left.is_zero() {
                            return Err(StoreError::Locked {
                                holder: Some(holder.info.clone()),
                                is_shared: true,
                            });
                        }
                        tokio::time::sleep(left.min(POLL).min(self.terms.renewal)).await;
                        continue;
                    }
                    if lock.holder.is_some() {
                        lock.open.push(lock.epoch);
                    }
                    let LockObject { epoch, serial, open, .. } = lock;
                    (Previous { epoch, serial, open }, Some(object.version))
                }
            };
            let holder = Holder::new(info, self.token, lease, now.1);
            let (epoch, serial) = (before.epoch.saturating_add(1), before.serial);
            let open = before.open.clone();
            let next = LockObject { format: FORMAT, epoch, serial, open, holder: Some(holder) };
            let bytes = text(&next);
            let written = match version {
                None => self.bucket.create(SUFFIX, &bytes).await,
                Some(version) => self.bucket.update(SUFFIX, &bytes, version).await,
            };
            match written {
                Ok(version) => return Ok((self.taken(next, version, lease, now), before)),
                // It may have been written: the next read shows it.
                Err(NotWritten::Failed(_)) if races < RACES => {
                    sent = Some((next, before, now));
                    races = races.saturating_add(1);
                }
                Err(NotWritten::Failed(error)) => return Err(error),
                Err(NotWritten::Conflict) if races < RACES => races = races.saturating_add(1),
                Err(NotWritten::Conflict) => {
                    return Err(StoreError::Locked { holder: None, is_shared: true });
                }
            }
        }
    }

    fn taken(
        &self,
        object: LockObject,
        version: Version,
        lease: Option<Duration>,
        sent: (Instant, Timestamp),
    ) -> Shared {
        if let Some(lease) = lease {
            self.lease.extend(sent, lease);
        }
        Shared {
            bucket: self.bucket.clone(),
            clock: Arc::clone(self.clock),
            lease: self.lease.clone(),
            terms: self.terms,
            token: self.token.to_owned(),
            current: Mutex::new((object, version)),
        }
    }

    /// Returns whether the lease of a holder is over, by the clock of the storage.
    async fn is_over(&self, holder: &Holder, renewed: Timestamp) -> Result<bool, StoreError> {
        let Some(lease) = holder.lease else { return Ok(false) };
        let Some(now) = self.bucket.time(self.token).await? else { return Ok(false) };
        let lease = SignedDuration::try_from_secs_f64(lease).unwrap_or(SignedDuration::MAX);
        let margin = MARGIN.min(lease);
        Ok(now.duration_since(renewed) > lease.saturating_add(margin))
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
        let lost = |why| StoreError::LockLost { place: self.shared.bucket.place(SUFFIX), why };
        if self.shared.lease.check(Duration::ZERO, self.shared.clock.now()).is_ok() {
            return Ok(());
        }
        self.shared.lease.check_held().map_err(lost)?;
        self.shared.renew().await?;
        self.shared.lease.check_held().map_err(lost)
    }

    /// Ends the lease: another holds the lock.
    pub(super) fn lose(&self) -> StoreError {
        let why = TAKEN.to_owned();
        self.shared.lease.lose(&why);
        StoreError::LockLost { place: self.shared.bucket.place(SUFFIX), why }
    }
}

/// Why a lock is lost.
const TAKEN: &str =
    "another command has taken the lock of the state, because it was not renewed in time or was unlocked";

impl Shared {
    /// Renews the lock. Where another has taken it, the lease is lost.
    async fn renew(&self) -> Result<(), StoreError> {
        let mut current = self.current.lock().await;
        let sent = (Instant::now(), self.clock.now());
        let (object, version) = &mut *current;
        let mut next = object.clone();
        if let Some(holder) = &mut next.holder {
            *holder = Holder::new(&holder.info, &holder.token, Some(self.terms.lease), sent.1);
        }
        if self.replace(&next, version).await? {
            *object = next;
            self.lease.extend(sent, self.terms.lease);
        } else {
            self.lease.lose(TAKEN);
        }
        Ok(())
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
            let holder = lock.and_then(|lock| lock.holder);
            match found {
                Some(found) if holder.is_some_and(|holder| holder.token == self.token) => {
                    *version = found.version;
                }
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

async fn renew_until_lost(shared: Arc<Shared>) {
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

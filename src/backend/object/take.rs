//! Taking of the lock: one contender of several writes its object.

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::bucket::{NotWritten, Version};
use super::journal;
use super::lock::{Held, Shared, lost, renew_until_lost};
use super::lock_object::{FORMAT, Holder, LockObject, SUFFIX, parse, text};
use super::probe::probe;
use super::request::{MARGIN, Previous, Request};
use super::turn::{Turn, withdraw};
use crate::backend::{LockInfo, LockWait, StoreError};

/// Time between two reads of a lock that another holds.
const POLL: Duration = Duration::from_secs(1);
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
        let mut turn = Turn::default();
        let written = self.contend(info, lease, wait, &mut turn).await;
        match &written {
            Ok((_, before)) => withdraw(self, before.claimed).await,
            Err(_) => turn.give_up(self).await,
        }
        written
    }

    async fn contend(
        &self,
        info: &LockInfo,
        lease: Option<Duration>,
        wait: LockWait,
        turn: &mut Turn,
    ) -> Result<(Shared, Previous), StoreError> {
        // A few conflicts are those of a race that another wins, who is then named.
        const RACES: u32 = 3;
        let end = Instant::now().checked_add(wait.0);
        let mut races: u32 = 0;
        let mut sent: Option<(LockObject, Previous, (Instant, Timestamp))> = None;
        loop {
            let now = (Instant::now(), self.clock.now());
            let read = self.bucket.read(SUFFIX).await?;
            let (mut before, version) = match read {
                None => {
                    if self.claims.is_none() {
                        probe(self.bucket, self.token).await?;
                    }
                    // Where the lock was removed, epochs count on.
                    let epoch = journal::names(self.bucket).await?.last().map_or(0, |name| name.epoch);
                    let open = if epoch == 0 { Vec::new() } else { vec![epoch] };
                    (Previous { epoch, claimed: epoch, serial: 0, open }, None)
                }
                Some(object) => {
                    let mut lock = parse(self.bucket, &object)?;
                    let is_ours = lock.holder.as_ref().is_some_and(|holder| holder.token == self.token);
                    if let Some((next, before, at)) = sent.take_if(|_| is_ours) {
                        return Ok((self.taken(next, object.version, lease, at)?, before));
                    }
                    if let Some(holder) = &lock.holder
                        && !self.is_over(holder, object.modified).await?
                    {
                        turn.give_up(self).await;
                        self.pause(end, Some(&holder.info)).await?;
                        continue;
                    }
                    if lock.holder.is_some() {
                        lock.open.push(lock.epoch);
                    }
                    let LockObject { epoch, serial, open, .. } = lock;
                    (Previous { epoch, claimed: epoch, serial, open }, Some(object.version))
                }
            };
            if !turn.take(self, &mut before, version.as_ref()).await? {
                self.pause(end, None).await?;
                continue;
            }
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
                Ok(version) => return Ok((self.taken(next, version, lease, now)?, before)),
                // It may have been written: the next read shows it.
                Err(NotWritten::Failed(error)) => {
                    turn.is_sent = true;
                    if races == RACES {
                        return Err(error);
                    }
                    sent = Some((next, before, now));
                    races = races.saturating_add(1);
                }
                Err(NotWritten::Conflict) if races < RACES => {
                    turn.give_up(self).await;
                    races = races.saturating_add(1);
                }
                Err(NotWritten::Conflict) => {
                    return Err(StoreError::Locked { holder: None, is_shared: true });
                }
            }
        }
    }

    /// Waits before the lock is read again.
    ///
    /// # Errors
    /// If there is no time left.
    async fn pause(&self, end: Option<Instant>, holder: Option<&LockInfo>) -> Result<(), StoreError> {
        let left = end.map_or(POLL, |end| end.saturating_duration_since(Instant::now()));
        if left.is_zero() {
            return Err(StoreError::Locked { holder: holder.cloned(), is_shared: true });
        }
        tokio::time::sleep(left.min(POLL).min(self.terms.renewal)).await;
        Ok(())
    }

    fn taken(
        &self,
        object: LockObject,
        version: Version,
        lease: Option<Duration>,
        sent: (Instant, Timestamp),
    ) -> Result<Shared, StoreError> {
        if self.claims.is_some() {
            // Others pass over a claim that was not used within the lease, which started before it.
            self.lease.check(Duration::ZERO, self.clock.now()).map_err(|why| lost(self.bucket, why))?;
            self.lease.release();
        }
        if let Some(lease) = lease {
            self.lease.extend(sent, lease);
        }
        Ok(Shared {
            bucket: self.bucket.clone(),
            clock: Arc::clone(self.clock),
            lease: self.lease.clone(),
            terms: self.terms,
            token: self.token.to_owned(),
            current: Mutex::new((object, version)),
        })
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

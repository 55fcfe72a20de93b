//! A state on S3-compatible object storage, which a team shares: the object `<key>`, its lock `<key>.lock`, its journal
//! `<key>.journal/…`, and the snapshots that are kept, `<key>.history/<serial>.json`.
//!
//! Safety rests on two promises of the storage: an object is created only if there is none (`If-None-Match: *`), and
//! replaced only in the version that was named (`If-Match`). Both are tried before the first lock ([`probe`]). Every other
//! weakness is expected: answers are lost, requests are executed twice, an older version is read.
//!
//! COS makes neither promise, as its create-only header is void on a versioned bucket. What that costs is below.
//!
//! - The [lock](lock) is a lease. A holder that stalls and comes back is kept out by a seal in the [journal], by the
//!   version of the snapshot, and before each call to the cloud by its [`Lease`].
//! - A write without an answer is found out by reading the object back: what is written is unique, so equal bytes are ours.
//! - A snapshot that is older than the one the last holder wrote is never worked on.
//!
//! # Without conditional writes
//!
//! With [`Claims`], each condition is checked by a read before the write, and the storage is not asked to check it. Two
//! writes that are under way at the same moment can then both be executed. What holds:
//!
//! - Calls that write to the cloud are sent by one holder at a time, if clocks run equally fast. One contender gets each
//!   epoch ([`turn`]), a lease starts before its claim, a renewal counts only if it is answered before the lease is over,
//!   and a lock is taken from a holder only after that.
//! - Every other write is sent only with half of the lease left, and a write ends within that time or fails. So a holder
//!   that stalls between the read and the write sends nothing when it comes back.
//! - A lock that an earlier holder has written late is put right by the next renewal, since its epoch is lower.
//!
//! What does not hold:
//!
//! - A write that the storage executes after its sender's lease can replace a snapshot, a seal or an event of the next
//!   holder. A snapshot with a lower serial is found by that serial and not worked on, and `state restore` has the later
//!   ones. An event that is lost so is found as an image that the state lacks, or as a missing object of the journal.
//! - A holder whose lock a person unlocks while it works may go on for two renewals, as its writes and those of the next
//!   holder can be executed in either order.
//! - A claim whose claimer dies before it writes the lock's object blocks others for a lease, and its tag stays.

mod bucket;
mod claims;
mod history;
mod journal;
mod lock;
mod lock_object;
mod probe;
mod read;
mod request;
mod take;
#[cfg(test)]
mod tests;
mod turn;
mod write;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use object_store::ObjectStore;

use super::{LockInfo, LockWait, Relation, SNAPSHOTS_KEPT, SerialBump, StateStore, StoreError};
use crate::cloud::{Lease, SystemClock};
use crate::model::Clock;
use crate::state::{Event, Head, Lineage, Snapshot, StateError};

pub use claims::{Claims, TagClaims};
pub use lock::LeaseTerms;

use bucket::{Bucket, Guard, Version};
use journal::{Kind, Name};
use lock::Held;
use read::Loaded;

/// Keeps a state on object storage.
pub struct ObjectStateStore {
    bucket: Bucket,
    clock: Arc<dyn Clock>,
    terms: LeaseTerms,
    lease: Lease,
    /// Claims of epochs, for storage that ignores the conditions of writes.
    claims: Option<Arc<dyn Claims>>,
    /// Makes random texts, one for each holder.
    tokens: Arc<dyn Fn() -> String + Send + Sync>,
    held: Option<Held>,
    stored: Option<Stored>,
    /// Number of the last object that this holder has written to its journal.
    number: u64,
    /// An object of the journal whose storage was not confirmed.
    unconfirmed: Option<(Name, Vec<u8>)>,
    /// Snapshots that were sent and not confirmed since the stored one: one of them may be stored, or on its way.
    sent: Vec<(u64, String)>,
    /// Whether the journal has events that the stored snapshot lacks.
    has_events: bool,
    /// The serial that the last holder has written, or more.
    expected: u64,
}

/// The snapshot that is stored.
#[derive(Debug, Clone)]
struct Stored {
    lineage: Lineage,
    serial: u64,
    /// `None` if there is no object.
    version: Option<Version>,
}

impl std::fmt::Debug for ObjectStateStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ObjectStateStore")
            .field("place", &self.bucket.shown)
            .field("held", &self.held)
            .field("stored", &self.stored)
            .finish_non_exhaustive()
    }
}

impl ObjectStateStore {
    /// Returns a store for the state with this key. `shown` is its place, for people; `tokens` makes random texts. Nothing is
    /// read or written yet.
    ///
    /// # Errors
    /// If no object can have this key.
    pub fn new(
        store: Arc<dyn ObjectStore>,
        key: &str,
        shown: impl Into<String>,
        tokens: Arc<dyn Fn() -> String + Send + Sync>,
    ) -> Result<Self, StoreError> {
        Ok(Self {
            bucket: Bucket::new(store, key, shown.into())?,
            clock: Arc::new(SystemClock),
            terms: LeaseTerms::default(),
            lease: Lease::default(),
            claims: None,
            tokens,
            held: None,
            stored: None,
            number: 0,
            unconfirmed: None,
            sent: Vec::new(),
            has_events: false,
            expected: 0,
        })
    }

    /// Returns the same store with another clock.
    #[must_use]
    pub fn with_clock(self, clock: Arc<dyn Clock>) -> Self {
        Self { clock, ..self }.guarded()
    }

    /// Returns the same store with other terms for its lock.
    #[must_use]
    pub fn with_terms(self, terms: LeaseTerms) -> Self {
        Self { terms, ..self }.guarded()
    }

    /// Returns the same store, which limits this lease while it holds the lock.
    #[must_use]
    pub fn with_lease(self, lease: Lease) -> Self {
        Self { lease, ..self }.guarded()
    }

    /// Returns the same store for storage that ignores the conditions of writes. Its lock rests on these claims.
    #[must_use]
    pub fn with_claims(self, claims: Arc<dyn Claims>) -> Self {
        Self { claims: Some(claims), ..self }.guarded()
    }

    /// Hands the lease to the writes where it keeps them apart.
    fn guarded(mut self) -> Self {
        if self.claims.is_some() {
            let (lease, clock) = (self.lease.clone(), Arc::clone(&self.clock));
            self.bucket.guard(Guard { lease, clock, write_time: self.terms.lease / 2 });
        }
        self
    }

    fn request<'r>(&'r self, token: &'r str) -> request::Request<'r> {
        let Self { bucket, clock, lease, terms, claims, .. } = self;
        request::Request { bucket, clock, lease, terms: *terms, claims: claims.as_ref(), token }
    }

    fn held(&self) -> Result<&Held, StoreError> {
        self.held.as_ref().ok_or(StoreError::OutOfOrder("write before lock"))
    }

    async fn checked(&self) -> Result<&Held, StoreError> {
        let held = self.held()?;
        held.check().await?;
        Ok(held)
    }

    fn broken(&self, source: StateError, kept: Vec<u64>) -> StoreError {
        StoreError::State { place: self.bucket.shown.clone(), source, kept }
    }
}

async fn pause(tries: u32) {
    tokio::time::sleep(Duration::from_millis(20).saturating_mul(tries.saturating_mul(tries))).await;
}

#[async_trait]
impl StateStore for ObjectStateStore {
    fn place(&self) -> String {
        self.bucket.shown.clone()
    }

    fn journal_place(&self) -> String {
        self.bucket.place(journal::FOLDER)
    }

    async fn load(&mut self) -> Result<Option<Snapshot>, StoreError> {
        let Some(Loaded { snapshot, stored, has_events }) = self.read().await? else { return Ok(None) };
        self.stored = Some(stored);
        self.has_events = has_events;
        Ok(Some(snapshot))
    }

    async fn lock(&mut self, info: LockInfo, wait: LockWait) -> Result<(), StoreError> {
        let token = (self.tokens)();
        let (held, previous) = self.request(&token).take(info, wait).await?;
        self.held = Some(held);
        // What was read before may be old by now.
        (self.stored, self.has_events, self.number, self.unconfirmed) = (None, false, 0, None);
        self.sent.clear();
        self.expected = previous.serial;
        if !previous.open.is_empty() {
            let names = journal::names(&self.bucket).await?;
            for epoch in previous.open {
                journal::seal(&self.bucket, epoch, &names, &token).await?;
            }
            // A snapshot of the previous holder may be on its way. One that cannot be used is left as it is.
            match self.load().await {
                Ok(Some(mut snapshot)) => self.save(&mut snapshot, SerialBump::IfEvents).await?,
                Ok(None) => {}
                Err(error) if error.is_unusable() => {}
                Err(error) => return Err(error),
            }
            self.held()?.note_sealed().await?;
        }
        Ok(())
    }

    async fn append(&mut self, events: &[Event]) -> Result<(), StoreError> {
        self.held()?;
        self.confirm_snapshot().await?;
        let Some(stored) = &self.stored else { return Err(StoreError::OutOfOrder("append before save")) };
        let base = super::journal::Header { lineage: stored.lineage.clone(), follows: stored.serial };
        if events.is_empty() {
            return Ok(());
        }
        self.add(Kind::Events { base, count: events.len() }, events).await
    }

    async fn save(&mut self, snapshot: &mut Snapshot, freshness: SerialBump) -> Result<(), StoreError> {
        let info = self.checked().await?.info.clone();
        let mut next = snapshot.clone();
        next.written = Some(info.written(self.clock.now()));
        if self.stored.is_none() {
            // The object was not read yet: one that cannot be read must not be overwritten.
            self.load().await?;
        }
        if freshness == SerialBump::Yes || self.has_events {
            next.serial = next.serial.saturating_add(1);
        }
        let text = match next.to_text() {
            Ok(text) => text,
            Err(source) => return Err(self.broken(source, self.restorable().await)),
        };
        self.add(Kind::Save { serial: next.serial }, &[]).await?;
        self.put(&next.lineage, next.serial, &text).await?;
        *snapshot = next;
        let serial = snapshot.serial;
        self.expected = self.expected.max(serial);
        self.held()?.note_serial(serial).await;
        tokio::join!(self.keep(serial, &text), self.clear_journal());
        Ok(())
    }

    async fn kept(&mut self) -> Result<Vec<(u64, Option<Head>)>, StoreError> {
        self.read_kept().await
    }

    async fn recall(&mut self, serial: u64) -> Result<Option<Snapshot>, StoreError> {
        self.read_one_kept(serial).await
    }

    async fn writer(&mut self) -> Option<LockInfo> {
        lock::holder(&self.bucket, self.clock.now()).await.ok().flatten()
    }

    fn has_events(&self) -> bool {
        self.has_events
    }

    async fn replace(&mut self, snapshot: &mut Snapshot) -> Result<Vec<String>, StoreError> {
        self.replace_unusable(snapshot).await
    }

    async fn retire(&mut self) -> Result<String, StoreError> {
        let mut snapshot = self.load().await?.ok_or(StoreError::OutOfOrder("retire before save"))?;
        // The copy holds what the journal held.
        self.save(&mut snapshot, SerialBump::IfEvents).await?;
        let object = self.bucket.read("").await?.ok_or(StoreError::OutOfOrder("retire before save"))?;
        let kept = self.set_aside(&object.bytes, "json").await?;
        self.bucket.remove("").await?;
        self.stored = None;
        self.expected = 0;
        self.held()?.note_serial(0).await;
        Ok(kept)
    }

    async fn lock_for_good(&mut self, info: LockInfo, wait: LockWait) -> Result<(), StoreError> {
        let token = (self.tokens)();
        self.request(&token).take_for_good(&info, wait).await
    }

    async fn unlock(&mut self) -> Result<Option<LockInfo>, StoreError> {
        lock::unlock(&self.bucket).await
    }
}

//! A state on S3-compatible object storage, which a team shares: the object `<key>`, its lock `<key>.lock`, its journal
//! `<key>.journal/…`, and the snapshots that are kept, `<key>.history/<serial>.json`.
//!
//! Safety rests on two promises of the storage: an object is created only if there is none (`If-None-Match: *`), and
//! replaced only in the version that was named (`If-Match`). Both are tried before the first lock ([`probe`]). Every other
//! weakness is expected: answers are lost, requests are executed twice, an older version is read.
//!
//! - The [lock](lock) is a lease. A holder that stalls and comes back is kept out by a seal in the [journal], by the
//!   version of the snapshot, and before each call to the cloud by its [`Lease`].
//! - A write without an answer is found out by reading the object back: what is written is unique, so equal bytes are ours.
//! - A snapshot that is older than the one the last holder wrote is never worked on.

mod bucket;
mod history;
mod journal;
mod lock;
mod probe;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use object_store::ObjectStore;

use super::{LockInfo, LockWait, Relation, SNAPSHOTS_KEPT, SerialBump, StateStore, StoreError};
use crate::cloud::{Lease, SystemClock};
use crate::model::Clock;
use crate::state::{Event, Head, Lineage, Snapshot, StateError, Written};

pub use lock::LeaseTerms;

use bucket::{Bucket, NotWritten, Version};
use journal::{Entry, Kind, Name};
use lock::Held;

/// How many leases long seals are kept.
const LEASES_OF_SEALS: u32 = 30;

/// Keeps a state on object storage.
pub struct ObjectStateStore {
    bucket: Bucket,
    clock: Arc<dyn Clock>,
    terms: LeaseTerms,
    lease: Lease,
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

/// What a load has read.
struct Loaded {
    snapshot: Snapshot,
    stored: Stored,
    has_events: bool,
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
        Self { clock, ..self }
    }

    /// Returns the same store with other terms for its lock.
    #[must_use]
    pub fn with_terms(self, terms: LeaseTerms) -> Self {
        Self { terms, ..self }
    }

    /// Returns the same store, which limits this lease while it holds the lock.
    #[must_use]
    pub fn with_lease(self, lease: Lease) -> Self {
        Self { lease, ..self }
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

    /// Reads the snapshot and folds its journal over it.
    async fn read(&self) -> Result<Option<Loaded>, StoreError> {
        const MOST: u32 = 10;
        let mut tries: u32 = 0;
        loop {
            tries = tries.saturating_add(1);
            let object = self.bucket.read("").await?;
            let version = object.as_ref().map(|object| object.version.clone());
            let names = journal::names(&self.bucket).await?;
            let entries = journal::read(&self.bucket, &names).await;
            let is_last = tries == MOST;
            if let Ok(None) = entries
                && !is_last
            {
                pause(tries).await;
                continue;
            }
            let result = match entries {
                Ok(entries) => self.fold(object, &names, entries.unwrap_or_default()).await,
                Err(error) => Err(error),
            };
            let is_old = matches!(&result, Ok(Some(loaded)) if loaded.stored.serial < self.expected)
                || (matches!(result, Ok(None)) && self.expected > 0);
            // A command that writes may have put the next snapshot in the place of what was read, and removed its journal.
            // Under the lock nobody does.
            let is_moved = async || match self.held {
                Some(_) => Ok(false),
                None => Ok(self.bucket.version("").await? != version),
            };
            if !is_last && (is_old || is_moved().await?) {
                pause(tries).await;
                continue;
            }
            return match result {
                Ok(loaded) if is_old => Err(StoreError::Older {
                    place: self.bucket.shown.clone(),
                    serial: loaded.map(|loaded| loaded.stored.serial),
                    written: self.expected,
                    kept: self.restorable().await,
                }),
                result => result,
            };
        }
    }

    async fn fold(
        &self,
        object: Option<bucket::Object>,
        names: &[Name],
        entries: Vec<Entry>,
    ) -> Result<Option<Loaded>, StoreError> {
        let version = object.as_ref().map(|object| object.version.clone());
        let mut snapshot = match object.map(|object| Snapshot::from_bytes(&object.bytes)).transpose() {
            Ok(snapshot) => snapshot,
            Err(source) => {
                let kept = match source {
                    StateError::Newer { .. } => Vec::new(),
                    _ => self.restorable().await,
                };
                return Err(self.broken(source, kept));
            }
        };
        let serial = snapshot.as_ref().map(|snapshot| snapshot.serial);
        let stored = snapshot.as_ref().map(|snapshot| Stored {
            lineage: snapshot.lineage.clone(),
            serial: snapshot.serial,
            version,
        });
        let base = snapshot.as_ref().map(|snapshot| (snapshot.lineage.clone(), snapshot.serial));
        let follows =
            |entry: &&Entry| matches!(journal::relation(entry, base.as_ref()), Some((Relation::Follows, _)));
        let needed: Vec<Name> = entries.iter().filter(follows).map(|entry| entry.name).collect();
        journal::check_gapless(&self.bucket, names, &needed).map_err(|error| error.beside_serial(serial))?;
        for entry in &entries {
            match journal::relation(entry, base.as_ref()) {
                None | Some((Relation::Behind, _)) => {}
                Some((Relation::Follows, _)) => {
                    let Some(snapshot) = &mut snapshot else { continue };
                    for (line, event) in &entry.events {
                        snapshot.take(event).map_err(|source| StoreError::Journal {
                            place: entry.place.clone(),
                            line: *line,
                            source,
                            serial,
                        })?;
                    }
                }
                Some((relation, base)) => {
                    return Err(StoreError::JournalApart {
                        place: entry.place.clone(),
                        relation,
                        lineage: base.lineage,
                        follows: base.follows,
                        serial,
                        events: entry.events.len(),
                        kept: self.restorable().await,
                    });
                }
            }
        }
        let has_events = !needed.is_empty();
        Ok(snapshot.zip(stored).map(|(snapshot, stored)| Loaded { snapshot, stored, has_events }))
    }

    /// Adds an object to this holder's journal.
    async fn add(&mut self, is: Kind, events: &[Event]) -> Result<(), StoreError> {
        self.confirm().await?;
        let held = self.checked().await?;
        let name = Name { epoch: held.epoch, number: self.number.saturating_add(1) };
        let bytes = journal::encode(name, held.token(), is, events)
            .map_err(|error| journal::not_json(&self.bucket, &error))?;
        // From here on it may be stored, whatever is answered.
        self.unconfirmed = Some((name, bytes));
        self.has_events |= !events.is_empty();
        self.confirm().await
    }

    /// Stores what was not confirmed, under the same name.
    async fn confirm(&mut self) -> Result<(), StoreError> {
        let Some((name, bytes)) = &self.unconfirmed else { return Ok(()) };
        match journal::create(&self.bucket, *name, bytes).await? {
            true => {
                self.number = name.number;
                self.unconfirmed = None;
                Ok(())
            }
            false => Err(self.held()?.lose()),
        }
    }

    /// Writes a snapshot that was announced, in the place of the version that is known, or of one that was sent before
    /// without an answer.
    async fn put(&mut self, lineage: &Lineage, serial: u64, text: &str) -> Result<(), StoreError> {
        const TRIES: u32 = 4;
        let mut before = self.stored.as_ref().and_then(|stored| stored.version.clone());
        self.sent.push((serial, text.to_owned()));
        let mut tries: u32 = 0;
        let version = loop {
            let written = match &before {
                Some(version) => self.bucket.update("", text.as_bytes(), version.clone()).await,
                None => self.bucket.create("", text.as_bytes()).await,
            };
            match written {
                Ok(version) => break version,
                Err(NotWritten::Failed(error)) => return Err(error),
                Err(NotWritten::Conflict) if tries == TRIES => {
                    // Either another holds the lock by now, or the state was changed by something that has none.
                    self.checked().await?;
                    return Err(StoreError::ChangedMeanwhile { place: self.bucket.shown.clone() });
                }
                Err(NotWritten::Conflict) => tries = tries.saturating_add(1),
            }
            match self.bucket.read("").await? {
                Some(found) if self.sent.iter().any(|(_, sent)| sent.as_bytes() == found.bytes) => {
                    before = Some(found.version);
                }
                _ => pause(tries).await,
            }
        };
        self.stored = Some(Stored { lineage: lineage.clone(), serial, version: Some(version) });
        self.sent.clear();
        self.has_events = false;
        Ok(())
    }

    /// Writes the last snapshot again that was sent and not confirmed: events must follow the one that is stored.
    async fn confirm_snapshot(&mut self) -> Result<(), StoreError> {
        let (Some((serial, text)), Some(stored)) = (self.sent.last().cloned(), self.stored.clone()) else {
            return Ok(());
        };
        self.checked().await?;
        self.put(&stored.lineage, serial, &text).await
    }

    /// Removes the journal objects that a snapshot makes needless. Those that are left are removed after a later one.
    async fn clear_journal(&self) {
        match self.needless().await {
            Ok(needless) => journal::remove(&self.bucket, needless).await,
            Err(error) => tracing::warn!(%error, "the journal could not be cleared"),
        }
    }

    /// Returns the journal objects that a snapshot makes needless: all but seals and the announcement of it.
    async fn needless(&self) -> Result<Vec<Name>, StoreError> {
        let epoch = self.held()?.epoch;
        let names = journal::dated_names(&self.bucket).await?;
        // The announcement was just written.
        let now = names.iter().map(|(_, written)| *written).max().unwrap_or_default();
        let (mut needless, mut others) = (Vec::new(), Vec::new());
        for (name, written) in names {
            let age = now.duration_since(written).unsigned_abs();
            // A holder whose lease is long over renews the lock before it writes, and so finds that it is another's.
            let is_long_ago = age > self.terms.lease.saturating_mul(LEASES_OF_SEALS);
            match name.epoch == epoch {
                true if name.number < self.number => needless.push(name),
                true => {}
                false if is_long_ago => needless.push(name),
                false => others.push(name),
            }
        }
        // Few are left of other epochs: a seal each, and what could not be removed.
        if let Some(entries) = journal::read(&self.bucket, &others).await? {
            needless.extend(entries.iter().filter(|entry| entry.is != Kind::Seal).map(|entry| entry.name));
        }
        Ok(needless)
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
        let request = lock::Request {
            bucket: &self.bucket,
            clock: &self.clock,
            lease: &self.lease,
            terms: self.terms,
            token: &token,
        };
        let (held, previous) = request.take(info, wait).await?;
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
        next.written = Some(Written {
            at: self.clock.now(),
            by: info.owner.as_str().into(),
            command: info.operation.as_str().into(),
        });
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
        let request = lock::Request {
            bucket: &self.bucket,
            clock: &self.clock,
            lease: &self.lease,
            terms: self.terms,
            token: &token,
        };
        request.take_for_good(&info, wait).await
    }

    async fn unlock(&mut self) -> Result<Option<LockInfo>, StoreError> {
        lock::unlock(&self.bucket).await
    }
}

//! Writing of the journal and of snapshots, whatever becomes of the answers.
//!
//! An object of the journal or a snapshot that was sent and not answered may be stored, or be on its way. The first is
//! sent again under the same name and with the same bytes; the second is remembered until a later one is stored.

use super::bucket::NotWritten;
use super::journal::{self, Kind, Name};
use super::{ObjectStateStore, StoreError, Stored, pause};
use crate::state::{Event, Lineage};

/// How many leases long seals are kept.
pub(super) const LEASES_OF_SEALS: u32 = 30;

impl ObjectStateStore {
    /// Adds an object to this holder's journal.
    pub(super) async fn add(&mut self, is: Kind, events: &[Event]) -> Result<(), StoreError> {
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
    pub(super) async fn confirm(&mut self) -> Result<(), StoreError> {
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
    pub(super) async fn put(&mut self, lineage: &Lineage, serial: u64, text: &str) -> Result<(), StoreError> {
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
    pub(super) async fn confirm_snapshot(&mut self) -> Result<(), StoreError> {
        let (Some((serial, text)), Some(stored)) = (self.sent.last().cloned(), self.stored.clone()) else {
            return Ok(());
        };
        self.checked().await?;
        self.put(&stored.lineage, serial, &text).await
    }

    /// Removes the journal objects that a snapshot makes needless. Those that are left are removed after a later one.
    pub(super) async fn clear_journal(&self) {
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

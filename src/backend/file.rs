//! A state in a local file: `goldform.state.json`, its journal `….journal`, its lock `….lock`, and the snapshots that
//! are kept in the folder `….history`.
//!
//! A snapshot is written to a temporary file, synced, and renamed over the old one, so a reader sees the old or
//! the new one and a crash leaves one of them. A step costs one synced line of the journal and not a rewrite.
//! The lock is the operating system's: it lives as long as the process, so a dead holder blocks nobody. What cannot
//! be read is never written over, and a journal is removed only once its events are in the snapshot.

use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;

use super::journal::Relation;
use super::{LockInfo, LockWait, SerialBump, StateStore, StoreError};
use crate::cloud::SystemClock;
use crate::diagnostics::sanitize;
use crate::model::Clock;
use crate::state::{Head, Lineage, Snapshot, StateError};

mod disk;
mod history;
mod journal;
mod lock;
mod place;
#[cfg(test)]
mod tests;

pub use disk::write_atomically;

use super::journal::{End, Header};
use disk::{Disk, RealDisk};
use journal::Journal;
use lock::Held;
use place::Place;

/// Keeps a state in a file.
pub struct FileStore {
    place: Place,
    clock: Arc<dyn Clock>,
    disk: Arc<dyn Disk>,
    lock: Option<Held>,
    journal: Option<Journal>,
    /// The lineage and serial of the snapshot that is stored.
    stored: Option<(Lineage, u64)>,
    /// Place at which the journal continues, if it has events that the stored snapshot lacks.
    end: Option<End>,
    /// Whether there is a journal that no crash between the writing of a snapshot and its removal explains: the state was
    /// replaced by a later one, which may not know its events.
    is_stale: bool,
}

impl std::fmt::Debug for FileStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { place, clock: _, disk: _, lock, journal: _, stored, end: _, is_stale: _ } = self;
        f.debug_struct("FileStore")
            .field("place", &place.named())
            .field("lock", &lock.as_ref().map(|held| &held.info))
            .field("stored", stored)
            .finish_non_exhaustive()
    }
}

/// What a load has read.
struct Loaded {
    snapshot: Snapshot,
    end: Option<End>,
    is_stale: bool,
}

impl FileStore {
    /// A store at this path. Links are resolved now, and nothing else is read or written yet.
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self {
            place: Place::new(path.into()),
            clock: Arc::new(SystemClock),
            disk: Arc::new(RealDisk),
            lock: None,
            journal: None,
            stored: None,
            end: None,
            is_stale: false,
        }
    }

    /// The same store, with another clock for the times at which snapshots are written.
    #[must_use]
    pub fn with_clock(self, clock: Arc<dyn Clock>) -> Self {
        Self { clock, ..self }
    }

    fn check_lock(&self) -> Result<&Held, StoreError> {
        let held = self.lock.as_ref().ok_or(StoreError::OutOfOrder("write before lock"))?;
        held.check()?;
        Ok(held)
    }

    #[expect(clippy::disallowed_methods, reason = "this store is where state files are read")]
    fn read_state_file(&self) -> Result<Option<Vec<u8>>, StoreError> {
        match std::fs::read(self.place.real()?) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(StoreError::Io { place: self.place(), source }),
        }
    }

    fn broken(&self, source: StateError) -> StoreError {
        let kept = match source {
            StateError::Newer { .. } => Vec::new(),
            _ => self.restorable(),
        };
        StoreError::State { place: self.place(), source, kept }
    }

    /// Reads the snapshot and folds its journal over it.
    fn read(&self) -> Result<Option<Loaded>, StoreError> {
        const MOST: u32 = 10;
        let mut bytes = self.read_state_file()?;
        let mut tries: u32 = 0;
        loop {
            let result = self.read_with(bytes.as_deref());
            tries = tries.saturating_add(1);
            if result.is_ok() || tries == MOST || !self.place.real()?.is_file() {
                return result;
            }
            // A command that writes may have put the next snapshot, and its journal, in the place of what was read.
            let again = self.read_state_file()?;
            if again == bytes {
                return result;
            }
            bytes = again;
        }
    }

    fn read_with(&self, bytes: Option<&[u8]>) -> Result<Option<Loaded>, StoreError> {
        let snapshot = bytes.map(Snapshot::from_bytes).transpose().map_err(|source| self.broken(source))?;
        let serial = snapshot.as_ref().map(|snapshot| snapshot.serial);
        self.with_journal(snapshot).map_err(|error| error.beside_serial(serial))
    }

    fn with_journal(&self, snapshot: Option<Snapshot>) -> Result<Option<Loaded>, StoreError> {
        let lines = journal::read(&self.place.beside(".journal")?)?;
        let followed = snapshot.as_ref().map(|snapshot| (&snapshot.lineage, snapshot.serial));
        let relation = lines.as_ref().map(|lines| lines.header.relation(followed));
        match (snapshot, lines, relation) {
            (Some(mut snapshot), Some(lines), Some(Relation::Follows)) => {
                let events = lines.events();
                if let Some(error) = events.error {
                    return Err(error);
                }
                for (line, event) in &events.events {
                    snapshot.take(event).map_err(|source| StoreError::Journal {
                        place: self.journal_place(),
                        line: *line,
                        source,
                        serial: None,
                    })?;
                }
                let end = (!events.events.is_empty()).then_some(events.end);
                Ok(Some(Loaded { snapshot, end, is_stale: false }))
            }
            (snapshot, Some(lines), Some(Relation::Behind)) => Ok(snapshot.map(|snapshot| {
                let is_stale = lines.header.follows.saturating_add(1) < snapshot.serial;
                Loaded { snapshot, end: None, is_stale }
            })),
            (snapshot, None, _) | (snapshot, _, None) => {
                Ok(snapshot.map(|snapshot| Loaded { snapshot, end: None, is_stale: false }))
            }
            (snapshot, Some(lines), Some(relation)) => Err(StoreError::JournalApart {
                place: self.journal_place(),
                relation,
                lineage: lines.header.lineage.clone(),
                follows: lines.header.follows,
                serial: snapshot.map(|snapshot| snapshot.serial),
                events: lines.events().events.len(),
                kept: self.restorable(),
            }),
        }
    }

    /// Keeps a journal that may hold what the state does not know, before its place is used again.
    fn clear_stale(&mut self) -> Result<(), StoreError> {
        if std::mem::take(&mut self.is_stale)
            && let Some(bytes) = self.place.beside(".journal")?.read()?
        {
            let kept = self.set_aside(&bytes, "journal")?;
            tracing::warn!(%kept, "a journal that follows a much older state was put aside");
        }
        Ok(())
    }
}

#[async_trait]
impl StateStore for FileStore {
    fn place(&self) -> String {
        sanitize::path(self.place.named())
    }

    fn journal_place(&self) -> String {
        self.place.beside(".journal").map_or_else(|_| self.place(), |journal| journal.shown)
    }

    async fn load(&mut self) -> Result<Option<Snapshot>, StoreError> {
        let Some(Loaded { snapshot, end, is_stale }) = self.read()? else { return Ok(None) };
        self.is_stale = is_stale;
        self.stored = Some((snapshot.lineage.clone(), snapshot.serial));
        self.end = end;
        Ok(Some(snapshot))
    }

    async fn lock(&mut self, info: LockInfo, wait: LockWait) -> Result<(), StoreError> {
        self.history()?;
        let held = Held::take(self.place.beside(".lock")?, info, wait, &*self.disk).await?;
        self.lock = Some(held);
        // What was read before may be old by now.
        (self.stored, self.end, self.journal) = (None, None, None);
        Ok(())
    }

    async fn append(&mut self, events: &[crate::state::Event]) -> Result<(), StoreError> {
        self.check_lock()?;
        self.clear_stale()?;
        let place = self.place.beside(".journal")?;
        let mut journal = match (self.journal.take(), self.end, self.stored.clone()) {
            (Some(journal), _, _) => journal,
            (None, Some(end), _) => Journal::go_on(place, end)?,
            (None, None, Some((lineage, follows))) => {
                Journal::begin(place, &Header { lineage, follows }, &*self.disk)?
            }
            (None, None, None) => return Err(StoreError::OutOfOrder("append before save")),
        };
        let result = journal.append(events, &*self.disk);
        self.end = Some(journal.end()).filter(|_| result.is_ok() && !events.is_empty()).or(self.end);
        self.journal = Some(journal);
        result
    }

    async fn save(&mut self, snapshot: &mut Snapshot, freshness: SerialBump) -> Result<(), StoreError> {
        let info = self.check_lock()?.info.clone();
        let mut next = snapshot.clone();
        next.written = Some(info.written(self.clock.now()));
        if self.stored.is_none() {
            // The file was not read yet: one that cannot be read must not be overwritten.
            self.load().await?;
        }
        if freshness == SerialBump::Yes || self.end.is_some() {
            next.serial = next.serial.saturating_add(1);
        }
        let text = next.to_text().map_err(|source| self.broken(source))?;
        if let Some((_, serial)) = self.stored.as_ref().filter(|(_, serial)| *serial != next.serial) {
            self.keep_present(*serial);
        }
        let real = self.place.real()?;
        disk::replace(&*self.disk, real, &text)
            .map_err(|source| StoreError::Io { place: self.place(), source })?;
        self.keep(next.serial, &text);
        *snapshot = next;
        self.stored = Some((snapshot.lineage.clone(), snapshot.serial));
        self.journal = None;
        self.end = None;
        self.clear_stale()?;
        // Its events are in the snapshot that was just written.
        let journal = self.place.beside(".journal")?;
        disk::remove(&journal.path).map_err(journal.io())
    }

    async fn kept(&mut self) -> Result<Vec<(u64, Option<Head>)>, StoreError> {
        self.read_kept()
    }

    async fn recall(&mut self, serial: u64) -> Result<Option<Snapshot>, StoreError> {
        self.read_one_kept(serial)
    }

    async fn writer(&mut self) -> Option<LockInfo> {
        lock::writer(&self.place.beside(".lock").ok()?)
    }

    fn has_events(&self) -> bool {
        self.end.is_some()
    }

    async fn replace(&mut self, snapshot: &mut Snapshot) -> Result<Vec<String>, StoreError> {
        self.check_lock()?;
        let mut aside = Vec::new();
        let mut last = self.serials()?.into_iter().max().unwrap_or_default().max(snapshot.serial);
        let place = self.place.beside(".journal")?;
        if let Some(bytes) = place.read()?.filter(|bytes| !bytes.is_empty()) {
            let lines = journal::read(&place).ok().flatten();
            last = last.max(lines.as_ref().map_or(0, |lines| lines.header.follows));
            let followed = (&snapshot.lineage, snapshot.serial);
            let mut is_folded = false;
            if let Some(lines) =
                lines.filter(|lines| lines.header.relation(Some(followed)) == Relation::Follows)
            {
                let events = lines.events();
                let all = events.events.iter().all(|(_, event)| snapshot.take(event).is_ok());
                is_folded = all && events.error.is_none();
            }
            if !is_folded {
                aside.push(self.set_aside(&bytes, "journal")?);
            }
        }
        if let Some(bytes) = self.read_state_file()? {
            let present = Snapshot::from_bytes(&bytes).ok();
            last = last.max(present.as_ref().map_or(0, |present| present.serial));
            last = last.max(
                std::str::from_utf8(&bytes).ok().and_then(Head::from_text).map_or(0, |head| head.serial),
            );
            let kept = present.and_then(|present| Some((self.read_one_kept(present.serial).ok()??, present)));
            if !kept.is_some_and(|(kept, present)| kept == present) {
                aside.push(self.set_aside(&bytes, "json")?);
            }
        }
        snapshot.serial = last;
        self.stored = Some((snapshot.lineage.clone(), last));
        (self.end, self.is_stale) = (None, false);
        self.save(snapshot, SerialBump::Yes).await?;
        Ok(aside)
    }

    async fn retire(&mut self) -> Result<String, StoreError> {
        self.check_lock()?;
        let mut snapshot = self.load().await?.ok_or(StoreError::OutOfOrder("retire before save"))?;
        // The copy holds what the journal held.
        self.save(&mut snapshot, SerialBump::IfEvents).await?;
        let bytes = self.read_state_file()?.unwrap_or_default();
        let kept = self.set_aside(&bytes, "json")?;
        let real = self.place.real()?;
        disk::remove(real).map_err(|source| StoreError::Io { place: self.place(), source })?;
        self.stored = None;
        Ok(kept)
    }
}

//! A store in memory, for tests and rehearsals; as strict as the others.

use std::collections::BTreeMap;

use async_trait::async_trait;

use super::{LockInfo, LockWait, SNAPSHOTS_KEPT, SerialBump, StateStore, StoreError};
use crate::state::{Event, Head, Snapshot};

/// Keeps a state in memory. Cloning it copies what is stored, which is what a crash leaves behind.
#[derive(Debug, Clone, Default)]
pub struct MemoryStore {
    snapshot: Option<Snapshot>,
    journal: Vec<Event>,
    kept: BTreeMap<u64, Snapshot>,
    lock: Option<LockInfo>,
}

impl MemoryStore {
    /// A store that holds this snapshot.
    pub fn holding(snapshot: Snapshot) -> Self {
        Self { snapshot: Some(snapshot), ..Self::default() }
    }

    /// What a process that died would leave: the same without the lock, and with the journal cut after `events`.
    #[must_use]
    pub fn crashed_after(&self, events: usize) -> Self {
        let journal = self.journal.iter().take(events).cloned().collect();
        Self { snapshot: self.snapshot.clone(), journal, kept: self.kept.clone(), lock: None }
    }

    /// The events since the last snapshot.
    pub fn journal(&self) -> &[Event] {
        &self.journal
    }
}

#[async_trait]
impl StateStore for MemoryStore {
    fn place(&self) -> String {
        "memory".to_owned()
    }

    async fn load(&mut self) -> Result<Option<Snapshot>, StoreError> {
        let Some(mut snapshot) = self.snapshot.clone() else { return Ok(None) };
        for (position, event) in self.journal.iter().enumerate() {
            snapshot.take(event).map_err(|source| StoreError::Journal {
                place: self.place(),
                line: position.saturating_add(1),
                source,
                serial: None,
            })?;
        }
        Ok(Some(snapshot))
    }

    async fn lock(&mut self, info: LockInfo, _: LockWait) -> Result<(), StoreError> {
        if let Some(holder) = &self.lock {
            return Err(StoreError::Locked { holder: Some(holder.clone()), is_shared: false });
        }
        self.lock = Some(info);
        Ok(())
    }

    async fn append(&mut self, events: &[Event]) -> Result<(), StoreError> {
        if self.lock.is_none() || self.snapshot.is_none() {
            return Err(StoreError::OutOfOrder("append before lock and save"));
        }
        self.journal.extend_from_slice(events);
        Ok(())
    }

    async fn save(&mut self, snapshot: &mut Snapshot, freshness: SerialBump) -> Result<(), StoreError> {
        let Some(lock) = &self.lock else { return Err(StoreError::OutOfOrder("save before lock")) };
        snapshot.verify().map_err(|source| StoreError::State {
            place: self.place(),
            source,
            kept: Vec::new(),
        })?;
        if freshness == SerialBump::Yes || !self.journal.is_empty() {
            snapshot.serial = snapshot.serial.saturating_add(1);
        }
        // Without a clock, so that tests are the same each time.
        snapshot.written = Some(lock.written(lock.since));
        let before = self.snapshot.replace(snapshot.clone());
        if let Some(before) = before.filter(|before| before.serial != snapshot.serial) {
            self.kept.insert(before.serial, before);
            while self.kept.len() > SNAPSHOTS_KEPT {
                self.kept.pop_first();
            }
        }
        self.journal.clear();
        Ok(())
    }

    async fn kept(&mut self) -> Result<Vec<(u64, Option<Head>)>, StoreError> {
        Ok(self.kept.iter().map(|(serial, kept)| (*serial, Some(kept.head()))).collect())
    }

    async fn recall(&mut self, serial: u64) -> Result<Option<Snapshot>, StoreError> {
        Ok(self.kept.get(&serial).cloned())
    }

    async fn writer(&mut self) -> Option<LockInfo> {
        self.lock.clone()
    }

    fn has_events(&self) -> bool {
        !self.journal.is_empty()
    }
}

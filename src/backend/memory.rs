//! A store in memory, for tests and rehearsals; as strict as the others.

use async_trait::async_trait;

use super::{Freshness, LockInfo, LockWait, StateStore, StoreError};
use crate::state::{Event, Snapshot};

/// Keeps a state in memory. Cloning it copies what is stored, which is what a crash leaves behind.
#[derive(Debug, Clone, Default)]
pub struct MemoryStore {
    snapshot: Option<Snapshot>,
    journal: Vec<Event>,
    locked: bool,
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
        Self { snapshot: self.snapshot.clone(), journal, locked: false }
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
            })?;
        }
        Ok(Some(snapshot))
    }

    async fn lock(&mut self, _: LockInfo, _: LockWait) -> Result<(), StoreError> {
        if self.locked {
            return Err(StoreError::Locked(None));
        }
        self.locked = true;
        Ok(())
    }

    async fn append(&mut self, events: &[Event]) -> Result<(), StoreError> {
        if !self.locked || self.snapshot.is_none() {
            return Err(StoreError::OutOfOrder("append before lock and save"));
        }
        self.journal.extend_from_slice(events);
        Ok(())
    }

    async fn save(&mut self, snapshot: &mut Snapshot, freshness: Freshness) -> Result<(), StoreError> {
        if !self.locked {
            return Err(StoreError::OutOfOrder("save before lock"));
        }
        snapshot.verify().map_err(|source| StoreError::State { place: self.place(), source })?;
        if freshness == Freshness::New || !self.journal.is_empty() {
            snapshot.serial = snapshot.serial.saturating_add(1);
        }
        self.snapshot = Some(snapshot.clone());
        self.journal.clear();
        Ok(())
    }
}

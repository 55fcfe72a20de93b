//! A state whose lock is held: what a command that writes starts from.

use super::{Connected, EngineError, Observation, Recovery, Scope};
use crate::backend::{SerialBump, StateStore, StoreError};
use crate::state::Snapshot;

/// A state whose lock is held. What it knows is saved with [`LockedState::save`]; until then the journal holds what an
/// earlier run left and what recovery found out.
pub struct LockedState<'s> {
    /// Where it is stored.
    pub store: &'s mut dyn StateStore,
    /// What it holds now.
    pub snapshot: Snapshot,
    /// Whether the snapshot says something that the stored one does not.
    freshness: SerialBump,
}

impl<'s> LockedState<'s> {
    /// Loads a state from a store whose lock is held. `first` makes the snapshot of a state that does not exist yet.
    ///
    /// # Errors
    /// If what is stored cannot be read or used.
    pub async fn load(
        store: &'s mut dyn StateStore,
        first: impl FnOnce() -> Snapshot,
    ) -> Result<Self, StoreError> {
        let (snapshot, freshness) = match store.load().await? {
            Some(stored) => (stored, SerialBump::IfEvents),
            None => (first(), SerialBump::Yes),
        };
        Ok(Self { store, snapshot, freshness })
    }

    /// Notes that the snapshot says something new.
    pub fn changed(&mut self) {
        self.freshness = SerialBump::Yes;
    }

    /// Closes what an earlier run left open, as far as that can be found out. A make that no listing shows yet stays
    /// open: an execution continues it, and a person can resolve it.
    ///
    /// # Errors
    /// If the cloud cannot be read or the journal cannot be written.
    pub async fn recover(&mut self, connected: &Connected<'_>) -> Result<Recovery, EngineError> {
        if !self.snapshot.intents.is_empty() {
            self.changed();
        }
        let recovery = connected.recover(&mut self.snapshot).await?;
        if !recovery.events.is_empty() {
            self.store.append(&recovery.events).await?;
        }
        Ok(recovery)
    }

    /// Observes the cloud and records what was observed.
    ///
    /// # Errors
    /// If the cloud cannot be read, or a rule refuses to record what was observed.
    pub async fn observe(
        &mut self,
        connected: &Connected<'_>,
        scope: Scope,
    ) -> Result<Observation, EngineError> {
        let observation = connected.observe(&mut self.snapshot, scope).await?;
        if observation.drift.facts_changed {
            self.changed();
        }
        Ok(observation)
    }

    /// Saves the state. Its serial rises only if something new was noted.
    ///
    /// # Errors
    /// If the store cannot be written.
    pub async fn save(&mut self) -> Result<(), StoreError> {
        self.store.save(&mut self.snapshot, self.freshness).await?;
        self.freshness = SerialBump::IfEvents;
        Ok(())
    }
}

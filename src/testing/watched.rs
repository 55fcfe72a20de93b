//! A store that reports what it has stored.

use std::sync::Arc;

use async_trait::async_trait;

use crate::backend::{LockInfo, LockWait, SerialBump, StateStore, StoreError};
use crate::state::{Event, Head, Snapshot};

/// What was stored.
pub enum Stored<'a> {
    /// A snapshot.
    Saved(&'a Snapshot),
    /// Events after the last snapshot.
    Appended(&'a [Event]),
}

/// Receives what was stored, right after it was.
pub type OnStore = Arc<dyn Fn(Stored<'_>) + Send + Sync>;

pub struct WatchedStore<'a> {
    pub inner: &'a mut dyn StateStore,
    pub on_store: Option<OnStore>,
}

impl WatchedStore<'_> {
    fn report(&self, stored: Stored<'_>) {
        if let Some(on_store) = &self.on_store {
            on_store(stored);
        }
    }
}

#[async_trait]
impl StateStore for WatchedStore<'_> {
    fn place(&self) -> String {
        self.inner.place()
    }

    async fn load(&mut self) -> Result<Option<Snapshot>, StoreError> {
        self.inner.load().await
    }

    async fn lock(&mut self, info: LockInfo, wait: LockWait) -> Result<(), StoreError> {
        self.inner.lock(info, wait).await
    }

    async fn append(&mut self, events: &[Event]) -> Result<(), StoreError> {
        self.inner.append(events).await?;
        self.report(Stored::Appended(events));
        Ok(())
    }

    async fn save(&mut self, snapshot: &mut Snapshot, freshness: SerialBump) -> Result<(), StoreError> {
        self.inner.save(snapshot, freshness).await?;
        self.report(Stored::Saved(snapshot));
        Ok(())
    }

    async fn kept(&mut self) -> Result<Vec<(u64, Option<Head>)>, StoreError> {
        self.inner.kept().await
    }

    async fn recall(&mut self, serial: u64) -> Result<Option<Snapshot>, StoreError> {
        self.inner.recall(serial).await
    }
}

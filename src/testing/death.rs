//! A process that dies at a chosen call: the call is made or not, its answer is lost, and nothing follows.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use async_trait::async_trait;

use crate::backend::{Freshness, LockInfo, LockWait, StateStore, StoreError};
use crate::cloud::{Request, Transport, TransportError};
use crate::state::{Event, Head, Snapshot};

/// Whether the fatal call reaches the service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    Before,
    After,
}

/// Dies at the n-th call (from 0), counting every call or every stored event.
#[derive(Debug, Clone)]
pub struct Death {
    left: Arc<AtomicUsize>,
    dead: Arc<AtomicBool>,
    when: When,
}

impl Death {
    pub fn at_call(call: usize, when: When) -> Self {
        Self { left: Arc::new(AtomicUsize::new(call)), dead: Arc::new(AtomicBool::new(false)), when }
    }

    pub fn has_come(&self) -> bool {
        self.dead.load(Ordering::SeqCst)
    }

    fn strikes(&self) -> bool {
        let struck =
            self.left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_err();
        if struck {
            self.dead.store(true, Ordering::SeqCst);
        }
        struck
    }
}

pub struct DyingTransport {
    pub inner: Arc<dyn Transport>,
    pub death: Death,
}

#[async_trait]
impl Transport for DyingTransport {
    async fn send(&self, request: Request) -> Result<Vec<u8>, TransportError> {
        if self.death.has_come() {
            return std::future::pending().await;
        }
        if self.death.strikes() {
            if self.death.when == When::After {
                let _ = self.inner.send(request).await;
            }
            return std::future::pending().await;
        }
        self.inner.send(request).await
    }
}

/// A store that a dead process cannot write to.
pub struct DyingStore<'a> {
    pub inner: &'a mut dyn StateStore,
    pub death: Death,
}

#[async_trait]
impl StateStore for DyingStore<'_> {
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
        if self.death.has_come() {
            Err(StoreError::OutOfOrder("dead"))
        } else {
            self.inner.append(events).await
        }
    }

    async fn save(&mut self, snapshot: &mut Snapshot, freshness: Freshness) -> Result<(), StoreError> {
        if self.death.has_come() {
            Err(StoreError::OutOfOrder("dead"))
        } else {
            self.inner.save(snapshot, freshness).await
        }
    }

    async fn kept(&mut self) -> Result<Vec<(u64, Option<Head>)>, StoreError> {
        self.inner.kept().await
    }

    async fn recall(&mut self, serial: u64) -> Result<Option<Snapshot>, StoreError> {
        self.inner.recall(serial).await
    }
}

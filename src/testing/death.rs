//! A process that dies at a chosen call of the service or event of the journal: the call is made or not, the event
//! stored or not, no answer comes back, and nothing follows.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use async_trait::async_trait;
use tokio::sync::Notify;

use crate::backend::{LockInfo, LockWait, SerialBump, StateStore, StoreError};
use crate::cloud::{Request, Transport, TransportError};
use crate::state::{Event, Head, Snapshot};

/// Whether the fatal call reaches the service, or the fatal event the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    Before,
    After,
}

/// What is counted until death.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum At {
    Call,
    Event,
}

/// Dies at the n-th call of the service, or the n-th event of the journal, both from 0. Clones are one death.
#[derive(Debug, Clone)]
pub struct Death {
    at: At,
    when: When,
    left: Arc<AtomicUsize>,
    dead: Arc<AtomicBool>,
    news: Arc<Notify>,
}

impl Death {
    fn after(at: At, count: usize, when: When) -> Self {
        let (left, dead) = (Arc::new(AtomicUsize::new(count)), Arc::new(AtomicBool::new(false)));
        Self { at, when, left, dead, news: Arc::default() }
    }

    /// One that does not come.
    pub fn never() -> Self {
        Self::at_event(usize::MAX, When::Before)
    }

    pub fn at_call(call: usize, when: When) -> Self {
        Self::after(At::Call, call, when)
    }

    pub fn at_event(event: usize, when: When) -> Self {
        Self::after(At::Event, event, when)
    }

    pub fn has_come(&self) -> bool {
        self.dead.load(Ordering::SeqCst)
    }

    /// Waits until it has come.
    pub async fn comes(&self) {
        let news = self.news.notified();
        if !self.has_come() {
            news.await;
        }
    }

    /// Lets it come now.
    pub fn strike(&self) {
        self.dead.store(true, Ordering::SeqCst);
        self.news.notify_waiters();
    }

    fn strikes(&self, at: At) -> bool {
        let tick = |left: usize| left.checked_sub(1);
        let struck =
            self.at == at && self.left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, tick).is_err();
        if struck {
            self.strike();
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
        if self.death.strikes(At::Call) {
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
            return std::future::pending().await;
        }
        // Of the events that are stored together, a death lets any number through.
        if let Some(fatal) = events.iter().position(|_| self.death.strikes(At::Event)) {
            let stored = fatal.saturating_add(usize::from(self.death.when == When::After));
            self.inner.append(events.get(..stored).unwrap_or_default()).await?;
            return std::future::pending().await;
        }
        self.inner.append(events).await
    }

    async fn save(&mut self, snapshot: &mut Snapshot, freshness: SerialBump) -> Result<(), StoreError> {
        if self.death.has_come() {
            return std::future::pending().await;
        }
        self.inner.save(snapshot, freshness).await
    }

    async fn kept(&mut self) -> Result<Vec<(u64, Option<Head>)>, StoreError> {
        self.inner.kept().await
    }

    async fn recall(&mut self, serial: u64) -> Result<Option<Snapshot>, StoreError> {
        self.inner.recall(serial).await
    }
}

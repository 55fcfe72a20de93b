//! Open connections of the server: their number is bounded, and idle ones make room for new ones.
//!
//! A client that opens connections and sends nothing, or sends its requests a byte at a time, must not lock others out.
//! So a connection counts as idle unless a call of it is being executed: waiting for a head, for the rest of a body, or
//! for the client to read an answer is idle. If all places are taken, the connection that has been idle longest is
//! closed. HTTP allows that at any time, and clients repeat a request that was not answered on a kept connection.
//! If every connection is executing a call, new ones wait in the queue of the operating system.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

/// All open connections.
#[derive(Debug)]
pub(super) struct Connections {
    most: usize,
    open: Mutex<Open>,
    /// A place may be free, or another connection may be idle.
    changed: Notify,
}

#[derive(Debug, Default)]
struct Open {
    /// Counts accepted connections and finished calls. A clock would only add ties.
    uses: u64,
    places: BTreeMap<u64, Place>,
}

#[derive(Debug)]
struct Place {
    last_use: u64,
    executing: bool,
    closing: bool,
    close: Arc<Notify>,
}

/// A connection that holds one of the places; dropping it frees the place.
#[derive(Debug)]
pub(super) struct Connection {
    id: u64,
    close: Arc<Notify>,
    all: Arc<Connections>,
}

/// A call that is being executed: its connection is not closed to make room.
#[derive(Debug)]
pub(super) struct Executing<'a>(&'a Connection);

impl Connections {
    /// Creates places for this many connections.
    pub(super) fn new(most: usize) -> Arc<Self> {
        Arc::new(Self { most: most.max(1), open: Mutex::default(), changed: Notify::new() })
    }

    /// Waits for a place. Closes the connection that has been idle longest if all are taken.
    pub(super) async fn admit(self: &Arc<Self>) -> Connection {
        loop {
            let changed = self.changed.notified();
            if let Some(connection) = self.take() {
                return connection;
            }
            self.close_idle();
            changed.await;
        }
    }

    /// Closes the connection that has been idle longest, if there is one.
    pub(super) fn close_idle(&self) {
        let mut open = self.lock();
        if open.places.values().any(|place| place.closing) {
            return;
        }
        let idle = open.places.values_mut().filter(|place| !place.executing);
        if let Some(place) = idle.min_by_key(|place| place.last_use) {
            place.closing = true;
            place.close.notify_one();
        }
    }

    fn take(self: &Arc<Self>) -> Option<Connection> {
        let mut open = self.lock();
        if open.places.len() >= self.most {
            return None;
        }
        open.uses += 1;
        let (id, close) = (open.uses, Arc::new(Notify::new()));
        let place = Place { last_use: id, executing: false, closing: false, close: Arc::clone(&close) };
        open.places.insert(id, place);
        drop(open);
        Some(Connection { id, close, all: Arc::clone(self) })
    }

    fn lock(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Connection {
    /// Waits until the connection must close to make room.
    pub(super) async fn must_close(&self) {
        loop {
            self.close.notified().await;
            let mut open = self.all.lock();
            let Some(place) = open.places.get_mut(&self.id) else { return };
            if !place.executing {
                return;
            }
            // A call began in the meantime: another connection makes room.
            place.closing = false;
            drop(open);
            self.all.changed.notify_one();
        }
    }

    /// Marks the start of a call.
    pub(super) fn execute(&self) -> Executing<'_> {
        if let Some(place) = self.all.lock().places.get_mut(&self.id) {
            place.executing = true;
        }
        Executing(self)
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.all.lock().places.remove(&self.id);
        self.all.changed.notify_one();
    }
}

impl Drop for Executing<'_> {
    fn drop(&mut self) {
        let Connection { id, all, .. } = self.0;
        let mut open = all.lock();
        open.uses += 1;
        let uses = open.uses;
        if let Some(place) = open.places.get_mut(id) {
            (place.executing, place.last_use) = (false, uses);
        }
        drop(open);
        all.changed.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether a future is ready without waiting.
    async fn is_ready(future: impl Future<Output = ()>) -> bool {
        tokio::select! {
            biased;
            () = future => true,
            () = std::future::ready(()) => false,
        }
    }

    #[tokio::test]
    async fn the_connection_that_was_idle_longest_makes_room() {
        let all = Connections::new(3);
        let (first, second, third) = (all.admit().await, all.admit().await, all.admit().await);
        drop(first.execute());
        let call = second.execute();
        {
            let next = all.admit();
            tokio::pin!(next);
            assert!(is_ready(async { drop(next.as_mut().await) }).await.eq(&false));
            // The first was used since, and the second executes a call.
            assert!(is_ready(third.must_close()).await);
            assert!(!is_ready(first.must_close()).await && !is_ready(second.must_close()).await);
            drop(third);
            drop(next.await);
        }
        drop(call);
        assert_eq!(all.lock().places.len(), 2);
    }

    #[tokio::test]
    async fn a_connection_whose_call_began_meanwhile_stays_and_another_makes_room() {
        let all = Connections::new(2);
        let (first, second) = (all.admit().await, all.admit().await);
        let next = all.admit();
        tokio::pin!(next);
        assert!(!is_ready(async { drop(next.as_mut().await) }).await);
        let call = first.execute();
        assert!(!is_ready(first.must_close()).await);
        assert!(!is_ready(async { drop(next.as_mut().await) }).await);
        assert!(is_ready(second.must_close()).await);
        drop(second);
        drop(next.await);
        drop(call);
    }

    #[tokio::test]
    async fn a_new_connection_waits_while_all_execute_calls() {
        let all = Connections::new(1);
        let only = all.admit().await;
        let call = only.execute();
        let next = all.admit();
        tokio::pin!(next);
        assert!(!is_ready(async { drop(next.as_mut().await) }).await);
        drop(call);
        assert!(!is_ready(async { drop(next.as_mut().await) }).await);
        assert!(is_ready(only.must_close()).await);
        drop(only);
        drop(next.await);
    }
}

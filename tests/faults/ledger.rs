//! What a store must hold: everything that it has confirmed, and possibly what it has not.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use goldform::backend::{LockInfo, LockWait, SerialBump, StateStore, StoreError};
use goldform::state::{Event, Head, Snapshot};

/// Called with the number of each write, from 0, before it. Returns the error that it ends with instead.
pub type OnWrite = Box<dyn FnMut(usize) -> Option<StoreError> + Send>;
/// Called with what was loaded.
pub type OnLoad = Arc<dyn Fn(&Snapshot) + Send + Sync>;

/// The states that may be stored. Several where a write was not confirmed.
#[derive(Debug, Clone, Default)]
pub struct Ledger {
    /// `None`: nothing was ever saved.
    possible: Vec<Option<Snapshot>>,
    /// Events that were stored.
    pub events: usize,
    /// What was loaded and could not be.
    pub lost: Vec<String>,
    /// Whether only images and open steps are compared: the state was replaced by an earlier one of the same serial, in which
    /// the times of reading and the history of runs are others, and which the journal still follows.
    pub compares_facts_only: bool,
}

/// What a run can rely on. The numbers, times and names of writes are not.
fn facts(snapshot: &Snapshot) -> Snapshot {
    Snapshot { serial: 0, written: None, goldform: "".into(), ..snapshot.clone() }
}

fn with(snapshot: Option<&Snapshot>, events: &[Event]) -> Option<Snapshot> {
    let mut next = snapshot?.clone();
    events.iter().all(|event| next.take(event).is_ok()).then_some(next)
}

/// The lines in which the texts of two states differ.
fn differences(one: Option<&Snapshot>, other: Option<&Snapshot>) -> Vec<String> {
    let lines = |state: Option<&Snapshot>| -> BTreeSet<String> {
        let text = state.map(|state| serde_json::to_string_pretty(state).unwrap()).unwrap_or_default();
        text.lines().map(|line| line.trim().to_owned()).collect()
    };
    let (one, other) = (lines(one), lines(other));
    let less = other.difference(&one).map(|line| format!("-{line}"));
    one.difference(&other).map(|line| format!("+{line}")).chain(less).collect()
}

impl Ledger {
    fn all(&mut self) -> &mut Vec<Option<Snapshot>> {
        if self.possible.is_empty() {
            self.possible.push(None);
        }
        &mut self.possible
    }

    fn appending(&mut self, events: &[Event]) {
        let added: Vec<_> =
            self.all().iter().filter_map(|state| with(state.as_ref(), events)).map(Some).collect();
        self.possible.extend(added);
    }

    fn appended(&mut self, before: &[Option<Snapshot>], events: &[Event]) {
        self.events += events.len();
        self.possible = before.iter().filter_map(|state| with(state.as_ref(), events)).map(Some).collect();
    }

    fn loaded(&mut self, snapshot: Option<&Snapshot>) {
        let loaded = snapshot.map(facts);
        let is_open = self.compares_facts_only;
        let is_possible = self.all().iter().any(|state| match (state, &loaded) {
            (Some(state), Some(loaded)) if is_open => {
                let images = state.recorded.images == loaded.recorded.images;
                images && state.intents == loaded.intents && state.lineage == loaded.lineage
            }
            (state, loaded) => state == loaded,
        });
        if !is_possible {
            let nearest = self.possible.iter().map(|state| differences(loaded.as_ref(), state.as_ref()));
            let nearest = nearest.min_by_key(Vec::len).unwrap_or_default();
            self.lost.push(format!(
                "what is loaded is none of {} states that may be stored, and differs from the nearest in {}",
                self.possible.len(),
                nearest.join("; ")
            ));
        }
        self.possible = vec![loaded];
    }
}

/// A store whose confirmations are kept in a ledger.
pub struct LedgerStore<'a> {
    pub inner: &'a mut dyn StateStore,
    pub ledger: Arc<Mutex<Ledger>>,
    pub on_write: OnWrite,
    pub on_load: OnLoad,
    pub writes: usize,
}

impl LedgerStore<'_> {
    fn fault(&mut self) -> Option<StoreError> {
        let number = self.writes;
        self.writes += 1;
        (self.on_write)(number)
    }
}

#[async_trait]
impl StateStore for LedgerStore<'_> {
    fn place(&self) -> String {
        self.inner.place()
    }

    async fn load(&mut self) -> Result<Option<Snapshot>, StoreError> {
        let loaded = self.inner.load().await?;
        self.ledger.lock().unwrap().loaded(loaded.as_ref());
        if let Some(snapshot) = &loaded {
            (self.on_load)(snapshot);
        }
        Ok(loaded)
    }

    async fn lock(&mut self, info: LockInfo, wait: LockWait) -> Result<(), StoreError> {
        self.inner.lock(info, wait).await
    }

    async fn append(&mut self, events: &[Event]) -> Result<(), StoreError> {
        if let Some(error) = self.fault() {
            return Err(error);
        }
        let before = self.ledger.lock().unwrap().all().clone();
        self.ledger.lock().unwrap().appending(events);
        self.inner.append(events).await?;
        self.ledger.lock().unwrap().appended(&before, events);
        Ok(())
    }

    async fn save(&mut self, snapshot: &mut Snapshot, freshness: SerialBump) -> Result<(), StoreError> {
        if let Some(error) = self.fault() {
            return Err(error);
        }
        self.ledger.lock().unwrap().all().push(Some(facts(snapshot)));
        self.inner.save(snapshot, freshness).await?;
        self.ledger.lock().unwrap().possible = vec![Some(facts(snapshot))];
        Ok(())
    }

    async fn kept(&mut self) -> Result<Vec<(u64, Option<Head>)>, StoreError> {
        self.inner.kept().await
    }

    async fn recall(&mut self, serial: u64) -> Result<Option<Snapshot>, StoreError> {
        self.inner.recall(serial).await
    }
}

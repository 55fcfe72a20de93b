//! Runs whose state can no longer be stored, and runs that panic: the outcome is reported, and the next run continues.

use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;

use super::*;
use crate::cloud::{Request, Transport, TransportError};
use crate::state::Head;

/// A store whose disk is full after this many appends.
struct FullStore {
    inner: MemoryStore,
    left: usize,
}

#[async_trait]
impl StateStore for FullStore {
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
        let full = || std::io::Error::from(std::io::ErrorKind::StorageFull);
        self.left = self
            .left
            .checked_sub(1)
            .ok_or_else(|| StoreError::Io { place: "the journal".to_owned(), source: full() })?;
        self.inner.append(events).await
    }

    async fn save(&mut self, snapshot: &mut Snapshot, freshness: SerialBump) -> Result<(), StoreError> {
        self.inner.save(snapshot, freshness).await
    }

    async fn kept(&mut self) -> Result<Vec<(u64, Option<Head>)>, StoreError> {
        self.inner.kept().await
    }

    async fn recall(&mut self, serial: u64) -> Result<Option<Snapshot>, StoreError> {
        self.inner.recall(serial).await
    }
}

/// Calls that end one after another, so that some are under way when the answer of one cannot be stored.
struct Staggered {
    inner: Arc<dyn Transport>,
    calls: AtomicU64,
}

#[async_trait]
impl Transport for Staggered {
    async fn send(&self, request: Request) -> Result<Vec<u8>, TransportError> {
        let number = self.calls.fetch_add(1, Ordering::SeqCst);
        let answer = self.inner.send(request).await;
        tokio::time::sleep(Duration::from_millis(20 * (number % 4 + 1))).await;
        answer
    }
}

/// Applies the example with a store that is full after some appends; the snapshot is as the run left it.
async fn run(
    bench: &mut Bench,
    appends: usize,
    progress: &mut dyn Progress,
) -> (Result<Outcome, Unsaved>, Snapshot, MemoryStore) {
    let wanted = desired(EXAMPLE);
    let mut snapshot = bench.first_snapshot();
    bench.observe(&wanted, &mut snapshot).await;
    let valid = bench.judge(&wanted, Bench::propose(&wanted, &snapshot, PlanMode::Normal)).1.unwrap();
    let info = LockInfo { owner: "test".into(), pid: 1, operation: "apply".into(), since: bench.clock.now() };
    let mut store = FullStore { inner: MemoryStore::default(), left: appends };
    store.lock(info, LockWait::NONE).await.unwrap();
    store.save(&mut snapshot, SerialBump::Yes).await.unwrap();
    let executor = Executor {
        cloud: bench.cloud(),
        store: &mut store,
        clock: Arc::clone(&bench.clock),
        options: bench.options,
        stop: going_on(),
        progress,
        queries: BTreeMap::new(),
    };
    let ran = executor.run(&valid, &mut snapshot).await;
    (ran, snapshot, store.inner)
}

/// How many images and calls for images an outcome names.
fn made(outcome: &Outcome) -> usize {
    let makes = outcome.steps.iter().filter(|step| matches!(step.verb, Verb::Create | Verb::Copy));
    makes.filter(|step| step.outcome == StepOutcome::Done || step.outcome.is_open()).count()
}

#[tokio::test(start_paused = true)]
async fn what_was_done_until_the_store_was_full_is_in_the_outcome() {
    let mut ended_early = 0;
    for appends in 0..200 {
        let mut bench = Bench::new(Settings::default())
            .through(|inner| Arc::new(Staggered { inner, calls: AtomicU64::new(0) }));
        let (ran, mut snapshot, mut store) = run(&mut bench, appends, &mut Quiet).await;
        let unsaved = match ran {
            Ok(outcome) => {
                assert!(outcome.is_complete(), "{outcome:#?}");
                break;
            }
            Err(unsaved) => unsaved,
        };
        ended_early += 1;
        let (outcome, images) = (&unsaved.outcome, bench.sim.images().unwrap().len());
        assert!(unsaved.to_string().starts_with("the journal: "), "{unsaved}");
        assert!(!outcome.is_complete() || made(outcome) == 4, "{outcome:#?}");
        // Calls that were under way are waited for: what they made is in the outcome and in the snapshot.
        assert_eq!(made(outcome), images, "after {appends} appends: {outcome:#?}");
        assert!(
            !outcome.steps.iter().any(|step| matches!(step.outcome, StepOutcome::Unknown(_))),
            "{outcome:#?}"
        );
        // What can be stored at once after all has no intent of a call that was not sent.
        let unsent = snapshot.intents.values().filter(|intent| intent.accepted.is_none()).count();
        assert_eq!(unsent, 0, "after {appends} appends");
        if appends % 2 == 0 {
            store.save(&mut snapshot, SerialBump::Yes).await.unwrap();
        }
        bench.store = store.crashed_after(usize::MAX);
        assert!(apply(&mut bench, EXAMPLE).await.is_complete(), "after {appends} appends");
        assert_eq!(bench.sim.images().unwrap().len(), 4, "nothing is made twice");
    }
    assert!(ended_early > 5, "{ended_early}");
}

/// Panics when a step has settled: a defect in the run itself and not in one of its tasks.
struct PanicsOnSettled;

impl Progress for PanicsOnSettled {
    fn started(&mut self, _: &Step) {}
    fn accepted(&mut self, _: &Step, _: &ImageId) {}
    fn waiting(&mut self, _: &Step, _: &str) {}
    fn settled(&mut self, step: &Step) {
        panic!("no bar for {}", step.id);
    }
    fn failed(&mut self, _: &Step, _: &StepOutcome) {}
    fn skipped(&mut self, _: &Step, _: &Step) {}
}

#[tokio::test(start_paused = true)]
async fn a_run_that_panics_has_an_outcome() {
    let mut bench = Bench::new(Settings::default());
    let (ran, snapshot, store) = run(&mut bench, usize::MAX, &mut PanicsOnSettled).await;
    let outcome = ran.unwrap();
    let defect = outcome.internal_error.clone().unwrap();
    assert!(defect.starts_with("the run panicked: no bar for "), "{defect}");
    assert!(!outcome.is_complete());
    // What happened before is stored, so that the next run continues.
    assert_eq!(snapshot.recorded.placements().count(), bench.sim.images().unwrap().len());
    bench.store = store.crashed_after(usize::MAX);
    assert!(apply(&mut bench, EXAMPLE).await.is_complete());
    assert_eq!(bench.sim.images().unwrap().len(), 4, "nothing is made twice");
}

//! A holder of the lock on object storage that dies, or stalls while another takes the lock, and then comes back.
//!
//! Each process has a runtime of its own. One that is not driven does nothing at all, its renewals included, like a
//! process that was stopped.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use goldform::backend::{LockInfo, LockWait, SerialBump, StateStore, StoreError};
use goldform::cloud::client::http::CALL_TIMEOUT;
use goldform::cloud::{Lease, Leased, Request, Transport, TransportError};
use goldform::model::Clock;
use goldform::state::{Event, Head, Snapshot};
use goldform::testing::{Applied, Bench, Death, LINEAGE, When, desired};
use jiff::{SignedDuration, Timestamp};
use tokio::runtime::Runtime;
use tokio::sync::Notify;
use tokio::time::Instant;

use super::calls::Way;
use super::case::{Reference, describe, is_complete};
use super::ledger::LedgerStore;
use super::stories::{self, Story};
use super::world::{Ended, Setting, Trouble, World};
use super::{in_paused_time, side_by_side};
use crate::lives::others::micros;
use crate::lives::script;

/// Where a process stalls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum At {
    /// Before a call is checked and sent.
    BeforeCall,
    /// While the answer of a call is on its way.
    Answer,
    /// Before a write of the state.
    BeforeWrite,
    /// After a write of the state.
    AfterWrite,
}

/// What a process that stalls perceives of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Passed {
    /// The time that has passed.
    Time,
    /// Its steady clock has stopped, as while a machine sleeps.
    WallTime,
}

/// A place where a process waits until it is let on.
struct Gate {
    at: (At, usize),
    count: AtomicUsize,
    reached: Notify,
    open: Notify,
}

impl Gate {
    async fn pass(&self, at: At) {
        if self.at.0 == at && self.count.fetch_add(1, Ordering::SeqCst) == self.at.1 {
            self.reached.notify_one();
            self.open.notified().await;
        }
    }
}

struct GatedTransport(Arc<dyn Transport>, Arc<Gate>);

#[async_trait]
impl Transport for GatedTransport {
    async fn send(&self, request: Request) -> Result<Vec<u8>, TransportError> {
        self.1.pass(At::BeforeCall).await;
        let answer = self.0.send(request).await;
        self.1.pass(At::Answer).await;
        answer
    }
}

struct GatedStore<'a>(&'a mut dyn StateStore, Arc<Gate>);

#[async_trait]
impl StateStore for GatedStore<'_> {
    fn place(&self) -> String {
        self.0.place()
    }

    async fn load(&mut self) -> Result<Option<Snapshot>, StoreError> {
        self.0.load().await
    }

    async fn lock(&mut self, info: LockInfo, wait: LockWait) -> Result<(), StoreError> {
        self.0.lock(info, wait).await
    }

    async fn append(&mut self, events: &[Event]) -> Result<(), StoreError> {
        self.1.pass(At::BeforeWrite).await;
        self.0.append(events).await?;
        self.1.pass(At::AfterWrite).await;
        Ok(())
    }

    async fn save(&mut self, snapshot: &mut Snapshot, freshness: SerialBump) -> Result<(), StoreError> {
        self.1.pass(At::BeforeWrite).await;
        self.0.save(snapshot, freshness).await?;
        self.1.pass(At::AfterWrite).await;
        Ok(())
    }

    async fn kept(&mut self) -> Result<Vec<(u64, Option<Head>)>, StoreError> {
        self.0.kept().await
    }

    async fn recall(&mut self, serial: u64) -> Result<Option<Snapshot>, StoreError> {
        self.0.recall(serial).await
    }
}

/// The time of a world whose processes have runtimes of their own, of which one is driven at a time.
struct Turns(Mutex<(Timestamp, Instant)>);

impl Turns {
    fn begin(&self) {
        self.0.lock().unwrap().1 = Instant::now();
    }

    fn end(&self) {
        let mut turn = self.0.lock().unwrap();
        *turn = (passed(&turn), Instant::now());
    }
}

fn passed((start, begun): &(Timestamp, Instant)) -> Timestamp {
    start.checked_add(SignedDuration::try_from(begun.elapsed()).unwrap()).unwrap()
}

impl Clock for Turns {
    fn now(&self) -> Timestamp {
        passed(&self.0.lock().unwrap())
    }
}

fn paused() -> Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap()
}

/// What a process that came back has sent.
#[derive(Debug, Default, PartialEq, Eq)]
struct Sent {
    reads: usize,
    writes: usize,
    stalled: bool,
    /// Whether the state changed although another holds the lock.
    wrote_state: bool,
    wrong: Vec<String>,
}

/// A process stalls, another takes the lock and applies, and the first one comes back.
fn stall(reference: &Reference, at: (At, usize), passed: Passed) -> Sent {
    let Story { before, last, .. } = &reference.story;
    let (first, second) = (paused(), paused());
    let turns = second.block_on(async {
        Arc::new(Turns(Mutex::new(("2026-11-24T12:00:00Z".parse().unwrap(), Instant::now()))))
    });
    let mut world = second.block_on(async {
        turns.begin();
        let mut world = World::with_clock(Setting::Object, Some(turns.clone())).await;
        for fleet in before {
            assert!(is_complete(&world.run(fleet, None).await.0));
        }
        turns.end();
        world
    });
    let mut sent = Sent::default();
    let gate = Arc::new(Gate { at, count: AtomicUsize::new(0), reached: Notify::new(), open: Notify::new() });
    let lease = Lease::default();
    let mut object = world.object_store(world.storage.clone(), &lease);
    let mut noted = LedgerStore {
        inner: &mut object,
        ledger: Arc::clone(&world.ledger),
        on_write: Box::new(|_| None),
        on_load: Arc::new(|_| {}),
        writes: 0,
    };
    let mut store = GatedStore(&mut noted, Arc::clone(&gate));
    let wanted = desired(&last.yaml());
    let calls = Way::new(world.transport(), Arc::default(), None);
    let leased = Leased::new(Arc::new(calls), lease, turns.clone(), CALL_TIMEOUT);
    let transport = Arc::new(GatedTransport(Arc::new(leased), Arc::clone(&gate)));
    world.judge.lock().unwrap().begins(last, micros(turns.as_ref()));
    // The second process has a bench of its own on the same cloud.
    let mut beside = Bench::beside(&world.bench, LINEAGE);
    beside.on_plan = world.bench.on_plan.clone();
    beside.on_store = world.bench.on_store.clone();
    beside.doubts_listings = true;
    let mut bench = std::mem::replace(&mut world.bench, beside);
    // What the first process learns late is no news.
    bench.on_store = None;
    let death = Death::never();
    let mut run = Box::pin(bench.live_on(&wanted, transport, &mut store, LockWait::NONE, &death));
    let early = first.block_on(async {
        turns.begin();
        let early = tokio::select! {
            ended = &mut run => Some(ended),
            () = gate.reached.notified() => None,
        };
        turns.end();
        early
    });
    if early.is_some() {
        return sent;
    }
    sent.stalled = true;
    let away = second.block_on(async {
        turns.begin();
        let begun = Instant::now();
        let (ended, _) = world.run(last, None).await;
        if !is_complete(&ended) {
            sent.wrong.push(format!("the second process does not converge: {}", describe(&ended)));
        }
        turns.end();
        begun.elapsed()
    });
    let log = world.bench.sim.log(0).unwrap().last().map_or(0, |call| call.seq);
    let state = second.block_on(world.text(""));
    let ended = first.block_on(async {
        turns.begin();
        if passed == Passed::Time {
            // Others have seen this time pass already.
            tokio::time::advance(away).await;
            turns.begin();
        }
        gate.open.notify_one();
        let ended = run.await;
        turns.end();
        ended
    });
    first.block_on(async {
        turns.begin();
        drop(object);
        tokio::time::sleep(Duration::from_secs(3)).await;
        turns.end();
    });
    for call in world.bench.sim.log(log).unwrap() {
        match script::reads(&call.action) {
            true => sent.reads += 1,
            false => sent.writes += 1,
        }
    }
    // One that stalls after its last write has done everything.
    let had_ended = at == (At::AfterWrite, reference.moments.writes - 1);
    if !had_ended && matches!(&ended, Ok(Some(Applied::Walked(_, outcome))) if outcome.is_complete()) {
        sent.wrong.push("a holder that was kept out reports success".to_owned());
    }
    second.block_on(async {
        turns.begin();
        sent.wrote_state = world.text("").await != state;
        let (ended, _) = world.run(last, None).await;
        if !is_complete(&ended) {
            sent.wrong.push(format!("a plain run does not converge: {}", describe(&ended)));
        }
        tokio::time::sleep(Duration::from_secs(30)).await;
        sent.wrong.extend(world.differences(last).await);
        if world.images() != reference.images || world.makes() != reference.makes {
            sent.wrong.push(format!("{} makes, and without a stall {}", world.makes(), reference.makes));
        }
        sent.wrong.append(&mut world.ledger.lock().unwrap().lost);
        if let Some(accusation) = world.judge.lock().unwrap().accusation.take() {
            sent.wrong.push(format!("{accusation:?}"));
        }
        turns.end();
    });
    sent
}

fn stall_everywhere(step: usize) {
    let chosen = stories::chosen();
    let references =
        side_by_side(&chosen[..2], |story| in_paused_time(Reference::of(Setting::Object, story.clone())));
    let mut cases = Vec::new();
    for reference in references.iter().flatten() {
        let moments = &reference.moments;
        for (at, count) in [
            (At::BeforeCall, moments.calls),
            (At::Answer, moments.calls),
            (At::BeforeWrite, moments.writes),
            (At::AfterWrite, moments.writes),
        ] {
            for number in 0..count {
                for passed in [Passed::Time, Passed::WallTime] {
                    cases.push((reference, (at, number), passed));
                }
            }
        }
    }
    let cases: Vec<_> = cases.into_iter().step_by(step).collect();
    let all = side_by_side(&cases, |(reference, at, passed)| stall(reference, *at, *passed));
    let (mut total, mut stalled, mut wrong) = (Sent::default(), 0, Vec::new());
    for ((_, at, passed), sent) in cases.iter().zip(all) {
        stalled += usize::from(sent.stalled);
        total.reads += sent.reads;
        total.writes += sent.writes;
        if sent.writes > 0 || sent.wrote_state || !sent.wrong.is_empty() {
            wrong.push(format!("{at:?} {passed:?}: {sent:?}"));
        }
    }
    println!(
        "faults, a holder that stalls past its lease and comes back: {stalled} moments, {} writes and {} reads sent to \
         the service after the fence",
        total.writes, total.reads
    );
    assert!(
        wrong.is_empty(),
        "{} of {stalled} go wrong:\n{}",
        wrong.len(),
        wrong[..wrong.len().min(8)].join("\n")
    );
    assert_eq!(total.writes, 0);
    assert!(stalled * 10 >= cases.len() * 9, "{stalled} of {} came", cases.len());
}

#[test]
fn a_holder_that_comes_back_sends_nothing_to_the_service() {
    stall_everywhere(29);
}

#[test]
#[ignore = "the full run"]
fn a_holder_that_comes_back_at_any_moment_sends_nothing_to_the_service() {
    stall_everywhere(1);
}

#[test]
fn the_lock_of_a_process_that_died_is_waited_for_and_names_it() {
    in_paused_time(async {
        let story = &stories::chosen()[0];
        let mut world = World::new(Setting::Object).await;
        let (ended, _) = world.run(&story.last, Some(Trouble::DeathAtCall(20, When::After))).await;
        assert!(matches!(ended, Ended::Died));
        let info =
            LockInfo { owner: "another".into(), pid: 2, operation: "apply".into(), since: world.clock.now() };
        let mut impatient = world.object_store(world.storage.clone(), &Lease::default());
        let refused = impatient.lock(info, LockWait(Duration::from_secs(30))).await;
        let Err(StoreError::Locked { holder: Some(holder), is_shared: true }) = refused else {
            panic!("{refused:?}")
        };
        assert_eq!(holder.owner, "test");
        let begun = Instant::now();
        let (ended, _) = world.run(&story.last, None).await;
        assert!(is_complete(&ended), "{}", describe(&ended));
        // A lease of 120 s, of which some had passed.
        let waited = begun.elapsed();
        assert!((60..130).contains(&waited.as_secs()), "{waited:?}");
        assert_eq!(world.differences(&story.last).await, Vec::<String>::new());
    });
}

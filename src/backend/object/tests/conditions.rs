//! Storage that ignores the conditions of every write, as a versioned bucket of COS does, in paused time.

use jiff::{SignedDuration, Timestamp};

use super::*;
use crate::backend::object::lock_object::LockObject;
use crate::cloud::Lease;
use crate::model::ManualClock;
use crate::testing::TokioClock;
use crate::testing::storage::{Kind as Request, StorageFault};

/// Terms that are longer than the resolution of times, which is a second.
const SHORT: LeaseTerms = LeaseTerms { lease: Duration::from_secs(10), renewal: Duration::from_secs(1) };
/// Terms of a holder that is stopped: it renews nothing while a test runs.
const STALLED: LeaseTerms = LeaseTerms { lease: Duration::from_secs(10), renewal: Duration::from_secs(3600) };
const WAIT: LockWait = LockWait(Duration::from_secs(30));

/// Returns storage in the time of the test.
pub(super) fn storage() -> FaultyStorage {
    let clock = TokioClock::starting_at(Timestamp::from_second(1_700_000_000).unwrap());
    FaultyStorage::default().without_conditions().with_clock(Arc::new(clock))
}

async fn epoch(storage: &FaultyStorage) -> u64 {
    serde_json::from_str::<LockObject>(&text(&storage.inner, ".lock").await).unwrap().epoch
}

#[tokio::test(start_paused = true)]
async fn storage_without_conditions_keeps_the_promises() {
    let storage = storage();
    promises(store(&storage, LeaseTerms::default()), |_| store(&storage, LeaseTerms::default())).await;
}

#[tokio::test(start_paused = true)]
async fn the_lock_of_a_dead_holder_ends() {
    holders::takes_over(&storage()).await;
}

#[tokio::test(start_paused = true)]
async fn a_holder_that_comes_back_is_kept_out() {
    holders::keeps_out(storage).await;
}

#[tokio::test(start_paused = true)]
async fn one_claim_is_left_however_many_held_the_lock() {
    let storage = storage();
    for expected in 1..5 {
        let mut one = store(&storage, SHORT);
        one.lock(info(), LockWait::NONE).await.unwrap();
        assert_eq!(
            (epoch(&storage).await, storage.claims.as_ref().unwrap().epochs()),
            (expected, vec![expected])
        );
        drop(one);
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Lets eight take the lock at the same time. Returns those that got it.
async fn winners_of_eight(storage: &FaultyStorage) -> Vec<ObjectStateStore> {
    let tries: Vec<_> = (0..8)
        .map(|_| {
            let mut store = store(storage, SHORT);
            tokio::spawn(async move { store.lock(info(), WAIT).await.is_ok().then_some(store) })
        })
        .collect();
    let mut winners = Vec::new();
    for tried in tries {
        winners.extend(tried.await.unwrap());
    }
    winners
}

#[tokio::test(start_paused = true)]
async fn a_claimer_that_dies_before_it_writes_the_lock_blocks_others_for_a_lease() {
    let storage = storage();
    storage.claims.as_ref().unwrap().claim(1).await.unwrap();
    let refused = store(&storage, SHORT).lock(info(), LockWait::NONE).await;
    assert!(matches!(refused, Err(StoreError::Locked { holder: None, is_shared: true })), "{refused:?}");
    let begun = tokio::time::Instant::now();
    let winners = winners_of_eight(&storage).await;
    assert_eq!(winners.len(), 1, "one takes over, and renews its lock");
    assert!(begun.elapsed() >= WAIT.0, "the others have waited for it");
    assert_eq!(epoch(&storage).await, 2);
    let written = names(&storage.inner).await;
    assert!(
        written.contains(&".journal/00000001-00000001".to_owned()),
        "the claimer is kept out: {written:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn of_several_that_find_a_lock_over_one_takes_it() {
    let storage = storage();
    let mut dead = store(&storage, STALLED);
    dead.lock(info(), LockWait::NONE).await.unwrap();
    std::mem::forget(dead);
    let winners = winners_of_eight(&storage).await;
    assert_eq!((winners.len(), epoch(&storage).await), (1, 2));
}

#[tokio::test(start_paused = true)]
async fn a_claimer_that_stalls_for_its_lease_does_not_write_the_lock() {
    let storage = storage();
    let clock = Arc::new(ManualClock::at(Timestamp::UNIX_EPOCH));
    // It stalls between the read of the lock and its write, after the claim.
    let (stalls, claims) = (Arc::clone(&clock), storage.claims.clone().unwrap());
    let slow = storage.with(move |request, path| {
        if request == Request::Read && path.ends_with(".lock") && !claims.epochs().is_empty() {
            stalls.advance(SignedDuration::from_secs(11));
        }
        StorageFault::None
    });
    let refused = store(&slow, SHORT).with_clock(clock).lock(info(), LockWait::NONE).await;
    assert!(matches!(refused, Err(StoreError::LockLost { .. })), "{refused:?}");
    assert!(!names(&storage.inner).await.contains(&".lock".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn a_lease_that_is_over_is_not_renewed() {
    let storage = storage();
    let lease = Lease::default();
    let mut one = store(&storage, STALLED).with_lease(lease.clone());
    one.lock(info(), LockWait::NONE).await.unwrap();
    one.save(&mut first(), SerialBump::Yes).await.unwrap();
    tokio::time::sleep(STALLED.lease * 2 / 3).await;
    one.append(&[started()]).await.unwrap();
    let before = text(&storage.inner, ".lock").await;
    tokio::time::sleep(STALLED.lease * 2).await;
    assert!(matches!(one.append(&[accepted()]).await, Err(StoreError::LockLost { .. })));
    assert!(lease.check_held().is_err(), "no call is sent from now on");
    assert_eq!(text(&storage.inner, ".lock").await, before, "another may have the lock by now");
}

#[tokio::test(start_paused = true)]
async fn a_holder_that_stalls_between_a_read_and_a_write_does_not_write() {
    let storage = storage();
    let clock = Arc::new(ManualClock::at(Timestamp::UNIX_EPOCH));
    let mut one = store(&storage, STALLED).with_clock(Arc::clone(&clock) as _);
    one.lock(info(), LockWait::NONE).await.unwrap();
    let mut snapshot = first();
    one.save(&mut snapshot, SerialBump::Yes).await.unwrap();
    let before = text(&storage.inner, "").await;
    let stalls = Arc::clone(&clock);
    let slow = storage.with(move |request, path| {
        if request == Request::Read && path.ends_with("state.json") {
            stalls.advance(SignedDuration::from_secs(11));
        }
        StorageFault::None
    });
    let guard = Guard { lease: one.lease.clone(), clock, write_time: STALLED.lease / 2 };
    one.bucket =
        Bucket::new(Arc::new(slow), "team/state.json", "s3://bucket/team/state.json".into()).unwrap();
    one.bucket.guard(guard);
    assert!(matches!(one.save(&mut snapshot, SerialBump::Yes).await, Err(StoreError::LockLost { .. })));
    assert_eq!(text(&storage.inner, "").await, before);
}

#[tokio::test(start_paused = true)]
async fn a_lock_that_an_earlier_holder_has_written_late_is_put_right() {
    let storage = storage();
    let mut one = store(&storage, STALLED);
    one.lock(info(), LockWait::NONE).await.unwrap();
    let late = text(&storage.inner, ".lock").await;
    let free = late.replace(&late[late.find("{\"owner").unwrap()..], "null}\n");
    std::mem::forget(one);
    let mut two = store(&storage, SHORT);
    two.lock(info(), WAIT).await.unwrap();
    two.save(&mut first(), SerialBump::Yes).await.unwrap();
    for late in [late, free] {
        overwrite(&storage.inner, ".lock", &late).await;
        assert_eq!(epoch(&storage).await, 1);
        let refused = store(&storage, SHORT).lock(info(), LockWait::NONE).await;
        assert!(matches!(refused, Err(StoreError::Locked { .. })), "{refused:?}");
        tokio::time::sleep(SHORT.renewal * 2).await;
        assert_eq!(epoch(&storage).await, 2);
        two.append(&[started()]).await.unwrap();
        let mut snapshot = two.load().await.unwrap().unwrap();
        snapshot.intents.clear();
        two.save(&mut snapshot, SerialBump::Yes).await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_snapshot_that_was_written_late_is_found_and_not_worked_on() {
    let storage = storage();
    let mut one = store(&storage, SHORT);
    one.lock(info(), LockWait::NONE).await.unwrap();
    let mut snapshot = first();
    one.save(&mut snapshot, SerialBump::Yes).await.unwrap();
    let late = text(&storage.inner, "").await;
    one.save(&mut snapshot, SerialBump::Yes).await.unwrap();
    overwrite(&storage.inner, "", &late).await;
    let refused = one.save(&mut snapshot, SerialBump::Yes).await;
    assert!(matches!(refused, Err(StoreError::ChangedMeanwhile { .. })), "{refused:?}");
    drop(one);
    tokio::time::sleep(Duration::from_millis(10)).await;
    let mut two = store(&storage, SHORT);
    two.lock(info(), LockWait::NONE).await.unwrap();
    let older = two.load().await;
    assert!(
        matches!(&older, Err(StoreError::Older { serial: Some(1), written: 2, kept, .. }) if *kept == [1, 2]),
        "{older:?}"
    );
}

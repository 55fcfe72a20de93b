//! Two holders at once: races, a holder that dies, and one that stalls and comes back.

use super::*;
use crate::backend::StorageFailure;
use crate::backend::object::write::LEASES_OF_SEALS;
use crate::cloud::Lease;
use crate::state::Lineage;

#[tokio::test(flavor = "multi_thread")]
async fn of_several_that_take_the_lock_at_once_one_gets_it() {
    for round in 0..40 {
        let storage = match round % 2 {
            0 => FaultyStorage::default(),
            _ => FaultyStorage::default().without_conditions(),
        };
        let tries = (0..16).map(|_| {
            let mut store = store(&storage, LeaseTerms::default());
            tokio::spawn(async move { store.lock(info(), LockWait::NONE).await.is_ok().then_some(store) })
        });
        let mut winners = Vec::new();
        for tried in tries.collect::<Vec<_>>() {
            winners.extend(tried.await.unwrap());
        }
        assert_eq!(winners.len(), 1);
    }
}

#[tokio::test]
async fn the_lock_of_a_dead_holder_ends_and_its_journal_is_taken_in() {
    takes_over(&FaultyStorage::default()).await;
}

pub(super) async fn takes_over(storage: &FaultyStorage) {
    let mut one = store(storage, STALLED);
    one.lock(info(), LockWait::NONE).await.unwrap();
    one.save(&mut first(), SerialBump::Yes).await.unwrap();
    one.append(&[started()]).await.unwrap();
    let mut two = store(storage, SHORT);
    assert!(two.lock(info(), LockWait::NONE).await.is_err(), "its lease is not over");
    two.lock(info(), LockWait(Duration::from_secs(5))).await.unwrap();
    let mut snapshot = two.load().await.unwrap().unwrap();
    assert_eq!((snapshot.intents.len(), snapshot.serial), (1, 2), "with a snapshot of its own");
    two.append(&[accepted()]).await.unwrap();
    snapshot = two.load().await.unwrap().unwrap();
    assert_eq!(snapshot.recorded.placements().count(), 1);
    std::mem::forget(one);
}

/// A holder that stalls at each point of its work, while another takes the lock, and then continues.
#[tokio::test]
async fn a_holder_that_comes_back_is_kept_out() {
    keeps_out(FaultyStorage::default).await;
}

pub(super) async fn keeps_out(new_storage: impl Fn() -> FaultyStorage) {
    for appended in 0..3 {
        for reads_first in [false, true] {
            let storage = new_storage();
            let lease = Lease::default();
            let mut one = store(&storage, STALLED).with_lease(lease.clone());
            one.lock(info(), LockWait::NONE).await.unwrap();
            let mut old = first();
            one.save(&mut old, SerialBump::Yes).await.unwrap();
            let events = [started(), accepted()];
            for event in events.iter().take(appended) {
                one.append(std::slice::from_ref(event)).await.unwrap();
            }
            let mut two = store(&storage, SHORT);
            two.lock(info(), LockWait(Duration::from_secs(5))).await.unwrap();
            let mut new = two.load().await.unwrap().unwrap();
            if reads_first {
                two.save(&mut new, SerialBump::Yes).await.unwrap();
            }
            // It comes back. Even a lease that it believes to be good does not let it write.
            lease.extend((tokio::time::Instant::now(), SystemClock.now()), Duration::from_secs(3600));
            let refused = one.append(&events[appended.min(1)..]).await.unwrap_err();
            assert!(matches!(refused, StoreError::LockLost { .. }), "{refused}");
            assert!(lease.check_held().is_err(), "no call is sent from now on");
            let refused = one.save(&mut old, SerialBump::Yes).await.unwrap_err();
            assert!(matches!(refused, StoreError::LockLost { .. }), "{refused}");
            drop(one);
            tokio::time::sleep(Duration::from_millis(20)).await;
            two.save(&mut new, SerialBump::Yes).await.unwrap();
            assert_eq!(store(&storage, SHORT).load().await.unwrap().unwrap(), new);
        }
    }
}

#[tokio::test]
async fn a_snapshot_that_was_on_its_way_does_not_replace_a_later_one() {
    use crate::testing::storage::{Kind as Request, StorageFault};
    let storage = FaultyStorage::default();
    let mut one = store(&storage, STALLED);
    one.lock(info(), LockWait::NONE).await.unwrap();
    let mut old = first();
    one.save(&mut old, SerialBump::Yes).await.unwrap();
    // Its next snapshot leaves, and arrives after another has taken the lock.
    let late = storage.with(|request, path| match request {
        Request::Update if path.ends_with("state.json") => StorageFault::Late(Duration::from_millis(1200)),
        _ => StorageFault::None,
    });
    one.bucket =
        Bucket::new(Arc::new(late), "team/state.json", "s3://bucket/team/state.json".into()).unwrap();
    old.recorded.regions.clear();
    assert!(one.save(&mut old, SerialBump::Yes).await.is_err());
    let mut two = store(&storage, SHORT);
    two.lock(info(), LockWait(Duration::from_secs(5))).await.unwrap();
    let mut new = two.load().await.unwrap().unwrap();
    two.append(&[started()]).await.unwrap();
    tokio::time::sleep(Duration::from_millis(1300)).await;
    assert_eq!(store(&storage, SHORT).load().await.unwrap().unwrap().intents.len(), 1);
    new = two.load().await.unwrap().unwrap_or(new);
    two.save(&mut new, SerialBump::Yes).await.unwrap();
    std::mem::forget(one);
}

#[tokio::test]
async fn a_lock_that_was_unlocked_by_a_person_keeps_its_holder_out() {
    let storage = FaultyStorage::default();
    let mut one = store(&storage, STALLED);
    one.lock(info(), LockWait::NONE).await.unwrap();
    one.save(&mut first(), SerialBump::Yes).await.unwrap();
    one.append(&[started()]).await.unwrap();
    store(&storage, SHORT).unlock().await.unwrap();
    let mut two = store(&storage, SHORT);
    two.lock(info(), LockWait::NONE).await.unwrap();
    assert_eq!(two.load().await.unwrap().unwrap().intents.len(), 1);
    assert!(matches!(one.append(&[accepted()]).await, Err(StoreError::LockLost { .. })));
}

#[tokio::test]
async fn seals_of_long_ago_are_removed_and_still_nobody_comes_back() {
    const BRIEF: LeaseTerms =
        LeaseTerms { lease: Duration::from_millis(10), renewal: Duration::from_secs(3600) };
    let storage = FaultyStorage::default();
    let mut holders = Vec::new();
    let mut most = 0;
    for _ in 0..12 {
        let mut holder = store(&storage, BRIEF);
        holder.lock(info(), LockWait(Duration::from_secs(5))).await.unwrap();
        let mut snapshot = holder.load().await.unwrap().unwrap_or_else(first);
        holder.save(&mut snapshot, SerialBump::Yes).await.unwrap();
        let is_journal = |name: &String| name.starts_with(".journal");
        most = most.max(names(&storage.inner).await.into_iter().filter(is_journal).count());
        store(&storage, SHORT).unlock().await.unwrap();
        tokio::time::sleep(BRIEF.lease * LEASES_OF_SEALS / 3).await;
        holders.push(holder);
    }
    assert!(most <= 6, "{most} objects of the journal");
    let mut last = store(&storage, LeaseTerms::default());
    last.lock(info(), LockWait(Duration::from_secs(5))).await.unwrap();
    for holder in &mut holders {
        assert!(matches!(holder.append(&[started()]).await, Err(StoreError::LockLost { .. })));
    }
}

#[tokio::test]
async fn epochs_count_on_where_the_lock_was_removed() {
    let storage = FaultyStorage::default();
    let mut one = store(&storage, STALLED);
    one.lock(info(), LockWait::NONE).await.unwrap();
    one.save(&mut first(), SerialBump::Yes).await.unwrap();
    one.append(&[started()]).await.unwrap();
    storage.inner.delete(&Path::parse("team/state.json.lock").unwrap()).await.unwrap();
    let mut two = store(&storage, SHORT);
    two.lock(info(), LockWait::NONE).await.unwrap();
    assert_eq!(two.held.as_ref().unwrap().epoch, 2);
    assert_eq!(two.load().await.unwrap().unwrap().intents.len(), 1);
    assert!(matches!(one.append(&[accepted()]).await, Err(StoreError::LockLost { .. })));
}

#[tokio::test]
async fn a_storage_that_ignores_conditions_is_refused() {
    use crate::testing::storage::{Kind as Request, StorageFault};
    for ignored in [Request::Create, Request::Update] {
        let storage = FaultyStorage::default().ignoring(ignored);
        let error = store(&storage, SHORT).lock(info(), LockWait::NONE).await.unwrap_err();
        assert!(
            matches!(error, StoreError::Storage { failure: StorageFailure::Conditions, .. }),
            "{ignored:?}: {error}"
        );
        assert!(names(&storage.inner).await.is_empty(), "nothing is left behind");
    }
    let down = FaultyStorage::default().with(|_, _| StorageFault::Refused);
    let error = store(&down, SHORT).lock(info(), LockWait::NONE).await.unwrap_err();
    assert!(matches!(error, StoreError::Storage { failure: StorageFailure::Unreachable, .. }), "{error}");
}

#[tokio::test]
async fn another_state_under_the_same_key_is_not_written_over() {
    let storage = FaultyStorage::default();
    let mut one = store(&storage, LeaseTerms::default());
    one.lock(info(), LockWait::NONE).await.unwrap();
    let mut snapshot = first();
    one.save(&mut snapshot, SerialBump::Yes).await.unwrap();
    let other = Snapshot { lineage: Lineage("lineage-2".into()), ..first() }.to_text().unwrap();
    overwrite(&storage.inner, "", &other).await;
    let error = one.save(&mut snapshot, SerialBump::Yes).await.unwrap_err();
    assert!(matches!(error, StoreError::ChangedMeanwhile { .. }), "{error}");
    assert_eq!(text(&storage.inner, "").await, other);
}

//! The store over storage in memory, with every fault that a network makes.

mod conditions;
mod faults;
mod holders;
mod real;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt as _};

use super::*;
use crate::backend::conformance::{accepted, first, info, promises, started};
use crate::testing::FaultyStorage;

/// Terms under which a lease is over soon.
pub(super) const SHORT: LeaseTerms =
    LeaseTerms { lease: Duration::from_millis(300), renewal: Duration::from_millis(50) };
/// Terms of a holder that is stopped: it renews nothing while a test runs.
pub(super) const STALLED: LeaseTerms =
    LeaseTerms { lease: Duration::from_millis(300), renewal: Duration::from_secs(3600) };

pub(super) fn store(storage: &FaultyStorage, terms: LeaseTerms) -> ObjectStateStore {
    let store = store_on(Arc::new(storage.clone()), "team/state.json", terms);
    match &storage.claims {
        Some(claims) => store.with_claims(Arc::clone(claims) as _),
        None => store,
    }
}

pub(super) fn store_on(storage: Arc<dyn ObjectStore>, key: &str, terms: LeaseTerms) -> ObjectStateStore {
    static TOKENS: AtomicU64 = AtomicU64::new(0);
    let tokens = Arc::new(|| format!("token-{}", TOKENS.fetch_add(1, Ordering::SeqCst)));
    ObjectStateStore::new(storage, key, format!("s3://bucket/{key}"), tokens).unwrap().with_terms(terms)
}

pub(super) async fn names(inner: &InMemory) -> Vec<String> {
    use futures_util::TryStreamExt as _;
    let listing: Vec<_> = inner.list(None).try_collect().await.unwrap();
    let mut names: Vec<String> = listing
        .into_iter()
        .map(|meta| meta.location.to_string().replacen("team/state.json", "", 1))
        .collect();
    names.sort();
    names
}

pub(super) async fn text(inner: &InMemory, suffix: &str) -> String {
    let path = Path::parse(format!("team/state.json{suffix}")).unwrap();
    String::from_utf8(inner.get(&path).await.unwrap().bytes().await.unwrap().to_vec()).unwrap()
}

pub(super) async fn overwrite(inner: &InMemory, suffix: &str, text: &str) {
    let path = Path::parse(format!("team/state.json{suffix}")).unwrap();
    inner.put(&path, text.as_bytes().to_vec().into()).await.unwrap();
}

#[tokio::test]
async fn object_storage_keeps_the_promises() {
    let storage = FaultyStorage::default();
    promises(store(&storage, LeaseTerms::default()), |_| store(&storage, LeaseTerms::default())).await;
}

#[tokio::test]
async fn the_objects_of_a_state_are_named_as_documented() {
    let storage = FaultyStorage::default();
    let mut one = store(&storage, LeaseTerms::default());
    one.lock(info(), LockWait::NONE).await.unwrap();
    let mut snapshot = first();
    one.save(&mut snapshot, SerialBump::Yes).await.unwrap();
    one.append(&[started(), accepted()]).await.unwrap();
    assert_eq!(
        names(&storage.inner).await,
        ["", ".history/1.json", ".journal/00000001-00000001", ".journal/00000001-00000002", ".lock"]
    );
    let mut snapshot = one.load().await.unwrap().unwrap();
    one.save(&mut snapshot, SerialBump::IfEvents).await.unwrap();
    assert_eq!(
        names(&storage.inner).await,
        ["", ".history/1.json", ".history/2.json", ".journal/00000001-00000003", ".lock"],
        "the events are in the snapshot"
    );
}

#[tokio::test]
async fn a_lock_names_its_holder_and_is_free_once_it_was_released() {
    let storage = FaultyStorage::default();
    let mut one = store(&storage, LeaseTerms::default());
    one.lock(info(), LockWait::NONE).await.unwrap();
    let refused = store(&storage, SHORT).lock(info(), LockWait::NONE).await;
    assert!(
        matches!(&refused, Err(StoreError::Locked { holder: Some(holder), is_shared: true }) if *holder == info()),
        "{refused:?}"
    );
    assert_eq!(store(&storage, SHORT).writer().await, Some(info()));
    drop(one);
    // Here the lock is released in the background.
    store(&storage, SHORT).lock(info(), LockWait(Duration::from_secs(5))).await.unwrap();
}

#[tokio::test]
async fn a_lock_of_a_person_lasts_until_it_is_unlocked() {
    let storage = FaultyStorage::default();
    store(&storage, SHORT).lock_for_good(info(), LockWait::NONE).await.unwrap();
    tokio::time::sleep(SHORT.lease * 3).await;
    assert!(store(&storage, SHORT).lock(info(), LockWait::NONE).await.is_err());
    assert_eq!(store(&storage, SHORT).unlock().await.unwrap(), Some(info()));
    assert_eq!(store(&storage, SHORT).unlock().await.unwrap(), None);
    store(&storage, SHORT).lock(info(), LockWait::NONE).await.unwrap();
}

#[tokio::test]
async fn a_damaged_or_missing_journal_object_is_an_error_with_its_name() {
    let storage = FaultyStorage::default();
    let mut one = store(&storage, LeaseTerms::default());
    one.lock(info(), LockWait::NONE).await.unwrap();
    one.save(&mut first(), SerialBump::Yes).await.unwrap();
    one.append(&[started()]).await.unwrap();
    one.append(&[accepted()]).await.unwrap();
    let name = ".journal/00000001-00000002";
    let whole = text(&storage.inner, name).await;
    let damaged = [
        whole.replace("ap-tokyo", "ap-seoul"),
        whole.trim_end().to_owned(),
        whole.lines().next().unwrap().to_owned() + "\n",
        text(&storage.inner, ".journal/00000001-00000003").await,
        String::new(),
    ];
    for damaged in damaged {
        overwrite(&storage.inner, name, &damaged).await;
        let error = store(&storage, SHORT).load().await.unwrap_err();
        assert!(error.is_unusable(), "{error}");
        assert!(error.to_string().contains("00000001-00000002"), "{error}");
    }
    storage.inner.delete(&Path::parse(format!("team/state.json{name}")).unwrap()).await.unwrap();
    let error = store(&storage, SHORT).load().await.unwrap_err().to_string();
    assert!(error.contains("00000001-00000002, line 1: it is missing"), "{error}");
}

#[tokio::test]
async fn an_older_state_that_was_put_back_is_not_worked_on() {
    let storage = FaultyStorage::default();
    let mut one = store(&storage, LeaseTerms::default());
    one.lock(info(), LockWait::NONE).await.unwrap();
    let mut snapshot = first();
    one.save(&mut snapshot, SerialBump::Yes).await.unwrap();
    let old = text(&storage.inner, "").await;
    one.save(&mut snapshot, SerialBump::Yes).await.unwrap();
    drop(one);
    tokio::time::sleep(Duration::from_millis(50)).await;
    overwrite(&storage.inner, "", &old).await;
    let mut two = store(&storage, LeaseTerms::default());
    two.lock(info(), LockWait::NONE).await.unwrap();
    let error = two.load().await.unwrap_err();
    assert!(matches!(&error, StoreError::Older { serial: Some(1), written: 2, kept, .. } if *kept == [1, 2]));
    let mut again = two.recall(2).await.unwrap().unwrap();
    two.replace(&mut again).await.unwrap();
    assert_eq!(two.load().await.unwrap().unwrap().serial, 3);
}

#[tokio::test]
async fn a_state_that_cannot_be_read_stays_as_it_is_until_it_is_replaced() {
    let storage = FaultyStorage::default();
    let mut one = store(&storage, LeaseTerms::default());
    one.lock(info(), LockWait::NONE).await.unwrap();
    let mut snapshot = first();
    one.save(&mut snapshot, SerialBump::Yes).await.unwrap();
    one.append(&[started()]).await.unwrap();
    overwrite(&storage.inner, "", "not a state").await;
    let mut two = store(&storage, LeaseTerms::default());
    let error = two.load().await.unwrap_err();
    assert!(matches!(error, StoreError::State { ref kept, .. } if *kept == [1]), "{error}");
    one.stored = None;
    assert!(matches!(one.save(&mut snapshot, SerialBump::Yes).await, Err(StoreError::State { .. })));
    assert_eq!(text(&storage.inner, "").await, "not a state");
    let mut kept = one.recall(1).await.unwrap().unwrap();
    drop(one);
    tokio::time::sleep(Duration::from_millis(50)).await;
    two.lock(info(), LockWait::NONE).await.unwrap();
    let aside = two.replace(&mut kept).await.unwrap();
    assert_eq!(aside, ["s3://bucket/team/state.json.history/replaced-1.json"]);
    assert_eq!(
        two.load().await.unwrap().unwrap().intents.len(),
        1,
        "the journal that follows it was taken in"
    );
}

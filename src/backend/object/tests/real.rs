//! The same over HTTP, on a server that somebody else wrote. `.ci/outside/storage` starts one and runs these.

#![allow(clippy::disallowed_methods, reason = "the address of the server comes from the environment")]

use object_store::aws::AmazonS3Builder;

use super::*;
use crate::cloud::Lease;

/// Terms that are longer than the resolution of times, which is a second.
const SECONDS: LeaseTerms = LeaseTerms { lease: Duration::from_secs(3), renewal: Duration::from_millis(500) };
const STALLED: LeaseTerms = LeaseTerms { lease: Duration::from_secs(3), renewal: Duration::from_secs(3600) };

fn server() -> Arc<dyn ObjectStore> {
    let endpoint = std::env::var("GOLDFORM_TEST_S3").expect("GOLDFORM_TEST_S3 names the server");
    let builder = AmazonS3Builder::new()
        .with_endpoint(endpoint)
        .with_allow_http(true)
        .with_bucket_name("states")
        .with_access_key_id("AKIDtest")
        .with_secret_access_key("test");
    Arc::new(builder.build().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a server"]
async fn a_real_server_keeps_the_promises() {
    let server = server();
    let open = || store_on(Arc::clone(&server), "suite/promises.json", LeaseTerms::default());
    promises(open(), |_| open()).await;
}

/// Lets sixteen take the lock at once. Returns those that got it.
async fn race(server: &Arc<dyn ObjectStore>, key: &str) -> Vec<ObjectStateStore> {
    let tries: Vec<_> = (0..16)
        .map(|_| {
            let mut store = store_on(Arc::clone(server), key, LeaseTerms::default());
            tokio::spawn(async move { store.lock(info(), LockWait::NONE).await.is_ok().then_some(store) })
        })
        .collect();
    let mut winners = Vec::new();
    for tried in tries {
        winners.extend(tried.await.unwrap());
    }
    winners
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a server"]
async fn of_sixteen_that_take_the_lock_of_a_real_server_one_gets_it() {
    let server = server();
    for round in 0..30 {
        let key = format!("suite/race-{round}.json");
        let winners = race(&server, &key).await;
        assert_eq!(winners.len(), 1, "round {round}");
        // Once it was released, the same race is run for an object that is there.
        drop(winners);
        assert_eq!(race(&server, &key).await.len(), 1, "round {round}, of a lock that was released");
    }
    println!("30 rounds of 16 on a new lock and on a released one: one winner each");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a server"]
async fn a_holder_of_a_real_server_that_comes_back_is_kept_out() {
    let server = server();
    let key = "suite/stalled.json";
    let lease = Lease::default();
    let mut one = store_on(Arc::clone(&server), key, STALLED).with_lease(lease.clone());
    one.lock(info(), LockWait::NONE).await.unwrap();
    let mut snapshot = first();
    one.save(&mut snapshot, SerialBump::Yes).await.unwrap();
    one.append(&[started()]).await.unwrap();
    let mut two = store_on(Arc::clone(&server), key, SECONDS);
    assert!(two.lock(info(), LockWait(Duration::from_secs(1))).await.is_err(), "its lease is not over");
    two.lock(info(), LockWait(Duration::from_secs(20))).await.unwrap();
    assert_eq!(two.load().await.unwrap().unwrap().intents.len(), 1);
    assert!(matches!(one.append(&[accepted()]).await, Err(StoreError::LockLost { .. })));
    assert!(matches!(one.save(&mut snapshot, SerialBump::Yes).await, Err(StoreError::LockLost { .. })));
    assert!(lease.check(Duration::ZERO, SystemClock.now()).is_err(), "no call is sent");
    two.append(&[accepted()]).await.unwrap();
    assert_eq!(
        store_on(server, key, SECONDS).load().await.unwrap().unwrap().recorded.placements().count(),
        1
    );
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a server"]
async fn a_holder_of_a_real_server_that_works_long_keeps_its_lock() {
    let server = server();
    let key = "suite/long.json";
    let mut one = store_on(Arc::clone(&server), key, SECONDS);
    one.lock(info(), LockWait::NONE).await.unwrap();
    one.save(&mut first(), SerialBump::Yes).await.unwrap();
    let mut two = store_on(Arc::clone(&server), key, SECONDS);
    assert!(two.lock(info(), LockWait(Duration::from_secs(9))).await.is_err(), "it is renewed");
    one.append(&[started()]).await.unwrap();
    drop(one);
    two.lock(info(), LockWait::NONE).await.unwrap();
}

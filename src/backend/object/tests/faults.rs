//! Random faults of the storage, from seeds: whatever is lost, refused, late or stale, each event that was confirmed is
//! there once, and so is each that was not confirmed and then repeated.

use std::sync::Mutex;
use std::sync::atomic::AtomicBool;

use proptest::prelude::*;

use super::*;
use crate::testing::storage::{Kind as Request, StorageFault};

/// Draws faults. Reads are stale at times, since holders never rely on one.
fn draws(seed: u64, percent: u8) -> impl FnMut(Request, &str) -> StorageFault + Send + 'static {
    let mut random = fastrand::Rng::with_seed(seed);
    move |request, path| {
        if random.u8(..100) >= percent {
            return StorageFault::None;
        }
        // Without conditions, a journal object is written as others are. One that is written late is the same object.
        let is_created =
            request == Request::Create || (request == Request::Overwrite && path.contains(".journal/"));
        match random.u8(..6) {
            0 => StorageFault::Refused,
            1 if request.is_write() => StorageFault::AnswerLost,
            2 if is_created => StorageFault::Late(Duration::from_millis(random.u64(1..30))),
            3 if request == Request::Update => StorageFault::Conflict,
            4 if request == Request::Read => StorageFault::Stale,
            _ => StorageFault::Refused,
        }
    }
}

/// Repeats what the storage refused, as applying again does.
async fn insist<T>(mut what: impl AsyncFnMut() -> Result<T, StoreError>) -> T {
    let mut last = None;
    for _ in 0..1_000 {
        match what().await {
            Ok(done) => return done,
            Err(error @ StoreError::Storage { .. }) => {
                last = Some(error);
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            Err(error) => panic!("{error}: {error:?}"),
        }
    }
    panic!("the storage refuses for ever: {last:?}");
}

#[test]
fn nothing_is_lost_or_doubled_by_faults_of_the_storage() {
    check(100, false);
}

#[test]
fn nothing_is_lost_or_doubled_by_faults_of_a_storage_without_conditions() {
    check(100, true);
}

#[test]
#[ignore = "the full run"]
fn nothing_is_lost_or_doubled_by_very_many_faults_of_the_storage() {
    check(5_000, false);
    check(5_000, true);
}

fn check(cases: u32, ignores_conditions: bool) {
    // The same cases in every run.
    let config = ProptestConfig {
        rng_seed: proptest::test_runner::RngSeed::Fixed(1),
        failure_persistence: None,
        ..ProptestConfig::with_cases(cases)
    };
    let faults = Arc::new(Mutex::new(0_usize));
    let counted = Arc::clone(&faults);
    proptest!(config, |(seed in any::<u64>(), percent in 1_u8..12, saves in prop::collection::vec(any::<bool>(), 1..8))| {
        let counted = Arc::clone(&counted);
        let mut builder = tokio::runtime::Builder::new_current_thread();
        // A lease that is over is not renewed without conditions, and real time would end one now and then.
        let runtime = builder.enable_all().start_paused(ignores_conditions).build().unwrap();
        runtime.block_on(async move {
            let sound = match ignores_conditions {
                true => conditions::storage(),
                false => FaultyStorage::default(),
            };
            let mut draw = draws(seed, percent);
            let count = Arc::clone(&counted);
            // An attempt to lock that failed may have left a lock or a claim, which is waited for without faults.
            let waits = Arc::new(AtomicBool::new(false));
            let is_calm = Arc::clone(&waits);
            let faulty = sound.with(move |request, path| {
                if is_calm.load(Ordering::SeqCst) {
                    return StorageFault::None;
                }
                let fault = draw(request, path);
                *count.lock().unwrap() += usize::from(fault != StorageFault::None);
                fault
            });
            // A lock that was taken without an answer ends soon.
            let terms = match ignores_conditions {
                false => LeaseTerms { lease: Duration::from_millis(200), renewal: Duration::from_millis(20) },
                // Times of this storage are whole seconds.
                true => LeaseTerms { lease: Duration::from_secs(8), renewal: Duration::from_secs(1) },
            };
            let mut one = store(&faulty, terms);
            insist(async || {
                let locked = one.lock(info(), LockWait(Duration::from_secs(60))).await;
                waits.store(locked.is_err(), Ordering::SeqCst);
                locked
            })
            .await;
            let mut snapshot = first();
            insist(async || one.save(&mut snapshot, SerialBump::Yes).await).await;
            let mut expected = snapshot.clone();
            for (round, saves) in saves.iter().enumerate() {
                let event = nth(round);
                expected.take(&event).unwrap();
                // An append that failed may be stored: it is confirmed, or was not sent and is repeated.
                let number = one.number;
                insist(async || match one.unconfirmed {
                    Some(_) => one.confirm().await,
                    None if one.number > number => Ok(()),
                    None => one.append(std::slice::from_ref(&event)).await,
                })
                .await;
                if *saves {
                    let mut next = expected.clone();
                    insist(async || {
                        one.save(&mut next, SerialBump::IfEvents).await
                    }).await;
                    expected = next;
                }
            }
            let mut read = store(&sound, LeaseTerms::default()).load().await.unwrap().unwrap();
            read.written = expected.written.clone();
            prop_assert_eq!(read, expected);
            Ok(())
        })?;
    });
    println!("object storage: {} faults, nothing lost", faults.lock().unwrap());
}

/// The start of a step that no other round starts: a doubled one is refused, and a lost one is missed.
fn nth(round: usize) -> Event {
    let text = serde_json::to_string(&started()).unwrap().replace("#1", &format!("#{}", round + 1));
    serde_json::from_str(&text).unwrap()
}

//! One thing goes wrong, with any one of the calls of an apply: the run ends soon, the state is true to the cloud, and
//! the next run does the rest.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use goldform::cloud::sim::Settings;
use goldform::diff::PlanMode;
use goldform::plan::Outcome;
use goldform::state::evidence::MAY_BE_EXECUTED_FOR;
use goldform::testing::{Applied, Bench, desired};
use tokio::time::Instant;

use crate::faults::calls::{Way, Wrong};

use super::ideal::{Image, real_images};
use super::stage::in_paused_time;

fn bench(fault: Option<(usize, Wrong)>) -> (Bench, Arc<AtomicUsize>) {
    let count = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&count);
    let bench = Bench::new(Settings { images_per_region: 20, ..Settings::default() })
        .through(move |inner| Arc::new(Way::new(inner, counted, fault)));
    (bench, count)
}

/// Ten images in two regions, half of them copies, each shared; one has a tag of its own.
fn manifest() -> String {
    let mut entries = String::new();
    for n in 1..=5 {
        entries.push_str(&format!(
            "  web-{n}: {{ region: ap-jakarta, description: one of five, copies: [ap-tokyo], \
             source: {{ instance: {{ id: ins-0000000{n} }} }} }}\n"
        ));
    }
    let shares: String =
        (1..=5).map(|n| format!("  - {{ image: web-{n}, with: [\"200000000001\"] }}\n")).collect();
    format!("version: 1\naccount: \"100000000001\"\nimages:\n{entries}shares:\n{shares}")
}

/// Every image that is there is recorded, or is one that an open step may have made, and none is there twice.
async fn is_true(bench: &mut Bench, what: &str) {
    let snapshot = bench.snapshot().await;
    snapshot.verify().unwrap();
    let known: BTreeSet<String> =
        snapshot.recorded.placements().map(|(_, placement)| placement.id.to_string()).collect();
    let sought: BTreeSet<(String, String)> = snapshot
        .intents
        .values()
        .filter_map(|intent| {
            let name = intent.operation.made_name()?;
            Some((intent.operation.at().region.to_string(), name.to_string()))
        })
        .collect();
    let mut there: BTreeMap<(String, String), usize> = BTreeMap::new();
    for image in bench.sim.images().unwrap() {
        let place = (image.region.clone(), image.name.clone());
        assert!(known.contains(&image.id) || sought.contains(&place), "{what}: orphan {place:?}");
        *there.entry(place).or_default() += 1;
    }
    assert!(there.values().all(|number| *number == 1), "{what}: {there:?}");
}

/// How one case ended.
struct Ending {
    how: &'static str,
    /// Whether the first run waited because an image keeps its name.
    kept_name: bool,
}

/// Applies while something goes wrong, then once more.
async fn survive(fault: (usize, Wrong), should: &[Image]) -> Ending {
    let what = format!("{:?} with call {}", fault.1, fault.0);
    let (mut bench, _) = bench(Some(fault));
    let wanted = desired(&manifest());
    let begun = Instant::now();
    let applied = bench.try_apply(&wanted, PlanMode::Normal).await;
    // Without a fault it takes two seconds.
    let (usual, keeping) = (Duration::from_secs(45), MAY_BE_EXECUTED_FOR.unsigned_abs());
    let kept_name = begun.elapsed() > usual;
    assert!(begun.elapsed() < usual + keeping, "{what}: {:?}", begun.elapsed());
    let how = match &applied {
        Applied::Walked(_, outcome) if outcome.is_complete() => "borne",
        Applied::Walked(..) => "partly applied",
        Applied::Unread(_) => "stopped before the first change",
        Applied::Refused(_) => panic!("{what}: {applied:#?}"),
    };
    is_true(&mut bench, &what).await;
    let (_, outcome): (_, Outcome) = bench.apply(&wanted, PlanMode::Normal).await;
    assert!(outcome.is_complete(), "{what}: {applied:#?}\n{outcome:#?}");
    let snapshot = bench.snapshot().await;
    assert!(snapshot.intents.is_empty(), "{what}");
    assert!(Bench::propose(&wanted, &snapshot, PlanMode::Normal).plan.is_empty(), "{what}");
    // Until no call of these runs can be executed any more.
    tokio::time::sleep(keeping).await;
    assert_eq!(real_images(&bench), should, "{what}");
    let deletes = bench.sim.log(0).unwrap().iter().filter(|entry| entry.action == "DeleteImages").count();
    assert_eq!(deletes, 0, "{what}: what was made once was good");
    Ending { how, kept_name }
}

#[test]
fn one_fault_with_any_call_is_survived() {
    let (calls, should) = in_paused_time(async {
        let (mut bench, count) = bench(None);
        bench.apply(&desired(&manifest()), PlanMode::Normal).await;
        (count.load(Ordering::Relaxed), real_images(&bench))
    });
    assert_eq!(should.len(), 10);
    let kinds: Vec<Wrong> = Wrong::ALL.into_iter().filter(|wrong| wrong.is_over()).collect();
    let cases: Vec<(usize, Wrong)> =
        (0..calls).flat_map(|call| kinds.iter().map(move |wrong| (call, *wrong))).collect();
    let next = AtomicUsize::new(0);
    let endings: Mutex<BTreeMap<(String, &str), usize>> = Mutex::default();
    let kept: Mutex<BTreeSet<String>> = Mutex::default();
    let wrong: Mutex<Vec<String>> = Mutex::default();
    let threads = std::thread::available_parallelism().map_or(2, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while let Some(case) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
                    match std::panic::catch_unwind(|| in_paused_time(survive(*case, &should))) {
                        Ok(Ending { how, kept_name }) => {
                            let key = (format!("{:?}", case.1), how);
                            if kept_name {
                                kept.lock().unwrap().insert(key.0.clone());
                            }
                            *endings.lock().unwrap().entry(key).or_default() += 1;
                        }
                        Err(_) => wrong.lock().unwrap().push(format!("{case:?}")),
                    }
                }
            });
        }
    });
    let wrong = wrong.into_inner().unwrap();
    assert!(wrong.is_empty(), "{} of {} go wrong:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
    let endings = endings.into_inner().unwrap();
    println!("one fault: {calls} calls × {} faults", kinds.len());
    for ((wrong, ending), times) in &endings {
        println!("  {wrong}: {times} {ending}");
    }
    // Only a make of unknown outcome is sent again.
    let kept: Vec<String> = kept.into_inner().unwrap().into_iter().collect();
    assert_eq!(kept, ["BadGateway", "CutBefore", "Internal", "Late", "VeryLate"]);
    // What only costs time costs nothing else.
    for kind in ["Throttled", "Slow"] {
        assert_eq!(endings.get(&(kind.to_owned(), "borne")), Some(&calls), "{kind}");
    }
}

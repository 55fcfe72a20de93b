//! Lives: fleets go through edits, reverts, kills, refusals, lost answers, late listings and images of others, and an
//! observer inside the cloud sees to it that nobody loses an image.
//!
//! ```text
//!  chance   what a seed draws            others   what others do, and what listings leave out
//!  fleet    manifests and their edits    judge    the observer and its checks
//!  adopted  images that are adopted     output   the ids that consumers get
//!  life     one life of twelve runs
//!  faults   what goes wrong              holds    entries that are held in the state
//!  script   what a failing life prints   real     lives of the program, over HTTP, with `kill -9`
//! ```
//!
//! `GOLDFORM_LIVES=2000` lives the seeds below 2000, `GOLDFORM_LIFE=7` that of seed 7 and prints everything.
//! `GOLDFORM_REAL_LIVES` and `GOLDFORM_REAL_LIFE` do the same for lives of the program: processes that are killed.
//! `GOLDFORM_SCRIPTS=DIR` writes the script of every life that breaks a promise, and `GOLDFORM_WITHOUT=CHECK,…` leaves
//! checks out.

mod adopted;
pub mod chance;
mod faults;
pub mod fleet;
mod holds;
pub mod judge;
mod life;
pub mod others;
mod output;
mod real;
pub mod script;

use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use life::{Counts, Failure};

/// How many lives there are unless `GOLDFORM_LIVES` says otherwise.
const SAMPLE: u64 = 100;
/// The same for lives of the program, over HTTP.
const REAL_SAMPLE: u64 = 20;
/// How many lives of the program are lived at once: they mostly wait.
const AT_ONCE: usize = 10;

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable)
        .ok()
        .map(|text| text.parse().unwrap_or_else(|error| panic!("{variable}: {error}")))
}

/// Seeds of one form of lives, and whether there is only one.
fn seeds(one: &str, all: &str, sample: u64) -> (std::ops::Range<u64>, bool) {
    match number(one) {
        Some(seed) => (seed..seed + 1, true),
        None => (0..number(all).unwrap_or(sample), false),
    }
}

/// Lives every seed, so many at once. Panics with the script of the first that breaks a promise.
fn live_all(
    what: &str,
    seeds: std::ops::Range<u64>,
    at_once: usize,
    live: impl Fn(u64) -> (Counts, Option<Failure>) + Sync,
) {
    let (next, end) = (AtomicU64::new(seeds.start), seeds.end);
    let all: Mutex<Counts> = Mutex::default();
    let failures: Mutex<BTreeMap<u64, (String, String)>> = Mutex::default();
    std::thread::scope(|scope| {
        for _ in 0..at_once {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= end {
                        return;
                    }
                    let lived = std::panic::catch_unwind(AssertUnwindSafe(|| live(seed)));
                    let failure = match lived {
                        Ok((counts, failure)) => {
                            for (what, times) in counts {
                                *all.lock().unwrap().entry(what).or_default() += times;
                            }
                            failure.map(|failure| (failure.accusation.check.to_owned(), failure.script))
                        }
                        Err(_) => Some(("nothing panics".to_owned(), format!("life {seed} panics"))),
                    };
                    let Some(failure) = failure else { continue };
                    write_script(seed, &failure.1);
                    failures.lock().unwrap().insert(seed, failure);
                }
            });
        }
    });
    println!("{what}:");
    for (what, times) in all.into_inner().unwrap() {
        println!("  {times:>7} {what}");
    }
    let failures = failures.into_inner().unwrap();
    let mut by_check: BTreeMap<&str, Vec<u64>> = BTreeMap::new();
    for (seed, (check, _)) in &failures {
        by_check.entry(check).or_default().push(*seed);
    }
    for (check, seeds) in &by_check {
        println!("{} lives break \"{check}\": {seeds:?}", seeds.len());
    }
    if let Some((_, (_, script))) = failures.first_key_value() {
        panic!("{} {what} break a promise; the first:\n{script}", failures.len());
    }
}

/// Writes the script of a life at once: the others may take hours.
fn write_script(seed: u64, script: &str) {
    let Some(place) = std::env::var_os("GOLDFORM_SCRIPTS") else { return };
    std::fs::create_dir_all(&place).unwrap();
    std::fs::write(std::path::Path::new(&place).join(format!("{seed}.txt")), script).unwrap();
}

#[test]
fn nobody_loses_an_image_in_any_life() {
    let (seeds, is_one) = seeds("GOLDFORM_LIFE", "GOLDFORM_LIVES", SAMPLE);
    let threads = std::thread::available_parallelism().map_or(2, usize::from);
    live_all("lives", seeds, threads, |seed| life::live(seed, is_one));
}

#[test]
fn nobody_loses_an_image_in_any_life_of_the_program() {
    let (seeds, _) = seeds("GOLDFORM_REAL_LIFE", "GOLDFORM_REAL_LIVES", REAL_SAMPLE);
    live_all("real lives", seeds, AT_ONCE, real::live);
}

/// The lives notice when what takes something from consumers does not wait for a ready successor.
#[test]
fn lives_notice_a_broken_ready_rule() {
    let seeds = 0..SAMPLE / 4;
    let broken: Vec<String> = seeds
        .clone()
        .filter_map(life::live_without_the_ready_rule)
        .map(|failure| failure.accusation.check.to_owned())
        .collect();
    let loses = broken.iter().filter(|check| *check == "nobody is left without an image").count();
    println!("without the ready rule {} of {} lives break a promise: {broken:?}", broken.len(), seeds.end);
    assert!(loses > 0, "nobody notices that accounts lose an image: {broken:?}");
}

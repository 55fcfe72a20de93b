//! Faults at every moment of an apply, in three settings: each is survived, and one plain apply does the rest.
//!
//! ```text
//!  stories   what is applied               world     a cloud, a state, and runs of goldform on them
//!  calls     what happens to a call        ledger    what a store has confirmed
//!  clock     a clock that is set           case      what goes wrong when, and the verdict
//!  stalls    a holder that comes back
//! ```
//!
//! After each case the next plan is empty, the cloud holds what it holds without faults, each image was made once, the
//! state is what a refresh shows, every record that was confirmed was read again, and the observer of [`crate::lives`]
//! has seen nobody lose an image.
//!
//! `GOLDFORM_FAULT=object:1234` runs the case of one seed and prints it. The full run takes every moment of the chosen
//! stories, and many cases of random ones: `cargo test --test it -- --ignored --nocapture faults_at_every comes_back_at_any`.

pub mod calls;
mod case;
mod clock;
mod ledger;
mod stalls;
mod stories;
mod world;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use case::{Case, Reference, Verdict, all_stories};
use world::Setting;

use crate::lives::chance::Chance;

/// How many cases of each setting `cargo test` runs.
const SAMPLE: [(Setting, u64); 3] = [(Setting::Process, 120), (Setting::Http, 60), (Setting::Object, 120)];
/// How many random cases of each setting the full run adds.
const MANY: [(Setting, u64); 3] = [(Setting::Process, 1_200), (Setting::Http, 600), (Setting::Object, 1_200)];

/// Runs in time that passes only when everyone waits, with sockets.
fn in_paused_time<F: Future>(story: F) -> F::Output {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build();
    runtime.unwrap().block_on(story)
}

/// Runs a function for every item, on as many threads as there are processors.
fn side_by_side<T: Sync, R: Send>(items: &[T], run: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let next = AtomicUsize::new(0);
    let results: Mutex<BTreeMap<usize, R>> = Mutex::default();
    let threads = std::thread::available_parallelism().map_or(2, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    let Some(item) = items.get(at) else { return };
                    let result = run(item);
                    results.lock().unwrap().insert(at, result);
                }
            });
        }
    });
    results.into_inner().unwrap().into_values().collect()
}

fn references(setting: Setting, random: u64) -> Vec<Reference> {
    let stories = all_stories(random);
    let all = side_by_side(&stories, |story| in_paused_time(Reference::of(setting, story.clone())));
    all.into_iter().flatten().collect()
}

/// What was seen in all cases of one setting, or of all.
#[derive(Default)]
struct Sum {
    cases: usize,
    kills: usize,
    came: BTreeMap<String, usize>,
    endings: BTreeMap<&'static str, usize>,
    duplicates: usize,
    orphans: usize,
    lost_records: usize,
    lost_access: usize,
    wrong: Vec<String>,
}

impl Sum {
    fn add(&mut self, name: &str, verdict: Verdict) {
        self.cases += 1;
        self.kills += verdict.kills;
        for (kind, times) in verdict.came {
            *self.came.entry(kind).or_default() += times;
        }
        for (ending, times) in verdict.endings {
            *self.endings.entry(ending).or_default() += times;
        }
        self.duplicates += verdict.duplicates;
        self.orphans += verdict.orphans;
        self.lost_records += verdict.lost_records;
        self.lost_access += verdict.lost_access;
        if !verdict.wrong.is_empty() {
            self.wrong.push(format!("{name}\n    {}", verdict.wrong.join("\n    ")));
        }
    }

    fn join(&mut self, other: Self) {
        self.cases += other.cases;
        self.kills += other.kills;
        for (kind, times) in other.came {
            *self.came.entry(kind).or_default() += times;
        }
        self.duplicates += other.duplicates;
        self.orphans += other.orphans;
        self.lost_records += other.lost_records;
        self.lost_access += other.lost_access;
        self.wrong.extend(other.wrong);
    }

    fn line(&self, of: &str) -> String {
        let faults = self.came.values().sum::<usize>() - self.kills;
        let mut line = format!(
            "faults, {of}: {} cases, {} kill points and {faults} faults: {} duplicates, {} orphans, {} lost records, \
             {} lost access",
            self.cases, self.kills, self.duplicates, self.orphans, self.lost_records, self.lost_access
        );
        if !self.wrong.is_empty() {
            write!(line, ", {} CASES GO WRONG", self.wrong.len()).unwrap();
        }
        line
    }
}

/// Lives cases side by side. Each has a name, by which it is found again.
fn live_all(references: &[Reference], cases: &[(String, usize, Case)]) -> Sum {
    let verdicts = side_by_side(cases, |(_, story, case)| {
        std::panic::catch_unwind(AssertUnwindSafe(|| in_paused_time(references[*story].live(case))))
            .unwrap_or_else(|_| Verdict { wrong: vec!["panics".to_owned()], ..Verdict::default() })
    });
    let mut sum = Sum::default();
    for ((name, story, case), verdict) in cases.iter().zip(verdicts) {
        let name = format!("{name}: {}, {:?}", references[*story].story.name, case.troubles);
        sum.add(&name, verdict);
    }
    sum
}

fn drawn(
    references: &[Reference],
    setting: Setting,
    seeds: std::ops::Range<u64>,
) -> Vec<(String, usize, Case)> {
    seeds
        .map(|seed| {
            // Each setting has cases of its own.
            let mut chance = Chance::from_seed(seed ^ ((setting as u64) << 32));
            let story = chance.below(references.len());
            (format!("{setting:?}:{seed}").to_lowercase(), story, references[story].draw(&mut chance))
        })
        .collect()
}

/// Prints a line that the test program shows also if the test passes.
fn say(line: &str) {
    use std::io::Write as _;
    let _ = writeln!(std::io::stderr(), "{line}");
}

fn report(sums: Vec<(Setting, Sum)>, details: bool) {
    let mut total = Sum::default();
    for (setting, sum) in sums {
        say(&sum.line(setting.name()));
        if details {
            for (kind, times) in &sum.came {
                say(&format!("  {times:>6} {kind}"));
            }
            for (ending, times) in &sum.endings {
                say(&format!("  {times:>6} runs with faults: {ending}"));
            }
        }
        total.join(sum);
    }
    say(&total.line("in all"));
    for name in total.wrong.iter().filter_map(|wrong| wrong.lines().next()) {
        say(&format!("  goes wrong: {name}"));
    }
    let first: Vec<&str> = total.wrong.iter().take(12).map(String::as_str).collect();
    assert!(total.wrong.is_empty(), "{} cases go wrong:\n{}", total.wrong.len(), first.join("\n"));
    let counted = (total.duplicates, total.orphans, total.lost_records, total.lost_access);
    assert_eq!(counted, (0, 0, 0, 0));
}

/// How many random stories a sample draws from.
const STORIES: u64 = 8;

#[test]
fn faults_at_any_moment_are_survived() {
    let one = std::env::var("GOLDFORM_FAULT").ok();
    let mut sums = Vec::new();
    for (setting, cases) in SAMPLE {
        let seeds = match one.as_ref().map(|one| one.split_once(':').unwrap()) {
            Some((name, seed)) if name == format!("{setting:?}").to_lowercase() => {
                let seed: u64 = seed.parse().unwrap();
                seed..seed + 1
            }
            Some(_) => continue,
            None => 0..cases,
        };
        let references = references(setting, STORIES);
        sums.push((setting, live_all(&references, &drawn(&references, setting, seeds))));
    }
    report(sums, one.is_some());
}

#[test]
#[ignore = "the full run"]
fn faults_at_every_moment_are_survived() {
    let mut sums = Vec::new();
    for (setting, random) in MANY {
        let references = references(setting, STORIES);
        let mut cases = drawn(&references, setting, 0..random);
        for (story, reference) in references.iter().enumerate().take(all_stories(0).len()) {
            let every = reference.every();
            cases.extend(
                every.into_iter().enumerate().map(|(n, case)| (format!("{setting:?} {n}"), story, case)),
            );
        }
        sums.push((setting, live_all(&references, &cases)));
    }
    report(sums, true);
}

/// A make whose connection broke is searched for, not found, and sent again under the same name. The service executes the
/// first call when the image of the second one has long been ready: that image still has the name, so the call is refused.
#[test]
fn a_make_that_is_executed_long_after_its_repetition_makes_no_second_image() {
    let story = all_stories(0).swap_remove(0);
    let reference = in_paused_time(Reference::of(Setting::Process, story)).unwrap();
    let cases: Vec<_> = reference
        .moments
        .making
        .iter()
        .map(|call| Case { troubles: vec![world::Trouble::Call(*call, calls::Wrong::VeryLate)] })
        .map(|case| ("very late".to_owned(), 0, case))
        .collect();
    let sum = live_all(&[reference], &cases);
    report(vec![(Setting::Process, sum)], true);
}

//! One story on one bench: apply manifests one after the other, and hold the cloud against the ideal.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Mutex;

use goldform::cloud::sim::{LogEntry as Logged, Settings};
use goldform::diff::PlanMode;
use goldform::manifest::Desired;
use goldform::plan::{Outcome, Plan};
use goldform::testing::{Applied, Bench, desired};
use proptest::test_runner::{Config, FileFailurePersistence};

use super::ideal::{Ideal, real_images};
use super::manifests::Manifest;

/// The actions that change something.
pub const WRITES: &[&str] = &[
    "CreateImage",
    "ImportImage",
    "SyncImages",
    "ModifyImageAttribute",
    "ModifyImageSharePermission",
    "DeleteImages",
    "ModifyResourceTags",
    "TagResources",
    "UnTagResources",
];

/// Runs a story in time that passes only when everyone waits.
pub fn in_paused_time<F: Future>(story: F) -> F::Output {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    runtime.unwrap().block_on(story)
}

/// So many cases of a property, more or fewer in proportion to PROPTEST_CASES (256 where it is not set); failures
/// are kept beside this file.
pub fn cases(cases: u32) -> Config {
    let cases = (cases * Config::default().cases / 256).max(1);
    let persistence = FileFailurePersistence::Direct("tests/properties/proptest-regressions/failures.txt");
    Config { cases, failure_persistence: Some(Box::new(persistence)), ..Config::default() }
}

/// A cloud with room for everything.
pub fn roomy() -> Settings {
    Settings { images_per_region: 60, ..Settings::default() }
}

/// How often what was seen, for the summary that each property prints.
#[derive(Debug, Default)]
pub struct Tally(Mutex<BTreeMap<String, usize>>);

impl Tally {
    pub const fn new() -> Self {
        Self(Mutex::new(BTreeMap::new()))
    }

    pub fn count(&self, what: impl Into<String>) {
        self.add(what, 1);
    }

    pub fn add(&self, what: impl Into<String>, times: usize) {
        *self.0.lock().unwrap().entry(what.into()).or_default() += times;
    }

    pub fn print(&self, property: &str) {
        let counts = self.0.lock().unwrap();
        let counts: Vec<_> = counts.iter().map(|(what, times)| format!("{times} {what}")).collect();
        println!("{property}: {}", counts.join(", "));
    }
}

/// A bench and what its cloud should hold.
pub struct Stage {
    pub bench: Bench,
    pub ideal: Ideal,
}

impl Stage {
    pub fn new(settings: Settings) -> Self {
        Self { bench: Bench::new(settings), ideal: Ideal::default() }
    }

    /// Applies a manifest, and compares the cloud with it. `None` if a rule refuses it; the rules are counted
    /// then, and nothing has changed.
    pub async fn apply(&mut self, manifest: &Manifest, tally: &Tally) -> Option<(Plan, Outcome)> {
        let wanted = desired(&manifest.yaml());
        let before = real_images(&self.bench);
        match self.bench.try_apply(&wanted, PlanMode::Normal).await {
            Applied::Walked(plan, outcome) => {
                assert!(outcome.is_complete(), "not every step is done:\n{outcome:#?}");
                assert_eq!(outcome.warnings, Vec::<String>::new());
                self.ideal.follow(manifest);
                self.holds_what_it_should(&wanted).await;
                tally.count("applied");
                tally.add("steps", plan.graph.len());
                Some((plan, outcome))
            }
            Applied::Refused(judgement) => {
                for diagnostic in judgement.diagnostics {
                    tally.count(format!("refused by {}", diagnostic.code.name));
                }
                assert_eq!(real_images(&self.bench), before, "a refused plan changes nothing");
                None
            }
            other => panic!("{other:?}"),
        }
    }

    /// The cloud holds what it should, once, and a further plan is empty, before and after a refresh.
    pub async fn holds_what_it_should(&mut self, wanted: &Desired) {
        let (is, should) = (real_images(&self.bench), self.ideal.images());
        assert_eq!(is, should, "the cloud holds the left and should hold the right");
        let mut snapshot = self.bench.snapshot().await;
        snapshot.verify().unwrap();
        assert!(snapshot.intents.is_empty(), "nothing is left open: {:?}", snapshot.intents);
        let offline = Bench::propose(wanted, &snapshot, PlanMode::Normal).plan;
        assert!(offline.is_empty(), "planned against the record: {:#?}", offline.changes);
        let recorded = snapshot.recorded.clone();
        let drift = self.bench.observe(wanted, &mut snapshot).await;
        assert!(drift.items.is_empty() && drift.pending.is_empty(), "{drift:#?}");
        assert_eq!(snapshot.recorded.images, recorded.images, "the state is what a refresh shows");
        let refreshed = Bench::propose(wanted, &snapshot, PlanMode::Normal).plan;
        assert!(refreshed.is_empty(), "planned after a refresh: {:#?}", refreshed.changes);
    }

    /// The requests that were made while something ran, and what that gave.
    pub async fn watching<T>(&mut self, run: impl AsyncFnOnce(&mut Self) -> T) -> (T, Vec<Logged>) {
        let last = self.bench.sim.log(0).unwrap().last().map_or(0, |entry| entry.seq);
        let result = run(self).await;
        (result, self.bench.sim.log(last).unwrap())
    }
}

/// The requests that change something.
pub fn writes(log: &[Logged]) -> Vec<&Logged> {
    log.iter().filter(|entry| WRITES.contains(&entry.action.as_str())).collect()
}

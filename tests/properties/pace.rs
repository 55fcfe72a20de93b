//! No more calls than needed, and no more time than the documented rates ask for: 100 images with 20 accounts each, over
//! a way of 20 ms, in time that passes only when everyone waits.
//!
//! The bound on the time is the greatest, over (action, region), of: when its first call can be at the earliest, as
//! many intervals as further calls follow, and the shortest way to the end after its last call. What is made takes the
//! service's own time and one tick until it is seen.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use goldform::cloud::sim::{LogEntry, Rates, Settings};
use goldform::cloud::{Request, Transport, TransportError};
use goldform::diff::PlanMode;
use goldform::model::{Operation, Region, Verb};
use goldform::plan::{Outcome, Plan, StepIndex};
use goldform::testing::{Bench, desired};

use super::stage::{in_paused_time, writes};

const LATENCY: Duration = Duration::from_millis(20);
const TICK: Duration = Duration::from_millis(300);

struct Way(Arc<dyn Transport>);

#[async_trait]
impl Transport for Way {
    async fn send(&self, request: Request) -> Result<Vec<u8>, TransportError> {
        tokio::time::sleep(LATENCY / 2).await;
        let answer = self.0.send(request).await;
        tokio::time::sleep(LATENCY / 2).await;
        answer
    }
}

fn bench() -> Bench {
    let settings = Settings { images_per_region: 500, rates: Rates::Documented, ..Settings::default() };
    Bench::new(settings).through(|inner| Arc::new(Way(inner)))
}

/// So many entries, each in these regions and shared with 20 accounts; another build for another revision.
fn manifest(entries: usize, regions: &[&str], revision: u32) -> String {
    let accounts: Vec<String> = (0..20).map(|n| format!("\"{}\"", 200_000_000_001u64 + n)).collect();
    let mut images = String::new();
    let mut shares = String::new();
    for n in 0..entries {
        images.push_str(&format!(
            "  i-{n:03}: {{ region: {}, copies: [{}], name: \"i-{n:03}-{{generation}}\", \
             source: {{ revision: \"{revision}\", instance: {{ id: ins-{n:08} }} }} }}\n",
            regions[0],
            regions[1..].join(", ")
        ));
        shares.push_str(&format!("  - {{ image: i-{n:03}, with: [{}] }}\n", accounts.join(", ")));
    }
    format!("version: 1\naccount: \"100000000001\"\nimages:\n{images}shares:\n{shares}")
}

/// Calls by action.
fn counted(log: &[LogEntry]) -> BTreeMap<&str, usize> {
    let mut counts = BTreeMap::new();
    for entry in log {
        *counts.entry(entry.action.as_str()).or_default() += 1;
    }
    counts
}

/// Polls: listings of named images.
fn polls(log: &[LogEntry]) -> usize {
    log.iter().filter(|entry| entry.action == "DescribeImages" && entry.params.contains("ImageIds")).count()
}

async fn apply(bench: &mut Bench, yaml: &str) -> (Plan, Outcome, Vec<LogEntry>) {
    let before = bench.sim.log(0).unwrap().last().map_or(0, |entry| entry.seq);
    let (plan, outcome) = bench.apply(&desired(yaml), PlanMode::Normal).await;
    assert!(outcome.is_complete(), "{:#?}", outcome.warnings);
    (plan, outcome, bench.sim.log(before).unwrap())
}

/// The region that a step calls, and how many such calls it takes a second.
fn lane(operation: &Operation) -> (Verb, Region, u32) {
    let (region, rate) = match operation {
        Operation::Copy { from, .. } => (from, 10),
        Operation::Tag { at, .. } => (&at.region, 20),
        other => (&other.at().region, 10),
    };
    let verb = match operation.verb() {
        // One action for both.
        Verb::Unshare => Verb::Share,
        verb => verb,
    };
    (verb, region.clone(), rate)
}

/// The bound, and the lane that sets it.
fn bound(plan: &Plan) -> (Duration, String) {
    let graph = &plan.graph;
    let order = graph.check().unwrap();
    let settle = Duration::try_from(Settings::default().settle).unwrap();
    let lasts = |step: StepIndex| match graph[step].operation.makes_image() {
        true => LATENCY + settle + TICK + LATENCY,
        false => LATENCY,
    };
    let mut earliest: BTreeMap<StepIndex, Duration> = BTreeMap::new();
    for step in &order {
        let ready = graph.waits_for(*step).map(|(before, _)| earliest[&before] + lasts(before)).max();
        earliest.insert(*step, ready.unwrap_or_default());
    }
    let mut rest: BTreeMap<StepIndex, Duration> = BTreeMap::new();
    for step in order.iter().rev() {
        let after = graph.awaited_by(*step).map(|(later, _)| rest[&later]).max();
        rest.insert(*step, lasts(*step) + after.unwrap_or_default());
    }
    let mut lanes: BTreeMap<(Verb, Region, u32), Vec<StepIndex>> = BTreeMap::new();
    for (index, step) in graph.steps() {
        lanes.entry(lane(&step.operation)).or_default().push(index);
    }
    lanes
        .into_iter()
        .map(|((verb, region, rate), steps)| {
            let first = steps.iter().map(|step| earliest[step]).min().unwrap();
            let last = steps.iter().map(|step| rest[step]).min().unwrap();
            let following = u32::try_from(steps.len() - 1).unwrap();
            let name = format!("{} × {} in {region}", steps.len(), verb.as_str());
            (first + Duration::from_secs(1) * following / rate + last, name)
        })
        .max()
        .unwrap()
}

/// The time that it took is the bound's, nearly.
fn is_fast(what: &str, plan: &Plan, outcome: &Outcome) {
    let (bound, by) = bound(plan);
    let ratio = outcome.took.as_secs_f64() / bound.as_secs_f64();
    println!(
        "{what}: {} steps in {:.2?}, bound {bound:.2?} ({by}), {ratio:.3}",
        plan.graph.len(),
        outcome.took
    );
    assert!(ratio <= 1.1, "{what}: {:?} for {bound:?} ({by})", outcome.took);
    // A poll that is due just when an image is ready saves a tick: of a build, of its copy, and of what waits for those.
    assert!(outcome.took + 3 * TICK >= bound, "{what}: so much faster than the bound that it is wrong");
}

#[test]
fn a_hundred_images_with_twenty_accounts_each_take_the_calls_and_the_time_that_they_need() {
    in_paused_time(async {
        let mut bench = bench();
        let yaml = manifest(100, &["ap-jakarta"], 1);
        let (plan, outcome, log) = apply(&mut bench, &yaml).await;
        let others = log.len() - polls(&log);
        println!("create: {others} calls and {} polls: {:?}", polls(&log), counted(&log));
        assert!(others <= 210, "{:?}", counted(&log));
        assert!(polls(&log) as u128 <= outcome.took.as_millis() / TICK.as_millis() + 1, "one a tick");
        is_fast("create", &plan, &outcome);

        let (plan, _, log) = apply(&mut bench, &yaml).await;
        assert!(plan.is_empty());
        let counts = counted(&log);
        println!("refresh: {counts:?}");
        let pages = counts["DescribeImages"];
        assert!(
            pages == 1 && log.len() <= 1 + 100 + 1,
            "one page, the shares of each, one limit: {counts:?}"
        );

        let again = manifest(100, &["ap-jakarta"], 2);
        let (plan, outcome, log) = apply(&mut bench, &again).await;
        assert_eq!(writes(&log).len(), plan.graph.len(), "one call a step");
        is_fast("replace", &plan, &outcome);
    });
}

#[test]
fn copies_and_their_shares_go_as_fast_as_the_rates_allow() {
    in_paused_time(async {
        let mut bench = bench();
        let regions = ["ap-jakarta", "ap-singapore", "ap-tokyo", "ap-seoul", "na-ashburn"];
        for (what, revision) in [("copies", 1), ("copies replaced", 2)] {
            let (plan, outcome, log) = apply(&mut bench, &manifest(20, &regions, revision)).await;
            assert_eq!(writes(&log).len(), plan.graph.len(), "one call a step");
            let ticks = outcome.took.as_millis() / TICK.as_millis() + 1;
            assert!(polls(&log) as u128 <= ticks * 5, "one a region and tick: {}", polls(&log));
            is_fast(what, &plan, &outcome);
        }
    });
}

//! Stories of a run: what is refused, lost, late or stopped.

use tokio::sync::watch;

use super::*;
use crate::apply::{Progress, Quiet};
use crate::backend::{LockInfo, LockWait, MemoryStore, SerialBump, StateStore};
use crate::cloud::sim::{Fault, FaultEffect, Settings};
use crate::cloud::{CloudRead as _, CloudWrite as _};
use crate::diff::PlanMode;
use crate::manifest::Desired;
use crate::model::{Accounts, ImageId, Level};
use crate::plan::Step;
use crate::testing::worlds::{example_with, generation};
use crate::testing::{Bench, EXAMPLE, desired};

mod failures;
mod kept_names;
mod refused_accounts;
mod serving;
mod shared_edits;
mod unsaved;

fn fault(bench: &Bench, action: &str, effect: FaultEffect) {
    let fault =
        Fault { action: action.to_owned(), region: None, caller: None, from_call: 1, times: Some(1), effect };
    bench.sim.add_fault(&fault).unwrap();
}

fn error(code: &str) -> FaultEffect {
    FaultEffect::Error { code: code.to_owned(), message: String::new() }
}

/// How each step ended, by its id.
fn endings(outcome: &Outcome) -> BTreeMap<String, StepOutcome> {
    outcome.steps.iter().map(|step| (step.step.to_string(), step.outcome.clone())).collect()
}

fn calls(bench: &Bench, action: &str) -> usize {
    bench.sim.log(0).unwrap().iter().filter(|entry| entry.action == action).count()
}

async fn apply(bench: &mut Bench, yaml: &str) -> Outcome {
    bench.apply(&consenting(yaml), PlanMode::Normal).await.1
}

/// Executes a plan that was made from recorded state without a refresh, until it ends or is stopped.
async fn execute(bench: &mut Bench, yaml: &str, stop: watch::Receiver<Shutdown>) -> Outcome {
    walk_watched(bench, yaml, stop, &mut Quiet).await
}

/// A manifest that consents to losses: what rules refuse is not what these tests are about.
fn consenting(yaml: &str) -> Desired {
    let mut wanted = desired(yaml);
    wanted.levels.extend(["mass_unshare", "mass_deletion"].map(|rule| (rule.into(), Level::Allow)));
    wanted
}

/// As [`execute`], with progress events.
async fn walk_watched(
    bench: &mut Bench,
    yaml: &str,
    stop: watch::Receiver<Shutdown>,
    progress: &mut dyn Progress,
) -> Outcome {
    let wanted = consenting(yaml);
    let mut snapshot = bench.snapshot().await;
    let valid = bench.judge(&wanted, Bench::propose(&wanted, &snapshot, PlanMode::Normal)).1.unwrap();
    let mut store = std::mem::take(&mut bench.store);
    let now = bench.clock.now();
    let info = LockInfo { owner: "test".into(), pid: 1, operation: "apply".into(), since: now };
    store.lock(info, LockWait::NONE).await.unwrap();
    store.save(&mut snapshot, SerialBump::Yes).await.unwrap();
    let executor = Executor {
        cloud: bench.cloud(),
        store: &mut store,
        clock: Arc::clone(&bench.clock),
        options: bench.options,
        stop,
        progress,
        queries: BTreeMap::new(),
    };
    let outcome = executor.run(&valid, &mut snapshot).await.unwrap();
    store.save(&mut snapshot, SerialBump::Yes).await.unwrap();
    bench.store = store.crashed_after(usize::MAX);
    outcome
}

/// Records what is waited for.
#[derive(Default)]
struct Waits(Vec<String>);

impl Progress for Waits {
    fn started(&mut self, _: &Step) {}
    fn accepted(&mut self, _: &Step, _: &ImageId) {}
    fn waiting(&mut self, step: &Step, why: &str) {
        self.0.push(format!("{}: {why}", step.id));
    }
    fn settled(&mut self, _: &Step) {}
    fn failed(&mut self, _: &Step, _: &StepOutcome) {}
    fn skipped(&mut self, _: &Step, _: &Step) {}
}

fn going_on() -> watch::Receiver<Shutdown> {
    watch::channel(Shutdown::No).1
}

#[tokio::test(start_paused = true)]
async fn a_refusal_skips_what_waits_for_it_and_lets_the_rest_finish() {
    let mut bench = Bench::new(Settings::default());
    let jakarta_only = Fault {
        action: "SyncImages".to_owned(),
        region: None,
        caller: None,
        from_call: 1,
        times: Some(1),
        effect: error("UnsupportedOperation.Region"),
    };
    bench.sim.add_fault(&jakarta_only).unwrap();
    let endings = endings(&apply(&mut bench, EXAMPLE).await);
    let failed: Vec<&String> =
        endings.iter().filter(|(_, ending)| ending.is_failed()).map(|(id, _)| id).collect();
    let [failed] = failed[..] else { panic!("one of the copies: {endings:#?}") };
    let region = failed.split(['@', '#']).nth(1).unwrap();
    for (id, ending) in &endings {
        match ending {
            StepOutcome::Done => assert!(!id.contains(region), "{id}"),
            StepOutcome::Skipped { because } => {
                assert!(id.contains(region) && because.to_string() == *failed, "{id}");
            }
            other => assert!(id == failed, "{id}: {other:?}"),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_throttled_call_is_sent_again_until_it_is_taken() {
    let mut bench = Bench::new(Settings::default());
    let throttle = Fault {
        action: "CreateImage".to_owned(),
        region: None,
        caller: None,
        from_call: 1,
        times: Some(3),
        effect: FaultEffect::Throttle,
    };
    bench.sim.add_fault(&throttle).unwrap();
    assert!(apply(&mut bench, EXAMPLE).await.is_complete());
    assert_eq!(calls(&bench, "CreateImage"), 2 + 3);
}

#[tokio::test(start_paused = true)]
async fn an_instance_that_is_being_imaged_is_waited_for() {
    let mut bench = Bench::new(Settings { parallel_imaging: false, ..Settings::default() });
    let same = example_with("snapshots: [snap-2f3a1c2d]", "instance: { id: ins-8f3a1c2d }");
    assert!(apply(&mut bench, &same).await.is_complete());
}

#[tokio::test(start_paused = true)]
async fn an_image_that_does_not_settle_in_time_stays_recorded_and_its_branch_stops() {
    let mut bench = Bench::new(Settings::default());
    bench.options.settle_timeout = Duration::from_secs(60);
    fault(&bench, "CreateImage", FaultEffect::Hang);
    let outcome = apply(&mut bench, EXAMPLE).await;
    let pending = outcome.count(|ending| matches!(ending, StepOutcome::Pending { .. }));
    assert_eq!((pending, outcome.took.as_secs() / 10), (1, 6), "{outcome:#?}");
    assert!(outcome.count(|ending| matches!(ending, StepOutcome::Skipped { .. })) > 0);
    let snapshot = bench.snapshot().await;
    assert_eq!(snapshot.intents.len(), 1, "the next run continues: {:#?}", snapshot.intents);
    assert!(snapshot.intents.values().all(|intent| intent.accepted.is_some()));
}

#[tokio::test(start_paused = true)]
async fn what_is_still_being_made_is_waited_for_by_the_next_run() {
    let mut bench = Bench::new(Settings { settle: SignedDuration::from_mins(3), ..Settings::default() });
    bench.options.settle_timeout = Duration::from_secs(60);
    assert!(!apply(&mut bench, EXAMPLE).await.is_complete());
    bench.options.settle_timeout = Duration::from_secs(3600);
    assert!(apply(&mut bench, EXAMPLE).await.is_complete());
    assert_eq!(calls(&bench, "CreateImage"), 2, "nothing is made twice");
}

#[tokio::test(start_paused = true)]
async fn an_image_that_failed_is_reported_and_made_again_by_the_next_run() {
    let mut bench = Bench::new(Settings::default());
    fault(&bench, "CreateImage", FaultEffect::Fail);
    let outcome = apply(&mut bench, EXAMPLE).await;
    let why = outcome.steps.iter().find_map(|step| match &step.outcome {
        StepOutcome::Failed(failure) => Some(&failure.why),
        _ => None,
    });
    assert!(why.unwrap().starts_with("the service reports CREATEFAILED for img-"), "{outcome:#?}");
    assert!(apply(&mut bench, EXAMPLE).await.is_complete());
}

#[tokio::test(start_paused = true)]
async fn stopped_gently_it_starts_nothing_new_and_lets_run_what_runs() {
    let mut bench = Bench::new(Settings::default());
    apply(&mut bench, example_with("images:", "images: {}\nunused:").split("\nunused:").next().unwrap())
        .await;
    let (sender, stop) = watch::channel(Shutdown::No);
    let stopping = async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        sender.send(Shutdown::Gently).unwrap();
    };
    let (outcome, ()) = tokio::join!(execute(&mut bench, EXAMPLE, stop), stopping);
    assert!(outcome.interrupted);
    let endings = endings(&outcome);
    for create in ["create image.web@ap-jakarta#1", "create image.db@ap-jakarta#1"] {
        assert_eq!(endings[create], StepOutcome::Done, "it was under way");
    }
    assert_eq!(endings["copy image.web@ap-tokyo#1"], StepOutcome::NotStarted);
    assert!(bench.snapshot().await.intents.is_empty());
}

#[tokio::test(start_paused = true)]
async fn stopped_at_once_it_writes_down_what_is_known() {
    let mut bench = Bench::new(Settings::default());
    let (sender, stop) = watch::channel(Shutdown::No);
    let stopping = async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        sender.send(Shutdown::Now).unwrap();
    };
    let (outcome, ()) = tokio::join!(execute(&mut bench, EXAMPLE, stop), stopping);
    assert!(outcome.took < Duration::from_millis(100));
    assert_eq!(endings(&outcome)["create image.db@ap-jakarta#1"], StepOutcome::Pending { failure: None });
    assert_eq!(bench.snapshot().await.intents.len(), 2);
    assert!(apply(&mut bench, EXAMPLE).await.is_complete());
    assert_eq!(calls(&bench, "CreateImage"), 2, "nothing is made twice");
}

#[tokio::test(start_paused = true)]
async fn accounts_that_have_the_share_already_are_left_out_and_the_rest_get_it() {
    let mut bench = Bench::new(Settings::default());
    apply(&mut bench, &example_with("image: db, with: [partner]", "image: db, with: []")).await;
    // Somebody shares it by hand, after the last refresh.
    let snapshot = bench.snapshot().await;
    let db = snapshot.recorded.placement(&crate::testing::worlds::at("image.db@ap-jakarta#1")).unwrap();
    let by_hand: Accounts = ["200000000001".parse().unwrap()].into_iter().collect();
    let region = "ap-jakarta".parse().unwrap();
    bench.cloud().share_image(&region, &db.id, &by_hand).await.unwrap();
    let both = example_with("image: db, with: [partner]", "image: db, with: [partner, staging]");
    assert!(execute(&mut bench, &both, going_on()).await.is_complete());
    assert_eq!(bench.cloud().shares(&region, &db.id).await.unwrap().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn what_is_gone_already_counts_as_deleted() {
    let mut bench = Bench::new(Settings::default());
    apply(&mut bench, EXAMPLE).await;
    let snapshot = bench.snapshot().await;
    let tokyo = snapshot.recorded.placement(&crate::testing::worlds::at("image.web@ap-tokyo#1")).unwrap();
    let region = "ap-tokyo".parse().unwrap();
    bench.cloud().unshare_image(&region, &tokyo.id, &tokyo.shares).await.unwrap();
    bench.cloud().delete_image(&region, &tokyo.id, true).await.unwrap();
    let less = example_with("[ap-singapore, ap-tokyo]", "[ap-singapore]");
    assert!(execute(&mut bench, &less, going_on()).await.is_complete());
}

#[tokio::test(start_paused = true)]
async fn a_service_that_takes_no_tags_on_create_gets_them_after() {
    let mut bench = Bench::new(Settings { tags_on_create: false, ..Settings::default() });
    assert!(apply(&mut bench, EXAMPLE).await.is_complete());
    for image in bench.sim.images().unwrap() {
        assert_eq!(bench.sim.tags(&image.id).unwrap().len(), 1, "{}", image.name);
    }
    assert!(apply(&mut bench, EXAMPLE).await.steps.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_failure_to_tag_is_reported_and_makes_no_good_image_bad() {
    let mut bench = Bench::new(Settings::default());
    fault(&bench, "ModifyResourceTags", error("LimitExceeded.TagKey"));
    let outcome = apply(&mut bench, EXAMPLE).await;
    assert!(outcome.is_complete() && outcome.warnings.len() == 1, "{outcome:#?}");
    let again = apply(&mut bench, EXAMPLE).await;
    assert_eq!(again.steps.len(), 1, "the next apply tries again");
    assert!(again.is_complete() && again.warnings.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_limit_of_shares_that_the_service_shows_by_refusing_is_learned() {
    let mut bench = Bench::new(Settings { accounts_per_image: 1, ..Settings::default() });
    let outcome = apply(&mut bench, EXAMPLE).await;
    assert_eq!(outcome.count(StepOutcome::is_failed), 3, "{outcome:#?}");
    assert_eq!(bench.snapshot().await.recorded.share_limit.as_ref().unwrap().value, 1);
}

#[tokio::test(start_paused = true)]
async fn a_list_that_is_too_long_for_a_call_is_halved_and_that_is_remembered() {
    for partial_shares in [false, true] {
        let settings = Settings { accounts_per_call: Some(3), partial_shares, ..Settings::default() };
        let mut bench = Bench::new(settings);
        let with = |accounts: std::ops::Range<u64>| {
            let all: Vec<String> = accounts.map(|n| format!("\"{n}\"")).collect();
            example_with("image: db, with: [partner]", &format!("image: db, with: [{}]", all.join(", ")))
        };
        let first = with(300_000_000_001..300_000_000_011);
        assert!(apply(&mut bench, &first).await.is_complete());
        let learned = bench.snapshot().await.recorded.accounts_per_call;
        assert_eq!(learned, Some(3), "from ten to five to three");
        let before = calls(&bench, "ModifyImageSharePermission");
        assert!(apply(&mut bench, &with(300_000_000_011..300_000_000_021)).await.is_complete());
        assert_eq!(calls(&bench, "ModifyImageSharePermission") - before, 2 * 4, "none is refused");
        assert!(apply(&mut bench, &with(300_000_000_011..300_000_000_021)).await.steps.is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn the_last_account_of_a_list_that_was_too_long_gets_its_share() {
    let settings = Settings { accounts_per_call: Some(2), partial_shares: true, ..Settings::default() };
    let mut bench = Bench::new(settings);
    let three = "image: web, with: [partner, staging, \"200000000003\"]";
    let yaml = example_with("image: web, with: [partner, staging]", three);
    assert!(apply(&mut bench, &yaml).await.is_complete());
}

#[tokio::test(start_paused = true)]
async fn what_a_refused_share_call_did_all_the_same_is_recorded_and_the_bad_account_named() {
    let sub_users = ["200000000002".parse().unwrap()].into();
    let mut bench = Bench::new(Settings { partial_shares: true, sub_users, ..Settings::default() });
    let outcome = apply(&mut bench, EXAMPLE).await;
    let why: Vec<&String> = outcome
        .steps
        .iter()
        .filter_map(|step| match &step.outcome {
            StepOutcome::Failed(failure) => Some(&failure.why),
            _ => None,
        })
        .collect();
    assert_eq!(why.len(), 3, "{outcome:#?}");
    assert!(why.iter().all(|why| why.contains("200000000002")));
    let snapshot = bench.snapshot().await;
    let web = snapshot.recorded.placement(&crate::testing::worlds::at("image.web@ap-tokyo#1")).unwrap();
    assert_eq!((web.shares.len(), web.unmanaged.len()), (1, 0));
    // Nobody is left over who has a share that nothing records as given.
    assert!(apply(&mut bench, &EXAMPLE.replace("with: [partner, staging]", "with: []")).await.is_complete());
    assert!(
        bench
            .sim
            .images()
            .unwrap()
            .iter()
            .all(|image| image.name.starts_with("db") || bench.sim.shares(&image.id).unwrap().is_empty())
    );
}

#[tokio::test(start_paused = true)]
async fn accounts_that_have_no_share_any_more_do_not_keep_the_others_theirs() {
    let cancel_absent = crate::cloud::sim::CancelAbsent::Refused;
    let mut bench = Bench::new(Settings { cancel_absent, ..Settings::default() });
    apply(&mut bench, EXAMPLE).await;
    fault(&bench, "ModifyImageSharePermission", FaultEffect::LostAfter);
    assert!(apply(&mut bench, &EXAMPLE.replace("with: [partner, staging]", "with: []")).await.is_complete());
    let snapshot = bench.snapshot().await;
    let db = snapshot.recorded.placement(&crate::testing::worlds::at("image.db@ap-jakarta#1")).unwrap();
    let (region, partner) = ("ap-jakarta".parse().unwrap(), db.shares.clone());
    bench.cloud().unshare_image(&region, &db.id, &partner).await.unwrap();
    let none = EXAMPLE.replace("with: [partner, staging]", "with: []").replace("with: [partner]", "with: []");
    assert!(execute(&mut bench, &none, going_on()).await.is_complete());
}

#[tokio::test(start_paused = true)]
async fn images_that_settle_together_are_polled_for_together() {
    let mut bench = Bench::new(Settings::default());
    let entries: String = (1..=9)
        .map(|n| {
            format!("  i{n}: {{ region: ap-jakarta, source: {{ instance: {{ id: ins-0000000{n} }} }} }}\n")
        })
        .collect();
    let yaml = format!("version: 1\naccount: \"100000000001\"\nimages:\n{entries}");
    assert!(apply(&mut bench, &yaml).await.is_complete());
    let polls = bench
        .sim
        .log(0)
        .unwrap()
        .iter()
        .filter(|entry| entry.action == "DescribeImages" && entry.params.contains("ImageIds"))
        .count();
    assert!((1..=3).contains(&polls), "nine images that are ready after 0.4 s: {polls} polls");
}

#[tokio::test(start_paused = true)]
async fn no_more_calls_are_under_way_than_are_allowed() {
    let mut bench = Bench::new(Settings::default());
    bench.options.parallelism = 1;
    let slow = Fault {
        action: "*".to_owned(),
        region: None,
        caller: None,
        from_call: 1,
        times: None,
        effect: FaultEffect::Slow { by: SignedDuration::from_secs(1) },
    };
    bench.sim.add_fault(&slow).unwrap();
    let outcome = apply(&mut bench, EXAMPLE).await;
    assert!(outcome.is_complete());
    assert!(
        outcome.took >= Duration::from_secs(outcome.steps.len().try_into().unwrap()),
        "{:?}",
        outcome.took
    );
}

#[tokio::test(start_paused = true)]
async fn nothing_is_called_that_could_not_be_written_down_first() {
    let bench = Bench::new(Settings::default());
    let wanted = desired(EXAMPLE);
    let mut snapshot = bench.first_snapshot();
    bench.observe(&wanted, &mut snapshot).await;
    let valid = bench.judge(&wanted, Bench::propose(&wanted, &snapshot, PlanMode::Normal)).1.unwrap();
    let before = bench.sim.log(0).unwrap().len();
    // A store that is not locked takes no events.
    let mut store = MemoryStore::holding(snapshot.clone());
    let cloud = bench.cloud();
    let executor = Executor {
        cloud,
        store: &mut store,
        clock: Arc::clone(&bench.clock),
        options: bench.options,
        stop: going_on(),
        progress: &mut Quiet,
        queries: BTreeMap::new(),
    };
    assert!(executor.run(&valid, &mut snapshot).await.is_err());
    assert_eq!(bench.sim.log(0).unwrap().len(), before, "no call was made");
}

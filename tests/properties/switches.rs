//! One story under every switch of the cloud, and under every pair of them: whatever the real service turns out to do,
//! each manifest is reached, and what is there in the end is the same.
//!
//! What is there is held against the run in a cloud without any switch, image by image.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use goldform::apply::preflight;
use goldform::cloud::CloudWrite;
use goldform::cloud::sim::{Arm, CancelAbsent, DryRun, Rates, Settings, ShareAgain, Tasks, Timestamps};
use goldform::diff::PlanMode;
use goldform::manifest::Desired;
use goldform::model::{Accounts, Attributes, ImageId, Region};
use goldform::state::Lineage;
use goldform::testing::{Applied, Bench, LINEAGE, desired};
use jiff::SignedDuration;

use super::ideal::{Image, real_images};
use super::stage::in_paused_time;

/// Not among them: what only narrows what can be asked for (limits, what exists, which systems can be imported).
///
/// A switch: its name, and how it is turned on.
type Switch = (&'static str, fn(&mut Settings));

const SWITCHES: &[Switch] = &[
    ("dry runs pass by an error", |s| s.dry_run = DryRun::Error),
    ("sharing again is ignored", |s| s.share_again = ShareAgain::Ignored),
    ("share calls have partial effects", |s| s.partial_shares = true),
    ("two accounts a share call", |s| s.accounts_per_call = Some(2)),
    ("cancelling an absent share is refused", |s| s.cancel_absent = CancelAbsent::Refused),
    ("shared images cannot be changed", |s| s.shared_image_edits = false),
    ("shared images cannot be copied", |s| s.shared_image_copies = false),
    ("the source of a copy is SYNCING", |s| s.copy_source_syncing = true),
    ("copies inherit", |s| s.copies_inherit = true),
    ("one id a call", |s| s.ids_per_call = 1),
    ("two images a page", |s| s.images_per_page = 2),
    ("no tags on create", |s| s.tags_on_create = false),
    ("tag keys must exist", |s| s.tag_keys_must_exist = true),
    ("tag words are reserved", |s| s.reserved_tag_words = true),
    ("twin codes", |s| s.twin_codes = true),
    ("imports return no id", |s| s.import_tells_id = false),
    ("the creator is a sub-user", |s| s.creator = "100000000077".parse().ok()),
    ("times with an offset", |s| s.timestamps = Timestamps::Offset),
    ("arm_64", |s| s.arm = Arm::Arm64),
    ("null fields", |s| s.null_fields = true),
    ("unknown fields", |s| s.unknown_fields = true),
    ("images are listed late", |s| s.late_visibility = SignedDuration::from_secs(20)),
    ("one image of an instance at a time", |s| s.parallel_imaging = false),
    ("documented rates", |s| s.rates = Rates::Documented),
    ("tasks fail at first", |s| s.tasks = Tasks::Fail),
    ("tasks outlast the first run", |s| s.settle = SignedDuration::from_mins(5)),
];

/// Those that end one run early: something is learned by a refusal, or fails, or lasts.
const ONCE_MORE: &[&str] =
    &["shared images cannot be changed", "tasks fail at first", "tasks outlast the first run"];

/// The manifests of the story; the last one is followed by a destroy.
const FIRST: &str = r#"
version: 1
account: "100000000001"
accounts: { partner: "200000000001", staging: "200000000002", third: "200000000003", fourth: "200000000004" }
rules: { share_gap: warn, mass_deletion: allow, mass_unshare: allow, share_unmanaged: allow }
images:
  web:
    region: ap-jakarta
    name: web-{generation}
    description: Ubuntu with nginx
    family: web
    tags: { team: platform, tier: front }
    source: { revision: "1", instance: { id: ins-8f3a1c2d } }
    copies: [ap-singapore, ap-tokyo]
    keep: 1
  job:
    region: ap-jakarta
    source: { instance: { id: ins-8f3a1c2d } }
  db:
    region: ap-jakarta
    name: db
    source: { snapshots: [snap-2f3a1c2d] }
  disk:
    region: ap-singapore
    source:
      import: { url: "https://b-1250000001.cos.ap-singapore.myqcloud.com/w.qcow2", os: Ubuntu, version: "16", architecture: arm }
shares:
  - { image: web, with: [partner, staging, third] }
  - { image: db, with: [partner, staging, third, fourth] }
  - { image: disk, with: [partner] }
"#;

/// A description, a tag and a name change; accounts come and go.
fn updated() -> String {
    FIRST
        .replace("Ubuntu with nginx", "Ubuntu with nginx 1.26")
        .replace("tier: front", "tier: edge")
        .replace("name: db\n", "name: data\n    description: the records\n")
        .replace("web, with: [partner, staging, third]", "web, with: [fourth, third]")
        .replace("db, with: [partner, staging, third, fourth]", "db, with: [partner]")
}

/// New generations, one under a fixed name; one region is added and one removed.
fn replaced() -> String {
    updated()
        .replace("revision: \"1\"", "revision: \"2\"")
        .replace("snap-2f3a1c2d", "snap-4444dddd")
        .replace("[ap-singapore, ap-tokyo]", "[ap-singapore, ap-seoul]")
}

struct Story {
    bench: Bench,
    /// The switches that are on, for messages.
    name: String,
    tries_dry: bool,
}

impl Story {
    fn under(switches: &[Switch]) -> Self {
        let mut settings = Settings::default();
        for (_, turn_on) in switches {
            turn_on(&mut settings);
        }
        let mut bench = Bench::new(settings).with_manners();
        bench.options.settle_timeout = Duration::from_secs(60);
        let names: Vec<&str> = switches.iter().map(|(name, _)| *name).collect();
        let tries_dry = names.is_empty() || names.contains(&SWITCHES[0].0);
        Self { bench, name: names.join(" + "), tries_dry }
    }

    /// Every apply but the last may end early: something is learned, fails or lasts. How many there were.
    async fn converge(&mut self, wanted: &Desired, mode: PlanMode) -> usize {
        for run in 1..=6 {
            if self.tries_dry {
                self.preflight(wanted, mode).await;
            }
            let applied = self.bench.try_apply(wanted, mode).await;
            let Applied::Walked(_, outcome) = &applied else { panic!("{}: {applied:#?}", self.name) };
            // What failed or lasted did so once.
            let mut settings = self.bench.sim.settings().unwrap();
            (settings.tasks, settings.settle) = (Tasks::Succeed, Settings::default().settle);
            self.bench.sim.set_settings(settings).unwrap();
            self.bench.snapshot().await.verify().unwrap();
            if outcome.is_complete() && outcome.warnings.is_empty() {
                return run;
            }
            // What lasts ends.
            tokio::time::sleep(Duration::from_secs(300)).await;
        }
        panic!("{}: not reached", self.name);
    }

    /// The service is asked about every call; nothing changes by that.
    async fn preflight(&mut self, wanted: &Desired, mode: PlanMode) {
        let mut snapshot = self.bench.snapshot().await;
        self.bench.observe(wanted, &mut snapshot).await;
        let (_, valid) = self.bench.judge(wanted, Bench::propose(wanted, &snapshot, mode));
        let Ok(valid) = valid else { return };
        let before = real_images(&self.bench);
        let cloud: Arc<dyn CloudWrite> = Arc::new(self.bench.cloud().dry_run());
        let lineage = Lineage(LINEAGE.into());
        let reported = preflight(&cloud, &valid, &snapshot.recorded, &lineage, &BTreeMap::new(), 10).await;
        let reported = reported.unwrap();
        assert_eq!(reported.refused(), 0, "{}: {reported:#?}", self.name);
        assert_eq!(real_images(&self.bench), before, "{}", self.name);
    }

    /// The next plan is empty, the state is true to the cloud, and nothing is there that is not recorded.
    async fn check(&mut self, wanted: &Desired, mode: PlanMode) -> Vec<Image> {
        // What is listed late is listed by then.
        tokio::time::sleep(Duration::from_secs(30)).await;
        let name = &self.name;
        let mut snapshot = self.bench.snapshot().await;
        assert!(snapshot.intents.is_empty(), "{name}: {:#?}", snapshot.intents);
        let offline = Bench::propose(wanted, &snapshot, mode).plan;
        assert!(offline.is_empty(), "{name}: planned against the record: {:#?}", offline.changes);
        let recorded = snapshot.recorded.images.clone();
        let drift = self.bench.observe(wanted, &mut snapshot).await;
        assert!(drift.items.is_empty() && drift.pending.is_empty(), "{name}: {drift:#?}");
        assert_eq!(snapshot.recorded.images, recorded, "{name}: the state is what a refresh shows");
        let online = Bench::propose(wanted, &snapshot, mode).plan;
        assert!(online.is_empty(), "{name}: planned after a refresh: {:#?}", online.changes);
        let known: BTreeSet<String> =
            snapshot.recorded.placements().map(|(_, placement)| placement.id.to_string()).collect();
        let real: BTreeSet<String> =
            self.bench.sim.images().unwrap().into_iter().map(|image| image.id).collect();
        assert_eq!(known, real, "{name}: orphans, or ghosts");
        real_images(&self.bench)
    }

    /// Somebody deletes a copy, changes a description, removes a share and adds another one.
    async fn drift(&self) {
        let cloud = self.bench.cloud();
        let shared_edits = self.bench.sim.settings().unwrap().shared_image_edits;
        for image in self.bench.sim.images().unwrap() {
            let region: Region = image.region.parse().unwrap();
            let id: ImageId = image.id.parse().unwrap();
            let shares: Accounts = cloud.shares_of(&region, &id).await;
            match (image.name.as_str(), image.region.as_str()) {
                ("web-1", "ap-tokyo") => {
                    for account in shares.iter() {
                        cloud.unshare_image(&region, &id, &[account].into_iter().collect()).await.unwrap();
                    }
                    cloud.delete_image(&region, &id, true).await.unwrap();
                }
                ("web-1", "ap-jakarta") if shared_edits => {
                    let set = Attributes { description: Some("by hand".into()), ..Attributes::default() };
                    cloud.modify_image(&region, &id, &set).await.unwrap();
                }
                ("web-1", _) => {
                    let one: Accounts = shares.iter().take(1).collect();
                    cloud.unshare_image(&region, &id, &one).await.unwrap();
                }
                _ => {}
            }
        }
    }

    /// What was there after each part of the story.
    async fn run(mut self) -> (Vec<Vec<Image>>, usize) {
        let mut seen = Vec::new();
        let mut runs = 0;
        for yaml in [FIRST.to_owned(), updated()] {
            let wanted = desired(&yaml);
            runs += self.converge(&wanted, PlanMode::Normal).await;
            seen.push(self.check(&wanted, PlanMode::Normal).await);
        }
        self.drift().await;
        for yaml in [updated(), replaced()] {
            let wanted = desired(&yaml);
            runs += self.converge(&wanted, PlanMode::Normal).await;
            seen.push(self.check(&wanted, PlanMode::Normal).await);
        }
        let wanted = desired(&replaced());
        runs += self.converge(&wanted, PlanMode::Destroy).await;
        seen.push(self.check(&wanted, PlanMode::Destroy).await);
        assert!(seen.last().unwrap().is_empty());
        (seen, runs)
    }
}

/// Reads that a test makes at the side.
trait Aside {
    async fn shares_of(&self, region: &Region, id: &ImageId) -> Accounts;
}

impl Aside for goldform::cloud::client::Client {
    async fn shares_of(&self, region: &Region, id: &ImageId) -> Accounts {
        goldform::cloud::CloudRead::shares(self, region, id).await.unwrap()
    }
}

/// A mark is not worth a moment without shares: where shared images cannot be changed, earlier ones stay unmarked.
fn without_marks(images: &[Image]) -> Vec<Image> {
    images.iter().map(|image| Image { deprecated: false, ..image.clone() }).collect()
}

fn run_under(switches: &[Switch]) -> (Vec<Vec<Image>>, usize) {
    in_paused_time(Story::under(switches).run())
}

#[test]
fn under_every_switch_and_every_pair_of_them_all_is_reached() {
    let begun = Instant::now();
    let (plain, runs) = run_under(&[]);
    assert_eq!((runs, plain[0].len()), (5, 6), "without switches each part takes one run");
    assert_eq!(plain[1], plain[2], "what drifted is as it was");
    let mut sets: Vec<Vec<Switch>> = SWITCHES.iter().map(|switch| vec![*switch]).collect();
    for (first, one) in SWITCHES.iter().enumerate() {
        sets.extend(SWITCHES[first + 1..].iter().map(|other| vec![*one, *other]));
    }
    let wrong = Mutex::new(Vec::new());
    let (next, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let threads = std::thread::available_parallelism().map_or(2, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while let Some(set) = sets.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let reported = std::panic::catch_unwind(|| run_under(set));
                    let names: Vec<&str> = set.iter().map(|(name, _)| *name).collect();
                    match reported {
                        Ok((seen, runs)) => {
                            most.fetch_max(runs, Ordering::Relaxed);
                            let more = names.iter().filter(|name| ONCE_MORE.contains(name)).count();
                            if runs > 5 + more {
                                wrong.lock().unwrap().push(format!("{runs} runs under {names:?}"));
                            }
                            let ignores_marks = names.contains(&"shared images cannot be changed");
                            let is_same = |seen: &[Image], plain: &[Image]| match ignores_marks {
                                true => without_marks(seen) == without_marks(plain),
                                false => seen == plain,
                            };
                            let parts = seen.iter().zip(&plain).enumerate();
                            for (part, _) in parts.filter(|(_, (seen, plain))| !is_same(seen, plain)) {
                                wrong.lock().unwrap().push(format!("part {part} differs under {names:?}"));
                            }
                        }
                        Err(_) => wrong.lock().unwrap().push(format!("{names:?}")),
                    }
                }
            });
        }
    });
    let wrong = wrong.into_inner().unwrap();
    assert!(wrong.is_empty(), "{} of {} sets go wrong:\n{}", wrong.len(), sets.len(), wrong.join("\n"));
    let most = most.into_inner();
    println!("switches: {} sets, at most {most} runs for 5 parts, {:.1?}", sets.len(), begun.elapsed());
}

/// No action returns the limit of accounts per image; a refusal does.
#[test]
fn a_limit_of_shares_that_a_refusal_taught_is_kept_by_the_next_plans() {
    for partial_shares in [false, true] {
        in_paused_time(async {
            let settings = Settings { accounts_per_image: 2, partial_shares, ..Settings::default() };
            let mut bench = Bench::new(settings).with_manners();
            let wanted = desired(FIRST);
            let mut refused = None;
            for _ in 0..4 {
                match bench.try_apply(&wanted, PlanMode::Normal).await {
                    Applied::Walked(_, outcome) => assert!(!outcome.is_complete()),
                    Applied::Refused(judgement) => refused = Some(judgement),
                    other => panic!("{other:#?}"),
                }
            }
            let refused = refused.unwrap().diagnostics;
            assert!(refused.iter().any(|diagnostic| diagnostic.code.id == "GF503"), "{refused:#?}");
            let fewer = FIRST
                .replace("web, with: [partner, staging, third]", "web, with: [third, fourth]")
                .replace("db, with: [partner, staging, third, fourth]", "db, with: [fourth]");
            let mut story = Story { bench, name: "two accounts an image".to_owned(), tries_dry: false };
            let fewer = desired(&fewer);
            story.converge(&fewer, PlanMode::Normal).await;
            story.check(&fewer, PlanMode::Normal).await;
        });
    }
}

/// An image whose task never ends is never made twice, and the run ends each time.
#[test]
fn what_stays_creating_for_ever_is_waited_for_and_never_made_again() {
    in_paused_time(async {
        let mut bench = Bench::new(Settings { tasks: Tasks::Hang, ..Settings::default() }).with_manners();
        bench.options.settle_timeout = Duration::from_secs(60);
        for _ in 0..3 {
            let (_, outcome) = bench.apply(&desired(FIRST), PlanMode::Normal).await;
            assert!(!outcome.is_complete() && outcome.took < Duration::from_secs(200), "{outcome:#?}");
            assert_eq!(bench.sim.images().unwrap().len(), 4);
        }
    });
}

//! Every rule has two witnesses, and what it refuses the sandbox refuses too.
//!
//! A folder of `constraints/` is named like its rule and holds:
//!
//! ```text
//!  pass.yaml      a manifest in which the rule finds nothing        fail.yaml   one in which it finds something
//!  fail.snap      what its reader sees
//!  before.yaml    what was applied before, if the rule reads recorded state
//!  then.yaml      what was applied after that
//!  world.json     settings of the cloud; whether the cloud is observed; how many days have passed since; which images
//!                 somebody else deletes, or shares with which accounts, before a manifest is planned
//!  edit.json      edges that are dropped from the failing plan
//!  request.json   the request that the rule is about, where goldform has no way of sending it
//! ```
//!
//! The rules and the sandbox share no code: what one of them got wrong, the other does not repeat.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use goldform::cloud::sim::Settings;
use goldform::cloud::{CloudWrite as _, Request, Service};
use goldform::constraints::{Judgement, Levels, RULES, Rule, RuleSource, judge, judge_observation};
use goldform::diagnostics::{Diagnostic, RenderOptions, Severity, render};
use goldform::diff::{DriftItem, PlanMode, use_lookups};
use goldform::manifest::{Input, Loaded, Variables, load};
use goldform::model::{Accounts, Address, Level, PlacementKey, Region};
use goldform::plan::Plan;
use goldform::state::{Recorded, Snapshot};
use goldform::testing::{Bench, Walker, desired};
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use serde_json::Value;

/// Rules of which the service knows nothing: it would let pass what they find, and their pages say so.
const PROMISES: &[(&str, &str)] = &[
    ("limit_above_recorded", "a number in the manifest that changes no request"),
    ("pinned_revision_missing", "the service knows no revisions"),
    ("protected_image_deleted", "protection is goldform's own"),
    ("share_gap", "the service lets accounts be without an image"),
    ("mass_unshare", "the service lets accounts be without an image"),
    ("entry_renamed", "the service knows no entries"),
    ("share_unmanaged", "the service knows no manifest"),
    ("mass_deletion", "the service deletes whatever it is asked to"),
    ("fixed_name_replaced", "names may change hands"),
    ("mass_disappearance", "a listing without an image is no refusal"),
    ("snapshot_storage_billed", "an invoice is no refusal"),
    ("record_stale", "the service does not know what is recorded"),
    ("returned_without_revision", "the service does not know what earlier images were made from"),
    ("lookup_unanswered", "a question without an answer makes no request"),
    ("lookup_unread", "the service does not know what is recorded"),
    ("shared_image_untrusted", "the service lets everybody use what is shared with them"),
    ("windows_fee_outside_mainland", "an invoice is no refusal"),
];

/// How a page says that the service knows nothing of its rule.
const PASSES: &str = "The service itself would accept it.";

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct World {
    settings: Settings,
    look: Option<bool>,
    days: i64,
    gone: BTreeMap<String, Vec<PlacementKey>>,
    shared: BTreeMap<PlacementKey, Accounts>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Edits {
    drop: Vec<Drop>,
}

/// Edges that are dropped: by the reason they show, or by the ids of their steps.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Drop {
    why: Option<String>,
    earlier: Option<String>,
    later: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawRequest {
    action: String,
    region: Region,
    params: Value,
}

struct Folder(PathBuf);

impl Folder {
    fn of(rule: &Rule) -> Self {
        Self(root().join(rule.code.name))
    }

    fn text(&self, name: &str) -> Option<String> {
        fs::read_to_string(self.0.join(name)).ok()
    }

    fn json<T: for<'de> Deserialize<'de>>(&self, name: &str) -> Option<T> {
        let text = self.text(name)?;
        Some(
            serde_json::from_str(&text)
                .unwrap_or_else(|error| panic!("{}: {error}", self.0.join(name).display())),
        )
    }

    fn manifest(&self, name: &str) -> Loaded {
        let bytes = fs::read(self.0.join(name)).unwrap();
        let loaded = load(vec![Input { name: name.to_owned(), bytes }], &Variables::default());
        let errors: Vec<_> = loaded.diagnostics.iter().filter(|d| d.severity == Severity::Error).collect();
        assert!(errors.is_empty(), "{}: its text is correct: {errors:#?}", self.0.join(name).display());
        loaded
    }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/constraints")
}

fn in_paused_time<F: Future>(story: F) -> F::Output {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    runtime.unwrap().block_on(story)
}

/// A witness on a bench of its own: the cloud and the record as they were before, and the plan.
struct Stage {
    bench: Bench,
    loaded: Loaded,
    snapshot: Snapshot,
    /// What was recorded before the cloud was observed, and which of it the observation missed.
    before: Recorded,
    gone: Vec<PlacementKey>,
    prior: Recorded,
    plan: Plan,
    days: i64,
}

impl Stage {
    async fn set(folder: &Folder, manifest: &str) -> Self {
        let world: World = folder.json("world.json").unwrap_or_default();
        let mut bench = Bench::new(world.settings);
        let mut snapshot = bench.first_snapshot();
        for before in ["before.yaml", "then.yaml"].into_iter().filter_map(|name| folder.text(name)) {
            let (_, outcome) = bench.apply(&desired(&before), PlanMode::Normal).await;
            assert!(outcome.is_complete(), "{outcome:#?}");
            snapshot = bench.snapshot().await;
        }
        let mut loaded = folder.manifest(manifest);
        let wanted = loaded.desired.as_mut().unwrap();
        for at in world.gone.get(manifest).into_iter().flatten() {
            let id = &snapshot.recorded.placement(at).unwrap().id;
            bench.cloud().delete_image(&at.region, id, true).await.unwrap();
        }
        for (at, accounts) in &world.shared {
            let id = &snapshot.recorded.placement(at).unwrap().id;
            bench.cloud().share_image(&at.region, id, accounts).await.unwrap();
        }
        let (before, mut gone) = (snapshot.recorded.clone(), Vec::new());
        if world.look.unwrap_or(true) {
            let drift = bench.observe(wanted, &mut snapshot).await;
            let is_missing = |item: &&DriftItem| matches!(item, DriftItem::Missing { .. });
            gone.extend(drift.items.iter().filter(is_missing).map(|item| item.at().clone()));
        }
        use_lookups(wanted, &snapshot.recorded);
        let proposal = Bench::propose(wanted, &snapshot, PlanMode::Normal);
        let (mut plan, prior) = (proposal.plan, proposal.prior);
        if let Some(edits) = folder.json::<Edits>("edit.json").filter(|_| manifest == "fail.yaml") {
            edit(&mut plan, &edits);
        }
        Self { bench, loaded, snapshot, before, gone, prior, plan, days: world.days }
    }

    /// What a rule says when it denies.
    fn findings(&self, rule: &Rule) -> Vec<Diagnostic> {
        let wanted = self.loaded.desired.as_ref().unwrap();
        let (levels, unknown) = Levels::new(&wanted.levels, &[(rule.code.name.to_owned(), Level::Deny)]);
        assert!(unknown.is_empty());
        let now = self.bench.clock.now().checked_add(SignedDuration::from_hours(24 * self.days)).unwrap();
        self.judge(&levels, now).into_iter().filter(|diagnostic| diagnostic.code.id == rule.code.id).collect()
    }

    /// The findings of all rules, about the observation and about the plan.
    fn judge(&self, levels: &Levels, now: Timestamp) -> Vec<Diagnostic> {
        let wanted = self.loaded.desired.as_ref().unwrap();
        let seen: Judgement = judge_observation(wanted, &self.before, &self.gone, levels, now);
        let planned = judge(wanted, &self.prior, Some(&self.plan), levels, now);
        seen.diagnostics.into_iter().chain(planned.diagnostics).collect()
    }

    fn drawn(&self, findings: &[Diagnostic]) -> String {
        let locate = |place: &_| self.loaded.locator.place(place);
        render(findings, &locate, self.loaded.locator.sources(), RenderOptions::default())
    }

    /// The code of the first refusal in an order of the plan.
    async fn refusal(&self, seed: usize) -> Option<String> {
        let mut walker = Walker::new(&self.bench, &self.plan, self.snapshot.clone());
        let mut dice = seed;
        let choose = |moves: usize| {
            dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (dice >> 33) % moves
        };
        let refused = walker.walk(choose).await.err()?;
        Some(refused.error.code.as_ref().unwrap_or_else(|| panic!("no answer: {refused:?}")).to_string())
    }

    /// The code that the request of a witness is refused with.
    fn refusal_of(&self, mut request: RawRequest) -> String {
        self.put_ids(&mut request.params);
        let request = Request {
            service: Service::Cvm,
            action: request.action.into(),
            region: Some(request.region),
            body: serde_json::to_vec(&request.params).unwrap(),
        };
        let answer = self.bench.sim.answer(self.bench.account, &request, self.bench.clock.now());
        let answer: Value = serde_json::from_slice(&answer).unwrap();
        let code = answer["Response"]["Error"]["Code"].as_str();
        code.unwrap_or_else(|| panic!("it is accepted: {answer}")).to_owned()
    }

    /// Addresses of placements become ids.
    fn put_ids(&self, value: &mut Value) {
        match value {
            Value::String(text) => {
                if let Ok(Address::Placement(at)) = text.parse::<Address>() {
                    *text = self.snapshot.recorded.placement(&at).unwrap().id.to_string();
                }
            }
            Value::Array(items) => items.iter_mut().for_each(|item| self.put_ids(item)),
            Value::Object(fields) => fields.values_mut().for_each(|field| self.put_ids(field)),
            _ => {}
        }
    }
}

fn edit(plan: &mut Plan, edits: &Edits) {
    for dropped in &edits.drop {
        let before = plan.graph.edges().count();
        plan.graph.drop_edges(|earlier, later, reason| {
            let why = serde_json::to_value(reason).unwrap()["why"].as_str().unwrap().to_owned();
            dropped.why.as_ref().is_none_or(|wanted| *wanted == why)
                && dropped.earlier.as_ref().is_none_or(|id| *id == earlier.id.to_string())
                && dropped.later.as_ref().is_none_or(|id| *id == later.id.to_string())
        });
        assert!(plan.graph.edges().count() < before, "nothing is dropped by {dropped:?}");
    }
}

fn codes(rule: &Rule) -> BTreeSet<&'static str> {
    let code = |source: &RuleSource| match source {
        RuleSource::ErrorCode(code) => Some(*code),
        RuleSource::Document(..) | RuleSource::Promise(_) => None,
    };
    rule.sources.iter().filter_map(code).collect()
}

#[test]
fn every_rule_has_its_witnesses_and_every_folder_its_rule() {
    let files = [
        "pass.yaml",
        "fail.yaml",
        "before.yaml",
        "then.yaml",
        "world.json",
        "edit.json",
        "request.json",
        "fail.snap",
    ];
    let missing: Vec<_> = RULES
        .iter()
        .flat_map(|rule| ["pass.yaml", "fail.yaml"].map(|file| root().join(rule.code.name).join(file)))
        .filter(|file| !file.exists())
        .collect();
    assert!(missing.is_empty(), "rules without witnesses: {missing:#?}");
    for folder in fs::read_dir(root()).unwrap() {
        let folder = folder.unwrap();
        let name = folder.file_name().into_string().unwrap();
        assert!(RULES.iter().any(|rule| rule.code.name == name), "{name}: there is no such rule");
        for file in fs::read_dir(folder.path()).unwrap() {
            let file = file.unwrap().file_name().into_string().unwrap();
            assert!(files.contains(&file.as_str()), "{name}/{file}: nothing reads it");
        }
    }
}

#[test]
fn a_rule_finds_nothing_in_its_passing_witness_and_something_with_a_place_in_the_failing_one() {
    let mut settings = insta::Settings::clone_current();
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    for rule in RULES {
        let folder = Folder::of(rule);
        in_paused_time(async {
            let passing = Stage::set(&folder, "pass.yaml").await;
            let found = passing.findings(rule);
            assert!(found.is_empty(), "{}: pass.yaml:\n{}", rule.code.name, passing.drawn(&found));

            let failing = Stage::set(&folder, "fail.yaml").await;
            let found = failing.findings(rule);
            assert!(!found.is_empty(), "{}: fail.yaml passes", rule.code.name);
            for finding in &found {
                let place =
                    finding.labels.first().and_then(|label| failing.loaded.locator.place(&label.place));
                assert!(place.is_some(), "{}: it has a place in the text: {finding:#?}", rule.code.name);
            }
            settings.set_snapshot_path(&folder.0);
            settings.bind(|| insta::assert_snapshot!("fail", failing.drawn(&found)));
        });
    }
}

/// How many orders of a failing plan are tried.
const ORDERS: usize = 40;

#[test]
fn what_a_rule_refuses_is_refused_by_the_cloud_with_a_code_of_the_rule() {
    let (mut walked, mut asked) = (0, 0);
    for rule in RULES.iter().filter(|rule| !PROMISES.iter().any(|(name, _)| *name == rule.code.name)) {
        let folder = Folder::of(rule);
        let mut seen = BTreeSet::new();
        if let Some(request) = folder.json::<RawRequest>("request.json") {
            asked += 1;
            seen.insert(in_paused_time(async { Stage::set(&folder, "fail.yaml").await.refusal_of(request) }));
        } else {
            walked += 1;
            for seed in 0..ORDERS {
                let refusal =
                    in_paused_time(async { Stage::set(&folder, "fail.yaml").await.refusal(seed).await });
                seen.extend(refusal);
                if seen.iter().any(|code| codes(rule).contains(code.as_str())) {
                    break;
                }
            }
        }
        assert!(
            seen.iter().any(|code| codes(rule).contains(code.as_str())),
            "{}: the cloud answers {seen:?}, and the rule names {:?}",
            rule.code.name,
            codes(rule)
        );
    }
    println!("agreement: {walked} plans walked, {asked} requests sent, {} promises", PROMISES.len());
}

#[test]
fn the_cloud_takes_every_order_of_a_passing_witness() {
    for rule in RULES {
        let folder = Folder::of(rule);
        for seed in 0..5 {
            let refusal =
                in_paused_time(async { Stage::set(&folder, "pass.yaml").await.refusal(seed).await });
            assert_eq!(refusal, None, "{}", rule.code.name);
        }
    }
}

#[test]
fn a_rule_that_the_service_does_not_know_says_so_and_no_other_does() {
    for rule in RULES {
        let is_promise = PROMISES.iter().any(|(name, _)| *name == rule.code.name);
        assert_eq!(rule.code.docs.contains(PASSES), is_promise, "{}: {PASSES}", rule.code.name);
        assert_eq!(
            codes(rule).is_empty(),
            is_promise,
            "{}: it names a code where the service refuses",
            rule.code.name
        );
    }
    for (name, _) in PROMISES {
        assert!(RULES.iter().any(|rule| rule.code.name == *name), "{name}: there is no such rule");
    }
}

/// What steps do is judged, not what a plan says of them: an edited plan may say anything.
#[test]
fn a_rule_finds_the_same_in_a_plan_that_hides_its_changes() {
    // An image that was never observed is adopted by no step and no edit.
    let only_said = ["adopted_image_missing"];
    for rule in RULES.iter().filter(|rule| !only_said.contains(&rule.code.name)) {
        let folder = Folder::of(rule);
        in_paused_time(async {
            let mut stage = Stage::set(&folder, "fail.yaml").await;
            let texts = |found: Vec<Diagnostic>| -> Vec<(String, Severity)> {
                found.into_iter().map(|one| (one.subject.to_string(), one.severity)).collect()
            };
            let open = texts(stage.findings(rule));
            stage.plan.changes.clear();
            stage.plan.ready.clear();
            stage.plan.regions.clear();
            stage.plan.share_limit.value = u32::MAX;
            assert_eq!(texts(stage.findings(rule)), open, "{}", rule.code.name);
        });
    }
}

#[test]
fn every_rule_that_is_allowed_says_nothing() {
    for rule in RULES {
        let folder = Folder::of(rule);
        in_paused_time(async {
            let stage = Stage::set(&folder, "fail.yaml").await;
            let wanted = stage.loaded.desired.as_ref().unwrap();
            let (levels, _) = Levels::new(&wanted.levels, &[(rule.code.name.to_owned(), Level::Allow)]);
            let now = stage.bench.clock.now();
            let reported = stage.judge(&levels, now);
            let still: Vec<_> =
                reported.iter().filter(|diagnostic| diagnostic.code.id == rule.code.id).collect();
            assert!(still.is_empty(), "{}: {still:#?}", rule.code.name);
        });
    }
}

//! Stories at full regions: the text of the plan, and the cloud after it.

use std::collections::BTreeSet;

use goldform::cloud::sim::{Fault, FaultEffect, Settings, Share};
use goldform::diff::PlanMode;
use goldform::manifest::Desired;
use goldform::plan::PlanResult;
use goldform::plan::{EdgeReason, Failure, Plan, StepOutcome};
use goldform::state::Snapshot;
use goldform::testing::{Bench, desired};

use crate::slots::world::{placement_of, region};

const HEAD: &str = "version: 1\naccount: \"100000000001\"\n";

/// A manifest: limits, entries and shares, each as lines of YAML.
fn manifest(limits: &str, images: &str, shares: &str) -> Desired {
    let limits = if limits.is_empty() { String::new() } else { format!("limits: {limits}\n") };
    let shares = if shares.is_empty() { String::new() } else { format!("shares:\n{shares}\n") };
    desired(&format!("{HEAD}{limits}images:\n{images}\n{shares}"))
}

/// An entry in one line.
fn entry(key: &str, revision: u32, more: &str) -> String {
    let more = if more.is_empty() { String::new() } else { format!(", {more}") };
    let source = format!("{{ revision: \"{revision}\", instance: {{ id: ins-8f3a1c2d }} }}");
    let name =
        if more.contains("name:") { String::new() } else { format!(", name: \"{key}-{{generation}}\"") };
    let place = if more.contains("region:") { String::new() } else { ", region: ap-jakarta".to_owned() };
    let keep = if more.contains("keep:") { "" } else { ", keep: 0" };
    format!("  {key}: {{ source: {source}{place}{name}{more}{keep} }}\n")
}

fn world(images_per_region: u32) -> Bench {
    Bench::new(Settings { images_per_region, ..Settings::default() })
}

fn early(plan: &Plan) -> Vec<String> {
    let changes = plan.changes.iter().flat_map(|image| &image.placements);
    changes.filter(|change| change.is_deleted_first()).map(|change| change.at.to_string()).collect()
}

fn slot_edges(plan: &Plan) -> usize {
    plan.graph.edges().filter(|(_, _, reason)| matches!(reason, EdgeReason::SlotFreed { .. })).count()
}

async fn planned(bench: &mut Bench, wanted: &Desired) -> (Snapshot, Plan) {
    let mut snapshot = bench.snapshot().await;
    bench.observe(wanted, &mut snapshot).await;
    let plan = Bench::propose(wanted, &snapshot, PlanMode::Normal).plan;
    (snapshot, plan)
}

/// Names of the cloud's images in a region.
fn names(bench: &Bench, place: &str) -> Vec<String> {
    let mut names: Vec<String> = bench
        .sim
        .images()
        .unwrap()
        .into_iter()
        .filter(|image| image.region == place && image.owner == bench.account.to_string())
        .map(|image| image.name)
        .collect();
    names.sort();
    names
}

fn is_before(plan: &Plan, earlier: &str, later: &str) -> bool {
    let find = |id: &str| {
        let found = plan.graph.steps().find(|(_, step)| step.id.to_string() == id);
        found
            .unwrap_or_else(|| {
                panic!(
                    "no step {id}: {:?}",
                    plan.graph.steps().map(|(_, s)| s.id.to_string()).collect::<Vec<_>>()
                )
            })
            .0
    };
    plan.graph.must_precede(find(earlier), find(later))
}

/// Everything is applied, and nothing is left to do.
async fn applied(bench: &mut Bench, wanted: &Desired) -> Plan {
    let (plan, outcome) = bench.apply(wanted, PlanMode::Normal).await;
    assert!(outcome.is_complete(), "{outcome:#?}");
    let (_, again) = planned(bench, wanted).await;
    assert!(again.is_empty(), "not settled: {:#?}", again.changes);
    plan
}

fn refused_by(bench: &Bench, wanted: &Desired, snapshot: &Snapshot, plan: &Plan) -> Vec<&'static str> {
    let (judgement, valid) = bench.judge(
        wanted,
        PlanResult { plan: plan.clone(), prior: snapshot.recorded.clone(), unmatched: Vec::new() },
    );
    assert!(valid.is_err());
    let errors =
        judgement.diagnostics.iter().filter(|one| one.severity == goldform::diagnostics::Severity::Error);
    errors.map(|one| one.code.id).collect()
}

#[tokio::test(start_paused = true)]
async fn two_replacements_and_one_free_slot_are_made_one_after_the_other() {
    let mut bench = world(3);
    let limits = "{ images_per_region: 3 }";
    let before = manifest(limits, &(entry("a", 1, "") + &entry("b", 1, "")), "");
    applied(&mut bench, &before).await;
    let after = manifest(limits, &(entry("a", 2, "") + &entry("b", 2, "")), "");
    let plan = applied(&mut bench, &after).await;
    assert!(early(&plan).is_empty());
    assert_eq!(slot_edges(&plan), 1);
    let room = &plan.regions[&region("ap-jakarta")];
    assert_eq!((room.peak, room.after, room.waves), (3, 2, 2));
    assert!(is_before(&plan, "delete image.a@ap-jakarta#1", "create image.b@ap-jakarta#2"));
    assert_eq!(names(&bench, "ap-jakarta"), ["a-2", "b-2"]);
}

#[tokio::test(start_paused = true)]
async fn two_replacements_and_no_free_slot_let_one_go_first_and_say_so() {
    let mut bench = world(2);
    let limits = "{ images_per_region: 2 }";
    let shares = "  - { image: a, with: [\"200000000001\"] }";
    let before = manifest(limits, &(entry("a", 1, "") + &entry("b", 1, "")), shares);
    applied(&mut bench, &before).await;
    let after = manifest(limits, &(entry("a", 2, "") + &entry("b", 2, "")), shares);
    let plan = applied(&mut bench, &after).await;
    // The one that nobody sees is deleted first.
    assert_eq!(early(&plan), ["image.b@ap-jakarta#1"]);
    assert!(is_before(&plan, "delete image.b@ap-jakarta#1", "create image.a@ap-jakarta#2"));
    assert!(is_before(&plan, "delete image.a@ap-jakarta#1", "create image.b@ap-jakarta#2"), "made last");
    assert_eq!(plan.regions[&region("ap-jakarta")].peak, 2);
    let text = goldform::report::plan::plan_text(
        &plan,
        &bench.snapshot().await.recorded,
        &goldform::report::AccountNames::of(&after),
        goldform::report::Paint::PLAIN,
        goldform::report::plan::PlanDetail::Full,
    );
    assert!(text.contains("ap-jakarta has no slot for both"), "{text}");
    // And it would.
    bench.sim.set_settings(Settings { images_per_region: 3, ..bench.sim.settings().unwrap() }).unwrap();
    let roomier = manifest("{ images_per_region: 3 }", &(entry("a", 3, "") + &entry("b", 3, "")), shares);
    let (_, plan) = planned(&mut bench, &roomier).await;
    assert!(early(&plan).is_empty());
}

#[tokio::test(start_paused = true)]
async fn shares_change_places_at_the_limit_of_accounts() {
    let mut bench = Bench::new(Settings { accounts_per_image: 2, ..Settings::default() });
    let limits = "{ accounts_per_image: 2 }";
    let with = |one: u32, other: u32| {
        format!("  - {{ image: a, with: [\"20000000000{one}\", \"20000000000{other}\"] }}")
    };
    applied(&mut bench, &manifest(limits, &entry("a", 1, ""), &with(1, 2))).await;
    let plan = applied(&mut bench, &manifest(limits, &entry("a", 1, ""), &with(2, 3))).await;
    assert_eq!(plan.graph.len(), 2);
    let reasons: Vec<_> = plan.graph.edges().map(|(_, _, reason)| reason.clone()).collect();
    assert_eq!(reasons, [EdgeReason::PlacesFreed]);
    let image = bench.sim.images().unwrap().into_iter().find(|image| image.name == "a-1").unwrap();
    let mut accounts: Vec<String> =
        bench.sim.shares(&image.id).unwrap().into_iter().map(|share| share.account).collect();
    accounts.sort();
    assert_eq!(accounts, ["200000000002", "200000000003"]);
}

#[tokio::test(start_paused = true)]
async fn three_removed_and_three_added_share_the_slots_of_a_full_region() {
    let mut bench = world(3);
    let limits = "{ images_per_region: 3 }";
    let three = |keys: [&str; 3]| keys.map(|key| entry(key, 1, "")).concat();
    // Removing three of three is a mass deletion, which is not what this is about.
    let allowed = |mut wanted: Desired| {
        wanted.levels.insert("mass_deletion".into(), goldform::model::Level::Allow);
        wanted.levels.insert("entry_renamed".into(), goldform::model::Level::Allow);
        wanted
    };
    applied(&mut bench, &allowed(manifest(limits, &three(["a", "b", "c"]), ""))).await;
    let plan = applied(&mut bench, &allowed(manifest(limits, &three(["d", "e", "f"]), ""))).await;
    assert_eq!(slot_edges(&plan), 3);
    assert!(early(&plan).is_empty());
    // Each waits for one of its own: they run side by side.
    let waited_for: BTreeSet<_> = plan.graph.edges().map(|(earlier, _, _)| earlier).collect();
    assert_eq!(waited_for.len(), 3);
    assert_eq!(names(&bench, "ap-jakarta"), ["d-1", "e-1", "f-1"]);
}

#[tokio::test(start_paused = true)]
async fn two_images_swap_their_names() {
    let mut bench = world(2);
    let limits = "{ images_per_region: 2 }";
    let named = |a: &str, b: &str, revision: u32| {
        entry("a", revision, &format!("name: {a}")) + &entry("b", revision, &format!("name: {b}"))
    };
    applied(&mut bench, &manifest(limits, &named("one", "two", 1), "")).await;
    let plan = applied(&mut bench, &manifest(limits, &named("two", "one", 1), "")).await;
    assert_eq!(plan.graph.len(), 3, "one steps aside");
    assert_eq!(names(&bench, "ap-jakarta"), ["one", "two"]);
    // The same with new builds, with and without a free slot.
    let mut roomy = world(4);
    applied(&mut roomy, &manifest("", &named("one", "two", 1), "")).await;
    applied(&mut roomy, &manifest("", &named("two", "one", 2), "")).await;
    assert_eq!(names(&roomy, "ap-jakarta"), ["one", "two"]);
    applied(&mut bench, &manifest(limits, &named("one", "two", 2), "")).await;
    assert_eq!(names(&bench, "ap-jakarta"), ["one", "two"]);
}

#[tokio::test(start_paused = true)]
async fn a_fixed_name_at_a_full_region_changes_hands_with_its_shares() {
    for refused in [false, true] {
        let mut bench = Bench::new(Settings {
            images_per_region: 2,
            shared_image_edits: !refused,
            ..Settings::default()
        });
        let edits = if refused { "cloud: { shared_image_edits: refused }\n" } else { "" };
        let wanted = |revision: u32, limit: u32| {
            let images = entry("a", revision, "name: fixed") + &entry("b", 1, "");
            desired(&format!(
                "{HEAD}{edits}rules: {{ share_gap: warn }}\nlimits: {{ images_per_region: {limit} }}\nimages:\n{images}\nshares:\n  - {{ image: a, with: [\"200000000001\"] }}\n"
            ))
        };
        applied(&mut bench, &wanted(1, 2)).await;
        // Full, and the gap is accepted: the old one is deleted first, and the new one has the name at the end.
        let plan = applied(&mut bench, &wanted(2, 2)).await;
        assert_eq!(early(&plan), ["image.a@ap-jakarta#1"]);
        assert_eq!(names(&bench, "ap-jakarta"), ["b-1", "fixed"]);
        // One more: the new one takes the name when the old one is gone.
        let settings = Settings { images_per_region: 3, ..bench.sim.settings().unwrap() };
        bench.sim.set_settings(settings).unwrap();
        let plan = applied(&mut bench, &wanted(3, 3)).await;
        assert!(early(&plan).is_empty());
        let rename = "update image.a@ap-jakarta#3 (takes its name)";
        assert!(is_before(&plan, "delete image.a@ap-jakarta#2", rename));
        assert_eq!(is_before(&plan, rename, "share image.a@ap-jakarta#3"), refused);
        assert_eq!(names(&bench, "ap-jakarta"), ["b-1", "fixed"]);
    }
}

const TEN: [&str; 10] = [
    "ap-bangkok",
    "ap-hongkong",
    "ap-jakarta",
    "ap-seoul",
    "ap-singapore",
    "ap-tokyo",
    "eu-frankfurt",
    "na-ashburn",
    "na-siliconvalley",
    "sa-saopaulo",
];

#[tokio::test(start_paused = true)]
async fn ten_regions_are_full_at_once() {
    let mut bench = world(2);
    let limits = "{ images_per_region: 2 }";
    let copies = TEN[1..].join(", ");
    let wanted = |revision: u32| {
        let image = |key: &str| entry(key, revision, &format!("region: ap-bangkok, copies: [{copies}]"));
        manifest(limits, &(image("a") + &image("b")), "")
    };
    applied(&mut bench, &wanted(1)).await;
    let plan = applied(&mut bench, &wanted(2)).await;
    assert_eq!(early(&plan).len(), 10, "one of each region");
    assert!(plan.regions.values().all(|room| room.peak == 2));
    // With one more slot in each, none is deleted first.
    bench.sim.set_settings(Settings { images_per_region: 3, ..bench.sim.settings().unwrap() }).unwrap();
    let roomier = manifest(
        "{ images_per_region: 3 }",
        &{
            let image = |key: &str| entry(key, 3, &format!("region: ap-bangkok, copies: [{copies}]"));
            image("a") + &image("b")
        },
        "",
    );
    let (_, plan) = planned(&mut bench, &roomier).await;
    assert!(early(&plan).is_empty());
}

#[tokio::test(start_paused = true)]
async fn what_is_explicit_at_a_full_region_is_refused_with_the_fewest_to_leave_out() {
    let shares = "  - { image: a, with: [\"200000000001\"] }\n  - { image: b, with: [\"200000000001\"] }";
    for (more, rules) in [
        ("replace: create-first", ""),
        ("protect: true", ""),
        ("replace: auto", "rules: { share_gap: deny }\n"),
    ] {
        let mut bench = world(2);
        let wanted = |revision: u32| {
            let images = entry("a", revision, more) + &entry("b", revision, more);
            desired(&format!(
                "{HEAD}{rules}limits: {{ images_per_region: 2 }}\nimages:\n{images}\nshares:\n{shares}\n"
            ))
        };
        applied(&mut bench, &wanted(1)).await;
        let after = wanted(2);
        let (snapshot, plan) = planned(&mut bench, &after).await;
        assert!(refused_by(&bench, &after, &snapshot, &plan).contains(&"GF601"), "{more} {rules}");
        let blocked = plan.blocked.as_ref().unwrap();
        // No slot, and both replaced: leaving one of them out does not help.
        assert_eq!(blocked.leave_out.len(), 2, "{more} {rules}");
        assert_eq!(blocked.missing, [(region("ap-jakarta"), 1)].into());
    }
}

#[tokio::test(start_paused = true)]
async fn of_a_replacement_and_an_addition_only_the_addition_is_left_out() {
    let mut bench = world(3);
    let limits = "{ images_per_region: 3 }";
    let strict = "replace: create-first";
    applied(&mut bench, &manifest(limits, &(entry("a", 1, strict) + &entry("b", 1, strict)), "")).await;
    let images = entry("a", 2, strict) + &entry("b", 2, strict) + &entry("c", 1, "") + &entry("d", 1, "");
    let after = manifest(limits, &images, "");
    let (snapshot, plan) = planned(&mut bench, &after).await;
    assert!(refused_by(&bench, &after, &snapshot, &plan).contains(&"GF601"));
    let blocked = plan.blocked.as_ref().unwrap();
    assert_eq!(blocked.leave_out.iter().map(ToString::to_string).collect::<Vec<_>>(), ["c"]);
    assert_eq!(blocked.missing, [(region("ap-jakarta"), 1)].into());
}

#[tokio::test(start_paused = true)]
async fn a_limit_that_fell_below_what_is_used_lets_deletes_go_first() {
    let mut bench = world(4);
    let keys = ["a", "b", "c", "d"];
    let all: String = keys.map(|key| entry(key, 1, "")).concat();
    applied(&mut bench, &manifest("", &all, "")).await;
    bench.sim.set_settings(Settings { images_per_region: 2, ..bench.sim.settings().unwrap() }).unwrap();
    // Three go and one comes: two deletes only bring the region back to its limit.
    let mut after = manifest("", &(entry("a", 1, "") + &entry("e", 1, "")), "");
    after.levels.insert("mass_deletion".into(), goldform::model::Level::Allow);
    after.levels.insert("entry_renamed".into(), goldform::model::Level::Allow);
    let plan = applied(&mut bench, &after).await;
    assert_eq!(plan.regions[&region("ap-jakarta")].limit.value, 2);
    let create = "create image.e@ap-jakarta#1";
    for key in ["b", "c", "d"] {
        assert!(is_before(&plan, &format!("delete image.{key}@ap-jakarta#1"), create), "{key}");
    }
    assert_eq!(names(&bench, "ap-jakarta"), ["a-1", "e-1"]);
}

#[tokio::test(start_paused = true)]
async fn an_apply_that_meets_a_lower_limit_stops_that_branch_and_goes_on_elsewhere() {
    let mut bench = world(4);
    let place = |key: &str, place: &str| entry(key, 1, &format!("region: {place}"));
    applied(&mut bench, &manifest("", &place("a", "ap-jakarta"), "")).await;
    // The plan is made for four; by the time of the call there is one.
    bench
        .sim
        .add_fault(&Fault {
            action: "CreateImage".into(),
            region: Some(region("ap-jakarta")),
            caller: None,
            from_call: 1,
            times: None,
            effect: FaultEffect::Error { code: "ImageQuotaLimitExceeded".into(), message: String::new() },
        })
        .unwrap();
    let images = place("a", "ap-jakarta")
        + &entry("b", 1, "region: ap-jakarta, copies: [ap-seoul]")
        + &place("c", "ap-tokyo");
    let (_, outcome) = bench.apply(&manifest("", &images, ""), PlanMode::Normal).await;
    let StepOutcome::Failed(Failure { why, .. }) = outcome_of(&outcome, "create image.b@ap-jakarta#1") else {
        panic!("{outcome:#?}");
    };
    assert!(why.contains("ImageQuotaLimitExceeded"), "{why}");
    assert!(matches!(outcome_of(&outcome, "copy image.b@ap-seoul#1"), StepOutcome::Skipped { .. }));
    assert_eq!(*outcome_of(&outcome, "create image.c@ap-tokyo#1"), StepOutcome::Done);
}

#[tokio::test(start_paused = true)]
async fn an_unmanaged_image_takes_the_last_slot() {
    let mut bench = world(2);
    applied(&mut bench, &manifest("", &entry("a", 1, ""), "")).await;
    let mut other = bench.sim.images().unwrap().into_iter().find(|image| image.name == "a-1").unwrap();
    other.id = "img-unmanaged".into();
    other.name = "made-by-hand".into();
    bench.sim.put_image(&other, &[]).unwrap();
    let after = manifest("", &(entry("a", 1, "") + &entry("b", 1, "")), "");
    let (snapshot, plan) = planned(&mut bench, &after).await;
    assert_eq!(refused_by(&bench, &after, &snapshot, &plan), ["GF601"]);
    let blocked = plan.blocked.as_ref().unwrap();
    assert_eq!(blocked.leave_out.iter().map(ToString::to_string).collect::<Vec<_>>(), ["b"]);
    assert_eq!(blocked.missing, [(region("ap-jakarta"), 1)].into());
    // A replacement has to delete first now.
    let plan = applied(&mut bench, &manifest("", &entry("a", 2, ""), "")).await;
    assert_eq!(early(&plan), ["image.a@ap-jakarta#1"]);
}

#[tokio::test(start_paused = true)]
async fn foreign_shares_go_to_the_successor_and_are_revoked_only_where_goldform_shares_alone() {
    let mut bench = world(3);
    let shares = |more: &str| format!("  - {{ image: a, with: [\"200000000001\"]{more} }}");
    applied(&mut bench, &manifest("", &entry("a", 1, ""), &shares(""))).await;
    let shared_with = |bench: &Bench, name: &str| {
        let image = bench.sim.images().unwrap().into_iter().find(|image| image.name == name).unwrap();
        let shares = bench.sim.shares(&image.id).unwrap();
        shares.into_iter().map(|share| share.account).collect::<BTreeSet<_>>()
    };
    let image = bench.sim.images().unwrap().into_iter().find(|image| image.name == "a-1").unwrap();
    let unmanaged = Share { account: "200000000009".into(), created_at: 0 };
    bench.sim.put_share(&image.id, &unmanaged).unwrap();
    let plan = applied(&mut bench, &manifest("", &entry("a", 2, ""), &shares(""))).await;
    let both: BTreeSet<String> = ["200000000001".into(), "200000000009".into()].into();
    assert_eq!(shared_with(&bench, "a-2"), both);
    assert!(is_before(&plan, "share image.a@ap-jakarta#2", "unshare image.a@ap-jakarta#1"));
    let recorded = bench.snapshot().await.recorded;
    let carried = recorded.placement(&placement_of("a", 2, "ap-jakarta")).unwrap();
    assert_eq!(carried.unmanaged.len(), 1, "unmanaged still");
    applied(&mut bench, &manifest("", &entry("a", 3, ""), &shares(", exclusive: true"))).await;
    assert_eq!(shared_with(&bench, "a-3"), ["200000000001".to_owned()].into());
}

#[tokio::test(start_paused = true)]
async fn last_placements_that_change_places_between_full_regions_are_refused() {
    let mut bench = world(1);
    let place = |key: &str, place: &str| entry(key, 1, &format!("region: {place}"));
    let before = manifest("", &(place("a", "ap-jakarta") + &place("b", "ap-tokyo")), "");
    applied(&mut bench, &before).await;
    let after = manifest("", &(place("a", "ap-tokyo") + &place("b", "ap-jakarta")), "");
    let (snapshot, plan) = planned(&mut bench, &after).await;
    assert!(refused_by(&bench, &after, &snapshot, &plan).contains(&"GF601"));
    let blocked = plan.blocked.as_ref().unwrap();
    assert_eq!(blocked.leave_out.len(), 2);
    assert_eq!(blocked.missing.values().sum::<usize>(), 1);
}

fn outcome_of<'o>(outcome: &'o goldform::plan::Outcome, id: &str) -> &'o StepOutcome {
    &outcome.steps.iter().find(|step| step.step.to_string() == id).unwrap().outcome
}

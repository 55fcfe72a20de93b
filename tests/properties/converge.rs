//! Applying is enough, once, and no more than enough.

use std::collections::BTreeMap;

use goldform::diff::PlanMode;
use goldform::manifest::Desired;
use goldform::model::Verb;
use goldform::plan::Plan;
use goldform::testing::{Bench, desired};
use proptest::prelude::*;

use super::manifests::{edited, key, story};
use super::stage::{Stage, Tally, cases, in_paused_time, roomy, writes};

#[test]
fn an_applied_manifest_and_each_edit_of_it_leave_nothing_to_do() {
    static TALLY: Tally = Tally::new();
    proptest!(cases(120), |((manifest, edits) in story())| {
        in_paused_time(async {
            let mut stage = Stage::new(roomy());
            stage.apply(&manifest, &TALLY).await;
            let mut present = manifest;
            for edit in &edits {
                present = edit.of(&present);
                stage.apply(&present, &TALLY).await;
            }
        });
        TALLY.count("stories");
    });
    TALLY.print("converges, edit by edit");
}

#[test]
fn several_edits_at_once_leave_nothing_to_do() {
    static TALLY: Tally = Tally::new();
    proptest!(cases(120), |((manifest, edits) in story())| {
        in_paused_time(async {
            let mut stage = Stage::new(roomy());
            stage.apply(&manifest, &TALLY).await;
            stage.apply(&edited(&manifest, &edits), &TALLY).await;
        });
        TALLY.count("stories");
    });
    TALLY.print("converges, edits at once");
}

#[test]
fn what_did_not_change_is_not_called() {
    static TALLY: Tally = Tally::new();
    proptest!(cases(60), |((manifest, edits) in story())| {
        in_paused_time(async {
            let mut stage = Stage::new(roomy());
            if stage.apply(&manifest, &TALLY).await.is_none() {
                return;
            }
            let ids = ids_by_entry(&mut stage).await;
            let after = edited(&manifest, &edits);
            let (applied, log) = stage.watching(async |stage| stage.apply(&after, &TALLY).await).await;
            let Some((plan, _)) = applied else { return };

            // One call for each step, and one more for every ten tags.
            let written: Vec<&str> = writes(&log).iter().map(|entry| entry.action.as_str()).collect();
            let mut planned: Vec<&str> = plan.graph.steps().map(|(_, step)| action_of(step.verb())).collect();
            let mut called = written.clone();
            planned.sort_unstable();
            called.sort_unstable();
            assert_eq!(called, planned, "one call for each step");
            TALLY.add("writes", written.len());

            // No call names an image of an entry that is the same in both manifests.
            for (number, entry) in &manifest.entries {
                if after.entries.get(number) != Some(entry) {
                    continue;
                }
                TALLY.count("untouched entries");
                for id in &ids[&key(*number)] {
                    let touching = writes(&log).into_iter().find(|write| write.params.contains(id));
                    assert!(touching.is_none(), "{id} is of an entry that did not change: {touching:#?}");
                }
            }

            // Once more: nothing is written, and nothing is read twice.
            let ((), log) = stage.watching(async |stage| {
                assert!(stage.apply(&after, &TALLY).await.is_some());
            }).await;
            assert!(writes(&log).is_empty(), "{:#?}", writes(&log));
            let snapshot = stage.bench.snapshot().await;
            let regions = stage.bench.engine(&desired(&after.yaml())).regions(&snapshot).len();
            let placements = snapshot.recorded.placements().count();
            // The apply looks, and so does the stage after it: a listing and a limit for each region, the shares
            // of each image.
            assert_eq!(log.len(), 2 * (2 * regions + placements));
        });
        TALLY.count("stories");
    });
    TALLY.print("minimal");
}

async fn ids_by_entry(stage: &mut Stage) -> BTreeMap<String, Vec<String>> {
    let mut ids: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (at, placement) in stage.bench.snapshot().await.recorded.placements() {
        ids.entry(at.image.to_string()).or_default().push(placement.id.to_string());
    }
    ids
}

/// The action that a step calls. None of these manifests imports.
fn action_of(verb: Verb) -> &'static str {
    match verb {
        Verb::Create => "CreateImage",
        Verb::Copy => "SyncImages",
        Verb::Wait => "no action",
        Verb::Update => "ModifyImageAttribute",
        Verb::Tag => "ModifyResourceTags",
        Verb::Share | Verb::Unshare => "ModifyImageSharePermission",
        Verb::Delete => "DeleteImages",
    }
}

#[test]
fn the_same_inputs_give_the_same_bytes() {
    static TALLY: Tally = Tally::new();
    proptest!(cases(60), |((manifest, edits) in story())| {
        in_paused_time(async {
            let mut stage = Stage::new(roomy());
            stage.apply(&manifest, &TALLY).await;
            let snapshot = stage.bench.snapshot().await;
            let after = edited(&manifest, &edits);
            let yaml = after.yaml();
            let plan = |wanted: &Desired| Bench::propose(wanted, &snapshot, PlanMode::Normal).plan;
            let (one, other) = (plan(&desired(&yaml)), plan(&desired(&yaml)));
            let json = |plan: &Plan| serde_json::to_string(plan).unwrap();
            assert_eq!(json(&one), json(&other));
            assert_eq!(one.digest, other.digest);

            // The order of the text is not part of what it means.
            let shuffled = plan(&desired(&after.yaml_backwards()));
            assert_eq!(json(&one), json(&shuffled));

            // Nor is which snapshot of the state it is: the digest is that of the effect.
            let mut later = snapshot.clone();
            later.serial += 7;
            let later = Bench::propose(&desired(&yaml), &later, PlanMode::Normal).plan;
            assert_eq!(one.digest, later.digest);
            assert_ne!(json(&one), json(&later));

            // A plan that does something else has another digest.
            let nothing = plan(&desired(&manifest.yaml()));
            assert_eq!(one.digest == nothing.digest, one.is_empty() && nothing.is_empty());
            TALLY.add("steps", one.graph.len());
        });
        TALLY.count("stories");
    });
    TALLY.print("deterministic");
}

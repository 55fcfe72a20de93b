//! The cloud fails at any call: what is recorded still verifies, and a later apply converges, without making anything
//! twice or leaving anything over.

use std::time::Duration;

use goldform::cloud::sim::{Fault, FaultEffect, Settings};
use goldform::diff::PlanMode;
use goldform::testing::{Applied, Bench, desired};
use jiff::SignedDuration;
use proptest::prelude::*;

use super::manifests::{edited, story};
use super::stage::{Stage, Tally, cases, in_paused_time, roomy};

fn effect() -> impl Strategy<Value = FaultEffect> {
    let error = |code: &str| FaultEffect::Error { code: code.to_owned(), message: String::new() };
    prop::sample::select(vec![
        FaultEffect::Throttle,
        FaultEffect::NotSent,
        FaultEffect::LostBefore,
        FaultEffect::LostAfter,
        FaultEffect::Fail,
        FaultEffect::Slow { by: SignedDuration::from_secs(5) },
        FaultEffect::Hide { lasting: SignedDuration::from_secs(20) },
        FaultEffect::Garbage { text: "<html>503</html>".to_owned() },
        error("InternalError"),
        error("AuthFailure.UnauthorizedOperation"),
        error("InvalidParameterValue"),
    ])
}

fn fault() -> impl Strategy<Value = Fault> {
    let action = prop_oneof![
        2 => Just("*"),
        2 => Just("CreateImage"),
        2 => Just("SyncImages"),
        1 => Just("ModifyImageAttribute"),
        1 => Just("ModifyImageSharePermission"),
        1 => Just("ModifyResourceTags"),
        1 => Just("DeleteImages"),
        1 => Just("DescribeImages"),
    ];
    let hits = (prop_oneof![3 => 1u32..4, 1 => 4u32..20], prop_oneof![2 => Just(1u32), 1 => 2u32..8]);
    (action, hits, effect()).prop_map(|(action, (from_call, times), effect)| Fault {
        action: action.to_owned(),
        region: None,
        caller: None,
        from_call,
        times: Some(times),
        effect,
    })
}

#[test]
fn a_failure_of_any_call_is_survived() {
    static TALLY: Tally = Tally::new();
    let late = prop_oneof![2 => Just(0), 1 => Just(3), 1 => Just(20)];
    proptest!(cases(160), |((manifest, edits) in story(), fault in fault(), late in late, from_nothing: bool)| {
        in_paused_time(async {
            let late_visibility = SignedDuration::from_secs(late);
            let mut stage = Stage::new(Settings { late_visibility, ..roomy() });
            if !from_nothing && stage.apply(&manifest, &TALLY).await.is_none() {
                return;
            }
            let after = edited(&manifest, &edits);
            let wanted = desired(&after.yaml());
            let snapshot = stage.bench.snapshot().await;
            if stage.bench.judge(&wanted, Bench::propose(&wanted, &snapshot, PlanMode::Normal)).1.is_err() {
                return;
            }
            stage.bench.sim.add_fault(&fault).unwrap();
            let first = stage.bench.try_apply(&wanted, PlanMode::Normal).await;
            TALLY.count(match &first {
                Applied::Walked(_, outcome) if outcome.is_complete() => "borne at once",
                Applied::Walked(..) => "partly applied",
                Applied::Unread(_) => "stopped before the first change",
                Applied::Refused(_) => panic!("{first:#?}"),
            });
            stage.bench.snapshot().await.verify().unwrap();
            stage.bench.sim.clear_faults().unwrap();

            // What is late is there by then.
            tokio::time::sleep(Duration::from_secs(30)).await;
            let (_, outcome) = stage.bench.apply(&wanted, PlanMode::Normal).await;
            assert!(outcome.is_complete(), "after {first:#?}: {outcome:#?}");
            tokio::time::sleep(Duration::from_secs(30)).await;
            stage.ideal.follow(&after);
            stage.holds_what_it_should(&wanted).await;
        });
        TALLY.count("stories");
    });
    TALLY.print("fault anywhere");
}

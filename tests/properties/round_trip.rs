//! What is written reads back as it was.

use goldform::backend::StateStore as _;
use goldform::diff::PlanMode;
use goldform::model::{Address, GenerationNumber, ImageKey, Level, PlacementKey, Region};
use goldform::plan::{Plan, PlanFile, PlanInputs, PlanOptions, stale};
use goldform::state::{Event, Snapshot};
use goldform::testing::{Bench, Death, When, desired};
use proptest::prelude::*;

use super::manifests::{edited, story};
use super::stage::{Stage, Tally, cases, in_paused_time, roomy};

#[test]
fn states_journals_and_plans_read_back_as_they_were_written() {
    static TALLY: Tally = Tally::new();
    proptest!(cases(60), |((manifest, edits) in story(), moment in 0usize..30)| {
        in_paused_time(async {
            let mut stage = Stage::new(roomy());
            stage.apply(&manifest, &TALLY).await;
            let snapshot = stage.bench.snapshot().await;
            let text = snapshot.to_text().unwrap();
            let read = Snapshot::from_text(&text).unwrap();
            assert_eq!(read, snapshot);
            assert_eq!(read.to_text().unwrap(), text, "the same text again");

            let after = desired(&edited(&manifest, &edits).yaml());
            let plan = Bench::propose(&after, &snapshot, PlanMode::Normal).plan;
            let inputs = PlanInputs {
                state: "/srv/goldform.state.json".to_owned(),
                base: plan.base.clone(),
                options: PlanOptions::all(PlanMode::Normal),
                rules: ["mass_deletion", "mass_unshare", "entry_renamed", "share_unmanaged"]
                    .map(|rule| (rule.into(), Level::Allow))
                    .into(),
                desired: after.clone(),
                recorded: snapshot.recorded.clone(),
            };
            let text = inputs.to_text().unwrap();
            let read = PlanFile::from_text(&text).unwrap();
            assert_eq!(read.inputs, inputs);
            assert_eq!(read.inputs.to_text().unwrap(), text);
            // A plan that is read back is the same plan, also when it is put on the same record again.
            let json = |plan: &Plan| serde_json::to_string(plan).unwrap();
            assert_eq!(json(&read.plan), json(&plan));
            assert!(stale::moved(&read, &read.prior).is_empty());
            let rebased = read.plan.rebased(&after, &snapshot.recorded, Some(&snapshot)).unwrap();
            assert_eq!(json(&rebased), json(&plan));

            // The journal of a run that was cut off, and the state that it gives.
            let death = Death::at_event(moment, When::After);
            stage.bench.apply_and_die(&after, PlanMode::Normal, &death).await;
            for event in stage.bench.store.journal() {
                let line = serde_json::to_string(event).unwrap();
                assert!(!line.contains('\n'));
                assert_eq!(serde_json::from_str::<Event>(&line).unwrap(), *event);
                TALLY.count("events");
            }
            let cut_off = stage.bench.store.load().await.unwrap().unwrap();
            cut_off.verify().unwrap();
            assert_eq!(Snapshot::from_text(&cut_off.to_text().unwrap()).unwrap(), cut_off);
        });
        TALLY.count("stories");
    });
    TALLY.print("round trip");
}

fn key() -> impl Strategy<Value = ImageKey> {
    "[A-Za-z0-9][A-Za-z0-9._-]{0,59}".prop_map(|text| text.parse().unwrap())
}

fn region() -> impl Strategy<Value = Region> {
    "[a-z]{2}-[a-z0-9]{1,12}(-[a-z]{1,4})?".prop_filter_map("a region", |text| text.parse().ok())
}

fn placement() -> impl Strategy<Value = PlacementKey> {
    (key(), region(), any::<u32>()).prop_map(|(image, region, generation)| PlacementKey {
        image,
        region,
        generation: GenerationNumber(generation),
    })
}

fn address() -> impl Strategy<Value = Address> {
    let account = (10_000u64..=u64::MAX / 2).prop_map(|number| number.to_string().parse().unwrap());
    prop_oneof![
        key().prop_map(Address::Image),
        key().prop_map(Address::Lookup),
        (key(), region()).prop_map(|(key, region)| Address::InRegion(key, region)),
        placement().prop_map(Address::Placement),
        (placement(), account).prop_map(|(at, account)| Address::Share(at, account)),
    ]
}

proptest! {
    #![proptest_config(cases(256))]

    #[test]
    fn addresses_read_back_as_they_print(address in address()) {
        let text = address.to_string();
        let parsed: Address = text.parse().unwrap();
        prop_assert_eq!(&parsed, &address);
        let json = serde_json::to_string(&address).unwrap();
        prop_assert_eq!(serde_json::from_str::<Address>(&json).unwrap(), address);
    }

    #[test]
    fn any_text_is_an_address_or_a_refusal(text in ".{0,80}") {
        if let Ok(address) = text.parse::<Address>() {
            prop_assert_eq!(address.to_string(), text);
        }
    }
}

//! Comparison of two plans: every difference of their digests has a line.

use super::*;
use crate::plan::{EdgeReason, StepGraph};
use crate::testing::EXAMPLE;
use crate::testing::worlds::{applied, example_with, placement, plan_to};

/// Each difference: what it is about, and on which sides it is.
fn lines(reviewed: &Plan, planned: &Plan) -> Vec<String> {
    let comparison = Comparison::of(reviewed, planned).unwrap();
    assert_eq!(
        comparison.differences.is_empty(),
        reviewed.digest == planned.digest,
        "a digest that differs says that something differs, and only then"
    );
    let subject = |subject: &Subject<'_>| match subject {
        Subject::Step(step) => step.id.to_string(),
        Subject::Placement(at) => at.to_string(),
        Subject::Entry(key) => format!("image.{key}"),
        Subject::Edit(edit) => serde_json::to_value(edit).unwrap()["edit"].as_str().unwrap().to_owned(),
    };
    let sign = |difference: &Difference<'_>| match (&difference.reviewed, &difference.planned) {
        (Some(_), Some(_)) => "~",
        (Some(_), None) => "-",
        (None, Some(_)) => "+",
        (None, None) => panic!("on no side"),
    };
    comparison.differences.iter().map(|one| format!("{} {}", sign(one), subject(&one.subject))).collect()
}

#[test]
fn steps_that_come_go_and_change_are_lines() {
    let snapshot = applied(&[EXAMPLE]);
    let reviewed = plan_to(&snapshot, &example_with("Ubuntu with nginx", "Ubuntu with Caddy"));
    let planned = plan_to(
        &snapshot,
        &example_with("Ubuntu with nginx", "Ubuntu with Apache")
            .replace("with: [partner, staging]", "with: [partner]"),
    );
    let lines = lines(&reviewed, &planned);
    assert!(lines.contains(&"~ update image.web@ap-jakarta#1".to_owned()), "{lines:?}");
    assert!(lines.contains(&"+ unshare image.web@ap-jakarta#1".to_owned()), "{lines:?}");
    assert!(lines.iter().all(|line| line.contains("image.web@")), "the other entry is as it was: {lines:?}");
    let back = self::lines(&planned, &reviewed);
    assert!(back.contains(&"- unshare image.web@ap-jakarta#1".to_owned()), "{back:?}");
}

#[test]
fn what_a_step_waits_for_is_part_of_it() {
    let reviewed = plan_to(&applied(&[]), EXAMPLE);
    let mut planned = reviewed.clone();
    planned.graph.drop_edges(|_, later, _| later.id.to_string() == "copy image.web@ap-tokyo#1");
    planned.digest = planned.effect().unwrap();
    assert_eq!(lines(&reviewed, &planned), ["~ copy image.web@ap-tokyo#1"]);
    let comparison = Comparison::of(&reviewed, &planned).unwrap();
    let waits = |side: &Option<Value>| side.as_ref().unwrap().get("waits_for").is_some();
    let [difference] = comparison.differences.as_slice() else { panic!("{comparison:?}") };
    assert!(waits(&difference.reviewed) && !waits(&difference.planned));
}

#[test]
fn what_was_found_is_lines_where_no_step_shows_it() {
    let mut snapshot = applied(&[EXAMPLE]);
    let changed = example_with("Ubuntu with nginx", "Ubuntu with Caddy");
    let reviewed = plan_to(&snapshot, &changed);
    placement(&mut snapshot, "image.web@ap-tokyo#1").description = "edited by hand".to_owned();
    let planned = plan_to(&snapshot, &changed);
    assert_eq!(lines(&reviewed, &planned), ["~ image.web@ap-tokyo#1"], "the steps are the same");
}

#[test]
fn a_change_of_the_record_alone_is_lines() {
    let snapshot = applied(&[EXAMPLE]);
    let reviewed = plan_to(&snapshot, EXAMPLE);
    let planned = plan_to(&snapshot, &example_with("copies: [", "protect: true\n    copies: ["));
    assert_eq!(lines(&reviewed, &planned), ["+ settings"]);
    assert_eq!(lines(&planned, &reviewed), ["- settings"]);
}

#[test]
fn every_example_of_a_change_is_lines_in_both_directions() {
    let snapshot = applied(&[EXAMPLE]);
    let manifests = [
        EXAMPLE.to_owned(),
        example_with("revision: \"1\"", "revision: \"2\""),
        example_with("revision: \"1\"", "revision: \"3\""),
        example_with("Ubuntu with nginx", "Ubuntu with Caddy"),
        example_with("with: [partner, staging]", "with: [staging]"),
        "version: 1\naccount: \"100000000001\"\n".to_owned(),
    ];
    let plans: Vec<Plan> = manifests.iter().map(|yaml| plan_to(&snapshot, yaml)).collect();
    for reviewed in &plans {
        for planned in &plans {
            lines(reviewed, planned);
        }
    }
}

#[test]
fn steps_in_another_order_are_the_same_plan() {
    let plan = plan_to(&applied(&[]), EXAMPLE);
    let mut turned = plan.clone();
    turned.graph = StepGraph::default();
    let mut steps: Vec<_> = plan.graph.steps().collect();
    steps.reverse();
    let mut place = BTreeMap::new();
    for (index, step) in steps {
        place.insert(index, turned.graph.add(step.clone()));
    }
    for (earlier, later, reason) in plan.graph.edges() {
        turned.graph.wait(place[&later], place[&earlier], reason.clone());
    }
    let order = |plan: &Plan| plan.graph.steps().map(|(_, step)| step.id.clone()).collect::<Vec<_>>();
    assert_ne!(order(&plan), order(&turned));
    assert_eq!(turned.effect().unwrap(), plan.digest);
    assert!(lines(&plan, &turned).is_empty());
    // One edge more is another plan.
    let indexes: Vec<_> = turned.graph.steps().map(|(index, _)| index).collect();
    turned.graph.wait(indexes[0], indexes[indexes.len() - 1], EdgeReason::DeleteFirst);
    assert_ne!(turned.effect().unwrap(), plan.digest);
}

#[test]
fn a_reviewed_plan_is_read_from_both_files_and_not_when_it_was_edited() {
    let snapshot = applied(&[EXAMPLE]);
    let second = example_with("revision: \"1\"", "revision: \"2\"");
    let plan = plan_to(&snapshot, &second);
    let saved = crate::plan::file::tests::inputs(&snapshot, &second).to_text().unwrap();
    let printed =
        serde_json::to_string(&crate::report::json::plan(&plan, &snapshot.recorded, Vec::new()).unwrap())
            .unwrap();
    for text in [&saved, &printed] {
        let read = reviewed(text).unwrap();
        assert!(lines(&read.plan, &plan).is_empty());
        assert_eq!(read.inputs.is_some(), *text == saved);
        let edited = text.replace("200000000001", "200000000009");
        assert!(reviewed(&edited).unwrap_err().to_string().contains("was edited"));
    }
    for format in [1, 3] {
        let other = saved.replace("\"goldform_plan\": 2", &format!("\"goldform_plan\": {format}"));
        assert!(matches!(reviewed(&other), Err(PlanFileError::OtherFormat { .. })));
    }
    for text in ["", "[]", "{}", "{\"goldform_plan\": \"2\"}", "sha256:00"] {
        assert!(matches!(reviewed(text), Err(PlanFileError::Broken(_))), "{text}");
    }
}

#[test]
fn what_else_has_moved_is_lines_in_sentences() {
    let snapshot = applied(&[EXAMPLE]);
    let changed = example_with("Ubuntu with nginx", "Ubuntu with Caddy");
    let reviewed = plan_to(&snapshot, &changed);
    let moved = |planned: &Plan| Comparison::of(&reviewed, planned).unwrap().moved();
    assert!(moved(&reviewed).is_empty());
    let mut later = snapshot;
    later.serial = 5;
    assert_eq!(
        moved(&plan_to(&later, &changed)),
        ["It started from serial 1 of the state, this one from serial 5."]
    );
    later.lineage = crate::state::Lineage("another".into());
    assert_eq!(moved(&plan_to(&later, &changed)), ["It started from another state."]);
    let mut unmanaged = reviewed.clone();
    unmanaged.account = "100000000002".parse().unwrap();
    unmanaged.place.sandbox = None;
    unmanaged.place.endpoint = Some("http://127.0.0.1:9".to_owned());
    unmanaged.base = None;
    assert_eq!(
        moved(&unmanaged),
        [
            "It was made for account 100000000001, this one for 100000000002.",
            "It was made for the sandbox, this one for endpoint http://127.0.0.1:9.",
            "It started from serial 1 of a state, and there is none now."
        ]
    );
}

//! What is said after an apply, of states and outcomes that are made here.

use super::*;
use crate::model::Verb;
use crate::plan::{Failure, StepResult};
use crate::report::plan::PlanDetail;
use crate::report::{AccountNames, Paint};
use crate::state::Snapshot;
use crate::testing::worlds::{applied, at, example_with, placement, plan_to, settle};
use crate::testing::{EXAMPLE, desired};

/// An apply of a manifest, of which some steps end in another way.
struct Case {
    plan: Plan,
    prior: Recorded,
    after: Recorded,
    outcome: Outcome,
    desired: Desired,
}

impl Case {
    fn new(prior: &Snapshot, yaml: &str, after: &Snapshot, ended: impl Fn(&str) -> StepOutcome) -> Self {
        let plan = plan_to(prior, yaml);
        let step = |step: &crate::plan::Step| StepResult {
            step: step.id.clone(),
            verb: step.verb(),
            outcome: ended(&step.id.0),
            took: Some(Duration::from_secs(1)),
        };
        let steps = plan.graph.steps().map(|(_, one)| step(one)).collect();
        let outcome = Outcome { steps, took: Duration::from_secs(125), ..Outcome::default() };
        Self {
            plan,
            prior: prior.recorded.clone(),
            after: after.recorded.clone(),
            outcome,
            desired: desired(yaml),
        }
    }

    fn result(&self) -> ApplyResult {
        ApplyResult::of(&Run {
            plan: &self.plan,
            prior: &self.prior,
            after: &self.after,
            outcome: &self.outcome,
            desired: &self.desired,
            command: "apply",
            locate: &|_| Some("goldform.yaml:14".to_owned()),
        })
    }

    fn text(&self) -> String {
        let names = AccountNames::of(&self.desired);
        applied_text(&self.outcome, &self.result(), &names, Paint::PLAIN, PlanDetail::Grouped)
    }
}

fn done(_: &str) -> StepOutcome {
    StepOutcome::Done
}

fn refused(code: &str, kind: &'static str) -> StepOutcome {
    StepOutcome::Failed(Failure {
        why: "SyncImages was refused".to_owned(),
        code: Some(code.into()),
        kind: Some(kind),
        request_id: Some("4d9b3f1e-c9cf-491f-aece-6b1bb46ec5e8".into()),
        action: Some("SyncImages".into()),
        region: "ap-jakarta".parse().ok(),
        message: Some("There is no slot.".to_owned()),
    })
}

/// The state after all steps of a plan.
fn after_all(prior: &Snapshot, yaml: &str) -> Snapshot {
    let mut after = prior.clone();
    settle(&mut after, &plan_to(prior, yaml));
    after
}

#[test]
fn entries_with_the_same_result_are_one_block_of_names() {
    let entries: String = (10..38)
        .map(|n| format!("  image-{n}: {{ region: ap-jakarta, copies: [ap-tokyo, ap-seoul], source: {{ revision: R, instance: {{ id: ins-8f3a1c{n} }} }} }}\n"))
        .collect();
    let manifest = format!(
        "version: 1\naccount: \"100000000001\"\nlimits: {{ images_per_region: 100 }}\nimages:\n{entries}shares: [{{ images: all, with: [\"200000000001\"] }}]\n"
    );
    let (old, new) = (manifest.replace("R,", "W48,"), manifest.replace("R,", "W49,"));
    let prior = applied(&[&old]);
    let case = Case::new(&prior, &new, &after_all(&prior, &new), done);
    let text = case.text();
    assert!(text.starts_with("Applied in 2 min 05 s: 28 images complete\n"), "{text}");
    assert!(
        text.contains("✓ 28 images: W49 serves in ap-jakarta, ap-seoul, ap-tokyo\n    image-10 image-11 "),
        "{text}"
    );
    assert!(text.contains("No account lost an image."), "{text}");
    assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
    assert!(text.lines().count() < 15, "{text}");
    // The copies of all are refused for one cause: one block again, with the names.
    let full =
        Case::new(&prior, &new, &prior, |step| match step.contains("copy ") && step.contains("ap-seoul") {
            true => refused("ImageQuotaLimitExceeded", "image_quota"),
            false => StepOutcome::Skipped { because: StepId("another".into()) },
        });
    let text = full.text();
    assert!(text.contains("✗ 28 images in ap-seoul: copy refused, ImageQuotaLimitExceeded\n"), "{text}");
    assert_eq!(text.matches("✗").count(), 1, "{text}");
    assert!(text.contains("Next:  free a slot in ap-seoul, then\n       goldform apply "), "{text}");
}

#[test]
fn who_lost_an_image_is_said_first_and_is_read_from_the_state() {
    let prior = applied(&[EXAMPLE]);
    let revised = example_with("revision: \"1\"", "revision: \"2\"");
    let mut after = prior.clone();
    // The old image is gone, and no new one is there.
    after.recorded.remove(&at("image.web@ap-tokyo#1"));
    let ended = |step: &str| match step {
        "delete image.web@ap-tokyo#1" => StepOutcome::Done,
        _ => refused("InternalError", "internal"),
    };
    let case = Case::new(&prior, &revised, &after, ended);
    let text = case.text();
    let lost = "✗ image.web@ap-tokyo: lost by 2 accounts: partner, staging, who had revision 1\n";
    assert_eq!(text.lines().nth(2).map(|line| format!("{line}\n")).as_deref(), Some(lost), "{text}");
    assert!(!text.contains("No account lost"), "{text}");
    let value = outcome_json(&case.outcome, &case.result()).unwrap();
    assert_eq!(value["lost"][0]["accounts"].as_array().map(Vec::len), Some(2), "{value}");
    // Where it is there, but not NORMAL any more, it is lost too.
    let mut broken = prior.clone();
    placement(&mut broken, "image.web@ap-tokyo#1").seen = false;
    assert_eq!(Case::new(&prior, &revised, &broken, ended).result().lost.len(), 1);
    // Nothing was shared before: nothing can be said about accounts.
    let nobody =
        EXAMPLE.replace("with: [partner, staging]", "with: []").replace("with: [partner]", "with: []");
    let unshared = applied(&[&nobody]);
    let again = nobody.replace("revision: \"1\"", "revision: \"2\"");
    assert_eq!(Case::new(&unshared, &again, &unshared, ended).result().access, None);
}

#[test]
fn an_account_that_the_plan_takes_an_image_from_has_not_lost_it() {
    let prior = applied(&[EXAMPLE]);
    let fewer = example_with("with: [partner, staging]", "with: [partner]");
    let case = Case::new(&prior, &fewer, &after_all(&prior, &fewer), done);
    let result = case.result();
    assert_eq!((result.lost.len(), result.access), (0, Some("Accounts lost images only as planned.")));
}

#[test]
fn what_is_missing_names_the_accounts_and_what_serves_instead() {
    let prior = applied(&[EXAMPLE]);
    let revised = example_with("revision: \"1\"", "revision: \"2\"");
    let mut after = after_all(&prior, &revised);
    let partner = "200000000001".parse().unwrap();
    placement(&mut after, "image.web@ap-tokyo#2").shares = [partner].into_iter().collect();
    let case = Case::new(&prior, &revised, &after, |step| match step {
        "share image.web@ap-tokyo#2" => refused("InvalidAccountId.NotFound", "bad_account"),
        _ => StepOutcome::Done,
    });
    let missing = case.result().missing;
    assert_eq!(missing.len(), 1);
    let staging: Accounts = ["200000000002".parse().unwrap()].into_iter().collect();
    assert_eq!((missing[0].region.as_str(), &missing[0].accounts), ("ap-tokyo", &staging));
    let text = case.text();
    assert!(
        text.contains("✗ image.web@ap-tokyo: not shared with staging, InvalidAccountId.NotFound\n"),
        "{text}"
    );
    assert!(text.contains("correct staging (200000000002) in goldform.yaml:14, then"), "{text}");
}

#[test]
fn a_failure_is_red_and_a_pending_image_is_not() {
    let red = "\u{1b}[31m";
    let prior = applied(&[]);
    let text = |outcome: StepOutcome| {
        let case = Case::new(&prior, EXAMPLE, &prior, |_| outcome.clone());
        let names = AccountNames::of(&case.desired);
        applied_text(
            &case.outcome,
            &case.result(),
            &names,
            Paint { color: true, ..Paint::PLAIN },
            PlanDetail::Grouped,
        )
    };
    assert!(text(refused("InternalError", "internal")).contains(red));
    assert!(!text(StepOutcome::Pending { failure: None }).contains(red));
}

#[test]
fn a_run_that_could_not_be_recorded_is_not_complete() {
    let prior = applied(&[]);
    let mut case = Case::new(&prior, EXAMPLE, &after_all(&prior, EXAMPLE), done);
    case.outcome.unsaved = Some("disk full; apply again".to_owned());
    let text = case.text();
    assert!(text.starts_with("Applied and not recorded in "), "{text}");
    assert!(text.contains("\nnot saved disk full; apply again\n"), "{text}");
    let value = outcome_json(&case.outcome, &case.result()).unwrap();
    assert_eq!((&value["complete"], &value["unsaved"]), (&false.into(), &"disk full; apply again".into()));
    case.outcome.steps[0].outcome = StepOutcome::NotStarted;
    assert!(case.text().starts_with("Partly applied in "), "{}", case.text());
    assert!(case.outcome.steps.iter().any(|step| step.verb == Verb::Create));
}

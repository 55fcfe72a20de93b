//! Errors of the service and of goldform: when a run continues, when it ends, and its outcome.

use async_trait::async_trait;

use super::*;
use crate::cloud::{Request, Transport, TransportError};
use crate::plan::Failure;

/// Adds a fault for every call of an action.
fn lasting_fault(bench: &Bench, action: &str, effect: FaultEffect) {
    let fault =
        Fault { action: action.to_owned(), region: None, caller: None, from_call: 1, times: None, effect };
    bench.sim.add_fault(&fault).unwrap();
}

/// Runs the example, whose listings fail with `code` from second 5 to second `until`. Returns what was waited for too.
async fn run_with_failing_listings(bench: &mut Bench, code: &str, until: u64) -> (Outcome, Vec<String>) {
    let sim = Arc::clone(&bench.sim);
    let breaking = async {
        tokio::time::sleep(Duration::from_secs(5)).await;
        let action = "DescribeImages".to_owned();
        let fault =
            Fault { action, region: None, caller: None, from_call: 1, times: None, effect: error(code) };
        sim.add_fault(&fault).unwrap();
        tokio::time::sleep(Duration::from_secs(until - 5)).await;
        sim.clear_faults().unwrap();
    };
    let mut waits = Waits::default();
    let outcome = {
        let run = walk_watched(bench, EXAMPLE, going_on(), &mut waits);
        tokio::pin!(breaking);
        tokio::pin!(run);
        tokio::select! {
            outcome = &mut run => outcome,
            () = &mut breaking => run.await,
        }
    };
    bench.sim.clear_faults().unwrap();
    (outcome, waits.0)
}

#[tokio::test(start_paused = true)]
async fn a_lasting_error_ends_the_wait_at_once_and_is_reported() {
    for (code, kind) in [
        ("AuthFailure.TokenFailure", "credentials"),
        ("UnauthorizedOperation", "permission"),
        ("AuthFailure.SignatureExpire", "clock"),
        ("InvalidParameter", "invalid"),
        ("UnsupportedRegion", "unsupported"),
        ("InvalidAccount.InsufficientBalance", "balance"),
    ] {
        let settle = SignedDuration::from_mins(10);
        let mut bench = Bench::new(Settings { settle, ..Settings::default() });
        let (outcome, _) = run_with_failing_listings(&mut bench, code, 3600).await;
        assert!(outcome.took < Duration::from_secs(30), "{code}: {:?}", outcome.took);
        let endings = endings(&outcome);
        let StepOutcome::Pending { failure: Some(failure) } = &endings["create image.db@ap-jakarta#1"] else {
            panic!("{code}: {endings:#?}")
        };
        assert_eq!((failure.code.as_deref(), failure.kind), (Some(code), Some(kind)));
        assert!(failure.request_id.is_some() && failure.why.contains(code), "{failure:?}");
        let snapshot = bench.snapshot().await;
        assert!(snapshot.intents.len() == 2 && snapshot.intents.values().all(|open| open.accepted.is_some()));
        assert!(apply(&mut bench, EXAMPLE).await.is_complete(), "the next run waits again");
        assert_eq!(calls(&bench, "CreateImage"), 2, "nothing is made twice");
    }
}

#[tokio::test(start_paused = true)]
async fn a_passing_error_is_waited_out_and_mentioned_when_it_lasts() {
    for (until, is_mentioned) in [(10, false), (120, true)] {
        let settle = SignedDuration::from_mins(3);
        let mut bench = Bench::new(Settings { settle, ..Settings::default() });
        let (outcome, waits) = run_with_failing_listings(&mut bench, "InternalError", until).await;
        assert!(outcome.is_complete(), "{outcome:#?}");
        let is_about_it = |wait: &&String| wait.contains("has not been readable for");
        assert_eq!(waits.iter().any(|wait| is_about_it(&wait)), is_mentioned, "{waits:#?}");
        assert!(waits.iter().filter(is_about_it).count() <= 2 * 4, "at most every 30 s: {waits:#?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_passing_error_that_outlasts_the_timeout_is_in_the_message() {
    let mut bench = Bench::new(Settings { settle: SignedDuration::from_mins(60), ..Settings::default() });
    bench.options.settle_timeout = Duration::from_secs(120);
    let (outcome, _) = run_with_failing_listings(&mut bench, "InternalError", 7200).await;
    let endings = endings(&outcome);
    let failure = endings["create image.db@ap-jakarta#1"].failure().unwrap();
    assert!(failure.why.contains("the last listing failed: DescribeImages in ap-jakarta"), "{failure:?}");
    assert_eq!((failure.code.as_deref(), failure.kind), (Some("InternalError"), Some("internal")));
}

#[tokio::test(start_paused = true)]
async fn a_call_that_is_executed_and_answered_with_an_unknown_code_leaves_no_orphan() {
    for code in ["FailedOperation", "FailedOperation.SomethingNew", "Nonsense", "OperationDenied.New"] {
        for action in ["CreateImage", "SyncImages", "ModifyImageSharePermission"] {
            let mut bench = Bench::new(Settings::default());
            let text =
                format!(r#"{{"Response":{{"Error":{{"Code":"{code}","Message":""}},"RequestId":"r-1"}}}}"#);
            fault(&bench, action, FaultEffect::Garbage { text });
            let outcome = apply(&mut bench, EXAMPLE).await;
            assert!(outcome.is_complete(), "{code} of {action}: {outcome:#?}");
            assert_eq!(bench.sim.images().unwrap().len(), 4, "{code} of {action}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_is_sent_at_most_five_times() {
    for effect in [FaultEffect::NotSent, FaultEffect::LostBefore, error("InternalError"), error("Nonsense")] {
        for (action, steps) in [("CreateImage", 2), ("ModifyImageSharePermission", 4)] {
            let mut bench = Bench::new(Settings::default());
            lasting_fault(&bench, action, effect.clone());
            let outcome = apply(&mut bench, EXAMPLE).await;
            assert!(!outcome.is_complete());
            let sends = calls(&bench, action);
            assert_eq!(sends, 5 * steps, "{effect:?} of {action}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_not_sent_and_what_was_lost_count_together() {
    for (action, steps) in [("CreateImage", 2), ("ModifyImageSharePermission", 4)] {
        let mut bench = Bench::new(Settings::default());
        for from_call in 1..=60 {
            let effect = if from_call % 3 == 0 { FaultEffect::LostBefore } else { FaultEffect::NotSent };
            let (action, times) = (action.to_owned(), Some(1));
            let fault = Fault { action, region: None, caller: None, from_call, times, effect };
            bench.sim.add_fault(&fault).unwrap();
        }
        let outcome = apply(&mut bench, EXAMPLE).await;
        assert!(!outcome.is_complete());
        let sends = calls(&bench, action);
        assert!(sends <= 5 * steps, "{action}: {sends} sends of {steps} calls");
    }
}

#[tokio::test(start_paused = true)]
async fn a_failure_keeps_code_kind_and_request_id() {
    let mut bench = Bench::new(Settings::default());
    fault(&bench, "SyncImages", error("UnauthorizedOperation.PermissionDenied"));
    let outcome = apply(&mut bench, EXAMPLE).await;
    let failures: Vec<&Failure> = outcome.steps.iter().filter_map(|step| step.outcome.failure()).collect();
    let [failure] = failures[..] else { panic!("{outcome:#?}") };
    assert_eq!(failure.code.as_deref(), Some("UnauthorizedOperation.PermissionDenied"));
    assert_eq!(failure.kind, Some("permission"));
    assert!(failure.why.contains(failure.request_id.as_deref().unwrap()));
}

/// Panics when an action is sent.
struct Panicking {
    inner: Arc<dyn Transport>,
    action: &'static str,
}

#[async_trait]
impl Transport for Panicking {
    async fn send(&self, request: Request) -> Result<Vec<u8>, TransportError> {
        assert!(request.action != self.action, "index out of bounds");
        tokio::time::sleep(Duration::from_millis(20)).await;
        self.inner.send(request).await
    }
}

#[tokio::test(start_paused = true)]
async fn a_task_that_panics_ends_the_run_with_an_internal_error_and_the_state_is_saved() {
    for (action, name) in [
        ("SyncImages", "copy image.web@ap-"),
        ("ModifyImageSharePermission", "share image."),
        ("DescribeImages", "listing ap-"),
    ] {
        let mut bench =
            Bench::new(Settings::default()).through(move |inner| Arc::new(Panicking { inner, action }));
        let outcome = execute(&mut bench, EXAMPLE, going_on()).await;
        let defect = outcome.internal_error.clone().unwrap();
        assert!(defect.starts_with(name) && defect.contains("index out of bounds"), "{defect}");
        assert!(!outcome.is_complete() && outcome.took < Duration::from_secs(60), "{outcome:#?}");
        // What the other calls did is recorded, so that the next run continues.
        let recorded = bench.snapshot().await;
        let made: usize = recorded.recorded.placements().count();
        assert_eq!(made, bench.sim.images().unwrap().len(), "{action}");
        bench = bench.through(|inner| inner);
        assert!(apply(&mut bench, EXAMPLE).await.is_complete(), "{action}");
        assert_eq!(bench.sim.images().unwrap().len(), 4, "nothing is made twice");
    }
}

#[tokio::test(start_paused = true)]
async fn a_panic_while_observing_is_an_internal_error() {
    let bench = Bench::new(Settings::default())
        .through(|inner| Arc::new(Panicking { inner, action: "DescribeImageQuota" }));
    let cloud: Arc<dyn crate::cloud::CloudRead> = bench.cloud();
    let recorded = crate::state::Recorded::default();
    let regions = ["ap-tokyo".parse().unwrap()].into();
    let seen =
        crate::apply::observe(&cloud, bench.clock.as_ref(), &recorded, &BTreeMap::new(), regions, 2).await;
    let error = seen.unwrap_err();
    assert_eq!(error.kind, crate::cloud::ErrorKind::Defect);
    assert!(error.to_string().starts_with("observing ap-tokyo failed: panicked: index out of bounds"));
}

/// Answers every CreateImage with the id of the first one.
struct Repeating {
    inner: Arc<dyn Transport>,
    first: std::sync::Mutex<Option<String>>,
}

#[async_trait]
impl Transport for Repeating {
    async fn send(&self, request: Request) -> Result<Vec<u8>, TransportError> {
        let action = request.action.clone();
        let answer = self.inner.send(request).await?;
        if action != "CreateImage" {
            return Ok(answer);
        }
        let mut envelope: serde_json::Value = serde_json::from_slice(&answer).unwrap();
        let id = envelope["Response"]["ImageId"].as_str().unwrap().to_owned();
        let first = self.first.lock().unwrap().get_or_insert(id).clone();
        envelope["Response"]["ImageId"] = first.into();
        Ok(serde_json::to_vec(&envelope).unwrap())
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_with_the_id_of_another_image_is_not_used() {
    let first = std::sync::Mutex::default();
    let mut bench =
        Bench::new(Settings::default()).through(move |inner| Arc::new(Repeating { inner, first }));
    let outcome = apply(&mut bench, EXAMPLE).await;
    let unknown: Vec<&str> = outcome
        .steps
        .iter()
        .filter(|step| matches!(step.outcome, StepOutcome::Unknown(_)))
        .filter_map(|step| step.outcome.failure().map(|failure| failure.why.as_str()))
        .collect();
    let [why] = unknown[..] else { panic!("{outcome:#?}") };
    assert!(why.contains("the answer contradicts the state"), "{why}");
    assert!(outcome.warnings.is_empty(), "{:?}", outcome.warnings);

    bench = bench.through(|inner| inner);
    assert!(apply(&mut bench, EXAMPLE).await.is_complete());
    assert_eq!(bench.sim.images().unwrap().len(), 4, "nothing is made twice");
}

use std::io::Write;
use std::sync::Mutex;
use std::time::Duration;

use serde_json::{Value, json};

use super::super::Service;
use super::super::client::fake::{Script, refusal};
use super::*;

fn request(action: &str) -> Request {
    Request {
        service: Service::Cvm,
        action: action.into(),
        region: Some("ap-tokyo".parse().unwrap()),
        body: b"{\"ImageUrl\":\"https://b/w?sign=hunter2\"}".to_vec(),
    }
}

fn fine() -> Value {
    json!({ "RequestId": "req-2" })
}

fn bytes(value: &Value) -> Result<Vec<u8>, TransportError> {
    Ok(json!({ "Response": value }).to_string().into_bytes())
}

fn retrying(script: &Arc<Script>) -> RetryingTransport {
    RetryingTransport::new(script.clone(), RateLimits::Documented, RetryPolicy::default(), 7)
}

#[tokio::test(start_paused = true)]
async fn a_throttled_write_is_retried_until_it_succeeds() {
    let throttled = std::iter::repeat_n(refusal("RequestLimitExceeded.UinLimitExceeded"), 7);
    let script = Script::answering(throttled.chain([fine()]));
    let began = Instant::now();
    let answer = retrying(&script).send(request("CreateImage")).await;
    assert_eq!(answer, bytes(&fine()));
    assert_eq!(script.len(), 8);
    assert!(began.elapsed() > Duration::from_secs(20), "the pauses must grow: {:?}", began.elapsed());
}

#[tokio::test(start_paused = true)]
async fn endless_throttling_ends_at_the_deadline_with_the_answer_of_the_service() {
    let script = Script::answering(std::iter::repeat_n(refusal("RequestLimitExceeded"), 1000));
    let began = Instant::now();
    let answer = retrying(&script).send(request("CreateImage")).await;
    assert_eq!(answer, bytes(&refusal("RequestLimitExceeded")));
    assert!(began.elapsed() <= Duration::from_secs(180), "{:?}", began.elapsed());
    assert!(script.len() > 8);
}

#[tokio::test(start_paused = true)]
async fn a_write_whose_outcome_is_unknown_is_sent_once() {
    for answer in [
        Err(TransportError::OutcomeUnknown("cut".into())),
        Ok(b"<html>".to_vec()),
        bytes(&refusal("InternalError")),
        bytes(&refusal("InternalServerError.Db")),
    ] {
        let script = Script::of([answer.clone(), bytes(&fine())]);
        assert_eq!(retrying(&script).send(request("CreateImage")).await, answer);
        assert_eq!(script.len(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_read_is_retried_after_every_failure_of_the_connection() {
    let script = Script::of([
        Err(TransportError::OutcomeUnknown("cut".into())),
        Ok(b"<html>".to_vec()),
        bytes(&refusal("InternalError")),
        Err(TransportError::NotSent("refused".into())),
        bytes(&fine()),
    ]);
    assert_eq!(retrying(&script).send(request("DescribeImages")).await, bytes(&fine()));
    assert_eq!(script.len(), 5);
}

#[tokio::test(start_paused = true)]
async fn a_write_that_was_not_sent_is_retried_a_limited_number_of_times() {
    let script = Script::of(std::iter::repeat_n(Err(TransportError::NotSent("refused".into())), 100));
    let began = Instant::now();
    assert!(retrying(&script).send(request("SyncImages")).await.is_err());
    assert_eq!(script.len(), 5);
    assert!(began.elapsed() < Duration::from_secs(10));
}

#[tokio::test(start_paused = true)]
async fn a_busy_answer_and_missing_credentials_are_not_retried() {
    for answer in [
        bytes(&refusal("MutexOperation.TaskRunning")),
        bytes(&refusal("InvalidImageName.Duplicate")),
        Err(TransportError::NoCredentials("none".into())),
    ] {
        let script = Script::of([answer.clone(), bytes(&fine())]);
        assert_eq!(retrying(&script).send(request("DescribeImages")).await, answer);
        assert_eq!(script.len(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn calls_of_one_action_are_spaced_evenly_and_do_not_delay_other_actions() {
    let script = Script::answering(std::iter::repeat_n(fine(), 32));
    let retrying = Arc::new(retrying(&script));
    let began = Instant::now();
    let calls: Vec<_> = (0..31)
        .map(|_| {
            let retrying = Arc::clone(&retrying);
            tokio::spawn(async move { retrying.send(request("SyncImages")).await })
        })
        .collect();
    tokio::task::yield_now().await;
    retrying.send(request("DeleteImages")).await.unwrap();
    assert!(began.elapsed() < Duration::from_millis(10));
    for call in calls {
        call.await.unwrap().unwrap();
    }
    let took = began.elapsed().as_millis();
    assert!((3000..3050).contains(&took), "31 calls at 10 per second must last 3 seconds, not {took} ms");
}

#[tokio::test(start_paused = true)]
async fn the_budget_limits_retries_while_the_service_is_unavailable() {
    let down = std::iter::repeat_n(Err(TransportError::NotSent("refused".into())), 10_000);
    let script = Script::of(down);
    let retrying = RetryingTransport::new(script.clone(), RateLimits::Unlimited, RetryPolicy::default(), 7);
    for _ in 0..100 {
        assert!(retrying.send(request("DescribeImages")).await.is_err());
    }
    assert_eq!(script.len(), 150, "100 calls and 50 retries");
}

/// Collects what is logged.
#[derive(Clone, Default)]
struct Paper(Arc<Mutex<Vec<u8>>>);

impl Write for Paper {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn every_attempt_is_logged_with_its_outcome_and_without_secrets() {
    let paper = Paper::default();
    let pen = paper.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_ansi(false)
        .json()
        .with_writer(move || pen.clone())
        .finish();
    let mut echo = refusal("RequestLimitExceeded");
    echo["Error"]["Message"] = "no: https://b/w?sign=hunter2".into();
    let send = || {
        let script = Script::answering([echo.clone(), fine()]);
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .start_paused(true)
            .build()
            .unwrap()
            .block_on(retrying(&script).send(request("ImportImage")))
            .unwrap();
    };
    // Registers the events first: a thread without a subscriber that registers them meanwhile would disable them.
    send();
    tracing::subscriber::with_default(subscriber, send);
    let text = String::from_utf8(paper.0.lock().unwrap().clone()).unwrap();
    assert!(!text.contains("hunter2"), "{text}");
    let calls: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap())
        .filter(|event| event["target"] == "goldform::calls")
        .map(|event| event["fields"].clone())
        .collect();
    assert_eq!(calls.len(), 2, "{text}");
    assert_eq!(calls[0]["action"], "ImportImage");
    assert_eq!(calls[0]["region"], "ap-tokyo");
    assert_eq!(calls[0]["attempt"], 1);
    assert_eq!(calls[0]["meaning"], "Throttled");
    assert_eq!(calls[0]["request_id"], "req-1");
    assert_eq!((&calls[1]["attempt"], &calls[1]["request_id"]), (&json!(2), &json!("req-2")));
    assert!(calls[1]["took_ms"].is_u64() && calls[1].get("meaning").is_none());
}

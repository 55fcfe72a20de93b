//! A transport that plays a script: for tests of this folder and of the wrappers around it.

use std::collections::VecDeque;
use std::sync::Mutex;

use async_trait::async_trait;
use serde_json::{Value, json};

use super::*;

/// Answers requests in the order of its script and remembers them.
#[derive(Default)]
pub(crate) struct Script {
    answers: Mutex<VecDeque<Result<Vec<u8>, TransportError>>>,
    requests: Mutex<Vec<Request>>,
}

impl Script {
    pub(crate) fn of(answers: impl IntoIterator<Item = Result<Vec<u8>, TransportError>>) -> Arc<Self> {
        Arc::new(Self { answers: Mutex::new(answers.into_iter().collect()), requests: Mutex::default() })
    }

    /// Plays these bodies of `Response`.
    pub(crate) fn answering(answers: impl IntoIterator<Item = Value>) -> Arc<Self> {
        Self::of(answers.into_iter().map(|answer| Ok(json!({ "Response": answer }).to_string().into_bytes())))
    }

    /// Returns every request so far: `service.action@region` and the body.
    pub(crate) fn calls(&self) -> Vec<(String, Value)> {
        self.requests
            .lock()
            .unwrap()
            .iter()
            .map(|request| {
                let Request { service, action, region, body } = request;
                let region = region.as_ref().map(Region::as_str).unwrap_or_default();
                let name = format!("{}.{action}@{region}", service.host_label());
                (name, serde_json::from_slice(body).unwrap())
            })
            .collect()
    }

    /// Returns how many requests came.
    pub(crate) fn len(&self) -> usize {
        self.requests.lock().unwrap().len()
    }
}

/// Returns a refusal, as the service writes it.
pub(crate) fn refusal(code: &str) -> Value {
    json!({ "Error": { "Code": code, "Message": format!("message of {code}") }, "RequestId": "req-1" })
}

#[async_trait]
impl Transport for Script {
    async fn send(&self, request: Request) -> Result<Vec<u8>, TransportError> {
        self.requests.lock().unwrap().push(request);
        self.answers
            .lock()
            .unwrap()
            .pop_front()
            .unwrap_or_else(|| Err(TransportError::NotSent("the script has ended".to_owned())))
    }
}

/// Runs a future to its end.
pub(crate) fn run<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

pub(crate) fn region(code: &str) -> Region {
    code.parse().unwrap()
}

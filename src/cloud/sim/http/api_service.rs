//! Answers one HTTP request: an API call or the page for browsers.

use std::sync::Arc;
use std::time::Duration;

use hyper::body::Body;
use hyper::{Method, Request, StatusCode};
use thiserror::Error;

use super::auth::{self, Caller};
use super::keys::Keys;
use super::page;
use super::rejected::RejectedCalls;
use super::request::{ReadError, Received, is_call};
use super::response::{Answer, closing, envelope, plain};
use crate::cloud::Service;
use crate::cloud::sim::refusal::Refusal;
use crate::cloud::sim::{Body as Params, Call, Delivery, Exchange, Sim, ids, protocol};
use crate::model::{AccountId, Clock};

/// Maximum time for the body of a request to arrive.
const BODY_TIMEOUT: Duration = Duration::from_secs(60);

/// A sandbox as a service on the network: its world, the keys of its callers, and its clock.
pub struct ApiService {
    sim: Sim,
    keys: Keys,
    clock: Arc<dyn Clock>,
    rejected: RejectedCalls,
}

/// Closes the connection without an answer.
#[derive(Debug, Error)]
#[error("the connection is closed without an answer")]
pub(super) struct Disconnect;

impl ApiService {
    /// Creates a service for a sandbox.
    pub fn new(sim: Sim, keys: Keys, clock: Arc<dyn Clock>) -> Self {
        Self { sim, keys, clock, rejected: RejectedCalls::default() }
    }

    /// Answers a request.
    ///
    /// # Errors
    /// If the connection must be closed without an answer.
    pub(super) async fn respond<B>(self: Arc<Self>, request: Request<B>) -> Result<Answer, Disconnect>
    where
        B: Body,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        if request.uri().path() != "/" && request.method() != Method::CONNECT {
            return Ok(plain(StatusCode::NOT_FOUND, "Not found: the only path of this server is /.\n"));
        }
        if !is_call(request.method(), request.headers()) {
            return self.page().await;
        }
        let received = match tokio::time::timeout(BODY_TIMEOUT, Received::read(request)).await {
            Ok(Ok(received)) => received,
            Ok(Err(ReadError::TooLarge)) => {
                let refusal = Refusal::new("RequestSizeLimitExceeded", "The request is larger than 10 MB.");
                // The server would read the rest of the body as the next request.
                return Ok(closing(self.reject(String::new(), refusal)));
            }
            Ok(Err(ReadError::Disconnected)) | Err(_) => return Err(Disconnect),
        };
        if let Some(refusal) = validate_protocol(&received) {
            return Ok(self.reject(received.action(), refusal));
        }
        match auth::identify(&self.keys, &received, self.clock.now()) {
            Ok(caller) => self.call(caller, received).await,
            Err(refusal) => Ok(self.reject(received.action(), refusal)),
        }
    }

    async fn call(self: Arc<Self>, caller: Caller, received: Received) -> Result<Answer, Disconnect> {
        let Caller { account, service } = caller;
        let Some(account) = account else {
            let refusal =
                Refusal::new("InvalidAction", "The sandbox does not issue credentials for web identities.");
            return Ok(self.reject(received.action(), refusal));
        };
        let exchange = if self.sim.is_durable() {
            // A commit waits for the disk, and maybe for another process: it must not block the runtime.
            let api = Arc::clone(&self);
            tokio::task::spawn_blocking(move || api.execute(account, service, &received))
                .await
                .map_err(|_| Disconnect)?
        } else {
            self.execute(account, service, &received)
        };
        if let Some(delay) = exchange.delay {
            tokio::time::sleep(delay).await;
        }
        match exchange.delivery {
            Delivery::Answer(bytes) => Ok(envelope(bytes)),
            Delivery::NotSent | Delivery::Lost => Err(Disconnect),
        }
    }

    fn execute(&self, account: AccountId, service: Service, received: &Received) -> Exchange {
        let (action, version) = (received.action(), received.header_or_empty("x-tc-version"));
        let region = received.header_or_empty("x-tc-region");
        let pairs = if received.method == Method::GET { received.pairs() } else { Vec::new() };
        let body =
            if received.method == Method::GET { Params::Query(&pairs) } else { Params::Json(&received.body) };
        let english = received.header_or_empty("x-tc-language").eq_ignore_ascii_case("en-US");
        let call = Call { service, action: &action, version: &version, region: &region, body, english };
        self.sim.call(account, &call, self.clock.now())
    }

    /// Answers a call that does not reach the world.
    fn reject(&self, action: String, refusal: Refusal) -> Answer {
        let now = self.clock.now();
        let number = self.rejected.add(now, action, &refusal);
        // The ids must differ from those of calls that reach the world, and from run to run.
        let seed = u64::try_from(now.as_microsecond()).unwrap_or(0) | (1 << 63);
        envelope(protocol::envelope(Err(refusal), &ids::request_id(seed, number)))
    }

    async fn page(self: Arc<Self>) -> Result<Answer, Disconnect> {
        let api = Arc::clone(&self);
        let html = tokio::task::spawn_blocking(move || {
            page::render(&api.sim, &api.rejected.last(), api.clock.now())
        });
        match html.await {
            Ok(Ok(html)) => Ok(page::answer(html)),
            Ok(Err(error)) => Ok(plain(StatusCode::INTERNAL_SERVER_ERROR, &format!("{error}\n"))),
            Err(_) => Err(Disconnect),
        }
    }
}

/// Returns the refusal of a request whose method or media type is unsupported. `None` if both are supported.
fn validate_protocol(received: &Received) -> Option<Refusal> {
    let unsupported = |message: String| Some(Refusal::new("UnsupportedProtocol", message));
    match received.method {
        Method::GET => None,
        Method::POST
            if received.header("authorization").is_some() && received.media_type() != "application/json" =>
        {
            unsupported("A POST must carry JSON: Content-Type: application/json.".to_owned())
        }
        Method::POST => None,
        ref other => unsupported(format!("Calls must use POST or GET, not {other}.")),
    }
}

//! Answers one HTTP request: an API call or the page for browsers.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper::body::Body;
use hyper::{Method, Request, StatusCode};
use thiserror::Error;
use tokio::sync::Semaphore;

use super::auth::{self, Caller};
use super::connections::Connection;
use super::keys::Keys;
use super::own_hosts::{Foreign, HostName, OwnHosts};
use super::page;
use super::rejected::RejectedCalls;
use super::request::{ReadError, Received, has_api_header, is_call};
use super::response::{Answer, closing, envelope, plain};
use crate::cloud::Service;
use crate::cloud::sim::refusal::Refusal;
use crate::cloud::sim::{Body as Params, Call, Delivery, Exchange, Sim, ids, protocol};
use crate::model::{AccountId, Clock};

/// Maximum number of large bodies that are in memory at the same time; further ones wait.
const LARGE_BODIES: usize = 8;
/// Maximum number of pages that are rendered at the same time; further ones wait.
const PAGES: usize = 2;

/// A sandbox as a service on the network: its world, the keys of its callers, and its clock.
pub struct ApiService {
    sim: Sim,
    keys: Keys,
    clock: Arc<dyn Clock>,
    rejected: RejectedCalls,
    hosts: OwnHosts,
    large_bodies: Semaphore,
    pages: Semaphore,
}

/// Closes the connection without an answer.
#[derive(Debug, Error)]
#[error("the connection is closed without an answer")]
pub(super) struct Disconnect;

impl ApiService {
    /// Creates a service for a sandbox.
    pub fn new(sim: Sim, keys: Keys, clock: Arc<dyn Clock>) -> Self {
        Self {
            sim,
            keys,
            clock,
            rejected: RejectedCalls::default(),
            hosts: OwnHosts::default(),
            large_bodies: Semaphore::new(LARGE_BODIES),
            pages: Semaphore::new(PAGES),
        }
    }

    /// Adds names by which clients reach the service, besides its address and `localhost`.
    pub fn with_hosts(mut self, names: impl IntoIterator<Item = HostName>) -> Self {
        self.hosts.names.extend(names);
        self
    }

    pub(super) fn listening_on(mut self, address: IpAddr) -> Self {
        self.hosts.is_open = !address.is_loopback();
        self
    }

    /// Answers a request. The connection is idle except while a call is executed or the page is rendered.
    ///
    /// # Errors
    /// If the connection must be closed without an answer.
    pub(super) async fn respond<B>(
        self: Arc<Self>,
        request: Request<B>,
        connection: &Connection,
        body_timeout: Duration,
    ) -> Result<Answer, Disconnect>
    where
        B: Body,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        if let Err(foreign) = self.hosts.check(&request) {
            return Ok(closing(self.refuse_foreign(&request, &foreign)));
        }
        if request.uri().path() != "/" && request.method() != Method::CONNECT {
            return Ok(plain(StatusCode::NOT_FOUND, "Not found: the only path of this server is /.\n"));
        }
        if !is_call(request.method(), request.headers()) {
            let Ok(_page) = self.pages.acquire().await else { return Err(Disconnect) };
            let _executing = connection.execute();
            return Arc::clone(&self).page().await;
        }
        let has_api_header = has_api_header(request.headers());
        let read = Received::read(request, &self.large_bodies);
        let (received, _large_body) = match tokio::time::timeout(body_timeout, read).await {
            Ok(Ok(read)) => read,
            // The server would read the rest of the body as the next request, so it closes the connection.
            Ok(Err(ReadError::TooLarge)) if has_api_header => {
                let refusal = Refusal::new("RequestSizeLimitExceeded", "The request is larger than 10 MB.");
                return Ok(closing(self.reject(String::new(), refusal)));
            }
            Ok(Err(ReadError::TooLarge)) => {
                let text = "The request is larger than 10 MB.\n";
                return Ok(closing(plain(StatusCode::PAYLOAD_TOO_LARGE, text)));
            }
            Ok(Err(ReadError::Disconnected)) => return Err(Disconnect),
            Err(_) => {
                let text = "The body of the request did not arrive in time.\n";
                return Ok(closing(plain(StatusCode::REQUEST_TIMEOUT, text)));
            }
        };
        let _executing = connection.execute();
        if let Some(refusal) = validate_protocol(&received) {
            return Ok(self.reject(received.action(), refusal));
        }
        match auth::identify(&self.keys, &received, self.clock.now()) {
            Ok(caller) => Arc::clone(&self).call(caller, received).await,
            Err(refusal) => Ok(self.reject(received.action(), refusal)),
        }
    }

    /// Refuses a request that was sent to another host or by a page of another site.
    fn refuse_foreign<B>(&self, request: &Request<B>, foreign: &Foreign) -> Answer {
        let is_host = *foreign != Foreign::Site;
        // An official client shows the error of an envelope only, and no browser sends these headers by itself.
        if is_host && has_api_header(request.headers()) {
            return self.reject(String::new(), Refusal::new("UnauthorizedOperation", foreign.to_string()));
        }
        let status = if is_host { StatusCode::MISDIRECTED_REQUEST } else { StatusCode::FORBIDDEN };
        plain(status, &format!("{foreign}\n"))
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

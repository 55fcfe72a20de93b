//! What one request is answered with.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http_body_util::Full;
use hyper::body::{Body, Bytes};
use hyper::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};
use jiff::Timestamp;
use thiserror::Error;

use super::auth::{self, Caller};
use super::keys::Keys;
use super::page;
use super::request::{Received, Unread, is_call};
use crate::cloud::sim::refusal::Refusal;
use crate::cloud::sim::{Body as Params, Call, Delivery, Exchange, Sim, ids, protocol};
use crate::model::{AccountId, Clock};

/// How long the body of a request may take to come.
const BODY_TIMEOUT: Duration = Duration::from_secs(60);

/// How many refused signatures are remembered for the page.
const TURNED_AWAY_KEPT: usize = 20;

/// An embedded cloud, who may call it, and the time: everything that an answer depends on.
pub struct ApiService {
    sim: Sim,
    keys: Keys,
    clock: Arc<dyn Clock>,
    /// How many calls were answered without asking the world.
    turned_away: AtomicU64,
    /// The last of them, for the page.
    last_turned_away: Mutex<VecDeque<TurnedAway>>,
}

/// A call that never reached the world.
#[derive(Debug, Clone)]
pub(super) struct TurnedAway {
    pub(super) at: Timestamp,
    pub(super) action: String,
    pub(super) code: String,
}

/// The connection is closed without an answer.
#[derive(Debug, Error)]
#[error("the connection is cut")]
pub(super) struct Cut;

/// An answer.
pub(super) type Answer = Response<Full<Bytes>>;

impl ApiService {
    /// A face of a cloud.
    pub fn new(sim: Sim, keys: Keys, clock: Arc<dyn Clock>) -> Self {
        Self { sim, keys, clock, turned_away: AtomicU64::new(0), last_turned_away: Mutex::default() }
    }

    /// Answers a request; an error closes the connection.
    pub(super) async fn respond<B>(self: Arc<Self>, request: Request<B>) -> Result<Answer, Cut>
    where
        B: Body,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        if request.uri().path() != "/" && request.method() != Method::CONNECT {
            return Ok(plain(
                StatusCode::NOT_FOUND,
                "There is nothing here: the path of the protocol is /.\n",
            ));
        }
        if !is_call(request.method(), request.headers()) {
            return self.page().await;
        }
        let received = match tokio::time::timeout(BODY_TIMEOUT, Received::read(request)).await {
            Ok(Ok(received)) => received,
            Ok(Err(Unread::TooLarge)) => {
                let refusal = Refusal::new("RequestSizeLimitExceeded", "The request is larger than 10 MB.");
                // What is left of the body would be taken for the next request.
                return Ok(closing(self.turn_away(String::new(), refusal)));
            }
            Ok(Err(Unread::Broken)) | Err(_) => return Err(Cut),
        };
        if let Some(refusal) = misspoken(&received) {
            return Ok(self.turn_away(received.action(), refusal));
        }
        match auth::identify(&self.keys, &received, self.clock.now()) {
            Ok(caller) => self.call(caller, received).await,
            Err(refusal) => Ok(self.turn_away(received.action(), refusal)),
        }
    }

    async fn call(self: Arc<Self>, caller: Caller, received: Received) -> Result<Answer, Cut> {
        let Caller { account, service } = caller;
        let Some(account) = account else {
            let refusal =
                Refusal::new("InvalidAction", "The embedded cloud gives no keys to web identities.");
            return Ok(self.turn_away(received.action(), refusal));
        };
        let exchange = if self.sim.is_durable() {
            // A commit waits for the disk, and maybe for another process: that must not hold up the runtime.
            let face = Arc::clone(&self);
            tokio::task::spawn_blocking(move || face.execute(account, service, &received))
                .await
                .map_err(|_| Cut)?
        } else {
            self.execute(account, service, &received)
        };
        if let Some(delay) = exchange.delay {
            tokio::time::sleep(delay).await;
        }
        match exchange.delivery {
            Delivery::Answer(bytes) => Ok(envelope(bytes)),
            Delivery::NotSent | Delivery::Lost => Err(Cut),
        }
    }

    fn execute(&self, account: AccountId, service: crate::cloud::Service, received: &Received) -> Exchange {
        let (action, version) = (received.action(), received.header_or_empty("x-tc-version"));
        let region = received.header_or_empty("x-tc-region");
        let pairs = if received.method == Method::GET { received.pairs() } else { Vec::new() };
        let body =
            if received.method == Method::GET { Params::Query(&pairs) } else { Params::Json(&received.body) };
        let english = received.header_or_empty("x-tc-language").eq_ignore_ascii_case("en-US");
        let call = Call { service, action: &action, version: &version, region: &region, body, english };
        self.sim.call(account, &call, self.clock.now())
    }

    /// Answers a call that does not get to the world.
    fn turn_away(&self, action: String, refusal: Refusal) -> Answer {
        let number = self.turned_away.fetch_add(1, Ordering::Relaxed);
        let now = self.clock.now();
        let (at, code) = (now, refusal.code.clone().into_owned());
        tracing::info!(action, code, "turned away");
        let mut last = self.last_turned_away.lock().unwrap_or_else(PoisonError::into_inner);
        last.truncate(TURNED_AWAY_KEPT - 1);
        last.push_front(TurnedAway { at, action, code });
        drop(last);
        // The world gives ids to the calls that reach it; these must differ from them, and from run to run.
        let seed = u64::try_from(now.as_microsecond()).unwrap_or(0) | (1 << 63);
        envelope(protocol::envelope(Err(refusal), &ids::request_id(seed, number)))
    }

    async fn page(self: Arc<Self>) -> Result<Answer, Cut> {
        let face = Arc::clone(&self);
        let html = tokio::task::spawn_blocking(move || {
            let last: Vec<TurnedAway> = face
                .last_turned_away
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .iter()
                .cloned()
                .collect();
            page::render(&face.sim, &last, face.clock.now())
        });
        match html.await {
            Ok(Ok(html)) => Ok(page::answer(html)),
            Ok(Err(error)) => Ok(plain(StatusCode::INTERNAL_SERVER_ERROR, &format!("{error}\n"))),
            Err(_) => Err(Cut),
        }
    }
}

/// Why a request is no call at all; nothing: it is one.
fn misspoken(received: &Received) -> Option<Refusal> {
    let unsupported = |message: String| Some(Refusal::new("UnsupportedProtocol", message));
    match received.method {
        Method::GET => None,
        Method::POST
            if received.header("authorization").is_some() && received.media_type() != "application/json" =>
        {
            unsupported("A POST must carry JSON: Content-Type: application/json.".to_owned())
        }
        Method::POST => None,
        ref other => unsupported(format!("Calls are made with POST or GET, not with {other}.")),
    }
}

/// The answer to a call: always 200, and a media type without parameters.
fn envelope(bytes: Vec<u8>) -> Answer {
    let mut answer = Response::new(Full::new(Bytes::from(bytes)));
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    answer
}

fn closing(mut answer: Answer) -> Answer {
    answer.headers_mut().insert(hyper::header::CONNECTION, HeaderValue::from_static("close"));
    answer
}

fn plain(status: StatusCode, text: &str) -> Answer {
    typed(status, "text/plain; charset=utf-8", text.to_owned())
}

/// An answer for people.
pub(super) fn typed(status: StatusCode, media_type: &'static str, text: String) -> Answer {
    let mut answer = Response::new(Full::new(Bytes::from(text)));
    *answer.status_mut() = status;
    let headers = answer.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    headers.insert(HeaderName::from_static("x-content-type-options"), HeaderValue::from_static("nosniff"));
    answer
}

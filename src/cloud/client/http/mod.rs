//! The real service over HTTPS: one signed POST per request.
//!
//! ```text
//!  Request ─▶ host ─▶ sign ─▶ POST / ─▶ status 200? ─▶ bounded body ─▶ skew ─▶ envelope
//!                      ▲
//!                   Keyring
//! ```
//!
//! - The bytes that are signed are the bytes that are sent.
//! - A request is sent once: no redirect is followed and nothing is sent again below.
//! - [`TransportError::NotSent`] only when no connection came about. Everything later is unknown, a status other
//!   than 200 too: who answered so need not be the service.
//! - Proxies and private roots are found as reqwest finds them (`HTTPS_PROXY`, `NO_PROXY`, `SSL_CERT_FILE`); a
//!   loopback endpoint is never reached through a proxy.

use std::error::Error as _;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, DATE, HOST, HeaderMap, HeaderName, HeaderValue};
use thiserror::Error;

use super::Secret;
use super::credentials::{Credentials, Keyring};
use super::envelope::{self, ANSWER_MAX_BYTES};
use super::sign::Signed;
use crate::cloud::{Request, Transport, TransportError};
use crate::model::Clock;

mod host;
mod skew;

use host::Address;
pub use host::{EndpointError, Hosts, Site};

/// How long a call may take in all. The official SDKs wait as long.
pub const CALL_TIMEOUT: Duration = Duration::from_secs(60);
/// How long connecting may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// How long an idle connection is kept: shorter than servers usually do, since a request on a connection that the
/// server is just closing has an unknown outcome.
const IDLE_TIMEOUT: Duration = Duration::from_secs(15);
/// How much of an answer that is none is shown.
const SHOWN_MAX_CHARS: usize = 200;

/// No HTTPS client can be made on this machine.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("HTTPS cannot be used: {0}")]
pub struct HttpsError(String);

/// Whether requests are signed.
#[derive(Clone)]
enum Auth {
    /// With the key that the ring holds at that moment.
    Key(Arc<Keyring>),
    /// Not: the request itself proves who sends it (1312/73070 AssumeRoleWithWebIdentity).
    Skip,
}

/// Sends requests to the real service, or to one that speaks like it.
pub struct Https {
    client: reqwest::Client,
    hosts: Hosts,
    auth: Auth,
    clock: Arc<dyn Clock>,
}

impl Https {
    /// A transport to these hosts, signing with the keys of a ring.
    ///
    /// # Errors
    /// When the machine's certificates cannot be read.
    pub fn new(hosts: Hosts, keys: Arc<Keyring>, clock: Arc<dyn Clock>) -> Result<Self, HttpsError> {
        Self::with(hosts, Auth::Key(keys), clock, CALL_TIMEOUT)
    }

    /// A transport whose requests are not signed.
    pub(super) fn unsigned(hosts: Hosts, clock: Arc<dyn Clock>) -> Result<Self, HttpsError> {
        Self::with(hosts, Auth::Skip, clock, CALL_TIMEOUT)
    }

    fn with(hosts: Hosts, auth: Auth, clock: Arc<dyn Clock>, timeout: Duration) -> Result<Self, HttpsError> {
        let mut builder = reqwest::Client::builder()
            .user_agent(concat!("goldform/", env!("CARGO_PKG_VERSION")))
            .timeout(timeout)
            .connect_timeout(CONNECT_TIMEOUT.min(timeout))
            .pool_idle_timeout(IDLE_TIMEOUT)
            .http1_only()
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .referer(false);
        if hosts.is_loopback() {
            builder = builder.no_proxy();
        }
        if hosts.is_plain() {
            // Reading the machine's certificates takes time and can fail, and nothing here would use them.
            builder = builder.tls_certs_only([]);
        }
        let client = builder.build().map_err(|error| HttpsError(told(error)))?;
        Ok(Self { client, hosts, auth, clock })
    }

    /// The key to sign with; nothing where requests are not signed.
    async fn credentials(&self) -> Result<Option<Credentials>, TransportError> {
        match &self.auth {
            Auth::Key(keys) => match keys.current().await {
                Ok(credentials) => Ok(Some(credentials)),
                Err(error) => Err(TransportError::NoCredentials(error.to_string())),
            },
            Auth::Skip => Ok(None),
        }
    }

    /// Reads the body of an answer, up to the bound.
    async fn body(response: reqwest::Response) -> Result<Vec<u8>, TransportError> {
        let too_long = || {
            TransportError::OutcomeUnknown(format!(
                "the answer is longer than the {ANSWER_MAX_BYTES} bytes that are read"
            ))
        };
        let mut response = response;
        let mut body = Vec::new();
        loop {
            let chunk = response.chunk().await.map_err(|error| {
                TransportError::OutcomeUnknown(format!("the answer broke off: {}", told(error)))
            })?;
            let Some(chunk) = chunk else { return Ok(body) };
            if body.len().saturating_add(chunk.len()) > ANSWER_MAX_BYTES {
                return Err(too_long());
            }
            body.extend_from_slice(&chunk);
        }
    }

    /// The key was refused as expired: the next request asks its source again.
    async fn heed(&self, answer: &[u8]) {
        let Auth::Key(keys) = &self.auth else { return };
        let expired = envelope::verdict(answer)
            .ok()
            .and_then(|verdict| verdict.refusal)
            .is_some_and(|refusal| refusal.code == "AuthFailure.TokenFailure");
        if expired {
            keys.forget().await;
        }
    }
}

const TOKEN: HeaderName = HeaderName::from_static("x-tc-token");

#[async_trait]
impl Transport for Https {
    async fn send(&self, request: Request) -> Result<Vec<u8>, TransportError> {
        let address = self.hosts.address(request.service, request.region.as_ref());
        let credentials = self.credentials().await?;
        // Fetching them can take a while, so the moment of signing is read after.
        let sent = self.clock.now();
        let headers = headers(&request, &address, sent, credentials.as_ref())?;
        let response = self
            .client
            .post(&address.url)
            .headers(headers)
            .body(request.body)
            .send()
            .await
            .map_err(|error| not_answered(&address.host, error))?;
        let status = response.status();
        let date = response.headers().get(DATE).and_then(|date| date.to_str().ok()).map(str::to_owned);
        let body = Self::body(response).await?;
        if status != reqwest::StatusCode::OK {
            return Err(TransportError::OutcomeUnknown(format!(
                "{} answered with HTTP status {status}{}",
                address.host,
                beginning(&body)
            )));
        }
        self.heed(&body).await;
        Ok(skew::told(body, date.as_deref(), sent, self.clock.now()))
    }
}

/// Every header of a request; the signature covers those that make it one request to one service.
fn headers(
    request: &Request,
    address: &Address,
    at: Timestamp,
    credentials: Option<&Credentials>,
) -> Result<HeaderMap, TransportError> {
    let Request { service, action, region, body } = request;
    let authorization = match credentials {
        Some(credentials) => Signed {
            method: "POST",
            query: "",
            headers: &[
                ("content-type", "application/json"),
                ("host", &address.host),
                ("x-tc-action", action),
            ],
            payload: body,
            service: service.host_label(),
            at,
        }
        .authorization(credentials.secret_id.reveal(), credentials.secret_key.reveal()),
        None => "SKIP".to_owned(),
    };
    let timestamp = at.as_second().to_string();
    let token = credentials.and_then(|credentials| credentials.token.as_ref());
    let secret = [(AUTHORIZATION, Some(authorization.as_str())), (TOKEN, token.map(Secret::reveal))];
    let open = [
        (HOST, Some(address.host.as_str())),
        (CONTENT_TYPE, Some("application/json")),
        (HeaderName::from_static("x-tc-action"), Some(action.as_str())),
        (HeaderName::from_static("x-tc-version"), Some(service.version())),
        (HeaderName::from_static("x-tc-timestamp"), Some(timestamp.as_str())),
        (HeaderName::from_static("x-tc-region"), region.as_ref().map(|region| region.as_str())),
        // Zone and region names come in the language of the header; the default is Chinese.
        (HeaderName::from_static("x-tc-language"), Some("en-US")),
        (
            HeaderName::from_static("x-tc-requestclient"),
            Some(concat!("goldform_", env!("CARGO_PKG_VERSION"))),
        ),
    ];
    let mut headers = HeaderMap::new();
    for (name, value) in open {
        let Some(value) = value else { continue };
        let value = HeaderValue::from_str(value)
            .map_err(|_| TransportError::NotSent(format!("the value of {name} cannot be a header")))?;
        headers.insert(name, value);
    }
    for (name, value) in secret {
        let Some(value) = value else { continue };
        let mut value = HeaderValue::from_str(value).map_err(|_| {
            TransportError::NoCredentials(
                "the key or the token holds characters that no key of the service has".to_owned(),
            )
        })?;
        value.set_sensitive(true);
        headers.insert(name, value);
    }
    Ok(headers)
}

/// What a failure to get an answer says about the request.
fn not_answered(host: &str, error: reqwest::Error) -> TransportError {
    // Connecting comes before sending: name resolution, TCP, the proxy's consent and TLS are all in it.
    let not_sent = error.is_connect() || error.is_builder();
    let message = format!("no answer from {host}: {}", told(error));
    if not_sent { TransportError::NotSent(message) } else { TransportError::OutcomeUnknown(message) }
}

/// An error with its causes, and without the address (whose query is no secret here, but may be one day).
fn told(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let reason = error.to_string();
        if !text.contains(&reason) {
            text.push_str(": ");
            text.push_str(&reason);
        }
        cause = error.source();
    }
    text
}

/// The beginning of an answer that is none, on one line.
fn beginning(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body.get(..4 * SHOWN_MAX_CHARS).unwrap_or(body));
    let words: Vec<_> =
        text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|w| !w.is_empty()).collect();
    let line: String = words.join(" ").chars().take(SHOWN_MAX_CHARS).collect();
    if line.is_empty() { String::new() } else { format!(": {line}") }
}

/// Returns whether a text is the address of a proxy that can be used. reqwest passes over one that cannot.
pub fn is_proxy(address: &str) -> bool {
    let Ok(uri) = address.parse::<hyper::Uri>() else { return false };
    uri.authority().is_some() && uri.scheme_str().is_none_or(|scheme| matches!(scheme, "http" | "https"))
}

#[cfg(test)]
mod tests;

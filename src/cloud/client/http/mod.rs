//! Transport to the real service over HTTPS: one signed POST per request.
//!
//! ```text
//!  Request ─▶ host ─▶ sign ─▶ POST / ─▶ status 200? ─▶ bounded body ─▶ skew ─▶ envelope
//!                      ▲
//!                   Keyring
//! ```
//!
//! - The signed bytes are the sent bytes.
//! - A request is sent once: redirects are not followed, and the HTTP client does not retry.
//! - [`TransportError::NotSent`] is returned only if no connection was established. After that the outcome is unknown,
//!   even with a status other than 200, because a proxy may have sent it.
//! - reqwest finds proxies and private root certificates (`HTTPS_PROXY`, `NO_PROXY`, `SSL_CERT_FILE`). A loopback
//!   endpoint never uses a proxy.

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

/// Maximum time of a call, as in the official SDKs.
pub const CALL_TIMEOUT: Duration = Duration::from_secs(60);
/// Maximum time to connect.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Maximum idle time of a connection. It is shorter than that of most servers, because a request on a connection that
/// the server is closing has an unknown outcome.
const IDLE_TIMEOUT: Duration = Duration::from_secs(15);
/// Maximum length of the part of a malformed answer that a message repeats.
const SHOWN_MAX_CHARS: usize = 200;

/// HTTPS is not available on this machine.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("HTTPS cannot be used: {0}")]
pub struct HttpsError(String);

/// Authentication of requests.
#[derive(Clone)]
enum Auth {
    /// Requests are signed with the current key of the ring.
    Key(Arc<Keyring>),
    /// Requests are not signed, because they contain a token (1312/73070 AssumeRoleWithWebIdentity).
    Skip,
}

/// Transport to the real service, or to another endpoint with the same protocol.
pub struct Https {
    client: reqwest::Client,
    hosts: Hosts,
    auth: Auth,
    clock: Arc<dyn Clock>,
}

impl Https {
    /// Creates a transport that signs its requests with the keys of a ring.
    ///
    /// # Errors
    /// If the certificates of the machine cannot be read.
    pub fn new(hosts: Hosts, keys: Arc<Keyring>, clock: Arc<dyn Clock>) -> Result<Self, HttpsError> {
        Self::with(hosts, Auth::Key(keys), clock, CALL_TIMEOUT)
    }

    /// Creates a transport that does not sign its requests.
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
            // Plain HTTP needs no certificates of the machine, and reading them takes time and can fail.
            builder = builder.tls_certs_only([]);
        }
        let client = builder.build().map_err(|error| HttpsError(with_causes(error)))?;
        Ok(Self { client, hosts, auth, clock })
    }

    /// Returns the key for signing. `None` if requests are not signed.
    async fn credentials(&self) -> Result<Option<Credentials>, TransportError> {
        match &self.auth {
            Auth::Key(keys) => match keys.current().await {
                Ok(credentials) => Ok(Some(credentials)),
                Err(error) => Err(TransportError::NoCredentials(error.to_string())),
            },
            Auth::Skip => Ok(None),
        }
    }

    /// Reads the body of an answer, up to [`ANSWER_MAX_BYTES`].
    async fn body(response: reqwest::Response) -> Result<Vec<u8>, TransportError> {
        let too_long = || {
            TransportError::OutcomeUnknown(format!(
                "the answer is longer than the maximum of {ANSWER_MAX_BYTES} bytes"
            ))
        };
        let mut response = response;
        let mut body = Vec::new();
        loop {
            let chunk = response.chunk().await.map_err(|error| {
                TransportError::OutcomeUnknown(format!("the answer is incomplete: {}", with_causes(error)))
            })?;
            let Some(chunk) = chunk else { return Ok(body) };
            if body.len().saturating_add(chunk.len()) > ANSWER_MAX_BYTES {
                return Err(too_long());
            }
            body.extend_from_slice(&chunk);
        }
    }

    /// Drops the key if the service refused it as expired, so that the next request gets a new one.
    async fn forget_expired_key(&self, answer: &[u8]) {
        let Auth::Key(keys) = &self.auth else { return };
        let expired = envelope::status(answer)
            .ok()
            .and_then(|status| status.refusal)
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
        // Fetching a key can take seconds, so the time of the signature is read after it.
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
        self.forget_expired_key(&body).await;
        Ok(skew::with_skew(body, date.as_deref(), sent, self.clock.now()))
    }
}

/// Returns the headers of a request. The signature covers host, action and content type.
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
        // Language of the names of zones and regions. The default is Chinese.
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
                "the key or the token contains a character that is not allowed in a header".to_owned(),
            )
        })?;
        value.set_sensitive(true);
        headers.insert(name, value);
    }
    Ok(headers)
}

/// Converts a failure to get an answer. The request was not sent if the failure was one of connecting.
fn not_answered(host: &str, error: reqwest::Error) -> TransportError {
    // Connecting includes name resolution, TCP, the proxy and TLS, and comes before sending.
    let not_sent = error.is_connect() || error.is_builder();
    let message = format!("no answer from {host}: {}", with_causes(error));
    if not_sent { TransportError::NotSent(message) } else { TransportError::OutcomeUnknown(message) }
}

/// Formats an error with its causes, and without the URL, whose query might become secret one day.
fn with_causes(error: reqwest::Error) -> String {
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

/// Returns the beginning of a malformed answer on one line.
fn beginning(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body.get(..4 * SHOWN_MAX_CHARS).unwrap_or(body));
    let words: Vec<_> =
        text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|w| !w.is_empty()).collect();
    let line: String = words.join(" ").chars().take(SHOWN_MAX_CHARS).collect();
    if line.is_empty() { String::new() } else { format!(": {line}") }
}

/// Returns whether a text is a valid address of a proxy. reqwest ignores an invalid one.
pub fn is_proxy(address: &str) -> bool {
    let Ok(uri) = address.parse::<hyper::Uri>() else { return false };
    uri.authority().is_some() && uri.scheme_str().is_none_or(|scheme| matches!(scheme, "http" | "https"))
}

#[cfg(test)]
mod tests;

//! One HTTP request with its whole body.

use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use hyper::body::{Body, Bytes};
use hyper::header::{HOST, HeaderMap};
use hyper::http::request::Parts;
use hyper::{Method, Request};
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::cloud::Service;

/// The largest body that is read, in bytes (published for TC3 POST requests).
const BODY_MAX: u64 = 10 * 1024 * 1024;
/// The largest body that is read and discarded, in bytes. Most clients send all of a body before they read the answer,
/// and never see it if the connection closes before that.
const DISCARDED_MAX: u64 = 2 * BODY_MAX;
/// The largest body of which any number may be in memory, in bytes. Calls of official clients are smaller.
const SMALL_BODY_MAX: u64 = 64 * 1024;

/// Received request.
#[derive(Debug)]
pub(super) struct Received {
    /// Method of the request.
    pub(super) method: Method,
    /// Query as it was sent, percent-encoded.
    pub(super) query: String,
    /// Called host as it was sent.
    pub(super) host: String,
    headers: HeaderMap,
    /// Body as it was sent.
    pub(super) body: Bytes,
}

/// Reason why a request cannot be read.
pub(super) enum ReadError {
    /// The body is larger than 10 MB.
    TooLarge,
    /// The connection is closed.
    Disconnected,
}

impl Received {
    /// Reads the body of a request. A large one takes a permit, which is returned with it and held as long as it is.
    ///
    /// # Errors
    /// If the body is too large or incomplete.
    pub(super) async fn read<B>(
        request: Request<B>,
        large: &Semaphore,
    ) -> Result<(Self, Option<SemaphorePermit<'_>>), ReadError>
    where
        B: Body,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let (Parts { method, uri, headers, .. }, body) = request.into_parts();
        let size = body.size_hint();
        if size.lower() > BODY_MAX {
            if size.lower() <= DISCARDED_MAX {
                discard(body).await;
            }
            return Err(ReadError::TooLarge);
        }
        let is_large = size.upper().is_none_or(|upper| upper > SMALL_BODY_MAX);
        let permit = if is_large { large.acquire().await.ok() } else { None };
        let most = usize::try_from(BODY_MAX).unwrap_or(usize::MAX);
        let body = match Limited::new(body, most).collect().await {
            Ok(body) => body.to_bytes(),
            Err(error) if error.is::<LengthLimitError>() => return Err(ReadError::TooLarge),
            Err(_) => return Err(ReadError::Disconnected),
        };
        let authority = || uri.authority().map(|authority| authority.as_str().to_owned());
        let host = text(&headers, HOST.as_str()).or_else(authority).unwrap_or_default();
        let query = uri.query().unwrap_or_default().to_owned();
        Ok((Self { method, query, host, headers, body }, permit))
    }

    /// Returns the value of a header. `None` if the request has no such header.
    pub(super) fn header(&self, name: &str) -> Option<String> {
        if name == "host" { Some(self.host.clone()) } else { text(&self.headers, name) }
    }

    /// Returns the value of a header, empty if the request has no such header.
    pub(super) fn header_or_empty(&self, name: &str) -> String {
        self.header(name).unwrap_or_default()
    }

    /// Returns the action. Old clients write its first letter in lower case.
    pub(super) fn action(&self) -> String {
        let name = self.header_or_empty("x-tc-action");
        let mut letters = name.trim().chars();
        letters
            .next()
            .map_or_else(String::new, |first| first.to_ascii_uppercase().to_string() + letters.as_str())
    }

    /// Returns the media type of the body, without parameters.
    pub(super) fn media_type(&self) -> String {
        let value = self.header_or_empty("content-type");
        value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
    }

    /// Returns the decoded names and values of the query.
    pub(super) fn pairs(&self) -> Vec<(String, String)> {
        reqwest::Url::parse(&format!("http://localhost/?{}", self.query))
            .map(|url| url.query_pairs().into_owned().collect())
            .unwrap_or_default()
    }

    /// Returns the service that the called host names. `None` if it names none, as an IP address or a custom name does.
    pub(super) fn host_service(&self) -> Option<Service> {
        let (label, rest) = self.host.split_once('.')?;
        service(label).filter(|_| !rest.is_empty())
    }
}

async fn discard<B: Body>(body: B) {
    let mut body = std::pin::pin!(body);
    while let Some(Ok(_)) = body.frame().await {}
}

/// Returns whether a request is an API call. All others are requests for the page.
pub(super) fn is_call(method: &Method, headers: &HeaderMap) -> bool {
    has_api_header(headers) || !matches!(*method, Method::GET | Method::HEAD)
}

/// Returns whether a request has a header that only API calls have.
pub(super) fn has_api_header(headers: &HeaderMap) -> bool {
    headers.contains_key("x-tc-action") || headers.contains_key("authorization")
}

/// Returns the service with a label, as in a host or a credential scope.
pub(super) fn service(label: &str) -> Option<Service> {
    [Service::Cvm, Service::Tag, Service::Sts, Service::Cam, Service::Cbs, Service::Region]
        .into_iter()
        .find(|service| service.host_label() == label)
}

/// Returns the value of a header as text. Bytes that are not UTF-8 are replaced: no signed header contains them.
fn text(headers: &HeaderMap, name: &str) -> Option<String> {
    headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
}

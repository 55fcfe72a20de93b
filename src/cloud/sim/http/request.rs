//! One request as it came, and what its headers say.

use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use hyper::body::{Body, Bytes};
use hyper::header::{HOST, HeaderMap};
use hyper::http::request::Parts;
use hyper::{Method, Request};

use crate::cloud::Service;

/// The largest body that is read, in bytes (published for TC3 POST requests).
const BODY_MAX: usize = 10 * 1024 * 1024;

/// A request with its whole body.
#[derive(Debug)]
pub(super) struct Received {
    pub(super) method: Method,
    /// The query as it was sent, still encoded.
    pub(super) query: String,
    /// The host that was called, as it was sent.
    pub(super) host: String,
    headers: HeaderMap,
    pub(super) body: Bytes,
}

/// Why there is no whole request.
pub(super) enum Unread {
    /// It is larger than what is read.
    TooLarge,
    /// The connection broke.
    Broken,
}

impl Received {
    /// Reads the body of a request.
    pub(super) async fn read<B>(request: Request<B>) -> Result<Self, Unread>
    where
        B: Body,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let (Parts { method, uri, headers, .. }, body) = request.into_parts();
        let body = match Limited::new(body, BODY_MAX).collect().await {
            Ok(body) => body.to_bytes(),
            Err(error) if error.is::<LengthLimitError>() => return Err(Unread::TooLarge),
            Err(_) => return Err(Unread::Broken),
        };
        let authority = || uri.authority().map(|authority| authority.as_str().to_owned());
        let host = text(&headers, HOST.as_str()).or_else(authority).unwrap_or_default();
        Ok(Self { method, query: uri.query().unwrap_or_default().to_owned(), host, headers, body })
    }

    /// The value of a header; nothing: it is not there.
    pub(super) fn header(&self, name: &str) -> Option<String> {
        if name == "host" { Some(self.host.clone()) } else { text(&self.headers, name) }
    }

    /// The value of a header; empty: it is not there.
    pub(super) fn header_or_empty(&self, name: &str) -> String {
        self.header(name).unwrap_or_default()
    }

    /// The action. Old clients spell its first letter small.
    pub(super) fn action(&self) -> String {
        let name = self.header_or_empty("x-tc-action");
        let mut letters = name.trim().chars();
        letters
            .next()
            .map_or_else(String::new, |first| first.to_ascii_uppercase().to_string() + letters.as_str())
    }

    /// The media type of the body, without parameters.
    pub(super) fn media_type(&self) -> String {
        let value = self.header_or_empty("content-type");
        value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
    }

    /// The names and values of the query, decoded.
    pub(super) fn pairs(&self) -> Vec<(String, String)> {
        reqwest::Url::parse(&format!("http://localhost/?{}", self.query))
            .map(|url| url.query_pairs().into_owned().collect())
            .unwrap_or_default()
    }

    /// The service whose host was called; nothing: the host tells none, as an address or a name of one's own does.
    pub(super) fn host_service(&self) -> Option<Service> {
        let (label, rest) = self.host.split_once('.')?;
        service(label).filter(|_| !rest.is_empty())
    }
}

/// Whether a request is a call of the API: every one but a look at the page.
pub(super) fn is_call(method: &Method, headers: &HeaderMap) -> bool {
    let speaks = headers.contains_key("x-tc-action") || headers.contains_key("authorization");
    speaks || !matches!(*method, Method::GET | Method::HEAD)
}

/// The service with this label of a host or a credential scope.
pub(super) fn service(label: &str) -> Option<Service> {
    [Service::Cvm, Service::Tag, Service::Sts, Service::Cam, Service::Cbs, Service::Region]
        .into_iter()
        .find(|service| service.host_label() == label)
}

/// A header's text. Bytes that are no text are replaced: nothing that is signed holds them.
fn text(headers: &HeaderMap, name: &str) -> Option<String> {
    headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
}

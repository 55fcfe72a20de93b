//! HTTP responses: envelopes of API calls, and documents for people.

use http_body_util::Full;
use hyper::body::Bytes;
use hyper::header::{CONNECTION, CONTENT_TYPE, HeaderName, HeaderValue};
use hyper::{Response, StatusCode};

/// Response whose whole body is known.
pub(super) type Answer = Response<Full<Bytes>>;

/// Returns the response to an API call: always 200, and a media type without parameters.
pub(super) fn envelope(bytes: Vec<u8>) -> Answer {
    let mut answer = Response::new(Full::new(Bytes::from(bytes)));
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    answer
}

/// Makes the client close the connection after a response.
pub(super) fn closing(mut answer: Answer) -> Answer {
    answer.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    answer
}

/// Returns a response in plain text.
pub(super) fn plain(status: StatusCode, text: &str) -> Answer {
    document(status, "text/plain; charset=utf-8", text.to_owned())
}

/// Returns a response for people. Browsers must not guess another media type.
pub(super) fn document(status: StatusCode, media_type: &'static str, text: String) -> Answer {
    let mut answer = Response::new(Full::new(Bytes::from(text)));
    *answer.status_mut() = status;
    let headers = answer.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    headers.insert(HeaderName::from_static("x-content-type-options"), HeaderValue::from_static("nosniff"));
    answer
}

//! The protocol of API 3.0, independent of the world: the parts of a call, and the envelope of its answer.
//!
//! The HTTP server fills in a [`Call`] from headers, query and body. A call of this process comes from a request that
//! has these parts already. [`routing`](super::routing) and [`schema`](super::schema) validate a call.

use std::borrow::Cow;

use serde_json::{Map, Value};

use super::refusal::Refusal;
use crate::cloud::Service;

/// Maximum size of a body in bytes (published for TC3 POST requests).
const BODY_MAX: usize = 10 * 1024 * 1024;

/// One call, before validation.
#[derive(Debug, Clone, Copy)]
pub struct Call<'a> {
    /// The service whose host was called.
    pub service: Service,
    /// `X-TC-Action`. Empty: missing.
    pub action: &'a str,
    /// `X-TC-Version`. Empty: missing.
    pub version: &'a str,
    /// `X-TC-Region`. Empty: missing.
    pub region: &'a str,
    /// Parameters as they arrived.
    pub body: Body<'a>,
    /// Whether answers name regions and zones in English (`X-TC-Language: en-US`) instead of Chinese.
    pub english: bool,
}

/// Parameters of a call, not yet parsed.
#[derive(Debug, Clone, Copy)]
pub enum Body<'a> {
    /// A JSON object (POST). An empty body counts as an empty object.
    Json(&'a [u8]),
    /// Decoded names and values (GET), such as `Filters.0.Values.1`. Numbers and booleans are text.
    Query(&'a [(String, String)]),
}

/// Parses the parameters of a call, without regard to the declared types.
///
/// # Errors
/// If the body is larger than 10 MB or is no JSON object.
pub(super) fn read_body(body: Body<'_>) -> Result<Map<String, Value>, Refusal> {
    let bytes = match body {
        Body::Json(bytes) => bytes,
        Body::Query(pairs) => return Ok(super::query::tree(pairs)),
    };
    if bytes.len() > BODY_MAX {
        return Err(Refusal::new("RequestSizeLimitExceeded", "The request is larger than 10 MB."));
    }
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Ok(Map::new());
    }
    match serde_json::from_slice(bytes) {
        Ok(Value::Object(params)) => Ok(params),
        Ok(_) => Err(Refusal::new("InvalidParameter", "The request body is not a JSON object.")),
        Err(error) => {
            Err(Refusal::new("InvalidParameter", format!("The request body is not JSON: {error}.")))
        }
    }
}

/// Answer of an action, without the RequestId.
pub(super) type Reply = Map<String, Value>;

/// Returns the envelope of an answer as JSON.
pub(super) fn envelope(answer: Result<Reply, Refusal>, request_id: &str) -> Vec<u8> {
    let mut response = match answer {
        Ok(reply) => reply,
        Err(refusal) => {
            let mut error = Map::new();
            error.insert("Code".to_owned(), Value::from(refusal.code.into_owned()));
            error.insert("Message".to_owned(), Value::from(refusal.message));
            Map::from_iter([("Error".to_owned(), Value::Object(error))])
        }
    };
    response.insert("RequestId".to_owned(), Value::from(request_id));
    let envelope = Value::Object(Map::from_iter([("Response".to_owned(), Value::Object(response))]));
    // Writing a JSON value to memory cannot fail: its keys are texts and its numbers finite.
    serde_json::to_vec(&envelope).unwrap_or_default()
}

/// Returns the refusal that reports a failure inside the service.
pub(super) fn internal_error() -> Refusal {
    Refusal { code: Cow::Borrowed("InternalError"), message: "An internal error occurred.".to_owned() }
}

/// Returns the parameters as JSON for the log. Queries of URLs are cut off, because they may contain signatures.
pub(super) fn loggable(params: &Map<String, Value>) -> String {
    let has_url = params.contains_key("ImageUrl") || params.contains_key("ImportImageDataDiskList");
    if has_url {
        let mut params = params.clone();
        params.values_mut().for_each(cut_queries);
        serde_json::to_string(&params).unwrap_or_default()
    } else {
        serde_json::to_string(params).unwrap_or_default()
    }
}

fn cut_queries(value: &mut Value) {
    match value {
        Value::String(text) if text.contains("://") => {
            if let Some((url, _)) = text.split_once('?') {
                *text = format!("{url}?…");
            }
        }
        Value::Array(items) => items.iter_mut().for_each(cut_queries),
        Value::Object(fields) => fields.values_mut().for_each(cut_queries),
        _ => {}
    }
}

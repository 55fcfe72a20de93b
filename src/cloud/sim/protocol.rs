//! The protocol of API 3.0, apart from the world behind it: what a call consists of, how it is judged before any
//! action sees it, and the envelope that it is answered with.
//!
//! An HTTP face fills in a [`Call`] from headers, query and body; in process it comes from a request that has
//! its parts already. Judged in this order: action and version named (MissingParameter), version known
//! (NoSuchVersion), action known (InvalidAction), region named where the action needs one (MissingParameter) and
//! known (UnsupportedRegion), body an object of at most 10 MB, then each parameter by its documented type.

use std::borrow::Cow;

use serde_json::{Map, Value};

use super::actions::{self, Action};
use super::geography::{self, Place};
use super::refusal::Refusal;
use super::schema::{self, Args};
use super::settings::Settings;
use crate::cloud::Service;

/// The largest body that is read, in bytes (published for TC3 POST requests).
const BODY_MAX: usize = 10 * 1024 * 1024;

/// One call, before it is judged.
#[derive(Debug, Clone, Copy)]
pub struct Call<'a> {
    /// The service whose host was called.
    pub service: Service,
    /// `X-TC-Action`; empty: not named.
    pub action: &'a str,
    /// `X-TC-Version`; empty: not named.
    pub version: &'a str,
    /// `X-TC-Region`; empty: not named.
    pub region: &'a str,
    /// The parameters.
    pub body: Body<'a>,
    /// Whether names of regions and zones are told in English (`X-TC-Language: en-US`) or in Chinese.
    pub english: bool,
}

/// The parameters of a call as they came.
#[derive(Debug, Clone, Copy)]
pub enum Body<'a> {
    /// A JSON object (POST). No bytes at all stand for an empty object.
    Json(&'a [u8]),
    /// Names and values (GET), decoded: `Filters.0.Values.1`, numbers and booleans as text.
    Query(&'a [(String, String)]),
}

/// The parameters of a call, before anything is known of what the action declares.
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

/// A call that passed: the action, where it is to happen, and that its parameters have the documented types.
pub(super) struct Judged<'a> {
    /// The action.
    pub(super) action: &'static Action,
    /// The region; nothing where the action needs none and none that exists was named.
    pub(super) place: Option<Place<'a>>,
}

/// Finds the action and the region of a call.
pub(super) fn judge<'a>(call: &Call<'_>, settings: &'a Settings) -> Result<Judged<'a>, Refusal> {
    let missing = |name: &str| {
        Err(Refusal::new(
            "MissingParameter",
            format!("The request is missing a required parameter `{name}`."),
        ))
    };
    if call.action.is_empty() {
        return missing("Action");
    }
    if call.version.is_empty() {
        return missing("Version");
    }
    if call.version != call.service.version() {
        return Err(Refusal::new("NoSuchVersion", format!("The version `{}` does not exist.", call.version)));
    }
    let Some(action) = actions::find(call.service, call.action) else {
        return Err(Refusal::new(
            "InvalidAction",
            format!("The request action `{}` does not exist.", call.action),
        ));
    };
    let place = geography::find(settings, call.region);
    if action.regional {
        if call.region.is_empty() {
            return missing("Region");
        }
        if place.is_none() {
            return Err(Refusal::new(
                "UnsupportedRegion",
                format!("The API does not support the requested region `{}`.", call.region),
            ));
        }
    }
    Ok(Judged { action, place })
}

/// Judges the parameters of an action by their documented types.
pub(super) fn judge_params(
    action: &Action,
    params: &mut Map<String, Value>,
    body: Body<'_>,
) -> Result<(), Refusal> {
    if matches!(body, Body::Query(_)) {
        super::query::type_texts(params, action.fields);
    }
    schema::judge(params, action.fields, "")
}

/// What an action answers, besides the RequestId.
pub(super) type Reply = Map<String, Value>;

/// The envelope of an answer.
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

/// The refusal that stands for a failure inside the service.
pub(super) fn internal_error() -> Refusal {
    Refusal { code: Cow::Borrowed("InternalError"), message: "An internal error occurred.".to_owned() }
}

/// The parameters as the log keeps them: as JSON, with the queries of URLs cut off, since they hold signatures.
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

/// Gives an action its parameters.
pub(super) fn args(params: &Map<String, Value>) -> Args<'_> {
    Args(params)
}

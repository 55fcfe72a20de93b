//! Envelope of an answer: `{"Response": {…, "RequestId": …}}`, with an `Error` inside if the service refuses the call.
//!
//! The HTTP status is 200 in both cases. Any bytes are an answer, a refusal or a [`MalformedResponse`]. Nothing panics,
//! and at most [`ANSWER_MAX_BYTES`] are parsed.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use compact_str::CompactString;
use serde::de::value::MapAccessDeserializer;
use serde::de::{DeserializeOwned, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

/// Maximum size of an answer in bytes. A full page of 100 images has about 100 KB, and the service does not send very
/// long answers (`ResponseSizeLimitExceeded`).
pub const ANSWER_MAX_BYTES: usize = 32 << 20;

/// Maximum length of a message of the service in bytes. The rest is cut off.
const MESSAGE_MAX_BYTES: usize = 8 << 10;

/// Refusal of the service, verbatim.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    /// Error code.
    pub(crate) code: CompactString,
    /// Message. Empty if the service sent none.
    pub(crate) message: String,
}

/// Part of an answer that is the same for all actions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ResponseStatus {
    /// Refusal of the call. `None`: success.
    pub(crate) refusal: Option<Refusal>,
    /// Request id.
    pub(crate) request_id: Option<CompactString>,
}

/// Description of the mistake in an answer that is not a valid envelope, or that has the wrong fields.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct MalformedResponse(pub(crate) String);

#[derive(Deserialize)]
#[serde(bound = "T: Deserialize<'de>")]
struct Envelope<T> {
    #[serde(rename = "Response")]
    response: Object<T>,
}

/// A JSON object. Serde also reads a plain struct from a list, so that `{"Response":[]}` would be a success.
struct Object<T>(T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Fields<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for Fields<T> {
            type Value = Object<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
                T::deserialize(MapAccessDeserializer::new(map)).map(Object)
            }
        }

        deserializer.deserialize_map(Fields(PhantomData))
    }
}

#[derive(Deserialize)]
struct ResponseMeta<'a> {
    #[serde(rename = "Error", default, borrow)]
    error: Option<ErrorBody<'a>>,
    #[serde(rename = "RequestId", default, borrow)]
    request_id: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
struct ErrorBody<'a> {
    #[serde(rename = "Code", default, borrow)]
    code: Option<Cow<'a, str>>,
    #[serde(rename = "Message", default, borrow)]
    message: Option<Cow<'a, str>>,
}

/// Parses the common part of an answer and skips the rest, which is fast even for a full page.
///
/// # Errors
/// If the bytes are not a valid envelope.
pub(crate) fn status(bytes: &[u8]) -> Result<ResponseStatus, MalformedResponse> {
    let ResponseMeta { error, request_id } = read(bytes)?;
    let refusal = match error {
        None => None,
        Some(ErrorBody { code, message }) => {
            let code = code
                .filter(|code| !code.is_empty())
                .ok_or_else(|| MalformedResponse("the answer contains an error without a code".to_owned()))?;
            Some(Refusal {
                code: CompactString::new(code),
                message: truncated(message.as_deref().unwrap_or_default()).to_owned(),
            })
        }
    };
    Ok(ResponseStatus { refusal, request_id: request_id.map(CompactString::new) })
}

/// Parses the fields of a successful answer.
///
/// # Errors
/// If the answer does not have the fields of the action.
pub(crate) fn answer<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, MalformedResponse> {
    read(bytes)
}

fn read<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<T, MalformedResponse> {
    if bytes.len() > ANSWER_MAX_BYTES {
        return Err(MalformedResponse(format!(
            "the answer has {} bytes, more than the maximum of {ANSWER_MAX_BYTES}",
            bytes.len()
        )));
    }
    serde_json::from_slice::<Object<Envelope<T>>>(bytes)
        .map(|Object(Envelope { response: Object(fields) })| fields)
        .map_err(|error| MalformedResponse(format!("the answer does not have the documented form: {error}")))
}

/// Truncates a text to at most [`MESSAGE_MAX_BYTES`], between two characters.
fn truncated(text: &str) -> &str {
    text.get(..text.floor_char_boundary(MESSAGE_MAX_BYTES)).unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[derive(Debug, Deserialize, PartialEq)]
    struct Answer {
        #[serde(rename = "ImageId")]
        image_id: Option<String>,
    }

    #[test]
    fn an_answer_without_an_error_is_an_answer() {
        let bytes = br#"{"Response":{"ImageId":"img-6pb6lrmy","New":{"x":[1]},"RequestId":"r-1"}}"#;
        let status = status(bytes).unwrap();
        assert_eq!(status, ResponseStatus { refusal: None, request_id: Some("r-1".into()) });
        assert_eq!(answer::<Answer>(bytes).unwrap().image_id.as_deref(), Some("img-6pb6lrmy"));
    }

    #[test]
    fn a_null_error_is_no_error_and_a_missing_request_id_is_no_failure() {
        let status = status(br#"{"Response":{"Error":null}}"#).unwrap();
        assert_eq!(status, ResponseStatus { refusal: None, request_id: None });
    }

    #[test]
    fn an_error_is_kept_verbatim() {
        let status = status(
            r#"{"Response":{"Error":{"Code":"InvalidImageName.Duplicate","Message":"Der „Name“ \n"},"RequestId":"r"}}"#
                .as_bytes(),
        )
        .unwrap();
        let refusal = status.refusal.unwrap();
        assert_eq!(refusal.code, "InvalidImageName.Duplicate");
        assert_eq!(refusal.message, "Der „Name“ \n");
    }

    #[test]
    fn bytes_that_are_no_envelope_are_malformed() {
        for bytes in [
            &b""[..],
            b"null",
            b"{}",
            b"[]",
            b"[{}]",
            b"<html>502 Bad Gateway</html>",
            b"{\"Response\":null}",
            b"{\"Response\":[]}",
            b"{\"Response\":{\"RequestId\":\"r\"",
            b"{\"Response\":{\"Error\":{}}}",
            b"{\"Response\":{\"Error\":{\"Code\":\"\"}}}",
            b"{\"Response\":{\"Error\":\"no\"}}",
            b"{\"Response\":{\"RequestId\":\"\xff\"}}",
            b"{\"Response\":{}} trailing",
        ] {
            assert!(status(bytes).is_err(), "{}", String::from_utf8_lossy(bytes));
        }
    }

    #[test]
    fn an_answer_that_is_too_long_is_not_parsed() {
        let mut bytes = b"{\"Response\":{}}".to_vec();
        bytes.resize(ANSWER_MAX_BYTES, b' ');
        assert!(status(&bytes).is_ok());
        bytes.push(b' ');
        assert!(status(&bytes).unwrap_err().0.contains("bytes"));
    }

    #[test]
    fn a_very_long_message_is_cut_between_characters() {
        let message = "é".repeat(MESSAGE_MAX_BYTES);
        let bytes = format!(r#"{{"Response":{{"Error":{{"Code":"X","Message":"{message}"}}}}}}"#);
        let kept = status(bytes.as_bytes()).unwrap().refusal.unwrap().message;
        assert!(kept.len() <= MESSAGE_MAX_BYTES && message.starts_with(&kept) && !kept.is_empty());
    }

    #[test]
    fn deep_nesting_is_malformed_and_does_not_overflow() {
        let deep = format!("{{\"Response\":{{\"X\":{}", "[".repeat(200_000));
        assert!(status(deep.as_bytes()).is_err());
    }

    proptest! {
        #[test]
        fn any_bytes_are_a_status_or_an_error(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = status(&bytes);
            let _ = answer::<Answer>(&bytes);
        }

        #[test]
        fn a_mutated_envelope_is_a_status_or_an_error(
            at in any::<proptest::sample::Index>(), with in any::<u8>(), cut in any::<proptest::sample::Index>(),
        ) {
            let mut bytes =
                br#"{"Response":{"Error":{"Code":"A.B","Message":"\u00e9"},"ImageId":null,"RequestId":"r"}}"#.to_vec();
            let at = at.index(bytes.len());
            bytes[at] = with;
            bytes.truncate(cut.index(bytes.len()) + 1);
            let _ = status(&bytes);
            let _ = answer::<Answer>(&bytes);
        }
    }
}

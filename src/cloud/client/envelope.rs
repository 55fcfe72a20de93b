//! The envelope of an answer: `{"Response": {…, "RequestId": …}}`, with an `Error` inside when the service refuses.
//!
//! The HTTP status says nothing (it is 200 either way), so everything is read from here. Any bytes are an answer, a
//! refusal or an [`Unreadable`]: never a panic, and never more than [`ANSWER_MAX_BYTES`] are looked at.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use compact_str::CompactString;
use serde::de::value::MapAccessDeserializer;
use serde::de::{DeserializeOwned, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

/// The longest answer that is read, in bytes. A full page of 100 images is about 100 KB; the service itself refuses
/// to send very long answers (`ResponseSizeLimitExceeded`).
pub const ANSWER_MAX_BYTES: usize = 32 << 20;

/// The longest message of the service that is kept, in bytes.
const MESSAGE_MAX_BYTES: usize = 8 << 10;

/// A refusal, verbatim.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    /// The error code.
    pub(crate) code: CompactString,
    /// The message; empty when the service sent none.
    pub(crate) message: String,
}

/// What every envelope says, whatever was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Verdict {
    /// Why the service refused; nothing when it did what was asked.
    pub(crate) refusal: Option<Refusal>,
    /// The service's id of the request.
    pub(crate) request_id: Option<CompactString>,
}

/// Bytes that are no answer, with what is wrong with them.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Unreadable(pub(crate) String);

#[derive(Deserialize)]
#[serde(bound = "T: Deserialize<'de>")]
struct Envelope<T> {
    #[serde(rename = "Response")]
    response: Object<T>,
}

/// A JSON object, and nothing else: a plain struct of serde would also be read from a list, field by field, so that
/// `{"Response":[]}` would be a success.
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
struct Outside<'a> {
    #[serde(rename = "Error", default, borrow)]
    error: Option<Inside<'a>>,
    #[serde(rename = "RequestId", default, borrow)]
    request_id: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
struct Inside<'a> {
    #[serde(rename = "Code", default, borrow)]
    code: Option<Cow<'a, str>>,
    #[serde(rename = "Message", default, borrow)]
    message: Option<Cow<'a, str>>,
}

/// Reads what every envelope says and skips the rest: cheap, even for a full page.
///
/// # Errors
/// When the bytes are no envelope.
pub(crate) fn verdict(bytes: &[u8]) -> Result<Verdict, Unreadable> {
    let Outside { error, request_id } = read(bytes)?;
    let refusal = match error {
        None => None,
        Some(Inside { code, message }) => {
            let code = code
                .filter(|code| !code.is_empty())
                .ok_or_else(|| Unreadable("the answer holds an error without a code".to_owned()))?;
            Some(Refusal {
                code: CompactString::new(code),
                message: cut(message.as_deref().unwrap_or_default()).to_owned(),
            })
        }
    };
    Ok(Verdict { refusal, request_id: request_id.map(CompactString::new) })
}

/// Reads the fields of an answer that holds no error.
///
/// # Errors
/// When they are not what the action answers.
pub(crate) fn answer<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Unreadable> {
    read(bytes)
}

fn read<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<T, Unreadable> {
    if bytes.len() > ANSWER_MAX_BYTES {
        return Err(Unreadable(format!(
            "the answer has {} bytes, more than the {ANSWER_MAX_BYTES} that are read",
            bytes.len()
        )));
    }
    serde_json::from_slice::<Object<Envelope<T>>>(bytes)
        .map(|Object(Envelope { response: Object(fields) })| fields)
        .map_err(|error| Unreadable(format!("the answer is not what the service sends: {error}")))
}

/// The beginning of a text, at most [`MESSAGE_MAX_BYTES`] long and cut between two characters.
fn cut(text: &str) -> &str {
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
        let verdict = verdict(bytes).unwrap();
        assert_eq!(verdict, Verdict { refusal: None, request_id: Some("r-1".into()) });
        assert_eq!(answer::<Answer>(bytes).unwrap().image_id.as_deref(), Some("img-6pb6lrmy"));
    }

    #[test]
    fn a_null_error_is_no_error_and_a_missing_request_id_is_no_failure() {
        let verdict = verdict(br#"{"Response":{"Error":null}}"#).unwrap();
        assert_eq!(verdict, Verdict { refusal: None, request_id: None });
    }

    #[test]
    fn an_error_is_kept_verbatim() {
        let verdict = verdict(
            r#"{"Response":{"Error":{"Code":"InvalidImageName.Duplicate","Message":"Der „Name“ \n"},"RequestId":"r"}}"#
                .as_bytes(),
        )
        .unwrap();
        let refusal = verdict.refusal.unwrap();
        assert_eq!(refusal.code, "InvalidImageName.Duplicate");
        assert_eq!(refusal.message, "Der „Name“ \n");
    }

    #[test]
    fn what_is_no_envelope_is_unreadable() {
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
            assert!(verdict(bytes).is_err(), "{}", String::from_utf8_lossy(bytes));
        }
    }

    #[test]
    fn an_answer_that_is_too_long_is_not_looked_at() {
        let mut bytes = b"{\"Response\":{}}".to_vec();
        bytes.resize(ANSWER_MAX_BYTES, b' ');
        assert!(verdict(&bytes).is_ok());
        bytes.push(b' ');
        assert!(verdict(&bytes).unwrap_err().0.contains("bytes"));
    }

    #[test]
    fn a_very_long_message_is_cut_between_characters() {
        let message = "é".repeat(MESSAGE_MAX_BYTES);
        let bytes = format!(r#"{{"Response":{{"Error":{{"Code":"X","Message":"{message}"}}}}}}"#);
        let kept = verdict(bytes.as_bytes()).unwrap().refusal.unwrap().message;
        assert!(kept.len() <= MESSAGE_MAX_BYTES && message.starts_with(&kept) && !kept.is_empty());
    }

    #[test]
    fn deep_nesting_is_unreadable_and_does_not_overflow() {
        let deep = format!("{{\"Response\":{{\"X\":{}", "[".repeat(200_000));
        assert!(verdict(deep.as_bytes()).is_err());
    }

    proptest! {
        #[test]
        fn any_bytes_are_a_verdict_or_an_error(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = verdict(&bytes);
            let _ = answer::<Answer>(&bytes);
        }

        #[test]
        fn a_mutated_envelope_is_a_verdict_or_an_error(
            at in any::<proptest::sample::Index>(), with in any::<u8>(), cut in any::<proptest::sample::Index>(),
        ) {
            let mut bytes =
                br#"{"Response":{"Error":{"Code":"A.B","Message":"\u00e9"},"ImageId":null,"RequestId":"r"}}"#.to_vec();
            let at = at.index(bytes.len());
            bytes[at] = with;
            bytes.truncate(cut.index(bytes.len()) + 1);
            let _ = verdict(&bytes);
            let _ = answer::<Answer>(&bytes);
        }
    }
}

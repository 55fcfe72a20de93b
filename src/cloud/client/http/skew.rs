//! Adds the clock skew of this machine to the message of a request that the service refuses because of it.
//!
//! The service refuses a timestamp that differs by more than five minutes (common parameters, X-TC-Timestamp) with
//! `AuthFailure.SignatureExpire`, without the difference. The `Date` header of the same answer shows it.

use jiff::Timestamp;
use serde_json::Value;

use crate::cloud::ErrorKind;
use crate::cloud::client::codes;
use crate::cloud::client::envelope;
use crate::cloud::client::wire::Effect;

/// Returns the answer. If it refuses the timestamp, the skew is appended to its message.
pub(super) fn with_skew(
    answer: Vec<u8>,
    date: Option<&str>,
    sent: Timestamp,
    received: Timestamp,
) -> Vec<u8> {
    let refused = envelope::status(&answer)
        .ok()
        .and_then(|status| status.refusal)
        .is_some_and(|refusal| codes::kind_of(&refusal.code, Effect::Read) == ErrorKind::Clock);
    if !refused {
        return answer;
    }
    date.and_then(|date| with_note(&answer, &note(date, sent, received)?)).unwrap_or(answer)
}

/// Returns the note about the skew. `None` if the date is malformed or shows no skew.
fn note(date: &str, sent: Timestamp, received: Timestamp) -> Option<String> {
    let theirs = http_date(date)?.as_second();
    // The service wrote the date between these two times. Any date between them means no skew.
    let (by, direction) = if theirs < sent.as_second() {
        (sent.as_second().saturating_sub(theirs), "ahead of")
    } else if theirs > received.as_second() {
        (theirs.saturating_sub(received.as_second()), "behind")
    } else {
        return None;
    };
    Some(format!("the clock of this machine is {by} seconds {direction} the service's, which allows 300"))
}

/// Parses the date of a header, such as `Tue, 14 Nov 2023 22:13:20 GMT`.
fn http_date(text: &str) -> Option<Timestamp> {
    jiff::fmt::rfc2822::parse(text.trim()).ok().map(|zoned| zoned.timestamp())
}

fn with_note(answer: &[u8], note: &str) -> Option<Vec<u8>> {
    let mut value: Value = serde_json::from_slice(answer).ok()?;
    let error = value.get_mut("Response")?.get_mut("Error")?.as_object_mut()?;
    let message = error.get("Message").and_then(Value::as_str).unwrap_or_default();
    let message = if message.is_empty() { note.to_owned() } else { format!("{message} ({note})") };
    error.insert("Message".to_owned(), message.into());
    serde_json::to_vec(&value).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const DATE: &str = "Tue, 14 Nov 2023 22:13:20 GMT";
    const NOON: i64 = 1_700_000_000;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn refusal(code: &str) -> Vec<u8> {
        format!(r#"{{"Response":{{"Error":{{"Code":"{code}","Message":"expired"}},"RequestId":"r"}}}}"#)
            .into_bytes()
    }

    fn message(sent: i64, received: i64) -> String {
        let answer = with_skew(refusal("AuthFailure.SignatureExpire"), Some(DATE), at(sent), at(received));
        let status = envelope::status(&answer).unwrap();
        assert_eq!(status.request_id.as_deref(), Some("r"));
        status.refusal.unwrap().message
    }

    #[test]
    fn the_message_of_a_refused_timestamp_contains_the_skew() {
        assert_eq!(
            message(NOON - 412, NOON - 411),
            "expired (the clock of this machine is 411 seconds behind the service's, which allows 300)"
        );
        assert_eq!(
            message(NOON + 3600, NOON + 3601),
            "expired (the clock of this machine is 3600 seconds ahead of the service's, which allows 300)"
        );
        assert_eq!(message(NOON - 1, NOON + 1), "expired");
    }

    #[test]
    fn every_other_answer_is_unchanged() {
        for answer in
            [refusal("AuthFailure.SignatureFailure"), b"{\"Response\":{}}".to_vec(), b"<html>".to_vec()]
        {
            assert_eq!(with_skew(answer.clone(), Some(DATE), at(0), at(0)), answer);
        }
        let expired = refusal("AuthFailure.SignatureExpire");
        for date in [None, Some("yesterday"), Some("")] {
            assert_eq!(with_skew(expired.clone(), date, at(0), at(0)), expired);
        }
    }
}

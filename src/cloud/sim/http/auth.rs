//! Authentication: checks the signature of a request with the known keys.
//!
//! The order of the checks: form of the header (AuthFailure.InvalidAuthorization), presence of the timestamp
//! (MissingParameter), key (AuthFailure.SecretIdNotFound), clock (AuthFailure.SignatureExpire), signature
//! (AuthFailure.SignatureFailure). Messages contain a fix.

use jiff::Timestamp;

use super::keys::Keys;
use super::request::{self, Received};
use crate::cloud::Service;
use crate::cloud::client::sign::Signed;
use crate::cloud::sim::refusal::Refusal;
use crate::model::AccountId;

/// Maximum skew of a timestamp in seconds (common parameters, X-TC-Timestamp).
const WINDOW: u64 = 300;

const ALGORITHM: &str = "TC3-HMAC-SHA256";

/// Value that a client signs instead of the hash of the body.
const UNSIGNED: &str = "UNSIGNED-PAYLOAD";

/// The only action without a key (1312/73070): its token identifies the caller.
const UNSIGNED_ACTION: &str = "AssumeRoleWithWebIdentity";

/// Caller and called service.
#[derive(Debug)]
pub(super) struct Caller {
    /// Main account. `None`: the action needs no key.
    pub(super) account: Option<AccountId>,
    /// Called service.
    pub(super) service: Service,
}

/// Parts of an `Authorization` header.
#[derive(Debug, PartialEq, Eq)]
struct Authorization<'a> {
    secret_id: &'a str,
    date: &'a str,
    service: &'a str,
    signed: Vec<&'a str>,
    signature: &'a str,
}

/// Identifies the caller by the signature.
pub(super) fn identify(keys: &Keys, received: &Received, now: Timestamp) -> Result<Caller, Refusal> {
    let header = received.header_or_empty("authorization");
    if header == "SKIP" {
        return if received.action() == UNSIGNED_ACTION {
            Ok(Caller { account: None, service: Service::Sts })
        } else {
            Err(malformed(&format!("only {UNSIGNED_ACTION} uses `SKIP`: sign every other call")))
        };
    }
    let authorization = parse(&header)?;
    let Authorization { secret_id, date, service, signed, signature } = &authorization;
    let at = timestamp(received)?;
    let Some(key) = keys.find(secret_id) else {
        return Err(Refusal::new(
            "AuthFailure.SecretIdNotFound",
            "The SecretId is not found, please ensure that your SecretId is correct: `sandbox serve` accepts \
             the keys of --account, or the key that it printed.",
        ));
    };
    if now.as_second().abs_diff(at.as_second()) > WINDOW {
        return Err(Refusal::new(
            "AuthFailure.SignatureExpire",
            format!(
                "The signature has expired: X-TC-Timestamp is {}, the service's time is {}, and they may differ by \
                 {WINDOW} seconds. Set the clock.",
                at.as_second(),
                now.as_second()
            ),
        ));
    }
    if *date != at.strftime("%Y-%m-%d").to_string() {
        return Err(wrong("the date of the credential scope is not the UTC date of X-TC-Timestamp"));
    }
    let mut headers = Vec::with_capacity(signed.len());
    for name in signed {
        let Some(value) = received.header(name) else {
            return Err(wrong(&format!("the signed header `{name}` is missing")));
        };
        headers.push((*name, value));
    }
    let headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let is_unsigned = received.header("x-tc-content-sha256").is_some_and(|value| value == UNSIGNED);
    let signed = Signed {
        method: received.method.as_str(),
        query: &received.query,
        headers: &headers,
        payload: if is_unsigned { UNSIGNED.as_bytes() } else { &received.body },
        service,
        at,
    };
    if !signed.is_signed_by(key.secret_key.reveal(), signature) {
        return Err(wrong("the key or a signed part (method, query, headers, body) differs"));
    }
    let called = received.host_service();
    match request::service(service) {
        Some(service) if called.is_none_or(|called| called == service) => {
            Ok(Caller { account: Some(key.account), service })
        }
        Some(_) => Err(wrong("the service of the credential scope is not that of the host")),
        None => Err(Refusal::new(
            "NoSuchProduct",
            format!("The product `{service}` is not available in the sandbox."),
        )),
    }
}

/// Returns the parts of an `Authorization` header (key, date, service, signed headers, signature), or the error code.
#[cfg(any(test, feature = "testing"))]
pub fn authorization_parts(header: &str) -> Result<[String; 5], String> {
    let Authorization { secret_id, date, service, signed, signature } =
        parse(header).map_err(|refusal| refusal.code.into_owned())?;
    Ok([secret_id, date, service, &signed.join(";"), signature].map(str::to_owned))
}

fn parse(header: &str) -> Result<Authorization<'_>, Refusal> {
    if header.is_empty() {
        return Err(malformed("it is missing: sign the request"));
    }
    let Some(fields) = header.strip_prefix(ALGORITHM).filter(|rest| rest.starts_with(' ')) else {
        return Err(malformed(&format!("it does not begin with `{ALGORITHM} `: use signature v3")));
    };
    let (mut credential, mut signed, mut signature) = (None, None, None);
    for field in fields.split(',') {
        let place = match field.trim().split_once('=') {
            Some(("Credential", value)) => (&mut credential, value),
            Some(("SignedHeaders", value)) => (&mut signed, value),
            Some(("Signature", value)) => (&mut signature, value),
            _ => return Err(malformed("it contains more than Credential, SignedHeaders and Signature")),
        };
        if place.0.replace(place.1.trim()).is_some() {
            return Err(malformed("a part appears twice"));
        }
    }
    let (Some(credential), Some(signed), Some(signature)) = (credential, signed, signature) else {
        return Err(malformed("it lacks one of Credential, SignedHeaders and Signature"));
    };
    let mut scope = credential.rsplitn(4, '/');
    let (Some("tc3_request"), Some(service), Some(date), Some(secret_id)) =
        (scope.next(), scope.next(), scope.next(), scope.next())
    else {
        return Err(malformed("Credential is not SecretId/date/service/tc3_request"));
    };
    if [service, date, secret_id].contains(&"") {
        return Err(malformed("Credential is not SecretId/date/service/tc3_request"));
    }
    let signed: Vec<&str> = signed.split(';').collect();
    let has = |name: &str| signed.contains(&name);
    if !has("content-type") || !has("host") {
        return Err(malformed("SignedHeaders lacks content-type or host"));
    }
    // The documents require lower case and alphabetical order. The order is not checked: the signature covers it.
    if signed.iter().any(|name| name.is_empty() || name.bytes().any(|b| b.is_ascii_uppercase())) {
        return Err(malformed("SignedHeaders contains a name that is empty or not in lower case"));
    }
    if signature.len() != 64 || !signature.bytes().all(|b| b.is_ascii_hexdigit() && !b.is_ascii_uppercase()) {
        return Err(malformed("Signature is not 64 digits of lower-case hexadecimal"));
    }
    Ok(Authorization { secret_id, date, service, signed, signature })
}

fn timestamp(received: &Received) -> Result<Timestamp, Refusal> {
    let Some(text) = received.header("x-tc-timestamp").filter(|text| !text.is_empty()) else {
        return Err(Refusal::new(
            "MissingParameter",
            "The request is missing a required parameter `Timestamp`.",
        ));
    };
    text.parse().ok().and_then(|second| Timestamp::from_second(second).ok()).ok_or_else(|| {
        Refusal::new("InvalidParameter", "The value type of parameter `Timestamp` is not Integer.")
    })
}

fn malformed(reason: &str) -> Refusal {
    Refusal::new(
        "AuthFailure.InvalidAuthorization",
        format!("The Authorization header does not have the documented form: {reason}."),
    )
}

fn wrong(reason: &str) -> Refusal {
    Refusal::new(
        "AuthFailure.SignatureFailure",
        format!(
            "The provided credentials could not be validated. Please check your signature is correct: {reason}."
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_is_read_with_and_without_blanks_and_every_other_form_is_refused() {
        let signature = "0a".repeat(32);
        let good = format!(
            "TC3-HMAC-SHA256 Credential=AKID/2023-11-14/cvm/tc3_request, SignedHeaders=content-type;host, \
             Signature={signature}"
        );
        let authorization = parse(&good).unwrap();
        assert_eq!((authorization.secret_id, authorization.service), ("AKID", "cvm"));
        assert_eq!(parse(&good.replace(", ", ",")).unwrap(), authorization);
        for (from, to) in [
            ("TC3-HMAC-SHA256", "HmacSHA1"),
            ("TC3-HMAC-SHA256 ", "TC3-HMAC-SHA256"),
            ("AKID/", "/"),
            ("AKID/", ""),
            ("/cvm/", "/"),
            ("tc3_request", "aws4_request"),
            ("content-type;host", "content-type"),
            ("content-type;host", "host"),
            ("content-type;host", "Content-Type;content-type;host"),
            ("content-type;host", "content-type;;host"),
            (", Signature=", ", Signature=ff, Signature="),
            ("Signature=0a", "Signature=0A"),
            ("Signature=0a", "Signature="),
            ("SignedHeaders=", "Headers="),
            (", SignedHeaders=content-type;host", ""),
        ] {
            let bad = good.replacen(from, to, 1);
            assert_ne!(bad, good, "{from}");
            assert_eq!(parse(&bad).unwrap_err().code, "AuthFailure.InvalidAuthorization", "{bad}");
        }
    }
}

//! Any bytes as a request to the sandbox's server.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::cloud::client::sign::Signed;
use crate::cloud::sim::http::{ApiService, Key, Limits, authorization_parts, serve_stream};
use crate::cloud::sim::{Settings, Sim};
use crate::model::ManualClock;

const HOST: &str = "127.0.0.1:9733";
const ID: &str = "AKIDfuzz";
const KEY: &str = "fuzz-key";

/// A header that is accepted has all parts, and means the same when it is written from them. A request with it is
/// executed only if its signature is the right one.
pub(super) fn signature_header(bytes: &[u8]) {
    let Ok(header) = std::str::from_utf8(bytes) else { return };
    let parts = authorization_parts(header);
    match &parts {
        Ok([id, date, service, signed, signature]) => {
            for part in [id, date, service, signed, signature] {
                assert!(!part.is_empty(), "{header}");
            }
            assert!(
                signature.len() == 64 && signature.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
            );
            let written = format!(
                "TC3-HMAC-SHA256 Credential={id}/{date}/{service}/tc3_request, SignedHeaders={signed}, \
                 Signature={signature}"
            );
            assert_eq!(authorization_parts(&written), parts, "{written}");
        }
        Err(code) => assert_eq!(code, "AuthFailure.InvalidAuthorization"),
    }
    if header.chars().any(|c| c.is_control()) {
        return;
    }
    let answer = exchange(request("{}", "DescribeImageQuota", header).as_bytes());
    let [Answer { body, .. }] = answer.as_slice() else { panic!("{answer:?}") };
    let refused = body.contains("\"Error\"");
    let is_right = parts.is_ok_and(|[id, date, service, signed, signature]| {
        id == ID
            && (date, service) == ("2026-11-24".to_owned(), "cvm".to_owned())
            && signature == sign("{}", &signed)
    });
    // What is signed may be a header that the request does not have.
    assert!(is_right || refused, "{header}: {body}");
}

/// Requests of any bytes are answered by well-formed answers without a script or a permission for other sites, and none
/// is executed without a signature. `call ACTION`, a line end and a body are sent with one: any parameters have an
/// answer.
pub(super) fn served_request(bytes: &[u8]) {
    let signed = bytes.strip_prefix(b"call ").and_then(|rest| std::str::from_utf8(rest).ok());
    if let Some((action, body)) = signed.and_then(|rest| rest.split_once('\n')) {
        let is_action = !action.is_empty() && action.bytes().all(|byte| byte.is_ascii_alphanumeric());
        if is_action {
            let signature = sign(body, "content-type;host");
            let header = format!(
                "TC3-HMAC-SHA256 Credential={ID}/2026-11-24/cvm/tc3_request, SignedHeaders=content-type;host, \
                 Signature={signature}"
            );
            let answers = exchange(request(body, action, &header).as_bytes());
            let [Answer { status: 200, body, .. }] = answers.as_slice() else { panic!("{answers:?}") };
            let value: Value = serde_json::from_str(body).expect("JSON");
            assert!(value["Response"]["RequestId"].is_string(), "{body}");
            let code = value["Response"]["Error"]["Code"].as_str().unwrap_or_default();
            assert!(!code.starts_with("AuthFailure") && code != "InternalError", "{body}");
        }
        return;
    }
    for Answer { status, head, body } in exchange(bytes) {
        assert!([100, 200, 400, 403, 404, 408, 413, 414, 421, 431].contains(&status), "{status}: {body}");
        assert!(!head.to_ascii_lowercase().contains("access-control-"), "{head}");
        assert!(!body.contains("<script") && !body.contains("<b>"), "{body}");
        if body.starts_with('{') {
            let value: Value = serde_json::from_str(&body).expect("JSON");
            assert!(value["Response"]["Error"]["Code"].is_string(), "a call without a signature: {body}");
        }
    }
}

#[derive(Debug)]
struct Answer {
    status: u16,
    head: String,
    body: String,
}

/// Sends bytes on a connection to a new world, and reads all answers.
fn exchange(bytes: &[u8]) -> Vec<Answer> {
    let now: Timestamp = "2026-11-24T10:00:00Z".parse().expect("a time");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
    let text = runtime.block_on(async {
        let sim = Sim::in_memory(Settings::default()).expect("a world");
        let keys = [format!("100000000001:{ID}:{KEY}")];
        let keys = keys.iter().map(|key| key.parse::<Key>().expect("a key")).collect();
        let api = ApiService::new(sim, keys, Arc::new(ManualClock::at(now)));
        let (mut client, server) = tokio::io::duplex(bytes.len() + 1024);
        client.write_all(bytes).await.expect("room for the request");
        client.shutdown().await.expect("the end of the request");
        let time = Duration::from_secs(2);
        let limits = Limits { connections: 1, head: time, body: time };
        let mut read = Vec::new();
        let (_, answer) = tokio::join!(serve_stream(server, api, limits), client.read_to_end(&mut read));
        answer.expect("the answers");
        String::from_utf8(read).expect("answers are text")
    });
    answers(&text)
}

fn answers(mut text: &str) -> Vec<Answer> {
    let mut found = Vec::new();
    while !text.is_empty() {
        let (head, rest) = text.split_once("\r\n\r\n").expect("a whole head");
        let status = head.strip_prefix("HTTP/1.1 ").or_else(|| head.strip_prefix("HTTP/1.0 "));
        let status = status.and_then(|rest| rest.get(..3)?.parse().ok()).expect("a status");
        let length = head.lines().find_map(|line| {
            let (name, value) = line.split_once(": ")?;
            name.eq_ignore_ascii_case("content-length").then(|| value.parse::<usize>().ok())?
        });
        // An answer to HEAD has a length and no body.
        let length = length.unwrap_or(0).min(rest.len());
        let length = if rest.starts_with("HTTP/1.") { 0 } else { length };
        let (body, rest) = rest.split_at(length);
        found.push(Answer { status, head: head.to_owned(), body: body.to_owned() });
        text = rest;
    }
    found
}

fn request(body: &str, action: &str, authorization: &str) -> String {
    format!(
        "POST / HTTP/1.1\r\nHost: {HOST}\r\nContent-Type: application/json\r\nX-TC-Action: {action}\r\n\
         X-TC-Version: 2017-03-12\r\nX-TC-Region: ap-jakarta\r\nX-TC-Timestamp: 1795514400\r\n\
         Authorization: {authorization}\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// The signature of such a request.
fn sign(body: &str, signed_headers: &str) -> String {
    let value = |name: &str| match name {
        "content-type" => "application/json",
        "host" => HOST,
        "x-tc-version" => "2017-03-12",
        "x-tc-region" => "ap-jakarta",
        "x-tc-timestamp" => "1795514400",
        "x-tc-action" => "DescribeImageQuota",
        "connection" => "close",
        _ => "",
    };
    let length = body.len().to_string();
    let headers: Vec<(&str, &str)> = signed_headers
        .split(';')
        .map(|name| (name, if name == "content-length" { length.as_str() } else { value(name) }))
        .collect();
    let signed = Signed {
        method: "POST",
        query: "",
        headers: &headers,
        payload: body.as_bytes(),
        service: "cvm",
        at: Timestamp::from_second(1_795_514_400).expect("a time"),
    };
    let header = signed.authorization(ID, KEY);
    header.rsplit_once("Signature=").expect("a signature").1.to_owned()
}

use std::future::Future;

use super::super::credentials::CredentialsError;
use super::super::fake::run;
use super::super::loopback::{Deed, Server, answer, response};
use super::super::wire::Effect;
use super::super::{Client, codes};
use super::*;
use crate::cloud::{CloudRead as _, CloudWrite as _, ErrorKind, Service};
use crate::model::ManualClock;

const ID: &str = "AKIDTESTVECTOR0000000000000000000001";
const KEY: &str = "TestVectorSecretKey00000000000001";

fn clock() -> Arc<dyn Clock> {
    Arc::new(ManualClock::at(Timestamp::from_second(1_700_000_000).unwrap()))
}

fn https(endpoint: &str, timeout: Duration) -> Https {
    let credentials =
        Credentials { token: Some(Secret::new("session-token")), ..Credentials::permanent(ID, KEY) };
    let keys = Arc::new(Keyring::fixed(credentials, clock()));
    Https::with(Hosts::at(endpoint).unwrap(), Auth::Key(keys), clock(), timeout).unwrap()
}

fn request() -> Request {
    Request {
        service: Service::Cvm,
        action: "DescribeImages".into(),
        region: Some("ap-jakarta".parse().unwrap()),
        body: "{\"ImageIds\":[\"img-6pb6lrmy\"],\"x\":\"é\"}".into(),
    }
}

/// Sends a request to a server that does one thing, with a second to wait.
fn send_to(deed: Deed) -> Result<Vec<u8>, TransportError> {
    run(async {
        let server = Server::doing([deed]).await;
        https(&server.url(), Duration::from_secs(1)).send(request()).await
    })
}

fn unknown(result: Result<Vec<u8>, TransportError>) -> String {
    match result {
        Err(TransportError::OutcomeUnknown(message)) => message,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_request_carries_the_documented_headers_and_the_signature_of_its_bytes() {
    let (server, body) = run(async {
        let server = Server::doing([response("{\"RequestId\":\"r\"}")]).await;
        let body = https(&server.url(), CALL_TIMEOUT).send(request()).await.unwrap();
        (server, body)
    });
    assert_eq!(body, b"{\"Response\":{\"RequestId\":\"r\"}}");
    let received = server.received().remove(0);
    assert_eq!(received.line, "POST / HTTP/1.1");
    assert_eq!(received.body, request().body);
    for (name, value) in [
        ("host", server.host.as_str()),
        ("content-type", "application/json"),
        ("x-tc-action", "DescribeImages"),
        ("x-tc-version", "2017-03-12"),
        ("x-tc-timestamp", "1700000000"),
        ("x-tc-region", "ap-jakarta"),
        ("x-tc-language", "en-US"),
        ("x-tc-token", "session-token"),
    ] {
        assert_eq!(received.header(name), Some(value), "{name}");
    }
    // Signed again from what arrived, by the header names that the signature itself lists.
    let authorization = received.header("authorization").unwrap();
    let names: Vec<_> = authorization
        .split_once("SignedHeaders=")
        .and_then(|(_, rest)| rest.split_once(','))
        .unwrap()
        .0
        .split(';')
        .collect();
    let headers: Vec<_> = names.iter().map(|name| (*name, received.header(name).unwrap())).collect();
    let again = Signed {
        method: "POST",
        query: "",
        headers: &headers,
        payload: &received.body,
        service: "cvm",
        at: Timestamp::from_second(1_700_000_000).unwrap(),
    };
    assert_eq!(authorization, again.authorization(ID, KEY));
    assert_eq!(names, ["content-type", "host", "x-tc-action"]);
}

#[test]
fn the_charset_of_an_answer_is_ignored() {
    for kind in ["application/json; charset=utf-8", "text/plain", "application/octet-stream"] {
        let deed = answer("200 OK", &format!("Content-Type: {kind}\r\n"), "{\"Response\":{}}");
        assert_eq!(send_to(deed).unwrap(), b"{\"Response\":{}}");
    }
}

#[test]
fn garbage_is_returned_unchanged() {
    assert_eq!(send_to(answer("200 OK", "", "<html>")).unwrap(), b"<html>");
}

#[test]
fn a_status_other_than_200_is_an_unknown_outcome_and_shows_its_beginning() {
    let body = "<html>\r\n<h1>\tBad   Gateway</h1>\u{1b}[31m".to_owned() + &"x".repeat(5000);
    let message = unknown(send_to(answer("502 Bad Gateway", "", &body)));
    assert!(
        message.contains("HTTP status 502 Bad Gateway: <html> <h1> Bad Gateway</h1> [31mxxx"),
        "{message}"
    );
    assert!(message.len() < 400);
}

#[test]
fn a_redirect_is_not_followed() {
    let message = unknown(send_to(answer("302 Found", "location: http://127.0.0.1:1/\r\n", "")));
    assert!(message.contains("302"), "{message}");
}

/// With the request would go the token of a temporary key, and a signature.
#[test]
fn no_redirect_takes_a_request_to_another_host() {
    for status in ["301 Moved", "302 Found", "303 See Other", "307 Temporary", "308 Permanent"] {
        run(async {
            let other = Server::doing([response("{}")]).await;
            let location = format!("location: {}/\r\n", other.url());
            let server = Server::doing([answer(status, &location, "")]).await;
            let message = unknown(https(&server.url(), Duration::from_secs(1)).send(request()).await);
            assert!(message.contains(&status[..3]), "{message}");
            assert_eq!((server.received().len(), other.received().len()), (1, 0), "{status}");
        });
    }
}

#[test]
fn a_refused_connection_means_not_sent() {
    let result = run(async {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        drop(listener);
        https(&url, Duration::from_secs(1)).send(request()).await
    });
    assert!(matches!(result, Err(TransportError::NotSent(_))), "{result:?}");
}

#[test]
fn a_connection_that_is_cut_leaves_the_outcome_unknown() {
    for deed in [
        Deed::CutBefore,
        Deed::CutAfter,
        Deed::Answer(b"HTTP/1.1 200 OK\r\nconte".to_vec()),
        Deed::Answer(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{\"Response\":{}}".to_vec()),
        Deed::Answer(b"this is no HTTP\r\n\r\n".to_vec()),
    ] {
        let message = unknown(send_to(deed));
        assert!(
            message.contains("no answer from 127.0.0.1") || message.contains("is incomplete"),
            "{message}"
        );
    }
}

#[test]
fn a_slow_answer_leaves_the_outcome_unknown() {
    let message = unknown(send_to(Deed::Wait(Duration::from_secs(5))));
    assert!(message.contains("timed out"), "{message}");
}

#[test]
fn an_endless_answer_is_not_read_to_its_end() {
    let message = run(async {
        let server = Server::doing([Deed::Flood(ANSWER_MAX_BYTES + (1 << 20))]).await;
        unknown(https(&server.url(), CALL_TIMEOUT).send(request()).await)
    });
    assert!(message.contains("longer than"), "{message}");
}

#[test]
fn the_error_about_a_wrong_clock_contains_the_skew() {
    let refusal =
        "{\"Response\":{\"Error\":{\"Code\":\"AuthFailure.SignatureExpire\",\"Message\":\"expired\"}}}";
    let error = run(async {
        let deed = answer("200 OK", "Date: Tue, 14 Nov 2023 22:23:20 GMT\r\n", refusal);
        let server = Server::doing([deed]).await;
        let client = Client::new(Arc::new(https(&server.url(), CALL_TIMEOUT)));
        client.caller().await.unwrap_err()
    });
    assert_eq!(error.kind, ErrorKind::Clock);
    assert!(error.message.contains("600 seconds behind"), "{error}");
}

#[test]
fn without_credentials_nothing_is_sent() {
    struct None;

    #[async_trait]
    impl super::super::credentials::CredentialSource for None {
        async fn credentials(&self) -> Result<Credentials, CredentialsError> {
            Err(CredentialsError::Missing { files: vec!["~/.tccli/default.credential".to_owned()] })
        }
    }

    let (server, error) = run(async {
        let server = Server::doing([response("{}")]).await;
        let keys = Arc::new(Keyring::new(Box::new(None), clock()));
        let https = Https::new(Hosts::at(&server.url()).unwrap(), keys, clock()).unwrap();
        let client = Client::new(Arc::new(https));
        let error = client
            .delete_image(&"ap-jakarta".parse().unwrap(), &"img-6pb6lrmy".parse().unwrap(), true)
            .await
            .unwrap_err();
        (server, error)
    });
    assert_eq!(error.kind, ErrorKind::Credentials);
    assert!(error.message.contains("TENCENTCLOUD_SECRET_ID") && error.message.contains(".tccli"));
    assert!(server.received().is_empty());
}

#[test]
fn a_key_with_a_line_break_is_refused_without_being_shown() {
    let error = run(async {
        let keys = Keyring::fixed(Credentials::permanent("AK\nID", "hunter2"), clock());
        let hosts = Hosts::at("http://127.0.0.1:9").unwrap();
        Https::new(hosts, Arc::new(keys), clock()).unwrap().send(request()).await.unwrap_err()
    });
    assert!(matches!(&error, TransportError::NoCredentials(message) if !message.contains("AK")), "{error:?}");
}

#[test]
fn an_expired_token_is_dropped_and_renewed() {
    struct Counting(std::sync::atomic::AtomicU32);

    #[async_trait]
    impl super::super::credentials::CredentialSource for Counting {
        async fn credentials(&self) -> Result<Credentials, CredentialsError> {
            let n = self.0.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
            let token = Some(Secret::new(format!("token-{n}")));
            Ok(Credentials { token, ..Credentials::permanent(ID, KEY) })
        }
    }

    let server = run(async {
        let expired = "{\"Error\":{\"Code\":\"AuthFailure.TokenFailure\",\"Message\":\"m\"}}";
        assert_eq!(codes::kind_of("AuthFailure.TokenFailure", Effect::Write), ErrorKind::Credentials);
        let server = Server::doing([response("{}"), response(expired), response("{}")]).await;
        let keys = Arc::new(Keyring::new(Box::new(Counting(0.into())), clock()));
        let https = Https::new(Hosts::at(&server.url()).unwrap(), keys, clock()).unwrap();
        for _ in 0..3 {
            https.send(request()).await.unwrap();
        }
        server
    });
    let tokens: Vec<_> =
        server.received().iter().map(|r| r.header("x-tc-token").unwrap().to_owned()).collect();
    assert_eq!(tokens, ["token-0", "token-0", "token-1"]);
}

#[test]
fn concurrent_calls_run_in_parallel() {
    run(async {
        let all = Arc::new(tokio::sync::Barrier::new(8));
        let server = Server::doing(vec![Deed::Meet(all); 8]).await;
        let https = Arc::new(https(&server.url(), CALL_TIMEOUT));
        let calls: Vec<_> = (0..8)
            .map(|_| {
                let https = Arc::clone(&https);
                tokio::spawn(async move { https.send(request()).await })
            })
            .collect();
        let all = async {
            for call in calls {
                unknown(call.await.unwrap());
            }
        };
        tokio::time::timeout(Duration::from_secs(30), all).await.expect("none ends before all were sent");
    });
}

#[test]
fn the_future_of_a_call_can_move_between_threads() {
    fn movable<F: Future + Send>(_: &F) {}
    let https = https("http://127.0.0.1:9", CALL_TIMEOUT);
    movable(&https.send(request()));
}

#[test]
fn an_address_of_a_proxy_has_a_host_and_a_scheme_that_is_known() {
    for address in
        ["http://proxy:3128", "https://user:pass@proxy.example.com", "proxy:3128", "http://[::1]:1/"]
    {
        assert!(is_proxy(address), "{address}");
    }
    for address in ["", "http://", "/proxy", "ftp://proxy:1", "socks5://proxy:1", "http://a b"] {
        assert!(!is_proxy(address), "{address}");
    }
}

//! What other programs and pages of the same machine may send to the sandbox's server.

use std::time::Duration;

use goldform::cloud::sim::http::Limits;
use goldform::cloud::sim::{Fault, FaultEffect, Settings};
use jiff::SignedDuration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::wire::raw::{Answer, Ask, exchange};
use crate::wire::{HOME, Served};

fn quota(served: &Served) -> Ask {
    Ask::post(&served.host, "DescribeImageQuota", HOME, "{}")
}

fn get(host: &str, headers: &str) -> String {
    format!("GET / HTTP/1.1\r\nHost: {host}\r\n{headers}\r\n")
}

/// Sends bytes and waits until the server closes the connection. Panics if it does not within 10 seconds.
async fn until_closed(to: &str, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(to).await.unwrap();
    // The server may refuse the request before it has all of it.
    let _ = stream.write_all(bytes).await;
    let mut read = Vec::new();
    let _ = tokio::time::timeout(Duration::from_secs(10), stream.read_to_end(&mut read))
        .await
        .expect("the server closes the connection");
    String::from_utf8(read).unwrap()
}

fn short(head: u64, body: u64) -> Limits {
    Limits { head: Duration::from_millis(head), body: Duration::from_millis(body), ..Limits::default() }
}

#[tokio::test]
async fn a_head_or_body_that_does_not_arrive_in_time_ends_its_connection_only() {
    let served = Served::with_limits(Settings::default(), short(200, 200)).await;
    let bytes = quota(&served).signed_bytes();
    assert_eq!(until_closed(&served.host, b"").await, "");
    assert_eq!(until_closed(&served.host, &bytes.as_bytes()[..bytes.len() / 2]).await, "");
    let answer = until_closed(&served.host, &bytes.as_bytes()[..bytes.len() - 1]).await;
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
    assert_eq!(quota(&served).send(&served.host).await.code(), "");
}

#[tokio::test]
async fn a_large_head_is_431_and_a_large_body_is_refused_before_it_is_sent() {
    let served = Served::new(Settings::default()).await;
    let padding = format!("X-Padding: {}\r\n", "x".repeat(70_000));
    let many: String = (0..200).map(|n| format!("X-{n}: y\r\n")).collect();
    for headers in [padding, many] {
        let answer = until_closed(&served.host, get(&served.host, &headers).as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 431 "), "{answer}");
    }
    let endless = "Content-Length: 99999999999\r\n";
    let post = format!("POST / HTTP/1.1\r\nHost: {}\r\n{endless}\r\n", served.host);
    assert!(until_closed(&served.host, post.as_bytes()).await.starts_with("HTTP/1.1 413 "));
    // A call is answered as the service documents it.
    let call = quota(&served).signed_bytes().replace("Content-Length: 2\r\n", endless);
    assert!(until_closed(&served.host, call.as_bytes()).await.contains("RequestSizeLimitExceeded"));
    // Nobody knows how long it is, until it is too long.
    let chunk = format!("{:x}\r\n{}\r\n", 1 << 20, "x".repeat(1 << 20));
    let chunked = format!(
        "POST / HTTP/1.1\r\nHost: {}\r\nTransfer-Encoding: chunked\r\n\r\n{}",
        served.host,
        chunk.repeat(11)
    );
    let answer = until_closed(&served.host, chunked.as_bytes()).await;
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 413 "), "{answer}");
    assert_eq!(quota(&served).send(&served.host).await.code(), "");
}

#[tokio::test]
async fn large_bodies_that_do_not_arrive_do_not_stop_ordinary_calls() {
    let served = Served::new(Settings::default()).await;
    let head = format!("POST / HTTP/1.1\r\nHost: {}\r\nContent-Length: 9000000\r\n\r\n", served.host);
    let mut held = Vec::new();
    for _ in 0..40 {
        let mut stream = TcpStream::connect(&served.host).await.unwrap();
        stream.write_all(head.as_bytes()).await.unwrap();
        held.push(stream);
    }
    let answer = tokio::time::timeout(Duration::from_secs(5), async {
        quota(&served).send(&served.host).await.code()
    });
    assert_eq!(answer.await.unwrap(), "");
}

#[tokio::test]
async fn idle_connections_make_room_and_those_that_work_stay() {
    let limits = Limits { connections: 16, ..Limits::default() };
    let served = Served::with_limits(Settings::default(), limits).await;
    let mut active = TcpStream::connect(&served.host).await.unwrap();
    let mut idle = Vec::new();
    for n in 0..100 {
        // Some send nothing, some half a request, some a whole one, and keep the connection.
        let mut stream = TcpStream::connect(&served.host).await.unwrap();
        let bytes = quota(&served).signed_bytes();
        let sent = [0, bytes.len() / 2, bytes.len()][n % 3];
        stream.write_all(&bytes.as_bytes()[..sent]).await.unwrap();
        idle.push(stream);
        if n % 5 == 0 {
            assert!(call_on(&mut active, &served).await.contains("ImageNumQuota"), "{n}");
        }
    }
    assert!(call_on(&mut active, &served).await.contains("ImageNumQuota"));
    assert_eq!(quota(&served).send(&served.host).await.code(), "");
    let mut open = 0;
    for stream in &mut idle {
        let mut buffer = vec![0; 4096];
        let closed = async { while stream.read(&mut buffer).await.is_ok_and(|length| length > 0) {} };
        open += usize::from(tokio::time::timeout(Duration::from_millis(10), closed).await.is_err());
    }
    assert!((1..16).contains(&open), "{open} connections are open");
}

/// Sends a call on a kept connection, and reads its whole answer.
async fn call_on(stream: &mut TcpStream, served: &Served) -> String {
    stream.write_all(quota(served).signed_bytes().as_bytes()).await.unwrap();
    let mut buffer = vec![0; 4096];
    let length = stream.read(&mut buffer).await.unwrap();
    String::from_utf8_lossy(&buffer[..length]).into_owned()
}

#[tokio::test]
async fn a_connection_that_executes_a_call_is_not_closed_to_make_room() {
    let limits = Limits { connections: 3, ..Limits::default() };
    let served = Served::with_limits(Settings::default(), limits).await;
    let effect = FaultEffect::Slow { by: SignedDuration::from_millis(700) };
    let fault = Fault {
        action: "DescribeImages".to_owned(),
        region: None,
        caller: None,
        from_call: 1,
        times: Some(1),
        effect,
    };
    served.sim.add_fault(&fault).unwrap();
    let slow = Ask::post(&served.host, "DescribeImages", HOME, "{}");
    let host = served.host.clone();
    let slow = tokio::spawn(async move { slow.send(&host).await.code() });
    tokio::time::sleep(Duration::from_millis(100)).await;
    let mut held = Vec::new();
    for _ in 0..20 {
        held.push(TcpStream::connect(&served.host).await.unwrap());
    }
    assert_eq!(quota(&served).send(&served.host).await.code(), "");
    assert_eq!(slow.await.unwrap(), "");
}

#[tokio::test]
async fn a_repeated_request_is_answered_for_five_minutes_as_on_the_real_service() {
    let served = Served::new(Settings::default()).await;
    let recorded = quota(&served).signed_bytes();
    let replay = async || exchange(&served.host, &recorded).await.unwrap().code();
    assert_eq!((replay().await, replay().await), (String::new(), String::new()));
    served.clock.advance(SignedDuration::from_secs(300));
    assert_eq!(replay().await, "");
    served.clock.advance(SignedDuration::from_secs(1));
    assert_eq!(replay().await, "AuthFailure.SignatureExpire");
    let mut early = quota(&served);
    early.at += 301 + 300;
    assert_eq!(early.send(&served.host).await.code(), "");
    early.at += 1;
    assert_eq!(early.send(&served.host).await.code(), "AuthFailure.SignatureExpire");
}

#[tokio::test]
async fn a_host_that_is_not_the_servers_is_refused() {
    let served = Served::new(Settings::default()).await;
    let port = served.host.rsplit(':').next().unwrap().to_owned();
    for own in ["127.0.0.1", "localhost", "cvm.tc.test"] {
        let page = exchange(&served.host, &get(&format!("{own}:{port}"), "")).await.unwrap();
        assert_eq!(page.status, "HTTP/1.1 200 OK", "{own}");
        let mut ask = quota(&served);
        ask.host = format!("{own}:{port}");
        assert_eq!(ask.send(&served.host).await.code(), "", "{own}");
    }
    for foreign in ["rebound.example", "127.0.0.1.example", "192.0.2.1"] {
        let page = exchange(&served.host, &get(&format!("{foreign}:{port}"), "")).await.unwrap();
        assert_eq!(page.status, "HTTP/1.1 421 Misdirected Request", "{foreign}");
        assert!(page.body.contains(foreign) && page.body.contains("--host"), "{}", page.body);
        // A call is correctly signed, so that only the host is wrong.
        let mut ask = quota(&served);
        ask.host = format!("{foreign}:{port}");
        let answer = ask.send(&served.host).await;
        assert_eq!(answer.code(), "UnauthorizedOperation", "{foreign}");
        assert!(answer.message().contains("--host"), "{}", answer.message());
    }
    let nameless = "GET / HTTP/1.1\r\n\r\n";
    assert_ne!(exchange(&served.host, nameless).await.unwrap().status, "HTTP/1.1 200 OK");
}

#[tokio::test]
async fn a_page_of_another_site_gets_neither_the_page_nor_an_answer_to_a_call() {
    let served = Served::new(Settings::default()).await;
    for header in [
        "Origin: http://evil.example",
        "Origin: null",
        "Sec-Fetch-Site: cross-site",
        "Sec-Fetch-Site: same-site",
    ] {
        let page = exchange(&served.host, &get(&served.host, &format!("{header}\r\n"))).await.unwrap();
        assert_eq!(page.status, "HTTP/1.1 403 Forbidden", "{header}");
        let mut ask = quota(&served);
        let (name, value) = header.split_once(": ").unwrap();
        ask.header(name, value);
        let answer = exchange(&served.host, &ask.signed_bytes()).await.unwrap();
        assert_eq!(answer.status, "HTTP/1.1 403 Forbidden", "{header}");
        without_cors(&answer);
    }
    let preflight = format!(
        "OPTIONS / HTTP/1.1\r\nHost: {0}\r\nOrigin: http://{0}\r\nAccess-Control-Request-Method: POST\r\n\r\n",
        served.host
    );
    without_cors(&exchange(&served.host, &preflight).await.unwrap());
    without_cors(&quota(&served).send(&served.host).await);
    let own = format!("Origin: http://{}\r\nSec-Fetch-Site: same-origin\r\n", served.host);
    let page = exchange(&served.host, &get(&served.host, &own)).await.unwrap();
    assert_eq!(page.status, "HTTP/1.1 200 OK");
    without_cors(&page);
}

fn without_cors(answer: &Answer) {
    assert!(!answer.head.to_lowercase().contains("access-control-"), "{}", answer.head);
}

#[tokio::test]
async fn no_document_runs_scripts_is_framed_or_reports_where_it_was() {
    let served = Served::new(Settings::default()).await;
    let page = exchange(&served.host, &get(&served.host, "")).await.unwrap();
    let missing = get(&served.host, "").replace("GET /", "GET /missing");
    let missing = exchange(&served.host, &missing).await.unwrap();
    let refused = exchange(&served.host, &get("rebound.example", "")).await.unwrap();
    for answer in [&page, &missing, &refused] {
        let policy = answer.header("content-security-policy").unwrap();
        for part in ["default-src 'none'", "frame-ancestors 'none'", "base-uri 'none'", "form-action 'none'"]
        {
            assert!(policy.contains(part), "{part}: {policy}");
        }
        assert!(!policy.contains("unsafe-inline") && !policy.contains("script-src"), "{policy}");
        for (name, value) in [
            ("x-content-type-options", "nosniff"),
            ("x-frame-options", "DENY"),
            ("referrer-policy", "no-referrer"),
        ] {
            assert_eq!(answer.header(name), Some(value), "{name}");
        }
    }
    assert_eq!(quota(&served).send(&served.host).await.header("x-content-type-options"), Some("nosniff"));
}

//! A client of a few lines that signs by itself: what it signs and sends can differ in every part.

use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::wire::{ID, SECRET};

/// A signed request; change it before it is sent, or change what is sent afterwards.
#[derive(Clone)]
pub struct Ask {
    pub method: &'static str,
    /// The request line.
    pub target: String,
    pub query: String,
    pub host: String,
    pub content_type: String,
    pub headers: Vec<(String, String)>,
    pub signed: String,
    pub body: String,
    pub unsigned_payload: bool,
    pub at: i64,
    pub service: String,
    pub secret_id: String,
    pub secret: String,
}

pub struct Answer {
    pub status: String,
    pub head: String,
    pub body: String,
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (known, value) = line.split_once(": ")?;
            known.eq_ignore_ascii_case(name).then_some(value)
        })
    }

    /// The Response of a call; asserts what the official clients insist on.
    pub fn response(&self) -> Value {
        assert_eq!(self.status, "HTTP/1.1 200 OK");
        assert_eq!(self.header("content-type"), Some("application/json"));
        let mut envelope: Value = serde_json::from_str(&self.body).unwrap();
        let response = envelope["Response"].take();
        assert!(response["RequestId"].is_string(), "{response}");
        response
    }

    pub fn code(&self) -> String {
        self.response()["Error"]["Code"].as_str().unwrap_or("").to_owned()
    }

    pub fn message(&self) -> String {
        self.response()["Error"]["Message"].as_str().unwrap_or("").to_owned()
    }
}

impl Ask {
    /// A POST to the image service at the time of the tests' clock.
    pub fn post(host: &str, action: &str, region: &str, body: &str) -> Self {
        let mut headers = vec![
            ("X-TC-Action".to_owned(), action.to_owned()),
            ("X-TC-Version".to_owned(), "2017-03-12".to_owned()),
        ];
        if !region.is_empty() {
            headers.push(("X-TC-Region".to_owned(), region.to_owned()));
        }
        Self {
            method: "POST",
            target: "/".to_owned(),
            query: String::new(),
            host: host.to_owned(),
            content_type: "application/json".to_owned(),
            headers,
            signed: "content-type;host".to_owned(),
            body: body.to_owned(),
            unsigned_payload: false,
            at: "2026-11-24T10:00:00Z".parse::<jiff::Timestamp>().unwrap().as_second(),
            service: "cvm".to_owned(),
            secret_id: ID.to_owned(),
            secret: SECRET.to_owned(),
        }
    }

    pub fn get(host: &str, action: &str, region: &str, query: &str) -> Self {
        Self {
            method: "GET",
            target: format!("/?{query}"),
            query: query.to_owned(),
            content_type: "application/x-www-form-urlencoded".to_owned(),
            ..Self::post(host, action, region, "")
        }
    }

    pub fn header(&mut self, name: &str, value: &str) -> &mut Self {
        self.headers.retain(|(known, _)| known != name);
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    fn value(&self, name: &str) -> String {
        match name {
            "content-type" => self.content_type.clone(),
            "host" => self.host.clone(),
            name => {
                let found = self.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
                found.map(|(_, value)| value.clone()).unwrap_or_default()
            }
        }
    }

    pub fn authorization(&self) -> String {
        let Self { method, query, signed, at, service, secret, secret_id, .. } = self;
        let payload = if self.unsigned_payload { "UNSIGNED-PAYLOAD" } else { &self.body };
        let headers: String = signed
            .split(';')
            .map(|name| format!("{name}:{}\n", self.value(name).trim().to_lowercase()))
            .collect();
        let canonical =
            format!("{method}\n/\n{query}\n{headers}\n{signed}\n{}", hex(&Sha256::digest(payload)));
        let date = jiff::Timestamp::from_second(*at).unwrap().strftime("%Y-%m-%d").to_string();
        let scope = format!("{date}/{service}/tc3_request");
        let to_sign = format!("TC3-HMAC-SHA256\n{at}\n{scope}\n{}", hex(&Sha256::digest(canonical)));
        let key = mac(format!("TC3{secret}").as_bytes(), &date);
        let signature = hex(&mac(&mac(&mac(&key, service), "tc3_request"), &to_sign));
        format!(
            "TC3-HMAC-SHA256 Credential={secret_id}/{scope}, SignedHeaders={signed}, Signature={signature}"
        )
    }

    /// The request as bytes.
    pub fn signed_bytes(&self) -> String {
        let authorization = format!("Authorization: {}\r\n", self.authorization());
        self.bytes_with(&authorization)
    }

    pub fn bytes_with(&self, authorization: &str) -> String {
        let Self { method, target, host, content_type, body, at, .. } = self;
        let headers: String =
            self.headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        let unsigned = if self.unsigned_payload { "X-TC-Content-SHA256: UNSIGNED-PAYLOAD\r\n" } else { "" };
        format!(
            "{method} {target} HTTP/1.1\r\nHost: {host}\r\nContent-Type: {content_type}\r\nX-TC-Timestamp: {at}\r\n\
             {headers}{unsigned}{authorization}Content-Length: {}\r\n\r\n{body}",
            body.len()
        )
    }

    pub async fn send(&self, to: &str) -> Answer {
        exchange(to, &self.signed_bytes()).await.expect("an answer")
    }
}

/// Sends bytes on a new connection; nothing: it was closed without an answer.
pub async fn exchange(to: &str, bytes: &str) -> Option<Answer> {
    let mut stream = TcpStream::connect(to).await.unwrap();
    stream.write_all(bytes.as_bytes()).await.unwrap();
    let mut read = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        let text = String::from_utf8_lossy(&read).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let answer = Answer {
                status: head.lines().next().unwrap().to_owned(),
                head: head.to_owned(),
                body: body.to_owned(),
            };
            let length: usize = answer.header("content-length").map_or(0, |length| length.parse().unwrap());
            if body.len() >= length {
                return Some(answer);
            }
        }
        match stream.read(&mut buffer).await {
            Ok(0) | Err(_) => {
                assert!(read.is_empty(), "the answer broke off: {text}");
                return None;
            }
            Ok(n) => read.extend_from_slice(&buffer[..n]),
        }
    }
}

fn mac(key: &[u8], message: &str) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap();
    mac.update(message.as_bytes());
    mac.finalize().into_bytes().to_vec()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

//! A scripted server on this machine, for tests of requests and responses.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Barrier;

/// Behavior of the server on one connection.
#[derive(Clone)]
pub(crate) enum Deed {
    /// Reads the request and answers these bytes, whatever they are.
    Answer(Vec<u8>),
    /// Reads the request and answers so many bytes of body, in pieces.
    Flood(usize),
    /// Closes the connection before it reads anything.
    CutBefore,
    /// Reads the request and closes the connection.
    CutAfter,
    /// Reads the request and waits.
    Wait(Duration),
    /// Reads the request, waits until as many connections are here as the barrier is for, and closes.
    Meet(Arc<Barrier>),
}

/// Returns a whole answer with this status line, these headers and this body.
pub(crate) fn answer(status: &str, headers: &str, body: &str) -> Deed {
    let length = body.len();
    Deed::Answer(
        format!("HTTP/1.1 {status}\r\n{headers}content-length: {length}\r\nconnection: close\r\n\r\n{body}")
            .into(),
    )
}

/// Returns the bytes of an answer with this body of `Response`.
pub(crate) fn response(body: &str) -> Deed {
    answer("200 OK", "content-type: application/json\r\n", &format!("{{\"Response\":{body}}}"))
}

/// Received request.
#[derive(Clone, Debug)]
pub(crate) struct Received {
    pub(crate) line: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Received {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// Running server. It stops with the runtime of its test.
pub(crate) struct Server {
    /// `127.0.0.1:port`.
    pub(crate) host: String,
    received: Arc<Mutex<Vec<Received>>>,
}

impl Server {
    /// Starts a server that does these deeds, one a connection, and then accepts no more.
    pub(crate) async fn doing(deeds: impl IntoIterator<Item = Deed>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let host = listener.local_addr().unwrap().to_string();
        let received = Arc::new(Mutex::new(Vec::new()));
        let deeds: Vec<_> = deeds.into_iter().collect();
        let log = Arc::clone(&received);
        tokio::spawn(async move {
            for deed in deeds {
                let (stream, _) = listener.accept().await.unwrap();
                tokio::spawn(serve(stream, deed, Arc::clone(&log)));
            }
        });
        Self { host, received }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.host)
    }

    pub(crate) fn received(&self) -> Vec<Received> {
        self.received.lock().unwrap().clone()
    }
}

async fn serve(mut stream: TcpStream, deed: Deed, log: Arc<Mutex<Vec<Received>>>) {
    if matches!(deed, Deed::CutBefore) {
        return;
    }
    let request = read(&mut stream).await;
    log.lock().unwrap().push(request);
    match deed {
        Deed::Answer(bytes) => {
            let _ = stream.write_all(&bytes).await;
            let _ = stream.shutdown().await;
        }
        Deed::Flood(bytes) => {
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n").await;
            let piece = vec![b' '; 1 << 16];
            for _ in 0..bytes.div_ceil(piece.len()) {
                if stream.write_all(&piece).await.is_err() {
                    return;
                }
            }
        }
        Deed::CutBefore | Deed::CutAfter => {}
        Deed::Wait(time) => tokio::time::sleep(time).await,
        Deed::Meet(others) => {
            others.wait().await;
        }
    }
}

async fn read(stream: &mut TcpStream) -> Received {
    let mut bytes = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let mut lines = head.lines();
            let line = lines.next().unwrap().to_owned();
            let headers: Vec<(String, String)> = lines
                .map(|line| line.split_once(": ").unwrap())
                .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
                .collect();
            let received = Received { line, headers, body: body.as_bytes().to_vec() };
            let length = received.header("content-length").map_or(0, |length| length.parse().unwrap());
            if received.body.len() >= length {
                return received;
            }
        }
        match stream.read(&mut buffer).await.unwrap() {
            0 => panic!("the request broke off: {text}"),
            n => bytes.extend_from_slice(&buffer[..n]),
        }
    }
}

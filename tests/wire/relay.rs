//! A relay between the program and the service, which keeps what the program sends, and may change it.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// Both ends are on this machine. It ends with the process.
pub struct Relay {
    pub host: String,
    sent: Arc<Mutex<Vec<u8>>>,
}

impl Relay {
    /// To this host; the first text is replaced by the second, of the same length, in everything that is sent.
    pub fn to(host: &str, tamper: Option<(&'static str, &'static str)>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let own = listener.local_addr().unwrap().to_string();
        let sent: Arc<Mutex<Vec<u8>>> = Arc::default();
        let (kept, service) = (Arc::clone(&sent), host.to_owned());
        std::thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let server = TcpStream::connect(&service).unwrap();
                let (kept, back) =
                    (Arc::clone(&kept), (server.try_clone().unwrap(), client.try_clone().unwrap()));
                std::thread::spawn(move || {
                    carry(client, server, |bytes| {
                        kept.lock().unwrap().extend_from_slice(bytes);
                        if let Some((from, to)) = tamper {
                            replace(bytes, from.as_bytes(), to.as_bytes());
                        }
                    });
                });
                std::thread::spawn(move || carry(back.0, back.1, |_| {}));
            }
        });
        Self { host: own, sent }
    }

    /// The signatures of every request so far.
    pub fn signatures(&self) -> Vec<String> {
        let sent = self.sent.lock().unwrap();
        let text = String::from_utf8_lossy(&sent);
        let after = text.split("Signature=").skip(1);
        after.map(|rest| rest.chars().take_while(char::is_ascii_hexdigit).collect()).collect()
    }

    /// Whether this was sent.
    pub fn carried(&self, text: &str) -> bool {
        String::from_utf8_lossy(&self.sent.lock().unwrap()).contains(text)
    }
}

fn carry(mut from: TcpStream, mut to: TcpStream, mut look: impl FnMut(&mut [u8])) {
    let mut buffer = vec![0; 1 << 16];
    while let Ok(length @ 1..) = from.read(&mut buffer) {
        look(&mut buffer[..length]);
        if to.write_all(&buffer[..length]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(std::net::Shutdown::Write);
}

fn replace(bytes: &mut [u8], from: &[u8], to: &[u8]) {
    assert_eq!(from.len(), to.len());
    let places: Vec<usize> =
        (0..bytes.len().saturating_sub(from.len() - 1)).filter(|at| bytes[*at..].starts_with(from)).collect();
    for at in places {
        bytes[at..at + to.len()].copy_from_slice(to);
    }
}

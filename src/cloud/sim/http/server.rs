//! The listener: connections are accepted, served, and ended in good order.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use super::face::ApiService;
use super::tls::{Identity, TlsError};

/// How long a connection may be silent, or take to send the head of a request.
const HEAD_TIMEOUT: Duration = Duration::from_secs(75);
/// How long the beginning of TLS may take.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
/// How long calls that are under way may take when the server ends.
const GRACE: Duration = Duration::from_secs(5);
/// How many connections there may be at once; others wait.
const CONNECTIONS_MAX: usize = 1_024;
/// How long to wait when no connection can be accepted, for want of file handles as a rule.
const BREATH: Duration = Duration::from_millis(50);

/// A face of an embedded cloud on an address.
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    face: Arc<ApiService>,
    tls: Option<TlsAcceptor>,
}

impl Server {
    /// Takes an address; port 0: one that is free.
    ///
    /// # Errors
    /// When the address is taken or not this machine's.
    pub async fn bind(address: SocketAddr, face: ApiService) -> io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        Ok(Self { listener, address, face: Arc::new(face), tls: None })
    }

    /// The same server, speaking TLS.
    ///
    /// # Errors
    /// When the identity is none.
    pub fn with_tls(self, identity: &Identity) -> Result<Self, TlsError> {
        Ok(Self { tls: Some(identity.acceptor()?), ..self })
    }

    /// The address that it listens on, with the real port.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where clients reach it.
    pub fn url(&self) -> String {
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        format!("{scheme}://{}", self.address)
    }

    /// Serves until `stop` is ready; then nothing new is accepted, and calls that are under way are answered.
    pub async fn run(self, stop: impl Future<Output = ()>) {
        let Self { listener, address: _, face, tls } = self;
        let (close, closed) = watch::channel(false);
        let room = Arc::new(Semaphore::new(CONNECTIONS_MAX));
        let mut open = JoinSet::new();
        tokio::pin!(stop);
        loop {
            let accepted = async {
                // The semaphore is never closed.
                let place = Arc::clone(&room).acquire_owned().await.ok();
                (place, listener.accept().await)
            };
            tokio::select! {
                () = &mut stop => break,
                Some(_) = open.join_next(), if !open.is_empty() => {}
                (place, accepted) = accepted => match accepted {
                    Ok((stream, _)) => {
                        let (face, tls, closed) = (Arc::clone(&face), tls.clone(), closed.clone());
                        open.spawn(async move {
                            greet(stream, tls, face, closed).await;
                            drop(place);
                        });
                    }
                    Err(_) => tokio::time::sleep(BREATH).await,
                },
            }
        }
        drop(listener);
        // Nobody listens where no connection is open.
        let _ = close.send(true);
        let _ = tokio::time::timeout(GRACE, async { while open.join_next().await.is_some() {} }).await;
    }
}

async fn greet(
    stream: TcpStream,
    tls: Option<TlsAcceptor>,
    face: Arc<ApiService>,
    closed: watch::Receiver<bool>,
) {
    // Answers are small, and written in one go.
    let _ = stream.set_nodelay(true);
    match tls {
        None => converse(stream, face, closed).await,
        Some(tls) => match tokio::time::timeout(HANDSHAKE_TIMEOUT, tls.accept(stream)).await {
            Ok(Ok(stream)) => converse(stream, face, closed).await,
            Ok(Err(error)) => tracing::info!(%error, "a client does not take the certificate"),
            Err(_) => {}
        },
    }
}

async fn converse<S>(stream: S, face: Arc<ApiService>, mut closed: watch::Receiver<bool>)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let service = service_fn(move |request| Arc::clone(&face).respond(request));
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .title_case_headers(true)
        .serve_connection(TokioIo::new(stream), service);
    tokio::pin!(connection);
    // How a connection ended is the client's business: it may have gone, or a fault script cut it.
    tokio::select! {
        _ = connection.as_mut() => {}
        () = async { drop(closed.wait_for(|closed| *closed).await) } => {
            connection.as_mut().graceful_shutdown();
            let _ = connection.await;
        }
    }
}

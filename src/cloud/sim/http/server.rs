//! HTTP server: accepts connections, serves them, and shuts down gracefully.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use super::api_service::ApiService;
use super::connections::{Connection, Connections};
use super::tls::{Identity, TlsError};

/// Maximum time of a TLS handshake.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
/// Maximum time for running calls to finish at shutdown.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(5);
/// Pause after a failed accept, which is usually a lack of file descriptors.
const ACCEPT_RETRY_DELAY: Duration = Duration::from_millis(50);
/// Maximum size of the head of a request in bytes. A GET carries up to 32 KB of parameters.
const HEAD_MAX: usize = 64 * 1024;

/// Bounds on what clients can occupy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Maximum number of open connections. Idle ones are closed to make room.
    pub connections: usize,
    /// Maximum time for the head of a request to arrive, idle time before it included.
    pub head: Duration,
    /// Maximum time for the body of a request to arrive.
    pub body: Duration,
}

/// The connections fit into the 1,024 file descriptors that a process may have by default, with half of them to spare.
impl Default for Limits {
    fn default() -> Self {
        Self { connections: 512, head: Duration::from_secs(30), body: Duration::from_secs(30) }
    }
}

/// A sandbox that listens on an address.
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    api: Arc<ApiService>,
    tls: Option<TlsAcceptor>,
    limits: Limits,
}

impl Server {
    /// Binds an address. Port 0 selects a free port.
    ///
    /// # Errors
    /// If the address is in use or does not belong to this machine.
    pub async fn bind(address: SocketAddr, api: ApiService) -> io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        let api = Arc::new(api.listening_on(address.ip()));
        Ok(Self { listener, address, api, tls: None, limits: Limits::default() })
    }

    /// Bounds clients differently.
    #[cfg(any(test, feature = "testing"))]
    pub fn with_limits(self, limits: Limits) -> Self {
        Self { limits, ..self }
    }

    /// Serves HTTPS instead of HTTP.
    ///
    /// # Errors
    /// If the certificate or its key is invalid.
    pub fn with_tls(self, identity: &Identity) -> Result<Self, TlsError> {
        Ok(Self { tls: Some(identity.acceptor()?), ..self })
    }

    /// Returns the bound address, with the actual port.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns the URL that clients use.
    pub fn url(&self) -> String {
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        format!("{scheme}://{}", self.address)
    }

    /// Serves until `stop` is ready. Then accepts no more connections and waits for running calls.
    pub async fn run(self, stop: impl Future<Output = ()>) {
        let Self { listener, address: _, api, tls, limits } = self;
        let (close, closed) = watch::channel(false);
        let connections = Connections::new(limits.connections);
        let mut open = JoinSet::new();
        tokio::pin!(stop);
        loop {
            let accepted = async {
                // A place is taken first: an accepted connection would be lost if this future were dropped.
                let connection = connections.admit().await;
                (connection, listener.accept().await)
            };
            tokio::select! {
                () = &mut stop => break,
                Some(_) = open.join_next(), if !open.is_empty() => {}
                (connection, accepted) = accepted => match accepted {
                    Ok((stream, _)) => {
                        let (api, tls, closed) = (Arc::clone(&api), tls.clone(), closed.clone());
                        open.spawn(accept_tls(stream, tls, api, limits, connection, closed));
                    }
                    Err(_) => {
                        connections.close_idle();
                        tokio::time::sleep(ACCEPT_RETRY_DELAY).await;
                    }
                },
            }
        }
        drop(listener);
        // Sending fails if no connection is open.
        let _ = close.send(true);
        let _ =
            tokio::time::timeout(SHUTDOWN_TIMEOUT, async { while open.join_next().await.is_some() {} }).await;
    }
}

/// Serves one connection in this process, as the server does.
#[cfg(any(test, feature = "testing"))]
pub async fn serve_stream<S>(stream: S, api: ApiService, limits: Limits)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let connection = Connections::new(1).admit().await;
    let (_close, closed) = watch::channel(false);
    serve_connection(stream, Arc::new(api), limits, &connection, closed).await;
}

async fn accept_tls(
    stream: TcpStream,
    tls: Option<TlsAcceptor>,
    api: Arc<ApiService>,
    limits: Limits,
    connection: Connection,
    closed: watch::Receiver<bool>,
) {
    // Answers are small and written at once.
    let _ = stream.set_nodelay(true);
    let Some(tls) = tls else {
        return serve_connection(stream, api, limits, &connection, closed).await;
    };
    let accepted = tokio::select! {
        accepted = tokio::time::timeout(HANDSHAKE_TIMEOUT, tls.accept(stream)) => accepted,
        () = connection.must_close() => return,
    };
    match accepted {
        Ok(Ok(stream)) => serve_connection(stream, api, limits, &connection, closed).await,
        Ok(Err(error)) => tracing::info!(%error, "TLS handshake failed"),
        Err(_) => {}
    }
}

async fn serve_connection<S>(
    stream: S,
    api: Arc<ApiService>,
    limits: Limits,
    connection: &Connection,
    mut closed: watch::Receiver<bool>,
) where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let service = service_fn(|request| Arc::clone(&api).respond(request, connection, limits.body));
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.head)
        .max_header_size(HEAD_MAX)
        // A client may end its side after the request, as `nc` does.
        .half_close(true)
        .title_case_headers(true)
        .serve_connection(TokioIo::new(stream), service);
    tokio::pin!(served);
    // The result is ignored: the client may have disconnected, or a fault closed the connection.
    tokio::select! {
        _ = served.as_mut() => {}
        () = connection.must_close() => {}
        () = async { drop(closed.wait_for(|closed| *closed).await) } => {
            served.as_mut().graceful_shutdown();
            let _ = served.await;
        }
    }
}

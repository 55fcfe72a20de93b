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
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use super::api_service::ApiService;
use super::tls::{Identity, TlsError};

/// Maximum time for the head of a request to arrive, idle time included.
const HEAD_TIMEOUT: Duration = Duration::from_secs(75);
/// Maximum time of a TLS handshake.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
/// Maximum time for running calls to finish at shutdown.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(5);
/// Maximum number of open connections; further ones wait.
const CONNECTIONS_MAX: usize = 1_024;
/// Pause after a failed accept, which is usually a lack of file descriptors.
const ACCEPT_RETRY_DELAY: Duration = Duration::from_millis(50);

/// A sandbox that listens on an address.
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    api: Arc<ApiService>,
    tls: Option<TlsAcceptor>,
}

impl Server {
    /// Binds an address. Port 0 selects a free port.
    ///
    /// # Errors
    /// If the address is in use or does not belong to this machine.
    pub async fn bind(address: SocketAddr, api: ApiService) -> io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        Ok(Self { listener, address, api: Arc::new(api), tls: None })
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
        let Self { listener, address: _, api, tls } = self;
        let (close, closed) = watch::channel(false);
        let permits = Arc::new(Semaphore::new(CONNECTIONS_MAX));
        let mut open = JoinSet::new();
        tokio::pin!(stop);
        loop {
            let accepted = async {
                // The semaphore is never closed.
                let permit = Arc::clone(&permits).acquire_owned().await.ok();
                (permit, listener.accept().await)
            };
            tokio::select! {
                () = &mut stop => break,
                Some(_) = open.join_next(), if !open.is_empty() => {}
                (permit, accepted) = accepted => match accepted {
                    Ok((stream, _)) => {
                        let (api, tls, closed) = (Arc::clone(&api), tls.clone(), closed.clone());
                        open.spawn(async move {
                            accept_tls(stream, tls, api, closed).await;
                            drop(permit);
                        });
                    }
                    Err(_) => tokio::time::sleep(ACCEPT_RETRY_DELAY).await,
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

async fn accept_tls(
    stream: TcpStream,
    tls: Option<TlsAcceptor>,
    api: Arc<ApiService>,
    closed: watch::Receiver<bool>,
) {
    // Answers are small and written at once.
    let _ = stream.set_nodelay(true);
    match tls {
        None => serve_connection(stream, api, closed).await,
        Some(tls) => match tokio::time::timeout(HANDSHAKE_TIMEOUT, tls.accept(stream)).await {
            Ok(Ok(stream)) => serve_connection(stream, api, closed).await,
            Ok(Err(error)) => tracing::info!(%error, "TLS handshake failed"),
            Err(_) => {}
        },
    }
}

async fn serve_connection<S>(stream: S, api: Arc<ApiService>, mut closed: watch::Receiver<bool>)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let service = service_fn(move |request| Arc::clone(&api).respond(request));
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .title_case_headers(true)
        .serve_connection(TokioIo::new(stream), service);
    tokio::pin!(connection);
    // The result is ignored: the client may have disconnected, or a fault closed the connection.
    tokio::select! {
        _ = connection.as_mut() => {}
        () = async { drop(closed.wait_for(|closed| *closed).await) } => {
            connection.as_mut().graceful_shutdown();
            let _ = connection.await;
        }
    }
}

//! The sandbox as an HTTP server: the protocol of API 3.0, complete enough for the official clients.
//!
//! ```text
//!  TCP (or TLS) ─▶ server ─▶ api_service ─┬─▶ auth ─▶ Sim::call ─▶ envelope, status 200, `application/json`
//!                                         └─▶ page      contents of the world, for browsers
//! ```
//!
//! Invariants:
//! - The answer to an API call has status 200 and a media type without parameters, even for an error. The SDK for
//!   Python does not read the error of any other answer.
//! - An API call is a POST, or a GET with `X-TC-Action` or `Authorization`. Any other GET of `/` returns the page.
//! - The signature alone identifies the caller. [`Sim`](super::Sim) validates the call itself.
//! - A request whose `Host` is not the server's, or that a page of another site sent, is refused before its body is
//!   read. No answer lets other sites read it.
//! - Clients are bounded in time, memory and number: see [`Limits`]. A client that sends nothing, or sends slowly, does
//!   not keep others from being served.
//! - A fault that loses a request or its answer closes the connection without a byte. A client cannot distinguish
//!   "not sent" from "lost", because the connection is already open.
//! - Keys never appear in the log, the page or a message.

mod api_service;
mod auth;
mod connections;
mod keys;
mod own_hosts;
mod page;
mod rejected;
mod request;
mod response;
mod server;
mod tls;

#[cfg(test)]
mod tests;

pub use api_service::ApiService;
#[cfg(any(test, feature = "testing"))]
pub use auth::authorization_parts;
pub use keys::{Key, Keys, MalformedKey};
pub use own_hosts::{HostName, MalformedHostName};
#[cfg(any(test, feature = "testing"))]
pub use server::serve_stream;
pub use server::{Limits, Server};
pub use tls::{Identity, TlsError};

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
//! - A fault that loses a request or its answer closes the connection without a byte. A client cannot distinguish
//!   "not sent" from "lost", because the connection is already open.
//! - Keys never appear in the log, the page or a message.

mod api_service;
mod auth;
mod keys;
mod page;
mod rejected;
mod request;
mod response;
mod server;
mod tls;

#[cfg(test)]
mod tests;

pub use api_service::ApiService;
pub use keys::{Key, Keys, MalformedKey};
pub use server::Server;
pub use tls::{Identity, TlsError};

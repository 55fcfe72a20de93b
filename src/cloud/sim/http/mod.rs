//! The embedded cloud on the wire: the protocol of API 3.0 over HTTP, good enough for the official clients.
//!
//! ```text
//!  TCP (or TLS) ─▶ server ─▶ face ─┬─▶ auth ─▶ Sim::call ─▶ envelope, status 200, `application/json`
//!                                  └─▶ page      what is in the world, for browsers
//! ```
//!
//! What holds:
//! - An API call is answered with status 200 and a media type without parameters, refused or not: the SDK for
//!   Python does not see the error in anything else.
//! - A call is a POST, or a GET that carries `X-TC-Action` or `Authorization`; any other GET of `/` is the page.
//! - Who calls is told by the signature alone. What may be called is judged by [`Sim`](super::Sim), not here.
//! - What a fault script loses is lost on the connection: it is closed without a byte of an answer. A request
//!   that was "not sent" cannot be told from one that was lost, since the connection is there already.
//! - Keys are in no log, no page and no message.

mod auth;
mod face;
mod keys;
mod page;
mod request;
mod server;
mod tls;

#[cfg(test)]
mod tests;

pub use face::ApiService;
pub use keys::{Key, Keys, MalformedKey};
pub use server::Server;
pub use tls::{Identity, TlsError};

//! The image service: read and write traits, the client of its protocol, and the sandbox.
//!
//! ```text
//!  apply, cli ──▶ CloudRead / CloudWrite ──▶ client::Client (wire types, mapping, kinds of errors)
//!                                               │ bytes of one signed or unsigned request
//!                                               ▼
//!                                            Transport ──▶ sim (in process)
//!                                                      └─▶ HTTPS (the real service)
//! ```
//!
//! The same client runs against the sandbox and the real service. Only the transport differs, and it carries the bytes
//! of the protocol (API 3.0, version 2017-03-12).

pub mod attempts;
pub mod client;
pub mod clock;
pub mod error;
pub mod lease;
pub mod port;
pub mod sim;
pub mod transport;
pub mod wrap;

pub use attempts::Attempts;
pub use clock::SystemClock;
pub use error::{CloudError, ErrorKind};
pub use lease::{Lease, Leased};
pub use port::{CloudRead, CloudWrite, ImageFilter, NewImage};
pub use transport::{Request, Service, Transport, TransportError};

//! Client of the image service: translates between the model and the protocol of the service.
//!
//! ```text
//!  CloudRead, CloudWrite          read, write     the calls of each operation: pages, chunks
//!                                 account_tags    tags that lock a state
//!                                 mapping         model ↔ wire types
//!                                 wire            requests and answers as the service spells them
//!                                 envelope, codes answers, refusals, and the kind of each error code
//!  ───────────── Transport ────────────────────────────────────────────────────────────────────────
//!                                 http, sign      the real service: HTTPS, TC3-HMAC-SHA256
//!                                 credentials     sources of keys, and their renewal
//! ```
//!
//! Invariants:
//! - A method of [`CloudWrite`](super::CloudWrite) sends each of its calls once. If the answer to a write is malformed,
//!   its outcome is unknown.
//! - No answer is trusted: any bytes lead to a value or an error.
//! - [`wrap`](super::wrap) adds retries, rate limits and the call log. It is a transport around the transport.

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use compact_str::CompactString;

use super::transport::{Request, Transport, TransportError};
use super::{CloudError, ErrorKind};
use crate::model::Region;

mod account_tags;
pub(crate) mod codes;
pub mod credentials;
pub(crate) mod envelope;
pub mod http;
mod mapping;
mod read;
mod secret;
pub(crate) mod sign;
pub(crate) mod wire;
mod write;

pub use envelope::ANSWER_MAX_BYTES;
pub use secret::Secret;

use wire::{Call, Effect};

/// Default region of calls that concern no region, such as DescribeRegions. The service requires one for them too
/// (1312/66098 GetCallerIdentity Region).
const DEFAULT_REGION: &str = "ap-guangzhou";

/// Whether the service executes writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum WriteMode {
    /// The service executes them.
    Execute,
    /// The service only checks them.
    DryRun,
}

/// Client of the image service over any transport.
#[derive(Clone)]
pub struct Client {
    transport: Arc<dyn Transport>,
    home: Option<Region>,
    write_mode: WriteMode,
    /// Maximum number of ids in one call. Decreases when the service refuses that many.
    ids_per_call: Arc<AtomicUsize>,
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client")
            .field("home", &self.home)
            .field("write_mode", &self.write_mode)
            .finish_non_exhaustive()
    }
}

impl Client {
    /// Creates a client that sends its calls over a transport.
    pub fn new(transport: Arc<dyn Transport>) -> Self {
        Self {
            transport,
            home: DEFAULT_REGION.parse().ok(),
            write_mode: WriteMode::Execute,
            ids_per_call: Arc::new(AtomicUsize::new(read::IDS_PER_CALL)),
        }
    }

    /// Sets the region of calls that concern no region. Default: `ap-guangzhou`.
    #[must_use]
    pub fn with_home(mut self, region: Region) -> Self {
        self.home = Some(region);
        self
    }

    /// Returns a client whose writes the service only checks (DryRun). Success means that the service would execute the
    /// write, and returns no id. Writes of attributes, shares and tags have no dry run: the client does not send them
    /// and returns [`ErrorKind::Unsupported`].
    #[must_use]
    pub fn dry_run(&self) -> Self {
        Self { write_mode: WriteMode::DryRun, ..self.clone() }
    }

    /// Sends one call once.
    async fn call<C: Call>(&self, region: Option<&Region>, call: &C) -> Result<C::Answer, CloudError> {
        let error = |kind, message| self.error::<C>(region, kind, message);
        let effect = Effect::of(C::ACTION);
        // A dry run executes nothing.
        let asked = if self.write_mode == WriteMode::DryRun { Effect::Read } else { effect };
        let body = serde_json::to_vec(call).map_err(|problem| {
            error(ErrorKind::Invalid, format!("the request cannot be serialized: {problem}"))
        })?;
        let request =
            Request { service: C::SERVICE, action: C::ACTION.into(), region: region.cloned(), body };
        let bytes = self.transport.send(request).await.map_err(|problem| match problem {
            TransportError::NotSent(message) => error(ErrorKind::Unreachable, message),
            TransportError::NoCredentials(message) => error(ErrorKind::Credentials, message),
            TransportError::LockLost(message) => error(ErrorKind::LockLost, message),
            TransportError::OutcomeUnknown(message) => error(ErrorKind::OutcomeUnknown, message),
        })?;
        // A malformed answer may be that of a write that succeeded.
        let unreadable = |envelope::MalformedResponse(message), request_id| CloudError {
            request_id,
            ..error(
                if effect == Effect::Write {
                    ErrorKind::OutcomeUnknown
                } else {
                    ErrorKind::MalformedResponse
                },
                message,
            )
        };
        let envelope::ResponseStatus { refusal, request_id } =
            envelope::status(&bytes).map_err(|malformed| unreadable(malformed, None))?;
        match refusal {
            Some(envelope::Refusal { code, message }) => Err(CloudError {
                code: Some(code.clone()),
                request_id,
                ..error(codes::kind_of(&code, asked), message)
            }),
            None => envelope::answer(&bytes).map_err(|malformed| unreadable(malformed, request_id)),
        }
    }

    /// Creates an error of a call without an answer of the service.
    fn error<C: Call>(&self, region: Option<&Region>, kind: ErrorKind, message: String) -> CloudError {
        CloudError {
            kind,
            action: CompactString::const_new(C::ACTION),
            region: region.cloned(),
            code: None,
            message,
            request_id: None,
        }
    }
}

#[cfg(test)]
pub(crate) mod fake;
#[cfg(test)]
pub(crate) mod loopback;

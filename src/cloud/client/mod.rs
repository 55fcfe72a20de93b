//! The client of the image service: our words in, the service's protocol out, and back.
//!
//! ```text
//!  CloudRead, CloudWrite          read, write     which calls a question or a change takes: pages, chunks
//!                                 mapping         our words ↔ the service's
//!                                 wire            the service's spelling, and nowhere else
//!                                 envelope, codes answer or refusal, and what a refusal means
//!  ───────────── Transport ────────────────────────────────────────────────────────────────────────
//!                                 http, sign      the real service: HTTPS, TC3-HMAC-SHA256
//!                                 credentials     whose keys, from where, until when
//! ```
//!
//! What holds:
//! - One method of [`CloudWrite`](super::CloudWrite) sends each of its calls once. A write whose answer cannot be
//!   read has an unknown outcome, and says so.
//! - Nothing of an answer is trusted: any bytes are a value or an error.
//! - Retrying, rate limits and the call log are not here but in [`wrap`](super::wrap), a transport around the
//!   transport.

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use compact_str::CompactString;

use super::transport::{Request, Transport, TransportError};
use super::{CloudError, ErrorKind};
use crate::model::Region;

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

/// The region that questions are sent to which belong to none (who is calling, which regions there are): the
/// service wants one all the same (1312/66098 GetCallerIdentity Region).
const HOME: &str = "ap-guangzhou";

/// Whether writes are meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Intent {
    /// They are.
    Do,
    /// The service is only asked whether it would.
    Try,
}

/// A client of the image service over any transport.
#[derive(Clone)]
pub struct Client {
    transport: Arc<dyn Transport>,
    home: Option<Region>,
    intent: Intent,
    /// The most ids in one question; smaller once the service has refused as many.
    ids_per_call: Arc<AtomicUsize>,
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client")
            .field("home", &self.home)
            .field("intent", &self.intent)
            .finish_non_exhaustive()
    }
}

impl Client {
    /// A client that sends its calls over this transport.
    pub fn new(transport: Arc<dyn Transport>) -> Self {
        Self {
            transport,
            home: HOME.parse().ok(),
            intent: Intent::Do,
            ids_per_call: Arc::new(AtomicUsize::new(read::IDS_PER_CALL)),
        }
    }

    /// The same client, with another region for questions that belong to none (`ap-guangzhou` at first).
    #[must_use]
    pub fn at_home_in(mut self, region: Region) -> Self {
        self.home = Some(region);
        self
    }

    /// The same client, but the service is only asked whether it *would* do what is written (DryRun): success means
    /// that it would, and no id is told. Changes that the service cannot try (attributes, shares, tags) are refused
    /// with [`ErrorKind::Unsupported`] and not sent.
    #[must_use]
    pub fn trying(&self) -> Self {
        Self { intent: Intent::Try, ..self.clone() }
    }

    /// Sends one call once.
    async fn call<C: Call>(&self, region: Option<&Region>, call: &C) -> Result<C::Answer, CloudError> {
        let error = |kind, message| self.error::<C>(region, kind, message);
        let effect = Effect::of(C::ACTION);
        // A trial executes nothing.
        let asked = if self.intent == Intent::Try { Effect::Read } else { effect };
        let body = serde_json::to_vec(call).map_err(|problem| {
            error(ErrorKind::Invalid, format!("the request cannot be written: {problem}"))
        })?;
        let request =
            Request { service: C::SERVICE, action: C::ACTION.into(), region: region.cloned(), body };
        let bytes = self.transport.send(request).await.map_err(|problem| match problem {
            TransportError::NotSent(message) => error(ErrorKind::Unreachable, message),
            TransportError::NoCredentials(message) => error(ErrorKind::Credentials, message),
            TransportError::OutcomeUnknown(message) => error(ErrorKind::OutcomeUnknown, message),
        })?;
        // An answer that cannot be read may well have been a success.
        let garbled = |envelope::Unreadable(message), request_id| CloudError {
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
        let envelope::Verdict { refusal, request_id } =
            envelope::verdict(&bytes).map_err(|unreadable| garbled(unreadable, None))?;
        match refusal {
            Some(envelope::Refusal { code, message }) => Err(CloudError {
                code: Some(code.clone()),
                request_id,
                ..error(codes::kind_of(&code, asked), message)
            }),
            None => envelope::answer(&bytes).map_err(|unreadable| garbled(unreadable, request_id)),
        }
    }

    /// An error of a call that is not the service's own.
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

//! Why an action did not go through: the service's own refusal, or a broken store.

use std::borrow::Cow;

/// A refusal in the service's words: an error code of its documents, and a message for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The error code, such as `InvalidImageId.NotFound`.
    pub code: Cow<'static, str>,
    /// The message. The real service's texts are not stable, so neither are these.
    pub message: String,
}

impl Refusal {
    /// A refusal with a code of the documents.
    pub(super) fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self { code: Cow::Borrowed(code), message: message.into() }
    }
}

/// Why an action stopped.
#[derive(Debug)]
pub(super) enum Stop {
    /// The service refuses; what was written so far stays (documented partial effects).
    Refused(Refusal),
    /// The store failed; everything that the call wrote is rolled back and the answer is `InternalError`.
    Broken(rusqlite::Error),
}

impl From<Refusal> for Stop {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<rusqlite::Error> for Stop {
    fn from(error: rusqlite::Error) -> Self {
        Self::Broken(error)
    }
}

/// Ends an action with a refusal.
pub(super) fn refuse<T>(code: &'static str, message: impl Into<String>) -> Result<T, Stop> {
    Err(Stop::Refused(Refusal::new(code, message)))
}

//! Failure of an action: a refusal of the service or an error of the store.

use std::borrow::Cow;

/// Refusal of the service: a documented error code, and a message for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// Error code, such as `InvalidImageId.NotFound`.
    pub code: Cow<'static, str>,
    /// Message. The texts of the real service are not stable, so neither are these.
    pub message: String,
}

impl Refusal {
    /// Creates a refusal with a documented code.
    pub(super) fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self { code: Cow::Borrowed(code), message: message.into() }
    }
}

/// Failure of an action.
#[derive(Debug)]
pub(super) enum ActionError {
    /// The service refuses the call. What the action wrote so far stays: some partial effects are documented.
    Refused(Refusal),
    /// The store failed. Everything that the call wrote is rolled back, and the answer is `InternalError`.
    Store(rusqlite::Error),
}

impl From<Refusal> for ActionError {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<rusqlite::Error> for ActionError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Store(error)
    }
}

/// Fails an action with a refusal.
pub(super) fn refuse<T>(code: &'static str, message: impl Into<String>) -> Result<T, ActionError> {
    Err(ActionError::Refused(Refusal::new(code, message)))
}

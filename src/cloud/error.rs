//! Errors of the service, by kind.

use std::fmt;

use compact_str::CompactString;
use thiserror::Error;

use crate::model::Region;
use crate::plan::Failure;

/// Kind of an error. Every error code of the service has one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ErrorKind {
    /// Too many requests. The call was not executed and may be retried later.
    Throttled,
    /// The resource, or one that it depends on, is in use by another operation. The call may be retried later.
    Busy,
    /// The resource does not exist.
    NotFound,
    /// The region has reached its limit of custom images.
    ImageQuota,
    /// The image has reached its limit of accounts.
    ShareQuota,
    /// The call has too many values.
    TooManyValues,
    /// The region has another image with that name.
    DuplicateName,
    /// The call is not allowed for an image that is shared.
    Shared,
    /// An image that is shared cannot be changed.
    SharedImageUnmodifiable,
    /// The image is already shared with the account.
    AlreadyShared,
    /// The account does not exist, is not a main account, or is the caller's own.
    BadAccount,
    /// The call is not supported for this image, source or region.
    Unsupported,
    /// A parameter is invalid.
    Invalid,
    /// A tag is invalid or exceeds a limit.
    Tag,
    /// The caller does not have the permission.
    Permission,
    /// The caller cannot be authenticated: wrong key, wrong signature or expired token.
    Credentials,
    /// The clock of the caller is wrong by more than five minutes.
    Clock,
    /// The balance of the account is insufficient.
    Balance,
    /// The dry run succeeded.
    DryRunPassed,
    /// Internal error of the service. The outcome of a write is unknown.
    Internal,
    /// The request was not sent, or the service is unreachable. The call was not executed.
    Unreachable,
    /// The lock of the state was lost, or is about to expire. The call was not sent.
    LockLost,
    /// The call may have been executed or not.
    OutcomeUnknown,
    /// The response is not a valid envelope.
    MalformedResponse,
    /// Error code of a read without a more specific kind: a bare `FailedOperation`, or an undocumented code. For a
    /// write, such a code is [`ErrorKind::OutcomeUnknown`].
    Other,
    /// Defect of goldform: the task that made the call panicked.
    Defect,
}

impl ErrorKind {
    /// Returns the kind in snake case, for programs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Throttled => "throttled",
            Self::Busy => "busy",
            Self::NotFound => "not_found",
            Self::ImageQuota => "image_quota",
            Self::ShareQuota => "share_quota",
            Self::TooManyValues => "too_many_values",
            Self::DuplicateName => "duplicate_name",
            Self::Shared => "shared",
            Self::SharedImageUnmodifiable => "shared_image_unmodifiable",
            Self::AlreadyShared => "already_shared",
            Self::BadAccount => "bad_account",
            Self::Unsupported => "unsupported",
            Self::Invalid => "invalid",
            Self::Tag => "tag",
            Self::Permission => "permission",
            Self::Credentials => "credentials",
            Self::Clock => "clock",
            Self::Balance => "balance",
            Self::DryRunPassed => "dry_run_passed",
            Self::Internal => "internal",
            Self::Unreachable => "unreachable",
            Self::LockLost => "lock_lost",
            Self::OutcomeUnknown => "outcome_unknown",
            Self::MalformedResponse => "malformed_response",
            Self::Other => "other",
            Self::Defect => "defect",
        }
    }

    /// Returns whether a *read* that failed with this kind may succeed later without any change.
    pub fn is_passing(self) -> bool {
        match self {
            // A new image may be missing from listings for some time.
            Self::NotFound
            | Self::Throttled
            | Self::Busy
            | Self::Internal
            | Self::Unreachable
            | Self::OutcomeUnknown
            | Self::MalformedResponse => true,
            Self::ImageQuota
            | Self::ShareQuota
            | Self::TooManyValues
            | Self::DuplicateName
            | Self::Shared
            | Self::SharedImageUnmodifiable
            | Self::AlreadyShared
            | Self::BadAccount
            | Self::Unsupported
            | Self::Invalid
            | Self::Tag
            | Self::Permission
            | Self::Credentials
            | Self::Clock
            | Self::Balance
            | Self::DryRunPassed
            | Self::LockLost
            | Self::Other
            | Self::Defect => false,
        }
    }

    /// Returns whether the call was certainly not executed, so that even a write may be retried.
    ///
    /// For a throttled request this is an inference: the documents say that it is refused, and the official clients
    /// retry it.
    pub fn was_not_executed(self) -> bool {
        matches!(self, Self::Throttled | Self::Unreachable)
    }

    /// Returns whether a *write* that failed with this kind may have been executed. The caller must check the cloud
    /// before a retry.
    pub fn may_have_executed(self) -> bool {
        matches!(self, Self::Internal | Self::OutcomeUnknown | Self::MalformedResponse)
    }
}

/// Refusal of the service, or failure to reach it.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub struct CloudError {
    /// Kind of the error.
    pub kind: ErrorKind,
    /// Called action.
    pub action: CompactString,
    /// Called region.
    pub region: Option<Region>,
    /// Error code of the service, verbatim. `None`: no answer.
    pub code: Option<CompactString>,
    /// Message of the service, verbatim, or a description of the failure.
    pub message: String,
    /// Request id of the service.
    pub request_id: Option<CompactString>,
}

impl CloudError {
    /// Returns whether the call may have been executed although it failed. Relevant for writes only.
    pub fn may_have_executed(&self) -> bool {
        self.kind.may_have_executed()
    }
}

impl From<&CloudError> for Failure {
    fn from(error: &CloudError) -> Self {
        Self {
            why: error.to_string(),
            code: error.code.clone(),
            kind: Some(error.kind.as_str()),
            request_id: error.request_id.clone(),
            action: Some(error.action.clone()),
            region: error.region.clone(),
            message: Some(error.message.clone()),
        }
    }
}

impl fmt::Display for CloudError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.action)?;
        if let Some(region) = &self.region {
            write!(f, " in {region}")?;
        }
        match &self.code {
            Some(code) => write!(f, " was refused: {code}: {}", self.message)?,
            None => write!(f, " failed: {}", self.message)?,
        }
        if let Some(id) = &self.request_id {
            write!(f, " (request {id})")?;
        }
        Ok(())
    }
}

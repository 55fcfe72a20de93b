//! Errors of the service, by what the reader can do about them.

use std::fmt;

use compact_str::CompactString;
use thiserror::Error;

use crate::model::Region;
use crate::plan::Failure;

/// What an error means for the one who called; every error code of the service has one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ErrorKind {
    /// Too many requests: not executed, call again later.
    Throttled,
    /// The thing, or something it depends on, is in the middle of another operation: call again later.
    Busy,
    /// There is no such thing.
    NotFound,
    /// The limit of custom images in the region is reached.
    ImageQuota,
    /// The limit of accounts that an image is shared with is reached.
    ShareQuota,
    /// Too many values in one call.
    TooManyValues,
    /// The name is taken in that region.
    DuplicateName,
    /// The image is shared, and that forbids the call.
    Shared,
    /// A shared image, or one that is shared, cannot be changed.
    SharedImageUnmodifiable,
    /// The account has that share already.
    AlreadyShared,
    /// An account that does not exist, is no main account, or is the caller's own.
    BadAccount,
    /// This kind of image, source or region does not allow the call.
    Unsupported,
    /// A parameter is wrong.
    Invalid,
    /// A tag is refused.
    Tag,
    /// Who calls may not do that.
    Permission,
    /// Who calls could not be established: wrong key, wrong signature, expired token.
    Credentials,
    /// The clock of the caller is off by more than five minutes.
    Clock,
    /// The account cannot pay.
    Balance,
    /// A dry run would have succeeded.
    DryRunPassed,
    /// The service failed inside: of a write, the outcome is unknown.
    Internal,
    /// The request was surely not executed (it never left, or the service is not there).
    Unreachable,
    /// It is unknown whether the call was executed.
    OutcomeUnknown,
    /// An answer that is none.
    MalformedResponse,
    /// A code of a read that says nothing about what to do: a bare `FailedOperation`, or one that the documents
    /// do not name and whose beginning says nothing. Of a write such a code is [`ErrorKind::OutcomeUnknown`].
    Other,
    /// Defect of goldform: the task that made the call panicked.
    Defect,
}

impl ErrorKind {
    /// The kind in snake case, for programs.
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
            Self::OutcomeUnknown => "outcome_unknown",
            Self::MalformedResponse => "malformed_response",
            Self::Other => "other",
            Self::Defect => "defect",
        }
    }

    /// Returns whether a *read* that failed with this may work later without anybody doing anything.
    pub fn is_passing(self) -> bool {
        match self {
            // An image may be missing from listings for a while after it was accepted.
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
            | Self::Other
            | Self::Defect => false,
        }
    }

    /// Whether the call was surely not executed, so that even a write may be sent again as it is.
    ///
    /// True of a throttled request by inference: the documents say that it is refused, and the official clients
    /// send it again.
    pub fn was_not_executed(self) -> bool {
        matches!(self, Self::Throttled | Self::Unreachable)
    }

    /// Whether a *write* that ended so may have been executed all the same: look before calling again.
    pub fn may_have_executed(self) -> bool {
        matches!(self, Self::Internal | Self::OutcomeUnknown | Self::MalformedResponse)
    }
}

/// A refusal of the service, or the failure to reach it.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub struct CloudError {
    /// What it means.
    pub kind: ErrorKind,
    /// The action that was called.
    pub action: CompactString,
    /// The region it was called in.
    pub region: Option<Region>,
    /// The service's error code, verbatim; nothing when no answer came.
    pub code: Option<CompactString>,
    /// The service's message, verbatim, or what went wrong on the way.
    pub message: String,
    /// The service's id of the request.
    pub request_id: Option<CompactString>,
}

impl CloudError {
    /// Whether the call may have been executed although it failed; true only of calls that write.
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

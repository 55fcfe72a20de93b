//! Transport of one request to the service and of its answer.

use std::fmt;

use async_trait::async_trait;
use compact_str::CompactString;
use thiserror::Error;

use crate::model::Region;

/// Service of the cloud that goldform calls, with its host and API version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Service {
    /// Images, instances and regions: `cvm`, version 2017-03-12.
    Cvm,
    /// Tags: `tag`, version 2018-08-13.
    Tag,
    /// Identities and temporary keys: `sts`, version 2018-08-13.
    Sts,
    /// Accounts: `cam`, version 2019-01-16.
    Cam,
    /// Disks and snapshots: `cbs`, version 2017-03-12.
    Cbs,
    /// Regions and zones: `region`, version 2022-06-27.
    Region,
}

impl Service {
    /// Returns the first label of the service's host.
    pub fn host_label(self) -> &'static str {
        match self {
            Self::Cvm => "cvm",
            Self::Tag => "tag",
            Self::Sts => "sts",
            Self::Cam => "cam",
            Self::Cbs => "cbs",
            Self::Region => "region",
        }
    }

    /// Returns the API version of requests.
    pub fn version(self) -> &'static str {
        match self {
            Self::Cvm | Self::Cbs => "2017-03-12",
            Self::Tag | Self::Sts => "2018-08-13",
            Self::Cam => "2019-01-16",
            Self::Region => "2022-06-27",
        }
    }
}

/// One request.
#[derive(Clone, PartialEq, Eq)]
pub struct Request {
    /// Called service.
    pub service: Service,
    /// Action, such as `DescribeImages`.
    pub action: CompactString,
    /// Region (`X-TC-Region`). `None` for some actions of other services.
    pub region: Option<Region>,
    /// JSON body, exactly as it is signed and sent.
    pub body: Vec<u8>,
}

/// Shows the called action without the body, because the URL of an import may contain a signature.
impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { service, action, region, body } = self;
        f.debug_struct("Request")
            .field("service", service)
            .field("action", action)
            .field("region", region)
            .field("body", &format_args!("{} bytes", body.len()))
            .finish()
    }
}

/// Failure to get an answer of the service.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum TransportError {
    /// The request was not executed: no connection was established, or it was refused before it was sent.
    #[error("{0}")]
    NotSent(String),
    /// The request was not sent, because there are no credentials.
    #[error("{0}")]
    NoCredentials(String),
    /// The request was not sent, because the lock of the state was lost or is about to expire.
    #[error("{0}")]
    LockLost(String),
    /// The request was sent and may have been executed: the connection broke, the time ran out, or the answer is not
    /// one of the service.
    #[error("{0}")]
    OutcomeUnknown(String),
}

/// Transport of requests to the service.
///
/// A transport neither retries nor interprets an answer. It returns the bytes of the service's envelope (`{"Response":
/// …}`), with or without an error.
#[async_trait]
pub trait Transport: Send + Sync {
    /// Sends one request.
    ///
    /// # Errors
    /// If there is no answer. [`TransportError::NotSent`] only if the request was certainly not executed.
    async fn send(&self, request: Request) -> Result<Vec<u8>, TransportError>;
}

//! What carries one request to the service and brings its answer back.

use std::fmt;

use async_trait::async_trait;
use compact_str::CompactString;
use thiserror::Error;

use crate::model::Region;

/// A service of the cloud that goldform calls: product host and API version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Service {
    /// Images, instances, regions: `cvm`, version 2017-03-12.
    Cvm,
    /// Tags: `tag`, version 2018-08-13.
    Tag,
    /// Who is calling: `sts`, version 2018-08-13.
    Sts,
    /// Accounts: `cam`, version 2019-01-16.
    Cam,
    /// Disks and snapshots: `cbs`, version 2017-03-12.
    Cbs,
    /// Regions and zones: `region`, version 2022-06-27.
    Region,
}

impl Service {
    /// The first label of the product's host.
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

    /// The API version that requests name.
    pub fn version(self) -> &'static str {
        match self {
            Self::Cvm | Self::Cbs => "2017-03-12",
            Self::Tag | Self::Sts => "2018-08-13",
            Self::Cam => "2019-01-16",
            Self::Region => "2022-06-27",
        }
    }
}

/// One request: which action of which service, in which region, with which JSON body.
#[derive(Clone, PartialEq, Eq)]
pub struct Request {
    /// The service.
    pub service: Service,
    /// The action, such as `DescribeImages`.
    pub action: CompactString,
    /// The region (`X-TC-Region`); a few actions of other services take none.
    pub region: Option<Region>,
    /// The JSON body, exactly as it is signed and sent.
    pub body: Vec<u8>,
}

/// Shows what is called and never the body: an import's URL may carry a signature.
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

/// The request did not bring an answer of the service back.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum TransportError {
    /// It was surely not executed: no connection, or it was refused before it was sent.
    #[error("{0}")]
    NotSent(String),
    /// It was not sent, because there is no key to sign it with.
    #[error("{0}")]
    NoCredentials(String),
    /// It was sent, and whether it was executed is unknown: the connection broke, the time ran out, or
    /// what came back is no answer of the service.
    #[error("{0}")]
    OutcomeUnknown(String),
}

/// Carries requests to the service.
///
/// A transport does not retry and does not judge: it returns the bytes of the service's envelope
/// (`{"Response": …}`), whether that holds an error or not.
#[async_trait]
pub trait Transport: Send + Sync {
    /// Sends one request.
    ///
    /// # Errors
    /// When no envelope came back. [`TransportError::NotSent`] only when the request was surely not executed.
    async fn send(&self, request: Request) -> Result<Vec<u8>, TransportError>;
}

//! The object of a lock, as it is stored: JSON, for programs and people.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

pub(super) use super::bucket::LOCK_SUFFIX as SUFFIX;
use super::bucket::{Bucket, Object};
use crate::backend::{LockInfo, StoreError};
use crate::diagnostics::json_error_message;

/// Format of the lock's object.
pub(super) const FORMAT: u32 = 1;
/// Content of the lock's object. It outlives its holders, because epochs count up.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct LockObject {
    pub(super) format: u32,
    /// Number of the present holder, or of the last one.
    pub(super) epoch: u64,
    /// Serial of the last snapshot that a holder wrote, as far as it is known.
    pub(super) serial: u64,
    /// Epochs of earlier holders that did not release it and were not kept out yet: something of them may be under way.
    #[serde(default)]
    pub(super) open: Vec<u64>,
    /// Who holds it. `None` if nobody does.
    pub(super) holder: Option<Holder>,
}

/// Holder of a lock.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Holder {
    #[serde(flatten)]
    pub(super) info: LockInfo,
    /// Random text that no other holder has.
    pub(super) token: String,
    pub(super) renewed: Timestamp,
    /// Lease in seconds. `None` for a lock that a person holds until it is unlocked.
    pub(super) lease: Option<f64>,
    /// When it ends if it is not renewed, by the holder's clock. For people.
    pub(super) expires: Option<Timestamp>,
}

impl Holder {
    pub(super) fn new(info: &LockInfo, token: &str, lease: Option<Duration>, now: Timestamp) -> Self {
        let expires = lease.and_then(|lease| now.checked_add(lease).ok());
        let lease = lease.map(|lease| lease.as_secs_f64());
        Self { info: info.clone(), token: token.to_owned(), renewed: now, lease, expires }
    }
}

/// Returns the bytes of the object.
pub(super) fn text(lock: &LockObject) -> Vec<u8> {
    let mut bytes = serde_json::to_vec(lock).unwrap_or_default();
    bytes.push(b'\n');
    bytes
}

/// Reads the object.
///
/// # Errors
/// If it is not a lock of a format that is known.
pub(super) fn parse(bucket: &Bucket, object: &Object) -> Result<LockObject, StoreError> {
    let unreadable = |why: String| StoreError::LockUnreadable { place: bucket.place(SUFFIX), why };
    let lock: LockObject =
        serde_json::from_slice(&object.bytes).map_err(|error| unreadable(json_error_message(&error)))?;
    match lock.format {
        FORMAT => Ok(lock),
        format => Err(unreadable(format!("it has format {format}, and this goldform reads format {FORMAT}"))),
    }
}

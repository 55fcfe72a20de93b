//! Finds out whether a storage keeps the promises that a lock needs.
//!
//! A storage that ignores the conditions of a write answers each with success, and two commands would both hold the lock.
//! So before the first lock of a state, two writes are tried that must be refused.

use object_store::PutMode;

use super::bucket::{Bucket, NotWritten, Version};
use crate::backend::{StorageFailure, StoreError};

/// Tries conditional writes on an object of its own.
///
/// # Errors
/// If the storage does not honour one of them, or cannot be asked.
pub(super) async fn probe(bucket: &Bucket, token: &str) -> Result<(), StoreError> {
    let suffix = format!(".probe-{token}");
    let result = conditions(bucket, &suffix).await;
    let removed = bucket.remove(&suffix).await;
    result.and(removed)
}

async fn conditions(bucket: &Bucket, suffix: &str) -> Result<(), StoreError> {
    let ignores = |what: &str| StoreError::Storage {
        place: bucket.place(""),
        why: format!(
            "the storage ignores {what}, without which two commands could hold the lock of the state at once"
        ),
        failure: StorageFailure::Conditions,
    };
    match bucket.put_once(suffix, b"1", PutMode::Create).await {
        Ok(_) | Err(NotWritten::Conflict) => {}
        Err(NotWritten::Failed(error)) => return Err(error),
    }
    match bucket.put_once(suffix, b"2", PutMode::Create).await {
        Err(NotWritten::Conflict) => {}
        Ok(_) => return Err(ignores("`If-None-Match: *`")),
        Err(NotWritten::Failed(error)) => return Err(error),
    }
    let Some(version) = bucket.version(suffix).await? else { return Err(ignores("writes that it accepted")) };
    let other = Version { e_tag: Some("\"00000000000000000000000000000000\"".to_owned()), version: None };
    match bucket.put_once(suffix, b"3", PutMode::Update(other)).await {
        Err(NotWritten::Conflict) => {}
        Ok(_) => return Err(ignores("`If-Match`")),
        Err(NotWritten::Failed(error)) => return Err(error),
    }
    match bucket.put_once(suffix, b"4", PutMode::Update(version)).await {
        Ok(_) => Ok(()),
        Err(NotWritten::Conflict) => Err(StoreError::Storage {
            place: bucket.place(""),
            why: "the storage refuses `If-Match` with the version that it named".to_owned(),
            failure: StorageFailure::Conditions,
        }),
        Err(NotWritten::Failed(error)) => Err(error),
    }
}

//! The objects of one state: reads of bounded size, conditional writes, and what the storage answers.

use std::error::Error as _;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use jiff::Timestamp;
use object_store::path::Path;
use object_store::{
    Error, GetOptions, GetResult, ObjectStore, ObjectStoreExt as _, PutMode, PutOptions, UpdateVersion,
};

use crate::backend::{StorageFailure, StoreError};
use crate::cloud::Lease;
use crate::diagnostics::sanitize;
use crate::model::Clock;

/// Suffix of the lock's object.
pub(super) const LOCK_SUFFIX: &str = ".lock";
/// Largest object that is read, as for a state in a file.
const MOST_BYTES: u64 = 256 << 20;
/// Requests under way at once, where many objects are read.
pub(super) const PARALLEL: usize = 16;

/// Version of an object, for a write that must find it unchanged.
pub(super) type Version = UpdateVersion;

/// One object.
pub(super) struct Object {
    pub(super) bytes: Vec<u8>,
    pub(super) version: Version,
    /// When it was written, by the clock of the storage.
    pub(super) modified: Timestamp,
}

/// Why an object was not written.
pub(super) enum NotWritten {
    /// Another version is there, or one where none was expected.
    Conflict,
    /// The storage refused, or did not answer; in the second case it may have been written.
    Failed(StoreError),
}

/// Returns whether two versions are the same. A tag is that of a content, and every content that is written is unique.
/// Ids of versions do not count then: some answers of a storage lack them.
pub(super) fn is_same(one: Option<&Version>, other: Option<&Version>) -> bool {
    match (one, other) {
        (Some(one), Some(other)) if one.e_tag.is_some() && other.e_tag.is_some() => one.e_tag == other.e_tag,
        _ => one == other,
    }
}

/// What keeps the writes of two holders apart where the storage ignores their conditions.
#[derive(Clone)]
pub(super) struct Guard {
    pub(super) lease: Lease,
    pub(super) clock: Arc<dyn Clock>,
    /// Rest of the lease that a write needs: longer than a write can take.
    pub(super) write_time: Duration,
}

impl fmt::Debug for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Guard").field("write_time", &self.write_time).finish_non_exhaustive()
    }
}

/// Access to the objects of one state.
#[derive(Debug, Clone)]
pub(super) struct Bucket {
    store: Arc<dyn ObjectStore>,
    key: String,
    /// Where the state is, for people: `s3://bucket/key`.
    pub(super) shown: String,
    /// `None` if the storage honours the conditions of writes.
    guard: Option<Guard>,
}

impl Bucket {
    /// Returns the access to a state's objects. `shown` is its place, for people.
    ///
    /// # Errors
    /// If no object can have this key.
    pub(super) fn new(store: Arc<dyn ObjectStore>, key: &str, shown: String) -> Result<Self, StoreError> {
        match Path::parse(key) {
            Ok(path) if !key.is_empty() && path.as_ref() == key => {
                Ok(Self { store, key: key.to_owned(), shown, guard: None })
            }
            _ => Err(StoreError::Storage {
                place: shown,
                why: "no object can have this key: its parts must not be empty, `.` or `..`".to_owned(),
                failure: StorageFailure::Key,
            }),
        }
    }

    /// Replaces conditions, which the storage ignores, by a read before the write and a check of the lease.
    pub(super) fn guard(&mut self, guard: Guard) {
        self.guard = Some(guard);
    }

    /// Returns whether the storage honours the conditions of writes.
    pub(super) fn honours_conditions(&self) -> bool {
        self.guard.is_none()
    }

    /// Returns the rest of the lease that a write needs.
    pub(super) fn write_time(&self) -> Duration {
        self.guard.as_ref().map_or(Duration::ZERO, |guard| guard.write_time)
    }

    /// Returns where an object is, for people. The state itself has no suffix.
    pub(super) fn place(&self, suffix: &str) -> String {
        format!("{}{suffix}", self.shown)
    }

    fn path(&self, suffix: &str) -> Path {
        // The key was parsed, and suffixes are made of letters, digits and dots.
        Path::parse(format!("{}{suffix}", self.key)).unwrap_or_default()
    }

    /// Reads an object. `None` if there is none.
    pub(super) async fn read(&self, suffix: &str) -> Result<Option<Object>, StoreError> {
        let result = match self.store.get_opts(&self.path(suffix), GetOptions::default()).await {
            Ok(result) => result,
            // The bucket may be what is missing.
            Err(error @ Error::NotFound { .. }) if failure(&chain(&error)) != StorageFailure::Bucket => {
                return Ok(None);
            }
            Err(error) => return Err(self.failed(suffix, &error)),
        };
        let GetResult { meta, .. } = &result;
        if meta.size > MOST_BYTES {
            return Err(StoreError::Storage {
                place: self.place(suffix),
                why: format!("the object has {} bytes, more than the maximum of {MOST_BYTES}", meta.size),
                failure: StorageFailure::Other,
            });
        }
        let version = Version { e_tag: meta.e_tag.clone(), version: meta.version.clone() };
        let modified = timestamp(meta.last_modified.timestamp_millis());
        let bytes = result.bytes().await.map_err(|error| self.failed(suffix, &error))?;
        Ok(Some(Object { bytes: bytes.to_vec(), version, modified }))
    }

    /// Returns the version of an object, without its content. `None` if there is none.
    pub(super) async fn version(&self, suffix: &str) -> Result<Option<Version>, StoreError> {
        Ok(self.head(suffix).await?.map(|(version, _)| version))
    }

    async fn head(&self, suffix: &str) -> Result<Option<(Version, Timestamp)>, StoreError> {
        match self.store.head(&self.path(suffix)).await {
            Ok(meta) => {
                let modified = timestamp(meta.last_modified.timestamp_millis());
                Ok(Some((Version { e_tag: meta.e_tag, version: meta.version }, modified)))
            }
            Err(Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(self.failed(suffix, &error)),
        }
    }

    /// Writes an object that must not exist. The answer may be lost: what is there is compared then.
    pub(super) async fn create(&self, suffix: &str, bytes: &[u8]) -> Result<Version, NotWritten> {
        self.put(suffix, bytes, PutMode::Create).await
    }

    /// Writes an object that must have this version, in the same way.
    pub(super) async fn update(
        &self,
        suffix: &str,
        bytes: &[u8],
        version: Version,
    ) -> Result<Version, NotWritten> {
        self.put(suffix, bytes, PutMode::Update(version)).await
    }

    async fn put(&self, suffix: &str, bytes: &[u8], mode: PutMode) -> Result<Version, NotWritten> {
        match self.put_once(suffix, bytes, mode).await {
            Ok(version) => Ok(version),
            // The storage may have written it and answered too late, and been asked once more. All that is written
            // holds a time or a random token, so equal bytes are ours.
            Err(failure) => match (self.read(suffix).await, failure) {
                (Ok(Some(object)), _) if object.bytes == bytes => Ok(object.version),
                (Err(error), NotWritten::Conflict) => Err(NotWritten::Failed(error)),
                (_, failure) => Err(failure),
            },
        }
    }

    /// Writes an object, and believes the answer.
    pub(super) async fn put_once(
        &self,
        suffix: &str,
        bytes: &[u8],
        mode: PutMode,
    ) -> Result<Version, NotWritten> {
        let mode = self.checked(suffix, mode).await?;
        let options = PutOptions { mode, ..PutOptions::default() };
        match self.store.put_opts(&self.path(suffix), bytes.to_vec().into(), options).await {
            Ok(result) => Ok(result.into()),
            Err(Error::AlreadyExists { .. } | Error::Precondition { .. }) => Err(NotWritten::Conflict),
            Err(error) => Err(NotWritten::Failed(self.failed(suffix, &error))),
        }
    }

    /// Checks the condition of a write here where the storage ignores it. Returns the condition that is sent.
    async fn checked(&self, suffix: &str, mode: PutMode) -> Result<PutMode, NotWritten> {
        let expected = match (&self.guard, &mode) {
            (None, _) | (_, PutMode::Overwrite) => return Ok(mode),
            (Some(_), PutMode::Create) => None,
            (Some(_), PutMode::Update(version)) => Some(version),
        };
        let found = self.version(suffix).await.map_err(NotWritten::Failed)?;
        if !is_same(found.as_ref(), expected) {
            return Err(NotWritten::Conflict);
        }
        // A lock that is written late is put right by the next renewal of its holder.
        let needed = if suffix == LOCK_SUFFIX { Duration::ZERO } else { self.write_time() };
        let checked = self.guard.as_ref().map(|guard| guard.lease.check(needed, guard.clock.now()));
        match checked {
            Some(Err(why)) => {
                Err(NotWritten::Failed(StoreError::LockLost { place: self.place(LOCK_SUFFIX), why }))
            }
            _ => Ok(PutMode::Overwrite),
        }
    }

    /// Writes an object, whatever is there.
    pub(super) async fn overwrite(&self, suffix: &str, bytes: &[u8]) -> Result<(), StoreError> {
        match self.put_once(suffix, bytes, PutMode::Overwrite).await {
            Ok(_) => Ok(()),
            Err(NotWritten::Failed(error)) => Err(error),
            Err(NotWritten::Conflict) => Err(StoreError::Storage {
                place: self.place(suffix),
                why: "the storage refused an unconditional write as a conflict".to_owned(),
                failure: StorageFailure::Other,
            }),
        }
    }

    /// Removes an object, if there is one.
    pub(super) async fn remove(&self, suffix: &str) -> Result<(), StoreError> {
        match self.store.delete(&self.path(suffix)).await {
            Ok(()) | Err(Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(self.failed(suffix, &error)),
        }
    }

    /// Removes objects, many with one request. Those that are not there do not matter.
    pub(super) async fn remove_all(&self, suffixes: Vec<String>) -> Result<(), StoreError> {
        let paths: Vec<Path> = suffixes.iter().map(|suffix| self.path(suffix)).collect();
        let mut results = self.store.delete_stream(stream::iter(paths).map(Ok).boxed());
        let mut failed = None;
        while let Some(result) = results.next().await {
            if let Err(error) = result
                && !matches!(error, Error::NotFound { .. })
            {
                failed.get_or_insert_with(|| self.failed("", &error));
            }
        }
        failed.map_or(Ok(()), Err)
    }

    /// Returns the names of the objects in a folder, sorted, and when each was written, by the clock of the storage.
    pub(super) async fn list(&self, folder: &str) -> Result<Vec<(String, Timestamp)>, StoreError> {
        let listing = self.store.list(Some(&self.path(folder)));
        let names = listing.try_filter_map(|meta| async move {
            let modified = timestamp(meta.last_modified.timestamp_millis());
            Ok(meta.location.filename().map(|name| (name.to_owned(), modified)))
        });
        let mut names: Vec<(String, Timestamp)> =
            names.try_collect().await.map_err(|error| self.failed(folder, &error))?;
        names.sort_unstable();
        Ok(names)
    }

    /// Returns the time of the storage's clock: that of an object written for it. `None` if that cannot be found out.
    pub(super) async fn time(&self, token: &str) -> Result<Option<Timestamp>, StoreError> {
        let suffix = format!(".clock-{token}");
        self.overwrite(&suffix, b"").await?;
        let found = self.head(&suffix).await?;
        self.remove(&suffix).await?;
        Ok(found.map(|(_, modified)| modified))
    }

    /// Returns the failure for what the storage answered.
    fn failed(&self, suffix: &str, error: &Error) -> StoreError {
        let failure = match error {
            Error::PermissionDenied { .. } => StorageFailure::Permission,
            Error::Unauthenticated { .. } => StorageFailure::Credentials,
            error => failure(&chain(error)),
        };
        StoreError::Storage { place: self.place(suffix), why: describe(&chain(error)), failure }
    }
}

fn timestamp(milliseconds: i64) -> Timestamp {
    Timestamp::from_millisecond(milliseconds).unwrap_or(Timestamp::MIN)
}

/// Returns what an error and its causes say.
fn chain(error: &Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        source = cause.source();
    }
    text
}

/// Returns the text between two tags of an answer.
fn element<'t>(text: &'t str, name: &str) -> Option<&'t str> {
    let (_, rest) = text.split_once(&format!("<{name}>"))?;
    Some(rest.split_once(&format!("</{name}>"))?.0)
}

/// Returns the code and the message of an answer, and nothing else of it: the rest repeats keys and what was signed.
fn describe(text: &str) -> String {
    let code = element(text, "Code");
    let said = match (code, element(text, "Message")) {
        (Some(code), Some(message)) => format!("the storage answered {code}: {message}"),
        (Some(code), None) => format!("the storage answered {code}"),
        // Without a code, the library's account of its retries is left out, and the answer is cut where its body begins.
        (None, _) => {
            let said = text.split_once(" - ").map_or(text, |(_, said)| said);
            let said = said.split(['<', '\n']).next().unwrap_or_default().trim_end_matches([' ', ':']);
            format!("the storage did not answer as it should: {said}")
        }
    };
    sanitize::escape_truncated(&said)
}

/// Returns what is wrong, by the code of an answer, or by what the library says without one.
fn failure(text: &str) -> StorageFailure {
    match element(text, "Code") {
        Some("NoSuchBucket") => StorageFailure::Bucket,
        Some(
            "InvalidAccessKeyId"
            | "SignatureDoesNotMatch"
            | "ExpiredToken"
            | "InvalidToken"
            | "TokenRefreshRequired"
            | "RequestTimeTooSkewed",
        ) => StorageFailure::Credentials,
        Some("AccessDenied" | "AllAccessDisabled" | "AccountProblem") => StorageFailure::Permission,
        None if text.contains("169.254.169.254") || text.contains("metadata") => StorageFailure::Credentials,
        None if text.contains("error sending request") => StorageFailure::Unreachable,
        _ => StorageFailure::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_an_answer_only_the_code_and_the_message_are_shown() {
        let text = "Server returned non-2xx status code: 403 Forbidden: <Error><Code>SignatureDoesNotMatch</Code>\
                    <Message>The signature\u{1b}[31m does not match</Message><AWSAccessKeyId>AKIA1</AWSAccessKeyId>\
                    <StringToSign>secret</StringToSign></Error>";
        let said = describe(text);
        assert!(said.starts_with("the storage answered SignatureDoesNotMatch: The signature"), "{said}");
        assert!(!said.contains("AKIA1") && !said.contains("secret") && !said.contains('\u{1b}'), "{said}");
        assert_eq!(failure(text), StorageFailure::Credentials);
        let said =
            describe("Error performing GET http://host/key in 2s, after 5 retries - it broke: <html>AKIA1");
        assert_eq!(said, "the storage did not answer as it should: it broke");
    }

    #[test]
    fn a_key_that_no_object_can_have_is_refused() {
        let memory = || Arc::new(object_store::memory::InMemory::new());
        for key in ["", "a//b", "a/../b", "/a", "a/"] {
            assert!(Bucket::new(memory(), key, "s3://b/k".into()).is_err(), "{key:?}");
        }
        assert!(Bucket::new(memory(), "team/goldform.state.json", "s3://b/k".into()).is_ok());
    }
}

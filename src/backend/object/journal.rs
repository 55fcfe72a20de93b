//! The journal of a state on shared storage: one object per event or batch, `<key>.journal/<epoch>-<number>`.
//!
//! ```text
//!  00000004-00000001   saves serial 12
//!  00000004-00000002   {"event":"started",…}
//!  00000004-00000003   {"event":"accepted",…}
//!  00000004-00000004   seal, by the holder of epoch 5
//!  00000005-00000001   saves serial 13
//! ```
//!
//! Each object is created, never replaced, and its number is the next one of its holder's epoch. A new holder whose
//! predecessor did not release the lock first creates a *seal* at the predecessor's next number. A predecessor that comes
//! back finds its number taken, and stops before it sends anything. It may also have been about to write a snapshot, so
//! each snapshot is announced in the journal too, and a new holder writes one itself before it does anything else: the
//! late one then names a version that is gone.
//!
//! An object holds the lines of [`backend::journal`](crate::backend::journal). Objects whose events are in the snapshot
//! are removed, but the last announcement and seals stay: the numbers after an announcement show whether one is missing,
//! and a seal that is gone would let its holder back in.

use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::bucket::{Bucket, NotWritten, PARALLEL};
use crate::backend::journal::{self, Lines, Relation, Sum, write_lines};
use crate::backend::{StoreError, journal::Header};
use crate::state::{Event, Lineage};

/// Suffix of the folder.
pub(super) const FOLDER: &str = ".journal";

/// Name of an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Name {
    pub(super) epoch: u64,
    pub(super) number: u64,
}

impl Name {
    fn parse(text: &str) -> Option<Self> {
        let (epoch, number) = text.split_once('-')?;
        let name = Self { epoch: epoch.parse().ok()?, number: number.parse().ok()? };
        (name.text() == text).then_some(name)
    }

    fn text(self) -> String {
        format!("{:08}-{:08}", self.epoch, self.number)
    }

    pub(super) fn suffix(self) -> String {
        format!("{FOLDER}/{}", self.text())
    }
}

/// What an object is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Kind {
    /// Events that follow a snapshot.
    Events {
        /// The snapshot.
        base: Header,
        /// How many.
        count: usize,
    },
    /// A snapshot is about to be written.
    Save {
        /// Its serial.
        serial: u64,
    },
    /// The holder of this epoch is kept out.
    Seal,
}

/// First line of an object.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct First {
    epoch: u64,
    number: u64,
    /// Random text of who wrote it.
    by: String,
    is: Kind,
}

/// Returns the bytes of an object.
pub(super) fn encode(name: Name, by: &str, is: Kind, events: &[Event]) -> Result<Vec<u8>, serde_json::Error> {
    let first = First { epoch: name.epoch, number: name.number, by: by.to_owned(), is };
    let (mut bytes, mut chain) = (Vec::new(), Some(Sum::default()));
    write_lines(std::slice::from_ref(&first), &mut bytes, &mut chain)?;
    write_lines(events, &mut bytes, &mut chain)?;
    Ok(bytes)
}

/// An object that was read.
pub(super) struct Entry {
    pub(super) name: Name,
    pub(super) place: String,
    pub(super) is: Kind,
    pub(super) events: Vec<(usize, Event)>,
}

pub(super) fn decode(name: Name, place: String, bytes: Vec<u8>) -> Result<Entry, StoreError> {
    let bad = |why: &str| StoreError::JournalLine {
        place: place.clone(),
        line: 1,
        why: why.to_owned(),
        serial: None,
    };
    let is_whole = bytes.ends_with(b"\n");
    let lines = Lines::<First>::read(place.clone(), bytes)?.ok_or_else(|| bad("it has no whole line"))?;
    if !is_whole || !lines.has_checksums() {
        return Err(bad("it was cut off or changed"));
    }
    let First { epoch, number, by: _, is } = lines.header.clone();
    if (Name { epoch, number }) != name {
        return Err(bad("it was written under another name"));
    }
    let journal::Events { events, error, end: _ } = lines.events();
    if let Some(error) = error {
        return Err(error);
    }
    let expected = if let Kind::Events { count, .. } = &is { *count } else { 0 };
    if events.len() != expected {
        return Err(bad("it was cut off"));
    }
    Ok(Entry { name, place, is, events })
}

/// Creates an object. Returns whether its name was free, or held the same already.
pub(super) async fn create(bucket: &Bucket, name: Name, bytes: &[u8]) -> Result<bool, StoreError> {
    match bucket.create(&name.suffix(), bytes).await {
        Ok(_) => Ok(true),
        Err(NotWritten::Conflict) => Ok(false),
        Err(NotWritten::Failed(error)) => Err(error),
    }
}

/// Returns the names of all objects, in order. Other objects in the folder are left alone.
pub(super) async fn names(bucket: &Bucket) -> Result<Vec<Name>, StoreError> {
    Ok(dated_names(bucket).await?.into_iter().map(|(name, _)| name).collect())
}

/// Returns the names of all objects, in order, and when each was written.
pub(super) async fn dated_names(bucket: &Bucket) -> Result<Vec<(Name, Timestamp)>, StoreError> {
    let names = bucket.list(FOLDER).await?;
    Ok(names.iter().filter_map(|(name, written)| Some((Name::parse(name)?, *written))).collect())
}

/// Reads objects, in order. `None` if one of them is gone: a holder has removed it meanwhile.
pub(super) async fn read(bucket: &Bucket, names: &[Name]) -> Result<Option<Vec<Entry>>, StoreError> {
    let reads = stream::iter(names.to_vec()).map(|name| async move {
        let suffix = name.suffix();
        let object = bucket.read(&suffix).await?;
        object.map(|object| decode(name, bucket.place(&suffix), object.bytes)).transpose()
    });
    let entries: Vec<Option<Entry>> = reads.buffered(PARALLEL).try_collect().await?;
    Ok(entries.into_iter().collect())
}

/// Removes objects. Those that cannot be removed are removed after a later snapshot.
pub(super) async fn remove(bucket: &Bucket, names: Vec<Name>) {
    if names.is_empty() {
        return;
    }
    let suffixes = names.into_iter().map(Name::suffix).collect();
    if let Err(error) = bucket.remove_all(suffixes).await {
        tracing::warn!(%error, "an object of the journal could not be removed");
    }
}

/// Keeps the holder of an epoch out: creates a seal at its next number. `names` are all objects.
pub(super) async fn seal(bucket: &Bucket, epoch: u64, names: &[Name], by: &str) -> Result<(), StoreError> {
    let last = names.iter().filter(|name| name.epoch == epoch).map(|name| name.number).max();
    let mut number = last.unwrap_or_default();
    if let Some(last) = last {
        let name = Name { epoch, number: last };
        let entry = read(bucket, &[name]).await.ok().flatten().and_then(|entries| entries.into_iter().next());
        if entry.is_some_and(|entry| entry.is == Kind::Seal) {
            return Ok(());
        }
    }
    loop {
        // The holder may be adding to it still: each clash is one event that was stored in time.
        number = number.saturating_add(1);
        let name = Name { epoch, number };
        let bytes = encode(name, by, Kind::Seal, &[]).map_err(|error| not_json(bucket, &error))?;
        if create(bucket, name, &bytes).await? {
            return Ok(());
        }
    }
}

/// Returns the error for a value that cannot be written as JSON.
pub(super) fn not_json(bucket: &Bucket, error: &serde_json::Error) -> StoreError {
    StoreError::Io { place: bucket.place(FOLDER), source: std::io::Error::other(error.to_string()) }
}

/// Returns how the events of an object belong to a snapshot. `None` for an object without events.
pub(super) fn relation(entry: &Entry, snapshot: Option<&(Lineage, u64)>) -> Option<(Relation, Header)> {
    let Kind::Events { base, .. } = &entry.is else { return None };
    let followed = snapshot.map(|(lineage, serial)| (lineage, *serial));
    Some((base.relation(followed), base.clone()))
}

/// Checks that no object is missing before one whose events are still needed.
///
/// # Errors
/// If one is.
pub(super) fn check_gapless(bucket: &Bucket, names: &[Name], needed: &[Name]) -> Result<(), StoreError> {
    for name in needed {
        let before = Name { number: name.number.saturating_sub(1), ..*name };
        if name.number > 1 && names.binary_search(&before).is_err() {
            return Err(StoreError::JournalLine {
                place: bucket.place(&before.suffix()),
                line: 1,
                why: "it is missing, and later ones are there".to_owned(),
                serial: None,
            });
        }
    }
    Ok(())
}

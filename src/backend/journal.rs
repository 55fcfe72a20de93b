//! The text of a journal, wherever it is stored.
//!
//! ```text
//!  {"lineage":"…","follows":3} 9f0c…      the snapshot that the events follow
//!  {"event":"started",…} 41d7…            an event, and a checksum of it and of everything before it
//!  {"event":"acc                          torn: the process died here
//! ```
//!
//! It is read as bytes. What comes after the last line end was never acted upon and is left out; a whole line that is
//! damaged, missing, doubled or in another place breaks the chain of checksums, and is refused. Journals of an
//! older goldform have no checksums and are still read.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::StoreError;
use crate::diagnostics::json_error_message;
use crate::state::{Event, Lineage};

/// How a journal belongs to the snapshot beside it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Relation {
    /// It follows the snapshot: its events are folded over it.
    Follows,
    /// It follows an earlier snapshot: its events are in this one, and a crash kept it from being removed.
    Behind,
    /// It follows a later snapshot of this state: an older one was put back. Its events are recorded nowhere else.
    Ahead,
    /// It belongs to another state.
    OfAnother,
    /// There is no state.
    Alone,
}

/// The first line of a journal: the snapshot that it follows.
#[derive(Debug, Clone, Serialize, Deserialize, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) lineage: Lineage,
    pub(super) follows: u64,
}

impl Header {
    /// How a journal with this header belongs to the snapshot with this lineage and serial.
    pub(super) fn relation(&self, snapshot: Option<(&Lineage, u64)>) -> Relation {
        match snapshot {
            None => Relation::Alone,
            Some((lineage, _)) if *lineage != self.lineage => Relation::OfAnother,
            Some((_, serial)) if self.follows > serial => Relation::Ahead,
            Some((_, serial)) if self.follows < serial => Relation::Behind,
            Some(_) => Relation::Follows,
        }
    }
}

/// A checksum of a line and of all lines before it.
pub(super) type Sum = [u8; 16];

fn sum(before: &Sum, json: &[u8]) -> Sum {
    let hash = Sha256::new_with_prefix(before).chain_update(json).finalize();
    let mut sum = Sum::default();
    for (to, from) in sum.iter_mut().zip(hash) {
        *to = from;
    }
    sum
}

fn hex(sum: &Sum) -> String {
    sum.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Splits a line into its JSON and its checksum. `None` if it has none.
fn split(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let (json, tail) = line.split_at_checked(line.len().checked_sub(33)?)?;
    let sum = tail.strip_prefix(b" ")?;
    (json.ends_with(b"}") && sum.iter().all(u8::is_ascii_hexdigit)).then_some((json, sum))
}

/// The whole lines of a journal.
pub(super) struct Lines<H = Header> {
    place: String,
    pub(super) header: H,
    bytes: Vec<u8>,
    /// Where the lines after the header begin.
    start: usize,
    /// The checksum of the header. `None` if the journal has no checksums.
    sum: Option<Sum>,
}

impl<H: DeserializeOwned> Lines<H> {
    /// Reads the bytes of a journal. `None` if they hold not one whole line. `place` is where they are, for people.
    pub(super) fn read(place: String, mut bytes: Vec<u8>) -> Result<Option<Self>, StoreError> {
        bytes.truncate(bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end.saturating_add(1)));
        let Some(line) = bytes.split_inclusive(|byte| *byte == b'\n').next() else { return Ok(None) };
        let start = line.len();
        let mut chain = Some(Sum::default());
        if split(without_end(line)).is_none() {
            chain = None;
        }
        let header = parse(without_end(line), &mut chain).map_err(|why| bad(&place, 1, why))?;
        Ok(Some(Self { place, header, bytes, start, sum: chain }))
    }

    /// Whether its lines have checksums. Those of an older goldform have none.
    pub(super) fn has_checksums(&self) -> bool {
        self.sum.is_some()
    }

    /// The events up to the first line that is damaged, each with its line, and what is wrong with that one.
    pub(super) fn events(&self) -> Events {
        let mut chain = self.sum;
        let mut events = Vec::new();
        let mut len = self.start;
        let lines = self.bytes.get(self.start..).unwrap_or_default();
        for (number, line) in lines.split_inclusive(|byte| *byte == b'\n').enumerate() {
            let number = number.saturating_add(2);
            let before = chain;
            match parse(without_end(line), &mut chain) {
                Ok(event) => events.push((number, event)),
                Err(why) => {
                    let error = Some(bad(&self.place, number, why));
                    return Events { events, error, end: End { len, sum: before } };
                }
            }
            len = len.saturating_add(line.len());
        }
        Events { events, error: None, end: End { len, sum: chain } }
    }
}

/// What the lines after the header say.
pub(super) struct Events {
    pub(super) events: Vec<(usize, Event)>,
    pub(super) error: Option<StoreError>,
    /// Where the next event is written.
    pub(super) end: End,
}

/// Place at which a journal continues.
#[derive(Debug, Clone, Copy)]
pub(super) struct End {
    pub(super) len: usize,
    pub(super) sum: Option<Sum>,
}

fn bad(place: &str, line: usize, why: String) -> StoreError {
    StoreError::JournalLine { place: place.to_owned(), line, why, serial: None }
}

fn without_end(line: &[u8]) -> &[u8] {
    line.strip_suffix(b"\n").unwrap_or(line)
}

/// Reads a line and, where the journal has checksums, carries the chain on.
fn parse<T: DeserializeOwned>(line: &[u8], chain: &mut Option<Sum>) -> Result<T, String> {
    let json = match chain {
        None => line,
        Some(before) => {
            let (json, claimed) = split(line).ok_or("it has no checksum")?;
            let sum = sum(before, json);
            if hex(&sum).as_bytes() != claimed {
                return Err("it was changed, or a line before it is missing or in another place".to_owned());
            }
            *before = sum;
            json
        }
    };
    serde_json::from_slice(json).map_err(|error| json_error_message(&error))
}

/// Adds a line for each value, with its checksum if the journal has checksums, and carries the chain on.
pub(super) fn write_lines<T: Serialize>(
    values: &[T],
    bytes: &mut Vec<u8>,
    chain: &mut Option<Sum>,
) -> serde_json::Result<()> {
    for value in values {
        let start = bytes.len();
        serde_json::to_writer(&mut *bytes, value)?;
        if let Some(before) = chain {
            *before = sum(before, bytes.get(start..).unwrap_or_default());
            bytes.push(b' ');
            bytes.extend_from_slice(hex(before).as_bytes());
        }
        bytes.push(b'\n');
    }
    Ok(())
}

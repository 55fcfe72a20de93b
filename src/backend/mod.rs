//! Where state is kept: stores, and the lock that a command holds while it writes.
//!
//! A store keeps one snapshot and, beside it, the journal of the run that follows it:
//!
//! ```text
//!  lock ─▶ load (snapshot, journal folded over it) ─▶ append, append, … ─▶ save (snapshot, journal gone) ─▶ unlock
//! ```
//!
//! The journal names the snapshot it follows by lineage and serial, so one that a crash left behind is folded
//! once and never twice, and one that belongs to another snapshot is refused ([`Relation`]). All stores pass one suite
//! (`conformance`).

#[cfg(test)]
mod conformance;
pub mod file;
pub mod lock;
pub mod memory;

use async_trait::async_trait;
use thiserror::Error;

pub use file::{FileStore, Relation};
pub use lock::{LockInfo, LockWait};
pub use memory::MemoryStore;

use crate::state::{Event, Head, IllegalEvent, Lineage, Snapshot, StateError};

/// How many earlier snapshots a store keeps.
pub const SNAPSHOTS_KEPT: usize = 10;

/// A store that could not do what it was asked.
#[derive(Debug, Error)]
pub enum StoreError {
    /// Somebody else is writing.
    #[error("the state is locked{}", holder(.0.as_ref()))]
    Locked(Option<LockInfo>),
    /// What is stored cannot be used; it is left as it is.
    #[error("{place}: {source}")]
    State {
        /// Where it is stored.
        place: String,
        /// What is wrong.
        source: StateError,
        /// The serials of the kept snapshots that can be restored.
        kept: Vec<u64>,
    },
    /// A kept snapshot is another one than its name says.
    #[error("{place}: this is the snapshot with serial {serial}")]
    OtherSerial {
        /// Where it is stored.
        place: String,
        /// Its serial.
        serial: u64,
    },
    /// The journal does not belong to the state beside it: its events are recorded nowhere else. It is left as it is.
    #[error("{place}: {}", apart(*relation, lineage, *follows, *serial, *events))]
    JournalApart {
        /// Where it is stored.
        place: String,
        /// How it belongs to the state.
        relation: Relation,
        /// The state that it belongs to.
        lineage: Lineage,
        /// The serial of the snapshot that it follows.
        follows: u64,
        /// The serial of the state. `None` if there is no state.
        serial: Option<u64>,
        /// How many events it holds.
        events: usize,
        /// The serials of the kept snapshots that can be restored.
        kept: Vec<u64>,
    },
    /// The journal does not follow the snapshot it names; it is left as it is.
    #[error("{place}, line {line}: {source}")]
    Journal {
        /// Where it is stored.
        place: String,
        /// The line, from 1.
        line: usize,
        /// What is wrong.
        source: IllegalEvent,
        /// The serial of the snapshot beside it, if that can be used.
        serial: Option<u64>,
    },
    /// A line of the journal cannot be read; it is left as it is.
    #[error("{place}, line {line}: {why}")]
    JournalLine {
        /// Where it is stored.
        place: String,
        /// The line, from 1.
        line: usize,
        /// What is wrong.
        why: String,
        /// The serial of the snapshot beside it, if that can be used.
        serial: Option<u64>,
    },
    /// The place cannot be read or written.
    #[error("{place}: {source}")]
    Io {
        /// The place.
        place: String,
        /// What the operating system says.
        source: std::io::Error,
    },
    /// A file that belongs to the state is a link or a device: it could lead anywhere.
    #[error("{place} is {what}, and the lock, the journal and the kept snapshots of a state are never that")]
    NotAFile {
        /// The place.
        place: String,
        /// What it is.
        what: &'static str,
    },
    /// The lock file was removed or replaced while it was held: others may be writing.
    #[error(
        "{place} was removed or replaced while this command held the lock: another command may be writing the state"
    )]
    LockLost {
        /// The place.
        place: String,
    },
    /// The file system has no locks.
    #[error(
        "{place}: this file system has no locks, without which two commands could write the state at once ({source})"
    )]
    NoLocks {
        /// The place.
        place: String,
        /// What the operating system says.
        source: std::io::Error,
    },
    /// The store is used out of order: a defect of goldform.
    #[error("the state store was used out of order: {0}")]
    OutOfOrder(&'static str),
}

impl StoreError {
    /// The same, where the snapshot beside the journal has this serial.
    fn beside_serial(mut self, of: Option<u64>) -> Self {
        if let Self::Journal { serial, .. } | Self::JournalLine { serial, .. } = &mut self {
            *serial = of;
        }
        self
    }

    /// Whether the state is there and cannot be used, so that another has to be put in its place.
    pub fn is_unusable(&self) -> bool {
        match self {
            Self::State { source, .. } => !matches!(source, StateError::Newer { .. }),
            Self::JournalApart { .. } | Self::Journal { .. } | Self::JournalLine { .. } => true,
            _ => false,
        }
    }
}

fn apart(relation: Relation, lineage: &Lineage, follows: u64, serial: Option<u64>, events: usize) -> String {
    let events = match events {
        1 => "1 event".to_owned(),
        events => format!("{events} events"),
    };
    match (relation, serial) {
        (Relation::OfAnother, _) => {
            format!("this journal belongs to the state {lineage}, and another state is beside it")
        }
        (_, Some(serial)) => format!(
            "this journal follows serial {follows}, and the state has serial {serial}: an older state was put in its place, \
             which knows nothing of what the journal holds ({events})"
        ),
        (_, None) => {
            format!("this journal follows serial {follows} of a state that is gone, and holds {events} since")
        }
    }
}

fn holder(info: Option<&LockInfo>) -> String {
    info.map(|info| format!(" by {info}")).unwrap_or_default()
}

/// Keeps a state. One command at a time may write; any number may read.
#[async_trait]
pub trait StateStore: Send {
    /// Where it is, for people.
    fn place(&self) -> String;

    /// Where its journal is, for people.
    fn journal_place(&self) -> String {
        self.place()
    }

    /// The present state: the snapshot with its journal folded over it. Nothing before the first save.
    ///
    /// # Errors
    /// When what is stored cannot be read or used. Nothing is changed then.
    async fn load(&mut self) -> Result<Option<Snapshot>, StoreError>;

    /// Takes the lock for writing; it is held until the store is dropped, and by a process that dies no longer.
    ///
    /// # Errors
    /// [`StoreError::Locked`] when somebody else holds it for longer than `wait`.
    async fn lock(&mut self, info: LockInfo, wait: LockWait) -> Result<(), StoreError>;

    /// Stores events, in order, after everything that was stored before; they are durable when this returns.
    ///
    /// # Errors
    /// When the lock is not held, nothing was saved yet, or the place cannot be written.
    async fn append(&mut self, events: &[Event]) -> Result<(), StoreError>;

    /// Stores a snapshot in the place of the one before and of its journal; all of it, or nothing. Its serial is
    /// raised where events were appended since the one before, or where `is_new` says that a fact differs.
    ///
    /// The store notes in it when, by whom and for what it was written. Where the serial is raised, the snapshot
    /// before is kept: the last `SNAPSHOTS_KEPT` of them.
    ///
    /// # Errors
    /// When the lock is not held, the snapshot breaks its own rules, what is stored cannot be read (it is left as it
    /// is), or the place cannot be written.
    async fn save(&mut self, snapshot: &mut Snapshot, is_new: SerialBump) -> Result<(), StoreError>;

    /// The earlier snapshots that are kept, by rising serial; of one that cannot be read, only the serial.
    ///
    /// # Errors
    /// When the place cannot be read. The present snapshot plays no part: it may be broken.
    async fn kept(&mut self) -> Result<Vec<(u64, Option<Head>)>, StoreError>;

    /// Returns the backup with this serial, or `None`.
    ///
    /// # Errors
    /// When it cannot be read or used.
    async fn recall(&mut self, serial: u64) -> Result<Option<Snapshot>, StoreError>;
}

/// Whether a save raises the serial of the state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SerialBump {
    /// It does: a fact differs.
    Yes,
    /// It does if events were appended since the last save; only times of reading differ otherwise.
    IfEvents,
}

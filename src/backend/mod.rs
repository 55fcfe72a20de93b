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
pub mod journal;
pub mod lock;
pub mod memory;
pub mod object;

use async_trait::async_trait;
use thiserror::Error;

pub use file::FileStore;
pub use journal::Relation;
pub use lock::{LockInfo, LockWait};
pub use memory::MemoryStore;
pub use object::{LeaseTerms, ObjectStateStore};

use crate::state::{Event, Head, IllegalEvent, Lineage, Snapshot, StateError};

/// How many earlier snapshots a store keeps.
pub const SNAPSHOTS_KEPT: usize = 10;

/// A store that could not do what it was asked.
#[derive(Debug, Error)]
pub enum StoreError {
    /// Somebody else is writing.
    #[error("the state is locked{}", by(holder.as_ref()))]
    Locked {
        /// Who, as far as is known.
        holder: Option<LockInfo>,
        /// Whether the lock is on shared storage, where a dead holder may have left it.
        is_shared: bool,
    },
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
    /// The lock was lost while it was held: others may be writing.
    #[error("{place}: {why}")]
    LockLost {
        /// The place of the lock.
        place: String,
        /// How.
        why: String,
    },
    /// The lock's object cannot be read.
    #[error("{place}: the lock cannot be read: {why}")]
    LockUnreadable {
        /// The place of the lock.
        place: String,
        /// What is wrong.
        why: String,
    },
    /// The state is older than the one that the last holder of the lock has written.
    #[error("{place}: {}", older(*serial, *written))]
    Older {
        /// Where it is stored.
        place: String,
        /// Its serial. `None` if there is no state.
        serial: Option<u64>,
        /// The serial that was written.
        written: u64,
        /// The serials of the kept snapshots that can be restored.
        kept: Vec<u64>,
    },
    /// The state was changed while this command held its lock, by something that did not.
    #[error("{place} was changed while this command held the lock, by something that did not hold it")]
    ChangedMeanwhile {
        /// Where it is stored.
        place: String,
    },
    /// The object storage refused a request, or did not answer.
    #[error("{place}: {why}")]
    Storage {
        /// The object.
        place: String,
        /// What the storage says.
        why: String,
        /// What is wrong.
        failure: StorageFailure,
    },
    /// This kind of store cannot do what was asked.
    #[error("{place}: {why}")]
    Unsupported {
        /// Where the state is stored.
        place: String,
        /// Why not.
        why: &'static str,
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

/// What is wrong with object storage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StorageFailure {
    /// The keys are missing, wrong or expired.
    Credentials,
    /// The keys have no permission.
    Permission,
    /// There is no such bucket.
    Bucket,
    /// No object can have this key.
    Key,
    /// The storage cannot be reached.
    Unreachable,
    /// The storage does not honour conditional writes.
    Conditions,
    /// Another failure.
    Other,
}

fn older(serial: Option<u64>, written: u64) -> String {
    match serial {
        Some(serial) => format!(
            "the state has serial {serial}, and serial {written} was written: an older state was put in its place"
        ),
        None => format!("there is no state, and one with serial {written} was written: it was removed"),
    }
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
            Self::JournalApart { .. }
            | Self::Journal { .. }
            | Self::JournalLine { .. }
            | Self::Older { .. } => true,
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

fn by(info: Option<&LockInfo>) -> String {
    info.map(|info| format!(" by {info}")).unwrap_or_default()
}

/// Why a lock is neither held nor released by a command of its own.
const PROCESS_LOCK: &str =
    "the lock of a local state lasts as long as the command that holds it, and no longer";

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

    /// Returns who is writing the state at this moment. `None` if nobody is, or if that cannot be found out.
    async fn writer(&mut self) -> Option<LockInfo> {
        None
    }

    /// Returns whether the journal holds events that the snapshot which was loaded does not.
    fn has_events(&self) -> bool {
        false
    }

    /// Makes a snapshot the state, in the place of one that cannot be used, or that its journal does not belong to. The
    /// events of a journal that follows the snapshot, as far as they are undamaged, are folded into it. All else that was
    /// there is kept; returns the names.
    ///
    /// # Errors
    /// If the lock is not held, or the place cannot be written.
    async fn replace(&mut self, snapshot: &mut Snapshot) -> Result<Vec<String>, StoreError> {
        let _ = snapshot;
        Err(StoreError::Unsupported { place: self.place(), why: "a state here is not replaced" })
    }

    /// Removes the state from its place and keeps a copy among the kept snapshots. Returns where. For a state that was moved
    /// elsewhere.
    ///
    /// # Errors
    /// If the lock is not held, nothing was loaded, or the place cannot be written.
    async fn retire(&mut self) -> Result<String, StoreError> {
        Err(StoreError::Unsupported { place: self.place(), why: "a state here is not moved elsewhere" })
    }

    /// Takes the lock for a person: it lasts until it is unlocked.
    ///
    /// # Errors
    /// As [`StateStore::lock`], and if this store has no such locks.
    async fn lock_for_good(&mut self, info: LockInfo, wait: LockWait) -> Result<(), StoreError> {
        let _ = (info, wait);
        Err(StoreError::Unsupported { place: self.place(), why: PROCESS_LOCK })
    }

    /// Releases the lock of any holder. Returns who held it.
    ///
    /// # Errors
    /// If the lock lasts as long as its process, or the place cannot be written.
    async fn unlock(&mut self) -> Result<Option<LockInfo>, StoreError> {
        match self.writer().await {
            Some(_) => Err(StoreError::Unsupported { place: self.place(), why: PROCESS_LOCK }),
            None => Ok(None),
        }
    }
}

/// Whether a save raises the serial of the state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SerialBump {
    /// It does: a fact differs.
    Yes,
    /// It does if events were appended since the last save; only times of reading differ otherwise.
    IfEvents,
}

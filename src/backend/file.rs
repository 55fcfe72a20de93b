//! A state in a local file: `goldform.state.json`, its journal `….journal`, its lock `….lock`, and the snapshots
//! before it in the folder `….history`.
//!
//! A snapshot is written to a temporary file, synced, and renamed over the old one, so a reader sees the old or
//! the new one and a crash leaves one of them. A step costs one synced line of the journal and not a rewrite.
//! The lock is the operating system's: it lives as long as the process, so a dead holder blocks nobody. What cannot
//! be read is never written over.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::{Freshness, LockInfo, LockWait, StateStore, StoreError};
use crate::cloud::{Clock, SystemClock};
use crate::diagnostics::harmless;
use crate::state::{Event, Head, Lineage, Snapshot, Written};

mod history;

/// The first line of a journal: the snapshot that it follows.
#[derive(Debug, Serialize, Deserialize, PartialEq, Eq)]
struct Header {
    lineage: Lineage,
    follows: u64,
}

/// Keeps a state in a file.
pub struct FileStore {
    path: PathBuf,
    clock: Arc<dyn Clock>,
    lock: Option<(File, LockInfo)>,
    journal: Option<File>,
    /// The lineage and serial of the snapshot that is stored.
    stored: Option<(Lineage, u64)>,
    /// Whether the journal holds events that the stored snapshot does not.
    has_events: bool,
}

impl std::fmt::Debug for FileStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { path, clock: _, lock, journal: _, stored, has_events: _ } = self;
        let holder = lock.as_ref().map(|(_, info)| info);
        f.debug_struct("FileStore")
            .field("path", path)
            .field("lock", &holder)
            .field("stored", stored)
            .finish_non_exhaustive()
    }
}

impl FileStore {
    /// A store at this path; nothing is read or written yet.
    pub fn at(path: impl Into<PathBuf>) -> Self {
        let clock = Arc::new(SystemClock);
        Self { path: path.into(), clock, lock: None, journal: None, stored: None, has_events: false }
    }

    /// The same store, with another clock to tell when a snapshot was written.
    #[must_use]
    pub fn with_clock(self, clock: Arc<dyn Clock>) -> Self {
        Self { clock, ..self }
    }

    /// Returns who is writing the state at this moment. `None` if nobody is, or if that cannot be found out.
    pub fn writer(&self) -> Option<LockInfo> {
        let path = self.beside(".lock");
        let file = OpenOptions::new().read(true).open(&path).ok()?;
        match file.try_lock_shared() {
            Err(std::fs::TryLockError::WouldBlock) => serde_json::from_str(&read(&path).ok()?).ok(),
            _ => None,
        }
    }

    fn beside(&self, suffix: &str) -> PathBuf {
        let mut name = self.path.file_name().unwrap_or_default().to_os_string();
        name.push(suffix);
        self.path.with_file_name(name)
    }

    fn io(path: &Path) -> impl FnOnce(io::Error) -> StoreError + '_ {
        move |source| StoreError::Io { place: harmless::path(path), source }
    }

    /// The journal's events, where it follows the snapshot. A last line that was cut off by a crash was never
    /// acted upon and is left out.
    fn read_journal(&self, snapshot: &Snapshot) -> Result<Vec<(usize, Event)>, StoreError> {
        let path = self.beside(".journal");
        let text = match read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(Self::io(&path)(error)),
        };
        let place = harmless::path(path);
        let mut lines = text.split_inclusive('\n').filter(|line| line.ends_with('\n')).enumerate();
        let bad = |line: usize, error: &serde_json::Error| StoreError::JournalLine {
            place: place.clone(),
            line: line.saturating_add(1),
            why: error.to_string(),
        };
        let Some((_, header)) = lines.next() else { return Ok(Vec::new()) };
        let header: Header = serde_json::from_str(header).map_err(|error| bad(0, &error))?;
        if header != (Header { lineage: snapshot.lineage.clone(), follows: snapshot.serial }) {
            return Ok(Vec::new()); // of a snapshot that has been replaced since: it is in there
        }
        lines
            .map(|(number, line)| {
                let event = serde_json::from_str(line).map_err(|error| bad(number, &error))?;
                Ok((number.saturating_add(1), event))
            })
            .collect()
    }

    /// Opens the journal for appending; a line that was cut off is cut away first.
    fn open_journal(&mut self) -> Result<&mut File, StoreError> {
        let path = self.beside(".journal");
        if self.journal.is_none() {
            let (lineage, follows) =
                self.stored.clone().ok_or(StoreError::OutOfOrder("append before save"))?;
            let mut options = OpenOptions::new();
            options.read(true).write(true).create(true).truncate(false);
            let mut file = options.open(&path).map_err(Self::io(&path))?;
            if self.has_events {
                let mut text = String::new();
                file.read_to_string(&mut text).map_err(Self::io(&path))?;
                let whole = text.rfind('\n').map_or(0, |end| end.saturating_add(1));
                file.set_len(u64::try_from(whole).unwrap_or(u64::MAX)).map_err(Self::io(&path))?;
                file.seek(SeekFrom::End(0)).map_err(Self::io(&path))?;
            } else {
                file.set_len(0).map_err(Self::io(&path))?;
                let header = to_line(&Header { lineage, follows }, &path)?;
                file.write_all(header.as_bytes()).map_err(Self::io(&path))?;
            }
            self.journal = Some(file);
        }
        self.journal.as_mut().ok_or(StoreError::OutOfOrder("journal is not open"))
    }
}

fn to_line<T: Serialize>(value: &T, path: &Path) -> Result<String, StoreError> {
    let mut line = serde_json::to_string(value)
        .map_err(|error| StoreError::Io { place: harmless::path(path), source: io::Error::other(error) })?;
    line.push('\n');
    Ok(line)
}

#[expect(clippy::disallowed_methods, reason = "this store is where state files are read")]
fn read(path: &Path) -> io::Result<String> {
    std::fs::read_to_string(path)
}

/// Writes a file so that a crash leaves the old text or the new one: a temporary file beside it, synced,
/// renamed, the folder synced. What a link leads to is replaced, not the link, and permissions stay.
///
/// What is no file, such as `/dev/stdout` or a pipe, cannot be replaced and is written to.
#[expect(clippy::disallowed_methods, reason = "this store is where state files are written")]
pub fn write_atomically(path: &Path, text: &str) -> io::Result<()> {
    let before = std::fs::metadata(path).ok();
    if before.as_ref().is_some_and(|is| !is.is_file() && !is.is_dir()) {
        return std::fs::OpenOptions::new().write(true).open(path)?.write_all(text.as_bytes());
    }
    let target = match before {
        Some(_) => std::fs::canonicalize(path)?,
        None => end_of_links(path)?,
    };
    let folder = match target.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    std::fs::create_dir_all(folder)?;
    let mut name = target.file_name().unwrap_or_default().to_os_string();
    name.push(format!(".{}.tmp", std::process::id()));
    let temporary = folder.join(name);
    let result = (|| {
        let mut file = File::create(&temporary)?;
        file.write_all(text.as_bytes())?;
        if let Some(before) = before {
            file.set_permissions(before.permissions())?;
        }
        file.sync_all()?;
        std::fs::rename(&temporary, &target)?;
        File::open(folder)?.sync_all()
    })();
    if result.is_err() {
        let _ = std::fs::remove_file(&temporary);
    }
    result
}

/// Where links lead to, to what is not there yet: it is made there, and the links stay.
fn end_of_links(path: &Path) -> io::Result<PathBuf> {
    const MOST: usize = 40;
    let mut path = path.to_path_buf();
    for _ in 0..MOST {
        let Ok(next) = std::fs::read_link(&path) else { return Ok(path) };
        path = path.parent().unwrap_or(Path::new("")).join(next);
    }
    Err(io::Error::other("links lead in a circle"))
}

#[async_trait]
impl StateStore for FileStore {
    fn place(&self) -> String {
        harmless::path(&self.path)
    }

    async fn load(&mut self) -> Result<Option<Snapshot>, StoreError> {
        let text = match read(&self.path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(Self::io(&self.path)(error)),
        };
        let mut snapshot =
            Snapshot::from_text(&text).map_err(|source| StoreError::State { place: self.place(), source })?;
        let events = self.read_journal(&snapshot)?;
        self.stored = Some((snapshot.lineage.clone(), snapshot.serial));
        self.has_events = !events.is_empty();
        for (line, event) in &events {
            snapshot.take(event).map_err(|source| StoreError::Journal {
                place: harmless::path(self.beside(".journal")),
                line: *line,
                source,
            })?;
        }
        Ok(Some(snapshot))
    }

    async fn lock(&mut self, info: LockInfo, wait: LockWait) -> Result<(), StoreError> {
        let path = self.beside(".lock");
        if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            #[expect(
                clippy::disallowed_methods,
                reason = "the folder of a state that is about to be written"
            )]
            std::fs::create_dir_all(folder).map_err(Self::io(folder))?;
        }
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        let mut file = options.open(&path).map_err(Self::io(&path))?;
        let mut left = wait.0;
        loop {
            match file.try_lock() {
                Ok(()) => break,
                Err(std::fs::TryLockError::WouldBlock) if !left.is_zero() => {
                    let nap = left.min(LockWait::TICK);
                    left = left.saturating_sub(nap);
                    tokio::time::sleep(nap).await;
                }
                Err(std::fs::TryLockError::WouldBlock) => {
                    let holder = read(&path).ok().and_then(|text| serde_json::from_str(&text).ok());
                    return Err(StoreError::Locked(holder));
                }
                Err(std::fs::TryLockError::Error(error)) => return Err(Self::io(&path)(error)),
            }
        }
        // Who holds it, for those who wait. The file stays when the lock goes: removing it would let two
        // processes hold two files of one name.
        let line = to_line(&info, &path)?;
        file.set_len(0)
            .and_then(|()| file.seek(SeekFrom::Start(0)))
            .and_then(|_| file.write_all(line.as_bytes()))
            .map_err(Self::io(&path))?;
        self.lock = Some((file, info));
        Ok(())
    }

    async fn append(&mut self, events: &[Event]) -> Result<(), StoreError> {
        if self.lock.is_none() {
            return Err(StoreError::OutOfOrder("append before lock"));
        }
        let path = self.beside(".journal");
        let mut lines = String::new();
        for event in events {
            lines.push_str(&to_line(event, &path)?);
        }
        let file = self.open_journal()?;
        file.write_all(lines.as_bytes()).and_then(|()| file.sync_data()).map_err(Self::io(&path))?;
        self.has_events |= !events.is_empty();
        Ok(())
    }

    async fn save(&mut self, snapshot: &mut Snapshot, freshness: Freshness) -> Result<(), StoreError> {
        let Some((_, lock)) = &self.lock else { return Err(StoreError::OutOfOrder("save before lock")) };
        let mut next = snapshot.clone();
        next.written = Some(Written {
            at: self.clock.now(),
            by: lock.owner.as_str().into(),
            command: lock.operation.as_str().into(),
        });
        if self.stored.is_none() {
            // Nobody has looked what is there; what cannot be read must not be written over.
            self.load().await?;
        }
        if freshness == Freshness::New || self.has_events {
            next.serial = next.serial.saturating_add(1);
        }
        let text = next.to_text().map_err(|source| StoreError::State { place: self.place(), source })?;
        if let Some((_, serial)) = self.stored.as_ref().filter(|(_, serial)| *serial != next.serial) {
            self.keep(*serial);
        }
        write_atomically(&self.path, &text).map_err(Self::io(&self.path))?;
        *snapshot = next;
        self.stored = Some((snapshot.lineage.clone(), snapshot.serial));
        self.journal = None;
        self.has_events = false;
        let journal = self.beside(".journal");
        #[expect(clippy::disallowed_methods, reason = "its events are in the snapshot that was just renamed")]
        match std::fs::remove_file(&journal) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(Self::io(&journal)(error)),
            _ => Ok(()),
        }
    }
    async fn kept(&mut self) -> Result<Vec<(u64, Option<Head>)>, StoreError> {
        self.read_kept()
    }

    async fn recall(&mut self, serial: u64) -> Result<Option<Snapshot>, StoreError> {
        self.read_one_kept(serial)
    }
}

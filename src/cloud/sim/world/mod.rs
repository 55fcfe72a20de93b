//! The world: all resources, in one SQLite database on disk or in memory.
//!
//! The world does not validate anything: the actions do. One call is one transaction: it stores all of its changes and
//! its log entry, or nothing. On disk, a commit is durable when it returns (write-ahead log, fully synchronous), and
//! processes that use the same world wait for each other.

mod faults;
mod images;
mod log;
mod machines;
mod rates;
mod shares;
mod tags;

use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OptionalExtension, params};
use thiserror::Error;

pub use faults::{Fault, FaultEffect};
pub(super) use images::NewImage;
pub use images::{Image, ImageStatus};
pub use log::{LogEntry, Peak, RequestOutcome};
pub use machines::{Disk, Instance, Snapshot};
pub use shares::Share;
pub(super) use tags::Tag;

use super::ids;
use super::settings::Settings;

/// Format version of the database.
const FORMAT: i64 = 1;

/// Maximum time that a call waits for another process.
const BUSY_TIMEOUT: Duration = Duration::from_secs(60);

/// Pause before a retry of an operation for which SQLite does not wait.
const BUSY_PAUSE: Duration = Duration::from_millis(5);

const SCHEMA: &str = include_str!("schema.sql");

/// Error about a world.
#[derive(Debug, Error)]
pub enum SimError {
    /// The database cannot be opened, read or written.
    #[error("cannot access the world: {0}")]
    Store(#[from] rusqlite::Error),
    /// The settings of the world are invalid.
    #[error("the settings of the world are invalid: {0}")]
    Settings(#[from] serde_json::Error),
    /// The file has a newer format or is not a world.
    #[error("the file is not a world of this version: format {0}, expected {FORMAT}")]
    Format(i64),
}

/// Database, and cached values of it.
pub(super) struct World {
    db: Connection,
    settings: Settings,
    /// Version of the cached settings. Another process may have stored newer ones.
    settings_version: i64,
    durable: bool,
    /// Whether a commit currently waits for the disk.
    synced: bool,
}

/// Start of a call.
#[derive(Debug, Clone, Copy)]
pub(super) struct CallStart {
    /// Number of the call in this world, from 1.
    pub(super) number: i64,
    /// Time of the call, in microseconds since 1970: at least that of the latest log entry.
    pub(super) at: i64,
}

fn on_disk(path: &Path) -> Result<Connection, SimError> {
    let db = Connection::open(path)?;
    db.busy_timeout(BUSY_TIMEOUT)?;
    let mut left = BUSY_TIMEOUT;
    // Setting the write-ahead log of a new database fails immediately while another process does the same, because SQLite
    // treats waiting there as a deadlock. The busy timeout does not apply.
    while let Err(error) = db.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(())) {
        if !is_busy(&error) || left.is_zero() {
            return Err(error.into());
        }
        std::thread::sleep(BUSY_PAUSE);
        left = left.saturating_sub(BUSY_PAUSE);
    }
    db.pragma_update(None, "synchronous", "FULL")?;
    Ok(db)
}

/// Returns whether another connection is in the way for a moment.
fn is_busy(error: &rusqlite::Error) -> bool {
    use rusqlite::ErrorCode::{DatabaseBusy, DatabaseLocked};
    matches!(error.sqlite_error_code(), Some(DatabaseBusy | DatabaseLocked))
}

impl World {
    /// Opens a world on disk, or creates it. An existing world keeps its settings, except that new regions are added.
    pub(super) fn open(path: &Path, fresh: Settings) -> Result<Self, SimError> {
        Self::prepare(on_disk(path)?, fresh, true)
    }

    /// Creates a world in memory.
    pub(super) fn in_memory(settings: Settings) -> Result<Self, SimError> {
        let db = Connection::open_in_memory()?;
        db.pragma_update_and_check(None, "journal_mode", "MEMORY", |_| Ok(()))?;
        Self::prepare(db, settings, false)
    }

    /// Copies this world to memory.
    pub(super) fn fork(&self) -> Result<Self, SimError> {
        let mut db = Connection::open_in_memory()?;
        rusqlite::backup::Backup::new(&self.db, &mut db)?.run_to_completion(
            i32::MAX,
            Duration::from_millis(1),
            None,
        )?;
        Self::prepare(db, self.settings.clone(), false)
    }

    fn prepare(mut db: Connection, fresh: Settings, durable: bool) -> Result<Self, SimError> {
        db.set_prepared_statement_cache_capacity(128);
        let tx = db.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
        let format: i64 = tx.pragma_query_value(None, "user_version", |row| row.get(0))?;
        let stored: Option<(String, i64)> = match format {
            0 => {
                let tables: i64 = tx.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
                if tables > 0 {
                    return Err(SimError::Format(0));
                }
                tx.execute_batch(SCHEMA)?;
                tx.pragma_update(None, "user_version", FORMAT)?;
                None
            }
            FORMAT => tx
                .query_row("SELECT settings, settings_version FROM world", [], |row| {
                    Ok((row.get(0)?, row.get(1)?))
                })
                .optional()?,
            other => return Err(SimError::Format(other)),
        };
        let (settings, settings_version) = match stored {
            None => {
                tx.execute(
                    "INSERT INTO world (id, calls, things, settings, settings_version) VALUES (1, 0, 0, ?1, 1)",
                    params![serde_json::to_string(&fresh)?],
                )?;
                (fresh, 1)
            }
            Some((text, version)) => {
                let mut settings: Settings = serde_json::from_str(&text)?;
                let before = settings.clone();
                for (region, facts) in fresh.regions {
                    settings.regions.entry(region).or_insert(facts);
                }
                let changed = settings != before;
                if changed {
                    store_settings(&tx, &settings)?;
                }
                (settings, version + i64::from(changed))
            }
        };
        tx.commit()?;
        Ok(Self { db, settings, settings_version, durable, synced: true })
    }

    /// Returns whether the world is on disk.
    pub(super) fn is_durable(&self) -> bool {
        self.durable
    }

    /// Returns the cached settings.
    pub(super) fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Begins a call. No other process can change the world until [`World::commit`] or [`World::roll_back`].
    ///
    /// The commit of a call that `writes` waits for the disk. A call that only reads writes just its log entry, which
    /// survives the end of the process but may be lost in a power failure.
    pub(super) fn begin(&mut self, writes: bool, now: i64) -> Result<CallStart, rusqlite::Error> {
        if !self.db.is_autocommit() {
            // A thread panicked during a call, so the call was not answered.
            self.roll_back();
        }
        if self.durable && self.synced != writes {
            self.db.pragma_update(None, "synchronous", if writes { "FULL" } else { "NORMAL" })?;
            self.synced = writes;
        }
        self.db.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
        let (calls, version): (i64, i64) = self
            .db
            .prepare_cached("SELECT calls, settings_version FROM world")?
            .query_row([], |row| Ok((row.get(0)?, row.get(1)?)))?;
        let number = calls + 1;
        // Two statements on purpose: RETURNING costs a temporary table, half the time of a simple call.
        self.db.prepare_cached("UPDATE world SET calls = ?1")?.execute(params![number])?;
        if version != self.settings_version {
            self.reload_settings(version)?;
        }
        Ok(CallStart { number, at: self.present(now)? })
    }

    /// Returns the current time of the world. It is later than `now` if the clock was set back since the last call.
    pub(super) fn present(&self, now: i64) -> Result<i64, rusqlite::Error> {
        self.db
            .prepare_cached("SELECT at FROM log ORDER BY seq DESC LIMIT 1")?
            .query_row([], |row| row.get::<_, i64>(0))
            .optional()
            .map(|latest| latest.map_or(now, |latest| latest.max(now)))
    }

    /// Commits a call. What it wrote is durable when this returns.
    pub(super) fn commit(&self) -> Result<(), rusqlite::Error> {
        self.db.prepare_cached("COMMIT")?.execute([]).map(drop)
    }

    /// Rolls a call back.
    pub(super) fn roll_back(&self) {
        // A failure is ignored: either no transaction was open, or the connection is lost together with the transaction.
        let _ = self.db.prepare_cached("ROLLBACK").and_then(|mut statement| statement.execute([]));
    }

    /// Executes a change of the world without the protocol, in one transaction.
    pub(super) fn transact(
        &mut self,
        act: impl FnOnce(&Self) -> Result<(), rusqlite::Error>,
    ) -> Result<(), SimError> {
        self.begin(true, 0)?;
        match act(self).and_then(|()| self.commit()) {
            Ok(()) => Ok(()),
            Err(error) => {
                self.roll_back();
                Err(error.into())
            }
        }
    }

    /// Deletes everything except settings, faults and counters.
    pub(super) fn empty(&self) -> Result<(), rusqlite::Error> {
        for table in [
            "images",
            "image_snapshots",
            "snapshots",
            "shares",
            "tags",
            "account_tags",
            "instances",
            "exports",
            "rates",
            "log",
            "peaks",
        ] {
            self.db.execute(&format!("DELETE FROM {table}"), [])?;
        }
        Ok(())
    }

    /// Changes the settings, for every process that uses the world.
    pub(super) fn set_settings(&mut self, settings: Settings) -> Result<(), SimError> {
        let version = store_settings(&self.db, &settings)?;
        self.settings = settings;
        self.settings_version = version;
        Ok(())
    }

    /// Returns a new id that no other resource of the world ever has.
    pub(super) fn new_id(&self, prefix: &str) -> Result<String, rusqlite::Error> {
        Ok(ids::resource_id(prefix, self.settings.seed, self.new_number()?))
    }

    /// Returns the number of a new resource. It is always below [`ids::CATALOGUE`].
    pub(super) fn new_number(&self) -> Result<u64, rusqlite::Error> {
        let things: i64 =
            self.db.prepare_cached("SELECT things FROM world")?.query_row([], |row| row.get(0))?;
        let number = things + 1;
        self.db.prepare_cached("UPDATE world SET things = ?1")?.execute(params![number])?;
        Ok(u64::try_from(number).unwrap_or(0))
    }

    /// Reloads the settings if another process changed them.
    pub(super) fn refresh_settings(&mut self) -> Result<(), rusqlite::Error> {
        let version: i64 = self.db.query_row("SELECT settings_version FROM world", [], |row| row.get(0))?;
        if version == self.settings_version { Ok(()) } else { self.reload_settings(version) }
    }

    fn reload_settings(&mut self, version: i64) -> Result<(), rusqlite::Error> {
        let text: String = self.db.query_row("SELECT settings FROM world", [], |row| row.get(0))?;
        self.settings = serde_json::from_str(&text).map_err(|error| {
            rusqlite::Error::FromSqlConversionFailure(0, rusqlite::types::Type::Text, Box::new(error))
        })?;
        self.settings_version = version;
        Ok(())
    }
}

fn store_settings(db: &Connection, settings: &Settings) -> Result<i64, SimError> {
    let text = serde_json::to_string(settings)?;
    Ok(db.query_row(
        "UPDATE world SET settings = ?1, settings_version = settings_version + 1 RETURNING settings_version",
        params![text],
        |row| row.get(0),
    )?)
}

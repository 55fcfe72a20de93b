//! The request log, and the peaks of use.

use rusqlite::{Row, params};
use serde::{Deserialize, Serialize};

use super::World;

/// How many requests the log keeps at least.
const KEPT: i64 = 100_000;

/// What became of a request and its answer on the way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fate {
    /// Executed, and answered.
    Answered,
    /// A fault script answered in place of the service: not executed.
    Refused,
    /// A fault script kept the request from being sent: not executed, and the caller knows.
    NotSent,
    /// A fault script lost the request: not executed, no answer.
    LostBefore,
    /// A fault script lost the answer: executed, no answer.
    LostAfter,
    /// Executed, but the answer that was brought back is garbage.
    Garbled,
}

impl Fate {
    fn as_str(self) -> &'static str {
        match self {
            Self::Answered => "answered",
            Self::Refused => "refused",
            Self::NotSent => "not_sent",
            Self::LostBefore => "lost_before",
            Self::LostAfter => "lost_after",
            Self::Garbled => "garbled",
        }
    }

    fn read(text: &str) -> Self {
        match text {
            "refused" => Self::Refused,
            "not_sent" => Self::NotSent,
            "lost_before" => Self::LostBefore,
            "lost_after" => Self::LostAfter,
            "garbled" => Self::Garbled,
            _ => Self::Answered,
        }
    }
}

/// One request as the service saw it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Its number in the world's life, from 1.
    pub seq: i64,
    /// When it came, in microseconds since 1970.
    pub at: i64,
    /// The main account that called.
    pub caller: String,
    /// The service, such as `cvm`.
    pub service: String,
    /// The action; empty: none was named.
    pub action: String,
    /// The region, where one was named.
    pub region: Option<String>,
    /// The parameters as JSON, queries of URLs cut off; empty: not readable.
    pub params: String,
    /// The error code of the answer; nothing: success.
    pub code: Option<String>,
    /// What became of it on the way.
    pub fate: Fate,
    /// The id that it was answered with.
    pub request_id: String,
}

/// The most custom images that an account had in a region at one time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Peak {
    /// The main account.
    pub owner: String,
    /// The region.
    pub region: String,
    /// The number of images, whatever their state.
    pub images: u32,
    /// When it was reached first, in microseconds since 1970.
    pub at: i64,
}

fn read(row: &Row<'_>) -> Result<Entry, rusqlite::Error> {
    Ok(Entry {
        seq: row.get(0)?,
        at: row.get(1)?,
        caller: row.get(2)?,
        service: row.get(3)?,
        action: row.get(4)?,
        region: row.get(5)?,
        params: row.get(6)?,
        code: row.get(7)?,
        fate: Fate::read(row.get_ref(8)?.as_str()?),
        request_id: row.get(9)?,
    })
}

impl World {
    /// Writes a request down, and forgets the oldest ones now and then.
    pub(in crate::cloud::sim) fn write_log(&self, entry: &Entry) -> Result<(), rusqlite::Error> {
        self.db
            .prepare_cached(
                "INSERT INTO log (seq, at, caller, service, action, region, params, code, fate, request_id) \
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
            )?
            .execute(params![
                entry.seq,
                entry.at,
                entry.caller,
                entry.service,
                entry.action,
                entry.region,
                entry.params,
                entry.code,
                entry.fate.as_str(),
                entry.request_id,
            ])?;
        if entry.seq % 1_000 == 0 && entry.seq > KEPT {
            self.db.prepare_cached("DELETE FROM log WHERE seq <= ?1")?.execute(params![entry.seq - KEPT])?;
        }
        Ok(())
    }

    /// The requests after a number, the oldest first.
    pub(in crate::cloud::sim) fn log_after(&self, seq: i64) -> Result<Vec<Entry>, rusqlite::Error> {
        self.db
            .prepare_cached(
                "SELECT seq, at, caller, service, action, region, params, code, fate, request_id \
                 FROM log WHERE seq > ?1 ORDER BY seq",
            )?
            .query_map(params![seq], read)?
            .collect()
    }

    /// The last so many requests, the newest first.
    pub(in crate::cloud::sim) fn log_tail(&self, most: u32) -> Result<Vec<Entry>, rusqlite::Error> {
        self.db
            .prepare_cached(
                "SELECT seq, at, caller, service, action, region, params, code, fate, request_id \
                 FROM log ORDER BY seq DESC LIMIT ?1",
            )?
            .query_map(params![most], read)?
            .collect()
    }

    /// Keeps the highest number of images that an account had in a region.
    pub(super) fn note_peak(
        &self,
        owner: &str,
        region: &str,
        images: u32,
        at: i64,
    ) -> Result<(), rusqlite::Error> {
        self.db
            .prepare_cached(
                "INSERT INTO peaks (owner, region, images, at) VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO UPDATE \
                 SET images = excluded.images, at = excluded.at WHERE excluded.images > peaks.images",
            )?
            .execute(params![owner, region, images, at])
            .map(drop)
    }

    /// Every peak, by account and region.
    pub(in crate::cloud::sim) fn peaks(&self) -> Result<Vec<Peak>, rusqlite::Error> {
        self.db
            .prepare_cached("SELECT owner, region, images, at FROM peaks ORDER BY owner, region")?
            .query_map([], |row| {
                Ok(Peak { owner: row.get(0)?, region: row.get(1)?, images: row.get(2)?, at: row.get(3)? })
            })?
            .collect()
    }
}

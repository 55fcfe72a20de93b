//! Log of requests, and peaks of usage.

use rusqlite::{Row, params};
use serde::{Deserialize, Serialize};

use super::World;

/// Minimum number of requests that the log keeps.
const LOG_MIN_ENTRIES: i64 = 100_000;

/// Delivery of a request and its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RequestOutcome {
    /// The service answered.
    Answered,
    /// A fault answered instead of the service. The request was not executed.
    Refused,
    /// A fault kept the request from being sent. It was not executed, and the caller knows that.
    NotSent,
    /// A fault lost the request. It was not executed, and the caller got no answer.
    LostBefore,
    /// A fault lost the answer. The request was executed.
    LostAfter,
    /// A fault replaced the answer with garbage. The request was executed.
    #[serde(rename = "garbled")]
    MalformedResponse,
}

impl RequestOutcome {
    /// Returns the name in the log, in snake case.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Answered => "answered",
            Self::Refused => "refused",
            Self::NotSent => "not_sent",
            Self::LostBefore => "lost_before",
            Self::LostAfter => "lost_after",
            Self::MalformedResponse => "garbled",
        }
    }

    fn read(text: &str) -> Self {
        match text {
            "refused" => Self::Refused,
            "not_sent" => Self::NotSent,
            "lost_before" => Self::LostBefore,
            "lost_after" => Self::LostAfter,
            "garbled" => Self::MalformedResponse,
            _ => Self::Answered,
        }
    }
}

/// One request in the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogEntry {
    /// Number of the call in this world, from 1.
    pub seq: i64,
    /// Time of the call, in microseconds since 1970. It never decreases from one entry to the next.
    pub at: i64,
    /// Main account of the caller.
    pub caller: String,
    /// Called service, such as `cvm`.
    pub service: String,
    /// `X-TC-Action`. Empty: missing.
    pub action: String,
    /// `X-TC-Region`. `None`: missing.
    pub region: Option<String>,
    /// Parameters as JSON, without the queries of URLs. Empty if they cannot be parsed.
    pub params: String,
    /// Error code of the answer. `None`: success.
    pub code: Option<String>,
    /// Delivery of the request and its answer.
    #[serde(rename = "fate")]
    pub outcome: RequestOutcome,
    /// Request id of the answer.
    pub request_id: String,
}

/// Highest number of custom images of an account in a region at one time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Peak {
    /// Main account that owns the images.
    pub owner: String,
    /// Region of the images.
    pub region: String,
    /// Number of images in any state.
    pub images: u32,
    /// Time at which the number was first reached, in microseconds since 1970.
    pub at: i64,
}

fn read(row: &Row<'_>) -> Result<LogEntry, rusqlite::Error> {
    Ok(LogEntry {
        seq: row.get(0)?,
        at: row.get(1)?,
        caller: row.get(2)?,
        service: row.get(3)?,
        action: row.get(4)?,
        region: row.get(5)?,
        params: row.get(6)?,
        code: row.get(7)?,
        outcome: RequestOutcome::read(row.get_ref(8)?.as_str()?),
        request_id: row.get(9)?,
    })
}

impl World {
    /// Adds a request to the log, and from time to time deletes the oldest ones.
    pub(in crate::cloud::sim) fn write_log(&self, entry: &LogEntry) -> Result<(), rusqlite::Error> {
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
                entry.outcome.as_str(),
                entry.request_id,
            ])?;
        if entry.seq % 1_000 == 0 && entry.seq > LOG_MIN_ENTRIES {
            self.db
                .prepare_cached("DELETE FROM log WHERE seq <= ?1")?
                .execute(params![entry.seq - LOG_MIN_ENTRIES])?;
        }
        Ok(())
    }

    /// Returns the requests after a number, oldest first.
    pub(in crate::cloud::sim) fn log_after(&self, seq: i64) -> Result<Vec<LogEntry>, rusqlite::Error> {
        self.db
            .prepare_cached(
                "SELECT seq, at, caller, service, action, region, params, code, fate, request_id \
                 FROM log WHERE seq > ?1 ORDER BY seq",
            )?
            .query_map(params![seq], read)?
            .collect()
    }

    /// Returns the last `most` requests, newest first.
    pub(in crate::cloud::sim) fn log_tail(&self, most: u32) -> Result<Vec<LogEntry>, rusqlite::Error> {
        self.db
            .prepare_cached(
                "SELECT seq, at, caller, service, action, region, params, code, fate, request_id \
                 FROM log ORDER BY seq DESC LIMIT ?1",
            )?
            .query_map(params![most], read)?
            .collect()
    }

    /// Records a number of images of an account in a region if it is a new peak.
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

    /// Returns every peak, by account and region.
    pub(in crate::cloud::sim) fn peaks(&self) -> Result<Vec<Peak>, rusqlite::Error> {
        self.db
            .prepare_cached("SELECT owner, region, images, at FROM peaks ORDER BY owner, region")?
            .query_map([], |row| {
                Ok(Peak { owner: row.get(0)?, region: row.get(1)?, images: row.get(2)?, at: row.get(3)? })
            })?
            .collect()
    }
}

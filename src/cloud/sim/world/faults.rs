//! Faults: errors and delays of certain calls. The world stores them, so that another process can add them at any time.

use jiff::SignedDuration;
use rusqlite::params;
use serde::{Deserialize, Serialize};

use super::World;
use crate::model::{AccountId, Region};

/// Fault of certain calls.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fault {
    /// Action of the calls, such as `CreateImage`. `*`: every action.
    pub action: String,
    /// Region of the calls. `None`: every region.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<Region>,
    /// Caller of the calls. `None`: every account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub caller: Option<AccountId>,
    /// First matching call that fails, counted from 1 since the fault was added.
    #[serde(default = "first")]
    pub from_call: u32,
    /// Number of matching calls that fail. `None`: all following ones.
    #[serde(default = "once")]
    pub times: Option<u32>,
    /// Effect on a call.
    #[serde(flatten)]
    pub effect: FaultEffect,
}

fn first() -> u32 {
    1
}

#[expect(clippy::unnecessary_wraps, reason = "the default of a field whose `None` means something else")]
fn once() -> Option<u32> {
    Some(1)
}

/// Effect on a call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "effect")]
pub enum FaultEffect {
    /// The service refuses the call with this error code.
    Error {
        /// Error code.
        code: String,
        /// Message. Empty: a default message.
        #[serde(default)]
        message: String,
    },
    /// The service refuses the call with RequestLimitExceeded.
    Throttle,
    /// The request is not sent, and the transport reports that.
    NotSent,
    /// The request is lost. The call is not executed, and the transport reports an unknown outcome.
    LostBefore,
    /// The call is executed, but its answer is lost.
    LostAfter,
    /// The call is executed, but its answer is delayed.
    Slow {
        /// Delay.
        by: SignedDuration,
    },
    /// The call is executed, but its answer is replaced.
    Garbage {
        /// Text that replaces the answer.
        text: String,
    },
    /// DescribeImages does not list the new images of the call for some time.
    Hide {
        /// Duration.
        lasting: SignedDuration,
    },
    /// The task of the call fails.
    Fail,
    /// The task of the call never ends.
    Hang,
    /// The task of the call has another duration.
    Settle {
        /// Duration.
        after: SignedDuration,
    },
}

impl World {
    /// Adds a fault. Returns its number.
    pub(in crate::cloud::sim) fn add_fault(&self, fault: &Fault) -> Result<i64, rusqlite::Error> {
        let effect = to_json(&fault.effect)?;
        self.db
            .prepare_cached(
                "INSERT INTO faults (action, region, caller, from_call, times, seen, effect) \
                 VALUES (?1, ?2, ?3, ?4, ?5, 0, ?6) RETURNING id",
            )?
            .query_row(
                params![
                    fault.action,
                    fault.region.as_ref().map(Region::as_str),
                    fault.caller.map(|caller| caller.to_string()),
                    fault.from_call.max(1),
                    fault.times,
                    effect,
                ],
                |row| row.get(0),
            )
    }

    /// Removes a fault. Returns whether it existed.
    pub(in crate::cloud::sim) fn remove_fault(&self, id: i64) -> Result<bool, rusqlite::Error> {
        self.db.prepare_cached("DELETE FROM faults WHERE id = ?1")?.execute(params![id]).map(|rows| rows > 0)
    }

    /// Removes all faults.
    pub(in crate::cloud::sim) fn clear_faults(&self) -> Result<(), rusqlite::Error> {
        self.db.prepare_cached("DELETE FROM faults")?.execute([]).map(drop)
    }

    /// Returns all faults, with their numbers and their counts of matching calls.
    pub(in crate::cloud::sim) fn faults(&self) -> Result<Vec<(i64, u32, Fault)>, rusqlite::Error> {
        self.db
            .prepare_cached(
                "SELECT id, seen, action, region, caller, from_call, times, effect FROM faults ORDER BY id",
            )?
            .query_map([], |row| {
                let effect: String = row.get(7)?;
                let region: Option<String> = row.get(3)?;
                let caller: Option<String> = row.get(4)?;
                let fault = Fault {
                    action: row.get(2)?,
                    region: region.and_then(|text| text.parse().ok()),
                    caller: caller.and_then(|text| text.parse().ok()),
                    from_call: row.get(5)?,
                    times: row.get(6)?,
                    effect: from_json(&effect)?,
                };
                Ok((row.get(0)?, row.get(1)?, fault))
            })?
            .collect()
    }

    /// Counts a call for every fault that matches it. Returns the effects on the call, in the order in which the faults
    /// were added.
    pub(in crate::cloud::sim) fn count_faults(
        &self,
        action: &str,
        region: Option<&str>,
        caller: &str,
    ) -> Result<Vec<FaultEffect>, rusqlite::Error> {
        let (mut hits, mut counted) = (Vec::new(), Vec::new());
        {
            // Selects all faults and filters here: with parameters, SQLite compiles the statement again for each call.
            let mut statement = self.db.prepare_cached(
                "SELECT id, seen, action, region, caller, from_call, times, effect FROM faults ORDER BY id",
            )?;
            let mut rows = statement.query([])?;
            while let Some(row) = rows.next()? {
                let text = |at: usize| Ok::<_, rusqlite::Error>(row.get_ref(at)?.as_str_or_null()?);
                let is =
                    |at: usize, value: Option<&str>| text(at).map(|text| text.is_none() || text == value);
                let named = text(2)?.is_some_and(|name| name == "*" || name == action);
                if !(named && is(3, region)? && is(4, Some(caller))?) {
                    continue;
                }
                let (seen, from): (i64, i64) = (row.get::<_, i64>(1)? + 1, row.get(5)?);
                let times: Option<i64> = row.get(6)?;
                counted.push(row.get::<_, i64>(0)?);
                if seen >= from && times.is_none_or(|times| seen < from.saturating_add(times)) {
                    hits.push(from_json(row.get_ref(7)?.as_str()?)?);
                }
            }
        }
        for id in counted {
            self.db
                .prepare_cached("UPDATE faults SET seen = seen + 1 WHERE id = ?1")?
                .execute(params![id])?;
        }
        Ok(hits)
    }
}

/// Serializes a value as JSON.
pub(super) fn to_json<T: Serialize>(value: &T) -> Result<String, rusqlite::Error> {
    serde_json::to_string(value).map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))
}

/// Parses a value that another process or an earlier version wrote as JSON.
pub(super) fn from_json<T: for<'a> Deserialize<'a>>(text: &str) -> Result<T, rusqlite::Error> {
    serde_json::from_str(text).map_err(|error| {
        rusqlite::Error::FromSqlConversionFailure(0, rusqlite::types::Type::Text, Box::new(error))
    })
}

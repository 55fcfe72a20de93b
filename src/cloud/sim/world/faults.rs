//! Fault scripts: what is to go wrong, at which call. They are kept in the world, so that another process can
//! set them while calls are running.

use jiff::SignedDuration;
use rusqlite::params;
use serde::{Deserialize, Serialize};

use super::World;
use crate::model::{AccountId, Region};

/// Something that goes wrong at certain calls.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fault {
    /// The action that it waits for, such as `CreateImage`; `*`: every action.
    pub action: String,
    /// Only calls in this region.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<Region>,
    /// Only calls of this account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub caller: Option<AccountId>,
    /// The first matching call that it hits, counted from 1 since the fault was set.
    #[serde(default = "first")]
    pub from_call: u32,
    /// How many matching calls it hits; nothing: all that follow.
    #[serde(default = "once")]
    pub times: Option<u32>,
    /// What goes wrong.
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

/// What goes wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "effect")]
pub enum FaultEffect {
    /// The call is answered with this error code and not executed.
    Error {
        /// The code.
        code: String,
        /// The message; empty: one is made up.
        #[serde(default)]
        message: String,
    },
    /// The call is answered with RequestLimitExceeded and not executed.
    Throttle,
    /// The request never arrives: not executed, and the transport fails as one that did not send it.
    NotSent,
    /// The request is lost on its way: not executed, and the transport cannot know.
    LostBefore,
    /// The call is executed and its answer is lost.
    LostAfter,
    /// The call is executed, and its answer comes so much later.
    Slow {
        /// How much.
        by: SignedDuration,
    },
    /// The call is executed, and something else comes back.
    Garbage {
        /// The bytes that come back.
        text: String,
    },
    /// The images that the call makes are missing from DescribeImages for so long.
    Hide {
        /// How long.
        lasting: SignedDuration,
    },
    /// The task that the call starts fails.
    Fail,
    /// The task that the call starts never ends.
    Hang,
    /// The task that the call starts takes so long.
    Settle {
        /// How long.
        after: SignedDuration,
    },
}

impl World {
    /// Sets a fault; its number is for taking it away again.
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

    /// Takes a fault away. Tells whether it was there.
    pub(in crate::cloud::sim) fn remove_fault(&self, id: i64) -> Result<bool, rusqlite::Error> {
        self.db.prepare_cached("DELETE FROM faults WHERE id = ?1")?.execute(params![id]).map(|rows| rows > 0)
    }

    /// Takes every fault away.
    pub(in crate::cloud::sim) fn clear_faults(&self) -> Result<(), rusqlite::Error> {
        self.db.prepare_cached("DELETE FROM faults")?.execute([]).map(drop)
    }

    /// The faults that are set, with their numbers and how many matching calls each has seen.
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

    /// Counts a call for every fault that matches it, and gives the effects of those that it is hit by, in the
    /// order in which they were set.
    pub(in crate::cloud::sim) fn count_faults(
        &self,
        action: &str,
        region: Option<&str>,
        caller: &str,
    ) -> Result<Vec<FaultEffect>, rusqlite::Error> {
        let (mut hits, mut counted) = (Vec::new(), Vec::new());
        {
            // All of them, sorted out here: with parameters in it, the statement is compiled anew at each call.
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

/// JSON of a value that always has one.
pub(super) fn to_json<T: Serialize>(value: &T) -> Result<String, rusqlite::Error> {
    serde_json::to_string(value).map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))
}

/// A value that another process, or an earlier version, wrote as JSON.
pub(super) fn from_json<T: for<'a> Deserialize<'a>>(text: &str) -> Result<T, rusqlite::Error> {
    serde_json::from_str(text).map_err(|error| {
        rusqlite::Error::FromSqlConversionFailure(0, rusqlite::types::Type::Text, Box::new(error))
    })
}

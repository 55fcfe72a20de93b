//! Used allowances of calls.

use rusqlite::{OptionalExtension, params};

use super::World;

impl World {
    /// Returns the time at which the allowance of an action is full again, in microseconds since 1970.
    pub(in crate::cloud::sim) fn full_at(
        &self,
        action: &str,
        region: &str,
        caller: &str,
    ) -> Result<Option<i64>, rusqlite::Error> {
        self.db
            .prepare_cached("SELECT full_at FROM rates WHERE action = ?1 AND region = ?2 AND caller = ?3")?
            .query_row(params![action, region, caller], |row| row.get(0))
            .optional()
    }

    /// Sets the time at which the allowance of an action is full again.
    pub(in crate::cloud::sim) fn set_full_at(
        &self,
        action: &str,
        region: &str,
        caller: &str,
        full_at: i64,
    ) -> Result<(), rusqlite::Error> {
        self.db
            .prepare_cached(
                "INSERT OR REPLACE INTO rates (action, region, caller, full_at) VALUES (?1, ?2, ?3, ?4)",
            )?
            .execute(params![action, region, caller, full_at])
            .map(drop)
    }
}

//! Shares of images with other accounts.

use rusqlite::params;

use super::World;

/// Share of an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Share {
    /// Main account with which the image is shared.
    pub account: String,
    /// Time of sharing, in microseconds since 1970.
    pub created_at: i64,
}

impl World {
    /// Returns the shares of an image, by account.
    pub(in crate::cloud::sim) fn shares(&self, image: &str) -> Result<Vec<Share>, rusqlite::Error> {
        self.db
            .prepare_cached("SELECT account, created_at FROM shares WHERE image = ?1")?
            .query_map(params![image], |row| Ok(Share { account: row.get(0)?, created_at: row.get(1)? }))?
            .collect()
    }

    /// Returns every share of the world, by image.
    pub(in crate::cloud::sim) fn all_shares(&self) -> Result<Vec<(String, Share)>, rusqlite::Error> {
        self.db
            .prepare_cached("SELECT image, account, created_at FROM shares")?
            .query_map([], |row| Ok((row.get(0)?, Share { account: row.get(1)?, created_at: row.get(2)? })))?
            .collect()
    }

    /// Returns the number of accounts with which an image is shared.
    pub(in crate::cloud::sim) fn share_count(&self, image: &str) -> Result<u32, rusqlite::Error> {
        self.db
            .prepare_cached("SELECT count(*) FROM shares WHERE image = ?1")?
            .query_row(params![image], |row| row.get(0))
    }

    /// Returns whether an image is shared with an account.
    pub(in crate::cloud::sim) fn is_shared_with(
        &self,
        image: &str,
        account: &str,
    ) -> Result<bool, rusqlite::Error> {
        self.db
            .prepare_cached("SELECT EXISTS (SELECT 1 FROM shares WHERE image = ?1 AND account = ?2)")?
            .query_row(params![image, account], |row| row.get(0))
    }

    /// Shares an image with an account that has no share of it.
    pub(in crate::cloud::sim) fn add_share(
        &self,
        image: &str,
        account: &str,
        now: i64,
    ) -> Result<(), rusqlite::Error> {
        self.db
            .prepare_cached("INSERT INTO shares (image, account, created_at) VALUES (?1, ?2, ?3)")?
            .execute(params![image, account, now])
            .map(drop)
    }

    /// Removes the share of an account, if it exists.
    pub(in crate::cloud::sim) fn remove_share(
        &self,
        image: &str,
        account: &str,
    ) -> Result<(), rusqlite::Error> {
        self.db
            .prepare_cached("DELETE FROM shares WHERE image = ?1 AND account = ?2")?
            .execute(params![image, account])
            .map(drop)
    }
}

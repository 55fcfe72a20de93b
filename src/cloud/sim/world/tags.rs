//! Tags of images, and tags of accounts.

use rusqlite::params;

use super::World;

/// Tag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::cloud::sim) struct Tag {
    /// Key.
    pub(in crate::cloud::sim) key: String,
    /// Value.
    pub(in crate::cloud::sim) value: String,
}

impl World {
    /// Returns the tags of an image, by key.
    pub(in crate::cloud::sim) fn tags(&self, image: &str) -> Result<Vec<Tag>, rusqlite::Error> {
        self.db
            .prepare_cached("SELECT key, value FROM tags WHERE image = ?1")?
            .query_map(params![image], |row| Ok(Tag { key: row.get(0)?, value: row.get(1)? }))?
            .collect()
    }

    /// Returns every tag of the world, by image.
    pub(in crate::cloud::sim) fn all_tags(&self) -> Result<Vec<(String, Tag)>, rusqlite::Error> {
        self.db
            .prepare_cached("SELECT image, key, value FROM tags")?
            .query_map([], |row| Ok((row.get(0)?, Tag { key: row.get(1)?, value: row.get(2)? })))?
            .collect()
    }

    /// Sets a tag of an image, and replaces the one with the same key. Adds the tag to the account too.
    pub(in crate::cloud::sim) fn set_tag(
        &self,
        owner: &str,
        image: &str,
        tag: &Tag,
    ) -> Result<(), rusqlite::Error> {
        self.add_account_tag(owner, tag)?;
        self.db
            .prepare_cached("INSERT OR REPLACE INTO tags (image, key, value) VALUES (?1, ?2, ?3)")?
            .execute(params![image, tag.key, tag.value])
            .map(drop)
    }

    /// Removes a tag of an image, if it exists.
    pub(in crate::cloud::sim) fn remove_tag(&self, image: &str, key: &str) -> Result<(), rusqlite::Error> {
        self.db
            .prepare_cached("DELETE FROM tags WHERE image = ?1 AND key = ?2")?
            .execute(params![image, key])
            .map(drop)
    }

    /// Adds a tag to an account. Returns whether it is new.
    pub(in crate::cloud::sim) fn add_account_tag(
        &self,
        owner: &str,
        tag: &Tag,
    ) -> Result<bool, rusqlite::Error> {
        self.db
            .prepare_cached("INSERT OR IGNORE INTO account_tags (owner, key, value) VALUES (?1, ?2, ?3)")?
            .execute(params![owner, tag.key, tag.value])
            .map(|rows| rows > 0)
    }

    /// Removes a tag from an account. Returns whether the account had it.
    pub(in crate::cloud::sim) fn remove_account_tag(
        &self,
        owner: &str,
        tag: &Tag,
    ) -> Result<bool, rusqlite::Error> {
        self.db
            .prepare_cached("DELETE FROM account_tags WHERE owner = ?1 AND key = ?2 AND value = ?3")?
            .execute(params![owner, tag.key, tag.value])
            .map(|rows| rows > 0)
    }

    /// Returns the values of a key of an account.
    pub(in crate::cloud::sim) fn values_of_key(
        &self,
        owner: &str,
        key: &str,
    ) -> Result<Vec<String>, rusqlite::Error> {
        self.db
            .prepare_cached("SELECT value FROM account_tags WHERE owner = ?1 AND key = ?2")?
            .query_map(params![owner, key], |row| row.get(0))?
            .collect()
    }

    /// Returns how many keys an account has.
    pub(in crate::cloud::sim) fn key_count(&self, owner: &str) -> Result<u32, rusqlite::Error> {
        self.db
            .prepare_cached("SELECT count(DISTINCT key) FROM account_tags WHERE owner = ?1")?
            .query_row(params![owner], |row| row.get(0))
    }

    /// Returns every tag of an account, by key and value.
    pub(in crate::cloud::sim) fn account_tags(&self, owner: &str) -> Result<Vec<Tag>, rusqlite::Error> {
        self.db
            .prepare_cached("SELECT key, value FROM account_tags WHERE owner = ?1")?
            .query_map(params![owner], |row| Ok(Tag { key: row.get(0)?, value: row.get(1)? }))?
            .collect()
    }

    /// Returns whether an image has a tag of an account.
    pub(in crate::cloud::sim) fn is_tag_used(&self, owner: &str, tag: &Tag) -> Result<bool, rusqlite::Error> {
        self.db
            .prepare_cached(
                "SELECT EXISTS (SELECT 1 FROM tags JOIN images ON images.id = tags.image \
                 WHERE images.owner = ?1 AND tags.key = ?2 AND tags.value = ?3)",
            )?
            .query_row(params![owner, tag.key, tag.value], |row| row.get(0))
    }
}

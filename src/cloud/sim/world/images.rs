//! Images: their rows, states and queries.

use rusqlite::{OptionalExtension, Row, params};

use super::World;

/// State of an image (213/15753 ImageState).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ImageStatus {
    /// The image is being created.
    Creating,
    /// The image is ready.
    Normal,
    /// Creating or copying the image failed.
    CreateFailed,
    /// The image is being copied, as the destination or, with a switch, as the source.
    Syncing,
    /// The image is being imported.
    Importing,
    /// The import failed.
    ImportFailed,
}

impl ImageStatus {
    /// Returns the state as the service spells it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Creating => "CREATING",
            Self::Normal => "NORMAL",
            Self::CreateFailed => "CREATEFAILED",
            Self::Syncing => "SYNCING",
            Self::Importing => "IMPORTING",
            Self::ImportFailed => "IMPORTFAILED",
        }
    }

    /// Returns whether a task on the image is running.
    pub fn is_busy(self) -> bool {
        matches!(self, Self::Creating | Self::Syncing | Self::Importing)
    }

    fn read(text: &str) -> Self {
        match text {
            "CREATING" => Self::Creating,
            "CREATEFAILED" => Self::CreateFailed,
            "SYNCING" => Self::Syncing,
            "IMPORTING" => Self::Importing,
            "IMPORTFAILED" => Self::ImportFailed,
            _ => Self::Normal,
        }
    }
}

/// Image of the world.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    /// Unique id.
    pub id: String,
    /// Region of the resource.
    pub region: String,
    /// Main account that owns the image. Empty: the provider.
    pub owner: String,
    /// Name of the action.
    pub name: String,
    /// Description. May be empty.
    pub description: String,
    /// Family. May be empty.
    pub family: String,
    /// Whether the image is marked as deprecated.
    pub deprecated: bool,
    /// Size of the system disk in GiB.
    pub size_gib: u32,
    /// Title of the operating system.
    pub os: String,
    /// Family of the operating system.
    pub platform: String,
    /// `x86_64`, `i386` or `arm`.
    pub architecture: String,
    /// `TencentCloud` or `BYOL`.
    pub license: String,
    /// Value of ImageSource.
    pub source: String,
    /// Whether the image supports cloud-init.
    pub cloudinit: bool,
    /// Whether the disks are encrypted.
    pub encrypted: bool,
    /// Time of creation, in microseconds since 1970.
    pub created_at: i64,
    /// Time from which listings contain the image, in microseconds since 1970.
    pub visible_at: i64,
    /// State until `ready_at`.
    pub state: ImageStatus,
    /// End of the task, in microseconds since 1970. The state changes to `becomes` then. `None`: never.
    pub ready_at: Option<i64>,
    /// State after the task.
    pub becomes: ImageStatus,
    /// Source: an instance, snapshots, a URL without query, or an image.
    pub made_from: String,
}

impl Image {
    /// Returns the state at a time.
    pub fn state_at(&self, now: i64) -> ImageStatus {
        if self.ready_at.is_some_and(|ready| ready <= now) { self.becomes } else { self.state }
    }
}

/// New image with its snapshots, that of the system disk first.
#[derive(Debug)]
pub(in crate::cloud::sim) struct NewImage {
    /// The image itself.
    pub(in crate::cloud::sim) image: Image,
    /// Snapshots. Existing ones are reused.
    pub(in crate::cloud::sim) snapshots: Vec<super::Snapshot>,
}

const COLUMNS: &str = "id, region, owner, name, description, family, deprecated, size_gib, os, platform, \
     architecture, license, source, cloudinit, encrypted, created_at, visible_at, state, ready_at, becomes, made_from";

fn read(row: &Row<'_>) -> Result<Image, rusqlite::Error> {
    let state = |at: usize| -> Result<ImageStatus, rusqlite::Error> {
        Ok(ImageStatus::read(row.get_ref(at)?.as_str()?))
    };
    Ok(Image {
        id: row.get(0)?,
        region: row.get(1)?,
        owner: row.get(2)?,
        name: row.get(3)?,
        description: row.get(4)?,
        family: row.get(5)?,
        deprecated: row.get(6)?,
        size_gib: row.get(7)?,
        os: row.get(8)?,
        platform: row.get(9)?,
        architecture: row.get(10)?,
        license: row.get(11)?,
        source: row.get(12)?,
        cloudinit: row.get(13)?,
        encrypted: row.get(14)?,
        created_at: row.get(15)?,
        visible_at: row.get(16)?,
        state: state(17)?,
        ready_at: row.get(18)?,
        becomes: state(19)?,
        made_from: row.get(20)?,
    })
}

impl World {
    /// Returns the image with an id, of any account.
    pub(in crate::cloud::sim) fn image(
        &self,
        region: &str,
        id: &str,
    ) -> Result<Option<Image>, rusqlite::Error> {
        self.db
            .prepare_cached(&format!("SELECT {COLUMNS} FROM images WHERE id = ?1 AND region = ?2"))?
            .query_row(params![id, region], read)
            .optional()
    }

    /// Returns the images of an account in a region, newest first.
    pub(in crate::cloud::sim) fn images_of(
        &self,
        region: &str,
        owner: &str,
    ) -> Result<Vec<Image>, rusqlite::Error> {
        // Sorts here, because with ORDER BY, SQLite compiles the statement again for each call.
        let mut images = self
            .db
            .prepare_cached(&format!("SELECT {COLUMNS}, seq FROM images WHERE region = ?1 AND owner = ?2"))?
            .query_map(params![region, owner], |row| Ok((row.get::<_, i64>(21)?, read(row)?)))?
            .collect::<Result<Vec<_>, _>>()?;
        images.sort_unstable_by_key(|(seq, _)| std::cmp::Reverse(*seq));
        Ok(images.into_iter().map(|(_, image)| image).collect())
    }

    /// Returns the number of images of an account that a listing of a region contains.
    pub(in crate::cloud::sim) fn visible_count(
        &self,
        region: &str,
        owner: &str,
        now: i64,
    ) -> Result<usize, rusqlite::Error> {
        self.db
            .prepare_cached(
                "SELECT count(*) FROM images WHERE region = ?1 AND owner = ?2 AND visible_at <= ?3",
            )?
            .query_row(params![region, owner, now], |row| row.get::<_, i64>(0))
            .map(|count| usize::try_from(count).unwrap_or(0))
    }

    /// Returns a page of the images of an account in a region, newest first.
    pub(in crate::cloud::sim) fn images_on_page(
        &self,
        region: &str,
        owner: &str,
        now: i64,
        offset: usize,
        limit: usize,
    ) -> Result<Vec<Image>, rusqlite::Error> {
        let [offset, limit] = [offset, limit].map(|number| i64::try_from(number).unwrap_or(i64::MAX));
        self.db
            .prepare_cached(&format!(
                "SELECT {COLUMNS} FROM images WHERE region = ?1 AND owner = ?2 AND visible_at <= ?3 \
                 ORDER BY seq DESC LIMIT ?4 OFFSET ?5"
            ))?
            .query_map(params![region, owner, now, limit, offset], read)?
            .collect()
    }

    /// Returns the images of a region that other accounts share with an account, by id.
    pub(in crate::cloud::sim) fn images_shared_with(
        &self,
        region: &str,
        account: &str,
    ) -> Result<Vec<Image>, rusqlite::Error> {
        self.db
            .prepare_cached(&format!(
                "SELECT {COLUMNS} FROM images WHERE region = ?1 AND id IN \
                 (SELECT image FROM shares WHERE account = ?2)"
            ))?
            .query_map(params![region, account], read)?
            .collect()
    }

    /// Returns every custom image of the world, in the order of creation.
    pub(in crate::cloud::sim) fn all_images(&self) -> Result<Vec<Image>, rusqlite::Error> {
        self.db
            .prepare_cached(&format!("SELECT {COLUMNS} FROM images ORDER BY seq"))?
            .query_map([], read)?
            .collect()
    }

    /// Returns the number of custom images of an account in a region, in any state (assumed from 213/4941).
    pub(in crate::cloud::sim) fn image_count(
        &self,
        region: &str,
        owner: &str,
    ) -> Result<u32, rusqlite::Error> {
        self.db
            .prepare_cached("SELECT count(*) FROM images WHERE region = ?1 AND owner = ?2")?
            .query_row(params![region, owner], |row| row.get(0))
    }

    /// Returns the id of the account's image with exactly this name in a region.
    pub(in crate::cloud::sim) fn image_named(
        &self,
        region: &str,
        owner: &str,
        name: &str,
    ) -> Result<Option<String>, rusqlite::Error> {
        self.db
            .prepare_cached("SELECT id FROM images WHERE region = ?1 AND owner = ?2 AND name = ?3")?
            .query_row(params![region, owner, name], |row| row.get(0))
            .optional()
    }

    /// Returns whether an image of an account is still being created from a source, such as an instance.
    pub(in crate::cloud::sim) fn is_being_imaged(
        &self,
        region: &str,
        owner: &str,
        made_from: &str,
        now: i64,
    ) -> Result<bool, rusqlite::Error> {
        self.db
            .prepare_cached(
                "SELECT EXISTS (SELECT 1 FROM images WHERE region = ?1 AND owner = ?2 AND made_from = ?3 \
                 AND state = 'CREATING' AND (ready_at IS NULL OR ready_at > ?4))",
            )?
            .query_row(params![region, owner, made_from, now], |row| row.get(0))
    }

    /// Returns the next time at which a task ends or an image becomes visible.
    pub(in crate::cloud::sim) fn next_change(&self, after: i64) -> Result<Option<i64>, rusqlite::Error> {
        self.db
            .prepare_cached(
                "SELECT min(at) FROM (SELECT min(ready_at) AS at FROM images WHERE ready_at > ?1 \
                 UNION ALL SELECT min(visible_at) FROM images WHERE visible_at > ?1)",
            )?
            .query_row(params![after], |row| row.get(0))
    }

    /// Adds an image, and records the peak usage of its account in the region.
    pub(in crate::cloud::sim) fn add_image(&self, new: &NewImage) -> Result<(), rusqlite::Error> {
        let image = &new.image;
        self.db
            .prepare_cached(&format!(
                "INSERT INTO images ({COLUMNS}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, \
                 ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21)"
            ))?
            .execute(params![
                image.id,
                image.region,
                image.owner,
                image.name,
                image.description,
                image.family,
                image.deprecated,
                image.size_gib,
                image.os,
                image.platform,
                image.architecture,
                image.license,
                image.source,
                image.cloudinit,
                image.encrypted,
                image.created_at,
                image.visible_at,
                image.state.as_str(),
                image.ready_at,
                image.becomes.as_str(),
                image.made_from,
            ])?;
        for (position, snapshot) in new.snapshots.iter().enumerate() {
            self.add_snapshot(snapshot)?;
            self.db
                .prepare_cached(
                    "INSERT INTO image_snapshots (image, position, snapshot) VALUES (?1, ?2, ?3)",
                )?
                .execute(params![image.id, i64::try_from(position).unwrap_or(i64::MAX), snapshot.id])?;
        }
        let count = self.image_count(&image.region, &image.owner)?;
        self.note_peak(&image.owner, &image.region, count, image.created_at)
    }

    /// Sets the attributes that are not `None`.
    pub(in crate::cloud::sim) fn set_attributes(
        &self,
        id: &str,
        name: Option<&str>,
        description: Option<&str>,
        family: Option<&str>,
        deprecated: Option<bool>,
    ) -> Result<(), rusqlite::Error> {
        self.db
            .prepare_cached(
                "UPDATE images SET name = coalesce(?2, name), description = coalesce(?3, description), \
                 family = coalesce(?4, family), deprecated = coalesce(?5, deprecated) WHERE id = ?1",
            )?
            .execute(params![id, name, description, family, deprecated])
            .map(drop)
    }

    /// Starts a task on an image.
    pub(in crate::cloud::sim) fn set_busy(
        &self,
        id: &str,
        state: ImageStatus,
        ready_at: Option<i64>,
        becomes: ImageStatus,
    ) -> Result<(), rusqlite::Error> {
        self.db
            .prepare_cached("UPDATE images SET state = ?2, ready_at = ?3, becomes = ?4 WHERE id = ?1")?
            .execute(params![id, state.as_str(), ready_at, becomes.as_str()])
            .map(drop)
    }

    /// Deletes an image with its tags and shares. `snapshots` also deletes those of its snapshots that no other image
    /// uses.
    pub(in crate::cloud::sim) fn remove_image(
        &self,
        id: &str,
        snapshots: bool,
    ) -> Result<(), rusqlite::Error> {
        if snapshots {
            self.db
                .prepare_cached(
                    "DELETE FROM snapshots WHERE id IN (SELECT snapshot FROM image_snapshots WHERE image = ?1) \
                     AND id NOT IN (SELECT snapshot FROM image_snapshots WHERE image <> ?1)",
                )?
                .execute(params![id])?;
        }
        for sql in [
            "DELETE FROM image_snapshots WHERE image = ?1",
            "DELETE FROM tags WHERE image = ?1",
            "DELETE FROM shares WHERE image = ?1",
            "DELETE FROM images WHERE id = ?1",
        ] {
            self.db.prepare_cached(sql)?.execute(params![id])?;
        }
        Ok(())
    }
}

//! Instances, their disks, and snapshots: the sources of images.

use rusqlite::{OptionalExtension, Row, params};
use serde::{Deserialize, Serialize};

use super::World;
use super::faults::{from_json, to_json};

/// Instance (cloud server) that was added to the world.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Instance {
    /// Unique id.
    pub id: String,
    /// Region of the resource.
    pub region: String,
    /// Main account of the owner.
    pub owner: String,
    /// State as in DescribeInstances: RUNNING, STOPPED, STARTING, STOPPING, REBOOTING, SHUTDOWN, ….
    #[serde(default = "running")]
    pub state: String,
    /// Whether the instance is bare metal, which cannot be imaged (213/4942).
    #[serde(default)]
    pub bare_metal: bool,
    /// Whether the instance is not charged while it is stopped (StopChargingMode STOP_CHARGING).
    #[serde(default)]
    pub stop_charging: bool,
    /// Whether the system disk is encrypted.
    #[serde(default)]
    pub encrypted: bool,
    /// Whether an operation on the instance is running (LatestOperationState OPERATING).
    #[serde(default)]
    pub busy: bool,
    /// Title of the operating system.
    #[serde(default = "ubuntu_title")]
    pub os: String,
    /// Family of the operating system.
    #[serde(default = "ubuntu")]
    pub platform: String,
    /// `x86_64`, `i386` or `arm`.
    #[serde(default = "x86_64")]
    pub architecture: String,
    /// Disks, the system disk first. Empty: a system disk of 50 GiB is added.
    #[serde(default)]
    pub disks: Vec<Disk>,
    /// Error code with which CreateImage refuses the instance, for cases that no other field covers.
    #[serde(default)]
    pub refusal: Option<String>,
}

/// Disk of an instance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Disk {
    /// Unique id.
    pub id: String,
    /// Type, such as CLOUD_PREMIUM or LOCAL_BASIC.
    pub kind: String,
    /// Size in GiB.
    pub size_gib: u32,
    /// Whether the disk is a swap disk.
    #[serde(default)]
    pub swap: bool,
}

impl Disk {
    /// Returns the system disk of an instance that was added without disks. The ids of both end alike.
    fn system_of(instance: &str) -> Self {
        Self {
            id: format!("disk-{}", instance.strip_prefix("ins-").unwrap_or(instance)),
            kind: "CLOUD_PREMIUM".to_owned(),
            size_gib: 50,
            swap: false,
        }
    }
}

fn running() -> String {
    "RUNNING".to_owned()
}

fn ubuntu_title() -> String {
    "Ubuntu Server 22.04 LTS 64bit".to_owned()
}

fn ubuntu() -> String {
    "Ubuntu".to_owned()
}

fn x86_64() -> String {
    "x86_64".to_owned()
}

impl Instance {
    /// Creates the instance that a well-formed id names if [`Existence::WellFormed`] applies: running, with one disk.
    ///
    /// [`Existence::WellFormed`]: crate::cloud::sim::Existence::WellFormed
    pub fn well_formed(id: &str, region: &str, owner: &str) -> Self {
        Self {
            id: id.to_owned(),
            region: region.to_owned(),
            owner: owner.to_owned(),
            state: running(),
            bare_metal: false,
            stop_charging: false,
            encrypted: false,
            busy: false,
            os: ubuntu_title(),
            platform: ubuntu(),
            architecture: x86_64(),
            disks: vec![Disk::system_of(id)],
            refusal: None,
        }
    }
}

/// Disk snapshot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Snapshot {
    /// Unique id.
    pub id: String,
    /// Region of the resource.
    pub region: String,
    /// Main account of the owner.
    pub owner: String,
    /// Whether the snapshot is of a system disk.
    pub system: bool,
    /// Size in GiB.
    pub size_gib: u32,
    /// Disk of the snapshot. May be empty.
    #[serde(default)]
    pub disk: String,
    /// Whether the snapshot is encrypted.
    #[serde(default)]
    pub encrypted: bool,
    /// State until `ready_at`: NORMAL or CREATING.
    #[serde(default = "normal")]
    pub state: String,
    /// Time at which the state changes to NORMAL, in microseconds since 1970. `None`: the state does not change.
    #[serde(default)]
    pub ready_at: Option<i64>,
    /// Time of creation, in microseconds since 1970.
    #[serde(default)]
    pub created_at: i64,
}

fn normal() -> String {
    "NORMAL".to_owned()
}

impl Snapshot {
    /// Returns the state at a time.
    pub fn state_at(&self, now: i64) -> &str {
        if self.ready_at.is_some_and(|ready| ready <= now) { "NORMAL" } else { &self.state }
    }

    /// Returns the value of DiskUsage.
    pub fn usage(&self) -> &'static str {
        if self.system { "SYSTEM_DISK" } else { "DATA_DISK" }
    }
}

/// Parses a stored instance. Every instance of the real service has a system disk, so one is added if it has no disks.
fn parse_instance(body: &str) -> Result<Instance, rusqlite::Error> {
    let mut instance: Instance = from_json(body)?;
    if instance.disks.is_empty() {
        instance.disks.push(Disk::system_of(&instance.id));
    }
    Ok(instance)
}

const SNAPSHOT: &str =
    "s.id, s.region, s.owner, s.usage, s.size_gib, s.disk, s.encrypted, s.state, s.ready_at, s.created_at";

fn read_snapshot(row: &Row<'_>) -> Result<Snapshot, rusqlite::Error> {
    Ok(Snapshot {
        id: row.get(0)?,
        region: row.get(1)?,
        owner: row.get(2)?,
        system: row.get_ref(3)?.as_str()? == "SYSTEM_DISK",
        size_gib: row.get(4)?,
        disk: row.get(5)?,
        encrypted: row.get(6)?,
        state: row.get(7)?,
        ready_at: row.get(8)?,
        created_at: row.get(9)?,
    })
}

impl World {
    /// Returns the added instance with an id.
    pub(in crate::cloud::sim) fn instance(
        &self,
        region: &str,
        owner: &str,
        id: &str,
    ) -> Result<Option<Instance>, rusqlite::Error> {
        let body: Option<String> = self
            .db
            .prepare_cached("SELECT body FROM instances WHERE id = ?1 AND region = ?2 AND owner = ?3")?
            .query_row(params![id, region, owner], |row| row.get(0))
            .optional()?;
        body.map(|body| parse_instance(&body)).transpose()
    }

    /// Returns every added instance of an account in a region, by id.
    pub(in crate::cloud::sim) fn instances(
        &self,
        region: &str,
        owner: &str,
    ) -> Result<Vec<Instance>, rusqlite::Error> {
        self.db
            .prepare_cached("SELECT body FROM instances WHERE region = ?1 AND owner = ?2 ORDER BY id")?
            .query_map(params![region, owner], |row| parse_instance(row.get_ref(0)?.as_str()?))?
            .collect()
    }

    /// Adds an instance, or replaces the one with its id.
    pub(in crate::cloud::sim) fn put_instance(&self, instance: &Instance) -> Result<(), rusqlite::Error> {
        self.db
            .prepare_cached(
                "INSERT OR REPLACE INTO instances (id, region, owner, body) VALUES (?1, ?2, ?3, ?4)",
            )?
            .execute(params![instance.id, instance.region, instance.owner, to_json(instance)?])
            .map(drop)
    }

    /// Returns the snapshot with an id.
    pub(in crate::cloud::sim) fn snapshot(
        &self,
        region: &str,
        owner: &str,
        id: &str,
    ) -> Result<Option<Snapshot>, rusqlite::Error> {
        self.db
            .prepare_cached(&format!(
                "SELECT {SNAPSHOT} FROM snapshots s WHERE s.id = ?1 AND s.region = ?2 AND s.owner = ?3"
            ))?
            .query_row(params![id, region, owner], read_snapshot)
            .optional()
    }

    /// Returns every snapshot of an account in a region, by id.
    pub(in crate::cloud::sim) fn snapshots(
        &self,
        region: &str,
        owner: &str,
    ) -> Result<Vec<Snapshot>, rusqlite::Error> {
        self.db
            .prepare_cached(&format!(
                "SELECT {SNAPSHOT} FROM snapshots s WHERE s.region = ?1 AND s.owner = ?2 ORDER BY s.id"
            ))?
            .query_map(params![region, owner], read_snapshot)?
            .collect()
    }

    /// Returns the snapshots of an image, that of the system disk first.
    pub(in crate::cloud::sim) fn snapshots_of(&self, image: &str) -> Result<Vec<Snapshot>, rusqlite::Error> {
        // Without join or ORDER BY: with either, SQLite compiles the statement again for each call.
        let mut ids: Vec<(i64, String)> = self
            .db
            .prepare_cached("SELECT position, snapshot FROM image_snapshots WHERE image = ?1")?
            .query_map(params![image], |row| Ok((row.get(0)?, row.get(1)?)))?
            .collect::<Result<_, _>>()?;
        ids.sort_unstable();
        let mut by_id =
            self.db.prepare_cached(&format!("SELECT {SNAPSHOT} FROM snapshots s WHERE s.id = ?1"))?;
        let found =
            |(_, id): &(i64, String)| by_id.query_row(params![id], read_snapshot).optional().transpose();
        ids.iter().filter_map(found).collect()
    }

    /// Returns id and name of the images of a snapshot.
    pub(in crate::cloud::sim) fn images_of_snapshot(
        &self,
        snapshot: &str,
    ) -> Result<Vec<(String, String)>, rusqlite::Error> {
        self.db
            .prepare_cached(
                "SELECT images.id, images.name FROM image_snapshots i JOIN images ON images.id = i.image \
                 WHERE i.snapshot = ?1 ORDER BY images.seq",
            )?
            .query_map(params![snapshot], |row| Ok((row.get(0)?, row.get(1)?)))?
            .collect()
    }

    /// Adds a snapshot, unless it exists.
    pub(in crate::cloud::sim) fn add_snapshot(&self, snapshot: &Snapshot) -> Result<(), rusqlite::Error> {
        self.db
            .prepare_cached(
                "INSERT OR IGNORE INTO snapshots (id, region, owner, usage, size_gib, disk, encrypted, state, \
                 ready_at, created_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
            )?
            .execute(params![
                snapshot.id,
                snapshot.region,
                snapshot.owner,
                snapshot.usage(),
                snapshot.size_gib,
                snapshot.disk,
                snapshot.encrypted,
                snapshot.state,
                snapshot.ready_at,
                snapshot.created_at,
            ])
            .map(drop)
    }

    /// Deletes a snapshot.
    pub(in crate::cloud::sim) fn remove_snapshot(&self, id: &str) -> Result<(), rusqlite::Error> {
        self.db.prepare_cached("DELETE FROM snapshots WHERE id = ?1")?.execute(params![id]).map(drop)
    }

    /// Returns the number of running exports of an account in a region.
    pub(in crate::cloud::sim) fn running_exports(
        &self,
        region: &str,
        owner: &str,
        now: i64,
    ) -> Result<u32, rusqlite::Error> {
        self.db
            .prepare_cached(
                "SELECT count(*) FROM exports WHERE region = ?1 AND owner = ?2 AND ready_at > ?3",
            )?
            .query_row(params![region, owner, now], |row| row.get(0))
    }

    /// Starts an export. Returns the number of its task.
    pub(in crate::cloud::sim) fn add_export(
        &self,
        region: &str,
        owner: &str,
        image: &str,
        ready_at: i64,
    ) -> Result<i64, rusqlite::Error> {
        self.db
            .prepare_cached(
                "INSERT INTO exports (region, owner, image, ready_at) VALUES (?1, ?2, ?3, ?4) RETURNING id",
            )?
            .query_row(params![region, owner, image, ready_at], |row| row.get(0))
    }
}

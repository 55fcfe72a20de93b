//! The state that a manifest names: where it is, who may write it, and what is noted of a run.

use std::path::PathBuf;
use std::sync::Arc;

use uuid::Uuid;

use super::Workspace;
use crate::backend::{FileStore, LockInfo, LockWait, StateStore, StoreError};
use crate::cli::heartbeat::{Heartbeat, INTERVAL};
use crate::cli::printer::Printer;
use crate::cli::{CommandError, env, files, storage};
use crate::cloud::Lease;
use crate::diagnostics::sanitize;
use crate::manifest::StateLocation;
use crate::state::{Lineage, Snapshot};

impl Workspace {
    /// Returns the path of the state. `None` if it is not in a file.
    pub(super) fn state_path(&self) -> Option<PathBuf> {
        match &self.engine.desired.state {
            StateLocation::File(path) => Some(self.base.join(path)),
            StateLocation::Object { .. } | StateLocation::Cos { .. } => None,
        }
    }

    /// The store of the state.
    ///
    /// # Errors
    /// If the settings of its storage cannot be used.
    pub fn store(&self) -> Result<Box<dyn StateStore>, CommandError> {
        self.store_at(&self.engine.desired.state, &self.lease)
    }

    /// The store of a state at another location. A file is relative to the manifest.
    ///
    /// # Errors
    /// As [`Workspace::store`].
    pub fn store_elsewhere(&self, location: &StateLocation) -> Result<Box<dyn StateStore>, CommandError> {
        self.store_at(location, &Lease::default())
    }

    fn store_at(&self, location: &StateLocation, lease: &Lease) -> Result<Box<dyn StateStore>, CommandError> {
        let clock = &self.engine.clock;
        Ok(match location {
            StateLocation::File(path) => {
                Box::new(FileStore::at(self.base.join(path)).with_clock(Arc::clone(clock)))
            }
            StateLocation::Object { bucket, key } => Box::new(storage::open(bucket, key, clock, lease)?),
            StateLocation::Cos { bucket, key } => {
                Box::new(storage::open_cos(&self.engine.desired.cloud, bucket, key, clock, lease)?)
            }
        })
    }

    /// The store, locked for writing. While it waits, it says for whom.
    ///
    /// # Errors
    /// When somebody else holds the lock, or `--state` asks for reading only.
    pub async fn locked_store(
        &self,
        operation: &str,
        wait: LockWait,
        printer: &Printer,
    ) -> Result<Box<dyn StateStore>, CommandError> {
        if self.state_file.is_some() {
            return Err(CommandError::input(
                format!("`{operation}` writes the state, and --state is for reading"),
                "Leave --state out; the manifest names the place of the state:\n\n    state: goldform.state.json",
            ));
        }
        let mut store = self.store()?;
        match store.lock(self.lock_info(operation), LockWait::NONE).await {
            Err(StoreError::Locked { holder, .. }) if wait != LockWait::NONE => {
                let holder = holder.map_or_else(|| "another process".to_owned(), |holder| holder.to_string());
                printer.say(&format!("Waiting for the lock of {holder}."));
                let spoken = printer.clone();
                let heartbeat = Heartbeat::start(INTERVAL, move |line| spoken.say(line));
                heartbeat.news(&[format!("the lock of {holder}")]);
                store.lock(self.lock_info(operation), wait).await?;
            }
            other => other?,
        }
        Ok(store)
    }

    /// Returns who is writing the state at this moment. `None` if nobody is, or for a state that is only read.
    pub async fn writer(&self) -> Option<LockInfo> {
        if self.state_file.is_some() { None } else { self.store().ok()?.writer().await }
    }

    /// Returns who runs this: user and host.
    pub fn actor(&self) -> &str {
        &self.actor
    }

    /// Returns what the lock says of this command.
    pub fn lock_info(&self, operation: &str) -> LockInfo {
        LockInfo {
            owner: self.actor.clone(),
            pid: std::process::id(),
            operation: operation.to_owned(),
            since: self.engine.clock.now(),
        }
    }

    /// The recorded state, for reading: the store's, or the file that `--state` names.
    ///
    /// # Errors
    /// When it cannot be read, or belongs to another account or service.
    pub async fn snapshot(&self) -> Result<Option<Snapshot>, CommandError> {
        let snapshot = self.snapshot_of_any_place().await?;
        if let Some(snapshot) = &snapshot {
            self.check_owner(snapshot)?;
        }
        Ok(snapshot)
    }

    /// As [`Workspace::snapshot`], also if the manifest names another place than the state.
    ///
    /// # Errors
    /// When it cannot be read, or belongs to another account or service.
    pub async fn snapshot_of_any_place(&self) -> Result<Option<Snapshot>, CommandError> {
        let snapshot = match &self.state_file {
            Some(path) => match files::read_state(path).await? {
                Some(snapshot) => Some(snapshot),
                None => {
                    return Err(CommandError::input(
                        format!("{}: there is no such state", sanitize::path(path)),
                        "Leave --state out to start from nothing.",
                    ));
                }
            },
            None => self.store()?.load().await?,
        };
        if let Some(snapshot) = &snapshot {
            self.check_account(snapshot)?;
        }
        Ok(snapshot)
    }

    /// Checks that a state belongs to the account, the service and the place that the manifest names. Of a manifest with
    /// errors the account may be unknown; those are what is printed, and nothing is written.
    ///
    /// # Errors
    /// If the manifest names another.
    pub fn check_owner(&self, snapshot: &Snapshot) -> Result<(), CommandError> {
        if self.has_errors() {
            return Ok(());
        }
        Ok(self.engine.check_state(snapshot)?)
    }

    /// As [`Workspace::check_owner`], wherever the images of the state are.
    ///
    /// # Errors
    /// If the manifest names another account or service.
    pub fn check_account(&self, snapshot: &Snapshot) -> Result<(), CommandError> {
        if self.has_errors() {
            return Ok(());
        }
        Ok(self.engine.check_account(snapshot)?)
    }

    /// The first snapshot of a new state.
    #[expect(clippy::disallowed_methods, reason = "a state's lineage is made here, once")]
    pub fn first_snapshot(&self) -> Snapshot {
        self.engine.first_snapshot(Lineage(Uuid::new_v4().to_string().into()))
    }
}

/// Who runs this, as far as the environment says: user and host.
///
/// # Errors
/// If the name that was set for it is not UTF-8 text.
pub(super) fn actor() -> Result<String, CommandError> {
    if let Some(actor) = env::get(env::ACTOR)? {
        return Ok(actor);
    }
    let user = env::shown(env::USER).or_else(|| env::shown(env::USERNAME));
    let user = user.unwrap_or_else(|| "somebody".to_owned());
    let host = env::shown(env::HOSTNAME).or_else(|| env::shown(env::COMPUTERNAME));
    Ok(match host {
        Some(host) => format!("{user}@{host}"),
        None => user,
    })
}

//! The snapshots before the present one: `goldform.state.json.history/<serial>.json`.
//!
//! They are a help for people and nothing else relies on them: that one cannot be kept is told in the log, and never
//! stops a state from being written.

use std::fs;
use std::io;
use std::path::PathBuf;

use super::{FileStore, read};
use crate::backend::{SNAPSHOTS_KEPT, StoreError};
use crate::diagnostics::harmless;
use crate::state::{Head, Snapshot};

impl FileStore {
    fn history(&self) -> PathBuf {
        self.beside(".history")
    }

    fn kept_path(&self, serial: u64) -> PathBuf {
        self.history().join(format!("{serial}.json"))
    }

    /// Keeps the file that is about to be replaced.
    pub(super) fn keep(&self, serial: u64) {
        if let Err(error) = self.try_to_keep(serial) {
            tracing::warn!(serial, %error, folder = %harmless::path(self.history()), "the snapshot before could not be kept");
        }
    }

    #[expect(clippy::disallowed_methods, reason = "this store is where state files are kept")]
    fn try_to_keep(&self, serial: u64) -> io::Result<()> {
        fs::create_dir_all(self.history())?;
        let kept = self.kept_path(serial);
        match fs::remove_file(&kept) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        // A second name for the same bytes costs nothing, and the present name is about to be given to others. Some
        // file systems have no second names.
        if fs::hard_link(&self.path, &kept).is_err() {
            fs::copy(&self.path, &kept)?;
        }
        let serials = self.serials()?;
        let surplus = serials.len().saturating_sub(SNAPSHOTS_KEPT);
        for serial in serials.into_iter().take(surplus) {
            fs::remove_file(self.kept_path(serial))?;
        }
        Ok(())
    }

    /// The serials that are kept, rising. Other files in the folder are left alone.
    fn serials(&self) -> io::Result<Vec<u64>> {
        let entries = match fs::read_dir(self.history()) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        let mut serials = Vec::new();
        for entry in entries {
            let name = entry?.file_name();
            let serial: Option<u64> = name.to_str().and_then(|name| name.strip_suffix(".json")?.parse().ok());
            serials.extend(serial);
        }
        serials.sort_unstable();
        Ok(serials)
    }

    pub(super) fn read_kept(&self) -> Result<Vec<(u64, Option<Head>)>, StoreError> {
        let folder = self.history();
        let serials = self.serials().map_err(Self::io(&folder))?;
        let head = |serial| read(&self.kept_path(serial)).ok().and_then(|text| Head::from_text(&text));
        Ok(serials.into_iter().map(|serial| (serial, head(serial))).collect())
    }

    pub(super) fn read_one_kept(&self, serial: u64) -> Result<Option<Snapshot>, StoreError> {
        let path = self.kept_path(serial);
        let text = match read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(Self::io(&path)(error)),
        };
        let broken = |source| StoreError::State { place: harmless::path(path), source };
        Snapshot::from_text(&text).map(Some).map_err(broken)
    }
}

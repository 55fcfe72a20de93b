//! The snapshots that are kept: `goldform.state.json.history/<serial>.json`, a copy of the present one among them.
//!
//! They are a help for people and nothing else relies on them: that one cannot be kept is logged, and never stops a
//! state from being written. What is put out of the way is kept there too: `replaced-1.json`, `replaced-1.journal`.

use std::fs;
use std::io::{self, Write as _};

use super::FileStore;
use super::disk;
use super::place::Beside;
use crate::backend::{SNAPSHOTS_KEPT, StoreError};
use crate::state::{Head, Snapshot};

impl FileStore {
    /// The folder. It is never a link.
    pub(super) fn history(&self) -> Result<Beside, StoreError> {
        let folder = self.place.beside(".history")?;
        match folder.path.symlink_metadata() {
            Ok(is) if is.is_symlink() => Err(StoreError::NotAFile { place: folder.shown, what: "a link" }),
            Ok(is) if !is.is_dir() => Err(StoreError::NotAFile { place: folder.shown, what: "no folder" }),
            _ => Ok(folder),
        }
    }

    fn kept_file(&self, serial: u64) -> Result<Beside, StoreError> {
        Ok(self.history()?.file(&format!("{serial}.json")))
    }

    /// Keeps the text of a snapshot that was written.
    pub(super) fn keep(&self, serial: u64, text: &str) {
        if let Err(error) = self.try_to_keep(serial, text) {
            tracing::warn!(serial, %error, "the snapshot could not be kept");
        }
    }

    /// Keeps the present file, if an older goldform has written it and kept no copy.
    pub(super) fn keep_present(&self, serial: u64) {
        let is_kept = self.kept_file(serial).is_ok_and(|kept| kept.path.symlink_metadata().is_ok());
        if is_kept {
            return;
        }
        if let Ok(Some(bytes)) = self.read_state_file()
            && let Ok(text) = std::str::from_utf8(&bytes)
        {
            self.keep(serial, text);
        }
    }

    fn try_to_keep(&self, serial: u64, text: &str) -> Result<(), StoreError> {
        let folder = self.history()?;
        let kept = self.kept_file(serial)?;
        disk::make_folder(&folder.path).map_err(folder.io())?;
        disk::copy(&kept.path, text, self.place.real()?).map_err(kept.io())?;
        let serials = self.serials()?;
        // The present one is among them.
        let surplus = serials.len().saturating_sub(SNAPSHOTS_KEPT.saturating_add(1));
        for serial in serials.into_iter().take(surplus) {
            let old = self.kept_file(serial)?;
            disk::remove(&old.path).map_err(old.io())?;
        }
        Ok(())
    }

    /// The serials that are kept, rising. Other files in the folder are left alone.
    pub(super) fn serials(&self) -> Result<Vec<u64>, StoreError> {
        let folder = self.history()?;
        let entries = match fs::read_dir(&folder.path) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(folder.io()(error)),
        };
        let mut serials = Vec::new();
        for entry in entries {
            let name = entry.map_err(folder.io())?.file_name();
            let serial: Option<u64> = name.to_str().and_then(|name| name.strip_suffix(".json")?.parse().ok());
            serials.extend(serial);
        }
        serials.sort_unstable();
        Ok(serials)
    }

    /// The serials of the kept snapshots that can be restored, rising.
    pub(super) fn restorable(&self) -> Vec<u64> {
        let mut serials = self.serials().unwrap_or_default();
        serials.retain(|serial| matches!(self.read_one_kept(*serial), Ok(Some(_))));
        serials
    }

    pub(super) fn read_kept(&self) -> Result<Vec<(u64, Option<Head>)>, StoreError> {
        let mut serials = self.serials()?;
        // The copy of the present one is no earlier one, unless the present one cannot be used.
        let present = self.read_state_file().ok().flatten();
        if let Some(present) = present.and_then(|bytes| Snapshot::from_bytes(&bytes).ok()) {
            serials.retain(|serial| *serial != present.serial);
        }
        let head = |serial| self.read_one_kept(serial).ok().flatten().map(|snapshot| snapshot.head());
        Ok(serials.into_iter().map(|serial| (serial, head(serial))).collect())
    }

    pub(super) fn read_one_kept(&self, serial: u64) -> Result<Option<Snapshot>, StoreError> {
        let file = self.kept_file(serial)?;
        let Some(bytes) = file.read()? else { return Ok(None) };
        match Snapshot::from_bytes(&bytes) {
            Ok(snapshot) if snapshot.serial == serial => Ok(Some(snapshot)),
            Ok(snapshot) => Err(StoreError::OtherSerial { place: file.shown, serial: snapshot.serial }),
            Err(source) => Err(StoreError::State { place: file.shown, source, kept: Vec::new() }),
        }
    }

    /// Keeps a copy of a file of this state that is about to be replaced, under a name that nothing else has.
    pub(super) fn set_aside(&self, bytes: &[u8], ending: &str) -> Result<String, StoreError> {
        const MOST: u32 = 1_000;
        let folder = self.history()?;
        disk::make_folder(&folder.path).map_err(folder.io())?;
        let mut number: u32 = 1;
        loop {
            let file = folder.file(&format!("replaced-{number}.{ending}"));
            match fs::OpenOptions::new().write(true).create_new(true).open(&file.path) {
                Ok(mut to) => {
                    disk::permit(&to, self.place.real()?)
                        .and_then(|()| to.write_all(bytes))
                        .and_then(|()| to.sync_all())
                        .map_err(file.io())?;
                    disk::sync_folder(&*self.disk, &folder.path).map_err(folder.io())?;
                    return Ok(file.shown);
                }
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists && number < MOST => {
                    number = number.saturating_add(1);
                }
                Err(error) => return Err(file.io()(error)),
            }
        }
    }
}

//! The lock of a state: `goldform.state.json.lock`, locked by the operating system for as long as the process lives.
//!
//! The file stays when the lock is released: removing it would let two processes hold two files of one name. Where
//! somebody removes it, or puts another in its place, the holder no longer excludes anybody, and writes nothing more.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Seek as _, SeekFrom, Write as _};

use super::disk::{self, Disk};
use super::place::Beside;
use crate::backend::{LockInfo, LockWait, StoreError};

/// A lock that is held.
pub(super) struct Held {
    place: Beside,
    file: File,
    pub(super) info: LockInfo,
}

impl Held {
    /// Takes the lock, as soon as nobody else holds it.
    pub(super) async fn take(
        place: Beside,
        info: LockInfo,
        wait: LockWait,
        disk: &dyn Disk,
    ) -> Result<Self, StoreError> {
        const MOST: u32 = 100;
        let folder = disk::folder_of(&place.path);
        disk::make_folder(folder).map_err(place.io())?;
        let (mut left, mut removed) = (wait.0, 0_u32);
        loop {
            // Opened for each try: the file may have been removed since, with the one that held it.
            let file = place.open(OpenOptions::new().read(true).write(true).create(true).truncate(false))?;
            match disk.try_lock(&file) {
                Ok(()) if place.is_still(&file).map_err(place.io())? => {
                    let mut held = Self { place, file, info };
                    held.write_info()?;
                    return Ok(held);
                }
                Ok(()) if removed < MOST => removed = removed.saturating_add(1),
                Err(TryLockError::WouldBlock) if !left.is_zero() => {
                    let nap = left.min(LockWait::TICK);
                    left = left.saturating_sub(nap);
                    tokio::time::sleep(nap).await;
                }
                Ok(()) | Err(TryLockError::WouldBlock) => {
                    return Err(StoreError::Locked { holder: holder(&place), is_shared: false });
                }
                Err(TryLockError::Error(source)) if disk::has_no_locks(&source) => {
                    return Err(StoreError::NoLocks { place: place.shown, source });
                }
                Err(TryLockError::Error(error)) => return Err(place.io()(error)),
            }
        }
    }

    /// Writes who holds it, for those who wait.
    fn write_info(&mut self) -> Result<(), StoreError> {
        let mut line =
            serde_json::to_string(&self.info).map_err(std::io::Error::other).map_err(self.place.io())?;
        line.push('\n');
        self.file
            .set_len(0)
            .and_then(|()| self.file.seek(SeekFrom::Start(0)))
            .and_then(|_| self.file.write_all(line.as_bytes()))
            .map_err(self.place.io())
    }

    /// Checks that it still excludes others.
    pub(super) fn check(&self) -> Result<(), StoreError> {
        match self.place.is_still(&self.file).map_err(self.place.io())? {
            true => Ok(()),
            false => Err(StoreError::LockLost {
                place: self.place.shown.clone(),
                why: "the lock file was removed or replaced while this command held the lock: another command may be \
                      writing the state"
                    .to_owned(),
            }),
        }
    }
}

/// Returns who holds a lock. `None` if nobody does, or if that cannot be found out.
pub(super) fn writer(place: &Beside) -> Option<LockInfo> {
    let file = place.open(OpenOptions::new().read(true)).ok()?;
    match file.try_lock_shared() {
        Err(TryLockError::WouldBlock) => holder(place),
        _ => None,
    }
}

fn holder(place: &Beside) -> Option<LockInfo> {
    serde_json::from_slice(&place.read().ok()??).ok()
}

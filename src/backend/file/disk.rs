//! What files of a state need of the operating system, and how file systems that lack some of it are got along with.
//!
//! | lacking | seen as | then |
//! |---|---|---|
//! | a folder that can be synced | EINVAL, ENOTSUP, ENOSYS | the file itself is synced, which has to do |
//! | a file that can be replaced: it is a mount of its own | EBUSY, EXDEV | it is written in place, the new text being synced beside it |
//! | locks | ENOLCK, ENOTSUP, ENOSYS | refused before any work |

use std::fs::{File, Metadata, OpenOptions, TryLockError};
use std::io::{self, ErrorKind, Write as _};
use std::path::{Path, PathBuf};

/// The calls that file systems differ in. Tests let them fail.
pub(super) trait Disk: Send + Sync {
    /// Renames a file, replacing a file of the new name.
    #[expect(clippy::disallowed_methods, reason = "this is where state files are replaced")]
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        std::fs::rename(from, to)
    }

    /// Makes the names in a folder durable.
    #[expect(clippy::disallowed_methods, reason = "the folder of a state that was written")]
    fn sync_folder(&self, folder: &Path) -> io::Result<()> {
        File::open(folder)?.sync_all()
    }

    /// Locks a file for this process, if nobody else holds it.
    fn try_lock(&self, file: &File) -> Result<(), TryLockError> {
        file.try_lock()
    }

    /// Writes at the end of a file; it is durable when this returns.
    fn append(&self, file: &mut File, bytes: &[u8]) -> io::Result<()> {
        file.write_all(bytes)?;
        file.sync_data()
    }
}

/// The operating system as it is.
pub(super) struct RealDisk;

impl Disk for RealDisk {}

/// Whether an error says that the file system has no such thing.
fn is_unsupported(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::Unsupported | ErrorKind::InvalidInput)
}

/// Whether an error of locking says that this file system has no locks.
pub(super) fn has_no_locks(error: &io::Error) -> bool {
    #[cfg(unix)]
    if error.raw_os_error() == Some(libc::ENOLCK) {
        return true;
    }
    is_unsupported(error)
}

/// Makes the names in a folder durable, as far as its file system can.
pub(super) fn sync_folder(disk: &dyn Disk, folder: &Path) -> io::Result<()> {
    match disk.sync_folder(folder) {
        // A folder may be written to without being readable; Windows opens no folders.
        Err(error) if is_unsupported(&error) || error.kind() == ErrorKind::PermissionDenied => Ok(()),
        result => result,
    }
}

/// Writes a file so that a crash leaves the old text or the new one: a temporary file beside it, synced,
/// renamed, the folder synced. What a link leads to is replaced, not the link, and permissions stay.
///
/// What is no file, such as `/dev/stdout` or a pipe, cannot be replaced and is written to.
pub fn write_atomically(path: &Path, text: &str) -> io::Result<()> {
    let before = std::fs::metadata(path).ok();
    if before.as_ref().is_some_and(|is| !is.is_file() && !is.is_dir()) {
        return OpenOptions::new().write(true).open(path)?.write_all(text.as_bytes());
    }
    let target = match before {
        Some(_) => std::fs::canonicalize(path)?,
        None => end_of_links(path)?,
    };
    replace(&RealDisk, &target, text)
}

/// As [`write_atomically`], for a path that is no link, or is to become a file.
pub(super) fn replace(disk: &dyn Disk, target: &Path, text: &str) -> io::Result<()> {
    let folder = folder_of(target);
    make_folder(folder)?;
    let before = std::fs::symlink_metadata(target).ok().filter(Metadata::is_file);
    let (temporary, mut file) = new_beside(target)?;
    let written = (|| {
        file.write_all(text.as_bytes())?;
        if let Some(before) = before {
            file.set_permissions(before.permissions())?;
        }
        file.sync_all()
    })();
    let renamed = written.and_then(|()| disk.rename(&temporary, target));
    match renamed {
        Ok(()) => sync_folder(disk, folder),
        Err(error) if matches!(error.kind(), ErrorKind::ResourceBusy | ErrorKind::CrossesDevices) => {
            // A mount of its own. Should this be cut off, the whole text is beside it.
            sync_folder(disk, folder)?;
            write_in_place(target, text).map_err(|error| {
                let kind = error.kind();
                let beside = crate::diagnostics::sanitize::path(&temporary);
                io::Error::new(kind, format!("{error}; it is half written, and {beside} holds all of it"))
            })?;
            remove(&temporary)
        }
        Err(error) => {
            let _ = remove(&temporary);
            Err(error)
        }
    }
}

fn write_in_place(target: &Path, text: &str) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).open(target)?;
    file.write_all(text.as_bytes())?;
    file.set_len(u64::try_from(text.len()).unwrap_or(u64::MAX))?;
    file.sync_all()
}

/// A new file beside another, which nothing had made and no link leads to.
fn new_beside(target: &Path) -> io::Result<(PathBuf, File)> {
    const MOST: u32 = 1_000;
    let mut number: u32 = 0;
    loop {
        let mut name = target.file_name().unwrap_or_default().to_os_string();
        name.push(format!(".{}.{number}.tmp", std::process::id()));
        let path = target.with_file_name(name);
        match OpenOptions::new().write(true).create_new(true).open(&path) {
            Ok(file) => return Ok((path, file)),
            Err(error) if error.kind() == ErrorKind::AlreadyExists && number < MOST => {
                number = number.saturating_add(1);
            }
            Err(error) => return Err(error),
        }
    }
}

/// Returns the file that a chain of links leads to. The file need not exist.
///
/// # Errors
/// If a link cannot be read, or the links form a circle.
pub(super) fn end_of_links(path: &Path) -> io::Result<PathBuf> {
    const MOST: usize = 40;
    let mut path = path.to_path_buf();
    for _ in 0..MOST {
        let Ok(next) = std::fs::read_link(&path) else { return Ok(path) };
        path = path.parent().unwrap_or(Path::new("")).join(next);
    }
    Err(io::Error::other("links lead in a circle"))
}

pub(super) fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

#[expect(clippy::disallowed_methods, reason = "the folder of a state that is about to be written")]
pub(super) fn make_folder(folder: &Path) -> io::Result<()> {
    std::fs::create_dir_all(folder)
}

/// Removes a file; one that is gone already is no error.
#[expect(clippy::disallowed_methods, reason = "journals and kept snapshots end here")]
pub(super) fn remove(path: &Path) -> io::Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Copies the permissions of another file, if that exists.
pub(super) fn permit(file: &File, like: &Path) -> io::Result<()> {
    match std::fs::metadata(like) {
        Ok(like) => file.set_permissions(like.permissions()),
        Err(_) => Ok(()),
    }
}

/// Writes a copy that nothing relies on: whole or not at all, and durable in a while. Nobody may read it who may not read
/// the file `like`.
#[expect(clippy::disallowed_methods, reason = "this is where snapshots are kept")]
pub(super) fn copy(target: &Path, text: &str, like: &Path) -> io::Result<()> {
    let (temporary, mut file) = new_beside(target)?;
    let result = permit(&file, like)
        .and_then(|()| file.write_all(text.as_bytes()))
        .and_then(|()| std::fs::rename(&temporary, target));
    if result.is_err() {
        let _ = remove(&temporary);
    }
    result
}

//! Where a state and the files that belong to it are: beside the file that the state really is, so that two links to one
//! state have one lock and one journal. Links are resolved once, when the store is made: one that is changed later moves
//! nothing.
//!
//! The files that belong to a state are never opened through links, which could lead anywhere.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use super::disk::{end_of_links, folder_of};
use crate::backend::StoreError;
use crate::diagnostics::sanitize;

/// The place of a state.
pub(super) struct Place {
    /// As the user named it.
    named: PathBuf,
    /// The file that it is. `Err` if links lead in a circle.
    real: Result<PathBuf, String>,
    /// How the files beside it are named for people.
    shown: PathBuf,
}

impl Place {
    pub(super) fn new(named: PathBuf) -> Self {
        let real = resolve(&named).map_err(|error| error.to_string());
        let shown = match &real {
            Ok(real) if named.is_symlink() => real.clone(),
            _ => named.clone(),
        };
        Self { named, real, shown }
    }

    pub(super) fn named(&self) -> &Path {
        &self.named
    }

    /// The file that the state is.
    pub(super) fn real(&self) -> Result<&Path, StoreError> {
        self.real.as_deref().map_err(|why| StoreError::Io {
            place: sanitize::path(&self.named),
            source: io::Error::other(why.clone()),
        })
    }

    /// A file that belongs to the state.
    pub(super) fn beside(&self, suffix: &str) -> Result<Beside, StoreError> {
        Ok(Beside {
            path: with_suffix(self.real()?, suffix),
            shown: sanitize::path(with_suffix(&self.shown, suffix)),
        })
    }
}

/// A file that belongs to a state.
#[derive(Debug, Clone)]
pub(super) struct Beside {
    /// Where it is.
    pub(super) path: PathBuf,
    /// Its name for people.
    pub(super) shown: String,
}

impl Beside {
    /// A file in this folder.
    pub(super) fn file(&self, name: &str) -> Self {
        Self { path: self.path.join(name), shown: format!("{}/{name}", self.shown) }
    }

    pub(super) fn io(&self) -> impl FnOnce(io::Error) -> StoreError + '_ {
        |source| StoreError::Io { place: self.shown.clone(), source }
    }

    /// Opens it, unless it is a link, a pipe or the like.
    pub(super) fn open(&self, options: &mut OpenOptions) -> Result<File, StoreError> {
        let refused = |what| StoreError::NotAFile { place: self.shown.clone(), what };
        #[cfg(unix)]
        {
            use std::os::unix::fs::OpenOptionsExt as _;
            // Without the second, opening a pipe would wait for its other end.
            options.custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK);
        }
        #[cfg(not(unix))]
        if self.path.is_symlink() {
            return Err(refused("a link"));
        }
        let file = match options.open(&self.path) {
            Ok(file) => file,
            // The number that a link is refused with differs between systems.
            Err(_) if self.path.is_symlink() => return Err(refused("a link")),
            Err(error) => return Err(self.io()(error)),
        };
        if file.metadata().map_err(self.io())?.is_file() { Ok(file) } else { Err(refused("no regular file")) }
    }

    /// Reads it. `None` if it is not there.
    pub(super) fn read(&self) -> Result<Option<Vec<u8>>, StoreError> {
        let mut file = match self.open(OpenOptions::new().read(true)) {
            Ok(file) => file,
            Err(StoreError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
                return Ok(None);
            }
            Err(error) => return Err(error),
        };
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(self.io())?;
        Ok(Some(bytes))
    }

    /// Whether it is still this open file. `true` where files have no identity.
    pub(super) fn is_still(&self, file: &File) -> io::Result<bool> {
        #[cfg(unix)]
        {
            use std::os::unix::fs::MetadataExt as _;
            let there = match self.path.symlink_metadata() {
                Ok(there) => there,
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
                Err(error) => return Err(error),
            };
            let held = file.metadata()?;
            Ok((there.dev(), there.ino()) == (held.dev(), held.ino()))
        }
        #[cfg(not(unix))]
        {
            let _ = file;
            Ok(true)
        }
    }
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_os_string();
    name.push(suffix);
    path.with_file_name(name)
}

fn resolve(path: &Path) -> io::Result<PathBuf> {
    if std::fs::metadata(path).is_ok_and(|is| !is.is_file()) {
        return Ok(path.to_path_buf()); // a pipe has no place of its own
    }
    let end = end_of_links(path)?;
    match (std::fs::canonicalize(folder_of(&end)), end.file_name()) {
        (Ok(folder), Some(name)) => Ok(folder.join(name)),
        _ => std::path::absolute(end),
    }
}

//! Files that are read as input. All of them are read here, so that each is bounded before it is in memory, and none that
//! was not named is read: a manifest of somebody else may hold links, pipes and devices.

use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, Read};
use std::path::Path;

use super::CommandError;
use crate::backend::{FileStore, StateStore as _, StoreError};
use crate::diagnostics::sanitize;
use crate::manifest;
use crate::state::Snapshot;

/// What a file is read as, which bounds its size.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A manifest: what its reader accepts, for all files of a folder together.
    Manifest,
    /// Names and short texts.
    Variables,
    /// A saved or reviewed plan. One that builds 10,000 images with their shares has about 60 MiB.
    Plan,
    /// A state. One of 10,000 images with their shares has about 20 MiB.
    State,
    /// A Terraform state, which may describe all that a company has.
    Terraform,
    /// A seed, switches or certificate of the sandbox.
    Sandbox,
}

impl Kind {
    const MIB: u64 = 1 << 20;

    /// The most bytes of such a file.
    pub(super) fn most_bytes(self) -> u64 {
        match self {
            Self::Manifest => u64::try_from(manifest::MAX_BYTES).unwrap_or(u64::MAX),
            Self::Variables => Self::MIB,
            Self::Plan | Self::State | Self::Terraform => 512 * Self::MIB,
            Self::Sandbox => 16 * Self::MIB,
        }
    }

    fn noun(self) -> &'static str {
        match self {
            Self::Manifest => "a manifest",
            Self::Variables => "a variable file",
            Self::Plan => "a plan file",
            Self::State => "a state",
            Self::Terraform => "a Terraform state",
            Self::Sandbox => "a file of the sandbox",
        }
    }
}

/// Reads a file that the user named: a regular file, a link to one, or a pipe or stdin (`/dev/stdin`, `<(command)`).
///
/// # Errors
/// If it cannot be read, is larger than its kind may be, or is a link to a device or pipe.
pub(super) fn read_named(path: &Path, kind: Kind, help: &str) -> Result<Vec<u8>, CommandError> {
    let failed = |source| failed(path, source, help);
    let is_file = path.metadata().map_err(failed)?.is_file();
    // The names of stdin and of a shell's pipes are links too.
    let is_system = path.starts_with("/dev") || path.starts_with("/proc");
    if !is_file && !is_system && path.is_symlink() && !path.is_dir() {
        return Err(not_regular(path, "a link to a device or pipe"));
    }
    #[expect(clippy::disallowed_methods, reason = "input files are opened here")]
    let file = File::open(path).map_err(failed)?;
    bounded(&file, kind.most_bytes()).map_err(failed)?.ok_or_else(|| too_large(path, kind, kind.most_bytes()))
}

/// Reads the text of a file that the user named.
///
/// # Errors
/// As [`read_named`], and if it is not UTF-8.
pub(super) fn read_named_text(path: &Path, kind: Kind, help: &str) -> Result<String, CommandError> {
    as_text(path, read_named(path, kind, help)?, help)
}

/// The text of what was read.
///
/// # Errors
/// If it is not UTF-8.
pub(super) fn as_text(path: &Path, bytes: Vec<u8>, help: &str) -> Result<String, CommandError> {
    String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        CommandError::input(
            format!("{}: it is not UTF-8 text: byte {at} is wrong", sanitize::path(path)),
            help,
        )
    })
}

/// Reads a file that was found in a folder: a regular file, or a link to one that is in that folder too. `most` is what
/// is left of the bytes that all files of the folder may have.
///
/// # Errors
/// If it cannot be read, is too large, leads out of the folder, or is a device or pipe.
pub(super) fn read_within(
    folder: &Path,
    path: &Path,
    kind: Kind,
    most: u64,
    help: &str,
) -> Result<Vec<u8>, CommandError> {
    let failed = |source| failed(path, source, help);
    check_within(folder, path, help)?;
    let target = path.canonicalize().map_err(failed)?;
    let mut options = OpenOptions::new();
    options.read(true);
    // A pipe without a writer would wait for one, and a link may have taken the place of the file since.
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::custom_flags(&mut options, libc::O_NONBLOCK | libc::O_NOFOLLOW);
    if !target.metadata().map_err(failed)?.is_file() {
        return Err(not_regular(path, "a device, pipe or socket"));
    }
    let file = options.open(&target).map_err(failed)?;
    if !file.metadata().map_err(failed)?.is_file() {
        return Err(not_regular(path, "a device, pipe or socket"));
    }
    bounded(&file, most).map_err(failed)?.ok_or_else(|| too_large(path, kind, kind.most_bytes()))
}

/// Checks that a link leads to what is in the folder.
///
/// # Errors
/// If it leads out of it, or nowhere.
pub(super) fn check_within(folder: &Path, path: &Path, help: &str) -> Result<(), CommandError> {
    let failed = |source| failed(path, source, help);
    let (root, target) = (folder.canonicalize().map_err(failed)?, path.canonicalize().map_err(failed)?);
    if target.starts_with(&root) {
        return Ok(());
    }
    Err(CommandError::input(
        format!(
            "{} is a link that leads out of {}, so it was not read",
            sanitize::path(path),
            sanitize::path(folder)
        ),
        "Put the file itself into the folder, or name it too:\n\n    -f FOLDER -f FILE",
    ))
}

/// Reads a state that the user named: a file, with the journal beside it, or a pipe. `None` if there is no such file.
///
/// # Errors
/// If it cannot be read or used.
pub(super) async fn read_state(path: &Path) -> Result<Option<Snapshot>, CommandError> {
    let metadata = match path.metadata() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(path, error, "")),
        Ok(metadata) => metadata,
    };
    if metadata.is_file() {
        if metadata.len() > Kind::State.most_bytes() {
            return Err(too_large(path, Kind::State, Kind::State.most_bytes()));
        }
        return Ok(FileStore::at(path).load().await?);
    }
    state_of(path, &read_named_text(path, Kind::State, "")?).map(Some)
}

/// The state that a text from this place holds.
///
/// # Errors
/// If it cannot be used.
pub(super) fn state_of(path: &Path, text: &str) -> Result<Snapshot, CommandError> {
    let place = sanitize::path(path);
    let kept = Vec::new();
    Ok(Snapshot::from_bytes(text.as_bytes()).map_err(|source| StoreError::State { place, source, kept })?)
}

/// Reads a file that another tool keeps keys in. Warns if others can read it: that tool may have made it so, and
/// pipelines mount keys in their own way, so it is not refused.
///
/// # Errors
/// If it cannot be read, or is larger than keys are.
pub(super) fn read_keys(path: &Path) -> io::Result<String> {
    const MOST: u64 = 1 << 20;
    #[expect(clippy::disallowed_methods, reason = "input files are opened here")]
    let file = File::open(path)?;
    if is_readable_by_others(&file.metadata()?) {
        let place = sanitize::path(path);
        tracing::warn!("others than its owner can read the keys in {place}: chmod 600 {place}");
    }
    let bytes = bounded(&file, MOST)?;
    let bytes = bytes.ok_or_else(|| io::Error::other("it is larger than 1 MiB"))?;
    String::from_utf8(bytes).map_err(|_| io::Error::other("it is not UTF-8 text"))
}

/// Returns whether others than its owner can read a file, as far as its mode says. False on systems without modes.
#[cfg_attr(not(unix), expect(unused_variables, reason = "modes are of Unix"))]
pub(super) fn is_readable_by_others(metadata: &Metadata) -> bool {
    #[cfg(unix)]
    return std::os::unix::fs::MetadataExt::mode(metadata) & 0o077 != 0;
    #[cfg(not(unix))]
    false
}

/// Reads to the end; `None` if there are more bytes than this. Nothing beyond them is read.
pub(super) fn bounded(reader: impl Read, most: u64) -> io::Result<Option<Vec<u8>>> {
    let mut bytes = Vec::new();
    reader.take(most.saturating_add(1)).read_to_end(&mut bytes)?;
    Ok(Some(bytes).filter(|bytes| u64::try_from(bytes.len()).is_ok_and(|length| length <= most)))
}

/// The failure to read a file.
pub(super) fn failed(path: &Path, source: io::Error, help: &str) -> CommandError {
    CommandError::File { path: sanitize::path(path), source, help: help.to_owned() }
}

/// The refusal of a file that is too large.
pub(super) fn too_large(path: &Path, kind: Kind, most: u64) -> CommandError {
    let (noun, most) = (kind.noun(), most / Kind::MIB);
    let (what, help) = match kind {
        Kind::Manifest => (
            format!("{noun} may have {most} MiB, all its files together, and with this one it has more"),
            "Split the manifest, each part with its own state.",
        ),
        _ => (format!("it has more than the {most} MiB that {noun} may have"), "Name another file."),
    };
    CommandError::input(format!("{}: {what}", sanitize::path(path)), help)
}

fn not_regular(path: &Path, what: &str) -> CommandError {
    CommandError::input(
        format!("{} is {what}, not a file, so it was not read", sanitize::path(path)),
        "Remove it from the folder, or put a file in its place.",
    )
}

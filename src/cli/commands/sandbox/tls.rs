//! The folder of `--tls`: the certificates that are in it, or new ones. Only its owner can read the key.

use std::io::Write as _;
use std::path::Path;

use crate::cli::CommandError;
use crate::cli::files::is_readable_by_others;
use crate::cloud::client::Secret;
use crate::cloud::sim::http::{HostName, Identity};
use crate::diagnostics::sanitize;

const HELP: &str = "Name an empty folder; ca.pem, cert.pem and key.pem are made in it.";

/// The identity in a folder. One that is there is kept; where there is none, a new one is on disk when this returns.
///
/// # Errors
/// If the folder is incomplete or cannot be written, or others than its owner can read the key.
pub(super) fn identity(folder: &Path, hosts: &[HostName]) -> Result<Identity, CommandError> {
    let (ca, certificate, key) = (folder.join("ca.pem"), folder.join("cert.pem"), folder.join("key.pem"));
    let there = [&ca, &certificate, &key].map(|path| path.exists());
    if there == [true; 3] {
        let metadata = key.metadata().map_err(|source| write_error(&key, source))?;
        if is_readable_by_others(&metadata) {
            return Err(CommandError::input(
                format!("{}: others than its owner can read this key", sanitize::path(&key)),
                format!(
                    "Make it private, or empty the folder if somebody may have read it:\n\n    chmod 600 {}",
                    sanitize::path(&key)
                ),
            ));
        }
        return Ok(Identity {
            ca: super::read(&ca, HELP)?,
            certificate: super::read(&certificate, HELP)?,
            key: Secret::new(super::read(&key, HELP)?),
        });
    }
    // The certificate is written last: a folder without it is incomplete, and is written again.
    if certificate.exists() {
        return Err(CommandError::input(
            format!("{} holds cert.pem, but not ca.pem and key.pem too", sanitize::path(folder)),
            HELP,
        ));
    }
    let identity = Identity::issue(hosts).map_err(|error| CommandError::input(error.to_string(), ""))?;
    make_folder(folder)?;
    write(&ca, &identity.ca, 0o644)?;
    write(&key, identity.key.reveal(), 0o600)?;
    write(&certificate, &identity.certificate, 0o644)?;
    Ok(identity)
}

#[expect(clippy::disallowed_methods, reason = "the folder that the user named is made here")]
fn make_folder(folder: &Path) -> Result<(), CommandError> {
    std::fs::create_dir_all(folder).map_err(|source| write_error(folder, source))
}

/// Writes a new file, and waits for the disk. A file that is there is removed first, because it may be a link, and its
/// mode may be wider.
#[cfg_attr(not(unix), expect(unused_variables, reason = "modes are of Unix"))]
fn write(path: &Path, text: &str, mode: u32) -> Result<(), CommandError> {
    remove(path)?;
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, mode);
    options
        .open(path)
        .and_then(|mut file| {
            file.write_all(text.as_bytes())?;
            file.sync_all()
        })
        .map_err(|source| write_error(path, source))
}

#[expect(clippy::disallowed_methods, reason = "what an interrupted start left is made again")]
fn remove(path: &Path) -> Result<(), CommandError> {
    match std::fs::remove_file(path) {
        Err(source) if source.kind() != std::io::ErrorKind::NotFound => Err(write_error(path, source)),
        _ => Ok(()),
    }
}

fn write_error(path: &Path, source: std::io::Error) -> CommandError {
    CommandError::File { path: sanitize::path(path), source, help: HELP.to_owned() }
}

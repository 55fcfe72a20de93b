//! What is read before anything is known: manifests and variable files.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::args::ManifestArgs;
use super::files::{Kind, check_within, failed, read_named, read_within, too_large};
use super::{CommandError, env};
use crate::diagnostics::sanitize;
use crate::manifest::{self, Input};

/// Limit of files and folders that are searched below a folder of manifests. A tree that has more is refused.
const MOST_ENTRIES: usize = 100_000;

/// Variables: the environment's, over those the files', over those the command line's.
pub(super) fn variables(args: &ManifestArgs) -> Result<BTreeMap<String, String>, CommandError> {
    let mut variables = env::manifest_variables()?;
    for path in &args.variable_files {
        let bytes = read_named(path, Kind::Variables, "Name a YAML file of names and texts.")?;
        let values = manifest::read_variables(&bytes).map_err(|why| {
            CommandError::input(
                format!("{}: {why}", sanitize::path(path)),
                "A variable file holds names and texts:\n\n    build: ins-8f3a1c2d",
            )
        })?;
        variables.extend(values);
    }
    variables.extend(args.variables.iter().cloned());
    Ok(variables)
}

/// The files of a manifest.
pub(super) struct Manifests {
    /// What was read, in order.
    pub(super) inputs: Vec<Input>,
    /// Where each was read from: the name of an input is only shown, since it need not be the file's own.
    pub(super) paths: Vec<PathBuf>,
    /// The folder of the first.
    pub(super) folder: PathBuf,
}

/// Reads the manifests that were named, in order.
///
/// # Errors
/// If one cannot be read, or a folder holds something in the place of a manifest that may not be read: to leave it out
/// would mean that its images are not wanted.
pub(super) fn read_manifests(named: &[PathBuf]) -> Result<Manifests, CommandError> {
    const HELP: &str = "Name a manifest, or write a first one:\n\n    goldform init";
    let mut read = Manifests { inputs: Vec::new(), paths: Vec::new(), folder: PathBuf::new() };
    let mut left = Kind::Manifest.most_bytes();
    for (number, path) in named.iter().enumerate() {
        let is_folder = path.is_dir();
        if number == 0 {
            read.folder = if is_folder {
                path.clone()
            } else {
                path.parent().map(Path::to_path_buf).unwrap_or_default()
            };
        }
        let files = if is_folder { yaml_files(path)? } else { vec![path.clone()] };
        if files.is_empty() {
            return Err(CommandError::input(
                format!("{}: there is no *.yaml or *.yml below it", sanitize::path(path)),
                HELP,
            ));
        }
        for file in files {
            let bytes = match is_folder {
                true => read_within(path, &file, Kind::Manifest, left, HELP)?,
                false => read_named(&file, Kind::Manifest, HELP)?,
            };
            left = u64::try_from(bytes.len())
                .ok()
                .and_then(|length| left.checked_sub(length))
                .ok_or_else(|| too_large(&file, Kind::Manifest, Kind::Manifest.most_bytes()))?;
            read.inputs.push(Input { name: file.display().to_string(), bytes });
            read.paths.push(file);
        }
    }
    Ok(read)
}

/// Every `*.yaml` and `*.yml` below a folder, in any case of the ending and in name order; hidden ones are left out. What
/// has such a name and is no file is listed too, so that it is refused and not passed over.
///
/// # Errors
/// If a folder cannot be read or has too much in it, or a link leads out of it.
pub(super) fn yaml_files(root: &Path) -> Result<Vec<PathBuf>, CommandError> {
    const HELP: &str = "The folder must be readable, and no link in it may lead nowhere.";
    let mut files = Vec::new();
    let mut folders = vec![root.to_path_buf()];
    let mut seen = 0_usize;
    while let Some(folder) = folders.pop() {
        let error = |source| failed(&folder, source, HELP);
        for entry in std::fs::read_dir(&folder).map_err(error)? {
            let path = entry.map_err(error)?.path();
            seen = seen.saturating_add(1);
            if seen > MOST_ENTRIES {
                return Err(CommandError::input(
                    format!("there are more than {MOST_ENTRIES} files below {}", sanitize::path(root)),
                    "Name the folder that holds the manifests.",
                ));
            }
            let name = path.file_name().unwrap_or_default().as_encoded_bytes();
            if name.starts_with(b".") {
                continue;
            }
            let is_yaml = path.extension().is_some_and(|extension| {
                extension.eq_ignore_ascii_case("yaml") || extension.eq_ignore_ascii_case("yml")
            });
            match (path.is_dir(), path.is_symlink()) {
                (true, false) => folders.push(path),
                // What is in it is found at its own place; to follow the link could lead in a circle.
                (true, true) => check_within(root, &path, HELP)?,
                (false, _) if is_yaml => files.push(path),
                (false, _) => {}
            }
        }
    }
    files.sort();
    Ok(files)
}

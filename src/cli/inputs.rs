//! What is read before anything is known: manifests and variable files.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::args::ManifestArgs;
use super::{CommandError, env};
use crate::diagnostics::harmless;
use crate::manifest::{self, Input};

/// Variables: the environment's, over those the files', over those the command line's.
pub(super) fn variables(args: &ManifestArgs) -> Result<BTreeMap<String, String>, CommandError> {
    let mut variables = env::manifest_variables();
    for path in &args.variable_files {
        let bytes = read(path, "Name a YAML file of names and texts.")?;
        let values = manifest::read_variables(&bytes).map_err(|why| {
            CommandError::input(
                format!("{}: {why}", harmless::path(path)),
                "A variable file holds names and texts:\n\n    build: ins-8f3a1c2d",
            )
        })?;
        variables.extend(values);
    }
    variables.extend(args.variables.iter().cloned());
    Ok(variables)
}

#[expect(clippy::disallowed_methods, reason = "manifests and variable files are read here")]
fn read(path: &Path, help: &str) -> Result<Vec<u8>, CommandError> {
    std::fs::read(path).map_err(|source| CommandError::File {
        path: harmless::path(path),
        source,
        help: help.to_owned(),
    })
}

/// The manifests that were named, in order, and the folder of the first.
pub(super) fn read_manifests(paths: &[PathBuf]) -> Result<(Vec<Input>, PathBuf), CommandError> {
    const HELP: &str = "Name a manifest, or write a first one:\n\n    goldform init";
    let mut inputs = Vec::new();
    let mut base = None;
    for path in paths {
        let folder = if path.is_dir() {
            path.clone()
        } else {
            path.parent().map(Path::to_path_buf).unwrap_or_default()
        };
        base.get_or_insert(folder);
        let files = if path.is_dir() { yaml_files(path)? } else { vec![path.clone()] };
        if files.is_empty() {
            return Err(CommandError::input(
                format!("{}: there is no *.yaml or *.yml below it", harmless::path(path)),
                HELP,
            ));
        }
        for file in files {
            let bytes = read(&file, HELP)?;
            inputs.push(Input { name: file.display().to_string(), bytes });
        }
    }
    Ok((inputs, base.unwrap_or_default()))
}

/// Every `*.yaml` and `*.yml` below a folder, in name order; hidden ones are left out.
pub(super) fn yaml_files(folder: &Path) -> Result<Vec<PathBuf>, CommandError> {
    let error = |source| CommandError::File {
        path: harmless::path(folder),
        source,
        help: "The folder must be readable.".to_owned(),
    };
    let mut files = Vec::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).map_err(error)? {
            let path = entry.map_err(error)?.path();
            let is_hidden = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
            if is_hidden {
                continue;
            }
            // A link to a folder is not followed: it could lead in a circle.
            if path.is_dir() && !path.is_symlink() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "yaml" || extension == "yml") {
                files.push(path);
            }
        }
    }
    files.sort();
    Ok(files)
}

/// A file of text that an argument names.
pub(super) fn read_text(path: &Path, help: &str) -> Result<String, CommandError> {
    Ok(String::from_utf8_lossy(&read(path, help)?).into_owned())
}

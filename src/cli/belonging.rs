//! Which manifests files belong to: a hook before a commit knows files, and a check needs whole manifests.
//!
//! A file belongs to each manifest of its work tree that reads it, as `-f` would: to itself if it is the root of a manifest,
//! to roots that include it, and to the directory of a root whose parts lie beside it and are not included. The last one
//! needs another name than `goldform.yaml`, since a manifest of that name is read without the files beside it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::CommandError;
use super::args::DEFAULT_MANIFEST;
use super::files::{Kind, failed, read_named};
use super::inputs::{MOST_ENTRIES, is_yaml, read_manifests, work_tree, yaml_files};
use crate::diagnostics::sanitize;
use crate::manifest;

/// Manifests of files.
#[derive(Debug, Default)]
pub(super) struct Belonging {
    /// What `-f` names, for each manifest.
    pub(super) manifests: BTreeSet<Vec<PathBuf>>,
    /// Files that belong to none.
    pub(super) left_out: Vec<PathBuf>,
}

/// Finds the manifests that files belong to. With `named`, only that manifest is considered.
///
/// # Errors
/// If a file does not exist, or a folder cannot be read.
pub(super) fn manifests_of(files: &[PathBuf], named: Option<&[PathBuf]>) -> Result<Belonging, CommandError> {
    let mut found = Belonging::default();
    let mut trees: BTreeMap<PathBuf, Vec<Candidate>> = BTreeMap::new();
    let here = PathBuf::from(".").canonicalize().map_err(|source| failed(Path::new("."), source, ""))?;
    for path in files {
        let listed = if path.is_dir() { yaml_files(path)? } else { vec![path.clone()] };
        for file in listed {
            let real =
                file.canonicalize().map_err(|source| failed(&file, source, "Name files that exist."))?;
            let root = match (work_tree(&real), real.parent()) {
                (Some(root), _) => root,
                (None, _) if real.starts_with(&here) => here.clone(),
                (None, folder) => folder.unwrap_or(&here).to_path_buf(),
            };
            let candidates = match (trees.contains_key(&root), named) {
                (true, _) => &[][..],
                (false, Some(named)) => &[Candidate { files: files_of(named)?, named: named.to_vec() }][..],
                (false, None) => &candidates(&root, &here)?,
            };
            let known = trees.entry(root).or_insert_with(|| candidates.to_vec());
            let own = known.iter().filter(|candidate| candidate.files.contains(&real));
            let own: Vec<&Candidate> = own.collect();
            if own.is_empty() {
                found.left_out.push(file);
            }
            found.manifests.extend(own.into_iter().map(|candidate| candidate.named.clone()));
        }
    }
    Ok(found)
}

/// Manifest of a work tree.
#[derive(Debug, Clone)]
struct Candidate {
    /// What `-f` names.
    named: Vec<PathBuf>,
    /// All its files.
    files: BTreeSet<PathBuf>,
}

/// Returns the files of a manifest. What cannot be read is reported when the manifest is checked.
fn files_of(named: &[PathBuf]) -> Result<BTreeSet<PathBuf>, CommandError> {
    let paths = read_manifests(named)?.paths;
    Ok(paths.iter().filter_map(|path| path.canonicalize().ok()).collect())
}

/// Finds the manifests below a folder.
fn candidates(root: &Path, here: &Path) -> Result<Vec<Candidate>, CommandError> {
    let (mut roots, mut parts) = (Vec::new(), Vec::new());
    for file in below(root)? {
        // A file that cannot be read is no part of a manifest of others; one that is named is reported by its own.
        let Ok(bytes) = read_named(&file, Kind::Manifest, "") else { continue };
        let text = String::from_utf8_lossy(&bytes);
        let is_default = file.file_name().is_some_and(|name| name == DEFAULT_MANIFEST);
        if is_default || manifest::is_root(&text) {
            roots.push(file);
        } else if manifest::is_part(&text) {
            parts.push(file);
        }
    }
    let mut found: Vec<Candidate> = roots
        .iter()
        .map(|path| {
            let named = vec![relative(path, here)];
            let mut files = files_of(&named).unwrap_or_default();
            files.insert(path.clone());
            Candidate { named, files }
        })
        .collect();
    let included: BTreeSet<PathBuf> =
        found.iter().flat_map(|candidate| candidate.files.iter().cloned()).collect();
    parts.retain(|part| !included.contains(part));
    for (path, candidate) in roots.iter().zip(&mut found) {
        let Some(folder) = path.parent().filter(|_| !path.ends_with(DEFAULT_MANIFEST)) else { continue };
        let is_alone = roots.iter().filter(|other| other.starts_with(folder)).count() == 1;
        if is_alone && parts.iter().any(|part| part.starts_with(folder)) {
            let named = vec![relative(folder, here)];
            if let Ok(files) = files_of(&named) {
                *candidate = Candidate { named, files };
            }
        }
    }
    Ok(found)
}

/// Returns every YAML file below a folder. Hidden ones and links are left out.
fn below(root: &Path) -> Result<Vec<PathBuf>, CommandError> {
    let mut found = Vec::new();
    let mut folders = vec![root.to_path_buf()];
    let mut seen = 0_usize;
    while let Some(folder) = folders.pop() {
        // One that may not be read holds nothing of ours.
        let Ok(entries) = std::fs::read_dir(&folder) else { continue };
        for entry in entries.filter_map(Result::ok) {
            seen = seen.saturating_add(1);
            if seen > MOST_ENTRIES {
                return Err(CommandError::input(
                    format!("there are more than {MOST_ENTRIES} files below {}", sanitize::path(root)),
                    "Name the manifest with -f.",
                ));
            }
            if entry.file_name().as_encoded_bytes().starts_with(b".") {
                continue;
            }
            match entry.file_type() {
                Ok(kind) if kind.is_dir() => folders.push(entry.path()),
                Ok(kind) if kind.is_file() && is_yaml(&entry.path()) => found.push(entry.path()),
                _ => {}
            }
        }
    }
    found.sort();
    Ok(found)
}

/// Returns a path from a folder.
fn relative(path: &Path, from: &Path) -> PathBuf {
    let common = from.ancestors().find(|folder| path.starts_with(folder)).unwrap_or(Path::new(""));
    let up = from.strip_prefix(common).map_or(0, |rest| rest.components().count());
    let down = path.strip_prefix(common).unwrap_or(path);
    let mut found: PathBuf = std::iter::repeat_n("..", up).collect();
    found.push(down);
    if found.as_os_str().is_empty() { PathBuf::from(".") } else { found }
}

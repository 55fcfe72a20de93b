//! What is read before anything is known: manifests and variable files.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::args::{DEFAULT_MANIFEST, ManifestArgs};
use super::files::{Kind, bounded, check_within, failed, read_named, read_within, too_large};
use super::{CommandError, env};
use crate::diagnostics::{Diagnostic, closest, sanitize};
use crate::manifest::{self, Input, Loaded, VariableSource};

/// Limit of files and folders that are searched below a folder of manifests. A tree that has more is refused.
pub(super) const MOST_ENTRIES: usize = 100_000;

/// Values of variables.
pub(super) struct GivenVariables {
    /// Values: the environment's, over those the files', over those the command line's.
    pub(super) values: BTreeMap<String, String>,
    /// Where they come from, but for the command line, whose names are checked before.
    sources: Vec<VariableSource>,
}

impl GivenVariables {
    /// Returns a warning for each value without effect, and for each environment variable that is not read.
    pub(super) fn without_effect(&self, loaded: &Loaded) -> Vec<Diagnostic> {
        let mut found = manifest::unread_environment(&env::unread());
        // What an unreadable file declares is not known.
        if loaded.desired.is_some() {
            found.extend(manifest::undeclared_variables(&self.sources, &loaded.declared_variables));
        }
        found
    }
}

/// Reads the values of variables.
///
/// # Errors
/// If a variable file or the environment cannot be read.
pub(super) fn variables(args: &ManifestArgs) -> Result<GivenVariables, CommandError> {
    let mut given = env::manifest_variables()?;
    let of_environment = |name: &String| VariableSource {
        what: format!(
            "The environment variable {}{}",
            env::VARIABLE_PREFIX,
            sanitize::escape_truncated(name)
        ),
        is_file: false,
        names: vec![name.clone()],
    };
    let mut sources: Vec<VariableSource> = given.keys().map(of_environment).collect();
    for path in &args.variable_files {
        let bytes = read_named(path, Kind::Variables, "Name a YAML file of names and texts.")?;
        let values = manifest::read_variables(&bytes).map_err(|why| {
            CommandError::input(
                format!("{}: {why}", sanitize::path(path)),
                "A variable file holds names and texts:\n\n    build: ins-8f3a1c2d",
            )
        })?;
        sources.push(VariableSource {
            what: format!("The variable file {}", sanitize::path(path)),
            is_file: true,
            names: values.keys().cloned().collect(),
        });
        given.extend(values);
    }
    given.extend(args.variables.iter().cloned());
    Ok(GivenVariables { values: given, sources })
}

/// Checks that the manifest declares each variable that the command line sets: a mistyped name would have no effect.
///
/// # Errors
/// If it does not declare one.
pub(super) fn check_declared(args: &ManifestArgs, loaded: &Loaded) -> Result<(), CommandError> {
    // What an unreadable file declares is not known.
    if loaded.desired.is_none() {
        return Ok(());
    }
    let declared = || loaded.declared_variables.iter().map(String::as_str);
    let Some((name, _)) = args.variables.iter().find(|(name, _)| declared().all(|one| one != name)) else {
        return Ok(());
    };
    let help = match closest(name, declared()) {
        Some(similar) => format!("Did you mean `{similar}`?"),
        None => format!("Declare it:\n\n    variables: {{ {}: {{}} }}", sanitize::escape_truncated(name)),
    };
    let what = format!("--var {}: the manifest declares no such variable", sanitize::escape_truncated(name));
    Err(CommandError::input(what, help))
}

/// The files of a manifest.
pub(super) struct Manifests {
    /// What was read, in order.
    pub(super) inputs: Vec<Input>,
    /// Where each was read from: the name of an input is only shown, since it need not be the file's own.
    pub(super) paths: Vec<PathBuf>,
    /// The folder of the first.
    pub(super) folder: PathBuf,
    /// Names of files in directories that are no part of a manifest, and were left out.
    pub(super) skipped: Vec<String>,
}

impl Manifests {
    /// Returns the folder that the places of a manifest are relative to: that of the file with `version`.
    pub(super) fn base(paths: &[PathBuf], folder: PathBuf, loaded: &Loaded) -> PathBuf {
        let root = loaded.root.and_then(|root| paths.get(root)).filter(|path| !is_stdin(path));
        root.map_or(folder, |path| folder_of(path))
    }
}

/// Returns the folder of a manifest. What is piped in has none: the current one, and never that of devices.
fn folder_of(path: &Path) -> PathBuf {
    let is_pipe = ["/dev/stdin", "/dev/fd", "/proc"].iter().any(|place| path.starts_with(place));
    let folder = path.parent().filter(|_| !is_pipe);
    folder.map(Path::to_path_buf).unwrap_or_default()
}

/// Returns whether a path means stdin.
pub(super) fn is_stdin(path: &Path) -> bool {
    path.as_os_str() == "-"
}

/// Reads the manifests that were named, in order.
///
/// # Errors
/// If one cannot be read, or a folder holds something in the place of a manifest that may not be read: to leave it out
/// would mean that its images are not wanted.
pub(super) fn read_manifests(named: &[PathBuf]) -> Result<Manifests, CommandError> {
    const HELP: &str = "Name a manifest, or write a first one:\n\n    goldform init";
    let mut read =
        Manifests { inputs: Vec::new(), paths: Vec::new(), folder: PathBuf::new(), skipped: Vec::new() };
    let mut left = Kind::Manifest.most_bytes();
    for (number, path) in named.iter().enumerate() {
        let found = found_upward(path);
        let path = &found;
        let is_folder = path.is_dir();
        if number == 0 {
            read.folder = if is_folder { path.clone() } else { folder_of(path) };
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
                false if is_stdin(&file) => read_stdin()?,
                false => read_named(&file, Kind::Manifest, &missing_help(&file, HELP))?,
            };
            match is_folder && is_foreign(&bytes) {
                true => read.skipped.push(file.display().to_string()),
                false => read.add(file, bytes, &mut left)?,
            }
        }
    }
    read_included(&mut read, &mut left)?;
    Ok(read)
}

/// Returns the help for a manifest that does not exist: the name with the other ending of YAML, if that exists.
fn missing_help(file: &Path, otherwise: &str) -> String {
    let other = match file.extension().and_then(|extension| extension.to_str()) {
        Some("yaml") => file.with_extension("yml"),
        Some("yml") => file.with_extension("yaml"),
        _ => return otherwise.to_owned(),
    };
    match !file.exists() && other.is_file() {
        true => format!("Did you mean this one?\n\n    -f {}", sanitize::path(&other)),
        false => otherwise.to_owned(),
    }
}

impl Manifests {
    fn add(&mut self, file: PathBuf, bytes: Vec<u8>, left: &mut u64) -> Result<(), CommandError> {
        *left = u64::try_from(bytes.len())
            .ok()
            .and_then(|length| left.checked_sub(length))
            .ok_or_else(|| too_large(&file, Kind::Manifest, Kind::Manifest.most_bytes()))?;
        let name = if is_stdin(&file) { "stdin".to_owned() } else { file.display().to_string() };
        self.inputs.push(Input { name, bytes });
        self.paths.push(file);
        Ok(())
    }
}

fn read_stdin() -> Result<Vec<u8>, CommandError> {
    let path = Path::new("stdin");
    let most = Kind::Manifest.most_bytes();
    let bytes = bounded(std::io::stdin().lock(), most).map_err(|source| failed(path, source, ""))?;
    bytes.ok_or_else(|| too_large(path, Kind::Manifest, most))
}

/// Returns the manifest in the nearest folder above that has one, as far as the root of the work tree. A path that exists, or
/// that names a folder, is itself.
#[expect(clippy::disallowed_methods, reason = "this is where the default manifest is found")]
fn found_upward(path: &Path) -> PathBuf {
    if path.as_os_str() != DEFAULT_MANIFEST || path.exists() {
        return path.to_path_buf();
    }
    let Ok(here) = std::env::current_dir() else { return path.to_path_buf() };
    let Some(root) = work_tree(&here) else { return path.to_path_buf() };
    let mut up = PathBuf::new();
    for folder in here.ancestors().take_while(|folder| folder.starts_with(&root)) {
        if folder.join(DEFAULT_MANIFEST).exists() {
            return up.join(DEFAULT_MANIFEST);
        }
        up.push("..");
    }
    path.to_path_buf()
}

/// Returns the root of the work tree around a folder.
pub(super) fn work_tree(folder: &Path) -> Option<PathBuf> {
    folder.ancestors().find(|folder| folder.join(".git").exists()).map(Path::to_path_buf)
}

/// Reads what the named files include. A file that was read already is not read again.
fn read_included(read: &mut Manifests, left: &mut u64) -> Result<(), CommandError> {
    const HELP: &str = "Include a file or directory that exists, relative to the file that includes it.";
    let named = read.paths.len();
    let mut known: BTreeSet<PathBuf> =
        read.paths.iter().filter_map(|path| path.canonicalize().ok()).collect();
    for position in 0..named {
        let (Some(input), Some(path)) = (read.inputs.get(position), read.paths.get(position)) else {
            continue;
        };
        let folder = path.parent().map(Path::to_path_buf).unwrap_or_default();
        let name = input.name.clone();
        for included in manifest::includes(&input.bytes) {
            let target = included_path(&folder, &included, &name)?;
            let real = target.canonicalize().map_err(|error| {
                let text = sanitize::escape_truncated(&included);
                CommandError::input(format!("{name}: `include` names `{text}`: {error}"), HELP)
            })?;
            let is_folder = real.is_dir();
            let files = if is_folder { yaml_files(&target)? } else { vec![target.clone()] };
            for file in files {
                if !file.canonicalize().is_ok_and(|real| known.insert(real)) {
                    continue;
                }
                let bytes = match is_folder {
                    true => read_within(&target, &file, Kind::Manifest, *left, HELP)?,
                    false => read_named(&file, Kind::Manifest, HELP)?,
                };
                if !manifest::includes(&bytes).is_empty() {
                    return Err(CommandError::input(
                        format!("{} is included and includes files itself", sanitize::path(&file)),
                        format!("Include them in {name} instead."),
                    ));
                }
                match is_folder && is_foreign(&bytes) {
                    true => read.skipped.push(file.display().to_string()),
                    false => read.add(file, bytes, left)?,
                }
            }
        }
    }
    Ok(())
}

fn is_foreign(bytes: &[u8]) -> bool {
    std::str::from_utf8(bytes).is_ok_and(manifest::is_foreign)
}

/// Returns the path of an included file or directory, which is inside the work tree of the file that includes it.
fn included_path(folder: &Path, included: &str, by: &str) -> Result<PathBuf, CommandError> {
    let refused = |what: &str, help: &str| {
        let text = sanitize::escape_truncated(included);
        Err(CommandError::input(format!("{by}: `include` names `{text}`, {what}"), help))
    };
    if included.contains("://") || included.contains(['*', '?', '[']) || included.is_empty() {
        return refused("which is not a path", "Name files and directories, without patterns and URLs.");
    }
    if Path::new(included).is_absolute() {
        return refused("which is not relative", "Name it relative to the file that includes it.");
    }
    let target = folder.join(included);
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    // A manifest of somebody else comes with a work tree, which nothing outside of is part of.
    if let (Ok(real), Ok(folder)) = (target.canonicalize(), folder.canonicalize())
        && let Some(root) = work_tree(&folder).filter(|root| !real.starts_with(root))
    {
        return refused(
            &format!("which is outside of {}", sanitize::path(&root)),
            "Keep included files in the work tree of the manifest.",
        );
    }
    Ok(target)
}

/// Returns whether the name of a file has the ending of YAML.
pub(super) fn is_yaml(path: &Path) -> bool {
    path.extension().is_some_and(|extension| {
        extension.eq_ignore_ascii_case("yaml") || extension.eq_ignore_ascii_case("yml")
    })
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
            let is_yaml = is_yaml(&path);
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

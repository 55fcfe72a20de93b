//! The typed line, with the manifest and the state that it names, as far as they can be read.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::Metadata;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use crate::backend::{FileStore, StateStore as _};
use crate::cli::args::DEFAULT_MANIFEST;
use crate::cli::args::split_at_equals;
use crate::cli::env;
use crate::cli::inputs::{Manifests, read_manifests, yaml_files};
use crate::manifest::{self, Desired, Loaded, StateLocation, Variables};
use crate::model::region::RegionTable;
use crate::model::{Address, ImageKey, PlacementKey, Region};
use crate::state::{Head, Snapshot};

/// Larger files are not read: a completion must be quick.
const MOST_BYTES: u64 = 4 << 20;

/// The typed line, and its context, which is read on first use.
#[derive(Default)]
pub(super) struct CommandLine {
    /// The words, the program first.
    words: Vec<OsString>,
    context: OnceLock<CompletionContext>,
}

impl CommandLine {
    /// The words that a shell passes behind `--`.
    pub(super) fn from_arguments(arguments: &[OsString]) -> Self {
        let words = arguments.iter().skip_while(|word| *word != "--").skip(1);
        Self { words: words.cloned().collect(), context: OnceLock::new() }
    }

    /// Returns the first word that is one of these names.
    pub(super) fn first_of(&self, names: &[String]) -> Option<&str> {
        let mut words = self.words.iter().skip(1).filter_map(|word| word.to_str());
        words.find(|word| names.iter().any(|name| name == word))
    }

    /// Returns the values of an option: `-f FILE`, `--file FILE`, `--file=FILE`.
    fn given(&self, long: &str, short: Option<&str>) -> Vec<PathBuf> {
        let mut given = Vec::new();
        let mut words = self.words.iter().skip(1);
        while let Some(word) = words.next() {
            if word == long || short.is_some_and(|short| word == short) {
                given.extend(words.next().map(PathBuf::from));
            } else if let Some((_, value)) = split_at_equals(word).filter(|(option, _)| option == long) {
                given.push(PathBuf::from(value));
            }
        }
        given
    }

    /// Returns the context of the line.
    pub(super) fn context(&self) -> &CompletionContext {
        self.context.get_or_init(|| CompletionContext::from_line(self))
    }
}

/// Manifest and state that a line names. A field is `None` if it cannot be read.
#[derive(Default)]
pub(super) struct CompletionContext {
    /// The manifest.
    manifest: Option<Loaded>,
    /// Where the state is.
    path: Option<PathBuf>,
    /// The state.
    state: Option<Snapshot>,
}

/// Returns whether these are regular files, since a pipe may never end, and small in total.
fn are_small(files: &[PathBuf]) -> bool {
    let sizes = files.iter().map(|path| path.metadata().ok().filter(Metadata::is_file).map(|is| is.len()));
    sizes.sum::<Option<u64>>().is_some_and(|all| all <= MOST_BYTES)
}

/// Does the same for manifests, which may be folders.
fn are_small_manifests(paths: &[PathBuf]) -> bool {
    let mut files = Vec::new();
    for path in paths {
        match path.is_dir() {
            true => files.extend(yaml_files(path).unwrap_or_default()),
            false => files.push(path.clone()),
        }
    }
    are_small(&files)
}

/// Does the same for a state and the journal beside it.
fn is_small_state(path: &Path) -> bool {
    let mut journal = path.as_os_str().to_os_string();
    journal.push(".journal");
    let journal = PathBuf::from(journal);
    let mut files = vec![path.to_path_buf()];
    files.extend(journal.symlink_metadata().is_ok().then_some(journal));
    are_small(&files)
}

/// Runs a future of the file store to its end. The file store never suspends.
fn now<T>(future: impl Future<Output = T>) -> Option<T> {
    let runtime = tokio::runtime::Builder::new_current_thread().build().ok()?;
    Some(runtime.block_on(future))
}

impl CompletionContext {
    fn from_line(line: &CommandLine) -> Self {
        let mut files = line.given("--file", Some("-f"));
        if files.is_empty() {
            files.push(PathBuf::from(DEFAULT_MANIFEST));
        }
        let (manifest, base) = match are_small_manifests(&files).then(|| read_manifests(&files)) {
            Some(Ok(Manifests { inputs, paths, folder, .. })) => {
                let variables = Variables::new(env::manifest_variables().unwrap_or_default());
                let loaded = manifest::load(inputs, &variables);
                let base = Manifests::base(&paths, folder, &loaded);
                (Some(loaded), base)
            }
            _ => (None, PathBuf::new()),
        };
        let desired = manifest.as_ref().and_then(|loaded| loaded.desired.as_ref());
        let path = line.given("--state", None).pop().or_else(|| match &desired?.state {
            StateLocation::File(path) => Some(base.join(path)),
            StateLocation::Object { .. } | StateLocation::Cos { .. } => None,
        });
        let small = path.as_ref().filter(|path| is_small_state(path));
        let state = small.and_then(|path| now(FileStore::at(path).load())?.ok()?);
        Self { manifest, path, state }
    }

    fn desired(&self) -> Option<&Desired> {
        self.manifest.as_ref().and_then(|loaded| loaded.desired.as_ref())
    }

    /// Returns declared and recorded placements by entry and region, with the generations that are recorded there.
    pub(super) fn placements(
        &self,
        is_recorded_only: bool,
    ) -> BTreeMap<ImageKey, BTreeMap<Region, Vec<u32>>> {
        let mut found: BTreeMap<ImageKey, BTreeMap<Region, Vec<u32>>> = BTreeMap::new();
        let desired = self.desired();
        for (key, image) in desired.iter().filter(|_| !is_recorded_only).flat_map(|desired| &desired.images) {
            let regions = found.entry(key.clone()).or_default();
            for region in image.placements() {
                regions.entry(region.clone()).or_default();
            }
        }
        for (PlacementKey { image, generation, region }, _) in
            self.state.iter().flat_map(|snapshot| snapshot.recorded.placements())
        {
            found.entry(image).or_default().entry(region).or_default().push(generation.0);
        }
        found
    }

    /// Returns the addresses of recorded shares.
    pub(super) fn shares(&self) -> Vec<String> {
        let placements = self.state.iter().flat_map(|snapshot| snapshot.recorded.placements());
        placements
            .flat_map(|(at, placement)| {
                let address = move |account| Address::Share(at.clone(), account).to_string();
                placement.shares.iter().map(address).collect::<Vec<_>>()
            })
            .collect()
    }

    /// Returns the addresses of lookups.
    pub(super) fn lookups(&self, is_recorded_only: bool) -> Vec<String> {
        let desired = self.desired();
        let declared =
            desired.iter().filter(|_| !is_recorded_only).flat_map(|desired| desired.lookups.keys());
        let recorded = self.state.iter().flat_map(|snapshot| snapshot.recorded.lookups.keys());
        let mut names: Vec<String> = declared.chain(recorded).map(|name| format!("lookup.{name}")).collect();
        names.sort();
        names.dedup();
        names
    }

    /// Returns name and id of each named account.
    pub(super) fn accounts(&self) -> Vec<(String, String)> {
        let desired = self.desired();
        let accounts = desired.iter().flat_map(|desired| &desired.accounts);
        accounts.map(|(name, id)| (name.to_string(), id.to_string())).collect()
    }

    /// Returns the names of the manifest's variables.
    pub(super) fn variables(&self) -> Vec<String> {
        self.manifest.as_ref().map(|loaded| loaded.declared_variables.clone()).unwrap_or_default()
    }

    /// Returns the known regions, each with its name.
    pub(super) fn regions(&self) -> Vec<(String, String)> {
        let built_in = RegionTable::built_in();
        let regions = self.desired().map_or(&built_in, |desired| &desired.regions);
        regions.iter().map(|(region, facts)| (region.to_string(), facts.title.to_string())).collect()
    }

    /// Returns the serials of the stored snapshots, each with the command that wrote it.
    pub(super) fn serials(&self) -> Vec<(String, String)> {
        let Some(path) = &self.path else { return Vec::new() };
        let kept = now(FileStore::at(path).kept()).and_then(Result::ok).unwrap_or_default();
        let command = |head: Option<Head>| head.and_then(|head| head.written).map(|written| written.command);
        kept.into_iter()
            .map(|(serial, head)| (serial.to_string(), command(head).unwrap_or_default().into()))
            .collect()
    }
}

//! Joins the files of a manifest.
//!
//! Mappings are merged, and a name that two files declare is reported at both places. Only one file may declare `version`,
//! `account`, `cloud`, `state` and `defaults`, whichever it is. Lists are concatenated. The order of the files does not matter.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use super::locate::{Bases, Locator};
use super::syntax::{Field, Limits, Manifest, Names, Number};
use super::yaml::MAX_REPEATED_BYTES;
use crate::diagnostics::catalogue::syntax::{KEY_MISSING, LIMIT_EXCEEDED, NAME_TAKEN, VERSION_UNSUPPORTED};
use crate::diagnostics::{Collector, Diagnostic, FileId, ManifestPath, Place, Span, escape_truncated};

/// Version of the format that is supported.
const VERSION: u32 = 1;

/// Returns where the lists of each file start in the joined lists.
pub(super) fn bases<'m>(manifests: impl IntoIterator<Item = &'m Manifest>) -> Vec<Bases> {
    let mut next = Bases::default();
    let mut all = Vec::new();
    for manifest in manifests {
        all.push(next);
        next.shares += manifest.shares.as_ref().map_or(0, Vec::len);
        next.renames += manifest.renames.as_ref().map_or(0, Vec::len);
    }
    all
}

/// Joins files in order.
pub(super) fn join(manifests: Vec<Manifest>, locator: &Locator) -> (Manifest, Vec<Diagnostic>) {
    let mut join = Join { locator, diagnostics: Collector::default(), first: BTreeMap::new() };
    let mut joined = Manifest::default();
    for (number, manifest) in manifests.into_iter().enumerate() {
        let file = FileId(u32::try_from(number).unwrap_or(u32::MAX));
        join.check_version(&manifest.version, file);
        if number == 0 {
            joined = manifest;
        } else {
            join.add(&mut joined, manifest, file);
        }
    }
    if joined.version.is_missing() {
        let detail = "The manifest has no `version`, which determines how the rest is read.";
        let diagnostic = KEY_MISSING.found(detail).at(ManifestPath::root(), "`version` is missing");
        let path = ManifestPath::root().field("version");
        join.diagnostics.push(diagnostic.help(format!("version: {VERSION}")).about(path));
    }
    join.defaults(&mut joined);
    (joined, join.diagnostics.into_vec())
}

struct Join<'l> {
    locator: &'l Locator,
    diagnostics: Collector<Diagnostic>,
    /// First declaration of each name that several files declare.
    first: BTreeMap<String, Option<Span>>,
}

impl Join<'_> {
    fn check_version(&mut self, version: &Field<Number>, file: FileId) {
        let path = ManifestPath::root().field("version");
        if let Field::Value(Number(number)) = version
            && *number != VERSION
        {
            let detail = format!(
                "The manifest is written for version {number} of the format, and this goldform reads version \
                 {VERSION}."
            );
            let place = self.place(file, &path);
            let diagnostic = VERSION_UNSUPPORTED.found(detail).at(place, "unknown version");
            self.diagnostics.push(diagnostic.help(format!("version: {VERSION}")).about(path));
        }
    }

    /// Adds the values under `defaults` to the images that do not have their own.
    fn defaults(&mut self, joined: &mut Manifest) {
        let Some(defaults) = &joined.defaults else { return };
        let number = joined.images.as_ref().map_or(0, Names::len);
        if defaults.size().saturating_mul(number) > MAX_REPEATED_BYTES {
            let path = ManifestPath::root().field("defaults");
            let detail = format!(
                "The values under `defaults` have more than {MAX_REPEATED_BYTES} bytes in all images. They were not used, \
                 since a few lines could need more memory than there is."
            );
            let diagnostic = LIMIT_EXCEEDED.found(detail).at(path.clone().key(), "the limit is reached here");
            self.diagnostics.push(diagnostic.help("Use shorter values.").about(path));
            return;
        }
        for (_, image) in joined.images.iter_mut().flatten() {
            if let Field::Value(image) = image {
                defaults.apply(image);
            }
        }
    }

    fn place(&self, file: FileId, path: &ManifestPath) -> Place {
        self.locator.locate_in(file, path).map_or_else(|| path.clone().into(), Place::from)
    }

    fn add(&mut self, joined: &mut Manifest, manifest: Manifest, file: FileId) {
        let Manifest {
            version,
            include: _,
            account,
            cloud,
            state,
            variables,
            accounts,
            limits,
            regions,
            rules,
            defaults,
            images,
            shares,
            lookups,
            renames,
        } = manifest;
        let root = ManifestPath::root();
        self.join_field(&mut joined.version, version, file, &root.field("version"));
        self.join_field(&mut joined.account, account, file, &root.field("account"));
        self.join_field(&mut joined.state, state, file, &root.field("state"));
        match (&joined.cloud, cloud) {
            (Some(_), Some(_)) => self.report_taken(file, &root.field("cloud").key()),
            (None, cloud) => joined.cloud = cloud,
            (Some(_), None) => {}
        }
        match (&joined.defaults, defaults) {
            (Some(_), Some(_)) => self.report_taken(file, &root.field("defaults").key()),
            (None, defaults) => joined.defaults = defaults,
            (Some(_), None) => {}
        }
        self.join_names(&mut joined.variables, variables, file, &root.field("variables"));
        self.join_names(&mut joined.accounts, accounts, file, &root.field("accounts"));
        self.join_names(&mut joined.regions, regions, file, &root.field("regions"));
        self.join_names(&mut joined.rules, rules, file, &root.field("rules"));
        self.join_names(&mut joined.images, images, file, &root.field("images"));
        self.join_names(&mut joined.lookups, lookups, file, &root.field("lookups"));
        if let Some(Limits { images_per_region, accounts_per_image, regions }) = limits {
            let path = root.field("limits");
            let into = joined.limits.get_or_insert_default();
            let (images, accounts) = ("images_per_region", "accounts_per_image");
            self.join_field(&mut into.images_per_region, images_per_region, file, &path.field(images));
            self.join_field(&mut into.accounts_per_image, accounts_per_image, file, &path.field(accounts));
            self.join_names(&mut into.regions, regions, file, &path.field("regions"));
        }
        append(&mut joined.shares, shares);
        append(&mut joined.renames, renames);
    }

    fn join_field<T>(&mut self, into: &mut Field<T>, from: Field<T>, file: FileId, path: &ManifestPath) {
        if into.is_missing() {
            *into = from;
        } else if from.is_present() {
            self.report_taken(file, &path.clone().key());
        }
    }

    fn join_names<T>(
        &mut self,
        into: &mut Option<Names<T>>,
        from: Option<Names<T>>,
        file: FileId,
        path: &ManifestPath,
    ) {
        let Some(into) = into else {
            *into = from;
            return;
        };
        for (name, value) in from.into_iter().flatten() {
            match into.entry(name) {
                Entry::Vacant(entry) => {
                    entry.insert(value);
                }
                Entry::Occupied(entry) => self.report_taken(file, &path.field(entry.key().as_str()).key()),
            }
        }
    }

    /// Reports a name that an earlier file declares too.
    fn report_taken(&mut self, file: FileId, path: &ManifestPath) {
        let cause = path.to_string();
        let find = || (0..file.0).map(FileId).find_map(|file| self.locator.locate_in(file, path));
        let first = *self.first.entry(cause.clone()).or_insert_with(find);
        let name = |file: FileId| {
            self.locator.sources().get(file).map_or_else(String::new, |source| escape_truncated(&source.name))
        };
        let detail = match first {
            Some(first) => format!(
                "`{path}` is declared in `{}` and in `{}`. Which one counts would depend on the names of the files.",
                name(first.file),
                name(file)
            ),
            None => format!("`{path}` is declared in several files."),
        };
        let mut diagnostic = NAME_TAKEN.found(detail).at(self.place(file, path), "again here");
        if let Some(first) = first {
            diagnostic = diagnostic.at(first, "first here");
        }
        self.diagnostics.push(diagnostic.help("Remove or rename one of them.").about(path).because_of(cause));
    }
}

fn append<T>(into: &mut Option<Vec<T>>, from: Option<Vec<T>>) {
    match (into.as_mut(), from) {
        (Some(into), Some(from)) => into.extend(from),
        (None, from) => *into = from,
        (Some(_), None) => {}
    }
}

//! Resolves lookups and renames.

use std::collections::BTreeMap;

use crate::diagnostics::catalogue::syntax::{IMAGE_UNKNOWN, KEY_MISPLACED, RENAME_INVALID, VALUE_MALFORMED};
use crate::diagnostics::{ManifestPath, escape_truncated};
use crate::manifest::desired::DesiredImage;
use crate::manifest::syntax::{Field, Manifest};
use crate::model::{Address, Architecture, ImageKey, ImageKind, Lookup};

use super::Resolver;

/// Architectures as they are written in a manifest.
pub(super) const ARCHITECTURES: [(&str, Architecture); 3] =
    [("x86_64", Architecture::X86_64), ("i386", Architecture::I386), ("arm", Architecture::Arm)];

impl Resolver<'_, '_> {
    /// Resolves lookups.
    pub(super) fn lookups(&mut self, manifest: &Manifest) -> BTreeMap<ImageKey, Lookup> {
        let kinds =
            [("public", ImageKind::Public), ("shared", ImageKind::Shared), ("custom", ImageKind::Custom)];
        let mut lookups = BTreeMap::new();
        for (name, lookup) in manifest.lookups.iter().flatten() {
            let key = self.key(name, "lookups");
            let Field::Value(lookup) = lookup else { continue };
            let path = ManifestPath::root().field("lookups").field(name.as_str());
            let region = self
                .required(&lookup.region, &path, "region", "region: ap-jakarta")
                .and_then(|text| self.region(&text, || path.field("region"), None));
            let kind = self.choice(&lookup.kind, &path.field("type"), &kinds);
            let os = self.optional(&lookup.os, || path.field("os")).map(Into::into);
            let bits = self.number_of(&lookup.bits, &path.field("bits"), &[32, 64], "32 or 64");
            let architecture = self.choice(&lookup.architecture, &path.field("architecture"), &ARCHITECTURES);
            let text = self.optional(&lookup.name, || path.field("name")).map(Into::into);
            let from = self.optional(&lookup.from, || path.field("from"));
            let from = from.and_then(|text| self.account(&text, || path.field("from"), None));
            if lookup.from.is_present() && !lookup.kind.is_invalid() && kind != Some(ImageKind::Shared) {
                self.misplaced_from(&path, lookup.kind.is_present());
            }
            if let (Some(key), Some(region)) = (key, region) {
                let newest = lookup.newest.value().is_some_and(|newest| newest.0);
                lookups
                    .insert(key, Lookup { region, kind, os, bits, architecture, name: text, newest, from });
            }
        }
        lookups
    }

    fn misplaced_from(&mut self, path: &ManifestPath, has_type: bool) {
        let detail = format!(
            "`{path}` names an account, but only an image with `type: shared` comes from another account, so it would \
             select nothing."
        );
        let diagnostic = KEY_MISPLACED.found(detail).at(path.field("from").key(), "no effect here");
        let diagnostic =
            if has_type { diagnostic.at(path.field("type"), "because of this") } else { diagnostic };
        self.report(diagnostic.help("type: shared").about(path));
    }

    /// Resolves renames.
    pub(super) fn renames(
        &mut self,
        manifest: &Manifest,
        images: &BTreeMap<ImageKey, DesiredImage>,
    ) -> Vec<(ImageKey, ImageKey)> {
        let mut renames: Vec<(ImageKey, ImageKey)> = Vec::new();
        let mut places: BTreeMap<(bool, ImageKey), ManifestPath> = BTreeMap::new();
        for (position, rename) in manifest.renames.iter().flatten().enumerate() {
            let path = ManifestPath::root().field("renames").index(position);
            let Field::Value(rename) = rename else {
                self.is_complete = false;
                continue;
            };
            let from = self
                .required(&rename.from, &path, "from", "from: image.OLD")
                .and_then(|text| self.renamed(&text, path.field("from")));
            let to = self
                .required(&rename.to, &path, "to", "to: image.NEW")
                .and_then(|text| self.renamed(&text, path.field("to")));
            let (Some(from), Some(to)) = (from, to) else { continue };
            if self.is_rename(&from, &to, &path, images, &mut places) {
                renames.push((from, to));
            }
        }
        renames
    }

    fn renamed(&mut self, text: &str, path: ManifestPath) -> Option<ImageKey> {
        if let Ok(Address::Image(key)) = text.parse() {
            return Some(key);
        }
        let detail = format!(
            "`{}` is not the address of an entry, which is `image.` and its key. Entries are renamed as a whole.",
            escape_truncated(text)
        );
        let diagnostic = VALUE_MALFORMED.found(detail).at(path.clone(), "not an address of an entry");
        let diagnostic = match text.parse::<ImageKey>() {
            Ok(key) if self.images.contains(key.as_str()) || !text.contains('.') => {
                diagnostic.help(format!("image.{key}"))
            }
            _ => diagnostic.help("image.KEY"),
        };
        self.report(diagnostic.about(path));
        None
    }

    fn is_rename(
        &mut self,
        from: &ImageKey,
        to: &ImageKey,
        path: &ManifestPath,
        images: &BTreeMap<ImageKey, DesiredImage>,
        places: &mut BTreeMap<(bool, ImageKey), ManifestPath>,
    ) -> bool {
        let (from_path, to_path) = (path.field("from"), path.field("to"));
        if self.images.contains(from.as_str()) {
            let detail = format!(
                "`{from}` is renamed to `{to}` but is still declared under `images`, so it is not clear which of the two \
                 keeps the recorded images."
            );
            let diagnostic = RENAME_INVALID
                .found(detail)
                .at(from_path, "renamed here")
                .at(ManifestPath::image(from), "still declared here")
                .help("Remove the old entry, or the rename.");
            self.report(diagnostic.about(path));
            return false;
        }
        if !images.contains_key(to) {
            // An entry that could not be read was reported.
            if !self.images.contains(to.as_str()) {
                self.unknown_image(
                    to.as_str(),
                    to_path,
                    "The new entry of a rename must be declared.",
                    "image.",
                );
            }
            return false;
        }
        let sides = [(false, from, from_path, "from"), (true, to, to_path, "to")];
        for (is_to, key, place, side) in sides {
            if let Some(first) = places.insert((is_to, key.clone()), place.clone()) {
                let detail =
                    format!("`{key}` is renamed {side} twice, so it is not clear which rename counts.");
                let diagnostic = RENAME_INVALID
                    .found(detail)
                    .at(place, "again here")
                    .at(first, "first here")
                    .help("Remove one of them.");
                self.report(diagnostic.about(path));
                return false;
            }
        }
        true
    }

    /// Reports a reference to an entry that is not declared.
    pub(super) fn unknown_image(&mut self, name: &str, path: ManifestPath, why: &str, prefix: &str) {
        let similar = self.scope.suggestions.closest(name, self.images.iter().copied());
        let detail = format!("`{}` is not declared under `images`. {why}", escape_truncated(name));
        let diagnostic = IMAGE_UNKNOWN.found(detail).because_of(escape_truncated(name));
        let diagnostic = match similar {
            Some(word) => {
                diagnostic.at(path.clone(), format!("did you mean `{word}`?")).help(format!("{prefix}{word}"))
            }
            None => {
                diagnostic.at(path.clone(), "not declared").help("Declare it under `images`, or remove this.")
            }
        };
        self.report(diagnostic.about(path));
    }
}

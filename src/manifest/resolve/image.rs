//! Resolves images.

use std::collections::{BTreeMap, BTreeSet};

use crate::diagnostics::catalogue::syntax::{PLACEHOLDER_UNKNOWN, SOURCE_CIRCULAR, VALUE_MALFORMED};
use crate::diagnostics::{ManifestPath, closest, escape_truncated};
use crate::manifest::desired::DesiredImage;
use crate::manifest::fault::FaultKind;
use crate::manifest::syntax::{self, Adopted, Field, Image, Manifest, Number};
use crate::model::{
    ImageId, ImageKey, Keep, NameTemplate, Region, ReplaceOrder, RevisionName, SourceKind, Tags,
};

use super::Resolver;
use super::source::ResolvedSource;

/// Placeholders of a name.
const PLACEHOLDERS: [&str; 3] = ["generation", "revision", "key"];
/// Most images of a cycle that are named.
const MAX_SHOWN: usize = 8;

impl Resolver<'_, '_> {
    /// Resolves all images.
    pub(super) fn images(&mut self, manifest: &Manifest) -> BTreeMap<ImageKey, DesiredImage> {
        let mut images = BTreeMap::new();
        for (name, image) in manifest.images.iter().flatten() {
            let key = self.key(name, "images");
            // The entry of an invalid key is checked too.
            let placeholder = || "x".parse().ok();
            let (Some(image), Some(named)) = (image.value(), key.clone().or_else(placeholder)) else {
                self.is_complete = false;
                continue;
            };
            let path = ManifestPath::root().field("images").field(name.as_str());
            let resolved = self.image(image, &named, &path);
            match (key, resolved) {
                (Some(key), Some(resolved)) if self.has_room_for_placements(&resolved, &path) => {
                    images.insert(key, resolved);
                }
                _ => self.is_complete = false,
            }
        }
        self.report_cycles(&images);
        images
    }

    fn image(&mut self, image: &Image, key: &ImageKey, path: &ManifestPath) -> Option<DesiredImage> {
        let adopted = image.source.value().and_then(|source| source.adopted.value());
        let region = match adopted.and_then(Adopted::only_region).filter(|_| image.region.is_missing()) {
            // One that is malformed is reported with the source.
            Some(only) => only.as_str().parse().ok(),
            None => self
                .required(&image.region, path, "region", "region: ap-jakarta")
                .and_then(|text| self.region(&text, || path.field("region"), Some(key))),
        };
        let name = match self.optional(&image.name, || path.field("name")) {
            Some(name) => {
                self.placeholders(&name, path);
                NameTemplate(name.replace(NameTemplate::KEY, key.as_str()).into())
            }
            None => NameTemplate::default_of(key),
        };
        let description = self.optional(&image.description, || path.field("description"));
        let description = description.map(|text| text.replace(NameTemplate::KEY, key.as_str()));
        let family = self.optional(&image.family, || path.field("family"));
        let tags = self.tags(image, path);
        let ResolvedSource { source, lookup, query, elsewhere } =
            self.source(image, (key, region.as_ref()), path);
        let is_adopted = source.as_ref().is_some_and(|source| matches!(source.kind, SourceKind::Adopted(_)));
        let keeps_name = is_adopted && matches!(image.name, Field::Missing);
        let (copies, copy_entries) = self.copies(image, (key, region.as_ref()), &elsewhere, path);
        let orders = [
            ("auto", ReplaceOrder::Auto),
            ("create-first", ReplaceOrder::CreateFirst),
            ("delete-first", ReplaceOrder::DeleteFirst),
        ];
        let replace = self.choice(&image.replace, &path.field("replace"), &orders).unwrap_or_default();
        let keep = self.keep(image, replace, &path.field("keep"));
        Some(DesiredImage {
            region: region?,
            name,
            keeps_name,
            description,
            family: family.map(Into::into),
            tags,
            source,
            adopted_elsewhere: elsewhere,
            lookup,
            import_query: query,
            copies,
            copy_entries,
            replace,
            keep,
            pin: self.pin(image, path),
            delete_snapshots: image.delete_snapshots.value().map(|switch| switch.0),
            protect: image.protect.is_on(),
            deprecate: image.deprecate.value().is_none_or(|switch| switch.0),
            shares: BTreeMap::new(),
            exclusive: BTreeSet::new(),
            share_entries: Vec::new(),
        })
    }

    /// Checks the default of names: without the key, all entries would have one name.
    pub(super) fn defaults(&mut self, manifest: &Manifest) {
        let path = ManifestPath::root().field("defaults").field("name");
        let name = manifest.defaults.as_ref().and_then(|defaults| defaults.name.value());
        if let Some(name) = name.filter(|name| !name.as_str().contains(NameTemplate::KEY)) {
            let detail = format!(
                "`{path}` is `{}`: without `{{key}}`, all entries would have the same name, which is unique in a region.",
                escape_truncated(name.as_str())
            );
            let diagnostic = VALUE_MALFORMED.found(detail).at(path.clone(), "no `{key}`");
            self.report(diagnostic.help("name: \"{key}-{generation}\"").about(path));
        }
    }

    /// Returns what is kept of earlier generations. If only a number of days is written, no number bounds what is kept for
    /// those days. Delete-first is asked for to free the slot, so it keeps nothing unless `keep` is written.
    fn keep(&mut self, image: &Image, replace: ReplaceOrder, path: &ManifestPath) -> Keep {
        let Some(keep) = image.keep.value() else {
            return if replace == ReplaceOrder::DeleteFirst { Keep::NOTHING } else { Keep::default() };
        };
        let syntax::Keep { at_least, at_most, days, generations, is_number: _ } = keep;
        let number = |field: &Field<Number>| field.value().map(|number| number.0);
        if !at_least.is_missing() && !generations.is_missing() {
            let detail = format!("`{path}` has both `at_least` and its earlier name `generations`.");
            let place = path.field("generations");
            let diagnostic = VALUE_MALFORMED
                .found(detail)
                .at(place.clone(), "the same again")
                .help("Remove `generations`.");
            self.report(diagnostic.about(place));
        }
        let least = number(at_least).or_else(|| number(generations)).unwrap_or_default();
        let days = number(days);
        let most = match number(at_most) {
            Some(most) if most < least => {
                let detail = format!("`{path}` keeps at least {least} generations, but at most {most}.");
                let place = path.field("at_most");
                let help = format!("Write `at_most: {least}`, or a smaller `at_least`.");
                let diagnostic =
                    VALUE_MALFORMED.found(detail).at(place.clone(), "less than `at_least`").help(help);
                self.report(diagnostic.about(place));
                Some(least)
            }
            Some(most) => Some(most),
            None if days.is_some() => None,
            None => Some(least.max(1)),
        };
        Keep { at_least: least, at_most: most, days }
    }

    fn pin(&mut self, image: &Image, path: &ManifestPath) -> Option<RevisionName> {
        let path = path.field("pin");
        let text = self.optional(&image.pin, || path.clone())?;
        match text.parse() {
            Ok(name) => Some(name),
            Err(why) => {
                let detail = format!("`{path}` does not name a generation: {why}.");
                let diagnostic = VALUE_MALFORMED.found(detail).at(path.clone(), "not a revision");
                let help = "Write the revision of a generation, or remove the line:\n\n    pin: 2026-W47";
                self.report(diagnostic.help(help).about(path));
                self.is_complete = false;
                None
            }
        }
    }

    fn tags(&mut self, image: &Image, path: &ManifestPath) -> Tags {
        let mut tags = Tags::new();
        for (key, value) in image.tags.iter().flatten() {
            let value = self.optional(value, || path.field("tags").field(key.as_str()));
            if let Some(value) = value {
                tags.insert(key.0.clone(), value.into());
            }
        }
        tags
    }

    /// Returns the regions that it is copied to, each with its index in the list. Its own region in a set is left out, and
    /// those in which an image is adopted.
    fn copies(
        &mut self,
        image: &Image,
        (key, home): (&ImageKey, Option<&Region>),
        adopted: &BTreeMap<Region, ImageId>,
        path: &ManifestPath,
    ) -> (Vec<Region>, Vec<usize>) {
        let Some(list) = &image.copies else { return Default::default() };
        let path = path.field("copies");
        let (mut copies, mut entries): (Vec<Region>, Vec<usize>) = Default::default();
        // Lists of regions are usually short, but may be long.
        let mut first: BTreeMap<Region, usize> = BTreeMap::new();
        let listed = self.listed_regions(list, &path, Some(key));
        // What is written itself counts where a set has it too.
        let written: BTreeSet<Region> = listed
            .iter()
            .filter(|(.., is_written)| *is_written)
            .map(|(_, region, _)| region.clone())
            .collect();
        for (position, region, is_written) in listed {
            let is_adopted = adopted.contains_key(&region);
            let is_elsewhere = || {
                Some(&region) == home
                    || is_adopted
                    || written.contains(&region)
                    || first.contains_key(&region)
            };
            if !is_written && is_elsewhere() {
                continue;
            }
            if is_adopted {
                self.report_adopted_copy(&region, path.index(position), key);
                continue;
            }
            if let Some(&first) = first.get(&region) {
                let kind = FaultKind::DuplicateCopy { region: region.clone(), first: path.index(first) };
                self.fault(path.index(position), Some(key), kind);
                continue;
            }
            first.insert(region.clone(), position);
            copies.push(region);
            entries.push(position);
        }
        (copies, entries)
    }

    /// Reports a region that is copied to, and in which an image is adopted.
    fn report_adopted_copy(&mut self, region: &Region, at: ManifestPath, key: &ImageKey) {
        let adopted =
            ManifestPath::root().field("images").field(key.as_str()).field("source").field("adopted");
        let detail = format!(
            "`{at}` is {region}, in which image.{key} adopts an image: that image is not copied over."
        );
        let diagnostic = VALUE_MALFORMED
            .found(detail)
            .at(at.clone(), "copied to")
            .at(adopted.field(region.as_str()).key(), "adopted here")
            .help("Remove the region from `copies`, or from `adopted` to have goldform copy the image.");
        self.report(diagnostic.about(at));
    }

    /// Warns about braces in a name that are not a placeholder.
    fn placeholders(&mut self, name: &str, path: &ManifestPath) {
        let mut rest = name;
        let mut unknown: BTreeSet<&str> = BTreeSet::new();
        while let Some((_, after)) = rest.split_once('{') {
            let Some((inner, after)) = after.split_once('}') else { break };
            if !PLACEHOLDERS.contains(&inner) && unknown.insert(inner) {
                let path = path.field("name");
                let detail = format!(
                    "`{{{}}}` in `{path}` becomes part of the name: the placeholders of a name are `{{generation}}`, \
                     `{{revision}}` and `{{key}}`.",
                    escape_truncated(inner)
                );
                let similar = closest(inner, PLACEHOLDERS);
                let label = match similar {
                    Some(similar) => format!("did you mean `{{{similar}}}`?"),
                    None => "not a placeholder".to_owned(),
                };
                let diagnostic = PLACEHOLDER_UNKNOWN.found(detail).at(path.clone(), label);
                let help = format!("{{{}}}", similar.unwrap_or("generation"));
                self.warn(diagnostic.help(help).about(path));
            }
            rest = after;
        }
    }

    /// Reports images that are made from themselves through encrypted copies.
    fn report_cycles(&mut self, images: &BTreeMap<ImageKey, DesiredImage>) {
        let made_from = |key: &ImageKey| match &images.get(key)?.source.as_ref()?.kind {
            SourceKind::Encrypted { image, .. } => Some(image.clone()),
            _ => None,
        };
        // Each image is made from at most one other, so each path ends, reaches a visited image, or closes a cycle.
        let mut visited: BTreeSet<ImageKey> = BTreeSet::new();
        for start in images.keys() {
            let mut path: Vec<ImageKey> = Vec::new();
            let mut on_path: BTreeSet<ImageKey> = BTreeSet::new();
            let mut next = Some(start.clone());
            while let Some(key) = next {
                if on_path.contains(&key) {
                    let cycle: Vec<ImageKey> = path.into_iter().skip_while(|step| *step != key).collect();
                    self.report_cycle(&cycle);
                    break;
                }
                if !visited.insert(key.clone()) {
                    break;
                }
                on_path.insert(key.clone());
                next = made_from(&key);
                path.push(key);
            }
        }
    }

    /// Reports one cycle.
    fn report_cycle(&mut self, cycle: &[ImageKey]) {
        let mut names: Vec<String> =
            cycle.iter().take(MAX_SHOWN).chain(cycle.first()).map(|key| format!("`{key}`")).collect();
        if cycle.len() > MAX_SHOWN {
            names.insert(MAX_SHOWN, "…".to_owned());
        }
        let detail = format!(
            "Each image is an encrypted copy of the next: {}. None of them can be made first.",
            names.join(" → ")
        );
        let mut diagnostic = SOURCE_CIRCULAR.found(detail).help("Give one of them another source.");
        for key in cycle.iter().take(MAX_SHOWN) {
            let path = ManifestPath::root().field("images").field(key.as_str());
            diagnostic =
                diagnostic.at(path.field("source").field("encrypted").field("image"), "made from this");
        }
        let first = cycle.first().map(ManifestPath::image).unwrap_or_default();
        self.report(diagnostic.about(first));
    }
}

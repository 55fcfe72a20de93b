//! Resolves the sources of images.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::str::FromStr;

use compact_str::CompactString;

use crate::diagnostics::ManifestPath;
use crate::diagnostics::catalogue::syntax::{QUERY_IN_TEXT, VALUE_MALFORMED};
use crate::manifest::desired::LookupSource;
use crate::manifest::fault::FaultKind;
use crate::manifest::query::{ImportQuery, QueryPart};
use crate::manifest::syntax::{self, Adopted, Field, Image, Names, Text};
use crate::manifest::variables::{Piece, malformed, misplaced_lookup, pieces};
use crate::model::{ImageId, ImageKey, MalformedId, Region, Source, SourceKind};

use super::Resolver;
use super::lookup::ARCHITECTURES;

/// Source of an image, or the lookup of it, and the query of an import.
#[derive(Default)]
pub(super) struct ResolvedSource {
    pub(super) source: Option<Source>,
    pub(super) lookup: Option<LookupSource>,
    pub(super) query: Option<ImportQuery>,
    /// Ids of an adopted image in other regions than the entry's.
    pub(super) elsewhere: BTreeMap<Region, ImageId>,
}

/// Kind of a source, after it is resolved.
enum Kind {
    Built(SourceKind),
    LookedUp { name: ImageKey, from: Option<crate::model::AccountId> },
}

impl Resolver<'_, '_> {
    /// Resolves the source of an image.
    pub(super) fn source(
        &mut self,
        image: &Image,
        (key, home): (&ImageKey, Option<&Region>),
        path: &ManifestPath,
    ) -> ResolvedSource {
        let source = match &image.source {
            Field::Value(source) => source,
            Field::Missing => {
                self.fault(path.clone().key(), Some(key), FaultKind::NoSource);
                return ResolvedSource::default();
            }
            Field::Invalid => return ResolvedSource::default(),
        };
        let path = path.field("source");
        let syntax::Source { revision, instance, snapshots, import, shared, encrypted, adopted } = source;
        let kinds: Vec<&'static str> = [
            ("instance", instance.is_present()),
            ("snapshots", snapshots.is_present()),
            ("import", import.is_present()),
            ("shared", shared.is_present()),
            ("encrypted", encrypted.is_present()),
            ("adopted", adopted.is_present()),
        ]
        .into_iter()
        .filter_map(|(kind, is_present)| is_present.then_some(kind))
        .collect();
        match kinds.as_slice() {
            [] => self.fault(path.clone().key(), Some(key), FaultKind::NoSource),
            [_] => {}
            _ => {
                self.fault(path.clone().key(), Some(key), FaultKind::SeveralSources { kinds: kinds.clone() })
            }
        }
        let revision = self.optional(revision, || path.field("revision")).map(CompactString::from);
        // Every kind that is written is read, so that its problems are reported in the same run.
        let (mut query, mut elsewhere) = (None, BTreeMap::new());
        let mut found = [
            self.instance(instance, key, &path),
            self.snapshots(snapshots, key, &path),
            self.import(import, key, &path, &mut query),
            self.shared(shared, key, &path),
            self.encrypted(encrypted, &path),
            self.adopted(adopted, (key, home), &path, &mut elsewhere),
        ]
        .into_iter()
        .flatten();
        match (kinds.len(), found.next()) {
            (1, Some(Kind::Built(kind))) => {
                ResolvedSource { source: Some(Source { kind, revision }), lookup: None, query, elsewhere }
            }
            (1, Some(Kind::LookedUp { name, from })) => ResolvedSource {
                source: None,
                lookup: Some(LookupSource { name, from, revision }),
                query: None,
                elsewhere,
            },
            _ => {
                self.is_complete = false;
                ResolvedSource::default()
            }
        }
    }

    /// Parses an id. A malformed one is a fault.
    fn parse_id<T: FromStr<Err = MalformedId>>(
        &mut self,
        text: &str,
        key: &ImageKey,
        path: impl FnOnce() -> ManifestPath,
    ) -> Option<T> {
        match text.parse() {
            Ok(id) => Some(id),
            Err(MalformedId { expected, .. }) => {
                self.fault(path(), Some(key), FaultKind::MalformedSource { text: text.into(), expected });
                None
            }
        }
    }

    fn instance(
        &mut self,
        field: &Field<syntax::Instance>,
        key: &ImageKey,
        path: &ManifestPath,
    ) -> Option<Kind> {
        let instance = field.value()?;
        let path = path.field("instance");
        let id = self
            .required(&instance.id, &path, "id", "id: ins-8f3a1c2d")
            .and_then(|text| self.parse_id(&text, key, || path.field("id")));
        let disks = path.field("data_disks");
        let mut data_disks = Vec::new();
        for (position, text) in
            instance.data_disks.iter().flat_map(|list| self.items(list, &disks)).collect::<Vec<_>>()
        {
            data_disks.extend(self.parse_id(&text, key, || disks.index(position)));
        }
        Some(Kind::Built(SourceKind::Instance {
            id: id?,
            power_off: instance.power_off.is_on(),
            sysprep: instance.sysprep.is_on(),
            data_disks,
        }))
    }

    fn snapshots(
        &mut self,
        field: &Field<syntax::List<Text>>,
        key: &ImageKey,
        path: &ManifestPath,
    ) -> Option<Kind> {
        let list = field.value()?;
        let path = path.field("snapshots");
        let items = self.items(list, &path);
        if list.is_empty() {
            let kind = FaultKind::MalformedSource { text: "[]".into(), expected: "at least one snapshot id" };
            self.fault(path, Some(key), kind);
            return None;
        }
        let ids: Vec<_> = items
            .iter()
            .filter_map(|(position, text)| self.parse_id(text, key, || path.index(*position)))
            .collect();
        (ids.len() == list.len()).then_some(Kind::Built(SourceKind::Snapshots(ids)))
    }

    fn import(
        &mut self,
        field: &Field<syntax::Import>,
        key: &ImageKey,
        path: &ManifestPath,
        query: &mut Option<ImportQuery>,
    ) -> Option<Kind> {
        let import = field.value()?;
        let path = path.field("import");
        let url = self.required(
            &import.url,
            &path,
            "url",
            "url: https://BUCKET.cos.REGION.myqcloud.com/FILE.qcow2",
        );
        let os = self.required(&import.os, &path, "os", "os: Ubuntu");
        let version = self.required(&import.version, &path, "version", "version: \"22\"");
        let architecture = self.required(&import.architecture, &path, "architecture", "architecture: x86_64");
        let architecture = architecture.and_then(|text| {
            let found = ARCHITECTURES.iter().find(|(word, _)| *word == text).map(|(_, value)| *value);
            if found.is_none() {
                let expected = "an architecture (`x86_64`, `i386` or `arm`)";
                let kind = FaultKind::MalformedSource { text: text.into(), expected };
                self.fault(path.field("architecture"), Some(key), kind);
            }
            found
        });
        let license = self.optional(&import.license, || path.field("license")).map(Into::into);
        let boot = self.optional(&import.boot, || path.field("boot")).map(Into::into);
        let (url, inline_query) = match url {
            Some(url) => {
                let (url, inline) = match url.split_once('?') {
                    Some((url, query)) => (url.to_owned(), Some(query.to_owned())),
                    None => (url.into_owned(), None),
                };
                if inline.is_some() {
                    self.signature_in_text(&path.field("url"));
                }
                (self.url(url, key, &path), inline)
            }
            None => (None, None),
        };
        *query = self.query(&import.query, inline_query, &path.field("query"));
        Some(Kind::Built(SourceKind::Import {
            url: url?,
            os: os?.into(),
            version: version?.into(),
            architecture: architecture?,
            license,
            boot,
            force: import.force.is_on(),
        }))
    }

    fn url(&mut self, url: String, key: &ImageKey, path: &ManifestPath) -> Option<String> {
        let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
        let is_object = rest.is_some_and(|rest| {
            rest.split_once('/').is_some_and(|(host, object)| !host.is_empty() && !object.is_empty())
        });
        if is_object && !url.contains(|c: char| c == '#' || c.is_whitespace() || c.is_control()) {
            return Some(url);
        }
        let expected = "the URL of an object (`https://`, a host and a path)";
        self.fault(path.field("url"), Some(key), FaultKind::MalformedSource { text: url.into(), expected });
        None
    }

    fn signature_in_text(&mut self, path: &ManifestPath) {
        let detail = format!(
            "`{path}` contains the query in its text. The query of such a URL is a signature, which is a secret while it is \
             valid, and others can read the manifest. The URL without its query identifies the build."
        );
        let diagnostic = QUERY_IN_TEXT
            .found(detail)
            .at(path.clone(), "the query is in the text")
            .help("query: \"${signature}\"");
        self.warn(diagnostic.about(path));
    }

    /// Resolves a query. Secrets remain names, everything else becomes text.
    fn query(
        &mut self,
        field: &Field<Text>,
        inline: Option<String>,
        path: &ManifestPath,
    ) -> Option<ImportQuery> {
        let mut query = ImportQuery::default();
        if let Some(inline) = inline {
            query.push(QueryPart::Text(inline));
        }
        let Some(text) = field.value() else { return Some(query).filter(|query| !query.is_empty()) };
        if !query.is_empty() {
            query.push(QueryPart::Text("&".to_owned()));
        }
        let mut has_reference = false;
        if self.expansion.is_text_full() {
            self.is_complete = false;
            return None;
        }
        for piece in pieces(text.as_str()) {
            let problem = match piece {
                Piece::Text(text) => {
                    query.push(QueryPart::Text(text.to_owned()));
                    continue;
                }
                Piece::Variable(name) => {
                    has_reference = true;
                    if self.scope.is_sensitive(name) {
                        query.push(QueryPart::Secret(name.into()));
                        continue;
                    }
                    match self.scope.value(name) {
                        Ok(value) => {
                            self.is_complete &= value.is_some();
                            let length = value.as_ref().map_or(0, |value| value.len());
                            if !self.expansion.has_room_for_text(length) {
                                self.too_much_text(path.clone());
                                return None;
                            }
                            query.push(QueryPart::Text(value.map(Cow::into_owned).unwrap_or_default()));
                            continue;
                        }
                        Err(problem) => problem,
                    }
                }
                Piece::Lookup(name) => misplaced_lookup(name),
                Piece::Malformed(reference) => malformed(reference),
            };
            self.problem(problem, path.clone());
            return None;
        }
        if !has_reference && !text.as_str().is_empty() {
            self.signature_in_text(path);
        }
        Some(query).filter(|query| !query.is_empty())
    }

    fn shared(&mut self, field: &Field<syntax::Shared>, key: &ImageKey, path: &ManifestPath) -> Option<Kind> {
        let shared = field.value()?;
        let path = path.field("shared");
        let from = self
            .optional(&shared.from, || path.field("from"))
            .and_then(|text| self.account(&text, || path.field("from"), Some(key)));
        if let Field::Value(text) = &shared.id
            && let [Piece::Text(""), Piece::Lookup(name), Piece::Text("")] = pieces(text.as_str()).as_slice()
        {
            if !self.scope.has_lookup(name) {
                let problem = self.scope.unknown_lookup(name);
                self.problem(problem, path.field("id"));
                return None;
            }
            // A name that is not a valid key was reported at its declaration.
            return name.parse().ok().map(|name| Kind::LookedUp { name, from });
        }
        let id = self.required(&shared.id, &path, "id", "id: img-3c1f0a9b")?;
        let id = self.parse_id(&id, key, || path.field("id"))?;
        Some(Kind::Built(SourceKind::Shared { id, from }))
    }

    fn encrypted(&mut self, field: &Field<syntax::Encrypted>, path: &ManifestPath) -> Option<Kind> {
        let encrypted = field.value()?;
        let path = path.field("encrypted");
        let kms_key = self.optional(&encrypted.kms_key, || path.field("kms_key")).map(Into::into);
        let image = self.required(&encrypted.image, &path, "image", "image: KEY")?;
        if !self.images.contains(&*image) {
            let why = "An encrypted image is a copy of another entry, which is named by its key.";
            self.unknown_image(&image, path.field("image"), why, "image: ");
            return None;
        }
        Some(Kind::Built(SourceKind::Encrypted { image: image.parse().ok()?, kms_key }))
    }

    /// Resolves an adopted image: the id in the entry's region, and those in other regions.
    fn adopted(
        &mut self,
        field: &Field<Adopted>,
        (key, home): (&ImageKey, Option<&Region>),
        path: &ManifestPath,
        elsewhere: &mut BTreeMap<Region, ImageId>,
    ) -> Option<Kind> {
        let path = path.field("adopted");
        match field.value()? {
            Adopted::Id(text) => {
                let text = self.text(text, || path.clone())?;
                self.parse_id(&text, key, || path).map(|id| Kind::Built(SourceKind::Adopted(id)))
            }
            Adopted::Regions(regions) => {
                *elsewhere = self.adopted_by_region(regions, key, &path)?;
                // An entry without a valid region has its own diagnostic.
                let home = home?;
                let Some(id) = elsewhere.remove(home) else {
                    let detail = format!(
                        "`{path}` has no image in {home}, the region of image.{key}. The id there identifies the build, and \
                         copies are made from it."
                    );
                    let first = elsewhere.keys().next().map_or("ap-jakarta", Region::as_str);
                    let entry = ManifestPath::image(key);
                    let diagnostic = VALUE_MALFORMED
                        .found(detail)
                        .at(path.clone().key(), format!("no `{home}`"))
                        .help(format!(
                            "Add the image in {home}, or name another region:\n\n    region: {first}"
                        ));
                    self.report(diagnostic.about(entry));
                    elsewhere.clear();
                    return None;
                };
                Some(Kind::Built(SourceKind::Adopted(id)))
            }
        }
    }

    /// Returns the ids of an adopted image by region. `None` if one of them is malformed.
    fn adopted_by_region(
        &mut self,
        regions: &Names<Text>,
        key: &ImageKey,
        path: &ManifestPath,
    ) -> Option<BTreeMap<Region, ImageId>> {
        if regions.is_empty() {
            let detail = format!("`{path}` names no image.");
            let help =
                "Name the image in each region where it is:\n\n    adopted: { ap-jakarta: img-0a1b2c3d }";
            let diagnostic = VALUE_MALFORMED.found(detail).at(path.clone(), "empty").help(help);
            self.report(diagnostic.about(path));
            return None;
        }
        let mut found = BTreeMap::new();
        for (name, id) in regions {
            let at = path.field(name.as_str());
            let region = self.region(name.as_str(), || at.clone().key(), Some(key));
            let id = self.optional(id, || at.clone());
            let id = id.and_then(|text| self.parse_id::<ImageId>(&text, key, || at));
            found.extend(region.zip(id));
        }
        (found.len() == regions.len()).then_some(found)
    }
}

//! Resolves everything except accounts and images: cloud, state, limits, levels, regions.

use std::collections::BTreeMap;

use compact_str::CompactString;

use crate::diagnostics::catalogue::syntax::{NAME_MALFORMED, VALUE_MALFORMED, VALUE_UNKNOWN};
use crate::diagnostics::{ManifestPath, escape_truncated};
use crate::manifest::desired::DesiredLimits;
use crate::manifest::settings::{CloudSettings, SandboxSettings, StateLocation};
use crate::manifest::syntax::{Field, List, Manifest, Number, RegionOrSet, TagKey, Text};
use crate::model::{
    ImageKey, Level, Provider, Region, RegionFacts, RegionTable, SharedImageEdits, Site, is_domain,
};

use super::group::Lists;
use super::{Resolver, as_key};

fn number(field: &Field<Number>) -> Option<u32> {
    field.value().map(|number| number.0)
}

impl<'m> Resolver<'m, '_> {
    /// Resolves the settings of the service.
    pub(super) fn cloud(&mut self, manifest: &Manifest) -> CloudSettings {
        let defaults = CloudSettings::default();
        let Some(cloud) = &manifest.cloud else { return defaults };
        let path = ManifestPath::root().field("cloud");
        let providers = [("sandbox", Provider::Sandbox), ("tencent", Provider::Tencent)];
        let sites = [("international", Site::International), ("mainland", Site::Mainland)];
        let edits = [("allowed", SharedImageEdits::Allowed), ("refused", SharedImageEdits::Refused)];
        let sandbox = cloud.sandbox.as_ref().map(|sandbox| {
            let quotas = sandbox.quotas.as_ref();
            SandboxSettings {
                world: self
                    .optional(&sandbox.world, || path.field("sandbox").field("world"))
                    .map(std::borrow::Cow::into_owned),
                images_per_region: quotas.and_then(|quotas| number(&quotas.images_per_region)),
                accounts_per_image: quotas.and_then(|quotas| number(&quotas.accounts_per_image)),
            }
        });
        let ownership_tag = match cloud.ownership_tag.value() {
            None => defaults.ownership_tag,
            Some(TagKey::Off) => None,
            Some(TagKey::Key(key)) => self
                .text(key, || path.field("ownership_tag"))
                .filter(|key| self.is_not_empty(key, &path.field("ownership_tag"), "`false` for no tag"))
                .map(Into::into),
        };
        let endpoint = self
            .optional(&cloud.endpoint, || path.field("endpoint"))
            .filter(|endpoint| self.is_endpoint(endpoint, &path.field("endpoint")))
            .map(|endpoint| endpoint.trim_end_matches('/').to_owned());
        let domain = self
            .optional(&cloud.domain, || path.field("domain"))
            .filter(|domain| self.is_root_domain(domain, &path.field("domain")))
            .map(|domain| domain.to_ascii_lowercase());
        if !cloud.endpoint.is_missing() && !cloud.domain.is_missing() {
            self.report_endpoint_and_domain(&path);
        }
        CloudSettings {
            provider: self
                .choice(&cloud.provider, &path.field("provider"), &providers)
                .unwrap_or(defaults.provider),
            sandbox: sandbox.unwrap_or_default(),
            site: self.choice(&cloud.site, &path.field("site"), &sites).unwrap_or(defaults.site),
            endpoint,
            domain,
            profile: self.optional(&cloud.profile, || path.field("profile")).map(Into::into),
            ownership_tag,
            shared_image_edits: self
                .choice(&cloud.shared_image_edits, &path.field("shared_image_edits"), &edits)
                .unwrap_or(defaults.shared_image_edits),
        }
    }

    fn is_not_empty(&mut self, text: &str, path: &ManifestPath, instead: &str) -> bool {
        if text.is_empty() {
            let detail = format!("`{path}` is empty.");
            let diagnostic = VALUE_MALFORMED.found(detail).at(path.clone(), "empty");
            self.report(diagnostic.help(format!("Write {instead}, or leave the key out.")).about(path));
        }
        !text.is_empty()
    }

    fn is_endpoint(&mut self, endpoint: &str, path: &ManifestPath) -> bool {
        let host = endpoint.strip_prefix("https://").or_else(|| endpoint.strip_prefix("http://"));
        let is_one = host.is_some_and(|host| {
            let host = host.trim_end_matches('/');
            !host.is_empty() && !host.contains(['/', '?', '#', '@', ' ']) && !host.starts_with(':')
        });
        if !is_one {
            let detail = format!(
                "`{path}` is `{}`, which is not the address of a service. An address has `http://` or `https://`, a host, a port \
                 if it is not the default one, and nothing after that, since requests are signed for host and port.",
                escape_truncated(endpoint)
            );
            let diagnostic = VALUE_MALFORMED.found(detail).at(path.clone(), "not an address");
            self.report(diagnostic.help("endpoint: http://127.0.0.1:8787").about(path));
        }
        is_one
    }

    fn is_root_domain(&mut self, domain: &str, path: &ManifestPath) -> bool {
        if !is_domain(domain) {
            let detail = format!(
                "`{path}` is `{}`, which is not a domain. A domain has at least two parts, and neither a scheme nor a \
                 port: the name of each service and a dot are put before it, as in `cvm.internal.tencentcloudapi.com`.",
                escape_truncated(domain)
            );
            let diagnostic = VALUE_MALFORMED.found(detail).at(path.clone(), "not a domain");
            self.report(diagnostic.help("domain: internal.tencentcloudapi.com").about(path));
        }
        is_domain(domain)
    }

    fn report_endpoint_and_domain(&mut self, cloud: &ManifestPath) {
        let detail = "`cloud.endpoint` is one address for every service, and `cloud.domain` an address for each, so only \
                      one of them can apply.";
        let diagnostic =
            VALUE_MALFORMED.found(detail.to_owned()).at(cloud.field("domain"), "excludes `endpoint`");
        self.report(diagnostic.help("Remove `endpoint` or `domain`.").about(cloud.field("domain")));
    }

    /// Resolves the location of the state.
    pub(super) fn state(&mut self, manifest: &Manifest) -> StateLocation {
        let path = ManifestPath::root().field("state");
        let Some(text) = self.optional(&manifest.state, || path.clone()) else {
            return StateLocation::default();
        };
        if text.starts_with("~/") {
            let detail = "`~` is expanded by shells, and not in a manifest: the state would be in a folder of this name.";
            let diagnostic = VALUE_MALFORMED.found(detail).at(path.clone(), "not a location of a state");
            self.report(diagnostic.help("state: goldform.state.json").about(path));
            return StateLocation::default();
        }
        if let Some(location) = StateLocation::parse(&text) {
            return location;
        }
        let detail = format!(
            "`state` is `{}`, but must be a file, relative to the manifest, or an object in a bucket: `s3://bucket/key` or \
             `cos://bucket/key`.",
            escape_truncated(&text)
        );
        let diagnostic = VALUE_MALFORMED.found(detail).at(path.clone(), "not a location of a state");
        let help = match text.split_once(':') {
            Some(("s3", _)) => "s3://bucket/goldform.state.json",
            Some(("cos", _)) => "cos://bucket-1250000001/goldform.state.json",
            _ => "goldform.state.json",
        };
        self.report(diagnostic.help(format!("state: {help}")).about(path));
        StateLocation::default()
    }

    /// Resolves the limits of the account.
    pub(super) fn limits(&mut self, manifest: &Manifest) -> DesiredLimits {
        let Some(limits) = &manifest.limits else { return DesiredLimits::default() };
        let path = ManifestPath::root().field("limits").field("regions");
        let mut regions = BTreeMap::new();
        for (name, limit) in limits.regions.iter().flatten() {
            let region = self.region(name.as_str(), || path.field(name.as_str()).key(), None);
            let images = limit.value().and_then(|limit| number(&limit.images));
            if let (Some(region), Some(images)) = (region, images) {
                regions.insert(region, images);
            }
        }
        DesiredLimits {
            images_per_region: number(&limits.images_per_region),
            accounts_per_image: number(&limits.accounts_per_image),
            regions,
        }
    }

    /// Resolves the levels of rules. `constraints::Levels` checks their names.
    pub(super) fn levels(&mut self, manifest: &Manifest) -> BTreeMap<CompactString, Level> {
        let words = [("allow", Level::Allow), ("warn", Level::Warn), ("deny", Level::Deny)];
        let mut levels = BTreeMap::new();
        for (name, level) in manifest.rules.iter().flatten() {
            let Field::Value(level) = level else { continue };
            let path = ManifestPath::root().field("rules").field(name.as_str());
            if let Some(level) = self.choice(&Field::Value(level.0.clone()), &path, &words) {
                levels.insert(name.0.clone(), level);
            }
        }
        levels
    }

    /// Returns the known regions.
    pub(super) fn regions(&mut self, manifest: &'m Manifest) -> RegionTable {
        let mut table = RegionTable::built_in();
        let mut sets = Lists::new();
        for (name, entry) in manifest.regions.iter().flatten() {
            let path = ManifestPath::root().field("regions").field(name.as_str());
            let entry = match entry {
                Field::Value(RegionOrSet::Facts(entry)) => entry,
                Field::Value(RegionOrSet::Set(members)) => {
                    if name.as_str().parse().is_ok_and(|region| table.get(&region).is_some()) {
                        self.named_like_a_region(name.as_str(), path.key());
                    } else {
                        self.check_set_name(name.as_str(), path.key());
                        sets.insert(name.as_str(), members);
                    }
                    continue;
                }
                Field::Missing | Field::Invalid => continue,
            };
            let region = self.region(name.as_str(), || path.clone().key(), None);
            if entry.mainland.is_missing() {
                self.report_missing(&path, "mainland", "mainland: false");
            }
            let title = self.optional(&entry.title, || path.field("title"));
            let (Some(region), Some(mainland)) = (region, entry.mainland.value()) else { continue };
            let known = table.get(&region);
            let facts = RegionFacts {
                title: match title {
                    Some(title) => title.into(),
                    None => known.map_or_else(|| name.0.clone(), |known| known.title.clone()),
                },
                mainland: mainland.0,
                copy_target: match entry.copy_target.value() {
                    Some(copy_target) => copy_target.0,
                    None => known.is_none_or(|known| known.copy_target),
                },
            };
            table.insert(region, facts);
        }
        self.sets =
            self.members("regions", &sets, &mut |resolver, text, path| resolver.region(text, || path, None));
        table
    }

    fn check_set_name(&mut self, name: &str, path: ManifestPath) {
        if name.parse::<ImageKey>().is_err() {
            let detail = format!(
                "`{}` cannot name a set of regions. A name has 1 to 60 letters, digits, `-`, `_` or `.`, and starts with a \
                 letter or digit.",
                escape_truncated(name)
            );
            self.malformed_name(&NAME_MALFORMED, detail, path, &as_key(name));
        }
    }

    fn named_like_a_region(&mut self, name: &str, path: ManifestPath) {
        let detail = format!("`{name}` is the code of a region, so a set cannot have this name.");
        let diagnostic = VALUE_MALFORMED.found(detail).at(path.clone(), "a region");
        self.report(diagnostic.help("Choose a name that is not the code of a region.").about(path));
    }

    /// Returns the regions of a list, each with its index and whether it is written itself and not in a set.
    pub(super) fn listed_regions(
        &mut self,
        list: &List<Text>,
        path: &ManifestPath,
        image: Option<&ImageKey>,
    ) -> Vec<(usize, Region, bool)> {
        let mut listed = Vec::with_capacity(list.len());
        for (position, text) in self.items(list, path) {
            let place = || path.index(position);
            let Some(number) = self.sets.get(&*text).map(Vec::len) else {
                listed.extend(self.region(&text, place, image).map(|region| (position, region, true)));
                continue;
            };
            if self.has_room_for_members(number, place) {
                let members = self.sets.get(&*text).into_iter().flatten();
                listed.extend(members.map(|region| (position, region.clone(), false)));
            }
        }
        listed
    }

    /// Returns a number that must be one of a few.
    pub(super) fn number_of(
        &mut self,
        field: &Field<Number>,
        path: &ManifestPath,
        allowed: &[u8],
        words: &str,
    ) -> Option<u8> {
        let number = number(field)?;
        let found = allowed.iter().copied().find(|&one| u32::from(one) == number);
        if found.is_none() {
            let detail = format!("expected {words} for `{path}`, found {number}.");
            let diagnostic = VALUE_UNKNOWN.found(detail).at(path.clone(), "not one of the choices");
            self.report(diagnostic.help(format!("Write {words}.")).about(path));
        }
        found
    }
}

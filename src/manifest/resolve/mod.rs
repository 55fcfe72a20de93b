//! Resolves the joined files to [`Desired`].
//!
//! Each part is resolved on its own and leaves out what it cannot read, so that one run reports everything. A mistake in
//! goldform's own syntax is a diagnostic (GF1xx). A violation of the service's rules is a [`Fault`], which a rule turns into
//! a diagnostic.

mod account;
pub(super) mod expansion;
mod group;
mod image;
mod lookup;
mod settings;
mod share;
mod source;

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use compact_str::CompactString;

use super::desired::Desired;
use super::fault::{Fault, FaultKind};
use super::syntax::{Field, List, Manifest, Text};
use super::variables::{
    Declaration, Piece, Problem, Scope, Variables, has_reference, is_variable_name, malformed,
    misplaced_lookup, pieces,
};
use crate::diagnostics::catalogue::syntax::{KEY_MISSING, NAME_MALFORMED, VALUE_UNKNOWN, VARIABLE_UNUSED};
use crate::diagnostics::{Code, Collector, Diagnostic, ManifestPath, Repeats, escape_truncated};
use crate::model::{AccountId, ImageKey, Region};
use expansion::Expansion;
use group::Members;

/// Manifest after it is resolved.
#[derive(Debug)]
pub(super) struct Resolved {
    /// Desired state.
    pub(super) desired: Desired,
    /// What is wrong with it.
    pub(super) diagnostics: Vec<Diagnostic>,
    /// Whether no part was left out.
    pub(super) is_complete: bool,
    /// Names of the declared variables.
    pub(super) variables: Vec<String>,
}

/// Resolves a manifest. `was_read_whole`: whether no part was left out before.
pub(super) fn resolve(manifest: &Manifest, variables: &Variables, was_read_whole: bool) -> Resolved {
    let mut resolver = Resolver {
        scope: scope(manifest, variables),
        diagnostics: Collector::default(),
        faults: Collector::default(),
        expansion: Expansion::default(),
        is_complete: was_read_whole,
        owner: None,
        accounts: BTreeMap::new(),
        groups: BTreeMap::new(),
        sets: BTreeMap::new(),
        invalid_accounts: BTreeSet::new(),
        images: manifest.images.iter().flatten().map(|(key, _)| key.as_str()).collect(),
    };
    resolver.variables(manifest);
    let account = resolver.owner(manifest);
    resolver.accounts(manifest);
    let cloud = resolver.cloud(manifest);
    let state = resolver.state(manifest);
    let limits = resolver.limits(manifest);
    let levels = resolver.levels(manifest);
    let regions = resolver.regions(manifest);
    let lookups = resolver.lookups(manifest);
    resolver.defaults(manifest);
    let mut images = resolver.images(manifest);
    resolver.shares(manifest, &mut images);
    let renames = resolver.renames(manifest, &images);
    resolver.unused();
    let is_complete = resolver.is_complete && !resolver.faults.iter().any(Fault::is_hard);
    Resolved {
        desired: Desired {
            account,
            cloud,
            state,
            accounts: resolver.accounts,
            groups: resolver.groups.into_iter().map(|(name, members)| (name, members.into())).collect(),
            images,
            lookups,
            renames,
            limits,
            levels,
            regions,
            faults: resolver.faults.into_vec(),
        },
        diagnostics: resolver.diagnostics.into_vec(),
        is_complete,
        variables: resolver.scope.names().map(str::to_owned).collect(),
    }
}

fn scope<'v>(manifest: &Manifest, values: &'v Variables) -> Scope<'v> {
    let declared = manifest.variables.iter().flatten().map(|(name, variable)| {
        let declared = match variable {
            Field::Value(variable) => {
                let variable = variable.as_ref();
                Declaration {
                    default: variable
                        .and_then(|variable| variable.default.value())
                        .map(|text| text.as_str().to_owned()),
                    description: variable
                        .and_then(|variable| variable.description.value())
                        .map(|text| text.as_str().to_owned()),
                    is_sensitive: variable
                        .and_then(|variable| variable.sensitive.value())
                        .is_some_and(|sensitive| sensitive.0),
                    is_invalid: variable.is_some_and(|variable| {
                        variable.default == Field::Invalid || variable.sensitive == Field::Invalid
                    }),
                }
            }
            Field::Missing | Field::Invalid => Declaration { is_invalid: true, ..Declaration::default() },
        };
        (name.as_str().to_owned(), declared)
    });
    let lookups = manifest.lookups.iter().flatten().map(|(name, _)| name.as_str().to_owned());
    Scope::new(values, declared.collect(), lookups.collect())
}

/// Most characters of a text that a fault keeps.
const FAULT_CHARS: usize = 200;

/// Collects findings while the parts are resolved.
struct Resolver<'m, 'v> {
    scope: Scope<'v>,
    diagnostics: Collector<Diagnostic>,
    faults: Collector<Fault>,
    expansion: Expansion,
    is_complete: bool,
    /// Owner, if it could be read.
    owner: Option<AccountId>,
    accounts: BTreeMap<CompactString, AccountId>,
    /// Members of the groups of accounts.
    groups: Members<AccountId>,
    /// Members of the sets of regions.
    sets: Members<Region>,
    /// Names of declared accounts whose ids could not be read.
    invalid_accounts: BTreeSet<&'m str>,
    /// Keys of all entries under `images`, including those that could not be read.
    images: BTreeSet<&'m str>,
}

impl<'m> Resolver<'m, '_> {
    /// Reports a problem that leaves a part out.
    fn report(&mut self, diagnostic: Diagnostic) {
        self.is_complete = false;
        self.warn(diagnostic);
    }

    /// Reports a problem that leaves nothing out.
    fn warn(&mut self, diagnostic: Diagnostic) {
        self.diagnostics.push(diagnostic);
    }

    fn problem(&mut self, problem: Problem, path: ManifestPath) {
        let diagnostic = problem(path.clone()).about(path);
        self.report(diagnostic);
    }

    fn fault(&mut self, path: ManifestPath, image: Option<&ImageKey>, kind: FaultKind) {
        let kind = kind.cut(FAULT_CHARS);
        let cause = kind.cause(image);
        let (more, repeats) = (Vec::new(), Repeats::default());
        self.faults.push(Fault { path, more, repeats, cause, image: image.cloned(), kind });
    }

    /// Reports a missing key. `within`: the mapping that requires it.
    fn report_missing(&mut self, within: &ManifestPath, key: &str, help: &str) {
        let owner =
            if within.segments.is_empty() { "The manifest".to_owned() } else { format!("`{within}`") };
        let detail = format!("{owner} has no `{key}`, which is required.");
        let place = if within.segments.is_empty() { within.clone() } else { within.clone().key() };
        let diagnostic = KEY_MISSING.found(detail).at(place, format!("`{key}` is missing")).help(help);
        self.report(diagnostic.about(within.field(key)));
    }

    /// Returns a text with its variables replaced. Returns `None` if that is not possible, which is reported.
    fn text<'t>(&mut self, text: &'t Text, path: impl FnOnce() -> ManifestPath) -> Option<Cow<'t, str>> {
        if !has_reference(text.as_str()) {
            return Some(Cow::Borrowed(text.as_str()));
        }
        if self.expansion.is_text_full() {
            self.is_complete = false;
            return None;
        }
        let mut out = String::new();
        for piece in pieces(text.as_str()) {
            let problem = match piece {
                Piece::Text(text) => {
                    out.push_str(text);
                    continue;
                }
                Piece::Variable(name) => match self.scope.value(name) {
                    Ok(Some(value)) => {
                        if !self.expansion.has_room_for_text(value.len()) {
                            self.too_much_text(path());
                            return None;
                        }
                        out.push_str(&value);
                        continue;
                    }
                    // Its declaration is invalid, which was reported.
                    Ok(None) => {
                        self.is_complete = false;
                        return None;
                    }
                    Err(problem) => problem,
                },
                Piece::Lookup(name) => misplaced_lookup(name),
                Piece::Malformed(reference) => malformed(reference),
            };
            self.problem(problem, path());
            return None;
        }
        Some(Cow::Owned(out))
    }

    /// Returns the text of an optional key.
    fn optional<'t>(
        &mut self,
        field: &'t Field<Text>,
        path: impl FnOnce() -> ManifestPath,
    ) -> Option<Cow<'t, str>> {
        field.value().and_then(|text| self.text(text, path))
    }

    /// Returns the text of a required key.
    fn required<'t>(
        &mut self,
        field: &'t Field<Text>,
        within: &ManifestPath,
        key: &str,
        help: &str,
    ) -> Option<Cow<'t, str>> {
        if field.is_missing() {
            self.report_missing(within, key, help);
        }
        self.optional(field, || within.field(key))
    }

    /// Returns a value that must be one of a few words.
    fn choice<T: Copy>(
        &mut self,
        field: &Field<Text>,
        path: &ManifestPath,
        words: &[(&str, T)],
    ) -> Option<T> {
        let text = self.optional(field, || path.clone())?;
        let found = words.iter().find(|(word, _)| *word == text).map(|(_, value)| *value);
        if found.is_none() {
            let similar = self.scope.suggestions.closest(&text, words.iter().map(|(word, _)| *word));
            let listed: Vec<String> = words.iter().map(|(word, _)| format!("`{word}`")).collect();
            let detail = format!(
                "expected one of {1} for `{path}`, found `{0}`.",
                escape_truncated(&text),
                listed.join(", ")
            );
            let diagnostic = VALUE_UNKNOWN.found(detail);
            let key = match path.segments.last() {
                Some(crate::diagnostics::Segment::Key(key)) => key.as_str(),
                _ => "",
            };
            let diagnostic = match similar {
                Some(word) => diagnostic
                    .at(path.clone(), format!("did you mean `{word}`?"))
                    .help(format!("{key}: {word}")),
                None => diagnostic.at(path.clone(), "not one of the choices"),
            };
            self.report(diagnostic.about(path));
        }
        found
    }

    /// Parses a region code. A malformed one is a fault.
    fn region(
        &mut self,
        text: &str,
        path: impl FnOnce() -> ManifestPath,
        image: Option<&ImageKey>,
    ) -> Option<Region> {
        match text.parse() {
            Ok(region) => Some(region),
            Err(_) => {
                self.fault(path(), image, FaultKind::MalformedRegion { text: text.into() });
                None
            }
        }
    }

    /// Returns the valid items of a list, each with its index.
    fn items<'t>(&mut self, list: &'t List<Text>, path: &ManifestPath) -> Vec<(usize, Cow<'t, str>)> {
        let mut items = Vec::with_capacity(list.len());
        for (position, item) in list.iter().enumerate() {
            match item {
                Field::Value(text) => {
                    if let Some(text) = self.text(text, || path.index(position)) {
                        items.push((position, text));
                    }
                }
                Field::Missing | Field::Invalid => self.is_complete = false,
            }
        }
        items
    }

    /// Parses the key of an image or lookup.
    fn key(&mut self, name: &Text, section: &str) -> Option<ImageKey> {
        match name.as_str().parse() {
            Ok(key) => Some(key),
            Err(_) => {
                let path = ManifestPath::root().field(section).field(name.as_str()).key();
                let detail = format!(
                    "`{}` cannot be a key under `{section}`. Keys are used in addresses and on command lines: a key has 1 to 60 \
                     letters, digits, `-`, `_` or `.`, and starts with a letter or digit.",
                    escape_truncated(name.as_str())
                );
                self.malformed_name(&NAME_MALFORMED, detail, path, &as_key(name.as_str()));
                None
            }
        }
    }

    fn malformed_name(&mut self, code: &'static Code, detail: String, path: ManifestPath, instead: &str) {
        let diagnostic = code.found(detail).at(path.clone(), "not a valid name");
        let diagnostic = if instead.is_empty() { diagnostic } else { diagnostic.help(format!("{instead}:")) };
        self.report(diagnostic.about(path));
    }

    /// Checks the declarations of variables.
    fn variables(&mut self, manifest: &Manifest) {
        for (name, variable) in manifest.variables.iter().flatten() {
            let path = ManifestPath::root().field("variables").field(name.as_str());
            if !is_variable_name(name.as_str()) {
                let detail = format!(
                    "`{}` cannot name a variable. Names are used in `${{name}}`, on command lines and in the environment: a name \
                     has letters, digits, `_` and `-`, and starts with a letter or `_`.",
                    escape_truncated(name.as_str())
                );
                self.malformed_name(&NAME_MALFORMED, detail, path.clone().key(), "");
            }
            let Field::Value(Some(variable)) = variable else { continue };
            let is_sensitive = variable.sensitive.value().is_some_and(|sensitive| sensitive.0);
            if is_sensitive && variable.default.value().is_some_and(|default| !default.as_str().is_empty()) {
                let detail = format!(
                    "The sensitive variable `{}` has a default, so everybody who reads the manifest would see the secret.",
                    escape_truncated(name.as_str())
                );
                let diagnostic = crate::diagnostics::catalogue::syntax::VARIABLE_SENSITIVE
                    .found(detail)
                    .at(path.field("default"), "a secret must not be written here")
                    .at(path.field("sensitive"), "declared as sensitive here")
                    .help(format!(
                        "Remove the default; give it as GOLDFORM_VAR_{}.",
                        escape_truncated(name.as_str())
                    ));
                self.report(diagnostic.about(path));
            }
        }
    }

    /// Reports unused variables, unless a part that might use them was left out.
    fn unused(&mut self) {
        if !self.is_complete {
            return;
        }
        let unused: Vec<String> = self.scope.unused().map(str::to_owned).collect();
        for name in unused {
            let path = ManifestPath::root().field("variables").field(&name).key();
            let detail = format!(
                "The variable `{}` is declared but not used. Often the cause is a mistyped reference.",
                escape_truncated(&name)
            );
            let diagnostic = VARIABLE_UNUSED.found(detail).at(path.clone(), "not used").help("Remove it.");
            self.warn(diagnostic.about(path));
        }
    }
}

/// Returns a valid key that is similar to a text.
fn as_key(text: &str) -> String {
    let key: String = text
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.') { c } else { '-' })
        .take(60)
        .collect();
    key.trim_matches(|c: char| !c.is_ascii_alphanumeric()).to_owned()
}

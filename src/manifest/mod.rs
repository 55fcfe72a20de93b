//! Reads a manifest: YAML files become a [`Desired`], or diagnostics with exact places.
//!
//! ```text
//! bytes ─text─▶ text ─parse─▶ syntax::Manifest ─join─▶ one Manifest ─resolve─▶ Desired, Faults
//!                     │  ▲
//!                     │  │ if the fast path fails, or cannot decide
//!                     ▼  │
//!                yaml::Tree ─reader─▶ diagnostics, and the valid rest
//! ```
//!
//! # Two paths
//!
//! A correct manifest is read on the fast path: it is deserialised once, straight into plain structs, without spans. If
//! that fails, or if a cheap scan of the bytes finds something that the fast path cannot decide, the file is read
//! on the slow path: it becomes a `yaml::Tree` with the span of every key and value, and `reader` reads the same structs from
//! it. The reader reports everything that is wrong and continues, so that later checks run on the rest and one run
//! reports *all* problems. A property test compares the paths: where both accept a text, they read the same.
//!
//! Later checks name a [`ManifestPath`](crate::diagnostics::ManifestPath). The [`Locator`] builds a tree when the first
//! of them is printed.
//!
//! # Why serde-saphyr
//!
//! The usual choice, `serde_yaml`, is archived, has no spans, keeps the last of two equal keys, and needs five times the
//! memory and more than 20 s for 400 KB of hostile text. serde-saphyr streams, can be strict, and uses the same event
//! parser as our tree. Only `yaml` names it. `serde_yaml` writes YAML, in `writer`, and is an independent reader in the tests.
//!
//! # Adding a key
//!
//! Add it to the struct in `syntax` with a comment for users and to the list in `reader/forms.rs`, resolve it, and
//! regenerate the schema. The compiler refuses a struct whose fields are not all listed.

pub mod desired;
pub mod edit;
pub mod fault;
mod ineffective;
pub mod insert;
mod join;
mod lines;
mod locate;
mod not_manifest;
mod parse;
mod query;
mod reader;
pub mod render;
mod resolve;
pub mod schema;
pub mod settings;
mod syntax;
mod syntax_error;
mod text;
mod variables;
pub mod writer;
mod yaml;

pub use desired::{Desired, DesiredImage, DesiredLimits, LookupSource};
pub use fault::{Fault, FaultKind};
pub use ineffective::{VariableSource, undeclared_variables, unread_environment};
pub use locate::Locator;
pub use not_manifest::{is_foreign, is_manifest, is_part, is_root, skipped};
pub use query::{ImportQuery, QueryPart};
pub use settings::{CloudSettings, SandboxSettings, StateLocation};
pub use variables::Variables;
pub use yaml::{
    MAX_ALIASES, MAX_ANCHORS, MAX_BYTES, MAX_DEPTH, MAX_KEY_BYTES, MAX_MERGED, MAX_MERGED_ENTRIES, MAX_NODES,
    MAX_REPEATED, MAX_REPEATED_BYTES,
};

use crate::diagnostics::catalogue::syntax::MANIFEST_EMPTY;
use crate::diagnostics::{Collector, Diagnostic};
use syntax::Manifest;

/// File of a manifest before reading.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Input {
    /// Name as the user knows it.
    pub name: String,
    /// Content.
    pub bytes: Vec<u8>,
}

/// Manifest after reading.
#[derive(Debug)]
pub struct Loaded {
    /// Desired state without the parts that could not be read. `None` if a file is not YAML, or if there is no file. The
    /// owner is 9223372036854775807, which no account has, if it could not be read.
    pub desired: Option<Desired>,
    /// What is wrong with the text (GF1xx): errors and warnings, in the order of the text.
    pub diagnostics: Vec<Diagnostic>,
    /// Whether no part was left out. Otherwise rules may judge single entries of `desired`, but nothing may be planned.
    pub complete: bool,
    /// Names of the variables that the manifest declares, in alphabetical order. A value for another name may be a
    /// mistake.
    pub declared_variables: Vec<String>,
    /// Number of the file that has `version`, to which the places of the manifest are relative. `None` if none has.
    pub root: Option<usize>,
    /// Finds the spans of diagnostics.
    pub locator: Locator,
}

/// Returns the files and directories that a file includes, as they are written. What is not a list of texts is reported when
/// the manifest is read.
pub fn includes(bytes: &[u8]) -> Vec<String> {
    let Ok(text) = std::str::from_utf8(bytes) else { return Vec::new() };
    // Most manifests include nothing.
    if !text.contains("include") {
        return Vec::new();
    }
    let file = crate::diagnostics::FileId(0);
    let parsed = parse::parse(file, &std::sync::Arc::from(text.trim_start_matches('\u{feff}')));
    let included = parsed.manifest.include.unwrap_or_default();
    included.iter().filter_map(|item| item.value()).map(|text| text.as_str().to_owned()).collect()
}

/// Reads a variable file, which is one YAML mapping from names to texts.
///
/// # Errors
/// Returns what is wrong with it, without its text, which may contain secrets.
pub fn read_variables(bytes: &[u8]) -> Result<std::collections::BTreeMap<String, String>, String> {
    let text = std::str::from_utf8(bytes).map_err(|error| format!("it is not UTF-8 text: {error}"))?;
    yaml::read(text.trim_start_matches('\u{feff}')).ok_or_else(|| {
        "it is not one mapping from names to texts (put texts that look like numbers in quotes)".to_owned()
    })
}

/// Reads a manifest from its files, in order.
pub fn load(inputs: Vec<Input>, variables: &Variables) -> Loaded {
    load_by(inputs, variables, parse::parse)
}

/// Function that reads one file.
type Parse = fn(crate::diagnostics::FileId, &std::sync::Arc<str>) -> parse::Parsed;

fn load_by(inputs: Vec<Input>, variables: &Variables, parse: Parse) -> Loaded {
    let mut locator = Locator::default();
    let mut diagnostics = Collector::default();
    let mut is_readable = true;
    let mut read: Vec<(crate::diagnostics::FileId, parse::Parsed)> = Vec::with_capacity(inputs.len());
    if inputs.is_empty() {
        is_readable = false;
        diagnostics.push(MANIFEST_EMPTY.found("No file was read, so the manifest declares nothing."));
    }
    for (number, Input { name, bytes }) in inputs.into_iter().enumerate() {
        let file = crate::diagnostics::FileId(u32::try_from(number).unwrap_or(u32::MAX));
        let (text, problem) = text::decode(file, &name, bytes);
        let mut parsed = match problem {
            Some(problem) => parse::Parsed { diagnostics: vec![problem], ..parse::Parsed::default() },
            None => parse(file, &text),
        };
        if not_manifest::is_manifest(&text) {
            locator.add(name, text);
        } else {
            if let Some(problem) = not_manifest::reported(&name, &text, &parsed.diagnostics) {
                parsed = parse::Parsed { diagnostics: vec![problem], ..parse::Parsed::default() };
            }
            locator.add(name, "".into());
        }
        is_readable &= parsed.is_readable;
        diagnostics.extend(std::mem::take(&mut parsed.diagnostics));
        read.push((file, parsed));
    }
    let root = read.iter().position(|(_, parsed)| parsed.manifest.version.is_present());
    let bases = join::bases(read.iter().map(|(_, parsed)| &parsed.manifest));
    let mut manifests: Vec<Manifest> = Vec::with_capacity(read.len());
    for ((file, parsed), bases) in read.into_iter().zip(bases) {
        locator.set_tree(file, parsed.tree, bases);
        manifests.push(parsed.manifest);
    }
    let mut desired = None;
    let mut complete = false;
    let mut declared_variables = Vec::new();
    // What an unreadable file declares would seem to be missing.
    if is_readable {
        let (manifest, found) = join::join(manifests, &locator);
        diagnostics.extend(found);
        let resolved = resolve::resolve(&manifest, variables, diagnostics.is_empty());
        diagnostics.extend(resolved.diagnostics);
        complete = resolved.is_complete;
        declared_variables = resolved.variables;
        desired = Some(resolved.desired);
    }
    let mut diagnostics = diagnostics.into_vec();
    // Sort by position: findings are not in the order of the text.
    if diagnostics.len() > 1 {
        diagnostics.sort_by_cached_key(|diagnostic| {
            let span = diagnostic.labels.first().and_then(|label| locator.place(&label.place));
            (span.is_none(), span.map(|span| (span.file, span.start)))
        });
    }
    Loaded { desired, diagnostics, complete, declared_variables, root, locator }
}

#[cfg(test)]
pub(super) mod tests;

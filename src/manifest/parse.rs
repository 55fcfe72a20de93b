//! Reads one file into the syntax types, on one of two paths.

use std::sync::Arc;

use super::reader::{self, Reading};
use super::syntax::Manifest;
use super::syntax_error;
use super::yaml::{self, Tree};
use crate::diagnostics::{Diagnostic, FileId};

/// File after reading.
#[derive(Debug, Default)]
pub(super) struct Parsed {
    /// Content, without what could not be read.
    pub(super) manifest: Manifest,
    /// What is wrong with the file.
    pub(super) diagnostics: Vec<Diagnostic>,
    /// Whether it is YAML within the limits.
    pub(super) is_readable: bool,
    /// Tree, if the slow path was used.
    pub(super) tree: Option<Arc<Tree>>,
}

/// Reads a file on the fast path or, if that is not possible, on the slow path.
pub(super) fn parse(file: FileId, text: &Arc<str>) -> Parsed {
    if !yaml::needs_slow_path(text)
        && let Some(manifest) = yaml::read::<Manifest>(text)
        && manifest.longest_key() <= yaml::MAX_KEY_BYTES
    {
        return Parsed { manifest, is_readable: true, ..Parsed::default() };
    }
    parse_slowly(file, text)
}

/// Reads a file from its tree, and reports everything that is wrong with it.
pub(super) fn parse_slowly(file: FileId, text: &Arc<str>) -> Parsed {
    let tree = match Tree::build(text) {
        Ok(tree) => Arc::new(tree),
        Err(error) => {
            return Parsed {
                diagnostics: vec![syntax_error::diagnostic(file, text, &error)],
                ..Parsed::default()
            };
        }
    };
    let Reading { manifest, diagnostics } = reader::read(&tree, file);
    let is_readable = manifest.is_some();
    Parsed { manifest: manifest.unwrap_or_default(), diagnostics, is_readable, tree: Some(tree) }
}

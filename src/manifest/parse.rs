//! One file: text to the syntax types, on one of two paths.

use std::sync::{Arc, OnceLock};

use super::check::check;
use super::refusal::refused;
use super::shape::Shapes;
use super::syntax::Manifest;
use super::view;
use super::yaml::{self, Tree};
use crate::diagnostics::catalogue::syntax::TYPE_WRONG;
use crate::diagnostics::{Diagnostic, FileId, Span, escape_truncated};

/// A file that was read.
#[derive(Debug, Default)]
pub(super) struct Parsed {
    /// What it says, without what is broken.
    pub(super) manifest: Manifest,
    /// What is wrong with it.
    pub(super) diagnostics: Vec<Diagnostic>,
    /// Whether it is YAML, and not too much of it.
    pub(super) is_readable: bool,
    /// Its tree, where one was made.
    pub(super) tree: Option<Arc<Tree>>,
}

/// Reads a file.
pub(super) fn parse(file: FileId, text: &Arc<str>) -> Parsed {
    if !yaml::second_look(text)
        && let Some(manifest) = yaml::read::<Manifest>(text)
        && manifest.longest_key() <= yaml::MAX_KEY_BYTES
    {
        return Parsed { manifest, is_readable: true, ..Parsed::default() };
    }
    parse_slowly(file, text)
}

/// The subject of the diagnostic for what the types refuse and the check does not; no text is known to have it.
pub(super) const UNREAD: &str = "the types of the manifest";

/// Reads a file by way of its tree: everything that is wrong, and everything that is not.
pub(super) fn parse_slowly(file: FileId, text: &Arc<str>) -> Parsed {
    static SHAPES: OnceLock<Shapes> = OnceLock::new();

    let tree = match Tree::build(text) {
        Ok(tree) => Arc::new(tree),
        Err(refusal) => {
            return Parsed { diagnostics: vec![refused(file, text, &refusal)], ..Parsed::default() };
        }
    };
    let mut findings = check(&tree, file, SHAPES.get_or_init(Shapes::of_manifest));
    if findings.is_stopped {
        // What was not checked cannot be read.
        return Parsed {
            diagnostics: findings.diagnostics.into_vec(),
            tree: Some(tree),
            ..Parsed::default()
        };
    }
    let manifest = match tree.root() {
        Some(root) if !findings.broken.contains(&root) => view::read(&tree, root, &findings),
        _ => Ok(Manifest::default()),
    };
    let manifest = manifest.unwrap_or_else(|unread| {
        // The check and the types agree, so this does not happen; if it does, nothing is passed over.
        let span = Span { file, start: 0, end: 0 };
        let diagnostic =
            TYPE_WRONG.found(format!("{}.", escape_truncated(&unread.0))).at(span, "").about(UNREAD);
        findings.diagnostics.push(diagnostic);
        Manifest::default()
    });
    Parsed { manifest, diagnostics: findings.diagnostics.into_vec(), is_readable: true, tree: Some(tree) }
}

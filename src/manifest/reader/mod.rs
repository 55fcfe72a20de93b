//! Reads the syntax types from a tree, and reports everything that is wrong on the way.
//!
//! Each value is read once. A value that cannot be read is reported and becomes
//! [`Field::Invalid`](super::syntax::Field::Invalid), and the reader continues with the next one, so that later checks
//! see everything else.

mod forms;
mod mapping;
mod scalar;

use std::collections::HashSet;
use std::ops::Range;

use super::syntax::Manifest;
use super::text::corrected;
use super::writer::quoted;
use super::yaml::{Kind, MAX_REPEATED, MAX_REPEATED_BYTES, NodeId, Tree};
use crate::diagnostics::catalogue::syntax::TAG_UNSUPPORTED;
use crate::diagnostics::{Collector, Diagnostic, FileId, Place, Span, Suggestions, escape_truncated};

/// Manifest of one file, and what is wrong with it.
#[derive(Debug)]
pub(super) struct Reading {
    /// The manifest without what could not be read. `None` if the reader stopped at a limit.
    pub(super) manifest: Option<Manifest>,
    /// What is wrong, mostly in the order of the text.
    pub(super) diagnostics: Vec<Diagnostic>,
}

/// Reads a manifest.
pub(super) fn read(tree: &Tree, file: FileId) -> Reading {
    let mut reader = Reader {
        tree,
        file,
        diagnostics: Collector::default(),
        reported: HashSet::new(),
        path: Vec::new(),
        alias_depth: 0,
        repeated: 0,
        repeated_bytes: 0,
        merged: 0,
        suggestions: Suggestions::default(),
        is_stopped: false,
    };
    let manifest = tree.root().and_then(|root| reader.value::<Option<Manifest>>(root, None)).flatten();
    Reading {
        manifest: (!reader.is_stopped).then(|| manifest.unwrap_or_default()),
        diagnostics: reader.diagnostics.into_vec(),
    }
}

/// What a value may be written as.
#[derive(Debug, Clone, Copy)]
struct Form {
    text: bool,
    /// A whole number from 0 up.
    number: bool,
    /// Booleans that are allowed.
    switches: &'static [bool],
    /// No value, which means the same as leaving the key out.
    null: bool,
    list: bool,
    /// Whether the items of the list may be text.
    items_are_text: bool,
    mapping: bool,
}

impl Form {
    const NONE: Self = Self {
        text: false,
        number: false,
        switches: &[],
        null: false,
        list: false,
        items_are_text: false,
        mapping: false,
    };
}

/// Scalar that has one of the forms that its place allows.
#[derive(Debug, Clone, Copy)]
enum Scalar<'t> {
    Null,
    Switch(bool),
    Number(u32),
    Text(&'t str),
}

/// Value that can be read from a tree. Each method is called only for a node that [`FORM`](Self::FORM) allows, and
/// returns `None` for what it has reported.
trait Read: Sized {
    const FORM: Form;

    fn from_scalar(_: Scalar<'_>) -> Option<Self> {
        None
    }

    fn from_list(_: &mut Reader<'_>, _: NodeId) -> Option<Self> {
        None
    }

    fn from_mapping(_: &mut Reader<'_>, _: NodeId) -> Option<Self> {
        None
    }
}

/// Mapping with known keys.
trait Keys: Default {
    const KEYS: &'static [&'static str];

    /// Reads the value of a known key.
    fn read_key(&mut self, name: &str, reader: &mut Reader<'_>, value: NodeId, key: NodeId);
}

/// Place of a value that may be invalid: of a key, an item or an entry.
trait Slot {
    fn read(reader: &mut Reader<'_>, value: NodeId, key: Option<NodeId>) -> Self;
}

/// Step of the path to the current value.
#[derive(Clone, Copy)]
enum Step<'t> {
    Key(&'t str),
    Item(usize),
}

struct Reader<'t> {
    tree: &'t Tree,
    file: FileId,
    diagnostics: Collector<Diagnostic>,
    /// What was reported, by id of the code and start: a value is read again for each alias.
    reported: HashSet<(&'static str, usize)>,
    path: Vec<Step<'t>>,
    /// Aliases around the current value.
    alias_depth: usize,
    /// Values that aliases repeated so far.
    repeated: usize,
    /// Bytes of text that aliases repeated so far.
    repeated_bytes: usize,
    /// Entries that merges added so far.
    merged: usize,
    suggestions: Suggestions,
    /// Whether a limit was exceeded, so that nothing more is read or reported.
    is_stopped: bool,
}

impl<'t> Reader<'t> {
    /// Reads a value. `key`: the key that it belongs to.
    fn value<T: Read>(&mut self, node: NodeId, key: Option<NodeId>) -> Option<T> {
        if self.is_stopped {
            return None;
        }
        if let Some(tag) = self.tree.tag(node) {
            self.tagged(node, &tag, &T::FORM);
            return None;
        }
        let is_alias = self.tree.is_alias(node);
        self.alias_depth += usize::from(is_alias);
        if self.alias_depth > 0 {
            self.repeated += 1;
            self.repeated_bytes += self.tree.scalar(node).map_or(0, |(_, text)| text.len());
            if self.repeated > MAX_REPEATED || self.repeated_bytes > MAX_REPEATED_BYTES {
                self.too_much(node);
                return None;
            }
        }
        let value = match self.tree.kind(node) {
            Kind::Scalar(_) => self.scalar(node, key, &T::FORM).and_then(T::from_scalar),
            Kind::List if T::FORM.list => T::from_list(self, node),
            Kind::List => self.wrong(node, key, &T::FORM, "a list"),
            Kind::Map if T::FORM.mapping => T::from_mapping(self, node),
            Kind::Map => self.wrong(node, key, &T::FORM, "a mapping"),
        };
        self.alias_depth -= usize::from(is_alias);
        value
    }

    /// Reads the items of a list.
    fn items<T: Slot>(&mut self, node: NodeId) -> Vec<T> {
        let items = self.tree.items(node);
        let mut read = Vec::with_capacity(items.len());
        for (position, &item) in items.iter().enumerate() {
            if self.is_stopped {
                break;
            }
            self.path.push(Step::Item(position));
            read.push(T::read(self, item, None));
            self.path.pop();
        }
        read
    }

    fn tagged(&mut self, node: NodeId, tag: &Range<usize>, form: &Form) {
        let detail = format!("The value of {} has a tag, which would change how it is read.", self.here());
        let help = match self.tree.scalar(node) {
            Some((_, text)) if form.text && !self.tree.is_alias(node) => {
                corrected(self.tree.text(), &(tag.start..self.tree.span(node).end), &quoted(text))
            }
            _ => "Remove the tag.".to_owned(),
        };
        self.report(TAG_UNSUPPORTED.found(detail).at(self.span(tag), "this tag").help(help));
    }

    /// Reports a diagnostic, unless it was reported at this place before. It is about the current path if it names no
    /// subject.
    fn report(&mut self, diagnostic: Diagnostic) {
        let start = match diagnostic.labels.first().map(|label| &label.place) {
            Some(Place::Span(span)) => span.start,
            _ => 0,
        };
        if self.is_stopped || !self.reported.insert((diagnostic.code.id, start)) {
            return;
        }
        let has_subject = !diagnostic.subject.is_empty();
        self.diagnostics.push(if has_subject { diagnostic } else { diagnostic.about(self.path()) });
    }

    fn span(&self, range: &Range<usize>) -> Span {
        Span { file: self.file, start: range.start, end: range.end }
    }

    fn path(&self) -> String {
        use std::fmt::Write as _;
        let mut path = String::new();
        for step in &self.path {
            // Writing to a string cannot fail.
            let _ = match step {
                Step::Key(key) if path.is_empty() => write!(path, "{}", escape_truncated(key)),
                Step::Key(key) => write!(path, ".{}", escape_truncated(key)),
                Step::Item(position) => write!(path, "[{position}]"),
            };
        }
        path
    }

    /// Returns the current place in words: its path in backticks, or "the manifest".
    fn here(&self) -> String {
        if self.path.is_empty() { "the manifest".to_owned() } else { format!("`{}`", self.path()) }
    }
}

/// Returns the top-level keys of a manifest, in the order of the types.
pub(super) fn top_level_keys() -> &'static [&'static str] {
    Manifest::KEYS
}

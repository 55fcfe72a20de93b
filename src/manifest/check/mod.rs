//! Everything that is wrong with a tree, measured by the shapes of a manifest.
//!
//! Walks the whole tree once and goes on after each problem. What is broken is marked, and left out when the
//! rest is read; so the later checks still see everything else.

mod value;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::ops::Range;

use super::shape::{FieldsId, Shape, Shapes};
use super::text::{corrected, quoted};
use super::yaml::{
    Entry, Kind, MAX_KEY_BYTES, MAX_MERGED_ENTRIES, MAX_REPEATED, MAX_REPEATED_BYTES, NodeId, Plain, Style,
    Tree, plain,
};
use crate::diagnostics::catalogue::syntax::{
    ALIAS_INVALID, KEY_DUPLICATE, KEY_UNKNOWN, LIMIT_EXCEEDED, TAG_UNSUPPORTED, TYPE_WRONG,
};
use crate::diagnostics::{Collector, Diagnostic, FileId, Span, Suggestions, escape_truncated};

/// What is wrong, and which nodes are of no use.
#[derive(Debug, Default)]
pub(super) struct Findings {
    /// In the order of the text, as far as it is written in order.
    pub(super) diagnostics: Collector<Diagnostic>,
    /// Values that are not what they should be, and keys that should not be there.
    pub(super) broken: HashSet<NodeId>,
    /// Mistyped keys, and the keys that they are read as.
    pub(super) renamed: HashMap<NodeId, String>,
    /// Whether the walk stopped before its end: nothing is known of the rest.
    pub(super) is_stopped: bool,
}

/// Checks a tree.
pub(super) fn check(tree: &Tree, file: FileId, shapes: &Shapes) -> Findings {
    let mut walk = Walk {
        tree,
        file,
        shapes,
        findings: Findings::default(),
        told: HashSet::new(),
        path: Vec::new(),
        alias_depth: 0,
        repeated: 0,
        repeated_bytes: 0,
        merged: 0,
        suggestions: Suggestions::default(),
    };
    if let Some(root) = tree.root() {
        walk.value(root, None, &shapes.root());
    }
    walk.findings
}

#[derive(Clone, Copy)]
enum Step<'t> {
    Key(&'t str),
    Item(usize),
}

struct Walk<'t> {
    tree: &'t Tree,
    file: FileId,
    shapes: &'t Shapes,
    findings: Findings,
    /// What was told, by code and place: an alias would tell it again each time.
    told: HashSet<(&'static str, usize)>,
    path: Vec<Step<'t>>,
    alias_depth: usize,
    repeated: usize,
    repeated_bytes: usize,
    merged: usize,
    suggestions: Suggestions,
}

impl<'t> Walk<'t> {
    /// Checks a value; `key` is the key that it stands under.
    fn value(&mut self, node: NodeId, key: Option<NodeId>, shape: &Shape) {
        if self.findings.is_stopped {
            return;
        }
        if let Some(tag) = self.tree.tag(node) {
            let detail =
                format!("The value of {} has a tag, which would change how it is read.", self.here());
            let help = match self.tree.scalar(node) {
                Some((_, text)) if shape.text && !self.tree.is_alias(node) => {
                    corrected(self.tree.text(), &(tag.start..self.tree.span(node).end), &quoted(text))
                }
                _ => "Remove the tag.".to_owned(),
            };
            self.tell(node, TAG_UNSUPPORTED.found(detail).at(self.span(&tag), "this tag").help(help));
            return;
        }
        let is_alias = self.tree.is_alias(node);
        self.alias_depth += usize::from(is_alias);
        if self.alias_depth > 0 {
            self.repeated += 1;
            self.repeated_bytes += self.tree.scalar(node).map_or(0, |(_, text)| text.len());
            if self.repeated > MAX_REPEATED || self.repeated_bytes > MAX_REPEATED_BYTES {
                self.too_much(node);
                return;
            }
        }
        match self.tree.kind(node) {
            Kind::Scalar(_) => self.scalar(node, key, shape),
            Kind::List => match &shape.list {
                Some(item_shape) => {
                    for (position, &item) in self.tree.items(node).iter().enumerate() {
                        if self.findings.is_stopped {
                            break;
                        }
                        self.path.push(Step::Item(position));
                        self.value(item, None, item_shape);
                        self.path.pop();
                    }
                }
                None => self.wrong(node, key, shape, "a list"),
            },
            Kind::Map => match (shape.fields, &shape.names) {
                (Some(fields), _) => self.fields(node, fields),
                (None, Some(entry_shape)) => self.names(node, entry_shape),
                (None, None) => self.wrong(node, key, shape, "a mapping"),
            },
        }
        self.alias_depth -= usize::from(is_alias);
    }

    fn scalar(&mut self, node: NodeId, key: Option<NodeId>, shape: &Shape) {
        let (style, text) = self.tree.scalar(node).unwrap_or((Style::Plain, ""));
        if style == Style::Text {
            if !shape.text {
                self.wrong(node, key, shape, "text");
            }
            return;
        }
        match plain(text) {
            Plain::Null if shape.null => {}
            Plain::Null => self.missing(node, key, shape),
            Plain::Boolean(value) if shape.switches.contains(&value) => {}
            Plain::Integer(number) if shape.number => {
                if u32::try_from(number).is_err() {
                    self.wrong(node, key, shape, "a number above 4294967295");
                }
            }
            Plain::Text if shape.text => {}
            found if shape.text && !shape.number => self.unquoted(node, text, found),
            Plain::Boolean(_) => self.wrong(node, key, shape, "a boolean"),
            Plain::OtherNumber if shape.number => {
                self.wrong(node, key, shape, "a number that is not one from 0 up without leading zeros");
            }
            Plain::Integer(_) | Plain::OtherNumber => self.wrong(node, key, shape, "a number"),
            Plain::YesOrNo | Plain::Text => self.wrong(node, key, shape, "text"),
        }
    }

    /// A mapping with known keys.
    fn fields(&mut self, node: NodeId, fields: FieldsId) {
        let shapes = self.shapes;
        let entries = self.entries(node);
        let mut unknown = Vec::new();
        let mut there: BTreeSet<&str> = BTreeSet::new();
        for &Entry { key, value, is_own } in &entries {
            if self.findings.is_stopped {
                break;
            }
            let Some(name) = self.key(key) else { continue };
            match shapes.field(fields, name) {
                Some(value_shape) => {
                    there.insert(name);
                    self.path.push(Step::Key(name));
                    self.value(value, Some(key), value_shape);
                    self.path.pop();
                }
                None => unknown.push((key, name, value, is_own)),
            }
        }
        for (key, name, value, is_own) in unknown {
            if self.findings.is_stopped {
                break;
            }
            // Merged or repeated by an alias: it was reported where it is written.
            if self.told.contains(&(KEY_UNKNOWN.id, self.tree.span(key).start)) {
                self.findings.broken.insert(key);
                continue;
            }
            let Some(word) = self.unknown(key, name, fields) else { continue };
            // Read as the key that was meant, where that key is not there too: so it is not called missing,
            // and what is wrong with its value is told as well. Not by way of an alias or a merge: the same key may
            // be right where it is written.
            let is_written_here = is_own && self.alias_depth == 0;
            if is_written_here
                && let Some(value_shape) = shapes.field(fields, word)
                && there.insert(word)
            {
                self.findings.broken.remove(&key);
                self.findings.renamed.insert(key, word.to_owned());
                self.path.push(Step::Key(name));
                self.value(value, Some(key), value_shape);
                self.path.pop();
            }
        }
    }

    /// A mapping of names that the user chooses.
    fn names(&mut self, node: NodeId, entry_shape: &Shape) {
        for Entry { key, value, .. } in self.entries(node) {
            if self.findings.is_stopped {
                break;
            }
            let Some(name) = self.key(key) else { continue };
            self.path.push(Step::Key(name));
            if let Some((Style::Plain, text)) = self.tree.scalar(key)
                && plain(text) != Plain::Text
            {
                self.unquoted(key, text, plain(text));
            }
            self.value(value, Some(key), entry_shape);
            self.path.pop();
        }
    }

    /// The entries of a mapping, each key once, merges followed.
    fn entries(&mut self, node: NodeId) -> Vec<Entry> {
        let mut left = MAX_MERGED_ENTRIES - self.merged.min(MAX_MERGED_ENTRIES);
        let entries = self.tree.entries(node, &mut left);
        self.merged = MAX_MERGED_ENTRIES - left;
        let entries = match entries {
            Ok(entries) => entries,
            Err(bad) if left == 0 => {
                self.too_much(bad);
                return Vec::new();
            }
            Err(bad) => {
                let detail = format!(
                    "`<<` in {} merges the entries of other mappings, and this is no mapping, or one that is merged \
                     from too many others.",
                    self.here()
                );
                let span = self.span(&self.tree.span(bad));
                let diagnostic = ALIAS_INVALID.found(detail).at(span, "this cannot be merged");
                self.tell(node, diagnostic.help("Write `<<: *NAME`, where `&NAME` stands before a mapping."));
                return Vec::new();
            }
        };
        let mut seen: BTreeMap<&str, NodeId> = BTreeMap::new();
        let mut unique = Vec::with_capacity(entries.len());
        for entry in entries {
            if entry.is_own
                && let Some((_, name)) = self.tree.scalar(entry.key)
            {
                if let Some(&first) = seen.get(name)
                    && !self.findings.is_stopped
                {
                    self.duplicate(entry.key, first, name);
                    continue;
                }
                seen.insert(name, entry.key);
            }
            unique.push(entry);
        }
        unique
    }

    /// More than may be repeated.
    fn too_much(&mut self, node: NodeId) {
        let detail = format!(
            "Written out, the aliases of this file would repeat more than {MAX_REPEATED} values or \
             {MAX_REPEATED_BYTES} bytes, or its merges add more than {MAX_MERGED_ENTRIES} entries. The rest of the file \
             was not checked: a few lines could otherwise ask for more than any machine holds."
        );
        let span = self.span(&self.tree.span(node));
        let diagnostic = LIMIT_EXCEEDED.found(detail).at(span, "while this was written out");
        self.tell(node, diagnostic.help("Repeat less, or split the file."));
        self.findings.is_stopped = true;
    }

    /// The text of a key; a key that has none is told.
    fn key(&mut self, key: NodeId) -> Option<&'t str> {
        if let Some(tag) = self.tree.tag(key) {
            let detail = format!("A key of {} has a tag, which would change how it is read.", self.here());
            self.tell(
                key,
                TAG_UNSUPPORTED.found(detail).at(self.span(&tag), "this tag").help("Remove the tag."),
            );
            return None;
        }
        match self.tree.scalar(key) {
            Some((_, name)) if name.len() > MAX_KEY_BYTES => {
                let detail = format!(
                    "A key of {} has {} bytes; a key may have {MAX_KEY_BYTES}. It would be repeated in every address \
                     and message.",
                    self.here(),
                    name.len()
                );
                let span = self.span(&self.tree.span(key));
                let diagnostic = LIMIT_EXCEEDED.found(detail).at(span, "too long for a key");
                self.tell(key, diagnostic.help("Use a shorter key."));
                None
            }
            Some((_, name)) => Some(name),
            None => {
                let detail = format!("A key of {} is a list or a mapping; a key is text.", self.here());
                let span = self.span(&self.tree.span(key));
                self.tell(key, TYPE_WRONG.found(detail).at(span, "this cannot be a key"));
                None
            }
        }
    }

    fn duplicate(&mut self, key: NodeId, first: NodeId, name: &str) {
        let detail = format!(
            "`{}` stands twice in {}; one of the two would be lost.",
            escape_truncated(name),
            self.here()
        );
        let diagnostic = KEY_DUPLICATE
            .found(detail)
            .at(self.span(&self.tree.span(key)), "again here")
            .at(self.span(&self.tree.span(first)), "first here")
            .help("Remove or rename one of them.");
        self.tell(key, diagnostic);
    }

    /// Tells of a key that is not known; gives the key that was probably meant.
    fn unknown(&mut self, key: NodeId, name: &str, fields: FieldsId) -> Option<&'t str> {
        let known: Vec<&'t str> = self.shapes.keys(fields).collect();
        let similar = self.suggestions.closest(name, known.iter().copied());
        let detail = format!(
            "`{}` is not a key of {}. Known there: {}.",
            escape_truncated(name),
            self.here(),
            known.join(", ")
        );
        let span = self.tree.span(key);
        let label =
            similar.map_or_else(|| "not known here".to_owned(), |word| format!("did you mean `{word}`?"));
        let diagnostic = KEY_UNKNOWN.found(detail).at(self.span(&span), label);
        let diagnostic = match similar {
            Some(word) => diagnostic.help(corrected(self.tree.text(), &span, word)),
            None => diagnostic.help("Remove the key; `goldform schema manifest` prints what is known."),
        };
        let subject = if self.path.is_empty() {
            escape_truncated(name)
        } else {
            format!("{}.{}", self.path(), escape_truncated(name))
        };
        self.tell(key, diagnostic.about(subject));
        similar
    }

    /// Marks a node as broken and tells why, once.
    fn tell(&mut self, node: NodeId, diagnostic: Diagnostic) {
        self.findings.broken.insert(node);
        let start = match diagnostic.labels.first().map(|label| &label.place) {
            Some(crate::diagnostics::Place::Span(span)) => span.start,
            _ => 0,
        };
        if self.findings.is_stopped || !self.told.insert((diagnostic.code.id, start)) {
            return;
        }
        let subject = diagnostic.subject.clone();
        let diagnostic = if subject.is_empty() { diagnostic.about(self.path()) } else { diagnostic };
        self.findings.diagnostics.push(diagnostic);
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

    /// The place in words: a path in backticks, or the manifest.
    fn here(&self) -> String {
        if self.path.is_empty() { "the manifest".to_owned() } else { format!("`{}`", self.path()) }
    }
}

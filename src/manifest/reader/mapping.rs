//! Mappings: known keys, names that the user chooses, and merges.

use std::collections::{BTreeMap, BTreeSet};

use crate::diagnostics::catalogue::syntax::{
    ALIAS_INVALID, KEY_DUPLICATE, KEY_UNKNOWN, LIMIT_EXCEEDED, TAG_UNSUPPORTED, TYPE_WRONG,
};
use crate::diagnostics::escape_truncated;
use crate::manifest::syntax::EXTENSION_PREFIX;
use crate::manifest::text::corrected;
use crate::manifest::yaml::{
    Entry, MAX_KEY_BYTES, MAX_MERGED_ENTRIES, MAX_REPEATED, MAX_REPEATED_BYTES, NodeId, Plain, Style, plain,
};

use super::{Keys, Reader, Slot, Step};

impl<'t> Reader<'t> {
    /// Reads a mapping with known keys. Returns `None` if it cannot be merged.
    pub(super) fn keys<T: Keys>(&mut self, node: NodeId) -> Option<T> {
        let mut read = T::default();
        let mut present: BTreeSet<&str> = BTreeSet::new();
        let mut unknown = Vec::new();
        for Entry { key, value, is_own } in self.entries(node)? {
            if self.is_stopped {
                break;
            }
            let Some(name) = self.key(key) else { continue };
            // A place for anchors: top-level keys with this prefix are not read.
            if self.path.is_empty() && name.starts_with(EXTENSION_PREFIX) {
                continue;
            }
            if T::KEYS.contains(&name) {
                present.insert(name);
                self.read_key(&mut read, name, name, value, key);
            } else {
                unknown.push((key, name, value, is_own));
            }
        }
        for (key, name, value, is_own) in unknown {
            if self.is_stopped {
                break;
            }
            // A merge or an alias repeats the key: it was reported where it is written.
            if self.reported.contains(&(KEY_UNKNOWN.id, self.tree.span(key).start)) {
                continue;
            }
            let Some(similar) = self.unknown(key, name, T::KEYS) else { continue };
            // Read as the key that was probably meant, unless that key is present too: it is not reported as missing, and
            // its value is checked. This does not hold for a key that an alias or a merge repeats, which may be right
            // where it is written.
            if is_own && self.alias_depth == 0 && present.insert(similar) {
                self.read_key(&mut read, similar, name, value, key);
            }
        }
        Some(read)
    }

    /// Reads the value of a known key that is written as `name`.
    fn read_key<T: Keys>(&mut self, read: &mut T, known: &str, name: &'t str, value: NodeId, key: NodeId) {
        self.path.push(Step::Key(name));
        read.read_key(known, self, value, key);
        self.path.pop();
    }

    /// Reads a mapping of names that the user chooses. Returns `None` if it cannot be merged.
    pub(super) fn names<T: Slot>(&mut self, node: NodeId) -> Option<Vec<(&'t str, T)>> {
        let entries = self.entries(node)?;
        let mut read = Vec::with_capacity(entries.len());
        for Entry { key, value, .. } in entries {
            if self.is_stopped {
                break;
            }
            let Some(name) = self.key(key) else { continue };
            self.path.push(Step::Key(name));
            let is_text = match self.tree.scalar(key) {
                Some((Style::Plain, text)) => match plain(text) {
                    Plain::Text => true,
                    found => {
                        self.unquoted::<()>(key, text, found);
                        false
                    }
                },
                _ => true,
            };
            let value = T::read(self, value, Some(key));
            self.path.pop();
            if is_text {
                read.push((name, value));
            }
        }
        Some(read)
    }

    /// Returns the entries of a mapping after merges, each key once. Returns `None` if it cannot be merged.
    fn entries(&mut self, node: NodeId) -> Option<Vec<Entry>> {
        let mut left = MAX_MERGED_ENTRIES - self.merged.min(MAX_MERGED_ENTRIES);
        let entries = self.tree.entries(node, &mut left);
        self.merged = MAX_MERGED_ENTRIES - left;
        let entries = match entries {
            Ok(entries) => entries,
            Err(bad) if left == 0 => {
                self.too_much(bad);
                return None;
            }
            Err(bad) => {
                let detail = format!(
                    "`<<` in {} merges the entries of other mappings, but this is not a mapping, or merges too many others.",
                    self.here()
                );
                let span = self.span(&self.tree.span(bad));
                let diagnostic = ALIAS_INVALID.found(detail).at(span, "this cannot be merged");
                self.report(diagnostic.help("Write `<<: *NAME`, with `&NAME` before a mapping."));
                return None;
            }
        };
        let mut seen: BTreeMap<&str, NodeId> = BTreeMap::new();
        let mut unique = Vec::with_capacity(entries.len());
        for entry in entries {
            if entry.is_own
                && let Some((_, name)) = self.tree.scalar(entry.key)
            {
                if let Some(&first) = seen.get(name)
                    && !self.is_stopped
                {
                    self.duplicate(entry.key, first, name);
                    continue;
                }
                seen.insert(name, entry.key);
            }
            unique.push(entry);
        }
        Some(unique)
    }

    /// Reports that aliases and merges repeat too much, and stops.
    pub(super) fn too_much(&mut self, node: NodeId) {
        let detail = format!(
            "The aliases of this file repeat more than {MAX_REPEATED} values or {MAX_REPEATED_BYTES} bytes, or its merges add \
             more than {MAX_MERGED_ENTRIES} entries. The rest of the file was not checked, since a few lines could need \
             more memory than there is."
        );
        let span = self.span(&self.tree.span(node));
        let diagnostic = LIMIT_EXCEEDED.found(detail).at(span, "the limit is reached here");
        self.report(diagnostic.help("Repeat less, or split the file."));
        self.is_stopped = true;
    }

    /// Returns the text of a key, or reports why it is not a key.
    fn key(&mut self, key: NodeId) -> Option<&'t str> {
        if let Some(tag) = self.tree.tag(key) {
            let detail = format!("A key of {} has a tag, which would change how it is read.", self.here());
            self.report(
                TAG_UNSUPPORTED.found(detail).at(self.span(&tag), "this tag").help("Remove the tag."),
            );
            return None;
        }
        match self.tree.scalar(key) {
            Some((_, name)) if name.len() > MAX_KEY_BYTES => {
                let detail = format!(
                    "A key of {} has {} bytes, but at most {MAX_KEY_BYTES} are allowed, since keys are repeated in addresses and \
                     messages.",
                    self.here(),
                    name.len()
                );
                let span = self.span(&self.tree.span(key));
                let diagnostic = LIMIT_EXCEEDED.found(detail).at(span, "too long for a key");
                self.report(diagnostic.help("Use a shorter key."));
                None
            }
            Some((_, name)) => Some(name),
            None => {
                let detail = format!("A key of {} is a list or a mapping, but must be text.", self.here());
                let span = self.span(&self.tree.span(key));
                self.report(TYPE_WRONG.found(detail).at(span, "not a valid key"));
                None
            }
        }
    }

    fn duplicate(&mut self, key: NodeId, first: NodeId, name: &str) {
        let detail = format!(
            "`{}` is written twice in {}, so one of the two would be lost.",
            escape_truncated(name),
            self.here()
        );
        let diagnostic = KEY_DUPLICATE
            .found(detail)
            .at(self.span(&self.tree.span(key)), "again here")
            .at(self.span(&self.tree.span(first)), "first here")
            .help("Remove or rename one of them.");
        self.report(diagnostic);
    }

    /// Reports an unknown key, and returns the known one that was probably meant.
    fn unknown(&mut self, key: NodeId, name: &str, known: &[&'static str]) -> Option<&'static str> {
        let mut known = known.to_vec();
        known.sort_unstable();
        let similar = self.suggestions.closest(name, known.iter().copied());
        let detail = format!(
            "`{}` is not a key of {}. Its keys are {}.",
            escape_truncated(name),
            self.here(),
            known.join(", ")
        );
        let span = self.tree.span(key);
        let label =
            similar.map_or_else(|| "unknown key".to_owned(), |word| format!("did you mean `{word}`?"));
        let diagnostic = KEY_UNKNOWN.found(detail).at(self.span(&span), label);
        let diagnostic = match similar {
            Some(word) => diagnostic.help(corrected(self.tree.text(), &span, word)),
            None => diagnostic.help("Remove the key. `goldform schema manifest` prints all keys."),
        };
        let subject = if self.path.is_empty() {
            escape_truncated(name)
        } else {
            format!("{}.{}", self.path(), escape_truncated(name))
        };
        self.report(diagnostic.about(subject));
        similar
    }
}

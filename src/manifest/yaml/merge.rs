//! Merge keys: entries of a mapping, including those that `<<` merges.

use std::collections::HashSet;

use super::MAX_MERGED;
use super::tree::{Kind, NodeId, Style, Tree};

/// Deepest nesting of merges.
const MAX_MERGES: usize = 16;

/// Entry of a mapping.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::manifest) struct Entry {
    /// Key.
    pub(in crate::manifest) key: NodeId,
    /// Value.
    pub(in crate::manifest) value: NodeId,
    /// Whether it is written in this mapping rather than merged.
    pub(in crate::manifest) is_own: bool,
}

impl Tree {
    /// Returns whether a key is the merge key, a plain `<<`.
    pub(in crate::manifest) fn is_merge(&self, key: NodeId) -> bool {
        self.scalar(key) == Some((Style::Plain, "<<"))
    }

    /// Returns the entries of a mapping: its own, then those of merged mappings whose keys are not present yet.
    ///
    /// `left`: number of entries that may still be merged. Merges of merges can represent more than fits in memory.
    ///
    /// # Errors
    /// See [`Tree::merged`]. Returns the value for which `left` was not enough.
    pub(in crate::manifest) fn entries(&self, id: NodeId, left: &mut usize) -> Result<Vec<Entry>, NodeId> {
        let own = self.pairs(id).filter(|(key, _)| !self.is_merge(*key));
        let mut entries: Vec<Entry> = own.map(|(key, value)| Entry { key, value, is_own: true }).collect();
        let merged = self.merged(id)?;
        if merged.is_empty() {
            return Ok(entries);
        }
        let mut seen: HashSet<&str> = entries.iter().filter_map(|entry| self.name(entry.key)).collect();
        for map in merged {
            for (key, value) in self.pairs(map) {
                *left = left.checked_sub(1).ok_or(value)?;
                if !self.is_merge(key) && self.name(key).is_none_or(|name| seen.insert(name)) {
                    entries.push(Entry { key, value, is_own: false });
                }
            }
        }
        Ok(entries)
    }

    /// Returns the entry of a key: the mapping's own, or else that of the first merged mapping that has one.
    pub(in crate::manifest) fn entry_or_merged(&self, id: NodeId, key: &str) -> Option<(NodeId, NodeId)> {
        let own = self.entry(id, key);
        own.or_else(|| self.merged(id).ok()?.into_iter().find_map(|map| self.entry(map, key)))
    }

    /// Returns the merged mappings, each once, in the order of precedence: depth first, as they are written.
    ///
    /// # Errors
    /// Returns a value of a merge key that is not a mapping or a list of mappings, is nested too deeply, or exceeds
    /// [`MAX_MERGED`].
    fn merged(&self, id: NodeId) -> Result<Vec<NodeId>, NodeId> {
        let mut merged = Vec::new();
        self.add_merges(id, MAX_MERGES, &mut merged)?;
        Ok(merged)
    }

    fn add_merges(&self, map: NodeId, depth: usize, merged: &mut Vec<NodeId>) -> Result<(), NodeId> {
        // A fast exit: most mappings merge nothing.
        if self.entry(map, "<<").is_none() {
            return Ok(());
        }
        for (_, value) in self.pairs(map).filter(|(key, _)| self.is_merge(*key)) {
            let depth = depth.checked_sub(1).ok_or(value)?;
            let items = match self.kind(value) {
                Kind::List => self.items(value),
                _ => std::slice::from_ref(&value),
            };
            for &item in items {
                if self.kind(item) != Kind::Map {
                    return Err(item);
                }
                let target = self.target(item);
                if merged.contains(&target) {
                    continue;
                }
                if merged.len() >= MAX_MERGED {
                    return Err(item);
                }
                merged.push(target);
                self.add_merges(target, depth, merged)?;
            }
        }
        Ok(())
    }

    fn name(&self, key: NodeId) -> Option<&str> {
        self.scalar(key).map(|(_, text)| text)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn merged(text: &str, key: &str) -> Vec<(String, String)> {
        let tree = Tree::build(&Arc::from(text)).unwrap();
        let (_, map) = tree.entry(tree.root().unwrap(), key).unwrap();
        let text = |id| tree.scalar(id).unwrap().1.to_owned();
        tree.entries(map, &mut 100)
            .unwrap()
            .iter()
            .map(|entry| (text(entry.key), text(entry.value)))
            .collect()
    }

    #[test]
    fn own_entries_win_over_merged_ones_and_earlier_merges_over_later() {
        let text = "a: &a {x: 1, y: 1}\nb: &b {y: 2, z: 2}\nc:\n  <<: [*a, *b]\n  x: 3\n";
        let text = merged(text, "c");
        let expected = [("x", "3"), ("y", "1"), ("z", "2")];
        assert_eq!(text, expected.map(|(key, value)| (key.to_owned(), value.to_owned())));
    }

    #[test]
    fn a_mapping_that_is_merged_twice_counts_once_and_too_many_are_refused() {
        use std::fmt::Write as _;
        let twice = format!("a: &a {{x: 1}}\nc:\n  <<: [{}]\n", vec!["*a"; 1_000].join(", "));
        assert_eq!(merged(&twice, "c"), [("x".to_owned(), "1".to_owned())]);
        let mut many = String::new();
        for number in 0..=MAX_MERGED {
            writeln!(many, "m{number}: &m{number} {{x{number}: 1}}").unwrap();
        }
        let names: Vec<String> = (0..=MAX_MERGED).map(|number| format!("*m{number}")).collect();
        writeln!(many, "c:\n  <<: [{}]", names.join(", ")).unwrap();
        let tree = Tree::build(&Arc::from(many.as_str())).unwrap();
        let (_, map) = tree.entry(tree.root().unwrap(), "c").unwrap();
        assert!(tree.entries(map, &mut 1_000_000).is_err());
    }
}

//! Merge keys: the entries of a mapping after `<<` is followed.

use std::collections::BTreeSet;

use super::tree::{Kind, NodeId, Style, Tree};

/// How deep merges of merges may go.
const MAX_MERGES: usize = 16;

/// A key, its value, and whether they come from a merged mapping.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::manifest) struct Entry {
    /// The key.
    pub(in crate::manifest) key: NodeId,
    /// Its value.
    pub(in crate::manifest) value: NodeId,
    /// Whether it stands in this mapping itself.
    pub(in crate::manifest) is_own: bool,
}

impl Tree {
    /// Whether a key is the merge key: a plain `<<`.
    pub(in crate::manifest) fn is_merge(&self, key: NodeId) -> bool {
        self.scalar(key) == Some((Style::Plain, "<<"))
    }

    /// The entries of a mapping: its own, then those of the mappings that it merges and that it, or an earlier
    /// one, does not set itself.
    ///
    /// `left`: how many entries may still be merged. A merge of merges can stand for more than any memory holds.
    ///
    /// # Errors
    /// The value of a merge key that is no mapping or list of mappings, that is nested too deeply, or at which
    /// nothing was left.
    pub(in crate::manifest) fn entries(&self, id: NodeId, left: &mut usize) -> Result<Vec<Entry>, NodeId> {
        let mut merges = Vec::new();
        let mut entries: Vec<Entry> = Vec::new();
        for (key, value) in self.pairs(id) {
            if self.is_merge(key) {
                merges.push(value);
            } else {
                entries.push(Entry { key, value, is_own: true });
            }
        }
        if merges.is_empty() {
            return Ok(entries);
        }
        let mut seen: BTreeSet<&str> = entries.iter().filter_map(|entry| self.name(entry.key)).collect();
        for value in merges {
            self.merge(value, MAX_MERGES, left, &mut seen, &mut entries)?;
        }
        Ok(entries)
    }

    fn name(&self, key: NodeId) -> Option<&str> {
        self.scalar(key).map(|(_, text)| text)
    }

    fn merge<'t>(
        &'t self,
        value: NodeId,
        depth: usize,
        left: &mut usize,
        seen: &mut BTreeSet<&'t str>,
        entries: &mut Vec<Entry>,
    ) -> Result<(), NodeId> {
        let Some(depth) = depth.checked_sub(1) else { return Err(value) };
        match self.kind(value) {
            Kind::List => {
                for &item in self.items(value) {
                    if self.kind(item) != Kind::Map {
                        return Err(item);
                    }
                    self.merge(item, depth, left, seen, entries)?;
                }
                Ok(())
            }
            Kind::Map => {
                let mut merges = Vec::new();
                for (key, entry) in self.pairs(value) {
                    *left = left.checked_sub(1).ok_or(value)?;
                    let value = entry;
                    if self.is_merge(key) {
                        merges.push(value);
                    } else if self.name(key).is_none_or(|name| seen.insert(name)) {
                        entries.push(Entry { key, value, is_own: false });
                    }
                }
                merges.into_iter().try_for_each(|value| self.merge(value, depth, left, seen, entries))
            }
            Kind::Scalar(_) => Err(value),
        }
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
}

//! Resolves groups of accounts and sets of regions to their members.

use std::collections::{BTreeMap, BTreeSet};

use compact_str::CompactString;

use crate::diagnostics::catalogue::syntax::VALUE_MALFORMED;
use crate::diagnostics::{ManifestPath, escape_truncated};
use crate::manifest::syntax::{List, Text};

use super::Resolver;

/// Most lists that contain each other in a row.
const MAX_NESTING: usize = 16;

/// Lists by name, as they are written.
pub(super) type Lists<'m> = BTreeMap<&'m str, &'m List<Text>>;

/// Resolved lists by name.
pub(super) type Members<T> = BTreeMap<CompactString, Vec<T>>;

/// Resolver of one item that is no list.
type Leaf<'r, 'm, 'v, T> = dyn FnMut(&mut Resolver<'m, 'v>, &str, ManifestPath) -> Option<T> + 'r;

struct Nesting<'r, 'm, 'v, T> {
    section: &'static str,
    lists: &'r Lists<'m>,
    known: Members<T>,
    /// Lists that are being resolved, the outer one first.
    open: Vec<&'m str>,
    leaf: &'r mut Leaf<'r, 'm, 'v, T>,
}

impl<'m, 'v> Resolver<'m, 'v> {
    /// Returns the members of all lists of a section, each once. `leaf` resolves an item that names no list.
    pub(super) fn members<T: Clone + Ord>(
        &mut self,
        section: &'static str,
        lists: &Lists<'m>,
        leaf: &mut Leaf<'_, 'm, 'v, T>,
    ) -> Members<T> {
        let mut nesting = Nesting { section, lists, known: Members::new(), open: Vec::new(), leaf };
        for name in lists.keys() {
            self.list(name, &mut nesting);
        }
        nesting.known
    }

    /// Resolves a list and the lists in it.
    fn list<T: Clone + Ord>(&mut self, name: &'m str, nesting: &mut Nesting<'_, 'm, 'v, T>) {
        if nesting.known.contains_key(name) {
            return;
        }
        let Some(list) = nesting.lists.get(name).copied() else { return };
        nesting.open.push(name);
        let path = ManifestPath::root().field(nesting.section).field(name);
        let mut members: BTreeSet<T> = BTreeSet::new();
        for (position, text) in self.items(list, &path) {
            let path = path.index(position);
            let Some((&inner, _)) = nesting.lists.get_key_value(&*text) else {
                members.extend((nesting.leaf)(self, &text, path));
                continue;
            };
            if nesting.open.contains(&inner) || nesting.open.len() >= MAX_NESTING {
                self.nested_badly(inner, nesting.open.contains(&inner), path);
                continue;
            }
            self.list(inner, nesting);
            let found = nesting.known.get(inner).map(Vec::as_slice).unwrap_or_default();
            if self.has_room_for_members(found.len(), || path) {
                members.extend(found.iter().cloned());
            }
        }
        nesting.open.pop();
        nesting.known.insert(name.into(), members.into_iter().collect());
    }

    fn nested_badly(&mut self, name: &str, is_circle: bool, path: ManifestPath) {
        let name = escape_truncated(name);
        let detail = match is_circle {
            true => format!("`{path}` names `{name}`, which contains this list."),
            false => format!(
                "`{path}` names `{name}`, and more than {MAX_NESTING} lists contain each other in a row."
            ),
        };
        let diagnostic = VALUE_MALFORMED.found(detail).at(path.clone(), "one too many");
        self.report(diagnostic.help("Name its members instead.").about(path));
    }
}

//! Finds the spans of paths: the file and the bytes of a part of the manifest.

use std::sync::{Arc, OnceLock};

use super::yaml::{Kind, NodeId, Tree};
use crate::diagnostics::{FileId, ManifestPath, Place, Segment, Sources, Span};

/// Finds the spans of paths in the manifest.
///
/// It owns the texts of all files. The tree of a file is built when the first path is searched in it, unless the slow path
/// has built it. A search then costs microseconds.
#[derive(Debug, Default)]
pub struct Locator {
    sources: Sources,
    files: Vec<File>,
}

#[derive(Debug, Default)]
struct File {
    /// Inner `None`: the text is not YAML.
    tree: OnceLock<Option<Arc<Tree>>>,
    /// Numbers of items in earlier files.
    bases: Bases,
}

/// Numbers of items in earlier files, for the lists that are joined over all files.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Bases {
    /// Items of `shares`.
    pub(super) shares: usize,
    /// Items of `renames`.
    pub(super) renames: usize,
}

/// Longest part of a path that a file contains.
struct Match {
    span: Span,
    /// Number of segments.
    depth: usize,
}

impl Locator {
    /// Adds a file and returns its number.
    pub(super) fn add(&mut self, name: String, text: Arc<str>) -> FileId {
        self.files.push(File::default());
        self.sources.add(name, text)
    }

    /// Sets where the lists of a file start, and its tree if the slow path has built one.
    pub(super) fn set_tree(&mut self, file: FileId, tree: Option<Arc<Tree>>, bases: Bases) {
        let file = usize::try_from(file.0).ok().and_then(|at| self.files.get_mut(at));
        if let Some(file) = file {
            file.bases = bases;
            if tree.is_some() {
                let _ = file.tree.set(tree);
            }
        }
    }

    /// Returns the files.
    pub fn sources(&self) -> &Sources {
        &self.sources
    }

    /// Returns the span of a place.
    pub fn place(&self, place: &Place) -> Option<Span> {
        match place {
            Place::Span(span) => Some(*span),
            Place::Path(path) => self.locate(path),
        }
    }

    /// Returns the span of a path: of its value or, if the path names a key, of that key. If the path is not written in
    /// any file, returns the span of the key of its longest part that is, or the start of the first file.
    ///
    /// A value of an image that is written under `defaults` is found there.
    pub fn locate(&self, path: &ManifestPath) -> Option<Span> {
        let own = self.longest(path);
        let is_whole = own.as_ref().is_some_and(|found| found.depth == path.segments.len());
        let default = in_defaults(path).filter(|_| !is_whole);
        let default =
            default.and_then(|path| self.longest(&path).filter(|found| found.depth == path.segments.len()));
        default.or(own).map(|found| found.span)
    }

    /// Returns the span of the value at a path, or of its default under `defaults`. Returns `None` if it is not written.
    pub fn written(&self, path: &ManifestPath) -> Option<Span> {
        let whole = |path: &ManifestPath| {
            self.longest(path).filter(|found| found.depth == path.segments.len()).map(|found| found.span)
        };
        whole(path).or_else(|| whole(&in_defaults(path)?))
    }

    /// Returns the longest part of a path that a file contains.
    fn longest(&self, path: &ManifestPath) -> Option<Match> {
        let mut best: Option<Match> = None;
        for number in 0..self.files.len() {
            let Some(found) = self.find(number, path) else { continue };
            if best.as_ref().is_none_or(|best| found.depth > best.depth) {
                best = Some(found);
            }
        }
        best
    }

    /// Returns the span of a path in one file. Returns `None` if that file does not contain the whole path.
    pub(super) fn locate_in(&self, file: FileId, path: &ManifestPath) -> Option<Span> {
        let found = self.find(usize::try_from(file.0).ok()?, path)?;
        (found.depth == path.segments.len()).then_some(found.span)
    }

    fn tree(&self, number: usize) -> Option<&Arc<Tree>> {
        let file = self.files.get(number)?;
        let tree = file.tree.get_or_init(|| {
            let source = self.sources.get(FileId(u32::try_from(number).ok()?))?;
            Tree::build(&source.text).ok().map(Arc::new)
        });
        tree.as_ref()
    }

    fn find(&self, number: usize, path: &ManifestPath) -> Option<Match> {
        let file = FileId(u32::try_from(number).ok()?);
        let at = |range: std::ops::Range<usize>| Span { file, start: range.start, end: range.end };
        let tree = self.tree(number)?;
        let Some(root) = tree.root() else {
            return Some(Match { span: at(0..0), depth: 0 });
        };
        let bases = self.files.get(number).map(|file| file.bases).unwrap_or_default();
        let mut node = root;
        let mut key: Option<NodeId> = None;
        let mut depth = 0;
        for (position, segment) in path.segments.iter().enumerate() {
            let next = match segment {
                Segment::Key(name) => entry(tree, node, name),
                Segment::Index(index) => {
                    let index = match (position, path.segments.first()) {
                        (1, Some(Segment::Key(list))) if list == "shares" => index.checked_sub(bases.shares),
                        (1, Some(Segment::Key(list))) if list == "renames" => {
                            index.checked_sub(bases.renames)
                        }
                        _ => Some(*index),
                    };
                    index.and_then(|index| tree.items(node).get(index)).map(|&item| (None, item))
                }
            };
            let Some((next_key, next_node)) = next else { break };
            key = next_key;
            node = next_node;
            depth = position + 1;
        }
        let is_whole = depth == path.segments.len();
        let is_item = depth > 0 && matches!(path.segments.get(depth - 1), Some(Segment::Index(_)));
        let span = if depth == 0 {
            0..0
        } else if is_whole && (!path.at_key || is_item) {
            match (tree.span(node), key) {
                // A key without a value.
                (span, Some(key)) if span.is_empty() => tree.span(key),
                (span, _) => span,
            }
        } else if is_item {
            first_line(tree, node)
        } else {
            key.map_or_else(|| tree.span(node), |key| tree.span(key))
        };
        Some(Match { span: at(span), depth })
    }
}

/// Returns the path under `defaults` of a value of an image.
fn in_defaults(path: &ManifestPath) -> Option<ManifestPath> {
    match path.segments.as_slice() {
        [Segment::Key(images), Segment::Key(_), rest @ ..] if images == "images" && !rest.is_empty() => {
            let mut path = ManifestPath { at_key: path.at_key, ..ManifestPath::root().field("defaults") };
            path.segments.extend_from_slice(rest);
            Some(path)
        }
        _ => None,
    }
}

/// Returns the key and value of an entry of a mapping, merges included.
fn entry(tree: &Tree, node: NodeId, name: &str) -> Option<(Option<NodeId>, NodeId)> {
    if tree.kind(node) != Kind::Map {
        return None;
    }
    let found = tree.entry_or_merged(node, name);
    found.map(|(key, value)| (Some(key), value))
}

/// Returns the first line of a node, for an item of a list, which has no key.
fn first_line(tree: &Tree, node: NodeId) -> std::ops::Range<usize> {
    let span = tree.span(node);
    let text = tree.text().get(span.clone()).unwrap_or_default();
    let end = text.find(['\n', '\r']).unwrap_or(text.len());
    span.start..span.start + end
}

#[cfg(test)]
mod tests {
    use super::*;

    fn locator(texts: &[&str]) -> Locator {
        let mut locator = Locator::default();
        for (number, text) in texts.iter().enumerate() {
            locator.add(format!("{number}.yaml"), Arc::from(*text));
        }
        locator
    }

    fn cut(locator: &Locator, path: &ManifestPath) -> String {
        let span = locator.locate(path).unwrap();
        let text = &locator.sources().get(span.file).unwrap().text;
        format!("{}:{}", span.file.0, &text[span.start..span.end])
    }

    #[test]
    fn a_path_has_the_span_of_its_value_its_key_or_its_longest_part() {
        let text = "images:\n  wéb: {region: ap-tokyo, copies: [a, b]}\n  \"api\":\n    name: x\n";
        let locator = locator(&[text]);
        let images = ManifestPath::root().field("images");
        for (path, expected) in [
            (images.field("wéb").field("region"), "0:ap-tokyo"),
            (images.field("wéb").field("copies").index(1), "0:b"),
            (images.field("wéb").key(), "0:wéb"),
            (images.field("api").key(), "0:\"api\""),
            (images.field("api").field("region"), "0:\"api\""),
            (images.field("wéb").field("copies").index(7), "0:copies"),
            (images.field("gone").field("region"), "0:images"),
            (ManifestPath::root().field("gone"), "0:"),
        ] {
            assert_eq!(cut(&locator, &path), expected, "{path}");
        }
    }

    #[test]
    fn items_of_joined_lists_are_counted_over_files() {
        let mut locator = locator(&["shares: [a, b]\n", "shares:\n  - image: c\n"]);
        locator.set_tree(FileId(1), None, Bases { shares: 2, renames: 0 });
        let shares = ManifestPath::root().field("shares");
        assert_eq!(cut(&locator, &shares.index(1)), "0:b");
        assert_eq!(cut(&locator, &shares.index(2).field("image")), "1:c");
    }

    #[test]
    fn an_entry_of_another_file_is_found_there() {
        let locator = locator(&["images: {a: {name: x}}\n", "images: {b: {name: y}}\n"]);
        let path = ManifestPath::root().field("images").field("b").field("name");
        assert_eq!(cut(&locator, &path), "1:y");
    }
}

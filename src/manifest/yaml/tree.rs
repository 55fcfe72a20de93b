//! Tree of a YAML text, with the exact span of every key and value.
//!
//! It is an arena: nodes have numbers, and the children of a collection are adjacent. [`super::build`] builds it.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

/// Number of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(in crate::manifest) struct NodeId(pub(super) u32);

/// Style of a scalar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::manifest) enum Style {
    /// Without quotes, so that it may be a number, a boolean or null.
    Plain,
    /// In quotes or as a block, so that it is text.
    Text,
}

/// Kind of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::manifest) enum Kind {
    /// A scalar.
    Scalar(Style),
    /// A list.
    List,
    /// A mapping.
    Map,
}

/// Content of a node.
#[derive(Debug)]
pub(super) enum Content {
    /// Scalar whose value is a part of the text.
    Slice(Style, Range<u32>),
    /// Scalar with escapes or folded lines.
    Owned(Style, Box<str>),
    /// Range of its items among the children.
    List(Range<u32>),
    /// Range of its keys and values, alternating, among the children.
    Map(Range<u32>),
    /// Reference to another node.
    Alias(NodeId),
}

/// Node with its span.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) span: Range<u32>,
    pub(super) content: Content,
}

/// Tree of a YAML text.
#[derive(Debug)]
pub(in crate::manifest) struct Tree {
    pub(super) text: Arc<str>,
    pub(super) nodes: Vec<Node>,
    pub(super) children: Vec<NodeId>,
    /// Spans of explicit tags by node.
    pub(super) tags: BTreeMap<NodeId, Range<usize>>,
    /// Positions of the entries of large mappings, in the alphabetical order of their keys.
    pub(super) indexes: BTreeMap<NodeId, Vec<u32>>,
    pub(super) root: Option<NodeId>,
}

impl Tree {
    /// Returns the value of the document, or `None` for an empty text.
    pub(in crate::manifest) fn root(&self) -> Option<NodeId> {
        self.root
    }

    /// Returns the text.
    pub(in crate::manifest) fn text(&self) -> &str {
        &self.text
    }

    fn node(&self, id: NodeId) -> Option<&Node> {
        self.nodes.get(usize::try_from(id.0).ok()?)
    }

    /// Returns the target of an alias, or the node itself.
    pub(in crate::manifest) fn target(&self, mut id: NodeId) -> NodeId {
        // The target of an alias is finished before the alias is read, so this loop ends.
        while let Some(Node { content: Content::Alias(target), .. }) = self.node(id) {
            id = *target;
        }
        id
    }

    /// Returns whether the node is an alias.
    pub(in crate::manifest) fn is_alias(&self, id: NodeId) -> bool {
        self.target(id) != id
    }

    /// Returns the span of the node. The span of an alias is that of the alias itself.
    pub(in crate::manifest) fn span(&self, id: NodeId) -> Range<usize> {
        self.node(id).map_or(0..0, |node| to_usize(&node.span))
    }

    /// Returns the span of the node's explicit tag.
    pub(in crate::manifest) fn tag(&self, id: NodeId) -> Option<Range<usize>> {
        self.tags.get(&id).cloned()
    }

    /// Returns the kind of the node, or of the target of an alias.
    pub(in crate::manifest) fn kind(&self, id: NodeId) -> Kind {
        match self.node(self.target(id)).map(|node| &node.content) {
            Some(Content::Slice(style, _) | Content::Owned(style, _)) => Kind::Scalar(*style),
            Some(Content::List(_)) => Kind::List,
            Some(Content::Map(_)) => Kind::Map,
            Some(Content::Alias(_)) | None => Kind::Scalar(Style::Plain),
        }
    }

    /// Returns the value of a scalar, or of the target of an alias. Returns `None` for collections.
    pub(in crate::manifest) fn scalar(&self, id: NodeId) -> Option<(Style, &str)> {
        match &self.node(self.target(id))?.content {
            Content::Slice(style, range) => Some((*style, self.text.get(to_usize(range))?)),
            Content::Owned(style, text) => Some((*style, text)),
            _ => None,
        }
    }

    /// Returns the items of a list, or of the target of an alias. Empty for other nodes.
    pub(in crate::manifest) fn items(&self, id: NodeId) -> &[NodeId] {
        match self.node(self.target(id)).map(|node| &node.content) {
            Some(Content::List(range)) => self.children.get(to_usize(range)).unwrap_or_default(),
            _ => &[],
        }
    }

    /// Returns the keys and values of a mapping, or of the target of an alias, without merges. Empty for other nodes.
    pub(in crate::manifest) fn pairs(&self, id: NodeId) -> impl Iterator<Item = (NodeId, NodeId)> + '_ {
        let children = match self.node(self.target(id)).map(|node| &node.content) {
            Some(Content::Map(range)) => self.children.get(to_usize(range)).unwrap_or_default(),
            _ => &[],
        };
        children.chunks_exact(2).filter_map(|pair| Some((*pair.first()?, *pair.get(1)?)))
    }

    /// Returns the first entry with this key, without merges.
    pub(in crate::manifest) fn entry(&self, id: NodeId, key: &str) -> Option<(NodeId, NodeId)> {
        let id = self.target(id);
        let Some(index) = self.indexes.get(&id) else {
            return self.pairs(id).find(|(name, _)| self.is_key(*name, key));
        };
        let Content::Map(range) = &self.node(id)?.content else { return None };
        let children = self.children.get(to_usize(range))?;
        let pair_at = |position: u32| {
            let at = usize::try_from(position).ok()?.checked_mul(2)?;
            Some((*children.get(at)?, *children.get(at.checked_add(1)?)?))
        };
        let name_at = |position: u32| pair_at(position).map_or("", |(name, _)| self.key_text(name));
        let first = index.partition_point(|&position| name_at(position) < key);
        pair_at(*index.get(first)?).filter(|(name, _)| self.is_key(*name, key))
    }

    fn is_key(&self, id: NodeId, key: &str) -> bool {
        self.scalar(id).is_some_and(|(_, text)| text == key)
    }

    /// Returns the text of a key, or an empty text if it is not a scalar.
    pub(super) fn key_text(&self, id: NodeId) -> &str {
        self.scalar(id).map_or("", |(_, text)| text)
    }
}

/// Converts a range of the arena or of the text.
pub(super) fn to_usize(range: &Range<u32>) -> Range<usize> {
    // A text has at most MAX_BYTES bytes.
    usize::try_from(range.start).unwrap_or(usize::MAX)..usize::try_from(range.end).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::super::error::SyntaxErrorKind;
    use super::*;

    fn tree(text: &str) -> Tree {
        Tree::build(&Arc::from(text)).unwrap()
    }

    /// Every key and value of the top mapping, as the spans cut them out of the text.
    fn cuts(text: &str) -> Vec<(String, String)> {
        let tree = tree(text);
        let cut = |id| tree.text().get(tree.span(id)).unwrap().to_owned();
        tree.pairs(tree.root().unwrap()).map(|(key, value)| (cut(key), cut(value))).collect()
    }

    #[test]
    fn spans_are_exact() {
        let text = "a: 1 # one\n\"b\": 'it''s'  \nc: [x, \"y\"]\nd:\n  - p\n  - q: r\ne: {f: g}\nh: two\n  lines\ni:\nj: z\n";
        let found = cuts(text);
        let found: Vec<(&str, &str)> =
            found.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
        assert_eq!(
            found,
            [
                ("a", "1"),
                ("\"b\"", "'it''s'"),
                ("c", "[x, \"y\"]"),
                ("d", "- p\n  - q: r"),
                ("e", "{f: g}"),
                ("h", "two\n  lines"),
                ("i", ""),
                ("j", "z"),
            ]
        );
    }

    #[test]
    fn spans_are_exact_after_non_ascii_text_crlf_and_bom() {
        for text in ["é: 日本語\nb: ж\n", "é: 日本語\r\nb: ж\r\n", "\u{feff}é: 日本語\nb: ж\n"]
        {
            assert_eq!(cuts(text), [("é".into(), "日本語".into()), ("b".into(), "ж".into())], "{text:?}");
        }
    }

    #[test]
    fn an_alias_has_its_own_span_and_the_value_of_its_anchor() {
        let tree = tree("a: &x [1, 2]\nb: *x\n");
        let (_, alias) = tree.entry(tree.root().unwrap(), "b").unwrap();
        assert!(tree.is_alias(alias));
        assert_eq!(tree.text().get(tree.span(alias)), Some("*x"));
        assert_eq!(tree.items(alias).len(), 2);
    }

    #[test]
    fn keys_of_large_mappings_are_found() {
        use std::fmt::Write as _;
        let mut text = String::new();
        for number in 0..1000 {
            writeln!(text, "key-{number}: {number}").unwrap();
        }
        let tree = tree(&text);
        for number in [0, 7, 999] {
            let (_, value) = tree.entry(tree.root().unwrap(), &format!("key-{number}")).unwrap();
            assert_eq!(tree.scalar(value), Some((Style::Plain, number.to_string().as_str())));
        }
        assert_eq!(tree.entry(tree.root().unwrap(), "key-1000"), None);
    }

    #[test]
    fn invalid_yaml_and_exceeded_limits_are_errors() {
        let deep = "[".repeat(100_000);
        for (text, kind) in [
            ("a: *a\n", SyntaxErrorKind::UnknownAnchor),
            ("a: &a [*a]\n", SyntaxErrorKind::AliasOfItself),
            ("a: 1\n---\nb: 2\n", SyntaxErrorKind::SeveralDocuments),
            (deep.as_str(), SyntaxErrorKind::TooDeep),
        ] {
            assert_eq!(
                Tree::build(&Arc::from(text)).unwrap_err().kind,
                kind,
                "{}",
                &text[..text.len().min(20)]
            );
        }
    }
}

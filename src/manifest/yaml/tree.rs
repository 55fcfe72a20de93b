//! A tree of a YAML text, with the exact span of every key and value.
//!
//! Built from events with a stack of its own, so no text can overflow ours. An arena: nodes are numbers, the
//! children of a collection stand side by side.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use granit_parser::{Event, Parser, ScalarStyle, Span, StructureStyle};

use super::error::{Refusal, What};
use super::{MAX_ALIASES, MAX_ANCHORS, MAX_DEPTH, MAX_NODES, parser_options};

/// The number of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(in crate::manifest) struct NodeId(u32);

/// How a scalar is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::manifest) enum Style {
    /// Without quotes: it may read as a number, a boolean or null.
    Plain,
    /// In quotes, or as a block: always text.
    Text,
}

/// What a node is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::manifest) enum Kind {
    /// A scalar.
    Scalar(Style),
    /// A list.
    List,
    /// A mapping.
    Map,
}

#[derive(Debug)]
enum Content {
    /// A scalar whose value stands in the text as it is.
    Slice(Style, Range<u32>),
    /// A scalar with escapes or folded lines.
    Owned(Style, Box<str>),
    List(Range<u32>),
    /// Keys and values in turn.
    Map(Range<u32>),
    /// Stands for another node.
    Alias(NodeId),
}

#[derive(Debug)]
struct Node {
    span: Range<u32>,
    content: Content,
}

/// A YAML text as a tree.
#[derive(Debug)]
pub(in crate::manifest) struct Tree {
    text: Arc<str>,
    nodes: Vec<Node>,
    children: Vec<NodeId>,
    /// Spans of explicit tags, by node.
    tags: BTreeMap<NodeId, Range<usize>>,
    /// The keys of large mappings in alphabetical order, as positions among their entries.
    indexes: BTreeMap<NodeId, Vec<u32>>,
    root: Option<NodeId>,
}

/// From this many entries on, a mapping's keys are indexed.
const INDEXED_FROM: usize = 16;

impl Tree {
    /// Builds the tree of a text.
    ///
    /// # Errors
    /// Where the text is no YAML, holds several documents, or exceeds a limit.
    pub(in crate::manifest) fn build(text: &Arc<str>) -> Result<Self, Refusal> {
        Builder::new(text).run()
    }

    /// The document's value; nothing in an empty text.
    pub(in crate::manifest) fn root(&self) -> Option<NodeId> {
        self.root
    }

    /// The text.
    pub(in crate::manifest) fn text(&self) -> &str {
        &self.text
    }

    fn node(&self, id: NodeId) -> Option<&Node> {
        self.nodes.get(usize::try_from(id.0).ok()?)
    }

    /// The node that an alias stands for; any other node itself.
    pub(in crate::manifest) fn target(&self, mut id: NodeId) -> NodeId {
        // An alias is made only of a finished node, so this ends.
        while let Some(Node { content: Content::Alias(target), .. }) = self.node(id) {
            id = *target;
        }
        id
    }

    /// Whether the node is an alias.
    pub(in crate::manifest) fn is_alias(&self, id: NodeId) -> bool {
        self.target(id) != id
    }

    /// Where the node stands: for an alias, where it is written.
    pub(in crate::manifest) fn span(&self, id: NodeId) -> Range<usize> {
        self.node(id).map_or(0..0, |node| wide(&node.span))
    }

    /// The span of the node's explicit tag.
    pub(in crate::manifest) fn tag(&self, id: NodeId) -> Option<Range<usize>> {
        self.tags.get(&id).cloned()
    }

    /// What the node is, aliases followed.
    pub(in crate::manifest) fn kind(&self, id: NodeId) -> Kind {
        match self.node(self.target(id)).map(|node| &node.content) {
            Some(Content::Slice(style, _) | Content::Owned(style, _)) => Kind::Scalar(*style),
            Some(Content::List(_)) => Kind::List,
            Some(Content::Map(_)) => Kind::Map,
            Some(Content::Alias(_)) | None => Kind::Scalar(Style::Plain),
        }
    }

    /// The value of a scalar, aliases followed; nothing for collections.
    pub(in crate::manifest) fn scalar(&self, id: NodeId) -> Option<(Style, &str)> {
        match &self.node(self.target(id))?.content {
            Content::Slice(style, range) => Some((*style, self.text.get(wide(range))?)),
            Content::Owned(style, text) => Some((*style, text)),
            _ => None,
        }
    }

    /// The items of a list, aliases followed; none for other nodes.
    pub(in crate::manifest) fn items(&self, id: NodeId) -> &[NodeId] {
        match self.node(self.target(id)).map(|node| &node.content) {
            Some(Content::List(range)) => self.children.get(wide(range)).unwrap_or_default(),
            _ => &[],
        }
    }

    /// The keys and values of a mapping as written, aliases followed; none for other nodes.
    pub(in crate::manifest) fn pairs(&self, id: NodeId) -> impl Iterator<Item = (NodeId, NodeId)> + '_ {
        let children = match self.node(self.target(id)).map(|node| &node.content) {
            Some(Content::Map(range)) => self.children.get(wide(range)).unwrap_or_default(),
            _ => &[],
        };
        children.chunks_exact(2).filter_map(|pair| Some((*pair.first()?, *pair.get(1)?)))
    }

    /// The entry of a mapping under a key as written (the first, where it stands twice).
    pub(in crate::manifest) fn entry(&self, id: NodeId, key: &str) -> Option<(NodeId, NodeId)> {
        let id = self.target(id);
        let Some(index) = self.indexes.get(&id) else {
            return self.pairs(id).find(|(name, _)| self.is_key(*name, key));
        };
        let Content::Map(range) = &self.node(id)?.content else { return None };
        let children = self.children.get(wide(range))?;
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

    fn key_text(&self, id: NodeId) -> &str {
        self.scalar(id).map_or("", |(_, text)| text)
    }
}

fn wide(range: &Range<u32>) -> Range<usize> {
    // A text has at most MAX_BYTES bytes.
    usize::try_from(range.start).unwrap_or(usize::MAX)..usize::try_from(range.end).unwrap_or(usize::MAX)
}

fn narrow(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

/// A collection whose end has not come yet.
struct Open {
    id: NodeId,
    is_map: bool,
    is_flow: bool,
    /// Where its children start in the builder's own stack.
    first_child: usize,
}

struct Builder<'t> {
    text: &'t Arc<str>,
    tree: Tree,
    open: Vec<Open>,
    /// The children of the open collections, one collection after the other.
    pending: Vec<NodeId>,
    /// Finished nodes by anchor.
    anchors: BTreeMap<usize, NodeId>,
    /// Collections that have an anchor and are still open: an alias to one would be a circle.
    open_anchors: BTreeMap<usize, NodeId>,
    aliases: usize,
    documents: usize,
}

impl<'t> Builder<'t> {
    fn new(text: &'t Arc<str>) -> Self {
        Self {
            text,
            tree: Tree {
                text: Arc::clone(text),
                nodes: Vec::new(),
                children: Vec::new(),
                tags: BTreeMap::new(),
                indexes: BTreeMap::new(),
                root: None,
            },
            open: Vec::new(),
            pending: Vec::new(),
            anchors: BTreeMap::new(),
            open_anchors: BTreeMap::new(),
            aliases: 0,
            documents: 0,
        }
    }

    fn run(mut self) -> Result<Tree, Refusal> {
        let text = Arc::clone(self.text);
        for event in Parser::new_from_str_with_options(&text, parser_options()) {
            let (event, span) = event.map_err(|error| Refusal::of(&error, &text, self.opener()))?;
            self.event(event, &span)?;
        }
        Ok(self.tree)
    }

    /// The bracket of the innermost collection, where it is one in brackets.
    fn opener(&self) -> Option<Range<usize>> {
        let open = self.open.last().filter(|open| open.is_flow)?;
        let start = self.tree.span(open.id).start;
        Some(start..start + 1)
    }

    fn event(&mut self, event: Event<'_>, span: &Span) -> Result<(), Refusal> {
        let range = self.range(span);
        match event {
            Event::DocumentStart(..) => {
                self.documents += 1;
                if self.documents > 1 {
                    return Err(Refusal::at(What::SeveralDocuments, self.marker(range.start)));
                }
            }
            Event::Scalar(value, style, anchor, tag) => {
                let tag = tag.map(|_| self.tag_range(span, &range));
                let content = self.scalar(&value, style, &range);
                let id = self.add(range, content)?;
                self.annotate(id, tag);
                self.anchor(anchor, id)?;
                self.place(id);
            }
            Event::Alias(anchor) => {
                self.aliases += 1;
                if self.aliases > MAX_ALIASES {
                    return Err(Refusal::at(What::TooManyAliases, range));
                }
                if self.open_anchors.contains_key(&anchor) {
                    return Err(Refusal::at(What::AliasOfItself, range));
                }
                let Some(&target) = self.anchors.get(&anchor) else {
                    return Err(Refusal::at(What::UnknownAnchor, range));
                };
                let id = self.add(range, Content::Alias(target))?;
                self.place(id);
            }
            Event::SequenceStart(style, anchor, tag) => {
                let tag = tag.map(|_| self.tag_range(span, &range));
                self.start(false, style, anchor, tag, range)?;
            }
            Event::MappingStart(style, anchor, tag) => {
                let tag = tag.map(|_| self.tag_range(span, &range));
                self.start(true, style, anchor, tag, range)?;
            }
            Event::SequenceEnd | Event::MappingEnd => self.end(&range),
            _ => {}
        }
        Ok(())
    }

    /// The bytes of a span, on character boundaries and within the text.
    fn range(&self, span: &Span) -> Range<usize> {
        let boundary = |mut at: usize| {
            at = at.min(self.text.len());
            while !self.text.is_char_boundary(at) {
                at -= 1;
            }
            at
        };
        let start = boundary(span.start.byte_offset().unwrap_or(0));
        let end = boundary(span.end.byte_offset().unwrap_or(start));
        start..end.max(start)
    }

    fn tag_range(&self, span: &Span, node: &Range<usize>) -> Range<usize> {
        span.tag_span().map_or_else(|| node.start..node.start, |tag| self.range(&tag))
    }

    /// The `---` that starts a document, or the first byte of it.
    fn marker(&self, start: usize) -> Range<usize> {
        let rest = self.text.get(start..).unwrap_or_default();
        let length = if rest.starts_with("---") { 3 } else { rest.chars().next().map_or(0, char::len_utf8) };
        start..start + length
    }

    fn scalar(&self, value: &str, style: ScalarStyle, range: &Range<usize>) -> Content {
        let source = self.text.get(range.clone()).unwrap_or_default();
        let (style, inner) = match style {
            ScalarStyle::Plain => (Style::Plain, range.clone()),
            ScalarStyle::SingleQuoted | ScalarStyle::DoubleQuoted if source.len() >= 2 => {
                (Style::Text, range.start + 1..range.end - 1)
            }
            _ => (Style::Text, 0..0),
        };
        // A place that is left empty comes as a plain `~` of no length.
        let value: &str = if range.is_empty() && style == Style::Plain { "" } else { value };
        if self.text.get(inner.clone()) == Some(value) {
            Content::Slice(style, narrow(inner.start)..narrow(inner.end))
        } else {
            Content::Owned(style, value.into())
        }
    }

    fn add(&mut self, span: Range<usize>, content: Content) -> Result<NodeId, Refusal> {
        if self.tree.nodes.len() >= MAX_NODES {
            return Err(Refusal::at(What::TooManyNodes, span));
        }
        let id = NodeId(narrow(self.tree.nodes.len()));
        self.tree.nodes.push(Node { span: narrow(span.start)..narrow(span.end), content });
        Ok(id)
    }

    fn annotate(&mut self, id: NodeId, tag: Option<Range<usize>>) {
        if let Some(tag) = tag {
            self.tree.tags.insert(id, tag);
        }
    }

    fn anchor(&mut self, anchor: usize, id: NodeId) -> Result<(), Refusal> {
        if anchor != 0 {
            self.anchors.insert(anchor, id);
            if self.anchors.len() > MAX_ANCHORS {
                return Err(Refusal::at(What::TooManyAnchors, self.tree.span(id)));
            }
        }
        Ok(())
    }

    fn start(
        &mut self,
        is_map: bool,
        style: StructureStyle,
        anchor: usize,
        tag: Option<Range<usize>>,
        range: Range<usize>,
    ) -> Result<(), Refusal> {
        if self.open.len() >= MAX_DEPTH {
            return Err(Refusal::at(What::TooDeep, range));
        }
        let content = if is_map { Content::Map(0..0) } else { Content::List(0..0) };
        let id = self.add(range, content)?;
        self.annotate(id, tag);
        if anchor != 0 {
            self.open_anchors.insert(anchor, id);
        }
        let is_flow = matches!(style, StructureStyle::Flow);
        self.open.push(Open { id, is_map, is_flow, first_child: self.pending.len() });
        Ok(())
    }

    fn end(&mut self, range: &Range<usize>) {
        let Some(Open { id, is_map, is_flow, first_child }) = self.open.pop() else { return };
        let first = narrow(self.tree.children.len());
        self.tree.children.extend(self.pending.drain(first_child..));
        let children = first..narrow(self.tree.children.len());
        let last_child_end = self.tree.children.last().filter(|_| !children.is_empty());
        let last_child_end = last_child_end.map_or(range.start, |&last| self.tree.span(last).end);
        let end = if is_flow { range.end } else { last_child_end };
        let index = if is_map { self.index(&children) } else { None };
        if let Some(node) = usize::try_from(id.0).ok().and_then(|at| self.tree.nodes.get_mut(at)) {
            node.span.end = narrow(end).max(node.span.start);
            node.content = if is_map { Content::Map(children) } else { Content::List(children) };
        }
        if let Some(index) = index {
            self.tree.indexes.insert(id, index);
        }
        // There are few open anchors, since depth is limited.
        if let Some((&anchor, _)) = self.open_anchors.iter().find(|(_, open)| **open == id) {
            self.open_anchors.remove(&anchor);
            self.anchors.insert(anchor, id);
        }
        self.place(id);
    }

    fn index(&self, children: &Range<u32>) -> Option<Vec<u32>> {
        let keys: Vec<NodeId> = self.tree.children.get(wide(children))?.iter().copied().step_by(2).collect();
        if keys.len() < INDEXED_FROM {
            return None;
        }
        let mut order: Vec<u32> = (0..narrow(keys.len())).collect();
        let name = |position: u32| {
            let key = usize::try_from(position).ok().and_then(|at| keys.get(at));
            key.map_or("", |&key| self.tree.key_text(key))
        };
        order.sort_by(|&a, &b| name(a).cmp(name(b)));
        Some(order)
    }

    /// Puts a finished node where it belongs.
    fn place(&mut self, id: NodeId) {
        if self.open.is_empty() {
            self.tree.root = Some(id);
        } else {
            self.pending.push(id);
        }
    }
}

#[cfg(test)]
mod tests {
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
    fn what_is_no_yaml_or_too_much_is_refused() {
        let deep = "[".repeat(100_000);
        for (text, what) in [
            ("a: *a\n", What::UnknownAnchor),
            ("a: &a [*a]\n", What::AliasOfItself),
            ("a: 1\n---\nb: 2\n", What::SeveralDocuments),
            (deep.as_str(), What::TooDeep),
        ] {
            assert_eq!(
                Tree::build(&Arc::from(text)).unwrap_err().what,
                what,
                "{}",
                &text[..text.len().min(20)]
            );
        }
    }
}

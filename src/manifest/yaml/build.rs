//! Builds a tree from events. Its stack is on the heap, so that no text can overflow the call stack.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use granit_parser::{Event, Parser, ScalarStyle, Span, StructureStyle};

use super::error::{SyntaxError, SyntaxErrorKind};
use super::tree::{Content, Node, NodeId, Style, Tree, to_usize};
use super::{MAX_ALIASES, MAX_ANCHORS, MAX_DEPTH, MAX_NODES, parser_options};

/// Least entries of a mapping whose keys are indexed.
const INDEXED_FROM: usize = 16;

/// Returns a number of a text, which has at most `MAX_BYTES` bytes.
fn to_u32(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

/// Collection whose end is not read yet.
struct Open {
    id: NodeId,
    is_map: bool,
    is_flow: bool,
    /// Position of its first child in `pending`.
    first_child: usize,
}

impl Tree {
    /// Builds the tree of a text.
    ///
    /// # Errors
    /// Fails if the text is not valid YAML, holds several documents, or exceeds a limit.
    pub(in crate::manifest) fn build(text: &Arc<str>) -> Result<Self, SyntaxError> {
        Builder::new(text).run()
    }
}

/// Builds a tree from events.
struct Builder<'t> {
    text: &'t Arc<str>,
    tree: Tree,
    open: Vec<Open>,
    /// Children of the open collections, from the outermost to the innermost.
    pending: Vec<NodeId>,
    /// Finished nodes by anchor.
    anchors: BTreeMap<usize, NodeId>,
    /// Open collections with an anchor. An alias to one would be infinite.
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

    fn run(mut self) -> Result<Tree, SyntaxError> {
        let text = Arc::clone(self.text);
        for event in Parser::new_from_str_with_options(&text, parser_options()) {
            let (event, span) = event.map_err(|error| SyntaxError::of(&error, &text, self.opener()))?;
            self.event(event, &span)?;
        }
        Ok(self.tree)
    }

    /// Returns the bracket of the innermost collection, if it is in brackets.
    fn opener(&self) -> Option<Range<usize>> {
        let open = self.open.last().filter(|open| open.is_flow)?;
        let start = self.tree.span(open.id).start;
        Some(start..start + 1)
    }

    fn event(&mut self, event: Event<'_>, span: &Span) -> Result<(), SyntaxError> {
        let range = self.range(span);
        match event {
            Event::DocumentStart(..) => {
                self.documents += 1;
                if self.documents > 1 {
                    return Err(SyntaxError::at(SyntaxErrorKind::SeveralDocuments, self.marker(range.start)));
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
                    return Err(SyntaxError::at(SyntaxErrorKind::TooManyAliases, range));
                }
                if self.open_anchors.contains_key(&anchor) {
                    return Err(SyntaxError::at(SyntaxErrorKind::AliasOfItself, range));
                }
                let Some(&target) = self.anchors.get(&anchor) else {
                    return Err(SyntaxError::at(SyntaxErrorKind::UnknownAnchor, range));
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

    /// Returns the bytes of a span, on character boundaries and within the text.
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

    /// Returns the `---` that starts a document, or its first character.
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
        // The parser reports an empty value as a plain `~` of length 0.
        let value: &str = if range.is_empty() && style == Style::Plain { "" } else { value };
        if self.text.get(inner.clone()) == Some(value) {
            Content::Slice(style, to_u32(inner.start)..to_u32(inner.end))
        } else {
            Content::Owned(style, value.into())
        }
    }

    fn add(&mut self, span: Range<usize>, content: Content) -> Result<NodeId, SyntaxError> {
        if self.tree.nodes.len() >= MAX_NODES {
            return Err(SyntaxError::at(SyntaxErrorKind::TooManyNodes, span));
        }
        let id = NodeId(to_u32(self.tree.nodes.len()));
        self.tree.nodes.push(Node { span: to_u32(span.start)..to_u32(span.end), content });
        Ok(id)
    }

    fn annotate(&mut self, id: NodeId, tag: Option<Range<usize>>) {
        if let Some(tag) = tag {
            self.tree.tags.insert(id, tag);
        }
    }

    fn anchor(&mut self, anchor: usize, id: NodeId) -> Result<(), SyntaxError> {
        if anchor != 0 {
            self.anchors.insert(anchor, id);
            if self.anchors.len() > MAX_ANCHORS {
                return Err(SyntaxError::at(SyntaxErrorKind::TooManyAnchors, self.tree.span(id)));
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
    ) -> Result<(), SyntaxError> {
        if self.open.len() >= MAX_DEPTH {
            return Err(SyntaxError::at(SyntaxErrorKind::TooDeep, range));
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
        let first = to_u32(self.tree.children.len());
        self.tree.children.extend(self.pending.drain(first_child..));
        let children = first..to_u32(self.tree.children.len());
        let last_child_end = self.tree.children.last().filter(|_| !children.is_empty());
        let last_child_end = last_child_end.map_or(range.start, |&last| self.tree.span(last).end);
        let end = if is_flow { range.end } else { last_child_end };
        let index = if is_map { self.index(&children) } else { None };
        if let Some(node) = usize::try_from(id.0).ok().and_then(|at| self.tree.nodes.get_mut(at)) {
            node.span.end = to_u32(end).max(node.span.start);
            node.content = if is_map { Content::Map(children) } else { Content::List(children) };
        }
        if let Some(index) = index {
            self.tree.indexes.insert(id, index);
        }
        // There are few open anchors, since the depth is limited.
        if let Some((&anchor, _)) = self.open_anchors.iter().find(|(_, open)| **open == id) {
            self.open_anchors.remove(&anchor);
            self.anchors.insert(anchor, id);
        }
        self.place(id);
    }

    fn index(&self, children: &Range<u32>) -> Option<Vec<u32>> {
        let keys: Vec<NodeId> =
            self.tree.children.get(to_usize(children))?.iter().copied().step_by(2).collect();
        if keys.len() < INDEXED_FROM {
            return None;
        }
        let mut order: Vec<u32> = (0..to_u32(keys.len())).collect();
        let name = |position: u32| {
            let key = usize::try_from(position).ok().and_then(|at| keys.get(at));
            key.map_or("", |&key| self.tree.key_text(key))
        };
        order.sort_by(|&a, &b| name(a).cmp(name(b)));
        Some(order)
    }

    /// Adds a finished node to the innermost open collection.
    fn place(&mut self, id: NodeId) {
        if self.open.is_empty() {
            self.tree.root = Some(id);
        } else {
            self.pending.push(id);
        }
    }
}

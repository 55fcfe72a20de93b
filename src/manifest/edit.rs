//! Sets and removes single values in the text of a manifest, and keeps every other byte.
//!
//! The text may be in any style that the reader accepts. A value that an alias or a merge shares with other places gets an
//! own entry if that is possible, and is refused otherwise. The result is read again: if anything but the named place has
//! another meaning, the edit is refused and the text stays as it is.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use super::lines::{column, line_end, line_ending};
use super::writer::{quoted, scalar};
use super::yaml::{Kind, NodeId, Plain, Style, Tree, plain};

/// New value of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NewValue {
    /// Text.
    Text(String),
    /// Number or boolean, as it is written.
    Literal(String),
    /// The key is removed.
    Unset,
}

/// Reason why a text cannot be edited.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EditError {
    /// The text is not YAML, or has too many aliases.
    #[error("the text cannot be read")]
    Unreadable,
    /// A part of the path is not a mapping.
    #[error("`{0}` is not a mapping")]
    NotMapping(String),
    /// The key has a list or a mapping.
    #[error("`{0}` has a list or a mapping")]
    NotScalar(String),
    /// Other places use the same value through an alias or a merge.
    #[error("`{0}` shares its value with other places, through an alias or a merge")]
    Shared(String),
    /// The value takes a variable.
    #[error("`{path}` takes its value from `{reference}`")]
    Variable {
        /// Path of the key.
        path: String,
        /// Reference in its value.
        reference: String,
    },
    /// The style of the text does not allow the edit.
    #[error("`{0}` is written in a style that cannot be edited")]
    Style(String),
}

/// Returns the text with another value at a path of keys. `None` if the text has that value already.
///
/// # Errors
/// If the text cannot be edited there. See [`EditError`].
pub fn edit(text: &str, path: &[&str], value: &NewValue) -> Result<Option<String>, EditError> {
    let tree = Tree::build(&Arc::from(text)).map_err(|_| EditError::Unreadable)?;
    let Some(edited) = changed(text, &tree, path, value)? else { return Ok(None) };
    let named = || path.join(".");
    let style = || EditError::Style(named());
    let after = Tree::build(&Arc::from(edited.as_str())).map_err(|_| style())?;
    let mut expected = Outline::of(&tree).ok_or(EditError::Unreadable)?;
    expected.set(path, value).ok_or_else(style)?;
    let found = Outline::of(&after).ok_or_else(style)?;
    if found == expected { Ok(Some(edited)) } else { Err(EditError::Shared(named())) }
}

/// Returns how many keys of a path a text has, one in the other.
pub fn depth(text: &str, path: &[&str]) -> usize {
    let Ok(tree) = Tree::build(&Arc::from(text)) else { return 0 };
    let Some(mut node) = tree.root() else { return 0 };
    for (depth, key) in path.iter().enumerate() {
        match tree.entry_or_merged(node, key) {
            Some((_, value)) => node = value,
            None => return depth,
        }
    }
    path.len()
}

/// Returns the lines that a person can write instead of an edit.
pub fn by_hand(path: &[&str], value: &NewValue) -> String {
    let mut lines = Vec::new();
    for (level, key) in path.iter().enumerate() {
        let end = if level + 1 < path.len() { String::new() } else { format!(" {}", value.written(false)) };
        lines.push(format!("{}{}:{end}", "  ".repeat(level), scalar(key)));
    }
    lines.join("\n")
}

impl NewValue {
    fn written(&self, in_quotes: bool) -> String {
        match self {
            Self::Text(text) if in_quotes => quoted(text),
            Self::Text(text) => scalar(text),
            Self::Literal(text) => text.clone(),
            Self::Unset => String::new(),
        }
    }
}

/// Makes the edit, or returns `None` if there is nothing to do.
fn changed(text: &str, tree: &Tree, path: &[&str], value: &NewValue) -> Result<Option<String>, EditError> {
    let named = |length: usize| path.get(..length).unwrap_or_default().join(".");
    let Some(mut node) = tree.root() else {
        return match value {
            NewValue::Unset => Ok(None),
            _ => Err(EditError::Style(named(path.len()))),
        };
    };
    for (depth, key) in path.iter().enumerate() {
        if tree.kind(node) != Kind::Map {
            return Err(EditError::NotMapping(named(depth)));
        }
        let is_last = depth + 1 == path.len();
        if tree.is_alias(node) {
            return Err(EditError::Shared(named(depth)));
        }
        let Some((key_node, found)) = tree.entry(node, key) else {
            let is_merged = tree.entry_or_merged(node, key).is_some();
            if *value == NewValue::Unset {
                return if is_merged { Err(EditError::Shared(named(depth + 1))) } else { Ok(None) };
            }
            if is_merged && !is_last {
                return Err(EditError::Shared(named(depth + 1)));
            }
            let rest = path.get(depth + 1..).unwrap_or_default();
            let nested = rest
                .iter()
                .rev()
                .fold(value.written(false), |inner, key| format!("{{ {}: {inner} }}", scalar(key)));
            let entry = format!("{}: {nested}", scalar(key));
            let inserted = insert(text, tree, node, &entry);
            return inserted.map(Some).ok_or_else(|| EditError::Style(named(path.len())));
        };
        if is_last {
            return match value {
                NewValue::Unset => remove(text, tree, node, key_node)
                    .map(Some)
                    .ok_or_else(|| EditError::Style(named(path.len()))),
                _ => replace(text, tree, (key_node, found), value, &named(path.len())),
            };
        }
        node = found;
    }
    Ok(None)
}

/// Replaces a scalar.
fn replace(
    text: &str,
    tree: &Tree,
    (key, node): (NodeId, NodeId),
    value: &NewValue,
    path: &str,
) -> Result<Option<String>, EditError> {
    let style = || EditError::Style(path.to_owned());
    let Some((kind, before)) = tree.scalar(node) else { return Err(EditError::NotScalar(path.to_owned())) };
    let (after, is_text) = match value {
        NewValue::Text(text) => (text, true),
        NewValue::Literal(text) => (text, false),
        NewValue::Unset => return Ok(None),
    };
    let span = tree.span(node);
    let written = text.get(span.clone()).ok_or_else(style)?;
    if before == after && (is_text || kind == Style::Plain) && !written.is_empty() {
        return Ok(None);
    }
    if let Some(reference) = reference(before) {
        return Err(EditError::Variable { path: path.to_owned(), reference: reference.to_owned() });
    }
    if tree.tag(node).is_some() {
        return Err(style());
    }
    if written.is_empty() {
        // `key:` without a value.
        let after_key = text.get(tree.span(key).end..).ok_or_else(style)?;
        let colon = after_key.find(':').ok_or_else(style)?;
        let at = tree.span(key).end + colon + 1;
        return splice(text, at..at, &format!(" {}", value.written(false))).map(Some).ok_or_else(style);
    }
    let in_quotes = written.starts_with(['"', '\'']);
    let mut start = span.start;
    if kind == Style::Text && !in_quotes {
        // The span of a block is its content: the header before it goes too, unless it has a comment or an anchor.
        let head = text.get(tree.span(key).end..start).ok_or_else(style)?;
        let blank_or_colon = |c: char| c == ':' || c.is_whitespace();
        let header = head.trim_matches(blank_or_colon);
        if !header.starts_with(['|', '>']) || header.contains('#') {
            return Err(style());
        }
        start = tree.span(key).end + head.find(['|', '>']).ok_or_else(style)?;
    }
    // It reaches to the next key.
    let end = span.start + written.trim_end().len();
    splice(text, start..end, &value.written(in_quotes)).map(Some).ok_or_else(style)
}

/// Returns the first reference to a variable in a text. `$${` is a literal `${`.
fn reference(text: &str) -> Option<&str> {
    let mut from = 0;
    while let Some(found) = text.get(from..)?.find("${") {
        let at = from + found;
        let is_escaped = text.get(..at).is_some_and(|before| before.ends_with('$'));
        if !is_escaped {
            let end = text.get(at..)?.find('}').map_or(text.len(), |end| at + end + 1);
            return text.get(at..end);
        }
        from = at + 2;
    }
    None
}

/// Inserts an entry as the last one of a mapping.
fn insert(text: &str, tree: &Tree, map: NodeId, entry: &str) -> Option<String> {
    let span = tree.span(map);
    let written = text.get(span.clone())?;
    let last = tree.pairs(map).last();
    if written.starts_with('{') {
        let Some((key, value)) = last else { return splice(text, span, &format!("{{ {entry} }}")) };
        // A value that is left out has an empty span.
        let end = tree.span(value).end.max(tree.span(key).end);
        return splice(text, end..end, &format!(", {entry}"));
    }
    let (first, _) = tree.pairs(map).next()?;
    let indentation = indentation(text, tree.span(first).start)?;
    let end = text.get(..span.end)?.trim_end().len();
    let at = line_end(text, end);
    let ending = line_ending(text);
    let before = text.get(..at)?;
    let mut inserted = String::new();
    if !before.ends_with(['\n', '\r']) {
        inserted.push_str(ending);
    }
    inserted.push_str(&" ".repeat(indentation));
    inserted.push_str(entry);
    inserted.push_str(ending);
    splice(text, at..at, &inserted)
}

/// Removes an entry of a mapping.
fn remove(text: &str, tree: &Tree, map: NodeId, key: NodeId) -> Option<String> {
    let pairs: Vec<(NodeId, NodeId)> = tree.pairs(map).collect();
    let at = pairs.iter().position(|(name, _)| *name == key)?;
    let (_, value) = *pairs.get(at)?;
    let start = tree.span(key).start;
    let end = tree.span(value).end.max(tree.span(key).end);
    if text.get(tree.span(map))?.starts_with('{') {
        let next = pairs.get(at + 1).map(|(name, _)| tree.span(*name).start);
        let previous = at.checked_sub(1).and_then(|before| pairs.get(before));
        let range = match (next, previous) {
            (Some(next), _) => start..next,
            (None, Some((name, value))) => tree.span(*value).end.max(tree.span(*name).end)..end,
            (None, None) => start..end,
        };
        return splice(text, range, "");
    }
    // The last entry of a block mapping would leave a key without a value.
    if pairs.len() < 2 {
        return None;
    }
    let column = column(text, start)?;
    let trimmed = text.get(..end)?.trim_end().len().max(tree.span(key).end);
    splice(text, start.checked_sub(column)?..line_end(text, trimmed), "")
}

/// Returns the column of a key, which only blanks and the dashes of lists may precede on its line.
fn indentation(text: &str, at: usize) -> Option<usize> {
    let before = text.get(..at)?;
    let line = before.rfind(['\n', '\r']).map_or(before, |end| before.get(end + 1..).unwrap_or_default());
    let line = line.strip_prefix('\u{feff}').unwrap_or(line);
    line.bytes().all(|b| matches!(b, b' ' | b'-')).then_some(line.len())
}

fn splice(text: &str, range: Range<usize>, new: &str) -> Option<String> {
    Some([text.get(..range.start)?, new, text.get(range.end..)?].concat())
}

/// Meaning of a text, with aliases and merges written out.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Outline {
    /// Plain or in quotes: `a` and `"a"` are the same text, `1` and `"1"` are not the same value.
    Scalar {
        is_text: bool,
        text: String,
    },
    List(Vec<Outline>),
    Map(BTreeMap<String, Outline>),
}

/// Most values of an outline. Aliases can represent more than fits in memory.
const MAX_OUTLINE: usize = 4_000_000;

impl Outline {
    /// Returns the outline of a text. `None` if it is too large, or a merge is malformed.
    fn of(tree: &Tree) -> Option<Self> {
        let mut left = MAX_OUTLINE;
        match tree.root() {
            Some(root) => Self::of_node(tree, root, &mut left),
            None => Some(Self::Map(BTreeMap::new())),
        }
    }

    /// The nesting of a tree is limited, that of aliases too: an alias refers to an earlier node.
    fn of_node(tree: &Tree, node: NodeId, left: &mut usize) -> Option<Self> {
        *left = left.checked_sub(1)?;
        Some(match tree.kind(node) {
            Kind::Scalar(style) => {
                let (_, text) = tree.scalar(node)?;
                let is_text = style == Style::Text || plain(text) == Plain::Text;
                Self::Scalar { is_text, text: text.to_owned() }
            }
            Kind::List => Self::List(
                tree.items(node)
                    .iter()
                    .map(|item| Self::of_node(tree, *item, left))
                    .collect::<Option<_>>()?,
            ),
            Kind::Map => {
                let mut map = BTreeMap::new();
                for entry in tree.entries(node, left).ok()? {
                    let name = tree.scalar(entry.key).map(|(_, text)| text.to_owned()).unwrap_or_default();
                    map.insert(name, Self::of_node(tree, entry.value, left)?);
                }
                Self::Map(map)
            }
        })
    }

    fn set(&mut self, path: &[&str], value: &NewValue) -> Option<()> {
        let (key, rest) = path.split_first()?;
        let Self::Map(map) = self else { return None };
        if !rest.is_empty() {
            return map
                .entry((*key).to_owned())
                .or_insert_with(|| Self::Map(BTreeMap::new()))
                .set(rest, value);
        }
        let key = (*key).to_owned();
        match value {
            NewValue::Text(text) => map.insert(key, Self::Scalar { is_text: true, text: text.clone() }),
            NewValue::Literal(text) => map.insert(key, Self::Scalar { is_text: false, text: text.clone() }),
            NewValue::Unset => map.remove(&key),
        };
        Some(())
    }
}

#[cfg(test)]
mod tests;

//! Inserts new entries into the text of a manifest, and keeps every other byte.
//!
//! Entries are inserted after the last entry of `images` and `shares`, with the indentation of their neighbours. The caller
//! reads the result again and compares it with the intended manifest, so that a text in an unsupported style is refused
//! and never damaged.

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;

use super::lines::{column, line_end, line_ending};
use super::writer::scalar;
use super::yaml::{Kind, NodeId, Tree};
use crate::model::{AccountId, ImageId, ImageKey, Region, Tags};

/// Entry for an adopted image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewEntry {
    /// Key.
    pub key: ImageKey,
    /// Region of the origin.
    pub region: Region,
    /// Name of the image.
    pub name: String,
    /// Description, or `None` if it is not managed.
    pub description: Option<String>,
    /// Family, or `None` if it is not managed.
    pub family: Option<String>,
    /// Whether goldform manages its deprecation mark. It does not if the image is deprecated.
    pub deprecate: bool,
    /// Tags that it has in all regions.
    pub tags: Tags,
    /// Id of the origin.
    pub id: ImageId,
    /// Regions of its copies.
    pub copies: Vec<Region>,
    /// Shares.
    pub shares: Vec<NewShare>,
}

/// Entry under `shares`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewShare {
    /// Accounts.
    pub with: Vec<AccountId>,
    /// Regions. Empty means all regions of the image.
    pub regions: BTreeSet<Region>,
}

/// Reason why entries cannot be inserted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InsertError(pub String);

/// Collection into which entries are inserted.
#[derive(Clone, Copy)]
enum Section {
    Images,
    Shares,
}

impl Section {
    fn key(self) -> &'static str {
        match self {
            Self::Images => "images",
            Self::Shares => "shares",
        }
    }

    fn kind(self) -> Kind {
        match self {
            Self::Images => Kind::Map,
            Self::Shares => Kind::List,
        }
    }
}

/// Returns the text with inserted entries. `account_name` returns the name of an account in the manifest.
///
/// # Errors
/// Fails if the style of the text does not allow it.
pub fn insert(
    text: &str,
    entries: &[NewEntry],
    account_name: &dyn Fn(AccountId) -> Option<String>,
) -> Result<String, InsertError> {
    let mut text = text.to_owned();
    if !entries.is_empty() {
        text = insert_lines(&text, Section::Images, &|step| image_lines(entries, step))?;
    }
    if entries.iter().any(|entry| !entry.shares.is_empty()) {
        text = insert_lines(&text, Section::Shares, &|_| share_lines(entries, account_name))?;
    }
    Ok(text)
}

/// Returns the entries as text that a person can insert.
pub fn by_hand(entries: &[NewEntry], account_name: &dyn Fn(AccountId) -> Option<String>) -> String {
    let mut lines = vec!["images:".to_owned()];
    lines.extend(image_lines(entries, 2).into_iter().map(|line| format!("  {line}")));
    let shares = share_lines(entries, account_name);
    if !shares.is_empty() {
        lines.push("shares:".to_owned());
        lines.extend(shares.into_iter().map(|line| format!("  {line}")));
    }
    lines.push(String::new());
    lines.join("\n")
}

/// Returns whether a text has the key `images`.
pub fn has_images(text: &str) -> bool {
    let Ok(tree) = Tree::build(&Arc::from(text)) else { return false };
    tree.root().is_some_and(|root| tree.entry(root, Section::Images.key()).is_some())
}

/// Returns the lines of entries without indentation. `step`: indentation of the keys of an entry.
fn image_lines(entries: &[NewEntry], step: usize) -> Vec<String> {
    let pad = " ".repeat(step);
    let mut lines = Vec::new();
    for entry in entries {
        let NewEntry { key, region, name, description, family, deprecate, tags, id, copies, shares: _ } =
            entry;
        lines.push(format!("{}:", scalar(key.as_str())));
        lines.push(format!("{pad}region: {region}"));
        if name != key.as_str() {
            lines.push(format!("{pad}name: {}", value(name)));
        }
        if let Some(description) = description {
            lines.push(format!("{pad}description: {}", value(description)));
        }
        if let Some(family) = family {
            lines.push(format!("{pad}family: {}", value(family)));
        }
        if !tags.is_empty() {
            let tags: Vec<String> =
                tags.iter().map(|(key, text)| format!("{}: {}", scalar(key), value(text))).collect();
            lines.push(format!("{pad}tags: {{ {} }}", tags.join(", ")));
        }
        lines.push(format!("{pad}source: {{ adopted: {id} }}"));
        if !deprecate {
            lines.push(format!("{pad}deprecate: false"));
        }
        if !copies.is_empty() {
            let copies: Vec<&str> = copies.iter().map(Region::as_str).collect();
            lines.push(format!("{pad}copies: [{}]", copies.join(", ")));
        }
    }
    lines
}

fn share_lines(entries: &[NewEntry], account_name: &dyn Fn(AccountId) -> Option<String>) -> Vec<String> {
    let mut lines = Vec::new();
    for entry in entries {
        for NewShare { with, regions } in &entry.shares {
            let with: Vec<String> = with
                .iter()
                .map(|id| account_name(*id).map_or_else(|| format!("\"{id}\""), |name| scalar(&name)))
                .collect();
            let mut line = format!("- {{ image: {}, with: [{}]", scalar(entry.key.as_str()), with.join(", "));
            if !regions.is_empty() {
                let regions: Vec<&str> = regions.iter().map(Region::as_str).collect();
                line.push_str(&format!(", regions: [{}]", regions.join(", ")));
            }
            line.push_str(" }");
            lines.push(line);
        }
    }
    lines
}

/// Returns a text as a value, with `${` escaped.
fn value(text: &str) -> String {
    scalar(&text.replace("${", "$${"))
}

/// Place where entries are inserted.
struct Place {
    /// Bytes to remove: an empty value, and the blanks before it.
    removed: Range<usize>,
    /// Position of the new lines: the end of a line or of the text, after `removed`.
    at: usize,
    /// Indentation of the key of the collection, if it must be inserted too.
    new_key_at: Option<usize>,
    /// Indentation of an entry.
    indentation: usize,
    /// Indentation of the keys of an entry, relative to the entry.
    step: usize,
}

/// Finds the place after the last entry of a collection.
fn place(text: &str, section: Section) -> Result<Place, InsertError> {
    let refuse = |why: &str| Err(InsertError(format!("`{}` {why}", section.key())));
    let tree = match Tree::build(&Arc::from(text)) {
        Ok(tree) => tree,
        Err(_) => return refuse("is in a text that cannot be read"),
    };
    let root = tree.root();
    let base = match root {
        Some(root) => match column(text, tree.span(root).start) {
            Some(column) if tree.kind(root) == Kind::Map && !is_flow(text, &tree, root) => column,
            _ => return refuse("cannot be inserted: the text is one mapping in brackets"),
        },
        None => 0,
    };
    let end = root.map_or(0, |root| tree.span(root).end);
    let at = document_end(text, end);
    let fresh = Place { removed: 0..0, at, new_key_at: None, indentation: base + 2, step: 2 };
    let Some((key, node)) = root.and_then(|root| tree.entry(root, section.key())) else {
        return Ok(Place { new_key_at: Some(base), ..fresh });
    };
    let span = tree.span(node);
    let written = text.get(span.clone()).unwrap_or_default();
    if tree.is_alias(node) || tree.tag(node).is_some() {
        return refuse("is an alias, or has a tag");
    }
    if is_empty(written) {
        // A comment after it is kept.
        let after_key = tree.span(key).end;
        let removed = match (written, text.get(..span.start)) {
            ("", _) | (_, None) => after_key..after_key,
            (_, Some(head)) => head.trim_end_matches(' ').len()..span.end,
        };
        return Ok(Place { at: line_end(text, removed.end), removed, ..fresh });
    }
    if tree.kind(node) != section.kind() {
        return refuse("has the wrong type");
    }
    if is_flow(text, &tree, node) {
        return refuse("is written in brackets");
    }
    let first = match section {
        Section::Images => Some(span.start),
        // For the parser, a list without indentation starts at its key, so the dash determines its indentation.
        Section::Shares => {
            tree.items(node).first().and_then(|item| text.get(..tree.span(*item).start)?.rfind('-'))
        }
    };
    let Some(indentation) = first.and_then(|first| column(text, first)) else {
        return refuse("starts after other text on its line");
    };
    let step = tree
        .pairs(node)
        .find(|(_, value)| tree.kind(*value) == Kind::Map && !tree.is_alias(*value))
        .filter(|(_, value)| !is_flow(text, &tree, *value))
        .and_then(|(_, value)| column(text, tree.span(value).start)?.checked_sub(indentation))
        .filter(|step| *step > 0)
        .unwrap_or(2);
    let last = text.get(..span.end).unwrap_or_default().trim_end().len();
    Ok(Place { at: line_end(text, last), indentation, step, ..fresh })
}

/// Inserts lines after the last entry of a collection, and its key if it is missing.
fn insert_lines(
    text: &str,
    section: Section,
    lines: &dyn Fn(usize) -> Vec<String>,
) -> Result<String, InsertError> {
    let Place { removed, at, new_key_at, indentation, step } = place(text, section)?;
    let parts = (text.get(..removed.start), text.get(removed.end..at), text.get(at..));
    let (Some(head), Some(middle), Some(tail)) = parts else {
        return Err(InsertError(format!("`{}` has no place", section.key())));
    };
    let end_of_line = line_ending(text);
    let mut out = format!("{head}{middle}");
    if !out.is_empty() && out != "\u{feff}" && !out.ends_with(['\n', '\r']) {
        out.push_str(end_of_line);
    }
    let mut line = |indentation: usize, text: &str| {
        out.extend(std::iter::repeat_n(' ', indentation));
        out.push_str(text);
        out.push_str(end_of_line);
    };
    if let Some(new_key_at) = new_key_at {
        line(new_key_at, &format!("{}:", section.key()));
    }
    for text in lines(step) {
        line(indentation, &text);
    }
    Ok(out + tail)
}

/// Returns whether a value is empty: `null`, `~`, or empty brackets.
fn is_empty(written: &str) -> bool {
    let inner = |open, close| written.strip_prefix(open).and_then(|rest: &str| rest.strip_suffix(close));
    matches!(written, "" | "~" | "null" | "Null" | "NULL")
        || inner('{', '}').or_else(|| inner('[', ']')).is_some_and(|inner| inner.trim().is_empty())
}

/// Returns the end of the document after a position: a line `...`, or the end of the text.
fn document_end(text: &str, from: usize) -> usize {
    let mut at = from;
    loop {
        at = line_end(text, at);
        match text.get(at..) {
            Some(rest) if rest.starts_with("...") => return at,
            Some(rest) if !rest.is_empty() => {}
            _ => return text.len(),
        }
    }
}

fn is_flow(text: &str, tree: &Tree, node: NodeId) -> bool {
    text.get(tree.span(node)).is_some_and(|written| written.starts_with(['{', '[']))
}

#[cfg(test)]
mod tests;

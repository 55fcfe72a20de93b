//! What to tell about a value that is not what it should be, with the corrected line where it is clear.

use crate::diagnostics::catalogue::syntax::{TEXT_UNQUOTED, TYPE_WRONG, VALUE_MISSING};
use crate::diagnostics::escape_truncated;
use crate::manifest::shape::Shape;
use crate::manifest::text::{corrected, quoted};
use crate::manifest::yaml::{NodeId, Plain, plain};

use super::Walk;

impl Walk<'_> {
    /// Text that reads as something else.
    pub(super) fn unquoted(&mut self, node: NodeId, text: &str, found: Plain) {
        let why = match found {
            Plain::Null => "without quotes it stands for nothing",
            Plain::Boolean(_) => "without quotes it is a boolean",
            Plain::Integer(_) | Plain::OtherNumber => {
                "without quotes it is a number, which can lose its first and last digits"
            }
            Plain::YesOrNo | Plain::Text => "without quotes many readers of YAML take it for a boolean",
        };
        let detail = format!("`{}` is text in {}, and {why}.", escape_truncated(text), self.here());
        let span = self.tree.span(node);
        let correct = corrected(self.tree.text(), &span, &quoted(text));
        self.tell(node, TEXT_UNQUOTED.found(detail).at(self.span(&span), "needs quotes").help(correct));
    }

    /// A key without a value.
    pub(super) fn missing(&mut self, node: NodeId, key: Option<NodeId>, shape: &Shape) {
        let span = self.tree.span(node);
        let place = if span.is_empty() { key.map_or(span, |key| self.tree.span(key)) } else { span };
        let detail = format!("{} has no value; {} is expected.", capitalised(&self.here()), expected(shape));
        let diagnostic = VALUE_MISSING.found(detail).at(self.span(&place), "nothing stands here");
        let help = if shape.text && key.is_some() {
            "Write the value, `\"\"` for an empty text, or leave the key out."
        } else {
            "Write the value, or leave it out."
        };
        self.tell(node, diagnostic.help(help));
    }

    /// Something else than is expected.
    pub(super) fn wrong(&mut self, node: NodeId, key: Option<NodeId>, shape: &Shape, found: &str) {
        let detail =
            format!("{} is {}, and {found} stands here.", capitalised(&self.here()), expected(shape));
        let span = self.tree.span(node);
        // A long value is shown by its key.
        let is_long = self.tree.text().get(span.clone()).is_some_and(|piece| piece.contains('\n'));
        let place = match key {
            Some(key) if is_long => self.tree.span(key),
            _ => span.clone(),
        };
        let mut diagnostic =
            TYPE_WRONG.found(detail).at(self.span(&place), format!("{} is expected", expected(shape)));
        if let Some(value) = self.repaired(node, shape) {
            diagnostic = diagnostic.help(corrected(self.tree.text(), &span, &value));
        }
        self.tell(node, diagnostic);
    }

    /// The value as it was probably meant.
    fn repaired(&self, node: NodeId, shape: &Shape) -> Option<String> {
        let (_, text) = self.tree.scalar(node)?;
        let source = self.tree.text().get(self.tree.span(node))?;
        if let Some(item) = &shape.list {
            return (item.text && !text.is_empty() && plain(text) == Plain::Text)
                .then(|| format!("[{source}]"));
        }
        match plain(text) {
            Plain::Integer(number) if shape.number && u32::try_from(number).is_ok() => {
                Some(number.to_string())
            }
            Plain::Boolean(value) if shape.switches.contains(&value) => Some(value.to_string()),
            Plain::YesOrNo => {
                let value =
                    matches!(text.as_bytes().first(), Some(b'y' | b'Y')) || text.eq_ignore_ascii_case("on");
                shape.switches.contains(&value).then(|| value.to_string())
            }
            _ => None,
        }
    }
}

fn capitalised(text: &str) -> String {
    text.strip_prefix("the ").map_or_else(|| text.to_owned(), |rest| format!("The {rest}"))
}

/// What a shape allows, in words.
fn expected(shape: &Shape) -> String {
    let mut words = Vec::new();
    if shape.text {
        words.push("text");
    }
    if shape.number {
        words.push("a whole number");
    }
    match shape.switches.as_slice() {
        [] => {}
        [false] => words.push("`false`"),
        _ => words.push("`true` or `false`"),
    }
    if shape.list.is_some() {
        words.push("a list");
    }
    if shape.fields.is_some() || shape.names.is_some() {
        words.push("a mapping");
    }
    words.join(", or ")
}

//! Scalars, and diagnostics of values of a wrong form, with the corrected line if it is clear.

use crate::diagnostics::catalogue::syntax::{TEXT_UNQUOTED, TYPE_WRONG, VALUE_MISSING};
use crate::diagnostics::escape_truncated;
use crate::manifest::text::corrected;
use crate::manifest::writer::quoted;
use crate::manifest::yaml::{NodeId, Plain, Style, plain};

use super::{Form, Reader, Scalar, Step};

impl<'t> Reader<'t> {
    /// Returns the value of a scalar, or reports that its place does not allow it.
    pub(super) fn scalar(&mut self, node: NodeId, key: Option<NodeId>, form: &Form) -> Option<Scalar<'t>> {
        let (style, text) = self.tree.scalar(node).unwrap_or((Style::Plain, ""));
        if style == Style::Text {
            return if form.text { Some(Scalar::Text(text)) } else { self.wrong(node, key, form, "text") };
        }
        match plain(text) {
            Plain::Null if form.null => Some(Scalar::Null),
            Plain::Null => self.missing(node, key, form),
            Plain::Boolean(value) if form.switches.contains(&value) => Some(Scalar::Switch(value)),
            Plain::Integer(number) if form.number => match u32::try_from(number) {
                Ok(number) => Some(Scalar::Number(number)),
                Err(_) => self.wrong(node, key, form, "a number above 4294967295"),
            },
            Plain::Text if form.text => Some(Scalar::Text(text)),
            found if form.text && !form.number => self.unquoted(node, text, found),
            Plain::Boolean(_) => self.wrong(node, key, form, "a boolean"),
            Plain::OtherNumber if form.number => {
                self.wrong(node, key, form, "a number that is not a decimal whole number from 0")
            }
            Plain::Integer(_) | Plain::OtherNumber => self.wrong(node, key, form, "a number"),
            Plain::YesOrNo | Plain::Text => self.wrong(node, key, form, "text"),
        }
    }

    /// Reports text that YAML reads as something else.
    pub(super) fn unquoted<T>(&mut self, node: NodeId, text: &str, found: Plain) -> Option<T> {
        let why = match found {
            Plain::Null => "without quotes it is null",
            Plain::Boolean(_) => "without quotes it is a boolean",
            Plain::Integer(_) | Plain::OtherNumber => "without quotes it is a number, which can lose digits",
            Plain::YesOrNo | Plain::Text => "without quotes many readers of YAML read it as a boolean",
        };
        let detail = format!("`{}` is text in {}, but {why}.", escape_truncated(text), self.here());
        let span = self.tree.span(node);
        let correct = corrected(self.tree.text(), &span, &quoted(text));
        self.report(TEXT_UNQUOTED.found(detail).at(self.span(&span), "needs quotes").help(correct));
        None
    }

    /// Reports a key without a value.
    fn missing<T>(&mut self, node: NodeId, key: Option<NodeId>, form: &Form) -> Option<T> {
        let span = self.tree.span(node);
        let place = if span.is_empty() { key.map_or(span, |key| self.tree.span(key)) } else { span };
        let detail = format!("{} has no value, expected {}.", capitalised(&self.here()), expected(form));
        let diagnostic = VALUE_MISSING.found(detail).at(self.span(&place), "no value");
        let help = if form.text && key.is_some() {
            "Write the value, `\"\"` for an empty text, or leave the key out."
        } else {
            "Write the value, or leave it out."
        };
        self.report(diagnostic.help(help));
        None
    }

    /// Reports a value of a wrong form.
    pub(super) fn wrong<T>(
        &mut self,
        node: NodeId,
        key: Option<NodeId>,
        form: &Form,
        found: &str,
    ) -> Option<T> {
        let detail = format!("expected {} for {}, found {found}.", expected(form), self.here());
        let span = self.tree.span(node);
        // A long value is represented by its key.
        let is_long = self.tree.text().get(span.clone()).is_some_and(|piece| piece.contains('\n'));
        let place = match key {
            Some(key) if is_long => self.tree.span(key),
            _ => span.clone(),
        };
        let mut diagnostic =
            TYPE_WRONG.found(detail).at(self.span(&place), format!("expected {}", expected(form)));
        if let Some(value) = self.repaired(node, form) {
            diagnostic = diagnostic.help(corrected(self.tree.text(), &span, &value));
        }
        self.report(diagnostic);
        None
    }

    /// Returns the mapping that a text in its place was probably meant for. `source` is the text as it is written.
    fn mapping_of(&self, text: &str, source: &str) -> Option<String> {
        let Step::Key(last) = self.path.last()? else { return None };
        let key = match (self.path.as_slice(), *last) {
            ([Step::Key("variables"), _], _) => "default",
            ([_], "cloud") => "provider",
            (_, "instance") => "id",
            (_, "encrypted") => "image",
            (_, "source") if text.starts_with("img-") => "adopted",
            (_, "source") if text.starts_with("ins-") => {
                return Some(format!("{{ instance: {{ id: {source} }} }}"));
            }
            _ => return None,
        };
        Some(format!("{{ {key}: {source} }}"))
    }

    /// Returns the value that was probably meant.
    fn repaired(&self, node: NodeId, form: &Form) -> Option<String> {
        let (_, text) = self.tree.scalar(node)?;
        let source = self.tree.text().get(self.tree.span(node))?;
        if form.mapping
            && plain(text) == Plain::Text
            && let Some(mapping) = self.mapping_of(text, source)
        {
            return Some(mapping);
        }
        if form.list {
            return (form.items_are_text && !text.is_empty() && plain(text) == Plain::Text)
                .then(|| format!("[{source}]"));
        }
        match plain(text) {
            Plain::Integer(number) if form.number && u32::try_from(number).is_ok() => {
                Some(number.to_string())
            }
            Plain::Boolean(value) if form.switches.contains(&value) => Some(value.to_string()),
            Plain::YesOrNo => {
                let value =
                    matches!(text.as_bytes().first(), Some(b'y' | b'Y')) || text.eq_ignore_ascii_case("on");
                form.switches.contains(&value).then(|| value.to_string())
            }
            _ => None,
        }
    }
}

fn capitalised(text: &str) -> String {
    text.strip_prefix("the ").map_or_else(|| text.to_owned(), |rest| format!("The {rest}"))
}

/// Returns what a form allows, in words.
fn expected(form: &Form) -> String {
    let mut words = Vec::new();
    if form.text {
        words.push("text");
    }
    if form.number {
        words.push("a whole number");
    }
    match form.switches {
        [] => {}
        [false] => words.push("`false`"),
        _ => words.push("`true` or `false`"),
    }
    if form.list {
        words.push("a list");
    }
    if form.mapping {
        words.push("a mapping");
    }
    words.join(", or ")
}

//! Variables: values that stand outside of the manifest, and the references to them in text.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::diagnostics::catalogue::syntax::{
    LOOKUP_UNKNOWN, REFERENCE_MALFORMED, VARIABLE_SENSITIVE, VARIABLE_UNKNOWN, VARIABLE_UNSET,
};
use crate::diagnostics::{Diagnostic, ManifestPath, Suggestions, escape_truncated};

/// The values that were given, by the command line, a file or the environment.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Variables {
    given: BTreeMap<String, String>,
}

impl Variables {
    /// These values, by name. Which source wins over which is the caller's business.
    pub fn new(given: BTreeMap<String, String>) -> Self {
        Self { given }
    }

    /// The value that was given.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.given.get(name).map(String::as_str)
    }

    /// The names that were given.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.given.keys().map(String::as_str)
    }
}

/// Names only: a value may be a secret.
impl fmt::Debug for Variables {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.given.keys()).finish()
    }
}

/// A piece of text with references in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Piece<'t> {
    /// Text as it stands.
    Text(&'t str),
    /// `${name}`.
    Variable(&'t str),
    /// `${lookup.NAME}`.
    Lookup(&'t str),
    /// Something that starts like a reference and is none.
    Malformed(&'t str),
}

/// Whether a text has a reference, or `$${`.
pub(super) fn has_reference(text: &str) -> bool {
    text.contains("${")
}

/// The pieces of a text.
pub(super) fn pieces(text: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find("${") {
        let (before, reference) = rest.split_at(at);
        if let Some(before) = before.strip_suffix('$') {
            // `$${` is the text `${`.
            pieces.push(Piece::Text(before));
            pieces.push(Piece::Text("${"));
            rest = reference.get(2..).unwrap_or_default();
            continue;
        }
        pieces.push(Piece::Text(before));
        let inner = reference.get(2..).unwrap_or_default();
        let Some(end) = inner.find('}') else {
            pieces.push(Piece::Malformed(reference));
            return pieces;
        };
        let (name, after) = inner.split_at(end);
        pieces.push(match name.strip_prefix("lookup.") {
            Some(lookup) if !lookup.is_empty() => Piece::Lookup(lookup),
            None if is_variable_name(name) => Piece::Variable(name),
            _ => Piece::Malformed(reference.get(..end + 3).unwrap_or(reference)),
        });
        rest = after.get(1..).unwrap_or_default();
    }
    pieces.push(Piece::Text(rest));
    pieces
}

/// Whether a text can name a variable: it must be one on every command line and in every environment.
pub(super) fn is_variable_name(name: &str) -> bool {
    name.len() <= 60
        && name.bytes().next().is_some_and(|b| b.is_ascii_alphabetic() || b == b'_')
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'))
}

/// A declared variable.
#[derive(Debug, Default)]
pub(super) struct Declared {
    /// The value where none is given.
    pub(super) default: Option<String>,
    /// What it is for: a value that is missing is easier to give with it.
    pub(super) description: Option<String>,
    /// Whether it is a secret.
    pub(super) is_sensitive: bool,
    /// Whether its declaration could not be read: nothing is then said about its use.
    pub(super) is_invalid: bool,
}

/// Declared variables and lookups, and the values that were given.
#[derive(Debug)]
pub(super) struct Scope<'v> {
    given: &'v Variables,
    declared: BTreeMap<String, Declared>,
    lookups: BTreeSet<String>,
    used: BTreeSet<String>,
    /// For this and everything else that is resolved.
    pub(super) suggestions: Suggestions,
}

/// A problem with a reference, told when its place is known.
pub(super) type Problem = Box<dyn FnOnce(ManifestPath) -> Diagnostic>;

impl<'v> Scope<'v> {
    /// A scope.
    pub(super) fn new(
        given: &'v Variables,
        declared: BTreeMap<String, Declared>,
        lookups: BTreeSet<String>,
    ) -> Self {
        Self { given, declared, lookups, used: BTreeSet::new(), suggestions: Suggestions::default() }
    }

    /// The declared variables that no text used.
    pub(super) fn unused(&self) -> impl Iterator<Item = &str> {
        self.declared.keys().filter(|name| !self.used.contains(*name)).map(String::as_str)
    }

    /// The names of the declared variables.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.declared.keys().map(String::as_str)
    }

    /// Whether a variable is a secret. It counts as used.
    pub(super) fn is_sensitive(&mut self, name: &str) -> bool {
        match self.declared.get(name) {
            Some(declared) if declared.is_sensitive => {
                self.used.insert(name.to_owned());
                true
            }
            _ => false,
        }
    }

    /// Whether a lookup is declared.
    pub(super) fn has_lookup(&self, name: &str) -> bool {
        self.lookups.contains(name)
    }

    /// A lookup that is not declared.
    pub(super) fn unknown_lookup(&self, name: &str) -> Problem {
        let known = self.lookups.iter().map(String::as_str);
        let similar = self.suggestions.closest(name, known).map(str::to_owned);
        let name = escape_truncated(name);
        Box::new(move |path| {
            let diagnostic = LOOKUP_UNKNOWN
                .found(format!("`{path}` names the lookup `{name}`, which does not stand under `lookups`."))
                .because_of(&*name);
            match similar {
                Some(word) => {
                    diagnostic.at(path, format!("did you mean `{word}`?")).help(format!("${{lookup.{word}}}"))
                }
                None => diagnostic.at(path, "not declared").help("Declare it under `lookups`."),
            }
        })
    }

    /// The value of a variable in text that is not secret; nothing, without a problem, where its declaration
    /// is broken.
    pub(super) fn value(&mut self, name: &str) -> Result<Option<Cow<'v, str>>, Problem> {
        let Some(declared) = self.declared.get(name) else {
            let known = self.declared.keys().map(String::as_str);
            let similar = self.suggestions.closest(name, known).map(str::to_owned);
            let name = escape_truncated(name);
            return Err(Box::new(move |path| {
                let detail = format!(
                    "`{path}` takes the variable `{name}`, which does not stand under `variables`, so there is no \
                     value for it."
                );
                let diagnostic = VARIABLE_UNKNOWN.found(detail).because_of(&*name);
                match similar {
                    Some(word) => diagnostic
                        .at(path, format!("did you mean `{word}`?"))
                        .help(format!("${{{word}}}")),
                    None => diagnostic
                        .at(path, "not declared")
                        .help(format!("Declare it, or write `$${{{name}}}` for the text `${{{name}}}`:\n\nvariables: {{ {name}: {{}} }}")),
                }
            }));
        };
        self.used.insert(name.to_owned());
        if declared.is_invalid {
            return Ok(None);
        }
        let shown_name = escape_truncated(name);
        if declared.is_sensitive {
            return Err(Box::new(move |path| {
                let detail = format!(
                    "`{path}` takes the sensitive variable `{shown_name}`. What stands there is recorded and shown, \
                     and a secret must not be."
                );
                VARIABLE_SENSITIVE
                    .found(detail)
                    .because_of(&*shown_name)
                    .at(path, "a secret would be stored here")
                    .at(
                        ManifestPath::root().field("variables").field(&shown_name).field("sensitive"),
                        "sensitive by this",
                    )
                    .help("Use it in `import.query` only.")
            }));
        }
        if let Some(value) = self.given.get(name) {
            return Ok(Some(Cow::Borrowed(value)));
        }
        if let Some(default) = &declared.default {
            return Ok(Some(Cow::Owned(default.clone())));
        }
        let purpose = declared.description.as_ref().filter(|text| !text.is_empty());
        let purpose = purpose.map(|text| format!(" ({})", escape_truncated(text))).unwrap_or_default();
        Err(Box::new(move |path| {
            VARIABLE_UNSET
                .found(format!(
                    "`{path}` takes the variable `{shown_name}`{purpose}, which was not given and has no default."
                ))
                .because_of(&*shown_name)
                .at(path, "no value for this")
                .at(ManifestPath::root().field("variables").field(&shown_name).key(), "declared here")
                .help(format!("--var {shown_name}=VALUE"))
        }))
    }
}

/// A reference that cannot be read.
pub(super) fn malformed(reference: &str) -> Problem {
    let is_open = !reference.contains('}');
    let reference = escape_truncated(reference);
    Box::new(move |path| {
        let detail = if is_open {
            format!("`{path}` has `${{` without a `}}` after it, so it is not clear what it takes.")
        } else {
            format!(
                "`{path}` has `{reference}`, which names no variable: a name starts with a letter or `_`, and \
                     has letters, digits, `_` and `-` only."
            )
        };
        REFERENCE_MALFORMED
            .found(detail)
            .at(path, "this reference")
            .help("Write `${name}`, or `$${` for the text `${`.")
    })
}

/// A lookup where none is understood.
pub(super) fn misplaced_lookup(name: &str) -> Problem {
    let name = escape_truncated(name);
    Box::new(move |path| {
        REFERENCE_MALFORMED
            .found(format!(
                "`{path}` has `${{lookup.{name}}}`, and a lookup is understood in `source.shared.id` only."
            ))
            .at(path, "no lookup can stand here")
            .help("Use a variable, or write the value.")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_falls_into_pieces() {
        use Piece::{Lookup, Malformed, Text, Variable};
        assert_eq!(pieces("a${b}c"), [Text("a"), Variable("b"), Text("c")]);
        assert_eq!(pieces("$${b}"), [Text(""), Text("${"), Text("b}")]);
        assert_eq!(pieces("$$${b}"), [Text("$"), Text("${"), Text("b}")]);
        assert_eq!(pieces("${lookup.u-1}"), [Text(""), Lookup("u-1"), Text("")]);
        assert_eq!(pieces("x${"), [Text("x"), Malformed("${")]);
        assert_eq!(pieces("${}é"), [Text(""), Malformed("${}"), Text("é")]);
        assert_eq!(pieces("${a b}"), [Text(""), Malformed("${a b}"), Text("")]);
        assert_eq!(pieces("$5 {generation}"), [Text("$5 {generation}")]);
    }

    #[test]
    fn values_are_not_printed() {
        let variables = Variables::new([("token".to_owned(), "s3cret".to_owned())].into());
        assert_eq!(format!("{variables:?}"), "{\"token\"}");
    }
}

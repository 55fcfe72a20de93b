//! Variables: values from outside of the manifest, and references to them in its texts.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::diagnostics::catalogue::syntax::{
    LOOKUP_UNKNOWN, REFERENCE_MALFORMED, VARIABLE_SENSITIVE, VARIABLE_UNKNOWN, VARIABLE_UNSET,
};
use crate::diagnostics::{Diagnostic, ManifestPath, Suggestions, escape_truncated};

/// Values from the command line, files and the environment.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Variables {
    values: BTreeMap<String, String>,
}

impl Variables {
    /// Returns variables with these values by name. The caller decides which source takes precedence.
    pub fn new(values: BTreeMap<String, String>) -> Self {
        Self { values }
    }

    /// Returns the value of a variable.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.values.get(name).map(String::as_str)
    }

    /// Returns the names that have a value.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.values.keys().map(String::as_str)
    }
}

/// Prints names only, since a value may be a secret.
impl fmt::Debug for Variables {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.values.keys()).finish()
    }
}

/// Piece of a text with references.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Piece<'t> {
    /// Literal text.
    Text(&'t str),
    /// `${name}`.
    Variable(&'t str),
    /// `${lookup.NAME}`.
    Lookup(&'t str),
    /// Text that starts like a reference but is not one.
    Malformed(&'t str),
}

/// Returns whether a text has a reference or `$${`.
pub(super) fn has_reference(text: &str) -> bool {
    text.contains("${")
}

/// Splits a text into its pieces.
pub(super) fn pieces(text: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find("${") {
        let (before, reference) = rest.split_at(at);
        if let Some(before) = before.strip_suffix('$') {
            // `$${` is an escape of `${`.
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

/// Returns whether a text can be the name of a variable, on command lines and in the environment too.
pub(super) fn is_variable_name(name: &str) -> bool {
    name.len() <= 60
        && name.bytes().next().is_some_and(|b| b.is_ascii_alphabetic() || b == b'_')
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'))
}

/// Declaration of a variable.
#[derive(Debug, Default)]
pub(super) struct Declaration {
    /// Default value.
    pub(super) default: Option<String>,
    /// Purpose, for the message about a missing value.
    pub(super) description: Option<String>,
    /// Whether it is a secret.
    pub(super) is_sensitive: bool,
    /// Whether its declaration could not be read. Its uses are then not reported.
    pub(super) is_invalid: bool,
}

/// Declared variables and lookups, and the values of variables.
#[derive(Debug)]
pub(super) struct Scope<'v> {
    values: &'v Variables,
    declared: BTreeMap<String, Declaration>,
    lookups: BTreeSet<String>,
    used: BTreeSet<String>,
    /// Suggestions for everything that is resolved.
    pub(super) suggestions: Suggestions,
}

/// Problem with a reference, which becomes a diagnostic when its place is known.
pub(super) type Problem = Box<dyn FnOnce(ManifestPath) -> Diagnostic>;

impl<'v> Scope<'v> {
    /// Returns the scope of a manifest.
    pub(super) fn new(
        values: &'v Variables,
        declared: BTreeMap<String, Declaration>,
        lookups: BTreeSet<String>,
    ) -> Self {
        Self { values, declared, lookups, used: BTreeSet::new(), suggestions: Suggestions::default() }
    }

    /// Returns the declared variables that no text uses.
    pub(super) fn unused(&self) -> impl Iterator<Item = &str> {
        self.declared.keys().filter(|name| !self.used.contains(*name)).map(String::as_str)
    }

    /// Returns the names of the declared variables.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.declared.keys().map(String::as_str)
    }

    /// Returns whether a variable is sensitive, and marks it as used if it is.
    pub(super) fn is_sensitive(&mut self, name: &str) -> bool {
        match self.declared.get(name) {
            Some(declared) if declared.is_sensitive => {
                self.used.insert(name.to_owned());
                true
            }
            _ => false,
        }
    }

    /// Returns whether a lookup is declared.
    pub(super) fn has_lookup(&self, name: &str) -> bool {
        self.lookups.contains(name)
    }

    /// Returns the problem with a lookup that is not declared.
    pub(super) fn unknown_lookup(&self, name: &str) -> Problem {
        let known = self.lookups.iter().map(String::as_str);
        let similar = self.suggestions.closest(name, known).map(str::to_owned);
        let name = escape_truncated(name);
        Box::new(move |path| {
            let diagnostic = LOOKUP_UNKNOWN
                .found(format!(
                    "`{path}` refers to the lookup `{name}`, which is not declared under `lookups`."
                ))
                .because_of(&*name);
            match similar {
                Some(word) => {
                    diagnostic.at(path, format!("did you mean `{word}`?")).help(format!("${{lookup.{word}}}"))
                }
                None => diagnostic.at(path, "not declared").help("Declare it under `lookups`."),
            }
        })
    }

    /// Returns the value of a variable that is not sensitive. Returns `None` if its declaration is invalid, which was
    /// reported.
    pub(super) fn value(&mut self, name: &str) -> Result<Option<Cow<'v, str>>, Problem> {
        let Some(declared) = self.declared.get(name) else {
            let known = self.declared.keys().map(String::as_str);
            let similar = self.suggestions.closest(name, known).map(str::to_owned);
            let name = escape_truncated(name);
            return Err(Box::new(move |path| {
                let detail = format!(
                    "`{path}` refers to the variable `{name}`, which is not declared under `variables`."
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
                    "`{path}` uses the sensitive variable `{shown_name}`, but its text is stored and printed, which a \
                     secret must not be."
                );
                VARIABLE_SENSITIVE
                    .found(detail)
                    .because_of(&*shown_name)
                    .at(path, "a secret would be stored here")
                    .at(
                        ManifestPath::root().field("variables").field(&shown_name).field("sensitive"),
                        "declared as sensitive here",
                    )
                    .help("Use it in `import.query` only.")
            }));
        }
        if let Some(value) = self.values.get(name) {
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
                    "`{path}` uses the variable `{shown_name}`{purpose}, which has no value and no default."
                ))
                .because_of(&*shown_name)
                .at(path, "no value for this")
                .at(ManifestPath::root().field("variables").field(&shown_name).key(), "declared here")
                .help(format!("--var {shown_name}=VALUE"))
        }))
    }
}

/// Returns the problem with a reference that cannot be read.
pub(super) fn malformed(reference: &str) -> Problem {
    let is_open = !reference.contains('}');
    let reference = escape_truncated(reference);
    Box::new(move |path| {
        let detail = if is_open {
            format!("`{path}` has `${{` without a `}}` after it, so it is not clear what it refers to.")
        } else {
            format!(
                "`{path}` has `{reference}`, which is not the name of a variable. A name has letters, digits, `_` and \
                     `-`, and starts with a letter or `_`."
            )
        };
        REFERENCE_MALFORMED
            .found(detail)
            .at(path, "this reference")
            .help("Write `${name}`, or `$${` for the text `${`.")
    })
}

/// Returns the problem with a lookup in a place where it is not supported.
pub(super) fn misplaced_lookup(name: &str) -> Problem {
    let name = escape_truncated(name);
    Box::new(move |path| {
        REFERENCE_MALFORMED
            .found(format!(
                "`{path}` has `${{lookup.{name}}}`, but a lookup is supported only in `source.shared.id`."
            ))
            .at(path, "a lookup is not supported here")
            .help("Use a variable, or write the value.")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_split_into_pieces() {
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

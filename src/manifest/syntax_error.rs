//! Diagnostics of texts that are not valid YAML, in the words of people who write YAML.

use super::text::{corrected, line_range};
use super::writer::quoted;
use super::yaml::{self, SyntaxError, SyntaxErrorKind};
use crate::diagnostics::catalogue::syntax::{ALIAS_INVALID, DOCUMENTS_SEVERAL, LIMIT_EXCEEDED, YAML_INVALID};
use crate::diagnostics::{Diagnostic, FileId, Span, escape_truncated};

/// Returns the diagnostic of a syntax error.
pub(super) fn diagnostic(file: FileId, text: &str, error: &SyntaxError) -> Diagnostic {
    let SyntaxError { kind, span: range, opener } = error;
    let place = Span { file, start: range.start, end: range.end };
    let invalid =
        |detail: &str, label: &str, help: &str| YAML_INVALID.found(detail).at(place, label).help(help);
    let limit = |detail: &str| LIMIT_EXCEEDED.found(detail).at(place, "the limit is reached here");
    let here = text.get(range.clone()).unwrap_or_default();
    let opener = opener.as_ref().map(|opener| Span { file, start: opener.start, end: opener.end });
    match (kind, opener) {
        (SyntaxErrorKind::Tab, _) => invalid(
            "YAML allows only spaces for indentation, since the width of a tab varies.",
            "a tab",
            &without_tabs(text, range.start),
        ),
        (SyntaxErrorKind::Indentation, Some(opener)) if matches!(here, "]" | "}") => invalid(
            "A closing bracket on a line of its own must be indented more than the key of its value. YAML reads it as \
             the end of the mapping around it.",
            "indent this more",
            "Indent the bracket by two more spaces.",
        )
        .at(opener, "of this bracket"),
        (SyntaxErrorKind::Indentation | SyntaxErrorKind::ColonInValue | SyntaxErrorKind::NoColon, Some(opener)) => invalid(
            "A bracket is still open, so this line would belong to its list or mapping, where it is not valid.",
            "unexpected within the bracket",
            "Close the bracket where its value ends.",
        )
        .at(opener, "this bracket is open"),
        (SyntaxErrorKind::AfterQuote | SyntaxErrorKind::Separator, Some(opener)) => invalid(
            "Items of a list or mapping in brackets are separated by commas, and the comma before this is missing.",
            "a comma or the closing bracket is missing before this",
            "Write a comma between items, and close the bracket.",
        )
        .at(opener, "of this bracket"),
        (SyntaxErrorKind::Indentation, None) => invalid(
            "The indentation of this line matches none of the lines above that it could belong to.",
            "this indentation",
            "Indent the line like its neighbours.",
        ),
        (SyntaxErrorKind::QuoteIndentation, _) => invalid(
            "A quoted text continues here, but must be indented more than its key.",
            "still within quotes",
            "Write the closing quote where the text ends.",
        ),
        (SyntaxErrorKind::OpenBracket(bracket), _) => {
            let closing = if *bracket == '[' { ']' } else { '}' };
            invalid(
                &format!("The bracket `{bracket}` is not closed, so everything after it would be inside it."),
                "not closed",
                &format!("Write `{closing}` where the value ends."),
            )
        }
        (SyntaxErrorKind::StrayBracket, _) => invalid(
            "This bracket closes no bracket, or one of another kind.",
            "this bracket",
            "Remove it, or put text with a bracket into quotes.",
        ),
        (SyntaxErrorKind::OpenQuote, _) => invalid(
            "The quote is not closed, so everything after it would be inside it.",
            "not closed",
            "Write the closing quote where the text ends.",
        ),
        (SyntaxErrorKind::Escape, _) => invalid(
            "In double quotes `\\` starts an escape, and YAML does not have this one.",
            "this escape",
            "Write `\\\\` for a backslash, or use single quotes.",
        ),
        (SyntaxErrorKind::AfterQuote, None) => invalid(
            "More text follows a quoted text, which must be the whole value.",
            "after the closing quote",
            "Put all of it into the quotes; in single quotes write `''` for a quote.",
        ),
        (SyntaxErrorKind::ColonInValue, None) => invalid(
            "A colon starts a second value on this line.",
            "this colon",
            &quoted_value(text, range.start).unwrap_or_else(|| {
                "Indent the line like its neighbours, or put text with `: ` in it into quotes.".to_owned()
            }),
        ),
        (SyntaxErrorKind::NoColon, None) => invalid(
            "A key with a colon is expected here, on one line and with at most 1024 characters.",
            "no colon follows",
            "Write `key: value`.",
        ),
        (SyntaxErrorKind::Dash, _) => invalid(
            "This is not a valid item of a list: items have the same indentation, and each starts with `- `.",
            "unexpected",
            "Give all items the same indentation, and put text that starts with `- ` into quotes.",
        ),
        (SyntaxErrorKind::Separator, None) => invalid(
            "A comma or the closing bracket is missing before this.",
            "unexpected",
            "Write a comma between items, and close the bracket.",
        ),
        (SyntaxErrorKind::Character(c), _) => invalid(
            &format!("A value without quotes cannot start with `{}`.", escape_truncated(&c.to_string())),
            "this character",
            "Put the value into quotes.",
        ),
        (SyntaxErrorKind::ByteOrderMark, _) => {
            invalid("There is a byte-order mark in the middle of the text.", "here", "Remove it.")
        }
        (SyntaxErrorKind::UnknownAnchor, _) => {
            let name = escape_truncated(here.trim_start_matches('*'));
            ALIAS_INVALID
                .found(format!("There is no anchor `&{name}` before this alias."))
                .at(place, "this alias")
                .help("Write the anchor before the alias, or put text that starts with `*` into quotes.")
        }
        (SyntaxErrorKind::AliasOfItself, _) => ALIAS_INVALID
            .found("This alias is within the value of its own anchor, which would be infinite.")
            .at(place, "this alias")
            .help("Write the value out."),
        (SyntaxErrorKind::SeveralDocuments, _) => DOCUMENTS_SEVERAL
            .found("A second document starts here. It was not read.")
            .at(place, "the second document")
            .help("Put it into a file of its own beside this one, or remove the `---`."),
        (SyntaxErrorKind::TooDeep, _) => limit(&format!("The text is nested deeper than {} levels.", yaml::MAX_DEPTH)),
        (SyntaxErrorKind::TooManyNodes, _) => limit(&format!("The file has more than {} keys and values.", yaml::MAX_NODES)),
        (SyntaxErrorKind::TooManyAliases, _) => limit(&format!("The file has more than {} aliases.", yaml::MAX_ALIASES)),
        (SyntaxErrorKind::TooManyAnchors, _) => limit(&format!("The file has more than {} anchors.", yaml::MAX_ANCHORS)),
        (SyntaxErrorKind::Other(words), _) => invalid(
            &format!("The text cannot be read as YAML: {}.", escape_truncated(words)),
            "here",
            "Put text with special characters into quotes.",
        ),
    }
}

/// Returns the indentation of a line.
fn indent(line: &str) -> &str {
    line.get(..line.len() - line.trim_start_matches([' ', '\t']).len()).unwrap_or_default()
}

/// Returns the line at a position with two spaces instead of each leading tab.
fn without_tabs(text: &str, at: usize) -> String {
    let line = text.get(line_range(text, at)).unwrap_or_default();
    let blanks = indent(line);
    let spaces = blanks.replace('\t', "  ");
    let rest = corrected(text, &(at..at), "");
    if blanks.contains('\t') && !rest.is_empty() {
        format!("{spaces}{rest}")
    } else {
        "Use spaces.".to_owned()
    }
}

/// Returns the line at a position with everything after its first colon in quotes.
fn quoted_value(text: &str, at: usize) -> Option<String> {
    let range = line_range(text, at);
    let line = text.get(range.clone())?;
    let (key, value) = line.split_once(": ")?;
    let value = value.trim();
    // A quote or a comment makes it unclear what belongs to the text.
    if value.contains(['"', '\'', '#', '{', '[']) || range.start + key.len() + 1 >= at {
        return None;
    }
    Some(corrected(text, &range, &format!("{key}: {}", quoted(value))))
}

//! What to tell about a text that is no YAML, in words for people who write YAML.

use super::text::{corrected, line_range, quoted};
use super::yaml::{self, SyntaxError, SyntaxErrorKind};
use crate::diagnostics::catalogue::syntax::{ALIAS_INVALID, DOCUMENTS_SEVERAL, LIMIT_EXCEEDED, YAML_INVALID};
use crate::diagnostics::{Diagnostic, FileId, Span, escape_truncated};

/// The diagnostic for a diagnostic text.
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
            "A tab stands where YAML takes only spaces: its width is not the same everywhere.",
            "a tab",
            &without_tabs(text, range.start),
        ),
        (SyntaxErrorKind::Indentation, Some(opener)) if matches!(here, "]" | "}") => invalid(
            "A closing bracket on a line of its own is indented more than the key that its value belongs to; YAML \
             takes it for the end of the mapping around it.",
            "indent this more",
            "Indent the bracket by two more spaces.",
        )
        .at(opener, "of this bracket"),
        (SyntaxErrorKind::Indentation | SyntaxErrorKind::ColonInValue | SyntaxErrorKind::NoColon, Some(opener)) => invalid(
            "A bracket is still open here, so this line belongs to its list or mapping, and cannot as it stands.",
            "unexpected within the bracket",
            "Close the bracket where its value ends.",
        )
        .at(opener, "this bracket is open"),
        (SyntaxErrorKind::AfterQuote | SyntaxErrorKind::Separator, Some(opener)) => invalid(
            "Between the items of a list or mapping in brackets stand commas, and there is none before this.",
            "a comma or the closing bracket is missing before this",
            "Write a comma between items, and close the bracket.",
        )
        .at(opener, "of this bracket"),
        (SyntaxErrorKind::Indentation, None) => invalid(
            "This line is indented like none of the lines above that it could belong to.",
            "this indentation",
            "Indent the line like its neighbours.",
        ),
        (SyntaxErrorKind::QuoteIndentation, _) => invalid(
            "A quoted text goes on here, which is indented no more than the key that it belongs to.",
            "still within quotes",
            "Write the closing quote where the text ends.",
        ),
        (SyntaxErrorKind::OpenBracket(bracket), _) => {
            let closing = if *bracket == '[' { ']' } else { '}' };
            invalid(
                &format!("The bracket `{bracket}` is not closed, so everything after it would belong to it."),
                "not closed",
                &format!("Write `{closing}` where the value ends."),
            )
        }
        (SyntaxErrorKind::StrayBracket, _) => invalid(
            "This bracket closes nothing, or something that another kind of bracket opened.",
            "this bracket",
            "Remove it, or put text that has a bracket into quotes.",
        ),
        (SyntaxErrorKind::OpenQuote, _) => invalid(
            "This quoted text does not end, so everything after it would belong to it.",
            "not closed",
            "Write the closing quote where the text ends.",
        ),
        (SyntaxErrorKind::Escape, _) => invalid(
            "In double quotes `\\` starts an escape, and YAML has none of this kind.",
            "this escape",
            "Write `\\\\` for a backslash, or use single quotes.",
        ),
        (SyntaxErrorKind::AfterQuote, None) => invalid(
            "Something follows a quoted text on its line; a quoted text is the whole value.",
            "after the closing quote",
            "Put all of it into the quotes; in single quotes write `''` for a quote.",
        ),
        (SyntaxErrorKind::ColonInValue, None) => invalid(
            "A colon starts a second value here, on a line that has one already.",
            "this colon",
            &quoted_value(text, range.start).unwrap_or_else(|| {
                "Indent the line like its neighbours, or put text with `: ` in it into quotes.".to_owned()
            }),
        ),
        (SyntaxErrorKind::NoColon, None) => invalid(
            "A key is expected here, with a colon after it and on one line, at most 1024 characters long.",
            "no colon follows",
            "Write `key: value`.",
        ),
        (SyntaxErrorKind::Dash, _) => invalid(
            "A list goes on or starts here, and this does not fit: its items are indented alike, each after `- `.",
            "unexpected",
            "Indent the items alike; put text that starts with `- ` into quotes.",
        ),
        (SyntaxErrorKind::Separator, None) => invalid(
            "A comma or the closing bracket is missing before this.",
            "unexpected",
            "Write a comma between items, and close the bracket.",
        ),
        (SyntaxErrorKind::Character(c), _) => invalid(
            &format!("A value cannot start with `{}` unless it is in quotes.", escape_truncated(&c.to_string())),
            "this character",
            "Put the value into quotes.",
        ),
        (SyntaxErrorKind::ByteOrderMark, _) => {
            invalid("A byte-order mark stands in the middle of the text.", "here", "Remove it.")
        }
        (SyntaxErrorKind::UnknownAnchor, _) => {
            let name = escape_truncated(here.trim_start_matches('*'));
            ALIAS_INVALID
                .found(format!("No anchor `&{name}` stands before this alias, so it stands for nothing."))
                .at(place, "this alias")
                .help("Write the anchor before the alias; put text that starts with `*` into quotes.")
        }
        (SyntaxErrorKind::AliasOfItself, _) => ALIAS_INVALID
            .found("This alias stands within the value of its own anchor, which would have no end.")
            .at(place, "this alias")
            .help("Write the value out."),
        (SyntaxErrorKind::SeveralDocuments, _) => DOCUMENTS_SEVERAL
            .found("A second document starts here. What stands in it was not read.")
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

/// The blanks that a line starts with.
fn indent(line: &str) -> &str {
    line.get(..line.len() - line.trim_start_matches([' ', '\t']).len()).unwrap_or_default()
}

/// The line around a place with two spaces for each tab that it starts with.
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

/// The line around a place with everything after its first colon in quotes.
fn quoted_value(text: &str, at: usize) -> Option<String> {
    let range = line_range(text, at);
    let line = text.get(range.clone())?;
    let (key, value) = line.split_once(": ")?;
    let value = value.trim();
    // With a quote or a comment in it, it is not clear what belongs to the text.
    if value.contains(['"', '\'', '#', '{', '[']) || range.start + key.len() + 1 >= at {
        return None;
    }
    Some(corrected(text, &range, &format!("{key}: {}", quoted(value))))
}

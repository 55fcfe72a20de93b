//! Reasons why a text is not YAML, or exceeds a limit.

use std::ops::Range;

use granit_parser::{ErrorKind, ScanError};

/// Reason why a text has no tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::manifest) struct SyntaxError {
    /// Kind.
    pub(in crate::manifest) kind: SyntaxErrorKind,
    /// Bytes to point at.
    pub(in crate::manifest) span: Range<usize>,
    /// Innermost open bracket around it.
    pub(in crate::manifest) opener: Option<Range<usize>>,
}

/// Kind of an error, by what the user can do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::manifest) enum SyntaxErrorKind {
    /// A tab where only spaces are allowed.
    Tab,
    /// A line whose indentation matches no line above.
    Indentation,
    /// A line of a quoted text that is indented too little.
    QuoteIndentation,
    /// A bracket that is never closed.
    OpenBracket(char),
    /// A bracket that closes no bracket, or one of another kind.
    StrayBracket,
    /// A quote that is never closed.
    OpenQuote,
    /// An unknown escape in a quoted text.
    Escape,
    /// Text after a closing quote.
    AfterQuote,
    /// A colon in a value without quotes.
    ColonInValue,
    /// A word without a colon where a key is expected.
    NoColon,
    /// A `-` where no list item is allowed.
    Dash,
    /// A comma or closing bracket is missing.
    Separator,
    /// A character with which no plain scalar can start.
    Character(char),
    /// A byte-order mark in the middle of the text.
    ByteOrderMark,
    /// An alias without an anchor before it.
    UnknownAnchor,
    /// An alias within the value of its own anchor.
    AliasOfItself,
    /// A second document.
    SeveralDocuments,
    /// Too deep nesting.
    TooDeep,
    /// Too many nodes.
    TooManyNodes,
    /// Too many aliases.
    TooManyAliases,
    /// Too many anchors.
    TooManyAnchors,
    /// Another error, in the words of the parser.
    Other(String),
}

impl SyntaxError {
    /// Returns an error at some bytes.
    pub(super) fn at(kind: SyntaxErrorKind, span: Range<usize>) -> Self {
        Self { kind, span, opener: None }
    }

    /// Converts an error of the parser. `opener`: the innermost open bracket.
    pub(super) fn of(error: &ScanError, text: &str, opener: Option<Range<usize>>) -> Self {
        let mut start = error.marker().byte_offset().unwrap_or(text.len()).min(text.len());
        while !text.is_char_boundary(start) {
            start -= 1;
        }
        let kind = SyntaxErrorKind::of(error);
        if kind == SyntaxErrorKind::Escape {
            start = bad_escape(text, start);
        }
        let length = text.get(start..).and_then(|rest| rest.chars().next()).map_or(0, |c| match c {
            '\n' | '\r' => 0,
            other => other.len_utf8(),
        });
        let length = if kind == SyntaxErrorKind::UnknownAnchor { alias_length(text, start) } else { length };
        Self { kind, span: start..start + length, opener }
    }
}

/// Returns the length of an alias, asterisk included.
fn alias_length(text: &str, start: usize) -> usize {
    let rest = text.get(start..).unwrap_or_default();
    rest.find(|c: char| c.is_whitespace() || matches!(c, '[' | ']' | '{' | '}' | ',')).unwrap_or(rest.len())
}

/// Returns the position of the first unknown escape in a quoted text: the parser reports the start of the text.
fn bad_escape(text: &str, start: usize) -> usize {
    let mut chars = text.get(start..).unwrap_or_default().char_indices();
    while let Some((at, c)) = chars.next() {
        if c == '\\' && chars.next().is_none_or(|(_, c)| !"0abt\tnvfre \"/\\N_LPxuU\n\r".contains(c)) {
            return start + at;
        }
    }
    start
}

impl SyntaxErrorKind {
    fn of(error: &ScanError) -> Self {
        match error.kind() {
            ErrorKind::TabNotAllowed
            | ErrorKind::TabInBlockIndentation
            | ErrorKind::TabInIndentation
            | ErrorKind::TabInPlainScalar
            | ErrorKind::TabAtBlockScalarStart => Self::Tab,
            ErrorKind::InvalidIndentation
            | ErrorKind::InvalidBlockScalarIndent
            | ErrorKind::InvalidFlowScalarIndent
            | ErrorKind::ExpectedBlockMappingKey
            | ErrorKind::MappingKeyNotAllowed => Self::Indentation,
            ErrorKind::InvalidQuotedScalarIndent => Self::QuoteIndentation,
            ErrorKind::UnclosedFlowCollection { open } => Self::OpenBracket(*open),
            ErrorKind::UnexpectedEofFlowSequence => Self::OpenBracket('['),
            ErrorKind::UnexpectedEofFlowMapping | ErrorKind::UnexpectedEofImplicitFlowMapping => {
                Self::OpenBracket('{')
            }
            ErrorKind::MisplacedFlowCollectionEnd | ErrorKind::MismatchedFlowCollectionEnd { .. } => {
                Self::StrayBracket
            }
            ErrorKind::UnclosedQuotedScalar | ErrorKind::DocumentIndicatorInQuotedScalar => Self::OpenQuote,
            ErrorKind::UnknownQuotedScalarEscape
            | ErrorKind::InvalidQuotedScalarHexEscape
            | ErrorKind::InvalidLowSurrogateHexEscape
            | ErrorKind::InvalidLowSurrogate
            | ErrorKind::MissingLowSurrogate
            | ErrorKind::UnpairedLowSurrogate
            | ErrorKind::InvalidUnicodeEscape => Self::Escape,
            ErrorKind::InvalidTrailingSingleQuotedScalar | ErrorKind::InvalidTrailingDoubleQuotedScalar => {
                Self::AfterQuote
            }
            ErrorKind::MappingValueNotAllowed | ErrorKind::InvalidColonPlacement => Self::ColonInValue,
            ErrorKind::SimpleKeyExpected | ErrorKind::InvalidSimpleKey => Self::NoColon,
            ErrorKind::BlockSequenceEntryNotAllowed
            | ErrorKind::BlockEntryInFlowCollection
            | ErrorKind::ExpectedBlockSequenceEntry => Self::Dash,
            ErrorKind::ExpectedFlowMappingSeparator | ErrorKind::ExpectedFlowSequenceSeparator => {
                Self::Separator
            }
            ErrorKind::UnexpectedCharacter { character } => Self::Character(*character),
            ErrorKind::BomInsideDocument => Self::ByteOrderMark,
            ErrorKind::UnknownAnchor => Self::UnknownAnchor,
            ErrorKind::RecursionLimitExceeded => Self::TooDeep,
            other => Self::Other(other.to_string()),
        }
    }
}

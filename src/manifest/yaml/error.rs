//! Why a text is no YAML, or too much of it.

use std::ops::Range;

use granit_parser::{ErrorKind, ScanError};

/// A text that no tree can be made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::manifest) struct SyntaxError {
    /// Why.
    pub(in crate::manifest) kind: SyntaxErrorKind,
    /// The bytes to point at.
    pub(in crate::manifest) span: Range<usize>,
    /// The bracket around it that is still open.
    pub(in crate::manifest) opener: Option<Range<usize>>,
}

/// What is wrong, by what the reader can do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::manifest) enum SyntaxErrorKind {
    /// A tab where only spaces may stand.
    Tab,
    /// A line whose indentation fits no line above.
    Indentation,
    /// A line of a quoted text that is indented less than the text may be.
    QuoteIndentation,
    /// A bracket that is never closed.
    OpenBracket(char),
    /// A bracket that closes nothing, or something else.
    StrayBracket,
    /// A quote that is never closed.
    OpenQuote,
    /// An escape in a quoted text that YAML does not have.
    Escape,
    /// Text after the end of a quoted one.
    AfterQuote,
    /// A colon in a value without quotes.
    ColonInValue,
    /// A word where a key and a colon are expected.
    NoColon,
    /// A `-` where no list item can stand.
    Dash,
    /// A comma or closing bracket is missing.
    Separator,
    /// A character that starts no scalar.
    Character(char),
    /// A byte-order mark in the middle of the text.
    ByteOrderMark,
    /// An alias without an anchor before it.
    UnknownAnchor,
    /// An alias within the value of its own anchor.
    AliasOfItself,
    /// A second document.
    SeveralDocuments,
    /// Nested too deeply.
    TooDeep,
    /// More nodes than a manifest may have.
    TooManyNodes,
    /// More aliases than a manifest may have.
    TooManyAliases,
    /// More anchors than a manifest may have.
    TooManyAnchors,
    /// Anything else, in the parser's words.
    Other(String),
}

impl SyntaxError {
    /// A error at some bytes.
    pub(super) fn at(kind: SyntaxErrorKind, span: Range<usize>) -> Self {
        Self { kind, span, opener: None }
    }

    /// The error that an error of the parser stands for. `opener`: the bracket that is open there.
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

/// The length of an alias with its asterisk.
fn alias_length(text: &str, start: usize) -> usize {
    let rest = text.get(start..).unwrap_or_default();
    rest.find(|c: char| c.is_whitespace() || matches!(c, '[' | ']' | '{' | '}' | ',')).unwrap_or(rest.len())
}

/// The first escape in a quoted text that YAML does not have; the parser points at the text's start.
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

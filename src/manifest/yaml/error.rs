//! Why a text is no YAML, or too much of it.

use std::ops::Range;

use granit_parser::{ErrorKind, ScanError};

/// A text that no tree can be made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::manifest) struct Refusal {
    /// Why.
    pub(in crate::manifest) what: What,
    /// The bytes to point at.
    pub(in crate::manifest) span: Range<usize>,
}

/// What is wrong, by what the reader can do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::manifest) enum What {
    /// A tab where only spaces may stand.
    Tab,
    /// A line whose indentation fits no line above.
    Indentation,
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
    /// A colon, or a key, where none can stand.
    Colon,
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
    /// A key that is too long, or that goes over several lines.
    LongKey,
    /// Anything else, in the parser's words.
    Other(String),
}

impl Refusal {
    /// The refusal that an error of the parser stands for.
    pub(super) fn of(error: &ScanError, text: &str) -> Self {
        let mut start = error.marker().byte_offset().unwrap_or(text.len()).min(text.len());
        while !text.is_char_boundary(start) {
            start -= 1;
        }
        let length = text.get(start..).and_then(|rest| rest.chars().next()).map_or(0, |c| match c {
            '\n' | '\r' => 0,
            other => other.len_utf8(),
        });
        Self { what: What::of(error), span: start..start + length }
    }
}

impl What {
    fn of(error: &ScanError) -> Self {
        match error.kind() {
            ErrorKind::TabNotAllowed
            | ErrorKind::TabInBlockIndentation
            | ErrorKind::TabInIndentation
            | ErrorKind::TabInPlainScalar
            | ErrorKind::TabAtBlockScalarStart => Self::Tab,
            ErrorKind::InvalidIndentation
            | ErrorKind::InvalidBlockScalarIndent
            | ErrorKind::InvalidQuotedScalarIndent
            | ErrorKind::InvalidFlowScalarIndent => Self::Indentation,
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
            ErrorKind::MappingValueNotAllowed
            | ErrorKind::MappingKeyNotAllowed
            | ErrorKind::InvalidColonPlacement
            | ErrorKind::ExpectedBlockMappingKey
            | ErrorKind::SimpleKeyExpected => Self::Colon,
            ErrorKind::InvalidSimpleKey => Self::LongKey,
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

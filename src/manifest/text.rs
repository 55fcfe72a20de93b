//! Decodes files, and extracts lines for messages.

use std::ops::Range;
use std::sync::Arc;

use super::yaml::MAX_BYTES;
use crate::diagnostics::catalogue::syntax::{LIMIT_EXCEEDED, TEXT_INVALID};
use crate::diagnostics::sanitize::escape_controls;
use crate::diagnostics::{Diagnostic, FileId, Span};

/// Longest line that a message repeats, in bytes.
const LONGEST_LINE: usize = 160;

/// Decodes a file. Returns its text, and a diagnostic if it cannot be YAML.
///
/// There is always a text, since the diagnostic points into it. Invalid UTF-8 is replaced, which does not move the first
/// invalid byte.
pub(super) fn decode(file: FileId, name: &str, bytes: Vec<u8>) -> (Arc<str>, Option<Diagnostic>) {
    if bytes.len() > MAX_BYTES {
        let detail = format!(
            "`{}` has {} bytes; a manifest file may have {MAX_BYTES} (64 MiB). It was not read.",
            crate::diagnostics::escape_truncated(name),
            bytes.len()
        );
        let diagnostic = LIMIT_EXCEEDED.found(detail).about(name).help("Split it into several files.");
        return (Arc::from(""), Some(diagnostic));
    }
    match String::from_utf8(bytes) {
        Ok(text) => {
            let found = control_character(&text).map(|(at, c)| {
                let detail = format!(
                    "The character U+{:04X} is a control character. Such a character can hide text or change how a \
                     terminal shows it, so YAML and goldform refuse it.",
                    u32::from(c)
                );
                let span = Span { file, start: at, end: at + c.len_utf8() };
                TEXT_INVALID.found(detail).at(span, "this character").help("Remove it.")
            });
            (text.into(), found)
        }
        Err(error) => {
            let at = error.utf8_error().valid_up_to();
            let bytes = error.into_bytes();
            let what = if bytes.starts_with(&[0xFF, 0xFE]) || bytes.starts_with(&[0xFE, 0xFF]) {
                "The file is UTF-16. ".to_owned()
            } else {
                let byte = bytes.get(at).copied().unwrap_or_default();
                format!("The byte {byte:#04x} is not UTF-8. ")
            };
            let text: Arc<str> = String::from_utf8_lossy(&bytes).into();
            let span = Span { file, start: at, end: at + char::REPLACEMENT_CHARACTER.len_utf8() };
            let diagnostic = TEXT_INVALID
                .found(what + "Another encoding would change names.")
                .at(span, "not UTF-8 from here on")
                .help("Save the file as UTF-8.");
            (text, Some(diagnostic))
        }
    }
}

/// Returns the first character that YAML does not allow.
fn control_character(text: &str) -> Option<(usize, char)> {
    let mut bytes = text.bytes().enumerate().peekable();
    while let Some((at, byte)) = bytes.next() {
        let is_bad = match byte {
            0x00..=0x08 | 0x0B | 0x0C | 0x0E..=0x1F | 0x7F => true,
            // U+0080 to U+009F, of which U+0085 is a line break.
            0xC2 => matches!(bytes.peek(), Some((_, 0x80..=0x84 | 0x86..=0x9F))),
            _ => false,
        };
        if is_bad {
            return text.get(at..)?.chars().next().map(|c| (at, c));
        }
    }
    None
}

/// Returns the bytes of the line at a position, without its line break.
pub(super) fn line_range(text: &str, at: usize) -> Range<usize> {
    let before = text.get(..at).unwrap_or_default();
    let start = before.rfind(['\n', '\r']).map_or(0, |at| at + 1);
    let after = text.get(at..).unwrap_or_default();
    start..at + after.find(['\n', '\r']).unwrap_or(after.len())
}

/// Returns the text before and after a piece on its line. Returns `None` if the piece has several lines or the line is
/// long. The search for the ends of the line is bounded.
fn around<'t>(text: &'t str, piece: &Range<usize>) -> Option<(&'t str, &'t str)> {
    let ends = ['\n', '\r'];
    if piece.len() > LONGEST_LINE || text.get(piece.clone())?.contains(ends) {
        return None;
    }
    let from = text.floor_char_boundary(piece.start.saturating_sub(LONGEST_LINE));
    let to = text.floor_char_boundary(piece.end + LONGEST_LINE);
    let (before, after) = (text.get(from..piece.start)?, text.get(piece.end..to)?);
    let head = match before.rfind(ends) {
        Some(at) => before.get(at + 1..)?,
        None if from == 0 => before,
        None => return None,
    };
    let tail = match after.find(ends) {
        Some(at) => after.get(..at)?,
        None if to == text.len() => after,
        None => return None,
    };
    Some((head, tail))
}

/// Returns the line of a piece of text with the piece replaced, or only the replacement if the piece has several lines or
/// its line is long.
pub(super) fn corrected(text: &str, piece: &Range<usize>, replacement: &str) -> String {
    let line = match around(text, piece) {
        Some((head, tail)) if head.len() + replacement.len() + tail.len() <= LONGEST_LINE => {
            format!("{head}{replacement}{tail}")
        }
        _ => replacement.chars().take(LONGEST_LINE).collect(),
    };
    escape_controls(line.trim_start_matches('\u{feff}').trim()).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: FileId = FileId(0);

    #[test]
    fn an_invalid_text_is_reported_at_its_first_invalid_character() {
        let found = |bytes: &[u8]| {
            let (text, diagnostic) = decode(FILE, "a.yaml", bytes.to_vec());
            let diagnostic = diagnostic.unwrap();
            let crate::diagnostics::Place::Span(span) = diagnostic.labels[0].place else { panic!() };
            assert!(text.get(span.start..span.end).is_some());
            (span.start, diagnostic.detail)
        };
        assert_eq!(found(b"a: caf\xe9\n").0, 6);
        assert_eq!(found("é: a\u{0}b".as_bytes()).0, 5);
        assert_eq!(found("é: \u{9b}b".as_bytes()).0, 4);
        assert!(found(b"\xff\xfea\0").1.contains("UTF-16"));
        assert_eq!(decode(FILE, "a.yaml", "é: \u{85}ж\r\n\t".into()).1, None);
    }

    #[test]
    fn a_line_is_corrected_in_place() {
        let text = "a: 1\r\n  account: 100 # owner\r\nb: 2";
        assert_eq!(corrected(text, &(17..20), "\"100\""), "account: \"100\" # owner");
        assert_eq!(corrected(text, &(3..20), "x"), "x");
    }
}

//! Where a span stands: lines and columns from 1, with columns counted as each format wants them.

use crate::diagnostics::{Sources, Span};

/// One end of a range.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Point {
    /// The line.
    pub line: usize,
    /// The column, in characters.
    pub column: usize,
    /// The column, in UTF-16 code units.
    pub utf16: usize,
    /// The column, in bytes.
    pub bytes: usize,
}

/// A range of a file's text.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// The file: relative to the repository where it lies in one.
    pub file: String,
    /// Its first character.
    pub from: Point,
    /// The character after its last.
    pub to: Point,
    /// Its first byte in the file.
    pub start: usize,
    /// The byte after its last.
    pub end: usize,
}

fn point(text: &str, at: usize) -> Option<Point> {
    let before = text.get(..at)?;
    let line_start = before.rfind('\n').map_or(0, |at| at.saturating_add(1));
    let head = before.get(line_start..)?;
    // A byte order mark is bytes of the file, and no character of its text.
    let shown = if line_start == 0 { head.trim_start_matches('\u{FEFF}') } else { head };
    Some(Point {
        line: before.matches('\n').count().saturating_add(1),
        column: shown.chars().count().saturating_add(1),
        utf16: shown.encode_utf16().count().saturating_add(1),
        bytes: head.len().saturating_add(1),
    })
}

impl Position {
    /// Where a span stands, in a file that is told by this name.
    pub fn of(span: Span, sources: &Sources, name: &dyn Fn(&str) -> String) -> Option<Self> {
        let source = sources.get(span.file)?;
        Some(Self {
            file: name(&source.name),
            from: point(&source.text, span.start)?,
            to: point(&source.text, span.end)?,
            start: span.start,
            end: span.end,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_counted_in_characters_utf16_units_and_bytes() {
        let mut sources = Sources::default();
        let file = sources.add("a.yaml", "one\né🙂 x: y\n");
        let start = "one\né🙂 ".len();
        let at = Position::of(Span { file, start, end: start + 1 }, &sources, &str::to_owned).unwrap();
        assert_eq!(at.from, Point { line: 2, column: 4, utf16: 5, bytes: 8 });
        assert_eq!(at.to, Point { line: 2, column: 5, utf16: 6, bytes: 9 });
        let file = sources.add("b.yaml", "\u{FEFF}x: y\n");
        let at = Position::of(Span { file, start: 6, end: 7 }, &sources, &str::to_owned).unwrap();
        assert_eq!(at.from, Point { line: 1, column: 4, utf16: 4, bytes: 7 });
    }
}

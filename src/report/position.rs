//! Positions of spans: lines and columns from 1, with columns in the unit of each format.

use std::cell::OnceCell;

use crate::diagnostics::{FileId, Sources, Span};

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

/// Bytes between two places of a text up to which characters were counted.
const STRIDE: usize = 4096;

/// Lines and characters of a text, counted once: a place is then found without reading all that comes before it, on a
/// line of millions of characters too.
#[derive(Debug)]
struct TextIndex<'s> {
    text: &'s str,
    /// Where the lines start.
    lines: Vec<usize>,
    /// Characters and UTF-16 code units before every [`STRIDE`]th byte.
    counts: Vec<(usize, usize)>,
}

/// The characters and UTF-16 code units that start in these bytes.
fn count(bytes: &[u8]) -> (usize, usize) {
    let characters = bytes.iter().filter(|byte| **byte & 0xC0 != 0x80).count();
    let pairs = bytes.iter().filter(|byte| **byte >= 0xF0).count();
    (characters, characters.saturating_add(pairs))
}

impl<'s> TextIndex<'s> {
    fn new(text: &'s str) -> Self {
        let breaks = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n');
        let lines = std::iter::once(0).chain(breaks.map(|(at, _)| at.saturating_add(1))).collect();
        let mut counts = vec![(0usize, 0usize)];
        let (mut characters, mut units) = (0usize, 0usize);
        for chunk in text.as_bytes().chunks(STRIDE) {
            let (more, more_units) = count(chunk);
            (characters, units) = (characters.saturating_add(more), units.saturating_add(more_units));
            counts.push((characters, units));
        }
        Self { text, lines, counts }
    }

    /// The number of the line that a byte is on, from 0, and where it starts.
    fn line(&self, at: usize) -> (usize, usize) {
        let number = self.lines.partition_point(|start| *start <= at).saturating_sub(1);
        (number, self.lines.get(number).copied().unwrap_or_default())
    }

    fn counted(&self, at: usize) -> (usize, usize) {
        let (characters, units) = self.counts.get(at / STRIDE).copied().unwrap_or_default();
        let rest = self.text.as_bytes().get(at / STRIDE * STRIDE..at).unwrap_or_default();
        let (more, more_units) = count(rest);
        (characters.saturating_add(more), units.saturating_add(more_units))
    }

    fn point(&self, at: usize) -> Option<Point> {
        self.text.get(..at)?;
        let (number, start) = self.line(at);
        // A byte order mark is bytes of the file, and no character of its text.
        let marks = if self.text.starts_with('\u{FEFF}') { '\u{FEFF}'.len_utf8() } else { 0 };
        let shown = if start == 0 { marks.min(at) } else { start };
        let ((characters, units), (before, units_before)) = (self.counted(at), self.counted(shown));
        Some(Point {
            line: number.saturating_add(1),
            column: characters.saturating_sub(before).saturating_add(1),
            utf16: units.saturating_sub(units_before).saturating_add(1),
            bytes: at.saturating_sub(start).saturating_add(1),
        })
    }
}

/// Characters around a place that identify it on a long line.
const AROUND: usize = 400;

/// Places of the files that were read, with the lines of each counted once.
#[derive(Debug)]
pub struct Positions<'s> {
    sources: &'s Sources,
    indexes: Vec<OnceCell<TextIndex<'s>>>,
    /// The names of the files in reports.
    names: Vec<OnceCell<String>>,
}

impl<'s> Positions<'s> {
    /// Of these files; each is counted when a place in it is asked for.
    pub fn new(sources: &'s Sources) -> Self {
        let indexes = sources.iter().map(|_| OnceCell::new()).collect();
        let names = sources.iter().map(|_| OnceCell::new()).collect();
        Self { sources, indexes, names }
    }

    fn index(&self, file: FileId) -> Option<&TextIndex<'s>> {
        let source = self.sources.get(file)?;
        let index = self.indexes.get(usize::try_from(file.0).ok()?)?;
        Some(index.get_or_init(|| TextIndex::new(&source.text)))
    }

    /// Returns the position of a span. `name` maps a file to its name in reports.
    pub fn of(&self, span: Span, name: &dyn Fn(&str) -> String) -> Option<Position> {
        let index = self.index(span.file)?;
        Some(Position {
            file: self.name(span.file, name)?.to_owned(),
            from: index.point(span.start)?,
            to: index.point(span.end)?,
            start: span.start,
            end: span.end,
        })
    }

    /// The name of a file in reports: finding it may ask the file system.
    pub fn name(&self, file: FileId, name: &dyn Fn(&str) -> String) -> Option<&str> {
        let source = self.sources.get(file)?;
        let known = self.names.get(usize::try_from(file.0).ok()?)?;
        Some(known.get_or_init(|| name(&source.name)))
    }

    /// The text of the line that a span starts on, or of a long one the part around the span.
    pub fn line(&self, span: Span) -> Option<&'s str> {
        let index = self.index(span.file)?;
        let (number, start) = index.line(span.start);
        let end =
            index.lines.get(number.saturating_add(1)).map_or(index.text.len(), |next| next.saturating_sub(1));
        let from = index.text.floor_char_boundary(start.max(span.start.saturating_sub(AROUND)));
        let to = index.text.floor_char_boundary(end.min(span.start.saturating_add(AROUND)));
        index.text.get(from..to).map(str::trim)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_counted_in_characters_utf16_units_and_bytes() {
        let mut sources = Sources::default();
        let file = sources.add("a.yaml", "one\né🙂 x: y\n");
        let bom = sources.add("b.yaml", "\u{FEFF}x: y\n");
        let positions = Positions::new(&sources);
        let start = "one\né🙂 ".len();
        let at = positions.of(Span { file, start, end: start + 1 }, &str::to_owned).unwrap();
        assert_eq!(at.from, Point { line: 2, column: 4, utf16: 5, bytes: 8 });
        assert_eq!(at.to, Point { line: 2, column: 5, utf16: 6, bytes: 9 });
        let at = positions.of(Span { file: bom, start: 6, end: 7 }, &str::to_owned).unwrap();
        assert_eq!(at.from, Point { line: 1, column: 4, utf16: 4, bytes: 7 });
    }

    #[test]
    fn a_place_on_a_long_line_is_counted_as_if_all_before_it_was_read() {
        let line = "é🙂x".repeat(5_000);
        let text = format!("\u{FEFF}{line}\n{line}");
        let mut sources = Sources::default();
        let file = sources.add("a.yaml", text.as_str());
        let positions = Positions::new(&sources);
        for at in
            [3, 4_096, 4_099, 20_003, 34_999, 35_004, 40_962, 70_003].map(|at| text.floor_char_boundary(at))
        {
            let before = &text[..at];
            let start = before.rfind('\n').map_or(3, |at| at + 1);
            let head = &before[start..];
            let point = positions.of(Span { file, start: at, end: at }, &str::to_owned).unwrap().from;
            assert_eq!(point.line, 1 + before.matches('\n').count());
            assert_eq!(point.column, 1 + head.chars().count());
            assert_eq!(point.utf16, 1 + head.encode_utf16().count());
            let line_start = if start == 3 { 0 } else { start };
            assert_eq!(point.bytes, 1 + at - line_start);
            assert!(positions.line(Span { file, start: at, end: at }).unwrap().len() <= 2 * AROUND);
        }
    }
}

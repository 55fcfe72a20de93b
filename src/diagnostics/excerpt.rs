//! Lines around labels, as a source that miette can draw.
//!
//! miette's own source scans a text from its first byte for every label, prints whole lines unescaped, and
//! supports one file per diagnostic. Here each file is indexed once, and lines are cut to a window around their label
//! and escaped. The lines of all files form one synthetic text, in which each cluster of neighbouring lines has its
//! file's name.

use std::cell::OnceCell;
use std::collections::BTreeMap;
use std::ops::Range;

use miette::{LabeledSpan, MietteError, SourceCode, SourceSpan, SpanContents};

use super::place::{FileId, Sources, Span};
use super::sanitize::{Brackets, escape_controls, escape_inline, needs_escape, push_escaped};

/// Lines before and after the line of a label.
const CONTEXT: usize = 1;
/// Characters before a label in a line that is cut.
const LEAD: usize = 30;
/// Most labels of one diagnostic that are drawn.
const MAX_LABELS: usize = 12;

/// Starts of the lines of each file. A file is indexed when its first label is drawn.
pub(super) struct LineIndex<'s> {
    sources: &'s Sources,
    starts: Vec<OnceCell<Vec<usize>>>,
    /// Sign for a part that is cut off.
    mark: &'static str,
}

impl<'s> LineIndex<'s> {
    pub(super) fn new(sources: &'s Sources, is_ascii: bool) -> Self {
        let mark = if is_ascii { "..." } else { "…" };
        Self { sources, starts: sources.iter().map(|_| OnceCell::new()).collect(), mark }
    }

    fn text(&self, file: FileId) -> Option<&'s str> {
        self.sources.get(file).map(|source| &*source.text)
    }

    fn starts(&self, file: FileId) -> Option<&[usize]> {
        let text = self.text(file)?;
        let cell = self.starts.get(usize::try_from(file.0).ok()?)?;
        Some(cell.get_or_init(|| line_starts(text)))
    }

    /// Returns the number of the line, from 0.
    fn line_of(&self, file: FileId, at: usize) -> Option<usize> {
        self.starts(file)?.partition_point(|&start| start <= at).checked_sub(1)
    }

    /// Returns the bytes of a line, without its line break.
    fn line(&self, file: FileId, number: usize) -> Option<Range<usize>> {
        let starts = self.starts(file)?;
        let text = self.text(file)?;
        let start = *starts.get(number)?;
        let end = starts.get(number + 1).copied().unwrap_or(text.len());
        let line = text.get(start..end)?;
        let line = line.strip_suffix('\n').unwrap_or(line);
        let line = line.strip_suffix('\r').unwrap_or(line);
        Some(start..start + line.len())
    }
}

/// Returns the starts of all lines. Lines end with a line feed, a carriage return, or both.
fn line_starts(text: &str) -> Vec<usize> {
    let bytes = text.as_bytes();
    let mut starts = vec![0];
    for (at, &byte) in bytes.iter().enumerate() {
        if byte == b'\n' || (byte == b'\r' && bytes.get(at + 1) != Some(&b'\n')) {
            starts.push(at + 1);
        }
    }
    starts
}

/// Place to point at, and its label.
pub(super) struct Pointer<'d> {
    pub(super) span: Span,
    pub(super) text: &'d str,
}

/// Line as it is drawn.
struct Line {
    number: usize,
    /// Bytes of the file that are drawn.
    window: Range<usize>,
    text: String,
    /// Start in the synthetic text.
    offset: usize,
}

/// Neighbouring lines of a file.
struct Cluster {
    file: FileId,
    name: String,
    lines: Vec<Line>,
    text: String,
    offset: usize,
}

/// Lines around the labels of one diagnostic.
pub(super) struct Excerpt {
    clusters: Vec<Cluster>,
    /// Columns of labels, by their start in the synthetic text.
    columns: BTreeMap<usize, usize>,
    labels: Vec<LabeledSpan>,
}

/// Label on its line.
struct Placed<'d> {
    file: FileId,
    line: usize,
    /// Bytes of the file.
    range: Range<usize>,
    text: &'d str,
    is_primary: bool,
}

impl Excerpt {
    /// Returns the lines around places, of which the first is the primary one. Returns `None` if no place is in a file.
    pub(super) fn of(pointers: &[Pointer<'_>], index: &LineIndex<'_>, width: usize) -> Option<Self> {
        let mut placed: Vec<Placed<'_>> = Vec::new();
        for (position, pointer) in pointers.iter().take(MAX_LABELS).enumerate() {
            let Span { file, start, end } = pointer.span;
            let Some(line) = index.line_of(file, start) else { continue };
            let Some(bytes) = index.line(file, line) else { continue };
            // A label ends on its first line.
            let start = start.clamp(bytes.start, bytes.end);
            let range = start..end.clamp(start, bytes.end);
            placed.push(Placed { file, line, range, text: pointer.text, is_primary: position == 0 });
        }
        let mut excerpt = Self { clusters: Vec::new(), columns: BTreeMap::new(), labels: Vec::new() };
        let mut offset = 0;
        let mut left: Vec<&Placed<'_>> = placed.iter().collect();
        // The next cluster is that of the first label that is left, with all other labels within its lines.
        while let Some(first) = left.first() {
            let lines = neighbours(first, &left);
            let mut cluster = Cluster::of(first, &left, lines, index, width, offset)?;
            let here = left.extract_if(.., |label| cluster.shows(label)).collect::<Vec<_>>();
            for label in here {
                excerpt.label(&mut cluster, label, index);
            }
            // miette draws adjacent clusters as one.
            offset = cluster.offset + cluster.text.len() + 2;
            excerpt.clusters.push(cluster);
        }
        (!excerpt.clusters.is_empty()).then_some(excerpt)
    }

    fn label(&mut self, cluster: &mut Cluster, label: &Placed<'_>, index: &LineIndex<'_>) {
        let Some(line) = cluster.lines.iter().find(|line| line.number == label.line) else { return };
        let file = index.text(label.file).unwrap_or_default();
        let lead = if line.cut_before(index, label.file) { index.mark.len() } else { 0 };
        let drawn = |to: usize| lead + escaped(file.get(line.window.start..to).unwrap_or_default()).len();
        let end = label.range.end.min(line.window.end);
        let start = line.offset + drawn(label.range.start);
        let length = (line.offset + drawn(end)).saturating_sub(start);
        let line_start = index.line(label.file, label.line).map_or(0, |line| line.start);
        let before = file.get(line_start..label.range.start).unwrap_or_default();
        // A byte order mark is not a character of the text.
        let before = if line_start == 0 { before.trim_start_matches('\u{FEFF}') } else { before };
        let column = before.chars().count();
        self.columns.insert(start, column);
        let text = (!label.text.is_empty()).then(|| escape_controls(label.text).replace('\n', " "));
        let span = SourceSpan::new(start.into(), length);
        self.labels.push(if label.is_primary {
            LabeledSpan::new_primary_with_span(text, span)
        } else {
            LabeledSpan::new_with_span(text, span)
        });
    }

    /// Returns the labels, with spans of the synthetic text.
    pub(super) fn labels(&self) -> &[LabeledSpan] {
        &self.labels
    }
}

/// Returns the lines to draw for a label: its own, those around it, and those of labels nearby.
fn neighbours(first: &Placed<'_>, labels: &[&Placed<'_>]) -> Range<usize> {
    let mut lines: Vec<usize> =
        labels.iter().filter(|label| label.file == first.file).map(|label| label.line).collect();
    lines.sort_unstable();
    let (mut from, mut to) = (first.line, first.line);
    let reach = 2 * CONTEXT + 1;
    for &line in lines.iter().rev() {
        if line < from && from - line <= reach {
            from = line;
        }
    }
    for &line in &lines {
        if line > to && line - to <= reach {
            to = line;
        }
    }
    from.saturating_sub(CONTEXT)..to + CONTEXT + 1
}

impl Cluster {
    fn of(
        first: &Placed<'_>,
        labels: &[&Placed<'_>],
        lines: Range<usize>,
        index: &LineIndex<'_>,
        width: usize,
        offset: usize,
    ) -> Option<Self> {
        let file = index.text(first.file)?;
        let name = escape_inline(&index.sources.get(first.file)?.name).into_owned();
        let mut cluster = Self { file: first.file, name, lines: Vec::new(), text: String::new(), offset };
        for number in lines {
            let Some(bytes) = index.line(first.file, number) else { break };
            let on_line = labels.iter().find(|label| label.file == first.file && label.line == number);
            let start = if number == first.line { Some(first.range.start) } else { None };
            let start = start.or(on_line.map(|label| label.range.start)).unwrap_or(bytes.start);
            let window = window(file, &bytes, start, width);
            if !cluster.lines.is_empty() {
                cluster.text.push('\n');
            }
            let line_offset = offset + cluster.text.len();
            let mut text = String::new();
            if window.start > bytes.start {
                text.push_str(index.mark);
            }
            text.push_str(&escaped(file.get(window.clone()).unwrap_or_default()));
            if window.end < bytes.end {
                text.push_str(index.mark);
            }
            cluster.text.push_str(&text);
            cluster.lines.push(Line { number, window, text, offset: line_offset });
        }
        // Drop the empty line after the last line break of the file.
        if cluster
            .lines
            .last()
            .is_some_and(|line| line.text.is_empty() && line.number > first.line + CONTEXT - 1)
            && index.line(first.file, cluster.lines.last().map_or(0, |line| line.number) + 1).is_none()
            && let Some(last) = cluster.lines.pop()
        {
            cluster.text.truncate((last.offset - offset).saturating_sub(1));
        }
        (!cluster.lines.is_empty()).then_some(cluster)
    }

    /// Returns whether a label starts within the drawn part of a line.
    fn shows(&self, label: &Placed<'_>) -> bool {
        let is_in = |line: &Line| {
            line.number == label.line
                && line.window.start <= label.range.start
                && label.range.start <= line.window.end
        };
        self.file == label.file && self.lines.iter().any(is_in)
    }
}

impl Line {
    fn cut_before(&self, index: &LineIndex<'_>, file: FileId) -> bool {
        index.line(file, self.number).is_some_and(|bytes| self.window.start > bytes.start)
    }
}

/// Returns the bytes of a line that are drawn: the whole line, or `width` characters around the label.
fn window(file: &str, line: &Range<usize>, label: usize, width: usize) -> Range<usize> {
    let text = file.get(line.clone()).unwrap_or_default();
    if text.len() <= width {
        return line.clone();
    }
    let before = file.get(line.start..label).unwrap_or_default();
    let mut start = line.start;
    if before.len() > width / 2 {
        let lead: usize = before.chars().rev().take(LEAD).map(char::len_utf8).sum();
        start = label - lead;
    }
    let length: usize =
        file.get(start..line.end).unwrap_or_default().chars().take(width).map(char::len_utf8).sum();
    start..start + length
}

/// Escapes a part of a line for terminals and build servers, except tabs, which miette expands.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut brackets = Brackets::default();
    for c in text.chars() {
        if brackets.opens_a_command(c) {
            out.push('\\');
        }
        if c != '\t' && needs_escape(c) { push_escaped(&mut out, c) } else { out.push(c) }
    }
    out
}

impl SourceCode for Excerpt {
    fn read_span<'a>(
        &'a self,
        span: &SourceSpan,
        before: usize,
        after: usize,
    ) -> Result<Box<dyn SpanContents<'a> + 'a>, MietteError> {
        let end = span.offset() + span.len();
        let cluster = self
            .clusters
            .iter()
            .find(|cluster| cluster.offset <= span.offset() && end <= cluster.offset + cluster.text.len())
            .ok_or(MietteError::OutOfBounds)?;
        let at =
            |offset: usize| cluster.lines.partition_point(|line| line.offset <= offset).saturating_sub(1);
        let (first, last) = (at(span.offset()), at(end));
        // miette asks for the position of a label without context.
        let is_place = before == 0 && after == 0;
        let first = first.saturating_sub(before);
        let last = (last + after).min(cluster.lines.len().saturating_sub(1));
        let (Some(first), Some(last)) = (cluster.lines.get(first), cluster.lines.get(last)) else {
            return Err(MietteError::OutOfBounds);
        };
        let start = if is_place { span.offset() } else { first.offset };
        let end = if is_place { end } else { last.offset + last.text.len() };
        let data = cluster.text.get(start - cluster.offset..end - cluster.offset).unwrap_or_default();
        Ok(Box::new(Part {
            data,
            span: SourceSpan::new(start.into(), data.len()),
            name: &cluster.name,
            line: first.number,
            column: if is_place { self.columns.get(&start).copied().unwrap_or(0) } else { 0 },
            line_count: last.number - first.number + 1,
        }))
    }
}

struct Part<'a> {
    data: &'a str,
    span: SourceSpan,
    name: &'a str,
    line: usize,
    column: usize,
    line_count: usize,
}

impl<'a> SpanContents<'a> for Part<'a> {
    fn data(&self) -> &'a [u8] {
        self.data.as_bytes()
    }

    fn span(&self) -> &SourceSpan {
        &self.span
    }

    fn name(&self) -> Option<&str> {
        Some(self.name)
    }

    fn line(&self) -> usize {
        self.line
    }

    fn column(&self) -> usize {
        self.column
    }

    fn line_count(&self) -> usize {
        self.line_count
    }
}

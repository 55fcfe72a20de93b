//! Colour, where it is wanted, and the width of lines.

use anstyle::{AnsiColor, Style};

/// Paints text, or leaves it as it is, and wraps it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Paint {
    /// Whether to use colour.
    pub color: bool,
    /// Columns of a line.
    pub width: usize,
}

/// Columns of a line without a terminal.
const WIDTH: usize = 80;
/// Widths at which prose is readable.
const WIDTHS: std::ops::RangeInclusive<usize> = 40..=120;

impl Paint {
    /// Without colour, for files and comments.
    pub const PLAIN: Self = Self { color: false, width: WIDTH };

    /// For a terminal of so many columns. `None` if there is no terminal.
    pub fn new(color: bool, columns: Option<usize>) -> Self {
        Self { color, width: columns.unwrap_or(WIDTH).clamp(*WIDTHS.start(), *WIDTHS.end()) }
    }

    /// Returns a text on lines that fit the width, the first with one indent and the others with another. Words are not
    /// broken.
    pub fn wrapped(self, text: &str, first: &str, rest: &str) -> String {
        let options = textwrap::Options::new(self.width)
            .initial_indent(first)
            .subsequent_indent(rest)
            .break_words(false)
            .word_separator(textwrap::WordSeparator::AsciiSpace)
            .word_splitter(textwrap::WordSplitter::NoHyphenation);
        let mut wrapped = textwrap::fill(text, options);
        wrapped.push('\n');
        wrapped
    }

    fn with(self, style: Style, text: &str) -> String {
        if self.color && !text.is_empty() { format!("{style}{text}{style:#}") } else { text.to_owned() }
    }

    /// What is added.
    pub fn added(self, text: &str) -> String {
        self.with(AnsiColor::Green.on_default(), text)
    }

    /// What changes.
    pub fn changed(self, text: &str) -> String {
        self.with(AnsiColor::Yellow.on_default(), text)
    }

    /// Marks a deletion.
    pub fn removed(self, text: &str) -> String {
        self.with(AnsiColor::Red.on_default(), text)
    }

    /// A heading.
    pub fn bold(self, text: &str) -> String {
        self.with(Style::new().bold(), text)
    }

    /// An aside.
    pub fn dim(self, text: &str) -> String {
        self.with(Style::new().dimmed(), text)
    }
}

//! Draws diagnostics for people: the lines that they point at, what is wrong, and what to do.

use std::fmt::{self, Display};

use miette::{GraphicalReportHandler, GraphicalTheme, LabeledSpan, SourceCode, ThemeCharacters, ThemeStyles};

use super::excerpt::{Excerpt, LineIndex, Pointer};
use super::place::{Place, Sources, Span};
use super::sanitize::escape_controls;
use super::{Diagnostic, Severity};

/// Options of drawing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RenderOptions {
    /// Whether to draw colours, as terminal codes.
    pub color: bool,
    /// Width of prose, in columns.
    pub width: usize,
    /// Whether to use only ASCII characters.
    pub ascii: bool,
    /// Most diagnostics to draw. The rest are counted.
    pub max: usize,
}

impl Default for RenderOptions {
    fn default() -> Self {
        Self { color: false, width: 100, ascii: false, max: 20 }
    }
}

/// Widths at which prose is readable.
const WIDTHS: std::ops::RangeInclusive<usize> = 40..=120;

/// Draws diagnostics in order.
///
/// `span_of` returns the span of a place (`manifest::Locator::place`). A label without a span is not drawn. Of more than
/// `max` diagnostics, the most severe are drawn and the rest are counted.
pub fn render(
    diagnostics: &[Diagnostic],
    span_of: &dyn Fn(&Place) -> Option<Span>,
    sources: &Sources,
    options: RenderOptions,
) -> String {
    let width = options.width.clamp(*WIDTHS.start(), *WIDTHS.end());
    let characters = if options.ascii { ThemeCharacters::ascii() } else { ThemeCharacters::unicode() };
    let styles = if options.color { ThemeStyles::ansi() } else { ThemeStyles::none() };
    let handler = GraphicalReportHandler::new_themed(GraphicalTheme { characters, styles })
        .with_wrap_lines(false)
        .with_links(false)
        .with_width(width)
        .with_context_lines(1)
        .without_syntax_highlighting();

    let mut drawn: Vec<usize> = (0..diagnostics.len()).collect();
    if drawn.len() > options.max {
        drawn.sort_by_key(|&at| diagnostics.get(at).map(|diagnostic| diagnostic.severity));
        drawn.truncate(options.max);
        drawn.sort_unstable();
    }
    let lines = LineIndex::new(sources, options.ascii);
    let mut out = String::new();
    for (position, diagnostic) in drawn.iter().filter_map(|&at| diagnostics.get(at)).enumerate() {
        if position > 0 {
            out.push('\n');
        }
        let mut pointers: Vec<Pointer<'_>> = Vec::new();
        for label in &diagnostic.labels {
            let Some(span) = span_of(&label.place) else { continue };
            // Values that defaults and aliases give to several entries are written once.
            if pointers.iter().all(|known| known.span != span || known.text != label.text) {
                pointers.push(Pointer { span, text: &label.text });
            }
        }
        let picture = Picture {
            diagnostic,
            width,
            excerpt: Excerpt::of(&pointers, &lines, width),
            message: message(diagnostic, width),
            help: diagnostic.help.as_deref().map(|help| help_text(help, width)),
        };
        // Writing to a string cannot fail, and every label is within the excerpt.
        if handler.render_report(&mut out, &picture).is_err() {
            out.push_str(&picture.message);
            out.push('\n');
        }
    }
    let folded: Vec<&Diagnostic> = (0..diagnostics.len())
        .filter(|at| drawn.binary_search(at).is_err())
        .filter_map(|at| diagnostics.get(at))
        .collect();
    if !folded.is_empty() {
        if !out.is_empty() {
            out.push('\n');
        }
        out.push_str(if options.ascii { "... and " } else { "… and " });
        out.push_str(&format!("{} more: {}\n", folded.len(), count_by_severity(folded.iter().copied())));
    }
    out
}

/// Counts diagnostics by severity, in words: `2 errors, 1 warning`.
fn count_by_severity<'d>(diagnostics: impl IntoIterator<Item = &'d Diagnostic>) -> String {
    let severities: Vec<Severity> = diagnostics.into_iter().map(|diagnostic| diagnostic.severity).collect();
    let count = |severity| severities.iter().filter(|&&one| one == severity).count();
    let parts = [
        (count(Severity::Error), "error", "errors"),
        (count(Severity::Warning), "warning", "warnings"),
        (count(Severity::Advice), "advice", "advices"),
    ];
    let parts: Vec<String> = parts
        .into_iter()
        .filter(|(number, ..)| *number > 0)
        .map(|(number, one, several)| format!("{number} {}", if number == 1 { one } else { several }))
        .collect();
    parts.join(", ")
}

/// Returns the title, and the detail below it.
fn message(diagnostic: &Diagnostic, width: usize) -> String {
    let mut message = diagnostic.code.title.to_owned();
    for line in escape_controls(&diagnostic.whole_detail()).lines() {
        message.push('\n');
        message.push_str(&wrapped(line, width.saturating_sub(6)));
    }
    message
}

/// Wraps the sentences of a help. A corrected line or a command stays on one line, so that it can be copied.
fn help_text(help: &str, width: usize) -> String {
    let lines: Vec<String> = escape_controls(help)
        .lines()
        .map(
            |line| {
                if line.ends_with('.') { wrapped(line, width.saturating_sub(10)) } else { line.to_owned() }
            },
        )
        .collect();
    lines.join("\n")
}

fn wrapped(text: &str, width: usize) -> String {
    let mut out = String::with_capacity(text.len() + 8);
    let mut column = 0;
    for word in text.split(' ') {
        let length = word.chars().count();
        if column > 0 && column + 1 + length > width {
            out.push('\n');
            column = 0;
        } else if column > 0 {
            out.push(' ');
            column += 1;
        }
        out.push_str(word);
        column += length;
    }
    out
}

/// Adapter from a diagnostic to miette.
struct Picture<'d> {
    diagnostic: &'d Diagnostic,
    width: usize,
    excerpt: Option<Excerpt>,
    message: String,
    help: Option<String>,
}

impl fmt::Debug for Picture<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Picture").field("code", &self.diagnostic.code.id).field("width", &self.width).finish()
    }
}

impl Display for Picture<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Picture<'_> {}

impl miette::Diagnostic for Picture<'_> {
    fn code<'a>(&'a self) -> Option<Box<dyn Display + 'a>> {
        let Diagnostic { code, severity, .. } = self.diagnostic;
        // The severity is also a word, since colours and signs may be missing.
        Some(Box::new(format!("{} {} {}", severity.as_str(), code.id, code.name)))
    }

    fn severity(&self) -> Option<miette::Severity> {
        Some(match self.diagnostic.severity {
            Severity::Error => miette::Severity::Error,
            Severity::Warning => miette::Severity::Warning,
            Severity::Advice => miette::Severity::Advice,
        })
    }

    fn help<'a>(&'a self) -> Option<Box<dyn Display + 'a>> {
        self.help.as_ref().map(|help| Box::new(help) as Box<dyn Display + 'a>)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        self.excerpt.as_ref().map(|excerpt| excerpt as &dyn SourceCode)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        self.excerpt
            .as_ref()
            .map(|excerpt| Box::new(excerpt.labels().iter().cloned()) as Box<dyn Iterator<Item = _>>)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostics::FileId;
    use crate::diagnostics::catalogue::syntax::{KEY_UNKNOWN, VARIABLE_UNUSED};

    fn span(file: u32, text: &str, piece: &str) -> Span {
        let start = text.find(piece).unwrap();
        Span { file: FileId(file), start, end: start + piece.len() }
    }

    fn place(place: &Place) -> Option<Span> {
        match place {
            Place::Span(span) => Some(*span),
            Place::Path(_) => None,
        }
    }

    fn draw(diagnostics: &[Diagnostic], sources: &Sources) -> String {
        render(diagnostics, &place, sources, RenderOptions::default())
    }

    fn diagnostic() -> Diagnostic {
        KEY_UNKNOWN.found("`regoin` is not known.")
    }

    #[test]
    fn parties_in_two_files_are_both_shown() {
        let (a, b) = ("one: 1\nимя: x\n", "# b\nregoin: ap-tokyo\n");
        let mut sources = Sources::default();
        sources.add("a.yaml", a);
        sources.add("b.yaml", b);
        let diagnostic = diagnostic()
            .at(span(1, b, "regoin"), "again here")
            .at(span(0, a, "x"), "first here")
            .help("Remove one of them.");
        insta::assert_snapshot!(draw(&[diagnostic], &sources), @r"
        error GF105 key_unknown

          × Unknown key
          │ `regoin` is not known.
           ╭─[b.yaml:2:1]
         1 │ # b
         2 │ regoin: ap-tokyo
           · ───┬──
           ·    ╰── again here
           ╰────
           ╭─[a.yaml:2:6]
         1 │ one: 1
         2 │ имя: x
           ·      ┬
           ·      ╰── first here
           ╰────
          help: Remove one of them.
        ");
    }

    #[test]
    fn a_long_line_is_cut_and_codes_are_shown() {
        let text =
            format!("a: [{}\u{1b}[31mbad\u{202e}, {}]\n", "x, ".repeat(100_000), "y, ".repeat(100_000));
        let mut sources = Sources::default();
        sources.add("a.yaml", text.as_str());
        let diagnostic = diagnostic().at(span(0, &text, "bad"), "this").at(span(0, &text, "a:"), "of this");
        let drawn = draw(&[diagnostic], &sources);
        assert!(!drawn.contains('\u{1b}') && !drawn.contains('\u{202e}'));
        assert!(drawn.lines().all(|line| line.chars().count() < 140), "{drawn}");
        assert!(drawn.contains("[a.yaml:1:300010]"), "{drawn}");
        insta::assert_snapshot!(drawn);
    }

    /// A build server obeys such brackets anywhere in a line. Labels stay below the text that they point at.
    #[test]
    fn commands_of_build_servers_are_broken_in_excerpts() {
        let text = "a: ##[error]here # ##vso[task]\n";
        let mut sources = Sources::default();
        sources.add("a.yaml", text);
        let drawn = draw(&[diagnostic().at(span(0, text, "here"), "this")], &sources);
        insta::assert_snapshot!(drawn, @r"
        error GF105 key_unknown

          × Unknown key
          │ `regoin` is not known.
           ╭─[a.yaml:1:13]
         1 │ a: ##\[error]here # ##vso\[task]
           ·              ──┬─
           ·                ╰── this
           ╰────
        ");
    }

    #[test]
    fn labels_far_apart_are_drawn_apart_and_near_ones_together() {
        let text: String = (1..=40).map(|number| format!("line-{number:02}: x\n")).collect();
        let mut sources = Sources::default();
        sources.add("a.yaml", text.as_str());
        let diagnostic = diagnostic()
            .at(span(0, &text, "line-20"), "the first")
            .at(span(0, &text, "line-02"), "far away")
            .at(span(0, &text, "line-22"), "near");
        insta::assert_snapshot!(draw(&[diagnostic], &sources));
    }

    #[test]
    fn diagnostics_beyond_the_maximum_are_counted() {
        let warning = VARIABLE_UNUSED.found("It is not used.");
        let many = [warning.clone(), diagnostic(), warning, diagnostic(), diagnostic()];
        let options = RenderOptions { max: 2, ..RenderOptions::default() };
        let drawn = render(&many, &place, &Sources::default(), options);
        assert_eq!(drawn.matches("error GF105").count(), 2);
        assert!(drawn.ends_with("… and 3 more: 1 error, 2 warnings\n"), "{drawn}");
    }

    #[test]
    fn any_span_is_drawn() {
        let texts = ["", "\n", "a", "é\r\nж\rb", "\t\tx\n\n", "日本語: 語"];
        for text in texts {
            let mut sources = Sources::default();
            sources.add("a.yaml", text);
            for start in 0..=text.len() + 2 {
                for end in 0..=text.len() + 2 {
                    if !text.is_char_boundary(start.min(text.len()))
                        || !text.is_char_boundary(end.min(text.len()))
                    {
                        continue;
                    }
                    let place = Span { file: FileId(0), start, end };
                    let drawn = draw(&[diagnostic().at(place, "here").at(place, "")], &sources);
                    assert!(drawn.contains("GF105"));
                }
            }
        }
    }

    #[test]
    fn without_colour_or_unicode_nothing_else_is_used() {
        let mut sources = Sources::default();
        sources.add("a.yaml", "a: b\n");
        let diagnostics = [diagnostic().at(span(0, "a: b\n", "b"), "this").help("c")];
        let plain =
            render(&diagnostics, &place, &sources, RenderOptions { ascii: true, ..RenderOptions::default() });
        assert!(plain.is_ascii(), "{plain}");
        let coloured =
            render(&diagnostics, &place, &sources, RenderOptions { color: true, ..RenderOptions::default() });
        assert!(coloured.contains("\u{1b}["));
    }
}

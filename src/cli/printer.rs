//! What goes to stdout and stderr. The only place that prints.

use std::io::{IsTerminal as _, Write as _};
use std::sync::Arc;

use serde_json::Value;

use super::args::{Color, Format, OutputArgs, ReportFormat};
use super::reports::Reports;
use super::{CommandError, env};
use crate::diagnostics::render::{RenderOptions, render};
use crate::diagnostics::{Diagnostic, Severity, harmless};
use crate::manifest::Locator;
use crate::report::{Paint, count};

/// How many diagnostics are drawn in full before the rest is only counted.
const DIAGNOSTICS_SHOWN: usize = 50;

/// Prints: data to stdout, talk to stderr.
#[derive(Debug, Clone)]
pub struct Printer {
    /// Who reads stdout.
    pub format: Format,
    /// Every format that was asked for, and where each goes.
    pub reports: Arc<Reports>,
    /// Colour on stdout.
    pub out: Paint,
    /// Colour on stderr.
    pub talk: Paint,
    /// Whether to say only what must be said.
    pub quiet: bool,
    /// Whether bars may be drawn on stderr.
    pub bars: bool,
    /// Whether questions may be asked.
    pub may_ask: bool,
}

impl Printer {
    /// As the arguments, the environment and the terminal say.
    pub fn new(args: &OutputArgs, reports: Reports) -> Self {
        let terminal = |is_terminal: bool| match args.color {
            Color::Always => true,
            Color::Never => false,
            Color::Auto => {
                let forced = env::get(env::CLICOLOR_FORCE).is_some_and(|value| value != "0");
                let refused = env::get(env::NO_COLOR).is_some()
                    || env::get(env::TERM).is_some_and(|term| term == "dumb");
                (is_terminal || forced) && !refused
            }
        };
        let (out, err) = (std::io::stdout().is_terminal(), std::io::stderr().is_terminal());
        let is_ci = env::get(env::CI).is_some();
        Self {
            format: match reports.stdout {
                Some(ReportFormat::Text) | None => Format::Text,
                _ => Format::Json,
            },
            reports: Arc::new(reports),
            out: Paint { color: terminal(out) },
            talk: Paint { color: terminal(err) },
            quiet: args.quiet,
            bars: err && !is_ci && !args.quiet,
            may_ask: std::io::stdin().is_terminal() && err && !is_ci,
        }
    }

    /// What is wrong with the arguments, to stderr; help and the version, to stdout.
    pub fn usage(error: &clap::Error) {
        let text = error.render().to_string();
        let told = harmless::printed(&text, false);
        if error.use_stderr() && told != text {
            let _ = write!(std::io::stderr().lock(), "{told}");
        } else {
            let _ = error.print();
        }
    }

    /// Data, to stdout. A reader that has gone away is no error.
    pub fn data(&self, text: &str) {
        let _ = std::io::stdout().lock().write_all(text.as_bytes());
    }

    /// Text for people, to stdout: what users and the service named stands in it.
    pub fn text(&self, text: &str) {
        self.data(&harmless::printed(text, self.out.color));
    }

    /// Data as JSON, to stdout.
    pub fn json(&self, value: &Value) {
        self.data(&crate::report::json::to_text(value).unwrap_or_default());
    }

    /// Talk, to stderr; not when quiet.
    pub fn say(&self, text: &str) {
        if !self.quiet {
            self.always(text);
        }
    }

    /// Talk that is said even when quiet, to stderr. A build server reads it too, and is given no orders.
    pub fn always(&self, text: &str) {
        let text = harmless::printed(text.trim_end_matches('\n'), self.talk.color);
        let _ = writeln!(std::io::stderr().lock(), "{text}");
    }

    /// An error, to stderr.
    pub fn error(&self, text: &str) {
        let head = self.talk.removed("error:");
        self.always(&format!("{head} {}", harmless::harmless(text)));
    }

    /// A command's error and what to do about it.
    pub fn failure(&self, error: &CommandError) {
        if matches!(error, CommandError::Told(_)) {
            return;
        }
        self.error(&error.to_string());
        if let Some(help) = error.help() {
            self.always(&format!("{} {}", self.talk.bold("help:"), harmless::harmless(&help)));
        }
    }

    /// Diagnostics, to stderr, and their count. In quiet mode, errors only.
    pub fn diagnostics(&self, diagnostics: &[Diagnostic], locator: &Locator) {
        let mut shown: Vec<Diagnostic> = diagnostics
            .iter()
            .filter(|diagnostic| !self.quiet || diagnostic.severity == Severity::Error)
            .cloned()
            .collect();
        if shown.is_empty() {
            return;
        }
        // In the order of the text; what has no place in it comes last.
        shown.sort_by_cached_key(|diagnostic| {
            let primary = diagnostic.labels.first().and_then(|label| locator.place(&label.place));
            (primary.is_none(), primary)
        });
        let options =
            RenderOptions { color: self.talk.color, width: 100, ascii: false, max: DIAGNOSTICS_SHOWN };
        let text = render(&shown, &|place| locator.place(place), locator.sources(), options);
        self.always(&text);
        let number = |severity| shown.iter().filter(|diagnostic| diagnostic.severity == severity).count();
        let mut parts = Vec::new();
        for (severity, one, many) in
            [(Severity::Error, "error", "errors"), (Severity::Warning, "warning", "warnings")]
        {
            let number = number(severity);
            if number > 0 {
                parts.push(count(number, one, many));
            }
        }
        if !parts.is_empty() {
            self.always(&format!("\n{}", parts.join(", ")));
        }
    }
}

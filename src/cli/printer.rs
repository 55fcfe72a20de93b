//! Output to stdout and stderr. The only module that prints.

use std::borrow::Cow;
use std::io::{self, IsTerminal as _, Write as _};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, PoisonError, TryLockError};

use serde_json::Value;

use super::args::{Color, Format, OutputArgs, ReportFormat};
use super::event_log::EventLog;
use super::formats::Reports;
use super::{CommandError, ExitStatus, env};
use crate::diagnostics::render::{RenderOptions, render};
use crate::diagnostics::{Diagnostic, Severity, ascii_signs, sanitize};
use crate::manifest::Locator;
use crate::plan::Outcome;
use crate::report::envelope::{document, to_text};
use crate::report::events::RunEvent;
use crate::report::plan::PlanDetail;
use crate::report::{Paint, count};

/// How many diagnostics are drawn in full before the rest is only counted.
const DIAGNOSTICS_SHOWN: usize = 50;

/// Prints: data to stdout, talk to stderr.
#[derive(Debug, Clone)]
pub struct Printer {
    /// Whether signs are replaced by ASCII.
    ascii: bool,
    /// Who reads stdout.
    pub format: Format,
    /// Requested formats, each with its destination.
    pub reports: Arc<Reports>,
    /// Colour on stdout.
    pub out: Paint,
    /// Colour on stderr.
    pub talk: Paint,
    /// How much of a plan is shown.
    pub detail: PlanDetail,
    /// Whether to say only what must be said.
    pub quiet: bool,
    /// Whether bars may be drawn on stderr.
    pub bars: bool,
    /// Whether questions may be asked.
    pub may_ask: bool,
    /// Whether a run handles signals.
    pub(super) listens: Arc<AtomicBool>,
    output: Arc<Mutex<Output>>,
    events: Option<Arc<Mutex<EventLog>>>,
}

/// Returns the columns of lines: those that the environment names, else those of the terminal.
fn columns(is_terminal: bool) -> Option<usize> {
    let named = env::raw(env::COLUMNS).and_then(|value| value.to_str()?.parse().ok());
    let of_terminal = || terminal_size::terminal_size().map(|(width, _)| usize::from(width.0));
    named.or_else(|| of_terminal().filter(|_| is_terminal))
}

/// What became of the output so far.
#[derive(Debug, Default)]
struct Output {
    /// Whether stdout accepts no more: its reader is gone, or a write failed.
    is_closed: bool,
    /// The status of the gravest failure to write. `None` if everything was written.
    failure: Option<ExitStatus>,
}

impl Printer {
    /// As the arguments, the environment and the terminal say.
    #[expect(clippy::disallowed_methods, reason = "this is where stdout is written")]
    pub fn new(args: &OutputArgs, reports: Reports) -> Self {
        let terminal = |is_terminal: bool| match args.color {
            Color::Always => true,
            Color::Never => false,
            Color::Auto => {
                let forced = env::raw(env::CLICOLOR_FORCE).is_some_and(|value| value != "0");
                let refused = env::raw(env::NO_COLOR).is_some()
                    || env::raw(env::TERM).is_some_and(|term| term == "dumb");
                (is_terminal || forced) && !refused
            }
        };
        let (out, err) = (std::io::stdout().is_terminal(), std::io::stderr().is_terminal());
        let is_ci = env::is_ci();
        Self {
            ascii: env::is_ascii_only(),
            format: match reports.stdout {
                Some(format) if format != ReportFormat::Text && !format.is_of_ids() => Format::Json,
                _ => Format::Text,
            },
            reports: Arc::new(reports),
            out: Paint::new(terminal(out), columns(out)),
            talk: Paint::new(terminal(err), columns(err)),
            quiet: args.quiet,
            detail: if args.verbose { PlanDetail::Full } else { PlanDetail::Grouped },
            bars: err && !is_ci && !args.quiet,
            may_ask: std::io::stdin().is_terminal() && err && !is_ci,
            listens: Arc::default(),
            output: Arc::default(),
            events: None,
        }
    }

    /// As [`Printer::new`], with the events that the reports request.
    ///
    /// # Errors
    /// If a file of events cannot be written.
    pub fn with_events(args: &OutputArgs, reports: Reports) -> Result<Self, CommandError> {
        let events = EventLog::open(&reports)?.map(|log| Arc::new(Mutex::new(log)));
        Ok(Self { events, ..Self::new(args, reports) })
    }

    /// Returns whether events were requested.
    pub fn has_events(&self) -> bool {
        self.events.is_some()
    }

    /// Writes an event to where events were requested, at once. The event is made only if they were.
    pub fn event(&self, event: impl FnOnce() -> Option<RunEvent>) {
        let Some(events) = &self.events else { return };
        let mut log = events.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(event) = event() {
            self.write_event(&mut log, event);
        }
    }

    /// Notes the outcome of a run for the summary, and writes how the steps that it left running are left.
    pub fn outcome_event(&self, outcome: &Outcome) {
        let Some(events) = &self.events else { return };
        let mut log = events.lock().unwrap_or_else(PoisonError::into_inner);
        for event in log.outcome(outcome) {
            self.write_event(&mut log, event);
        }
    }

    /// Writes the summary, after which no event is written. Does not wait for a write that is under way: its reader may
    /// have stopped reading.
    pub fn summary_event(&self, status: ExitStatus, error: Option<&CommandError>) {
        let Some(events) = &self.events else { return };
        let mut log = match events.try_lock() {
            Ok(log) => log,
            Err(TryLockError::Poisoned(log)) => log.into_inner(),
            Err(TryLockError::WouldBlock) => return,
        };
        let summary = log.summary(status.code(), error);
        self.write_event(&mut log, summary);
    }

    fn write_event(&self, log: &mut EventLog, event: RunEvent) {
        let line = match log.line(event) {
            Ok(Some(line)) => line,
            Ok(None) => return,
            Err(error) => return self.output_failed(&error),
        };
        if log.is_on_stdout {
            self.data(&line);
        }
        for error in log.write(&line) {
            self.output_failed(&error);
        }
    }

    /// Prints what is wrong with the arguments to stderr; help and the version to stdout.
    ///
    /// # Errors
    /// If help or the version cannot be written, and not only because its reader is gone.
    #[expect(clippy::disallowed_methods, reason = "this is where stdout is written")]
    pub fn usage(error: &clap::Error, hint: Option<&str>) -> Result<(), CommandError> {
        let text = error.render().to_string();
        if error.use_stderr() {
            let printed = sanitize::for_terminal(&text, false);
            let printed = if env::is_ascii_only() { ascii_signs(&printed) } else { Cow::Borrowed(&*printed) };
            if printed == text {
                let _ = error.print();
            } else {
                let _ = write!(std::io::stderr().lock(), "{printed}");
            }
            if let Some(hint) = hint {
                let hint = sanitize::for_terminal(hint, false);
                let hint = if env::is_ascii_only() { ascii_signs(&hint) } else { hint };
                let _ = writeln!(std::io::stderr().lock(), "\nhint: {hint}");
            }
            return Ok(());
        }
        let print = || match env::is_ascii_only() && !text.is_ascii() {
            true => std::io::stdout().write_all(ascii_signs(&text).as_bytes()),
            false => error.print(),
        };
        match print().and_then(|()| Self::flush()) {
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(stdout_failed(error)),
            _ => Ok(()),
        }
    }

    /// Prints data to stdout. A failed write is reported once and raises the status of the run
    /// ([`Printer::output_status`]); a reader that is gone is no error.
    #[expect(clippy::disallowed_methods, reason = "this is where stdout is written")]
    pub fn data(&self, text: &str) {
        let mut output = self.output.lock().unwrap_or_else(PoisonError::into_inner);
        if output.is_closed {
            return;
        }
        let mut stdout = std::io::stdout().lock();
        // What stays in a buffer would be lost without an error when the process ends.
        if let Err(error) = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
            output.is_closed = true;
            drop(output);
            if error.kind() != io::ErrorKind::BrokenPipe {
                self.output_failed(&stdout_failed(error));
            }
        }
    }

    /// Writes out what another library has printed to stdout.
    ///
    /// # Errors
    /// If it cannot be written.
    #[expect(clippy::disallowed_methods, reason = "this is where stdout is written")]
    pub fn flush() -> io::Result<()> {
        std::io::stdout().flush()
    }

    /// Reports that a part of the output could not be written; the rest of the output still is.
    pub fn output_failed(&self, error: &CommandError) {
        self.failure(error);
        let mut output = self.output.lock().unwrap_or_else(PoisonError::into_inner);
        let status = error.exit_status();
        output.failure = Some(output.failure.map_or(status, |before| before.or(status)));
    }

    /// Returns the status that failures to write the output give: [`ExitStatus::Done`] if there was none.
    pub fn output_status(&self) -> ExitStatus {
        let output = self.output.lock().unwrap_or_else(PoisonError::into_inner);
        output.failure.unwrap_or(ExitStatus::Done)
    }

    /// Prints text for people to stdout. The text may contain names that users and the service chose.
    pub fn text(&self, text: &str) {
        self.data(&self.shown(&sanitize::for_terminal(text, self.out.color)));
    }

    /// Prints a page of goldform's own to stdout, without any text of others.
    pub fn page(&self, text: &str) {
        self.data(&self.shown(text));
    }

    /// Returns whether the terminal may show ASCII only.
    pub fn is_ascii_only(&self) -> bool {
        self.ascii
    }

    /// Returns a text with signs that the terminal can show.
    fn shown<'t>(&self, text: &'t str) -> Cow<'t, str> {
        if self.ascii { ascii_signs(text) } else { Cow::Borrowed(text) }
    }

    /// Data as JSON, to stdout.
    pub fn json(&self, value: &Value) {
        match to_text(value) {
            Ok(text) => self.data(&text),
            Err(error) => self.output_failed(&error.into()),
        }
    }

    /// Prints an object of goldform's own, with the version of the machine output.
    pub fn document(&self, fields: Value) {
        self.json(&document(fields));
    }

    /// Talk, to stderr; not when quiet.
    pub fn say(&self, text: &str) {
        if !self.quiet {
            self.always(text);
        }
    }

    /// Talk that is said even when quiet, to stderr. A build server reads it too, and is given no orders.
    pub fn always(&self, text: &str) {
        let text = sanitize::for_terminal(text.trim_end_matches('\n'), self.talk.color);
        let _ = writeln!(std::io::stderr().lock(), "{}", self.shown(&text));
    }

    /// An error, to stderr.
    pub fn error(&self, text: &str) {
        let head = self.talk.removed("error:");
        self.always(&format!("{head} {}", sanitize::escape_controls(text)));
    }

    /// A command's error and what to do about it.
    pub fn failure(&self, error: &CommandError) {
        if matches!(error, CommandError::AlreadyReported(_) | CommandError::ManifestUnusable { .. }) {
            return;
        }
        self.error(&error.to_string());
        if let Some(help) = error.help() {
            self.always(&format!("{} {}", self.talk.bold("help:"), sanitize::escape_controls(&help)));
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
            RenderOptions { color: self.talk.color, width: 100, ascii: self.ascii, max: DIAGNOSTICS_SHOWN };
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

fn stdout_failed(source: io::Error) -> CommandError {
    CommandError::File {
        path: "stdout".to_owned(),
        source,
        help: "What was printed is not complete. Make room, or print to another place.".to_owned(),
    }
}

//! Diagnostics: codes and their pages, places, rendering, and "did you mean".
//!
//! A diagnostic has a [`Code`] with a fixed title and a page, a detail (what is wrong with what, and why it matters here),
//! labels at the places of *each* party, and help: what to do, with the corrected line or the command on a line of its own.
//! A [`Place`] may be a path in the manifest, so that the core needs no text: `manifest::Locator` finds its span when a
//! diagnostic is printed.

mod ascii;
pub mod catalogue;
mod code;
pub mod collect;
mod excerpt;
mod json_error;
pub mod place;
pub mod render;
pub mod sanitize;
pub mod similar;

pub use self::code::Code;
pub use self::collect::{Collector, Fold, Repeats};
pub use self::json_error::json_error_message;
pub use self::render::{RenderOptions, render};
pub use self::similar::{Suggestions, closest};
pub use ascii::ascii_signs;
use compact_str::CompactString;
pub use place::{FileId, ManifestPath, Place, Segment, SourceFile, Sources, Span};
pub use sanitize::escape_truncated;

/// Severity, the most severe first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// The command stops.
    Error,
    /// The command continues.
    Warning,
    /// Information.
    Advice,
}

impl Severity {
    /// Returns `error`, `warning` or `advice`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Advice => "advice",
        }
    }
}

/// Place with a note.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Label {
    /// Place.
    pub place: Place,
    /// Note beside the underlined text. May be empty.
    pub text: String,
}

/// One message for the user about a problem.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// Kind of finding.
    pub code: &'static Code,
    /// Severity: for a rule, that of its level in this run.
    pub severity: Severity,
    /// What is wrong with what, and why it matters, in sentences.
    pub detail: String,
    /// Places, of which the first is the primary one.
    pub labels: Vec<Label>,
    /// What to do. A corrected line or a command is on a line of its own.
    pub help: Option<String>,
    /// Address or region that it is about. It sorts and identifies diagnostics without a place.
    pub subject: CompactString,
    /// Cause. Diagnostics with the same code and cause are one finding, unless it is empty.
    pub cause: CompactString,
    /// Findings that were folded into it.
    pub repeats: Repeats,
}

impl Diagnostic {
    /// Returns a diagnostic without a place.
    pub fn new(code: &'static Code, severity: Severity, detail: impl Into<String>) -> Self {
        Self {
            code,
            severity,
            detail: detail.into(),
            labels: Vec::new(),
            help: None,
            subject: CompactString::default(),
            cause: CompactString::default(),
            repeats: Repeats::default(),
        }
    }

    /// Returns the detail, and the number of further findings.
    pub fn whole_detail(&self) -> String {
        format!("{}{}", self.detail, self.repeats.describe())
    }

    /// Sets the cause: a diagnostic with the same code and cause is the same finding at another place.
    #[must_use]
    pub fn because_of(mut self, cause: impl Into<CompactString>) -> Self {
        self.cause = cause.into();
        self
    }

    /// Adds a place.
    #[must_use]
    pub fn at(mut self, place: impl Into<Place>, text: impl Into<String>) -> Self {
        self.labels.push(Label { place: place.into(), text: text.into() });
        self
    }

    /// Sets the help.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Sets the address or region that it is about.
    #[must_use]
    pub fn about(mut self, subject: impl std::fmt::Display) -> Self {
        self.subject = compact_str::format_compact!("{subject}");
        self
    }
}

impl Code {
    /// Returns a diagnostic with this code, at its default level.
    pub fn found(&'static self, detail: impl Into<String>) -> Diagnostic {
        Diagnostic::new(self, self.severity(), detail)
    }
}

//! The shape of what we tell the user: diagnostics, the places they point at, and "did you mean".
//!
//! A diagnostic is a fixed summary, a detail (what was wrong with what, and why it matters here), labels at
//! the places of *each* party, and help: what to do, with the corrected line or the command alone on its line.
//! The core makes them without looking at text: a [`Place`] may name a path in the manifest, and
//! `manifest::Locator` turns it into a span when there is something to print.

pub mod catalogue;
mod code;
pub mod collect;
mod excerpt;
pub mod place;
pub mod render;
pub mod sanitize;
pub mod similar;
pub mod unquoted;

pub use self::code::Code;
pub use self::collect::{Collector, Fold, Repeats};
pub use self::render::{RenderOptions, counted, render};
pub use self::similar::{Suggestions, closest};
pub use self::unquoted::unquoted;
use compact_str::CompactString;
pub use place::{FileId, ManifestPath, Place, Segment, SourceFile, Sources, Span};
pub use sanitize::escape_truncated;

/// How grave it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Stops the command.
    Error,
    /// Does not stop it.
    Warning,
    /// Worth knowing.
    Advice,
}

impl Severity {
    /// `error`, `warning` or `advice`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Advice => "advice",
        }
    }
}

/// A place and what is to be said about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Label {
    /// The place.
    pub place: Place,
    /// What stands beside the underlined text; may be empty.
    pub text: String,
}

/// One thing to tell the user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// Kind of finding.
    pub code: &'static Code,
    /// Severity: for a rule, that of its level in this run.
    pub severity: Severity,
    /// What is wrong with what, and why it matters, in sentences.
    pub detail: String,
    /// The places; the first is the primary one.
    pub labels: Vec<Label>,
    /// What to do. A corrected line or a command stands alone on its line.
    pub help: Option<String>,
    /// The thing it is about: an address or a region; sorts and identifies diagnostics without a place.
    pub subject: CompactString,
    /// What makes it the same finding as another one with its code. Empty: nothing does.
    pub cause: CompactString,
    /// What else it represents: findings that were folded into it.
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

    /// The detail, and what else it represents.
    pub fn whole_detail(&self) -> String {
        format!("{}{}", self.detail, self.repeats.describe())
    }

    /// With a cause: another finding with the same code and cause is the same finding at another place.
    #[must_use]
    pub fn because_of(mut self, cause: impl Into<CompactString>) -> Self {
        self.cause = cause.into();
        self
    }

    /// With one more place.
    #[must_use]
    pub fn at(mut self, place: impl Into<Place>, text: impl Into<String>) -> Self {
        self.labels.push(Label { place: place.into(), text: text.into() });
        self
    }

    /// With help.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// About this thing.
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

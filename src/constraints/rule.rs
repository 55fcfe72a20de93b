//! What a rule is, what it may look at, and what it says.

use jiff::Timestamp;

use crate::diagnostics::{Diagnostic, Label, Place, Severity};
use crate::manifest::{Desired, Level};
use crate::model::PlacementKey;
use crate::plan::PlanView;
use crate::state::Recorded;

/// Where a rule comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RuleSource {
    /// A page of the service's documents: its number, and the action or what it says.
    Document(&'static str, &'static str),
    /// An error code that the service answers with when the rule is broken.
    ErrorCode(&'static str),
    /// Not the service: a promise of goldform.
    Promise(&'static str),
}

/// A rule.
pub struct Rule {
    /// Stable and never used again: `GF601`.
    pub id: &'static str,
    /// The wrong that it finds: `image_quota_exceeded`.
    pub name: &'static str,
    /// The fixed summary of its diagnostics, without user data.
    pub title: &'static str,
    /// What it does unless told otherwise.
    pub level: Level,
    /// Its page: what it checks, why, an example, what to do.
    pub docs: &'static str,
    /// Where it comes from; at least one.
    pub sources: &'static [RuleSource],
    /// Finds where it is broken. Pure.
    pub check: fn(&Case<'_>, &mut Findings),
}

/// What a rule may look at.
pub struct Case<'a> {
    /// What is wanted.
    pub desired: &'a Desired,
    /// What is recorded.
    pub prior: &'a Recorded,
    /// The plan, once there is one. A manifest that could only be read in part has none of its own.
    pub plan: Option<&'a PlanView<'a>>,
    /// Recorded placements that an observation, which is not recorded yet, does not show any more.
    pub gone: &'a [PlacementKey],
    /// The present moment.
    pub now: Timestamp,
}

/// One place where a rule is broken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The address or region it is about.
    pub subject: String,
    /// What was wrong with what, and why it matters here, in sentences.
    pub detail: String,
    /// The places of each party, the primary one first.
    pub labels: Vec<Label>,
    /// What to do.
    pub help: Option<String>,
    /// An error even where the rule is allowed: there is no request that could be sent.
    pub is_hard: bool,
}

impl Finding {
    /// A finding about an address or region.
    pub fn about(subject: impl std::fmt::Display, detail: impl Into<String>) -> Self {
        Self {
            subject: subject.to_string(),
            detail: detail.into(),
            labels: Vec::new(),
            help: None,
            is_hard: false,
        }
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

    /// Even where the rule is allowed.
    #[must_use]
    pub fn hard(mut self, is_hard: bool) -> Self {
        self.is_hard = is_hard;
        self
    }

    /// As a diagnostic of its rule.
    pub fn into_diagnostic(self, rule: &Rule, severity: Severity) -> Diagnostic {
        let Self { subject, detail, labels, help, is_hard: _ } = self;
        Diagnostic {
            code: rule.id,
            name: rule.name,
            severity,
            summary: rule.title,
            detail,
            labels,
            help,
            subject: subject.into(),
        }
    }
}

/// Collects findings.
#[derive(Debug, Default)]
pub struct Findings(pub Vec<Finding>);

impl Findings {
    /// Adds one.
    pub fn push(&mut self, finding: Finding) {
        self.0.push(finding);
    }
}

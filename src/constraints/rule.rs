//! Rules, their input and their findings.

use std::collections::BTreeSet;

use jiff::Timestamp;

use compact_str::CompactString;

pub use crate::diagnostics::Code;
use crate::diagnostics::collect::{Collector, Fold, Repeats, add_label};
use crate::diagnostics::{Diagnostic, Label, Place, Severity};
use crate::manifest::{Desired, Fault};
use crate::model::{ImageKey, PlacementKey};
use crate::plan::PlanView;
use crate::state::Recorded;

/// Source of a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RuleSource {
    /// A page of the service's documentation: its number with the action, and what it says.
    Document(&'static str, &'static str),
    /// An error code that the service returns when the rule is violated.
    ErrorCode(&'static str),
    /// A promise of goldform. The service knows nothing of it.
    Promise(&'static str),
}

/// Rule for manifests, plans or observations.
pub struct Rule {
    /// Code of its diagnostics, with its default level and its page.
    pub code: Code,
    /// Sources: at least one.
    pub sources: &'static [RuleSource],
    /// Pure function that finds violations.
    pub check: fn(&Case<'_>, &mut Findings),
}

/// Input of a rule.
pub struct Case<'a> {
    /// Desired state.
    pub desired: &'a Desired,
    /// Recorded state.
    pub prior: &'a Recorded,
    /// Plan. `None` if the manifest is checked alone, or could only be read in part.
    pub plan: Option<&'a PlanView<'a>>,
    /// Recorded placements that are missing in an observation that is not recorded yet.
    pub gone: &'a [PlacementKey],
    /// Current time.
    pub now: Timestamp,
    /// Lookups of entries that the plan should build and does not, because no image is known for them.
    waiting_for: BTreeSet<&'a ImageKey>,
}

impl<'a> Case<'a> {
    /// Returns a case without an observation.
    pub fn new(
        desired: &'a Desired,
        prior: &'a Recorded,
        plan: Option<&'a PlanView<'a>>,
        now: Timestamp,
    ) -> Self {
        let lookup = |key: &ImageKey| Some(&desired.images.get(key)?.lookup.as_ref()?.name);
        let waiting = plan.into_iter().flat_map(|view| &view.plan.waiting);
        Self { desired, prior, plan, gone: &[], now, waiting_for: waiting.filter_map(lookup).collect() }
    }
}

impl Case<'_> {
    /// Returns whether an entry that the plan should build needs an image from this lookup. Without a plan, every lookup
    /// is needed.
    pub fn needs_lookup(&self, lookup: &ImageKey) -> bool {
        self.plan.is_none() || self.waiting_for.contains(lookup)
    }

    /// Returns whether the plan builds a generation of this entry. Without a plan, every entry is built.
    pub fn builds(&self, image: &ImageKey) -> bool {
        self.plan.is_none_or(|view| view.creates(image))
    }
}

/// Violation of a rule at one place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Address or region.
    pub subject: String,
    /// What is wrong and why it matters here, in sentences.
    pub detail: String,
    /// Places in the manifest, the primary one first.
    pub labels: Vec<Label>,
    /// What to do.
    pub help: Option<String>,
    /// Whether it is an error even if the rule is allowed: no valid request exists.
    pub is_hard: bool,
    /// Whether a key of the entry consents to it: it is a warning, unless the rule's level is set.
    pub is_consented: bool,
    /// Whether it is a warning even if the rule denies: no step of the plan depends on it.
    pub is_soft: bool,
    /// Cause. Findings of a rule with the same cause are reported once. Empty: no other finding is the same.
    pub cause: CompactString,
    /// Findings that were folded into this one.
    pub repeats: Repeats,
}

impl Finding {
    /// Returns a finding about an address or region.
    pub fn about(subject: impl std::fmt::Display, detail: impl Into<String>) -> Self {
        Self {
            subject: subject.to_string(),
            detail: detail.into(),
            labels: Vec::new(),
            help: None,
            is_hard: false,
            is_consented: false,
            is_soft: false,
            cause: CompactString::default(),
            repeats: Repeats::default(),
        }
    }

    /// Sets the cause: a finding of the rule with the same cause is the same finding at another place.
    #[must_use]
    pub fn because_of(mut self, cause: impl Into<CompactString>) -> Self {
        self.cause = cause.into();
        self
    }

    /// Adds the further places of a fault and its repeats. The caller has added the first place.
    #[must_use]
    pub fn folded(mut self, fault: &Fault, text: &str) -> Self {
        self.repeats = fault.repeats;
        fault.more.iter().fold(self, |finding, path| finding.at(path.clone(), text))
    }

    /// Adds a place with its text.
    #[must_use]
    pub fn at(mut self, place: impl Into<Place>, text: impl Into<String>) -> Self {
        self.labels.push(Label { place: place.into(), text: text.into() });
        self
    }

    /// Sets what to do.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Sets whether it is an error even if the rule is allowed.
    #[must_use]
    pub fn hard(mut self, is_hard: bool) -> Self {
        self.is_hard = is_hard;
        self
    }

    /// Sets whether the manifest consents.
    #[must_use]
    pub fn consented(mut self, is_consented: bool) -> Self {
        self.is_consented = is_consented;
        self
    }

    /// Sets whether it is a warning at most.
    #[must_use]
    pub fn soft(mut self, is_soft: bool) -> Self {
        self.is_soft = is_soft;
        self
    }

    /// Returns the diagnostic of its rule.
    pub fn into_diagnostic(self, rule: &'static Rule, severity: Severity) -> Diagnostic {
        let Self { subject, detail, labels, help, is_hard: _, is_consented: _, is_soft: _, cause, repeats } =
            self;
        Diagnostic {
            code: &rule.code,
            severity,
            detail,
            labels,
            help,
            subject: subject.into(),
            cause,
            repeats,
        }
    }
}

impl Fold for Finding {
    /// The flags that decide the severity.
    type Kind = (bool, bool, bool);

    fn kind(&self) -> Self::Kind {
        (self.is_hard, self.is_consented, self.is_soft)
    }

    fn cause(&self) -> &CompactString {
        &self.cause
    }

    fn repeats(&mut self) -> &mut Repeats {
        &mut self.repeats
    }

    fn add_places(&mut self, other: Self) {
        add_label(&mut self.labels, other.labels);
    }
}

/// Findings of one rule. Equal causes are folded as they arrive.
pub type Findings = Collector<Finding>;

//! What a rule is, what it may look at, and what it says.

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
    /// Code of its diagnostics, with its default level and its page.
    pub code: Code,
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
    /// The lookups of entries that the plan should build and does not, because no image is known for them.
    waiting_for: BTreeSet<&'a ImageKey>,
}

impl<'a> Case<'a> {
    /// A case without an observation.
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
    /// Returns whether an entry that the plan should build needs an image from this lookup. Without a plan, every lookup is
    /// needed.
    pub fn needs_lookup(&self, lookup: &ImageKey) -> bool {
        self.plan.is_none() || self.waiting_for.contains(lookup)
    }

    /// Returns whether the plan builds a generation of this entry. Without a plan, every entry is built.
    pub fn builds(&self, image: &ImageKey) -> bool {
        self.plan.is_none_or(|view| view.creates(image))
    }
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
    /// The manifest consents to it by a key of the entry: a warning, unless the rule's level is set to deny.
    pub is_consented: bool,
    /// A warning even where the rule denies: nothing that the plan does depends on it.
    pub is_soft: bool,
    /// What makes it the same finding as another one of its rule. Empty: nothing does.
    pub cause: CompactString,
    /// What else it represents: findings that were folded into it.
    pub repeats: Repeats,
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
            is_consented: false,
            is_soft: false,
            cause: CompactString::default(),
            repeats: Repeats::default(),
        }
    }

    /// With a cause: another finding of the rule with the same cause is the same finding at another place.
    #[must_use]
    pub fn because_of(mut self, cause: impl Into<CompactString>) -> Self {
        self.cause = cause.into();
        self
    }

    /// With the places of a fault, whose first one it has, and what else the fault represents.
    #[must_use]
    pub fn folded(mut self, fault: &Fault, text: &str) -> Self {
        self.repeats = fault.repeats;
        fault.more.iter().fold(self, |finding, path| finding.at(path.clone(), text))
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

    /// With the consent of the manifest.
    #[must_use]
    pub fn consented(mut self, is_consented: bool) -> Self {
        self.is_consented = is_consented;
        self
    }

    /// A warning at most.
    #[must_use]
    pub fn soft(mut self, is_soft: bool) -> Self {
        self.is_soft = is_soft;
        self
    }

    /// As a diagnostic of its rule.
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
    /// What decides how grave a finding of a rule is.
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

/// The findings of one rule, folded while they are found.
pub type Findings = Collector<Finding>;

//! What a command found, once, for every format: the problems with their places, and the result.

use std::collections::BTreeMap;

use super::applied::ApplyResult;
use super::plan::PlanDetail;
use super::position::{Position, Positions};
use super::{AccountNames, Paint, count};
use crate::constraints::Rule;
use crate::diagnostics::sanitize::escape_controls;
use crate::diagnostics::{Diagnostic, Place, Severity, Sources, Span};
use crate::diff::Drift;
use crate::model::{Digest, Level};
use crate::plan::{Outcome, Plan, Unexpected};
use crate::state::Recorded;

/// What a command found.
pub struct Verdict<'a> {
    /// The command: `plan`.
    pub command: &'static str,
    /// What is wrong, the gravest first, then in the order of the text.
    pub problems: Vec<Problem>,
    /// The rules that judged, and what each does; empty where none did.
    pub rules: Vec<(&'static Rule, Level)>,
    /// The file to point at for what has no place of its own.
    pub home: String,
    /// Names for accounts.
    pub names: AccountNames,
    /// What came of it.
    pub result: CommandResult<'a>,
}

/// What came of a command.
pub enum CommandResult<'a> {
    /// The manifest cannot be used.
    Unread,
    /// The manifest was judged by itself.
    Judged {
        /// How many images it has.
        images: usize,
        /// In how many placements.
        placements: usize,
    },
    /// A plan.
    Plan {
        /// The plan.
        plan: &'a Plan,
        /// What it starts from.
        prior: &'a Recorded,
        /// Where another was expected: how it differs.
        unexpected: Option<&'a Unexpected<'a>>,
    },
    /// What the cloud says differently.
    Drift(&'a Drift),
    /// A plan that was applied.
    Applied {
        /// The plan.
        plan: &'a Plan,
        /// What it started from.
        prior: &'a Recorded,
        /// How each step ended.
        outcome: &'a Outcome,
        /// What is the case afterwards.
        result: &'a ApplyResult,
    },
}

/// One thing that is wrong, with its texts made harmless and its places found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The rule's id.
    pub code: &'static str,
    /// The rule's name.
    pub name: &'static str,
    /// How grave it is.
    pub severity: Severity,
    /// Fixed text.
    pub summary: &'static str,
    /// What is wrong with what.
    pub detail: String,
    /// What to do.
    pub help: Option<String>,
    /// The address or region it is about.
    pub subject: String,
    /// How many findings it represents.
    pub count: usize,
    /// The places and what is said beside each; the first is the primary one.
    pub labels: Vec<(String, Option<Position>)>,
    /// Stays the same when lines move: made of the rule, the subject and the place's path in the manifest.
    pub fingerprint: String,
}

/// Positions in the text, and the names of files.
pub struct Places<'a> {
    /// Turns a place into a span.
    pub locate: &'a dyn Fn(&Place) -> Option<Span>,
    /// The texts.
    pub sources: &'a Sources,
    /// A file's name in reports, by the name it was given.
    pub name: &'a dyn Fn(&str) -> String,
}

impl Places<'_> {
    fn position(&self, place: &Place, positions: &Positions<'_>) -> Option<Position> {
        (self.locate)(place).and_then(|span| positions.of(span, self.name))
    }

    /// What names a place when lines move: its path; of a bare place in the text, the file and the line's text.
    fn identity(&self, place: &Place, positions: &Positions<'_>) -> String {
        match place {
            Place::Path(path) => path.to_string(),
            Place::Span(span) => {
                let file = positions.name(span.file, self.name).unwrap_or_default();
                format!("{file}\n{}", positions.line(*span).unwrap_or_default())
            }
        }
    }

    /// Problems of diagnostics, the gravest first, then in the order of the text.
    pub fn problems(&self, diagnostics: &[Diagnostic]) -> Vec<Problem> {
        let mut seen: BTreeMap<String, usize> = BTreeMap::new();
        let positions = Positions::new(self.sources);
        let mut problems: Vec<Problem> =
            diagnostics.iter().map(|one| self.problem(one, &mut seen, &positions)).collect();
        problems.sort_by_cached_key(|problem| {
            let at = problem.position().cloned();
            (problem.severity, at.is_none(), at, problem.code)
        });
        problems
    }

    fn problem(
        &self,
        diagnostic: &Diagnostic,
        seen: &mut BTreeMap<String, usize>,
        positions: &Positions<'_>,
    ) -> Problem {
        let Diagnostic { code, severity, detail: _, labels, help, subject, cause: _, repeats } = diagnostic;
        let place = labels.first().map(|label| self.identity(&label.place, positions)).unwrap_or_default();
        let mut identity = format!("{code}\n{subject}\n{place}");
        // Equal problems at one place are distinguished by their order.
        let times = seen.entry(identity.clone()).or_default();
        if *times > 0 {
            identity.push_str(&format!("\n{times}"));
        }
        *times = times.saturating_add(1);
        let digest = Digest::of_bytes(identity.as_bytes());
        Problem {
            code: code.id,
            name: code.name,
            severity: *severity,
            summary: code.title,
            detail: escape_controls(&diagnostic.whole_detail()).into_owned(),
            count: repeats.count(),
            help: help.as_ref().map(|help| escape_controls(help).into_owned()),
            subject: crate::diagnostics::escape_truncated(subject),
            labels: labels
                .iter()
                .map(|label| {
                    (escape_controls(&label.text).into_owned(), self.position(&label.place, positions))
                })
                .collect(),
            fingerprint: digest.as_str().trim_start_matches("sha256:").chars().take(40).collect(),
        }
    }
}

impl Problem {
    /// The primary place.
    pub fn position(&self) -> Option<&Position> {
        self.labels.iter().find_map(|(_, at)| at.as_ref())
    }

    /// Detail and help as one text.
    pub fn message(&self) -> String {
        let Some(help) = &self.help else { return self.detail.clone() };
        // What is no sentence is a line for the manifest.
        if help.contains('\n') || help.ends_with(['.', '?']) {
            format!("{}\n\n{help}", self.detail)
        } else {
            format!("{}\n\nWrite:\n\n    {help}", self.detail)
        }
    }
}

impl<'a> Verdict<'a> {
    /// How many problems are so grave.
    pub fn count(&self, severity: Severity) -> usize {
        self.problems.iter().filter(|problem| problem.severity == severity).count()
    }

    /// What is the case after an apply.
    pub fn applied(&self) -> Option<(&'a Outcome, &'a ApplyResult)> {
        match self.result {
            CommandResult::Applied { outcome, result, .. } => Some((outcome, result)),
            _ => None,
        }
    }

    /// The plan, where there is one, and what it starts from.
    pub fn plan(&self) -> Option<(&'a Plan, &'a Recorded)> {
        match self.result {
            CommandResult::Plan { plan, prior, .. } | CommandResult::Applied { plan, prior, .. } => {
                Some((plan, prior))
            }
            CommandResult::Unread | CommandResult::Judged { .. } | CommandResult::Drift(_) => None,
        }
    }

    /// How the plan differs from the one that was expected, where another was.
    pub fn unexpected(&self) -> Option<&'a Unexpected<'a>> {
        match self.result {
            CommandResult::Plan { unexpected, .. } => unexpected,
            _ => None,
        }
    }

    /// What came of it in a word or two.
    pub fn headline(&self) -> &'static str {
        if let CommandResult::Applied { outcome, .. } = &self.result {
            return match (outcome.is_complete(), outcome.did_anything()) {
                (true, _) => "applied",
                (false, true) if outcome.is_unrecorded() => "applied, not recorded",
                (false, true) => "partly applied",
                (false, false) => "not applied",
            };
        }
        if self.unexpected().is_some() {
            return "not as expected";
        }
        if self.count(Severity::Error) > 0 {
            return "refused";
        }
        match &self.result {
            CommandResult::Unread => "refused",
            CommandResult::Judged { .. } => "valid",
            CommandResult::Plan { plan, .. } if plan.is_empty() => "no changes",
            CommandResult::Plan { .. } | CommandResult::Applied { .. } => "changes",
            CommandResult::Drift(drift) if drift.is_empty() => "as recorded",
            CommandResult::Drift(_) => "drift",
        }
    }
}

/// Returns the result as text. Problems are printed separately.
pub fn text(verdict: &Verdict<'_>, paint: Paint, quiet: bool, detail: PlanDetail) -> String {
    match verdict.result {
        CommandResult::Unread => String::new(),
        CommandResult::Judged { .. } if quiet || verdict.count(Severity::Error) > 0 => String::new(),
        CommandResult::Judged { images, placements } => format!(
            "Valid: {} in {}.\n",
            count(images, "image", "images"),
            count(placements, "placement", "placements")
        ),
        CommandResult::Plan { plan, prior, unexpected } => {
            let mut text = super::plan::plan_text(plan, prior, &verdict.names, paint, detail);
            text.extend(unexpected.map(|one| super::expected::expected_text(one, &verdict.names, paint)));
            text
        }
        CommandResult::Drift(drift) => super::drift::drift_text(drift, &verdict.names, paint),
        CommandResult::Applied { outcome, result, .. } => {
            super::applied::applied_text(outcome, result, &verdict.names, paint, detail)
        }
    }
}

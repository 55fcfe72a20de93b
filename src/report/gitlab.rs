//! What GitLab reads: a Code Quality report, and the numbers of its merge-request widget for Terraform.

use serde_json::{Value, json};

use super::Summary;
use super::verdict::Verdict;
use crate::diagnostics::Severity;
use crate::plan::Plan;

/// The problems as a Code Quality report.
pub fn code_quality(verdict: &Verdict<'_>) -> Value {
    let problems = verdict.problems.iter().map(|problem| {
        let at = problem.position();
        json!({
            "description": format!("{}: {}", problem.summary, problem.detail),
            "check_name": problem.name,
            "fingerprint": problem.fingerprint,
            "severity": match problem.severity {
                Severity::Error => "critical",
                Severity::Warning => "minor",
                Severity::Advice => "info",
            },
            "location": {
                "path": at.map_or(verdict.home.as_str(), |at| &at.file),
                "lines": { "begin": at.map_or(1, |at| at.from.line) },
            },
        })
    });
    Value::Array(problems.collect())
}

/// How many images are made, changed and deleted. A copy is an image that is made; what only gets or loses a share
/// is changed.
pub fn terraform(plan: Option<&Plan>) -> Value {
    let Some(plan) = plan else { return json!({ "create": 0, "update": 0, "delete": 0 }) };
    let summary = Summary::of(plan);
    let update = plan
        .changes
        .iter()
        .flat_map(|change| &change.placements)
        .filter(|placement| placement.action() == crate::diff::Action::Update)
        .count();
    json!({
        "create": summary.create.saturating_add(summary.copy), "update": update, "delete": summary.delete,
    })
}

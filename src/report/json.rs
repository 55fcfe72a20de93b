//! Machine output: what a command found, as JSON.

use serde_json::{Value, json};

use super::Summary;
use super::applied::outcome_json;
use super::envelope::{FORMAT_VERSION, document};
use super::position::Position;
use super::resources::resource_changes;
use super::verdict::{CommandResult, Problem, Verdict};
use crate::diff::Drift;
use crate::plan::Plan;
use crate::state::Recorded;

/// A problem: rule, level, texts, and the places as file, line and column from 1, columns in characters.
fn problem(problem: &Problem) -> Value {
    let Problem { code, name, severity, summary, detail, labels, help, subject, count, fingerprint } =
        problem;
    let at = |at: &Position| {
        json!({
            "file": at.file, "line": at.from.line, "column": at.from.column,
            "end_line": at.to.line, "end_column": at.to.column, "start": at.start, "end": at.end,
        })
    };
    let labels: Vec<Value> =
        labels.iter().map(|(text, place)| json!({ "text": text, "at": place.as_ref().map(at) })).collect();
    let mut value = json!({
        "rule": code, "name": name, "level": severity.as_str(), "summary": summary, "detail": detail,
        "subject": subject, "labels": labels, "help": help, "fingerprint": fingerprint,
    });
    // Findings that were folded: `labels` has the first places only.
    if let Some(fields) = value.as_object_mut().filter(|_| *count > 1) {
        fields.insert("count".to_owned(), json!(count));
    }
    value
}

/// What a command found.
///
/// # Errors
/// When a value cannot be written as JSON: a defect of goldform.
pub fn verdict(verdict: &Verdict<'_>) -> Result<Value, serde_json::Error> {
    let problems: Vec<Value> = verdict.problems.iter().map(problem).collect();
    match &verdict.result {
        CommandResult::Unread | CommandResult::Judged { .. } => Ok(document(json!({
            "valid": verdict.count(crate::diagnostics::Severity::Error) == 0,
            "diagnostics": problems,
        }))),
        CommandResult::Plan { plan: made, prior, unexpected } => {
            let mut value = plan(made, prior, problems)?;
            if let (Some(object), Some(unexpected)) = (value.as_object_mut(), unexpected) {
                object.insert("expected".to_owned(), super::expected::expected_json(unexpected)?);
            }
            Ok(value)
        }
        CommandResult::Drift(found) => drift(found),
        CommandResult::Applied { outcome, result, .. } => outcome_json(outcome, result),
    }
}

/// A plan: changes, steps, edges, rooms, digest, summary, resources as Terraform has them, and what the rules say.
///
/// # Errors
/// When the plan cannot be written as JSON: a defect of goldform.
pub fn plan(plan: &Plan, prior: &Recorded, diagnostics: Vec<Value>) -> Result<Value, serde_json::Error> {
    let mut value = serde_json::to_value(plan)?;
    if let Some(object) = value.as_object_mut() {
        object.insert("format_version".to_owned(), json!(FORMAT_VERSION));
        object.insert("summary".to_owned(), serde_json::to_value(Summary::of(plan))?);
        object.insert("resource_changes".to_owned(), Value::Array(resource_changes(plan, prior)));
        object.insert("diagnostics".to_owned(), Value::Array(diagnostics));
    }
    Ok(value)
}

/// Drift.
///
/// # Errors
/// As [`plan`].
pub fn drift(drift: &Drift) -> Result<Value, serde_json::Error> {
    Ok(document(json!({
        "drift": serde_json::to_value(&drift.items)?,
        "pending": serde_json::to_value(&drift.pending)?,
        "lookups": serde_json::to_value(&drift.lookups)?,
    })))
}

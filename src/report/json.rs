//! Machine output: JSON with a version of its own, so that a reader can refuse what it does not know.

use serde::Serialize;
use serde_json::{Value, json};

use super::Summary;
use crate::diagnostics::{Diagnostic, Place, Sources, Span};
use crate::diff::Drift;
use crate::plan::Outcome;
use crate::plan::Plan;

/// The version of the machine output: raised when a reader of an older one would be misled.
pub const FORMAT_VERSION: &str = "1.0";

/// Turns a place into a span.
pub type Locate<'a> = &'a dyn Fn(&Place) -> Option<Span>;

/// A diagnostic: rule, level, texts, and the places as file, line and column from 1.
pub fn diagnostic(diagnostic: &Diagnostic, locate: Locate<'_>, sources: &Sources) -> Value {
    let Diagnostic { code, name, severity, summary, detail, labels, help, subject } = diagnostic;
    let labels: Vec<Value> = labels
        .iter()
        .map(|label| {
            let at = locate(&label.place).and_then(|span| position(span, sources));
            json!({ "text": label.text, "at": at })
        })
        .collect();
    json!({
        "rule": code, "name": name, "level": severity.as_str(), "summary": summary, "detail": detail,
        "subject": subject, "labels": labels, "help": help,
    })
}

/// A span as file, line and column (both from 1, columns in characters).
fn position(span: Span, sources: &Sources) -> Option<Value> {
    let file = sources.get(span.file)?;
    let before = file.text.get(..span.start)?;
    let line = before.matches('\n').count().saturating_add(1);
    let line_start = before.rfind('\n').map_or(0, |at| at.saturating_add(1));
    let column = before.get(line_start..)?.chars().count().saturating_add(1);
    Some(json!({
        "file": file.name, "line": line, "column": column, "start": span.start, "end": span.end,
    }))
}

/// A plan: changes, steps, edges, rooms, digest, summary and what the rules say.
///
/// # Errors
/// When the plan cannot be written as JSON: a defect of goldform.
pub fn plan(plan: &Plan, diagnostics: Vec<Value>) -> Result<Value, serde_json::Error> {
    let mut value = serde_json::to_value(plan)?;
    if let Some(object) = value.as_object_mut() {
        object.insert("format_version".to_owned(), json!(FORMAT_VERSION));
        object.insert("summary".to_owned(), serde_json::to_value(Summary::of(plan))?);
        object.insert("diagnostics".to_owned(), Value::Array(diagnostics));
    }
    Ok(value)
}

/// What became of a plan.
///
/// # Errors
/// As [`plan`].
pub fn outcome(outcome: &Outcome) -> Result<Value, serde_json::Error> {
    #[derive(Serialize)]
    struct Step<'a> {
        step: &'a crate::state::StepId,
        verb: crate::model::Verb,
        #[serde(flatten)]
        outcome: &'a crate::plan::StepOutcome,
    }
    let steps: Vec<Step<'_>> =
        outcome.steps.iter().map(|(step, verb, outcome)| Step { step, verb: *verb, outcome }).collect();
    Ok(json!({
        "format_version": FORMAT_VERSION,
        "complete": outcome.is_complete(),
        "interrupted": outcome.interrupted,
        "steps": serde_json::to_value(steps)?,
        "warnings": outcome.warnings,
    }))
}

/// Drift.
///
/// # Errors
/// As [`plan`].
pub fn drift(drift: &Drift) -> Result<Value, serde_json::Error> {
    Ok(json!({
        "format_version": FORMAT_VERSION,
        "drift": serde_json::to_value(&drift.items)?,
        "pending": serde_json::to_value(&drift.pending)?,
        "lookups": serde_json::to_value(&drift.lookups)?,
    }))
}

//! Machine output: JSON with a version of its own, so that a reader can refuse what it does not know.

use serde_json::{Value, json};

use super::Summary;
use super::applied::{ApplyResult, Missing, Next, PlacedImage};
use super::position::Position;
use super::resources::resource_changes;
use super::verdict::{CommandResult, Problem, Verdict};
use crate::diagnostics::sanitize::needs_escape;
use crate::diff::Drift;
use crate::plan::{Outcome, Plan, rounded};
use crate::state::Recorded;

/// The version of the machine output: raised when a reader of an older one would be misled.
pub const FORMAT_VERSION: &str = "1.0";

/// A value as text, two blanks deep. What could do something to a terminal or turn text around is escaped, as JSON
/// allows it in strings: a reader gets it back.
///
/// # Errors
/// None that is known: keys are text.
pub fn to_text(value: &Value) -> Result<String, serde_json::Error> {
    Ok(escaped(&serde_json::to_string_pretty(value)?) + "\n")
}

/// Escapes what is in the strings of a JSON text, as [`to_text`] does.
pub(super) fn escaped(text: &str) -> String {
    // A build server would take this for a command in its log. In a JSON string, the escape means the same.
    let text = text.replace("##[", "##\\u005b").replace("##vso[", "##vso\\u005b");
    let is_bad = |c: char| c != '\n' && needs_escape(c);
    if !text.contains(is_bad) {
        return text;
    }
    let mut escaped = String::with_capacity(text.len().saturating_add(64));
    for c in text.chars() {
        if is_bad(c) {
            c.encode_utf16(&mut [0; 2]).iter().for_each(|unit| escaped.push_str(&format!("\\u{unit:04x}")));
        } else {
            escaped.push(c);
        }
    }
    escaped
}

/// An object without the keys that have no value.
pub(super) fn without_nothing(mut value: Value) -> Value {
    if let Some(object) = value.as_object_mut() {
        object.retain(|_, value| !value.is_null());
    }
    value
}

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
        CommandResult::Unread | CommandResult::Judged { .. } => Ok(json!({
            "format_version": FORMAT_VERSION,
            "valid": verdict.count(crate::diagnostics::Severity::Error) == 0,
            "diagnostics": problems,
        })),
        CommandResult::Plan { plan: made, prior, unexpected } => {
            let mut value = plan(made, prior, problems)?;
            if let (Some(object), Some(unexpected)) = (value.as_object_mut(), unexpected) {
                object.insert("expected".to_owned(), super::expected::expected_json(unexpected)?);
            }
            Ok(value)
        }
        CommandResult::Drift(found) => drift(found),
        CommandResult::Applied { outcome: became, result, .. } => outcome(became, result),
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

/// What is the case after an apply.
pub(super) fn applied(result: &ApplyResult) -> Value {
    json!({
        "images": images(result),
        "missing": result.missing.iter().map(missing).collect::<Vec<_>>(),
        "lost": result.lost.iter().map(missing).collect::<Vec<_>>(),
        "next": next(&result.next),
    })
}

/// Images by entry and region, with what is the case with each now.
fn images(result: &ApplyResult) -> Vec<Value> {
    let mut images = Vec::new();
    for entry in &result.entries {
        for (region, there) in &entry.regions {
            for PlacedImage { generation, id, name, state, serves, accounts } in &there.images {
                images.push(json!({
                    "image": entry.image,
                    "region": region,
                    "id": id,
                    "name": name,
                    "generation": generation.number,
                    "revision": generation.revision,
                    "state": state.as_str(),
                    "wanted": entry.wanted.as_ref() == Some(generation),
                    "serving": serves,
                    "accounts": accounts,
                }));
            }
        }
    }
    images
}

/// What is missing or lost in a region, for whom, and what serves there instead.
fn missing(missing: &Missing) -> Value {
    let Missing { image, region, generation, id, accounts, serving, reason } = missing;
    let serving = serving.as_ref().map(|(generation, id)| {
        json!({ "id": id, "generation": generation.number, "revision": generation.revision })
    });
    json!({
        "image": image, "region": region, "generation": generation.number, "revision": generation.revision,
        "id": id, "accounts": accounts, "serving": serving, "reason": reason,
    })
}

/// What to do next: sentences first, then commands.
fn next(next: &Next) -> Vec<Value> {
    let fixes = next.fixes.iter().map(|fix| json!({ "do": fix }));
    let commands = next.commands.iter().map(|(command, what)| json!({ "command": command, "what": what }));
    fixes.chain(commands).collect()
}

/// What became of a plan, and what is the case now.
///
/// # Errors
/// As [`plan`].
pub fn outcome(outcome: &Outcome, result: &ApplyResult) -> Result<Value, serde_json::Error> {
    let mut value = json!({
        "format_version": FORMAT_VERSION,
        "complete": outcome.is_complete(),
        "interrupted": outcome.interrupted,
        "duration_s": rounded(outcome.took),
        "steps": serde_json::to_value(&outcome.steps)?,
        "warnings": outcome.warnings,
    });
    if let (Some(fields), Value::Object(applied)) = (value.as_object_mut(), applied(result)) {
        fields.extend(applied);
    }
    if let (Some(why), Some(fields)) = (&outcome.unsaved, value.as_object_mut()) {
        fields.insert("unsaved".to_owned(), json!(why));
    }
    if let (Some(defect), Some(fields)) = (&outcome.internal_error, value.as_object_mut()) {
        fields.insert("internal_error".to_owned(), json!(defect));
    }
    Ok(value)
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

//! The diagnostics of reviewdog: `rdjson`, whose columns count bytes.

use serde_json::{Value, json};

use super::envelope::without_nothing;
use super::position::{Point, Position};
use super::verdict::Verdict;
use crate::diagnostics::Severity;

fn location(at: Option<&Position>, home: &str) -> Value {
    let point = |point: &Point| json!({ "line": point.line, "column": point.bytes });
    match at {
        Some(at) => {
            json!({ "path": at.file, "range": { "start": point(&at.from), "end": point(&at.to) } })
        }
        None => json!({ "path": home, "range": { "start": { "line": 1 } } }),
    }
}

/// The problems for reviewdog.
pub fn rdjson(verdict: &Verdict<'_>) -> Value {
    let diagnostics: Vec<Value> = verdict
        .problems
        .iter()
        .map(|problem| {
            let related: Vec<Value> = problem
                .labels
                .iter()
                .skip(1)
                .filter(|(_, at)| at.is_some())
                .map(
                    |(text, at)| json!({ "message": text, "location": location(at.as_ref(), &verdict.home) }),
                )
                .collect();
            without_nothing(json!({
                "message": format!("{}: {}", problem.summary, problem.message()),
                "location": location(problem.position(), &verdict.home),
                "severity": match problem.severity {
                    Severity::Error => "ERROR",
                    Severity::Warning => "WARNING",
                    Severity::Advice => "INFO",
                },
                "code": { "value": problem.code },
                "related_locations": if related.is_empty() { Value::Null } else { Value::Array(related) },
            }))
        })
        .collect();
    json!({ "source": { "name": "goldform" }, "diagnostics": diagnostics })
}

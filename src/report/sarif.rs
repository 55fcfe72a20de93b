//! SARIF 2.1.0, which code scanning reads: every problem with its place, and the page of every rule that spoke.

use serde_json::{Value, json};

use super::applied::ResultDocument;
use super::code_page;
use super::envelope::without_nothing;
use super::position::Position;
use super::verdict::{Problem, Verdict};
use crate::diagnostics::Severity;

/// The one schema that readers of this version compare with.
const SCHEMA: &str =
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json";

/// What code scanning takes of a file: it refuses one with more results, and reads no more places of a result.
const MOST_RESULTS: usize = 25_000;
const MOST_PLACES: usize = 100;

fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Advice => "note",
    }
}

/// A path as a URI reference: what is not plain in a URI becomes `%XX`.
fn uri(path: &str) -> String {
    let mut text = String::with_capacity(path.len());
    for byte in path.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => {
                text.push(char::from(byte));
            }
            other => text.push_str(&format!("%{other:02X}")),
        }
    }
    text
}

/// In a message, `[text](target)` would be a link.
fn message(text: &str) -> Value {
    json!({ "text": text.replace("](", "] (") })
}

fn location(at: Option<&Position>, home: &str, text: &str) -> Value {
    let file = at.map_or(home, |at| &at.file);
    let region = match at {
        Some(at) => json!({
            "startLine": at.from.line, "startColumn": at.from.utf16,
            "endLine": at.to.line, "endColumn": at.to.utf16,
        }),
        None => json!({ "startLine": 1 }),
    };
    without_nothing(json!({
        "physicalLocation": { "artifactLocation": { "uri": uri(file) }, "region": region },
        "message": if text.is_empty() { Value::Null } else { message(text) },
    }))
}

fn rule(problem: &Problem) -> Value {
    // A page is written by us, and holds no text of a user.
    let page = code_page::of(problem.code).unwrap_or_else(|| format!("# {}\n", problem.summary));
    // A name that says what the id says is left out (SARIF 2.1.0, 3.49.7).
    let name = Some(problem.name).filter(|name| *name != problem.code);
    without_nothing(json!({
        "id": problem.code,
        "name": name,
        "shortDescription": { "text": problem.summary },
        "fullDescription": { "text": problem.summary },
        "help": { "text": page, "markdown": page },
        "defaultConfiguration": { "level": level(problem.severity) },
    }))
}

/// The problems as a SARIF log.
pub fn sarif(verdict: &Verdict<'_>) -> Value {
    let mut codes: Vec<&'static str> = Vec::new();
    let mut rules = Vec::new();
    let mut results = Vec::new();
    // The gravest come first.
    for problem in verdict.problems.iter().take(MOST_RESULTS) {
        let index = codes.iter().position(|code| *code == problem.code).unwrap_or_else(|| {
            codes.push(problem.code);
            rules.push(rule(problem));
            codes.len().saturating_sub(1)
        });
        let (first, others) = match problem.labels.split_first() {
            Some(((text, at), others)) => ((text.as_str(), at.as_ref()), others),
            None => (("", None), &[][..]),
        };
        let related: Vec<Value> = others
            .iter()
            .filter(|(_, at)| at.is_some())
            .take(MOST_PLACES.saturating_sub(1))
            .map(|(text, at)| location(at.as_ref(), &verdict.home, text))
            .collect();
        let at = first.1.or_else(|| problem.position());
        results.push(without_nothing(json!({
            "ruleId": problem.code,
            "ruleIndex": index,
            "level": level(problem.severity),
            "message": message(&problem.message()),
            "locations": [location(at, &verdict.home, first.0)],
            "relatedLocations": if related.is_empty() { Value::Null } else { Value::Array(related) },
            "partialFingerprints": { "goldform/v1": problem.fingerprint },
        })));
    }
    let invocations = match verdict.problems.len().saturating_sub(MOST_RESULTS) {
        0 => Value::Null,
        more => {
            let text = format!("{more} more problems are left out; goldform's own output has them all.");
            let notification = json!({ "level": "warning", "message": message(&text) });
            json!([{ "executionSuccessful": true, "toolExecutionNotifications": [notification] }])
        }
    };
    json!({
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [without_nothing(json!({
            "tool": { "driver": {
                "name": "goldform",
                "semanticVersion": env!("CARGO_PKG_VERSION"),
                "rules": rules,
            } },
            "automationDetails": { "id": format!("goldform/{}/", verdict.command) },
            "columnKind": "utf16CodeUnits",
            "invocations": invocations,
            "results": results,
            "properties": verdict.applied().map(|(_, result)| ResultDocument::of(result)),
        }))],
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_becomes_a_uri() {
        assert_eq!(uri("a b/ü#.yaml"), "a%20b/%C3%BC%23.yaml");
    }
}

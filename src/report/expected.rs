//! How a plan differs from the one that was expected: lines for people, each with a sign, and JSON for programs.

use std::fmt::Write as _;
use std::time::Duration;

use serde_json::{Value, json};
use similar::{ChangeTag, TextDiff};

use super::plan::edit_text;
use super::step::what;
use super::{AccountNames, Paint, count};
use crate::diagnostics::sanitize::escape_controls;
use crate::plan::{Comparison, Difference, Subject, Unexpected};

/// How long one comparison of texts may take before it is drawn coarsely.
const DEADLINE: Duration = Duration::from_millis(50);
/// Lines around a change that are shown with it.
const CONTEXT: usize = 6;
/// The longest line that is shown in full.
const WIDEST: usize = 160;
/// More differences than this are only counted.
const MOST: usize = 200;

/// A line: `-` only in the reviewed plan, `+` only in the present one, `~` in both and different, or a blank.
pub(super) struct Line {
    pub(super) sign: char,
    pub(super) text: String,
}

/// Returns the comparison as text. `None` if only the digest of the expected plan is known.
pub fn expected_text(unexpected: &Unexpected<'_>, names: &AccountNames, paint: Paint) -> String {
    let Some(comparison) = &unexpected.comparison else { return String::new() };
    let mut text = String::new();
    let _ = writeln!(text, "\n{}: {}", paint.bold("Not the plan that was reviewed"), tally(comparison));
    for sentence in comparison.moved() {
        let _ = writeln!(text, "  {sentence}");
    }
    for Line { sign, text: line } in lines(comparison, names) {
        let line = format!("{sign} {line}");
        let line = match sign {
            '+' => paint.added(&line),
            '-' => paint.removed(&line),
            '~' => paint.changed(&line),
            _ => line,
        };
        let _ = writeln!(text, "  {}", line.trim_end());
    }
    text
}

/// `3 differences (1 only in it, 2 changed)`.
pub(super) fn tally(comparison: &Comparison<'_>) -> String {
    let number = |is_counted: fn(&Difference<'_>) -> bool| {
        comparison.differences.iter().filter(|one| is_counted(one)).count()
    };
    let gone = number(|one| one.planned.is_none());
    let come = number(|one| one.reviewed.is_none());
    let both = number(|one| one.reviewed.is_some() && one.planned.is_some());
    let mut parts = Vec::new();
    for (number, what) in [(gone, "only in it"), (come, "not in it"), (both, "changed")] {
        if number > 0 {
            parts.push(format!("{number} {what}"));
        }
    }
    let all = count(comparison.differences.len(), "difference", "differences");
    if parts.is_empty() { all } else { format!("{all} ({})", parts.join(", ")) }
}

/// What differs, line by line.
pub(super) fn lines(comparison: &Comparison<'_>, names: &AccountNames) -> Vec<Line> {
    let mut lines = Vec::new();
    for difference in comparison.differences.iter().take(MOST) {
        one(difference, names, &mut lines);
    }
    let more = comparison.differences.len().saturating_sub(MOST);
    if more > 0 {
        lines.push(Line { sign: ' ', text: format!("… and {more} more") });
    }
    for line in &mut lines {
        line.text = super::markdown::cut(&escape_controls(&line.text), WIDEST);
    }
    lines
}

fn one(difference: &Difference<'_>, names: &AccountNames, lines: &mut Vec<Line>) {
    let Difference { subject, reviewed, planned } = difference;
    let sign = match (reviewed, planned) {
        (Some(_), None) => '-',
        (None, Some(_)) => '+',
        _ => '~',
    };
    let is_one_sided = sign != '~';
    let head = match subject {
        Subject::Step(step) if is_one_sided => format!("{}: {}", step.id, what(&step.operation, names)),
        Subject::Step(step) => step.id.to_string(),
        Subject::Placement(at) => format!("{at}: the same steps, for another reason or from another start"),
        Subject::Entry(key) => format!("image.{key}: nothing but what is said of the entry"),
        Subject::Edit(edit) => format!("of the record alone: {}", edit_text(edit, names)),
    };
    lines.push(Line { sign, text: head });
    // The line of a step or an edit shows one side.
    if is_one_sided && matches!(subject, Subject::Step(_) | Subject::Edit(_)) {
        return;
    }
    let text = |side: &Option<Value>| side.as_ref().map(yaml).unwrap_or_default();
    let (before, after) = (text(reviewed), text(planned));
    let compared = TextDiff::configure().timeout(DEADLINE).diff_lines(before.as_str(), after.as_str());
    for (number, group) in compared.grouped_ops(CONTEXT).iter().enumerate() {
        if number > 0 {
            lines.push(Line { sign: ' ', text: "    …".to_owned() });
        }
        for change in group.iter().flat_map(|operation| compared.iter_changes(operation)) {
            let sign = match change.tag() {
                ChangeTag::Delete => '-',
                ChangeTag::Insert => '+',
                ChangeTag::Equal => ' ',
            };
            lines.push(Line { sign, text: format!("    {}", change.value().trim_end_matches('\n')) });
        }
    }
}

fn yaml(value: &Value) -> String {
    serde_saphyr::to_string(value).unwrap_or_else(|_| format!("{value:#}\n"))
}

/// For programs.
pub(super) fn expected_json(unexpected: &Unexpected<'_>) -> Result<Value, serde_json::Error> {
    let Some(comparison) = &unexpected.comparison else { return Ok(json!({ "digest": unexpected.digest })) };
    let differences: Vec<Value> = comparison
        .differences
        .iter()
        .map(|Difference { subject, reviewed, planned }| {
            let (kind, name) = match subject {
                Subject::Step(step) => ("step", step.id.to_string()),
                Subject::Placement(at) => ("placement", at.to_string()),
                Subject::Entry(key) => ("entry", format!("image.{key}")),
                Subject::Edit(_) => ("edit", String::new()),
            };
            let mut value = json!({ "of": kind, "name": name, "reviewed": reviewed, "planned": planned });
            if let (Some(object), true) = (value.as_object_mut(), name.is_empty()) {
                object.remove("name");
            }
            value
        })
        .collect();
    Ok(json!({
        "digest": unexpected.digest,
        "base": serde_json::to_value(&comparison.reviewed.base)?,
        "differences": differences,
    }))
}

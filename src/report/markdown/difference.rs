//! What is recorded against what is desired, as YAML, line by line.

use std::time::Duration;

use similar::{ChangeTag, TextDiff};

use crate::diagnostics::sanitize::{escape_controls, needs_escape};
use crate::diff::{PlacementChange, PlacementFacts};
use crate::model::Accounts;
use crate::plan::Plan;
use crate::report::AccountNames;

/// How long one comparison may take before it is drawn coarsely.
const DEADLINE: Duration = Duration::from_millis(50);
/// The longest line that is shown in full.
const WIDEST: usize = 160;

/// A text as a YAML scalar: in quotes where it could be read as anything else.
fn scalar(text: &str) -> String {
    let is_plain = text.chars().next().is_some_and(char::is_alphabetic)
        && text.chars().all(|c| c.is_alphanumeric() || matches!(c, '-' | '_' | '.' | ' ' | '/'))
        && !text.ends_with(' ')
        && !matches!(
            text.to_ascii_lowercase().as_str(),
            "true" | "false" | "null" | "yes" | "no" | "on" | "off"
        );
    if is_plain {
        return text.to_owned();
    }
    serde_json::to_string(text).unwrap_or_default()
}

fn yaml(facts: &PlacementFacts, other: Option<&PlacementFacts>, names: &AccountNames) -> String {
    // What the other side does not manage is no difference.
    let is_told = |told: fn(&PlacementFacts) -> bool| told(facts) && other.is_none_or(told);
    let mut text = String::new();
    let mut push = |key: &str, value: &str| text.push_str(&format!("{key}: {value}\n"));
    let attributes = &facts.attributes;
    if let (Some(name), true) = (&attributes.name, is_told(|facts| facts.attributes.name.is_some())) {
        push("name", &scalar(name));
    }
    let has_description = is_told(|facts| facts.attributes.description.is_some());
    if let (Some(description), true) = (&attributes.description, has_description) {
        let is_block = description.contains('\n') && !description.contains(|c| c != '\n' && needs_escape(c));
        if is_block {
            let lines: Vec<String> = description.lines().map(|line| format!("  {line}")).collect();
            push("description", &format!("|\n{}", lines.join("\n")));
        } else {
            push("description", &scalar(description));
        }
    }
    if let (Some(family), true) = (&attributes.family, is_told(|facts| facts.attributes.family.is_some())) {
        push("family", &scalar(family));
    }
    let has_mark = is_told(|facts| facts.attributes.deprecated.is_some());
    if let (Some(deprecated), true) = (attributes.deprecated, has_mark) {
        push("deprecated", &deprecated.to_string());
    }
    if !facts.tags.is_empty() {
        text.push_str("tags:\n");
        for (key, value) in &facts.tags {
            text.push_str(&format!("  {}: {}\n", scalar(key), scalar(value)));
        }
    }
    let mut list = |key: &str, accounts: &Accounts| {
        if !accounts.is_empty() {
            text.push_str(&format!("{key}:\n"));
            accounts.iter().for_each(|id| text.push_str(&format!("  - {}\n", scalar(&names.name(id)))));
        }
    };
    list("shared with", &facts.shares);
    list("shared by others with", &facts.unmanaged);
    text
}

fn lines(change: &PlacementChange, names: &AccountNames, out: &mut Vec<String>) {
    let text = |facts: &Option<PlacementFacts>, other: &Option<PlacementFacts>| {
        facts.as_ref().map(|facts| yaml(facts, other.as_ref(), names)).unwrap_or_default()
    };
    let (before, after) = (text(&change.before, &change.after), text(&change.after, &change.before));
    if before == after {
        return;
    }
    out.push(format!("@@ image.{} @@", change.at.to_string().trim_start_matches("image.")));
    let difference = TextDiff::configure().timeout(DEADLINE).diff_lines(before.as_str(), after.as_str());
    for line in difference.iter_all_changes() {
        let sign = match line.tag() {
            ChangeTag::Delete => '-',
            ChangeTag::Insert => '+',
            ChangeTag::Equal => ' ',
        };
        let shown = line.value().trim_end_matches('\n');
        let shown = super::escape::cut(&escape_controls(shown), WIDEST);
        out.push(format!("{sign} {}", shown));
    }
}

/// The lines of every placement that differs, at most so many, and whether there are more.
pub(super) fn difference(plan: &Plan, names: &AccountNames, most: usize) -> (Vec<String>, bool) {
    let mut out = Vec::new();
    for change in plan.changes.iter().flat_map(|change| &change.placements) {
        lines(change, names, &mut out);
        if out.len() > most {
            out.truncate(most);
            return (out, true);
        }
    }
    (out, false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_that_yaml_would_read_as_something_else_are_quoted() {
        assert_eq!(scalar("web-base 1.2"), "web-base 1.2");
        assert_eq!(scalar("no"), "\"no\"");
        assert_eq!(scalar("200000000001"), "\"200000000001\"");
        assert_eq!(scalar("a: b"), "\"a: b\"");
        assert_eq!(scalar(""), "\"\"");
    }
}

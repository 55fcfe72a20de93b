//! Difference between recorded and desired state, as lines of YAML.

use std::time::Duration;

use serde_json::{Map, json};
use similar::{ChangeTag, TextDiff};

use crate::diagnostics::sanitize::escape_controls;
use crate::diff::{PlacementChange, PlacementFacts, Reason};
use crate::manifest::writer::document;
use crate::plan::Plan;
use crate::report::AccountNames;

/// Time limit of one comparison. A slower comparison is coarse.
const DEADLINE: Duration = Duration::from_millis(50);
/// Width from which on lines are cut.
const WIDEST: usize = 160;

/// Returns the facts of a placement as YAML, without those that the other side does not manage.
fn yaml(facts: &PlacementFacts, other: Option<&PlacementFacts>, names: &AccountNames) -> String {
    let is_managed = |has: fn(&PlacementFacts) -> bool| has(facts) && other.is_none_or(has);
    let attributes = &facts.attributes;
    let mut map = Map::new();
    if is_managed(|facts| facts.attributes.name.is_some()) {
        map.insert("name".to_owned(), json!(attributes.name));
    }
    if is_managed(|facts| facts.attributes.description.is_some()) {
        map.insert("description".to_owned(), json!(attributes.description));
    }
    if is_managed(|facts| facts.attributes.family.is_some()) {
        map.insert("family".to_owned(), json!(attributes.family));
    }
    if is_managed(|facts| facts.attributes.deprecated.is_some()) {
        map.insert("deprecated".to_owned(), json!(attributes.deprecated));
    }
    if !facts.tags.is_empty() {
        map.insert("tags".to_owned(), json!(facts.tags));
    }
    for (key, accounts) in [("shared with", &facts.shares), ("shared by others with", &facts.unmanaged)] {
        if !accounts.is_empty() {
            let accounts: Vec<_> = accounts.iter().map(|id| names.name(id)).collect();
            map.insert(key.to_owned(), json!(accounts));
        }
    }
    document(&map)
}

/// The lines of a placement that differ. Empty if none does.
fn lines(change: &PlacementChange, names: &AccountNames) -> Vec<String> {
    let mut out = Vec::new();
    let text = |facts: Option<&PlacementFacts>, other: Option<&PlacementFacts>| {
        facts.map(|facts| yaml(facts, other, names)).unwrap_or_default()
    };
    let (before, after) = (text(change.before(), change.after()), text(change.after(), change.before()));
    if before == after {
        return out;
    }
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
    out
}

/// Returns what an address and its difference look like without what only one image has: its name and its revision.
fn shape(lines: &[String]) -> Vec<&String> {
    lines.iter().filter(|line| line.starts_with(['+', '-'])).collect()
}

/// Returns the lines of placements that differ, at most `most`, and whether there are more. Images that are new or deleted
/// and placements with the same changed lines are shown only if `all` are.
pub(super) fn difference(plan: &Plan, names: &AccountNames, most: usize, all: bool) -> (Vec<String>, bool) {
    let mut hunks: Vec<(Vec<String>, &PlacementChange, usize)> = Vec::new();
    for change in plan.changes.iter().flat_map(|change| &change.placements) {
        // A kept generation gets its mark, which the table says.
        let is_kept = change.reason == Reason::Kept;
        if !all && (change.before().is_none() || change.after().is_none() || is_kept) {
            continue;
        }
        let lines = lines(change, names);
        if lines.is_empty() {
            continue;
        }
        let alike = hunks.iter_mut().find(|(known, ..)| !all && shape(known) == shape(&lines));
        match alike {
            Some((.., more)) => *more = more.saturating_add(1),
            None => hunks.push((lines, change, 0)),
        }
    }
    let mut out: Vec<String> = Vec::new();
    for (lines, change, more) in hunks {
        let more = match more {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        out.push(format!("@@ image.{}{more} @@", change.at.to_string().trim_start_matches("image.")));
        out.extend(lines);
        if out.len() > most {
            out.truncate(most);
            return (out, true);
        }
    }
    (out, false)
}

//! The page of a rule, of a mistake in the text, or of another kind of finding, as Markdown.

use std::fmt::Write as _;

use super::findings::KINDS;
use crate::constraints::{Rule, RuleSource, find};
use crate::manifest::codes;

/// The page of a rule, with where it comes from.
pub fn of_rule(rule: &Rule) -> String {
    let mut text = String::new();
    let _ = writeln!(text, "# {} {}: {}\n", rule.id, rule.name, rule.title);
    let _ = writeln!(text, "Default: {}\n", rule.level.as_str());
    let _ = writeln!(text, "{}\n### Sources", rule.docs);
    for source in rule.sources {
        let _ = match source {
            RuleSource::Document(number, what) => writeln!(text, "- document {number}: {what}"),
            RuleSource::ErrorCode(code) => writeln!(text, "- error code {code}"),
            RuleSource::Promise(what) => writeln!(text, "- goldform promises: {what}"),
        };
    }
    text
}

/// The page of whatever has this code; nothing for what has none.
pub fn of(code: &str) -> Option<String> {
    if let Some(rule) = find(code) {
        return Some(of_rule(rule));
    }
    if let Some(code) = codes::find(code) {
        return Some(code.page());
    }
    KINDS.iter().find(|(kind, ..)| *kind == code).map(|(_, title, page)| format!("# {title}\n\n{page}"))
}

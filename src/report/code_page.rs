//! Page of any code that goldform prints: of a rule, of a mistake in the text, or of another finding.

use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::constraints::{RULES, Rule, RuleSource, find};
use crate::diagnostics::{Code, catalogue};

/// Returns all codes: those of rules first, then those of the catalogue.
pub fn codes() -> impl Iterator<Item = &'static Code> {
    let catalogue = catalogue::syntax::CODES.iter().chain(catalogue::findings::CODES).copied();
    RULES.iter().map(|rule| &rule.code).chain(catalogue)
}

/// Returns the page of a rule, with its default level and its sources, as Markdown.
pub fn of_rule(rule: &Rule) -> String {
    let mut text = format!("{}\nDefault: {}\n\n", rule.code.heading(), rule.code.level.as_str());
    let _ = writeln!(text, "{}\n### Sources", rule.code.docs);
    for source in rule.sources {
        let _ = match source {
            RuleSource::Document(number, what) => writeln!(text, "- document {number}: {what}"),
            RuleSource::ErrorCode(code) => writeln!(text, "- error code {code}"),
            RuleSource::Promise(what) => writeln!(text, "- goldform promises: {what}"),
        };
    }
    text
}

/// Returns the page of the code with this id or name, as Markdown.
pub fn of(id_or_name: &str) -> Option<String> {
    match find(id_or_name) {
        Some(rule) => Some(of_rule(rule)),
        None => catalogue::find(id_or_name).map(Code::page),
    }
}

/// Returns a code for programs, with its page.
pub fn json(code: &Code) -> Value {
    let Code { id, name, level, title, .. } = code;
    json!({ "code": id, "name": name, "level": level.as_str(), "title": title, "page": of(id) })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use super::*;

    #[test]
    fn ids_and_names_are_unique() {
        let mut seen = BTreeSet::new();
        for code in codes() {
            assert!(seen.insert(code.id), "{}", code.id);
            assert!(code.name == code.id || seen.insert(code.name), "{}", code.name);
        }
    }

    /// Adds the ids, such as `GF105`, of all sources below a folder.
    #[expect(clippy::disallowed_methods, reason = "the test reads the sources")]
    fn add_ids(folder: &Path, ids: &mut BTreeSet<String>) {
        let id = regex::Regex::new(r"\bGF[0-9]{3}\b").unwrap();
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                add_ids(&path, ids);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = std::fs::read_to_string(&path).unwrap();
                ids.extend(id.find_iter(&text).map(|found| found.as_str().to_owned()));
            }
        }
    }

    #[test]
    fn every_id_in_the_sources_has_a_page() {
        let mut ids = BTreeSet::new();
        add_ids(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut ids);
        assert!(ids.len() > 50, "{ids:?}");
        for id in ids {
            let page = of(&id).unwrap_or_else(|| panic!("{id} has no page"));
            assert!(page.starts_with(&format!("# {id} ")), "{page}");
        }
    }
}

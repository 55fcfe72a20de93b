//! What each rule does when it is broken: its default, over that the manifest, over that the command line.

use std::collections::BTreeMap;

use compact_str::CompactString;

use super::rule::Rule;
use super::rules::{RULES, find};
use crate::diagnostics::catalogue::syntax::RULE_UNKNOWN;
use crate::diagnostics::{Collector, Diagnostic, ManifestPath, Suggestions, escape_truncated};
use crate::model::Level;

/// The level of each rule.
#[derive(Debug, Clone, Default)]
pub struct Levels {
    manifest: BTreeMap<CompactString, Level>,
    command_line: BTreeMap<CompactString, Level>,
}

impl Levels {
    /// The manifest's levels, and over them those of the command line (the last of a name counts). Rules are
    /// named by name or id.
    ///
    /// Names that are no rule's are told: errors, since a misspelled `allow` would leave a rule in force and a
    /// misspelled `deny` would leave one out.
    pub fn new(
        manifest: &BTreeMap<CompactString, Level>,
        command_line: &[(String, Level)],
    ) -> (Self, Vec<Diagnostic>) {
        let mut levels = Self::default();
        let suggestions = Suggestions::default();
        let mut unknown = Collector::default();
        for (name, level) in manifest {
            match find(name) {
                Some(rule) => {
                    levels.manifest.insert(rule.code.name.into(), *level);
                }
                None => {
                    let path = ManifestPath::root().field("rules").field(name).key();
                    unknown.push(unknown_rule(name, &suggestions).at(path, "no rule has this name"));
                }
            }
        }
        for (name, level) in command_line {
            match find(name) {
                Some(rule) => {
                    levels.command_line.insert(rule.code.name.into(), *level);
                }
                None => unknown.push(unknown_rule(name, &suggestions)),
            }
        }
        (levels, unknown.into_vec())
    }

    /// Whether the manifest or the command line sets what a rule does.
    pub fn is_set(&self, rule: &Rule) -> bool {
        self.command_line.contains_key(rule.code.name) || self.manifest.contains_key(rule.code.name)
    }

    /// What a rule does.
    pub fn of(&self, rule: &Rule) -> Level {
        let set = self.command_line.get(rule.code.name).or_else(|| self.manifest.get(rule.code.name));
        set.copied().unwrap_or(rule.code.level)
    }

    /// Every level that is not a rule's default, by name: for a saved plan.
    pub fn all(&self) -> BTreeMap<CompactString, Level> {
        let mut all = self.manifest.clone();
        all.extend(self.command_line.iter().map(|(name, level)| (name.clone(), *level)));
        all
    }

    /// The levels that the command line sets, by rule name.
    pub fn of_command_line(&self) -> &BTreeMap<CompactString, Level> {
        &self.command_line
    }

    /// Rules that the command line allows although they would deny: for telling an allowance that was not needed.
    pub fn allowances(&self) -> impl Iterator<Item = &'static Rule> + '_ {
        RULES.iter().copied().filter(|rule| self.command_line.get(rule.code.name) == Some(&Level::Allow))
    }
}

fn unknown_rule(name: &str, suggestions: &Suggestions) -> Diagnostic {
    let detail = format!("`{}` is not the name or id of a rule.", escape_truncated(name));
    let diagnostic = RULE_UNKNOWN.found(detail).about(name);
    match suggestions.closest(name, RULES.iter().map(|rule| rule.code.name)) {
        Some(similar) => diagnostic.help(format!("Did you mean `{similar}`?")),
        None => diagnostic.help("See every rule and its name:\n\n    goldform explain"),
    }
}

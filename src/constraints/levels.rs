//! Level of each rule: the command line overrides the manifest, and the manifest overrides the default.

use std::collections::BTreeMap;

use compact_str::CompactString;

use super::rule::Rule;
use super::rules::{RULES, find};
use crate::diagnostics::catalogue::syntax::RULE_UNKNOWN;
use crate::diagnostics::{Collector, Diagnostic, ManifestPath, Suggestions, escape_truncated};
use crate::model::Level;

/// Levels that the manifest and the command line set, by rule name.
#[derive(Debug, Clone, Default)]
pub struct Levels {
    manifest: BTreeMap<CompactString, Level>,
    command_line: BTreeMap<CompactString, Level>,
}

impl Levels {
    /// Returns the levels of the manifest and of the command line. Keys are names or ids of rules. The last level that
    /// the command line sets for a rule counts.
    ///
    /// Unknown names are errors: a misspelled `allow` would leave a rule in force, and a misspelled `deny` would leave
    /// one out.
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

    /// Returns whether the manifest or the command line sets the level of a rule.
    pub fn is_set(&self, rule: &Rule) -> bool {
        self.command_line.contains_key(rule.code.name) || self.manifest.contains_key(rule.code.name)
    }

    /// Returns the level that applies to a rule.
    pub fn of(&self, rule: &Rule) -> Level {
        let set = self.command_line.get(rule.code.name).or_else(|| self.manifest.get(rule.code.name));
        set.copied().unwrap_or(rule.code.level)
    }

    /// Returns every level that is set, by rule name. A saved plan stores them.
    pub fn all(&self) -> BTreeMap<CompactString, Level> {
        let mut all = self.manifest.clone();
        all.extend(self.command_line.iter().map(|(name, level)| (name.clone(), *level)));
        all
    }

    /// Returns the levels that the command line sets, by rule name.
    pub fn of_command_line(&self) -> &BTreeMap<CompactString, Level> {
        &self.command_line
    }

    /// Returns the rules that the command line allows. Allowances that were not needed are reported.
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

//! Warnings about values that are given and have no effect: a mistyped name would go unnoticed.

use std::collections::BTreeSet;

use crate::diagnostics::catalogue::syntax::{ENVIRONMENT_UNREAD, VARIABLE_UNDECLARED};
use crate::diagnostics::{Diagnostic, closest, escape_truncated};

/// Where values of variables come from.
#[derive(Debug, Clone)]
pub struct VariableSource {
    /// What it is, at the start of a sentence.
    pub what: String,
    /// Whether it is a file, which may be named by mistake and hold secrets.
    pub is_file: bool,
    /// Names that it sets.
    pub names: Vec<String>,
}

/// Returns a warning for each variable that has a value and is not declared. Values are never shown, and neither are names of
/// a file that sets nothing which is declared or similar: it may be no variable file at all.
pub fn undeclared_variables(sources: &[VariableSource], declared: &[String]) -> Vec<Diagnostic> {
    let declared = || declared.iter().map(String::as_str);
    let is_declared = |name: &String| declared().any(|one| one == name);
    let mut known = BTreeSet::new();
    let mut found = Vec::new();
    for VariableSource { what, is_file, names } in sources {
        let is_ours = |name: &String| is_declared(name) || closest(name, declared()).is_some();
        if *is_file && !names.is_empty() && !names.iter().any(is_ours) {
            let detail = format!("{what} sets no variable that the manifest declares. It has no effect.");
            let help = "Name the file of this manifest's variables.";
            found.push(VARIABLE_UNDECLARED.found(detail).about(what).help(help));
            continue;
        }
        for name in names.iter().filter(|name| !is_declared(name)) {
            if !known.insert(name) {
                continue;
            }
            let help = match closest(name, declared()) {
                Some(similar) => format!("Did you mean `{similar}`?"),
                None => "Remove it, or declare the variable under `variables`.".to_owned(),
            };
            let name = escape_truncated(name);
            let detail = format!(
                "{what} sets `{name}`, and the manifest declares no such variable. The value has no effect."
            );
            found.push(VARIABLE_UNDECLARED.found(detail).about(&name).help(help));
        }
    }
    found
}

/// Returns a warning for each variable of the environment that looks like one of goldform's and is not read, with the name
/// that may be meant.
pub fn unread_environment(unread: &[(String, Option<String>)]) -> Vec<Diagnostic> {
    unread
        .iter()
        .map(|(name, similar)| {
            let help = match similar {
                Some(similar) => format!("Did you mean `{}`?", escape_truncated(similar)),
                None => "Unset it. The README lists what is read.".to_owned(),
            };
            let name = escape_truncated(name);
            let detail =
                format!("goldform does not read the environment variable {name}. Its value has no effect.");
            ENVIRONMENT_UNREAD.found(detail).about(&name).help(help)
        })
        .collect()
}

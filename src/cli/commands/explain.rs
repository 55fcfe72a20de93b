//! `explain`: the page of a rule, or the list of rules.

use std::fmt::Write as _;

use crate::cli::args::ExplainArgs;
use crate::cli::printer::Printer;
use crate::cli::{CommandError, ExitStatus};
use crate::constraints::{RULES, RuleSource, find};
use crate::diagnostics::similar::closest;
use crate::manifest::codes;
use crate::report::table::{Align, table};

/// Prints a rule's page.
///
/// # Errors
/// When there is no such rule.
pub fn run(args: &ExplainArgs, printer: &Printer) -> Result<ExitStatus, CommandError> {
    let Some(name) = &args.rule else {
        let rows: Vec<Vec<String>> = RULES
            .iter()
            .map(|rule| [rule.id, rule.level.as_str(), rule.name, rule.title].map(str::to_owned).to_vec())
            .collect();
        printer.data(&table("", &[Align::Left; 4], &rows));
        return Ok(ExitStatus::Done);
    };
    let Some(rule) = find(name) else {
        if let Some(code) = codes::find(name) {
            printer.data(&code.page());
            return Ok(ExitStatus::Done);
        }
        let similar = closest(name, RULES.iter().map(|rule| rule.name));
        let help = similar.map_or_else(
            || "See every rule:\n\n    goldform explain".to_owned(),
            |similar| format!("Did you mean this one?\n\n    goldform explain {similar}"),
        );
        return Err(CommandError::input(format!("`{name}` is not the name or id of a rule"), help));
    };
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
    printer.data(&text);
    Ok(ExitStatus::Done)
}

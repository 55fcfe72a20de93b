//! Markdown for a comment on a pull request: what is refused and who loses what first, then what changes, then detail.
//!
//! Entries that change alike are one row of a table, as in the text. Folded below it: limits, names and accounts, lines
//! that change in images that stay, and a small graph. `--verbose` writes every entry and every line. After an apply, it
//! says what is the case and does not repeat the plan.
//!
//! It always fits a number of bytes: where it does not, it is written again with less detail, down to numbers alone,
//! which the comment always has. Its first line is an HTML comment that lets a program find and replace its own comment.
//! Text of users is only written in code spans (see `escape`).

mod applied;
mod difference;
mod escape;
mod plan;

use std::collections::BTreeSet;
use std::fmt::Write as _;

pub(super) use self::escape::cut;
use self::escape::{block, code, wrapped};
use self::plan::Planned;
use super::count;
use super::expected::{lines, tally};
use super::losses::{Loss, losses};
use super::plan::{PlanDetail, rows};
use super::verdict::{CommandResult, Problem, Verdict};
use crate::diagnostics::Severity;
use crate::plan::Unexpected;

/// How much detail is written, for a number of bytes.
struct DetailLevel {
    /// Problems that are written in full.
    problems: usize,
    /// Characters of each.
    text: usize,
    /// Losses that are listed.
    losses: usize,
    /// Rows in the table of limits.
    regions: usize,
    /// Rows in the table of entries.
    entries: usize,
    /// Lines of names and accounts, or images after an apply.
    lines: usize,
    /// Lines of the comparison.
    compared: usize,
    /// Steps up to which the graph is drawn.
    steps: usize,
    /// Steps of an apply that are listed.
    steps_listed: usize,
}

/// How much detail is written.
struct Detail {
    level: &'static DetailLevel,
    plan: PlanDetail,
}

impl Detail {
    fn is_full(&self) -> bool {
        self.plan == PlanDetail::Full
    }
}

const ALL: usize = usize::MAX;

/// Everything that `--verbose` asks for.
const FULL: DetailLevel = DetailLevel {
    problems: ALL,
    text: ALL,
    losses: ALL,
    regions: ALL,
    entries: ALL,
    lines: ALL,
    compared: ALL,
    steps: 40,
    steps_listed: ALL,
};

/// From everything to totals alone.
const LADDER: &[DetailLevel] = &[
    DetailLevel { compared: 500, steps: 30, steps_listed: 500, ..FULL },
    DetailLevel { compared: 500, steps: 0, steps_listed: 100, ..FULL },
    DetailLevel {
        problems: 100,
        text: 2000,
        losses: 100,
        regions: 40,
        entries: 200,
        lines: 500,
        compared: 200,
        steps: 0,
        steps_listed: 50,
    },
    DetailLevel {
        problems: 50,
        text: 1000,
        losses: 50,
        regions: 30,
        entries: 100,
        lines: 200,
        compared: 100,
        steps: 0,
        steps_listed: 20,
    },
    DetailLevel {
        problems: 30,
        text: 600,
        losses: 30,
        regions: 20,
        entries: 50,
        lines: 50,
        compared: 0,
        steps: 0,
        steps_listed: 20,
    },
    DetailLevel {
        problems: 10,
        text: 400,
        losses: 10,
        regions: 10,
        entries: 10,
        lines: 0,
        compared: 0,
        steps: 0,
        steps_listed: 10,
    },
    DetailLevel {
        problems: 3,
        text: 200,
        losses: 3,
        regions: 5,
        entries: 0,
        lines: 0,
        compared: 0,
        steps: 0,
        steps_listed: 0,
    },
    DetailLevel {
        problems: 0,
        text: 0,
        losses: 0,
        regions: 0,
        entries: 0,
        lines: 0,
        compared: 0,
        steps: 0,
        steps_listed: 0,
    },
];

/// Characters of a warning in the list of warnings.
const WARNING: usize = 160;

/// Least limit of bytes that can be requested: totals alone take less.
pub const SMALLEST: usize = 1024;

/// The verdict as a comment of at most so many bytes.
pub fn markdown(verdict: &Verdict<'_>, budget: usize, detail: PlanDetail) -> String {
    let planned = match verdict.result {
        CommandResult::Plan { plan, prior, .. } => Some(Planned {
            plan,
            prior,
            rows: rows(plan, prior, &verdict.names, detail),
            losses: losses(plan, prior),
        }),
        _ => None,
    };
    let mut text = String::new();
    let full: &'static [DetailLevel] = if detail == PlanDetail::Full { &[FULL] } else { &[] };
    for level in full.iter().chain(LADDER) {
        text = written(verdict, planned.as_ref(), &Detail { level, plan: detail });
        if text.len() <= budget {
            break;
        }
    }
    text
}

fn written(verdict: &Verdict<'_>, planned: Option<&Planned<'_>>, detail: &Detail) -> String {
    let command = verdict.command;
    let mut text = format!("<!-- goldform:{command} -->\n### goldform {command}: {}", verdict.headline());
    if planned.is_some() && verdict.headline() == "refused" {
        let errors = verdict.problems.iter().filter(|problem| problem.severity == Severity::Error);
        let rules: BTreeSet<&str> = errors.map(|problem| problem.code).collect();
        let _ = write!(text, " by {}", count(rules.len(), "rule", "rules"));
    }
    let rebuilt = planned.map(Planned::rebuilt).unwrap_or_default();
    let _ = writeln!(text, "{rebuilt}\n\n{}\n", totals(verdict, planned));
    unexpected(&mut text, verdict, detail);
    if let Some((outcome, result)) = verdict.applied() {
        applied::written(&mut text, verdict, outcome, result, detail);
    } else {
        refusals(&mut text, verdict, detail);
    }
    if let Some(planned) = planned {
        lost(&mut text, &planned.losses, verdict, detail);
        planned.table(&mut text, detail);
    }
    warnings(&mut text, verdict, detail);
    if let Some(planned) = planned {
        planned.details(&mut text, verdict, detail);
    }
    text.truncate(text.trim_end().len());
    text.push('\n');
    text
}

/// Totals, which are always written.
fn totals(verdict: &Verdict<'_>, planned: Option<&Planned<'_>>) -> String {
    let mut lines = Vec::new();
    match &verdict.result {
        CommandResult::Unread => lines.push("The manifest cannot be used.".to_owned()),
        CommandResult::Judged { images, placements } => lines.push(format!(
            "{} in {}.",
            count(*images, "image", "images"),
            count(*placements, "placement", "placements")
        )),
        CommandResult::Drift(drift) => {
            lines.push(format!("{}.", count(drift.items.len(), "difference", "differences")));
        }
        CommandResult::Plan { .. } => lines.extend(planned.map(Planned::totals)),
        CommandResult::Applied { outcome, result, .. } => lines.push(applied::totals(outcome, result)),
    }
    if let Some(Unexpected { digest, comparison }) = verdict.unexpected() {
        let differences = comparison.as_ref().map(|comparison| format!(": {}", tally(comparison)));
        let differences = differences.unwrap_or_default();
        lines.push(format!("**Not the plan that was expected ({}){differences}.**", code(digest)));
    }
    let mut found = Vec::new();
    for (severity, one, many) in
        [(Severity::Error, "error", "errors"), (Severity::Warning, "warning", "warnings")]
    {
        match verdict.count(severity) {
            0 => {}
            number => found.push(count(number, one, many)),
        }
    }
    // The outcome of an apply counts its steps.
    if !found.is_empty() && verdict.applied().is_none() {
        lines.push(format!("**{}.**", found.join(", ")));
    }
    lines.join("\n")
}

/// Returns what names a problem and where it is.
fn heading(problem: &Problem) -> String {
    let at = match problem.position() {
        Some(at) => format!(" · {}", code(&format!("{}:{}:{}", at.file, at.from.line, at.from.column))),
        None => String::new(),
    };
    let subject = match problem.subject.as_str() {
        "" => String::new(),
        subject => format!(" · {}", code(subject)),
    };
    let name = if problem.code == problem.name { String::new() } else { format!(" {}", problem.name) };
    format!("**{}{name}**{subject}{at}", problem.code)
}

/// A problem in full, as a quotation.
fn quoted(problem: &Problem, detail: &Detail) -> String {
    let message = block("text", &wrapped(&cut(&problem.message(), detail.level.text)));
    let whole = format!("{}\n\n{message}", heading(problem));
    let lines: Vec<String> =
        whole.trim_end().lines().map(|line| format!("> {line}").trim_end().to_owned()).collect();
    lines.join("\n") + "\n\n"
}

/// What is refused.
fn refusals(text: &mut String, verdict: &Verdict<'_>, detail: &Detail) {
    let errors: Vec<&Problem> =
        verdict.problems.iter().filter(|problem| problem.severity == Severity::Error).collect();
    for problem in errors.iter().take(detail.level.problems) {
        text.push_str(&quoted(problem, detail));
    }
    more(text, errors.len(), detail.level.problems, "");
}

/// Warnings and advice: a line each, and in full below.
fn warnings(text: &mut String, verdict: &Verdict<'_>, detail: &Detail) {
    // The steps of an apply are reported as causes.
    let is_step = |problem: &Problem| matches!(problem.code, "step_failed" | "step_open");
    let found: Vec<&Problem> = verdict
        .problems
        .iter()
        .filter(|problem| problem.severity != Severity::Error && !is_step(problem))
        .collect();
    if found.is_empty() || detail.level.problems == 0 {
        return;
    }
    for problem in found.iter().take(detail.level.problems) {
        let word = if problem.severity == Severity::Warning { "warning" } else { "note" };
        let first = problem.detail.lines().next().unwrap_or_default();
        let _ = writeln!(text, "- {word} {}: {}", heading(problem), code(&cut(first, WARNING)));
    }
    more(text, found.len(), detail.level.problems, "- ");
    text.push('\n');
    let says_more = |problem: &&&Problem| problem.help.is_some() || problem.detail.chars().count() > WARNING;
    let whole: String = found.iter().filter(says_more).map(|problem| quoted(problem, detail)).collect();
    if detail.level.text == ALL && !whole.is_empty() {
        folded(text, "What to do about it", &whole);
    }
}

/// How the plan differs from the one that was expected.
fn unexpected(text: &mut String, verdict: &Verdict<'_>, detail: &Detail) {
    let Some(Unexpected { comparison: Some(comparison), .. }) = verdict.unexpected() else { return };
    if detail.level.lines == 0 {
        return;
    }
    let _ = writeln!(text, "#### What differs from the reviewed plan\n");
    let moved = comparison.moved();
    if !moved.is_empty() {
        let _ = writeln!(text, "{}\n", moved.join(" "));
    }
    let all = lines(comparison, &verdict.names);
    let mut shown: Vec<String> =
        all.iter().take(detail.level.lines).map(|line| format!("{} {}", line.sign, line.text)).collect();
    if all.len() > detail.level.lines {
        shown.push("… and more".to_owned());
    }
    if !shown.is_empty() {
        let _ = writeln!(text, "{}", block("diff", &shown.join("\n")));
    }
}

fn more(text: &mut String, all: usize, shown: usize, prefix: &str) {
    match all.saturating_sub(shown) {
        0 => {}
        more => {
            let _ = writeln!(text, "{prefix}… and {more} more\n");
        }
    }
}

fn lost(text: &mut String, losses: &[Loss], verdict: &Verdict<'_>, detail: &Detail) {
    if losses.is_empty() {
        return;
    }
    let _ = writeln!(text, "#### Who loses what\n");
    for loss in losses.iter().take(detail.level.losses) {
        let _ = writeln!(text, "- {}", loss.sentence(&verdict.names, &code));
    }
    more(text, losses.len(), detail.level.losses, "- ");
    text.push('\n');
}

fn folded(text: &mut String, title: &str, content: &str) {
    let _ = writeln!(text, "<details><summary>{title}</summary>\n\n{}\n\n</details>\n", content.trim_end());
}

/// Returns at most so many lines of a text.
fn take_lines(text: &str, most: usize) -> String {
    let all = text.lines().count();
    let mut lines: Vec<&str> = text.lines().take(most).collect();
    if all > most {
        lines.push("… and more");
    }
    lines.join("\n")
}

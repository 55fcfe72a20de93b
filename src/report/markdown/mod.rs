//! Markdown for a comment on a pull request: what is refused and who loses what first, then limits, then detail.
//!
//! It always fits a number of bytes: where it does not, it is written again with less detail, down to numbers alone,
//! which the comment always has. Its first line is an HTML comment that lets a program find and replace its own comment.
//! Text of users is only written in code spans (see `escape`).

mod difference;
mod escape;

use std::fmt::Write as _;

use self::difference::difference;
pub(super) use self::escape::cut;
use self::escape::{block, cell, code, wrapped};
use super::expected::{lines, tally};
use super::graph::mermaid;
use super::losses::{Loss, losses, total};
use super::plan::because;
use super::verdict::{CommandResult, Problem, Verdict};
use super::{Summary, count, limit_source};
use crate::diagnostics::Severity;
use crate::diff::{Action, ImageChange};
use crate::plan::{Plan, StepOutcome, Unexpected};

/// How much detail is written.
struct DetailLevel {
    /// Problems that are written in full.
    problems: usize,
    /// Characters of each.
    text: usize,
    /// Losses that are listed.
    losses: usize,
    /// Regions in the table of limits.
    regions: usize,
    /// Entries in the list of changes.
    entries: usize,
    /// Lines of the comparison.
    lines: usize,
    /// Steps up to which the graph is drawn.
    steps: usize,
}

const ALL: usize = usize::MAX;

/// From everything to totals alone.
const LADDER: &[DetailLevel] = &[
    DetailLevel { problems: ALL, text: ALL, losses: ALL, regions: ALL, entries: ALL, lines: ALL, steps: 40 },
    DetailLevel { problems: ALL, text: ALL, losses: ALL, regions: ALL, entries: ALL, lines: ALL, steps: 0 },
    DetailLevel { problems: 100, text: 2000, losses: 100, regions: 40, entries: 200, lines: 500, steps: 0 },
    DetailLevel { problems: 50, text: 1000, losses: 50, regions: 30, entries: 100, lines: 100, steps: 0 },
    DetailLevel { problems: 30, text: 600, losses: 30, regions: 20, entries: 50, lines: 0, steps: 0 },
    DetailLevel { problems: 10, text: 400, losses: 10, regions: 10, entries: 10, lines: 0, steps: 0 },
    DetailLevel { problems: 3, text: 200, losses: 3, regions: 5, entries: 0, lines: 0, steps: 0 },
    DetailLevel { problems: 0, text: 0, losses: 0, regions: 0, entries: 0, lines: 0, steps: 0 },
];

/// Least bytes that an entry takes: more entries than fit are not tried.
const SMALLEST_ENTRY: usize = 30;

/// Least limit of bytes that can be requested: totals alone take less.
pub const SMALLEST: usize = 1024;

/// The verdict as a comment of at most so many bytes.
pub fn markdown(verdict: &Verdict<'_>, budget: usize) -> String {
    let losses = match verdict.plan() {
        Some((plan, prior)) => losses(plan, prior),
        None => Vec::new(),
    };
    let entries = verdict.plan().map_or(0, |(plan, _)| plan.changes.len());
    let is_large = entries.saturating_mul(SMALLEST_ENTRY) > budget;
    let mut text = String::new();
    for detail in LADDER.iter().filter(|detail| !is_large || detail.entries != ALL) {
        text = written(verdict, &losses, detail);
        if text.len() <= budget {
            break;
        }
    }
    text
}

fn written(verdict: &Verdict<'_>, losses: &[Loss], detail: &DetailLevel) -> String {
    let mut text = format!(
        "<!-- goldform:{} -->\n### goldform {}: {}\n\n",
        verdict.command,
        verdict.command,
        verdict.headline()
    );
    let _ = writeln!(text, "{}\n", totals(verdict, losses));
    unexpected(&mut text, verdict, detail);
    problems(&mut text, "Refused", verdict, Severity::Error, detail);
    lost(&mut text, losses, verdict, detail);
    problems(&mut text, "Warnings", verdict, Severity::Warning, detail);
    problems(&mut text, "Worth knowing", verdict, Severity::Advice, detail);
    if let Some((plan, _)) = verdict.plan() {
        limits(&mut text, plan, detail);
        changes(&mut text, plan, detail);
        compared(&mut text, verdict, plan, detail);
        if plan.graph.len() <= detail.steps && !plan.graph.is_empty() {
            folded(&mut text, "Graph of the steps", &block("mermaid", &mermaid(plan)));
        }
    }
    text.truncate(text.trim_end().len());
    text.push('\n');
    text
}

/// Totals, which are always written.
fn totals(verdict: &Verdict<'_>, losses: &[Loss]) -> String {
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
        CommandResult::Plan { plan, .. } => lines.push(planned(plan)),
        CommandResult::Applied { plan, outcome, .. } => {
            let done = outcome.count(|result| *result == StepOutcome::Done);
            lines.push(format!("{done} of {} done.", count(outcome.steps.len(), "step", "steps")));
            lines.push(planned(plan));
        }
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
    if !found.is_empty() {
        lines.push(format!("**{}.**", found.join(", ")));
    }
    lines.extend(total(losses).map(|total| format!("**{total}.**")));
    lines.join("\n")
}

fn planned(plan: &Plan) -> String {
    let summary = Summary::of(plan);
    if plan.is_empty() {
        return format!("{}.", summary.line());
    }
    let steps = count(summary.steps, "step", "steps");
    format!("{} · {steps} · digest `{}`", summary.line(), plan.digest.name())
}

fn problems(text: &mut String, title: &str, verdict: &Verdict<'_>, severity: Severity, detail: &DetailLevel) {
    let found: Vec<&Problem> =
        verdict.problems.iter().filter(|problem| problem.severity == severity).collect();
    if found.is_empty() {
        return;
    }
    let _ = writeln!(text, "#### {title}: {}\n", found.len());
    for problem in found.iter().take(detail.problems) {
        let at = match problem.position() {
            Some(at) => format!(" · {}", code(&format!("{}:{}:{}", at.file, at.from.line, at.from.column))),
            None => String::new(),
        };
        let subject = match problem.subject.as_str() {
            "" => String::new(),
            subject => format!(" · {}", code(subject)),
        };
        let _ = writeln!(text, "**{} {}**{subject}{at}\n", problem.code, problem.summary);
        let _ = writeln!(text, "{}", block("text", &wrapped(&cut(&problem.message(), detail.text))));
    }
    more(text, found.len(), detail.problems, "");
}

/// How the plan differs from the one that was expected.
fn unexpected(text: &mut String, verdict: &Verdict<'_>, detail: &DetailLevel) {
    let Some(Unexpected { comparison: Some(comparison), .. }) = verdict.unexpected() else { return };
    if detail.lines == 0 {
        return;
    }
    let _ = writeln!(text, "#### What differs from the reviewed plan\n");
    let moved = comparison.moved();
    if !moved.is_empty() {
        let _ = writeln!(text, "{}\n", moved.join(" "));
    }
    let all = lines(comparison, &verdict.names);
    let mut shown: Vec<String> =
        all.iter().take(detail.lines).map(|line| format!("{} {}", line.sign, line.text)).collect();
    if all.len() > detail.lines {
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

fn lost(text: &mut String, losses: &[Loss], verdict: &Verdict<'_>, detail: &DetailLevel) {
    if losses.is_empty() {
        return;
    }
    let _ = writeln!(text, "#### Who loses what\n");
    for loss in losses.iter().take(detail.losses) {
        let _ = writeln!(text, "- {}", loss.sentence(&verdict.names, &code));
    }
    more(text, losses.len(), detail.losses, "- ");
    text.push('\n');
}

fn limits(text: &mut String, plan: &Plan, detail: &DetailLevel) {
    let touched: std::collections::BTreeSet<_> =
        plan.graph.steps().map(|(_, step)| &step.at().region).collect();
    let mut capacities: Vec<_> = plan.regions.iter().filter(|(region, _)| touched.contains(region)).collect();
    if capacities.is_empty() || detail.regions == 0 {
        return;
    }
    let all = capacities.len();
    // The fullest first, where not all are shown.
    if all > detail.regions {
        capacities.sort_by_key(|(_, used)| {
            i64::from(used.limit.value) - i64::try_from(used.peak).unwrap_or(i64::MAX)
        });
    }
    text.push_str(
        "#### Custom images by region\n\n| region | now | peak | after | limit | source of the limit |\n",
    );
    text.push_str("|---|--:|--:|--:|--:|---|\n");
    for (region, used) in capacities.into_iter().take(detail.regions) {
        let _ = writeln!(
            text,
            "| {} | {} | {} | {} | {} | {} |",
            cell(region.as_str()),
            used.now(),
            used.peak,
            used.after,
            used.limit.value,
            limit_source(&used.limit)
        );
    }
    text.push('\n');
    more(text, all, detail.regions, "");
}

fn folded(text: &mut String, title: &str, content: &str) {
    let _ = writeln!(text, "<details><summary>{title}</summary>\n\n{}\n\n</details>\n", content.trim_end());
}

fn entry(change: &ImageChange) -> String {
    let regions: Vec<String> = change
        .placements
        .iter()
        .map(|placement| {
            let is_current = Some(placement.at.generation) == change.generation;
            let number = if is_current { String::new() } else { format!("#{}", placement.at.generation) };
            format!("{} {}{number}", placement.action.as_str(), placement.at.region)
        })
        .collect();
    let sign = change.action.sign();
    format!("{sign} image.{}: {} ({})\n", change.image, regions.join(", "), because(&change.reason))
}

fn changes(text: &mut String, plan: &Plan, detail: &DetailLevel) {
    let changed: Vec<&ImageChange> =
        plan.changes.iter().filter(|change| change.action != Action::Unchanged).collect();
    if changed.is_empty() || detail.entries == 0 {
        return;
    }
    let mut lines: String = changed.iter().take(detail.entries).map(|change| entry(change)).collect();
    more(&mut lines, changed.len(), detail.entries, "");
    folded(text, &count(changed.len(), "entry changes", "entries change"), &block("text", &lines));
}

fn compared(text: &mut String, verdict: &Verdict<'_>, plan: &Plan, detail: &DetailLevel) {
    if detail.lines == 0 {
        return;
    }
    let (mut lines, is_cut) = difference(plan, &verdict.names, detail.lines);
    if lines.is_empty() {
        return;
    }
    if is_cut {
        lines.push("… and more".to_owned());
    }
    folded(text, "Recorded against desired", &block("diff", &lines.join("\n")));
}

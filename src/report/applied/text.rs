//! What is the case after an apply, for people.

use std::fmt::Write as _;

use super::{ApplyResult, Cause, CauseKind, EntryResult, Missing, NAMED_REGIONS, in_words, plain, tally};
use crate::diagnostics::sanitize;
use crate::plan::{Outcome, StepOutcome};
use crate::report::plan::PlanDetail;
use crate::report::table::{Align, table};
use crate::report::{AccountNames, Paint};

/// Width of commands that are aligned.
const COMMAND: usize = 24;

/// What is the case after an apply: what was lost, what failed, what exists now, what to do next.
pub fn applied_text(
    outcome: &Outcome,
    result: &ApplyResult,
    names: &AccountNames,
    paint: Paint,
    detail: PlanDetail,
) -> String {
    let mut text = format!("{}\n", head(outcome, result, paint));
    let mut block = |lines: String| {
        text.push('\n');
        text.push_str(&lines);
    };
    if !result.lost.is_empty() {
        block(result.lost.iter().map(|lost| lost_line(lost, names, paint)).collect());
    }
    let causes: String = result.causes.iter().map(|cause| cause_block(cause, result, names, paint)).collect();
    if !causes.is_empty() {
        block(causes);
    }
    let incomplete = result.entries.iter().filter(|entry| !entry.is_complete());
    let rows: String = incomplete
        .filter(|entry| shows_rows(entry, detail))
        .map(|entry| {
            let head = format!("image.{}: complete in {}", entry.image, entry.extent());
            format!("  {}\n{}", paint.bold(&head), rows(entry, detail))
        })
        .collect();
    if !rows.is_empty() {
        block(rows);
    }
    for (why, images) in &result.held_up {
        let images: Vec<String> = images.iter().map(ToString::to_string).collect();
        let head = format!("Not complete, because {}: {}", plain(why), images.join(" "));
        block(paint.wrapped(&head, "", "    "));
    }
    let complete: String =
        result.complete().iter().map(|group| complete_block(group, paint, detail)).collect();
    if !complete.is_empty() {
        block(complete);
    }
    let mut end = String::new();
    for warning in &outcome.warnings {
        let warning = format!("{} {warning}", paint.changed("warning"));
        end.push_str(&message(&warning, "", "  ", paint));
    }
    if let Some(why) = &outcome.unsaved {
        let _ = writeln!(end, "{} {why}", paint.removed("not saved"));
    }
    if let Some(defect) = &outcome.internal_error {
        let _ = writeln!(end, "{} {defect}", paint.removed("internal error"));
    }
    if !outcome.steps.is_empty() {
        let access = result.access.map(|access| format!("{access} ")).unwrap_or_default();
        end.push_str(&paint.wrapped(&format!("{access}{}.", tally(outcome)), "", ""));
    }
    end.push_str(&next(result, paint));
    if !end.is_empty() {
        block(end);
    }
    text
}

/// Returns what came of the run, how long it took and how many entries are complete.
fn head(outcome: &Outcome, result: &ApplyResult, paint: Paint) -> String {
    let head = title(outcome);
    let painted = match (outcome.is_complete(), result.has_failed() || outcome.unsaved.is_some()) {
        (true, _) => paint.added(head),
        (false, true) => paint.removed(head),
        (false, false) if outcome.internal_error.is_some() => paint.removed(head),
        // Open steps are no failure.
        (false, false) => paint.changed(head),
    };
    format!("{painted} in {}: {}", in_words(outcome.took), result.extent())
}

/// Returns what came of a run in a word or two.
pub(in crate::report) fn title(outcome: &Outcome) -> &'static str {
    let may_be_done = |step: &StepOutcome| *step == StepOutcome::Done || step.is_open();
    match (outcome.is_complete(), outcome.interrupted) {
        (true, _) => "Applied",
        (false, true) => "Interrupted",
        (false, false) if outcome.is_unrecorded() => "Applied and not recorded",
        (false, false) if outcome.count(may_be_done) == 0 => "Not applied",
        (false, false) => "Partly applied",
    }
}

/// Wraps a message. A request id is copied from there: it is not parted from its word.
fn message(text: &str, first: &str, rest: &str, paint: Paint) -> String {
    const GLUE: &str = "\u{a0}";
    paint.wrapped(&text.replace("request ", &format!("request{GLUE}")), first, rest).replace(GLUE, " ")
}

fn mark(kind: CauseKind, paint: Paint) -> String {
    match kind {
        CauseKind::Failed => paint.removed("✗"),
        CauseKind::Pending => paint.changed("…"),
        CauseKind::Unknown => paint.changed("?"),
    }
}

fn lost_line(lost: &Missing, names: &AccountNames, paint: Paint) -> String {
    let at = paint.bold(&format!("image.{}@{}", lost.image, lost.region));
    let line = format!(
        "{} {at}: lost by {}, who had {}",
        paint.removed("✗"),
        names.list(&lost.accounts),
        lost.generation.name(&plain)
    );
    paint.wrapped(&line, "", "    ")
}

fn cause_block(cause: &Cause, result: &ApplyResult, names: &AccountNames, paint: Paint) -> String {
    let subject = paint.bold(&cause.subject());
    let head = format!("{} {subject}: {}", mark(cause.kind, paint), cause.what(names, &plain));
    let mut text = paint.wrapped(&head, "", "    ");
    let mut line = |line: &str| text.push_str(&message(line, "    ", "    ", paint));
    let images = cause.images();
    if images.len() > 1 {
        line(&images.iter().map(|image| image.as_str()).collect::<Vec<_>>().join(" "));
    }
    if cause.regions().len() > NAMED_REGIONS {
        line(&cause.regions().iter().map(|region| region.as_str()).collect::<Vec<_>>().join(" "));
    }
    for said in cause.call(&|text| sanitize::escape_inline(text).into_owned()) {
        line(&said);
    }
    let mut now = cause.now(names, &plain);
    let entry = result.entries.iter().find(|entry| images.contains(&entry.image));
    if let Some(entry) = entry.filter(|entry| images.len() == 1 && entry.regions.len() > NAMED_REGIONS) {
        let _ = write!(now, " Complete in {}.", entry.extent());
    }
    line(&now);
    text
}

/// Returns whether each image of an entry is shown.
fn shows_rows(entry: &EntryResult, detail: PlanDetail) -> bool {
    detail == PlanDetail::Full || entry.regions.len() <= NAMED_REGIONS
}

/// Returns the images of an entry: the wanted and the serving ones, or all of them.
fn rows(entry: &EntryResult, detail: PlanDetail) -> String {
    let mut rows = Vec::new();
    for (region, result) in &entry.regions {
        let wanted = entry.wanted.as_ref();
        let shown = result
            .images
            .iter()
            .filter(|image| detail == PlanDetail::Full || image.serves || Some(&image.generation) == wanted);
        let before = rows.len();
        for image in shown {
            rows.push(vec![
                region.to_string(),
                image.id.to_string(),
                image.state.as_str().to_owned(),
                image.generation.name(&plain),
                if image.serves { "serves" } else { "" }.to_owned(),
            ]);
        }
        if rows.len() == before && wanted.is_some() {
            rows.push(vec![region.to_string(), "none".to_owned()]);
        }
    }
    table("    ", &[Align::Left; 5], &rows)
}

fn complete_block(group: &[&EntryResult], paint: Paint, detail: PlanDetail) -> String {
    let Some(first) = group.first() else { return String::new() };
    let sign = paint.added("✓");
    match group {
        [one] => {
            let head =
                format!("{sign} {}: {}", paint.bold(&format!("image.{}", one.image)), one.sentence(&plain));
            let rows = if shows_rows(one, detail) { rows(one, detail) } else { String::new() };
            format!("{}{rows}", paint.wrapped(&head, "", "    "))
        }
        several if detail == PlanDetail::Full => {
            several.iter().map(|one| complete_block(&[*one], paint, detail)).collect()
        }
        several => {
            let number = paint.bold(&format!("{} images", several.len()));
            let head = format!("{sign} {number}: {}", first.sentence(&plain));
            let names: Vec<&str> = several.iter().map(|entry| entry.image.as_str()).collect();
            format!("{}{}", paint.wrapped(&head, "", "    "), paint.wrapped(&names.join(" "), "    ", "    "))
        }
    }
}

/// Returns what to do next, the commands below each other.
fn next(result: &ApplyResult, paint: Paint) -> String {
    let mut text = String::new();
    let indent = "       ";
    let mut first = "Next:  ";
    if let Some(clause) = result.next.clause() {
        text.push_str(&paint.wrapped(&clause, first, indent));
        first = indent;
    }
    let widths = result.next.commands.iter().map(|(command, _)| command.chars().count());
    // A long address does not push the words of the others over the edge.
    let width = widths.filter(|width| *width <= COMMAND).max().unwrap_or(0);
    for (command, what) in &result.next.commands {
        let _ = writeln!(text, "{first}{command:width$}    {what}");
        first = indent;
    }
    text
}

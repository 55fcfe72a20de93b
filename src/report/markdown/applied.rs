//! What is the case after an apply. The plan is not repeated.

use std::fmt::Write as _;

use super::escape::{block, cell, code};
use super::{Detail, folded, more};
use crate::model::Region;
use crate::plan::{Outcome, StepOutcome, StepResult};
use crate::report::applied::{ApplyResult, Cause, EntryResult, PlacedImage, in_words, regions, tally, title};
use crate::report::count;
use crate::report::verdict::Verdict;

/// Number of steps up to which those that are done are listed.
const FEW_STEPS: usize = 30;

/// What came of the run in one line.
pub(super) fn totals(outcome: &Outcome, result: &ApplyResult) -> String {
    let access = result.access.map(|access| format!("\n{access}")).unwrap_or_default();
    format!(
        "**{} in {}: {}** · {}{access}",
        title(outcome),
        in_words(outcome.took),
        result.extent(),
        tally(outcome)
    )
}

/// What was lost, what failed, what exists now, and what to do next.
pub(super) fn written(
    text: &mut String,
    verdict: &Verdict<'_>,
    outcome: &Outcome,
    result: &ApplyResult,
    detail: &Detail,
) {
    for lost in result.lost.iter().take(detail.level.losses) {
        let list = verdict.names.list(&lost.accounts);
        let (number, named) = list.split_once(": ").unwrap_or((&list, ""));
        let at = code(&format!("image.{}@{}", lost.image, lost.region));
        let had = lost.generation.name(&code);
        let _ = writeln!(text, "- **lost**: {at} by {number} ({}), who had {had}", code(named));
    }
    more(text, result.lost.len(), detail.level.losses, "- ");
    for cause in result.causes.iter().take(detail.level.problems) {
        text.push_str(&item(cause, result, verdict));
    }
    more(text, result.causes.len(), detail.level.problems, "- ");
    for (why, images) in result.held_up.iter().take(detail.level.problems) {
        let images: Vec<&str> =
            images.iter().map(|image| image.as_str()).take(detail.level.entries).collect();
        let _ = writeln!(text, "- **not complete**: {}; {}", code(&images.join(" ")), code(why));
    }
    if let Some(why) = &outcome.unsaved {
        let _ = writeln!(text, "- **not saved**: {}", code(why));
    }
    if let Some(defect) = &outcome.internal_error {
        let _ = writeln!(text, "- **internal error**: {}", code(defect));
    }
    if !text.ends_with("\n\n") {
        text.push('\n');
    }
    table(text, result, detail);
    next(text, result);
    images(text, result, detail);
    steps(text, outcome, detail);
}

/// A cause as an item of a list: what, which call, what serves now.
fn item(cause: &Cause, result: &ApplyResult, verdict: &Verdict<'_>) -> String {
    let mut text = format!(
        "- **{}**: {}: {}\n",
        cause.kind.as_str(),
        code(&cause.subject()),
        cause.what(&verdict.names, &code)
    );
    let images = cause.images();
    let mut lines = Vec::new();
    if images.len() > 1 {
        lines.push(code(&images.iter().map(|image| image.as_str()).collect::<Vec<_>>().join(" ")));
    }
    lines.extend(cause.call(&code));
    let mut now = cause.now(&verdict.names, &code);
    let entry = result.entries.iter().find(|entry| images.contains(&entry.image));
    if let Some(entry) = entry.filter(|_| images.len() == 1) {
        let _ = write!(now, " Complete in {}.", entry.extent());
    }
    lines.push(now);
    for line in lines {
        let _ = writeln!(text, "  <br>{line}");
    }
    text
}

/// Entries of which the same is the case in one row, incomplete ones first.
fn table(text: &mut String, result: &ApplyResult, detail: &Detail) {
    let incomplete = result.entries.iter().filter(|entry| !entry.is_complete()).map(|entry| vec![entry]);
    let groups: Vec<Vec<_>> = incomplete.chain(result.complete()).collect();
    if groups.is_empty() || detail.level.entries == 0 {
        return;
    }
    text.push_str("| images | now | complete |\n|---|---|---|\n");
    for group in groups.iter().take(detail.level.entries) {
        let Some(first) = group.first() else { continue };
        let images = match group.as_slice() {
            [one] => cell(one.image.as_str()),
            several => format!("{} images", several.len()),
        };
        let complete = match first.is_complete() {
            true => regions(&first.regions.keys().collect::<Vec<&Region>>()),
            false => format!("**{}**", first.extent()),
        };
        let _ = writeln!(text, "| {images} | {} | {complete} |", first.sentence(&cell));
    }
    text.push('\n');
    more(text, groups.len(), detail.level.entries, "");
}

fn next(text: &mut String, result: &ApplyResult) {
    let mut lines: Vec<String> = result.next.fixes.iter().map(|fix| format!("# {fix}")).collect();
    lines.extend(result.next.commands.iter().map(|(command, what)| format!("{command}  # {what}")));
    if !lines.is_empty() {
        let _ = writeln!(text, "Next:\n\n{}", block("sh", &lines.join("\n")));
    }
}

/// The ids of every entry by region, incomplete entries first. What is not NORMAL, not serving or of another generation is
/// marked, so that the rest needs no words.
fn images(text: &mut String, result: &ApplyResult, detail: &Detail) {
    let (complete, incomplete): (Vec<&EntryResult>, Vec<&EntryResult>) =
        result.entries.iter().partition(|entry| entry.is_complete());
    let rows: Vec<String> = incomplete
        .into_iter()
        .chain(complete)
        .filter(|entry| entry.wanted.is_some())
        .map(|entry| {
            let regions = entry.regions.iter().map(|(region, there)| {
                let shown = there.images.iter().filter(|image| {
                    detail.is_full() || image.serves || entry.wanted.as_ref() == Some(&image.generation)
                });
                let ids: Vec<String> = shown.map(|image| id(entry, image)).collect();
                let ids = if ids.is_empty() { "none".to_owned() } else { ids.join(", ") };
                format!("{region} {ids}")
            });
            format!("| {} | {} |\n", cell(entry.image.as_str()), regions.collect::<Vec<_>>().join("<br>"))
        })
        .collect();
    if rows.is_empty() || detail.level.lines == 0 {
        return;
    }
    let mut table =
        "Each is NORMAL and serves, unless it says otherwise.\n\n| image | ids |\n|---|---|\n".to_owned();
    table.extend(rows.iter().take(detail.level.lines).map(String::as_str));
    more(&mut table, rows.len(), detail.level.lines, "\n");
    folded(text, &format!("{} by name, with ids", count(rows.len(), "image", "images")), &table);
}

/// The id of an image, with what is unusual about it.
fn id(entry: &EntryResult, image: &PlacedImage) -> String {
    let mut text = format!("`{}`", image.id);
    if entry.wanted.as_ref() != Some(&image.generation) {
        let _ = write!(text, " {}", image.generation.name(&cell));
    }
    if !image.state.is_ready() {
        let _ = write!(text, " {}", image.state.as_str());
    } else if !image.serves {
        text.push_str(" does not serve");
    }
    text
}

/// The steps, those that are not done first. Many that are done are only counted.
fn steps(text: &mut String, outcome: &Outcome, detail: &Detail) {
    let (done, open): (Vec<&StepResult>, Vec<&StepResult>) =
        outcome.steps.iter().partition(|step| step.outcome == StepOutcome::Done);
    let shows_done = detail.is_full() || outcome.steps.len() <= detail.level.steps.max(FEW_STEPS);
    let done = done.into_iter().filter(|_| shows_done);
    let all: Vec<&StepResult> = open.into_iter().chain(done).collect();
    if all.is_empty() || detail.level.steps_listed == 0 {
        return;
    }
    let mut table = "| step | outcome | time | error code | request |\n|---|---|--:|---|---|\n".to_owned();
    for StepResult { step, outcome, took, .. } in all.iter().take(detail.level.steps_listed) {
        let failure = outcome.failure();
        let of = |text: Option<&compact_str::CompactString>| text.map(|text| cell(text)).unwrap_or_default();
        let _ = writeln!(
            table,
            "| {} | {} | {} | {} | {} |",
            cell(&step.to_string()),
            outcome.as_str(),
            took.map(in_words).unwrap_or_default(),
            of(failure.and_then(|failure| failure.code.as_ref())),
            of(failure.and_then(|failure| failure.request_id.as_ref()))
        );
    }
    more(&mut table, all.len(), detail.level.steps_listed, "\n");
    folded(text, &tally(outcome), &table);
}

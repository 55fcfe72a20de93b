//! What is the case after an apply, on the page. The plan is not repeated.

use maud::{Markup, html};

use crate::diagnostics::sanitize::{escape_controls, escape_inline, escape_truncated};
use crate::plan::{Outcome, StepOutcome, StepResult};
use crate::report::applied::{ApplyResult, Cause, CauseKind, Missing, in_words, tally, title};
use crate::report::{AccountNames, count};

/// The colour of a cause: a failure is red, what is only open is not.
fn colour(kind: CauseKind) -> &'static str {
    match kind {
        CauseKind::Failed => "del",
        CauseKind::Pending | CauseKind::Unknown => "mod",
    }
}

/// The colour of a step's outcome.
fn step_colour(outcome: &StepOutcome) -> &'static str {
    match outcome {
        StepOutcome::Done => "add",
        StepOutcome::Failed(_) => "del",
        StepOutcome::Pending { .. } | StepOutcome::Unknown(_) => "mod",
        StepOutcome::Skipped { .. } | StepOutcome::NotStarted => "soft",
    }
}

/// The result in a line, for the head of the page.
pub(super) fn head(outcome: &Outcome, result: &ApplyResult) -> Markup {
    let colour = match (outcome.is_complete(), result.has_failed() || outcome.unsaved.is_some()) {
        (true, _) => "add",
        (false, true) => "del",
        (false, false) if outcome.internal_error.is_some() => "del",
        (false, false) => "mod",
    };
    html! {
        span class={"verdict " (colour)} {
            (title(outcome)) " in " (in_words(outcome.took)) ": " (result.extent())
        }
        span class="soft" { (tally(outcome)) }
        nav {
            @if !result.causes.is_empty() { a href="#causes" { "Causes" } }
            a href="#images" { "Images" }
            a href="#steps" { "Steps" }
        }
    }
}

/// Losses, causes, what to do, images and steps.
pub(super) fn sections(outcome: &Outcome, result: &ApplyResult, names: &AccountNames) -> Markup {
    html! {
        (lost(&result.lost, names))
        (causes(result, names))
        (next(result))
        (missing(&result.missing, names))
        (images(result))
        (steps(outcome))
    }
}

fn lost(lost: &[Missing], names: &AccountNames) -> Markup {
    if lost.is_empty() {
        return html! {};
    }
    html! {
        section #losses {
            h2 class="del" { "Accounts without an image that they had" }
            ul { @for Missing { image, region, generation, accounts, .. } in lost {
                li data-row {
                    code { "image." (image) "@" (region) } ", " (generation.name(&escape_truncated)) ": "
                    (names.list(accounts))
                }
            } }
        }
    }
}

fn causes(result: &ApplyResult, names: &AccountNames) -> Markup {
    let has_causes = !(result.causes.is_empty() && result.held_up.is_empty());
    html! {
        @if has_causes {
            section #causes {
                h2 { "Why it is not complete" }
                @for cause in &result.causes { (one_cause(cause, names)) }
                @for (why, images) in &result.held_up {
                    p data-row {
                        strong { "not complete" } ", because " (escape_controls(why)) ": "
                        @for image in images { code { (image) } " " }
                    }
                }
            }
        }
        @if let Some(access) = result.access { section #access { p { strong { (access) } } } }
    }
}

fn one_cause(cause: &Cause, names: &AccountNames) -> Markup {
    let images = cause.images();
    html! {
        div data-row {
            p {
                strong class=(colour(cause.kind)) { (cause.kind.as_str()) }
                " " code { (cause.subject()) } ": " (cause.what(names, &escape_truncated))
                @if images.len() > 1 { br; @for image in &images { code { (image) } " " } }
                @for line in cause.call(&|text| escape_inline(text).into_owned()) { br; (line) }
                br; (cause.now(names, &escape_truncated))
            }
            @if let Some(fix) = &cause.fix { div class="help" { (escape_controls(fix)) } }
        }
    }
}

fn next(result: &ApplyResult) -> Markup {
    html! {
        section #next {
            h2 { "Next" }
            ul {
                @for fix in &result.next.fixes { li { (escape_controls(fix)) } }
                @for (command, what) in &result.next.commands { li { code { (command) } " " span class="soft" { (what) } } }
            }
        }
    }
}

fn missing(missing: &[Missing], names: &AccountNames) -> Markup {
    if missing.is_empty() {
        return html! {};
    }
    html! {
        section #missing {
            h2 { (count(missing.len(), "image is missing", "images are missing")) ", and for whom" }
            div class="scroll" { table {
                thead { tr { th { "image" } th { "region" } th { "missing" } th { "for" } th { "serves instead" } th { "why" } } }
                tbody { @for Missing { image, region, generation, id, accounts, serving, reason } in missing {
                    tr data-row {
                        th scope="row" class="mono" { (image) }
                        td class="mono" { (region) }
                        td { (generation.name(&escape_truncated)) @if let Some(id) = id { " " code { (id) } } }
                        td { @if !accounts.is_empty() { (names.list(accounts)) } }
                        td { @match serving {
                            Some((generation, id)) => { (generation.name(&escape_truncated)) " " code { (id) } }
                            None => "nothing",
                        } }
                        td { (escape_controls(reason)) }
                    }
                } }
            } }
        }
    }
}

/// Every image of the entries that the plan changes, by region.
fn images(result: &ApplyResult) -> Markup {
    html! {
        section #images {
            h2 { "Images by region, now" }
            div class="scroll" tabindex="0" role="region" aria-label="Images by region" { table {
                thead { tr { th { "image" } th { "region" } th { "id" } th { "state" } th { "generation" } th { "" } th { "" } } }
                tbody { @for entry in &result.entries { @for (region, there) in &entry.regions {
                    @if there.images.is_empty() {
                        tr data-row {
                            th scope="row" class="mono" { (entry.image) }
                            td class="mono" { (region) }
                            td colspan="4" { "no image" }
                            td { (completeness(there.is_complete)) }
                        }
                    }
                    @for image in &there.images {
                        tr data-row {
                            th scope="row" class="mono" { (entry.image) }
                            td class="mono" { (region) }
                            td class="mono" { (image.id) }
                            td { (image.state.as_str()) }
                            td { (image.generation.name(&escape_truncated)) }
                            td { @if image.serves { strong { "serves" } } }
                            td { (completeness(there.is_complete)) }
                        }
                    }
                } } }
            } }
        }
    }
}

fn completeness(is_complete: bool) -> Markup {
    html! { @if is_complete { "complete" } @else { span class="mod" { "not complete" } } }
}

fn steps(outcome: &Outcome) -> Markup {
    html! {
        section #steps {
            h2 { (count(outcome.steps.len(), "step", "steps")) }
            div class="scroll" { table {
                thead { tr { th { "step" } th { "outcome" } th class="number" { "time" } th { "error code" } th { "request" } th { "why" } } }
                tbody { @for StepResult { step, outcome, took, .. } in &outcome.steps {
                    @let failure = outcome.failure();
                    tr data-row {
                        td class="mono" { (escape_controls(&step.to_string())) }
                        td { span class=(step_colour(outcome)) { (outcome.as_str()) } }
                        td class="number" { @if let Some(took) = took { (in_words(*took)) } }
                        td class="mono" { @if let Some(code) = failure.and_then(|failure| failure.code.as_ref()) { (escape_controls(code)) } }
                        td class="mono" { @if let Some(id) = failure.and_then(|failure| failure.request_id.as_ref()) { (escape_controls(id)) } }
                        td { @match outcome {
                            StepOutcome::Skipped { because } => { "waits for " code { (escape_controls(&because.to_string())) } }
                            _ => @if let Some(failure) = failure { (escape_controls(&failure.why)) },
                        } }
                    }
                } }
            } }
        }
    }
}

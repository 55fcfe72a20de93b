//! A plan as one page for a browser, which needs nothing but itself.
//!
//! The page's text contains every fact: without scripts it has the same tables, but no search and no
//! highlighting. A plan starts with its entries in the groups of the text. After an apply, the page says what is the case
//! and does not repeat the plan. Light or dark follows the reader's screen. Nothing is fetched, and the policy in its head forbids it.
//! User text is escaped by the template (maud) after it was made harmless.

mod applied;
mod tables;

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::drawing::picture;
use super::expected::{Line, lines, tally};
use super::plan::{PlanDetail, place};
use super::verdict::{CommandResult, Problem, Verdict};
use super::{Summary, code_page, count};
use crate::diagnostics::{Severity, sanitize};
use crate::plan::{Plan, Unexpected};

/// The page of what a command found.
pub fn of(verdict: &Verdict<'_>, detail: PlanDetail) -> String {
    // Some build servers obey `##[…]` in what is printed.
    html(verdict, detail).replace("##[", "&#35;#[").replace("##vso[", "&#35;#vso[")
}

fn html(verdict: &Verdict<'_>, detail: PlanDetail) -> String {
    let title = format!("goldform {}: {}", verdict.command, verdict.headline());
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width,initial-scale=1";
                meta http-equiv="Content-Security-Policy"
                    content="default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'";
                title { (title) }
                style { (PreEscaped(include_str!("page.css"))) }
            }
            body {
                (header(verdict, &title))
                main {
                    section #find hidden {
                        label for="search" class="soft" { "Search " kbd { "/" } }
                        " " input #search type="search" autocomplete="off";
                        " " span #found class="soft" aria-live="polite" {}
                    }
                    (unexpected(verdict))
                    @if let Some((outcome, result)) = verdict.applied() {
                        (applied::sections(outcome, result, &verdict.names))
                    }
                    (findings(verdict))
                    @if let CommandResult::Plan { plan, prior, .. } = verdict.result {
                        (tables::losses(plan, prior, &verdict.names))
                        (tables::changes(plan, prior, &verdict.names, detail))
                        (tables::regions(plan))
                        (tables::matrix(plan, prior, detail))
                        (graph(plan))
                        (tables::steps(plan, &verdict.names))
                    }
                }
                script { (PreEscaped(include_str!("page.js"))) }
            }
        }
    }
    .into_string()
}

fn header(verdict: &Verdict<'_>, title: &str) -> Markup {
    html! {
        header {
            h1 { (title) }
            @if let Some((outcome, result)) = verdict.applied() { (applied::head(outcome, result)) }
            @if let CommandResult::Plan { plan, prior, .. } = verdict.result {
                span class="verdict" { (Summary::of(plan).line()) }
                span class="soft" { (sanitize::escape_controls(&place(plan, prior))) }
                span class="soft" { "digest " code { (plan.digest.name()) } }
                nav {
                    a href="#changes" { "Changes" }
                    a href="#regions" { "Limits" }
                    a href="#images" { "Images" }
                    a href="#graph" { "Graph" }
                    a href="#steps" { "Steps" }
                }
            }
        }
    }
}

/// How the plan differs from the one that was expected.
fn unexpected(verdict: &Verdict<'_>) -> Markup {
    let Some(Unexpected { digest, comparison }) = verdict.unexpected() else { return html! {} };
    html! {
        section #expected {
            h2 { "Not the plan that was expected" }
            p { "Expected was " code { (sanitize::escape_controls(digest)) } "." }
            @if let Some(comparison) = comparison {
                p { (tally(comparison)) @for sentence in comparison.moved() { br; (sentence) } }
                div class="page" {
                    pre {
                        @for Line { sign, text } in lines(comparison, &verdict.names) {
                            @let class = match sign { '+' => "add", '-' => "del", '~' => "mod", _ => "" };
                            span class=(class) { (sign) " " (text) "\n" }
                        }
                    }
                }
            }
        }
    }
}

fn findings(verdict: &Verdict<'_>) -> Markup {
    // The steps of an apply are reported as causes.
    let is_step = |problem: &&Problem| matches!(problem.code, "step_failed" | "step_open");
    let problems: Vec<&Problem> = verdict.problems.iter().filter(|problem| !is_step(problem)).collect();
    if problems.is_empty() {
        return html! {};
    }
    html! {
        section #findings {
            h2 { (count(problems.len(), "finding", "findings")) }
            @for problem in &problems {
                @let Problem { code, name, severity, summary, detail, help, .. } = problem;
                div data-row {
                    p {
                        strong class=(if *severity == Severity::Error { "del" } else { "mod" }) {
                            (severity.as_str()) " " (code)
                        }
                        " " (summary)
                        @if let Some(at) = problem.position() {
                            " " code { (sanitize::escape_controls(&at.file)) ":" (at.from.line) }
                        }
                        br;
                        (sanitize::escape_controls(detail))
                    }
                    @if let Some(help) = help { div class="help" { (sanitize::escape_controls(help)) } }
                    @if let Some(docs) = about(code) {
                        details {
                            summary { "About " code { (name) } }
                            div class="page" { (PreEscaped(docs)) }
                        }
                    }
                }
            }
        }
    }
}

/// A rule's page as HTML. The text is goldform's own.
fn about(code: &str) -> Option<String> {
    let text = code_page::of(code)?;
    let mut html = String::new();
    pulldown_cmark::html::push_html(&mut html, pulldown_cmark::Parser::new(&text));
    Some(html)
}

fn graph(plan: &Plan) -> Markup {
    html! {
        section #graph {
            h2 { "What waits for what" }
            p class="soft" { "A row is an image in a region. A step starts when every step that leads to it has settled." }
            div class="scroll" tabindex="0" role="region" aria-label="Graph of the steps" { (picture(plan)) }
            div #why aria-live="polite" {}
        }
    }
}

#[cfg(test)]
mod tests;

//! A plan as one page for a browser, which needs nothing but itself.
//!
//! Every fact stands in the page's text: without scripts there are the same tables, only no search and no
//! highlighting. Light or dark follows the reader's screen. Nothing is fetched, and the policy in its head forbids it.
//! User text is escaped by the template (maud) after it was made harmless.

mod tables;

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::drawing::picture;
use super::verdict::{Problem, Verdict};
use super::{AccountNames, Summary, count, rule_page};
use crate::diagnostics::Severity;
use crate::diagnostics::harmless;
use crate::plan::Plan;
use crate::state::Recorded;

/// What a page tells.
struct Page<'a> {
    /// The plan; none where the manifest has errors of its own.
    plan: Option<&'a Plan>,
    /// What the plan starts from.
    prior: &'a Recorded,
    /// Names for accounts.
    names: &'a AccountNames,
    /// What is wrong, or worth knowing.
    problems: &'a [Problem],
}

/// The page of what a command found.
pub fn of(verdict: &Verdict<'_>) -> String {
    let nothing = Recorded::default();
    let (plan, prior) = verdict.plan().map_or((None, &nothing), |(plan, prior)| (Some(plan), prior));
    // Some build servers obey `##[…]` in what is printed.
    html(&Page { plan, prior, names: &verdict.names, problems: &verdict.problems }).replace("##[", "&#35;#[")
}

fn html(page: &Page<'_>) -> String {
    let refused = page.problems.iter().any(|problem| problem.severity == Severity::Error);
    let title = match (page.plan, refused) {
        (_, true) => "Refused",
        (Some(plan), false) if plan.is_empty() => "No changes",
        (Some(_), false) => "Plan",
        (None, false) if page.problems.is_empty() => "Nothing to tell",
        (None, false) => "Findings",
    };
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width,initial-scale=1";
                meta http-equiv="Content-Security-Policy"
                    content="default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'";
                title { "goldform: " (title) }
                style { (PreEscaped(include_str!("page.css"))) }
            }
            body {
                (header(page, title, refused))
                main {
                    section #find hidden {
                        label for="search" class="soft" { "Search " kbd { "/" } }
                        " " input #search type="search" autocomplete="off";
                        " " span #found class="soft" aria-live="polite" {}
                    }
                    (findings(page))
                    @if let Some(plan) = page.plan {
                        (tables::losses(page, plan))
                        (tables::regions(plan))
                        (tables::matrix(page, plan))
                        (graph(plan))
                        (tables::steps(page, plan))
                    }
                }
                script { (PreEscaped(include_str!("page.js"))) }
            }
        }
    }
    .into_string()
}

fn header(page: &Page<'_>, title: &str, refused: bool) -> Markup {
    html! {
        header {
            h1 { (title) }
            @if let Some(plan) = page.plan {
                span class=(if refused { "verdict del" } else { "verdict" }) { (Summary::of(plan).line()) }
                span class="soft" { "account " code { (plan.account) } }
                span class="soft" { "digest " code { (plan.digest.short()) } }
                nav {
                    a href="#regions" { "Limits" }
                    a href="#images" { "Images" }
                    a href="#graph" { "Graph" }
                    a href="#steps" { "Steps" }
                }
            }
        }
    }
}

fn findings(page: &Page<'_>) -> Markup {
    if page.problems.is_empty() {
        return html! {};
    }
    html! {
        section #findings {
            h2 { (count(page.problems.len(), "finding", "findings")) }
            @for problem in page.problems {
                @let Problem { code, name, severity, summary, detail, help, .. } = problem;
                div data-row {
                    p {
                        strong class=(if *severity == Severity::Error { "del" } else { "mod" }) {
                            (severity.as_str()) " " (code)
                        }
                        " " (summary)
                        @if let Some(at) = problem.position() {
                            " " code { (harmless::harmless(&at.file)) ":" (at.from.line) }
                        }
                        br;
                        (harmless::harmless(detail))
                    }
                    @if let Some(help) = help { div class="help" { (harmless::harmless(help)) } }
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
    let text = rule_page::of(code)?;
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

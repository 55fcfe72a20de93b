//! A plan as one page for a browser, which needs nothing but itself.
//!
//! Every fact stands in the page's text: without scripts there are the same tables, only no search and no
//! highlighting. Light or dark follows the reader's screen. Nothing is fetched, and the policy in its head forbids it.
//! User text is escaped by the template (maud) after it was made harmless.

mod tables;

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::drawing::picture;
use super::{AccountNames, Summary, count};
use crate::constraints;
use crate::diagnostics::harmless;
use crate::diagnostics::{Diagnostic, Severity};
use crate::manifest::codes;
use crate::plan::Plan;
use crate::state::Recorded;

/// What a page tells.
pub struct Page<'a> {
    /// The plan; none where the manifest has errors of its own.
    pub plan: Option<&'a Plan>,
    /// What the plan starts from.
    pub prior: &'a Recorded,
    /// Names for accounts.
    pub names: &'a AccountNames,
    /// What is wrong, or worth knowing, and the place of each: `goldform.yaml:7:12`.
    pub findings: Vec<(&'a Diagnostic, Option<String>)>,
}

/// The page.
pub fn html(page: &Page<'_>) -> String {
    let refused = page.findings.iter().any(|(diagnostic, _)| diagnostic.severity == Severity::Error);
    let title = match (page.plan, refused) {
        (_, true) => "Refused",
        (Some(plan), false) if plan.is_empty() => "No changes",
        (Some(_), false) => "Plan",
        (None, false) => "Valid",
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
    if page.findings.is_empty() {
        return html! {};
    }
    html! {
        section #findings {
            h2 { (count(page.findings.len(), "finding", "findings")) }
            @for (diagnostic, place) in &page.findings {
                @let Diagnostic { code, name, severity, summary, detail, help, .. } = diagnostic;
                div data-row {
                    p {
                        strong class=(if *severity == Severity::Error { "del" } else { "mod" }) {
                            (severity.as_str()) " " (code)
                        }
                        " " (summary)
                        @if let Some(place) = place { " " code { (harmless::harmless(place)) } }
                        br;
                        (harmless::harmless(detail))
                    }
                    @if let Some(help) = help { div class="help" { (harmless::harmless(help)) } }
                    @if let Some(docs) = rule_page(code) {
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
fn rule_page(code: &str) -> Option<String> {
    let text = match constraints::find(code) {
        Some(rule) => rule.docs.to_owned(),
        None => codes::find(code)?.page(),
    };
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

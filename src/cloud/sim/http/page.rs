//! Page for browsers: images of the world, recent requests and faults. It has no scripts and reloads itself.

use std::collections::BTreeMap;

use hyper::StatusCode;
use hyper::header::{CONTENT_SECURITY_POLICY, HeaderValue};
use jiff::Timestamp;
use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::rejected::RejectedCall;
use super::response::{Answer, document};
use crate::cloud::sim::{Fault, ImageView, LogEntry, RequestOutcome, Settings, Sim, SimError};

/// Maximum number of images per account and region, and of accounts in the table of shares.
const ROWS_SHOWN: usize = 50;
/// Maximum number of items in one cell.
const ITEMS_SHOWN: usize = 4;
/// Maximum number of requests.
const REQUESTS_SHOWN: u32 = 30;
/// Maximum length of a text in characters.
const CHARS_SHOWN: usize = 160;

/// The page loads nothing, and its only styles are those of `page.css`, by their hash. A test compares it.
const POLICY: &str = "default-src 'none'; style-src 'sha256-WMYkgeqyYXiHxNniIvYPocXcEJ2X/uDymnUA6IxoYW4='; frame-ancestors 'none'; \
                      base-uri 'none'; form-action 'none'";

/// Returns the page as a response.
pub(super) fn answer(html: String) -> Answer {
    let mut answer = document(StatusCode::OK, "text/html; charset=utf-8", html);
    answer.headers_mut().insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    answer
}

/// Renders the page.
///
/// # Errors
/// If the world cannot be read.
pub(super) fn render(sim: &Sim, rejected: &[RejectedCall], now: Timestamp) -> Result<String, SimError> {
    let settings = sim.settings()?;
    let now = sim.present(now)?;
    let mut homes: BTreeMap<(String, String), Vec<ImageView>> = BTreeMap::new();
    let mut received: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for view in sim.view()? {
        let image = &view.image;
        for account in &view.shares {
            received.entry(account.clone()).or_default().push(format!("{}@{}", image.name, image.region));
        }
        homes.entry((image.region.clone(), image.owner.clone())).or_default().push(view);
    }
    let (log, faults) = (sim.log_tail(REQUESTS_SHOWN)?, sim.faults()?);
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width";
                meta http-equiv="refresh" content="2";
                title { "goldform sandbox" }
                style { (PreEscaped(include_str!("page.css"))) }
            }
            body {
                main {
                    h1 { "goldform sandbox " small { (time(now.as_microsecond())) " UTC" } }
                    @if homes.is_empty() { p.none { "No images." } }
                    @for ((region, owner), images) in &homes {
                        (images_of(&settings, region, owner, images, now))
                    }
                    (shares(&received))
                    (requests(&log))
                    (rejections(rejected))
                    (fault_table(&faults))
                }
            }
        }
    };
    Ok(page.into_string())
}

fn images_of(settings: &Settings, region: &str, owner: &str, images: &[ImageView], now: Timestamp) -> Markup {
    let (used, limit) = (images.len(), settings.image_limit(region));
    html! {
        h2 { (region) " " small { "account " (owner) } }
        p {
            meter min="0" max=(limit) value=(used) high=(f64::from(limit) * 0.8) {}
            " " (used) " of " (limit) " images"
        }
        table {
            tr { th { "image" } th { "name" } th { "state" } th { "made from" } th { "shared with" } }
            @for ImageView { image, shares, tags: _ } in images.iter().take(ROWS_SHOWN) {
                @let state = image.state_at(now.as_microsecond()).as_str();
                tr {
                    td { code { (image.id) } }
                    td { (visible(&image.name)) }
                    td class=(state) { (state) }
                    td { (visible(&image.made_from)) }
                    td {
                        @if !shares.is_empty() {
                            (shares.len()) " of " (settings.accounts_per_image) ": " (first_items(shares))
                        }
                    }
                }
            }
        }
        @if used > ROWS_SHOWN { p.none { "and " (used - ROWS_SHOWN) " more" } }
    }
}

/// Images that are shared with each account.
fn shares(received: &BTreeMap<String, Vec<String>>) -> Markup {
    html! {
        @if !received.is_empty() {
            h2 { "Shares by account" }
            table {
                tr { th { "account" } th { "images" } th { "names" } }
                @for (account, images) in received.iter().take(ROWS_SHOWN) {
                    tr { td { (account) } td { (images.len()) } td { (first_items(images)) } }
                }
            }
        }
    }
}

fn requests(log: &[LogEntry]) -> Markup {
    html! {
        h2 { "Recent requests" }
        @if log.is_empty() {
            p.none { "No requests." }
        } @else {
            table {
                tr {
                    th { "#" } th { "time" } th { "account" } th { "action" } th { "region" } th { "answer" }
                    th { "parameters" }
                }
                @for entry in log {
                    tr {
                        td { (entry.seq) }
                        td { (time(entry.at).split(' ').next_back().unwrap_or_default()) }
                        td { (entry.caller) }
                        td { (entry.service) "\u{a0}" (visible(&entry.action)) }
                        td.code { (visible(entry.region.as_deref().unwrap_or_default())) }
                        (answer_cell(entry))
                        td { code { (visible(&entry.params)) } }
                    }
                }
            }
        }
    }
}

fn answer_cell(entry: &LogEntry) -> Markup {
    let code = entry.code.as_deref().unwrap_or_default();
    match (code, entry.outcome) {
        ("", RequestOutcome::Answered) => html! { td.NORMAL { "ok" } },
        (code, RequestOutcome::Answered | RequestOutcome::Refused) => html! { td.refused { (code) } },
        (code, outcome) => html! { td.refused { (outcome.as_str()) " " (code) } },
    }
}

fn rejections(rejected: &[RejectedCall]) -> Markup {
    html! {
        @if !rejected.is_empty() {
            h2 { "Rejected requests" }
            table {
                tr { th { "time" } th { "action" } th { "code" } }
                @for RejectedCall { at, action, code } in rejected {
                    tr { td { (time(at.as_microsecond())) } td { (visible(action)) } td.refused { (code) } }
                }
            }
        }
    }
}

fn fault_table(faults: &[(i64, u32, Fault)]) -> Markup {
    html! {
        h2 { "Faults" }
        @if faults.is_empty() {
            p.none { "No faults." }
        } @else {
            table {
                tr { th { "#" } th { "matching calls" } th { "fault" } }
                @for (id, calls, fault) in faults {
                    tr {
                        td { (id) }
                        td { (calls) }
                        td { code { (serde_json::to_string(fault).unwrap_or_default()) } }
                    }
                }
            }
        }
    }
}

fn first_items<'a>(items: impl IntoIterator<Item = &'a String>) -> String {
    let mut items = items.into_iter().map(String::as_str);
    let mut shown: Vec<&str> = items.by_ref().take(ITEMS_SHOWN).collect();
    if items.next().is_some() {
        shown.push("…");
    }
    visible(&shown.join(" "))
}

fn time(micros: i64) -> String {
    let at = Timestamp::from_microsecond(micros).unwrap_or_default();
    at.strftime("%Y-%m-%d %H:%M:%S").to_string()
}

/// Truncates a text of a caller, and replaces characters that are invisible or change the direction of the text.
fn visible(text: &str) -> String {
    let is_visible = |c: char| {
        !c.is_control()
            && !matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    let mut chars = text.chars();
    let mut shown: String =
        chars.by_ref().take(CHARS_SHOWN).map(|c| if is_visible(c) { c } else { '\u{fffd}' }).collect();
    if chars.next().is_some() {
        shown.push('…');
    }
    shown
}

#[cfg(test)]
mod tests {
    use sha2::{Digest as _, Sha256};

    use super::*;

    fn base64(bytes: &[u8]) -> String {
        const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        let group = |group: &[u8]| {
            let bits = (0..3).fold(0_usize, |bits, at| bits << 8 | usize::from(*group.get(at).unwrap_or(&0)));
            let digit = |at: usize| char::from(DIGITS[bits >> (18 - 6 * at) & 63]);
            (0..4).map(move |at| if at > group.len() { '=' } else { digit(at) }).collect::<String>()
        };
        bytes.chunks(3).map(group).collect()
    }

    #[test]
    fn the_policy_allows_the_styles_by_their_hash_and_no_scripts() {
        let hash = format!("'sha256-{}'", base64(&Sha256::digest(include_str!("page.css"))));
        assert!(POLICY.contains(&format!("style-src {hash};")), "page.css has changed: {hash}");
        assert!(!POLICY.contains("unsafe") && !POLICY.contains("script-src"));
    }
}

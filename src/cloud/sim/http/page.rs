//! The page for browsers: what is in the world, and what happened last. Without scripts; it loads itself anew.

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};

use hyper::StatusCode;
use hyper::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, HeaderValue};
use jiff::Timestamp;

use super::face::{Answer, TurnedAway, typed};
use crate::cloud::sim::{Entry, Image, Settings, Sim, SimError};

/// How many images of one account in one region are shown.
const IMAGES_SHOWN: usize = 50;
/// How many accounts of one image are shown.
const ACCOUNTS_SHOWN: usize = 4;
/// How many requests are shown.
const REQUESTS_SHOWN: u32 = 30;

const HEAD: &str = include_str!("page.html");

/// The page as an answer.
pub(super) fn answer(html: String) -> Answer {
    let mut answer = typed(StatusCode::OK, "text/html; charset=utf-8", html);
    let headers = answer.headers_mut();
    headers.insert(
        CONTENT_SECURITY_POLICY,
        HeaderValue::from_static("default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"),
    );
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    answer
}

/// The page as it is now.
pub(super) fn render(sim: &Sim, turned_away: &[TurnedAway], now: Timestamp) -> Result<String, SimError> {
    let mut page = String::with_capacity(16 * 1024);
    // Writing to a string cannot fail.
    let _ = write_page(&mut page, sim, turned_away, now)?;
    Ok(page)
}

fn write_page(
    page: &mut String,
    sim: &Sim,
    turned_away: &[TurnedAway],
    now: Timestamp,
) -> Result<fmt::Result, SimError> {
    let settings = sim.settings()?;
    let mut homes: BTreeMap<(String, String), Vec<Image>> = BTreeMap::new();
    for image in sim.images()? {
        homes.entry((image.region.clone(), image.owner.clone())).or_default().push(image);
    }
    let mut regions = String::new();
    let mut received: BTreeMap<String, Vec<String>> = BTreeMap::new();
    if homes.is_empty() {
        regions.push_str("<p class=none>No image was made yet.</p>");
    }
    for ((region, owner), images) in &homes {
        let mut shares = Vec::new();
        for image in images.iter().take(IMAGES_SHOWN) {
            let accounts: Vec<String> =
                sim.shares(&image.id)?.into_iter().map(|share| share.account).collect();
            for account in &accounts {
                received.entry(account.clone()).or_default().push(format!("{}@{region}", image.name));
            }
            shares.push(accounts);
        }
        let _ = write_home(&mut regions, &settings, region, owner, images, &shares, now);
    }
    let _ = write_received(&mut regions, &received);
    let (log, faults) = (sim.log_tail(REQUESTS_SHOWN)?, sim.faults()?);
    Ok((|| {
        page.push_str(HEAD);
        let time = clock(now.as_microsecond());
        write!(page, "<h1>goldform sandbox <small>{time} UTC</small></h1>{regions}")?;
        write_requests(page, &log)?;
        write_turned_away(page, turned_away)?;
        page.push_str("<h2>Faults</h2>");
        if faults.is_empty() {
            page.push_str("<p class=none>None is set.</p>");
        } else {
            page.push_str("<table><tr><th>#<th>seen<th>fault");
            for (id, seen, fault) in faults {
                let text = serde_json::to_string(&fault).unwrap_or_default();
                write!(page, "<tr><td>{id}<td>{seen}<td><code>{}</code>", Safe(&text))?;
            }
            page.push_str("</table>");
        }
        page.push_str("</main></html>\n");
        Ok(())
    })())
}

fn write_home(
    page: &mut String,
    settings: &Settings,
    region: &str,
    owner: &str,
    images: &[Image],
    shares: &[Vec<String>],
    now: Timestamp,
) -> fmt::Result {
    let (used, limit) = (images.len(), settings.image_limit(region));
    write!(
        page,
        "<h2>{} <small>account {}</small></h2><p><meter min=0 max={limit} value={used} high={}></meter> \
         {used} of {limit} images</p><table><tr><th>image<th>name<th>state<th>made from<th>shared with",
        Safe(region),
        Safe(owner),
        f64::from(limit) * 0.8
    )?;
    for (image, accounts) in images.iter().zip(shares) {
        let state = image.state_at(now.as_microsecond());
        write!(
            page,
            "<tr><td><code>{}</code><td>{}<td class={state}>{state}<td>{}<td>",
            Safe(&image.id),
            Safe(&image.name),
            Safe(&image.made_from),
            state = state.as_str()
        )?;
        if !accounts.is_empty() {
            let shown = accounts.get(..ACCOUNTS_SHOWN).unwrap_or(accounts).join(" ");
            let more = if accounts.len() > ACCOUNTS_SHOWN { " …" } else { "" };
            let limit = settings.accounts_per_image;
            write!(page, "{} of {limit}: {}{more}", accounts.len(), Safe(&shown))?;
        }
    }
    page.push_str("</table>");
    let more = images.len().saturating_sub(IMAGES_SHOWN);
    if more > 0 {
        write!(page, "<p class=none>and {more} more</p>")?;
    }
    Ok(())
}

/// What each account has been given.
fn write_received(page: &mut String, received: &BTreeMap<String, Vec<String>>) -> fmt::Result {
    if received.is_empty() {
        return Ok(());
    }
    page.push_str("<h2>Shares by account</h2><table><tr><th>account<th>images<th>which");
    for (account, images) in received.iter().take(IMAGES_SHOWN) {
        let shown = images.get(..ACCOUNTS_SHOWN).unwrap_or(images).join(" ");
        let more = if images.len() > ACCOUNTS_SHOWN { " …" } else { "" };
        write!(page, "<tr><td>{}<td>{}<td>{}{more}", Safe(account), images.len(), Safe(&shown))?;
    }
    page.push_str("</table>");
    Ok(())
}

fn write_requests(page: &mut String, log: &[Entry]) -> fmt::Result {
    page.push_str("<h2>Last requests</h2>");
    if log.is_empty() {
        page.push_str("<p class=none>None came yet.</p>");
        return Ok(());
    }
    page.push_str("<table><tr><th>#<th>time<th>account<th>action<th>region<th>answer<th>parameters");
    for entry in log {
        let fate = serde_json::to_value(entry.fate).unwrap_or_default();
        let fate = fate.as_str().unwrap_or_default();
        let code = entry.code.as_deref().unwrap_or("");
        let is_well = code.is_empty() && fate == "answered";
        let (class, fate) = match (is_well, fate) {
            (true, _) => ("NORMAL", "ok"),
            (false, "answered" | "refused") => ("refused", ""),
            (false, fate) => ("refused", fate),
        };
        write!(
            page,
            "<tr><td>{}<td>{}<td>{}<td>{}&nbsp;{}<td class=code>{}<td class={class}>{} {}<td><code>{}</code>",
            entry.seq,
            clock(entry.at).split(' ').next_back().unwrap_or_default(),
            Safe(&entry.caller),
            Safe(&entry.service),
            Safe(&entry.action),
            Safe(entry.region.as_deref().unwrap_or_default()),
            Safe(fate),
            Safe(code),
            Safe(&shortened(&entry.params))
        )?;
    }
    page.push_str("</table>");
    Ok(())
}

fn write_turned_away(page: &mut String, turned_away: &[TurnedAway]) -> fmt::Result {
    if turned_away.is_empty() {
        return Ok(());
    }
    page.push_str("<h2>Turned away</h2><table><tr><th>time<th>action<th>code");
    for TurnedAway { at, action, code } in turned_away {
        let at = clock(at.as_microsecond());
        write!(page, "<tr><td>{at}<td>{}<td class=refused>{}", Safe(&shortened(action)), Safe(code))?;
    }
    page.push_str("</table>");
    Ok(())
}

fn clock(micros: i64) -> String {
    let at = Timestamp::from_microsecond(micros).unwrap_or_default();
    at.strftime("%Y-%m-%d %H:%M:%S").to_string()
}

fn shortened(text: &str) -> String {
    const MOST: usize = 160;
    let mut short: String = text.chars().take(MOST).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    short
}

/// Text of somebody else, harmless in HTML.
struct Safe<'a>(&'a str);

impl fmt::Display for Safe<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.chars().try_for_each(|c| match c {
            '&' => f.write_str("&amp;"),
            '<' => f.write_str("&lt;"),
            '>' => f.write_str("&gt;"),
            '"' => f.write_str("&quot;"),
            '\'' => f.write_str("&#39;"),
            c if c.is_control() => f.write_char('\u{fffd}'),
            // Text that turns its direction could hide what it says.
            '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {
                f.write_char('\u{fffd}')
            }
            c => f.write_char(c),
        })
    }
}

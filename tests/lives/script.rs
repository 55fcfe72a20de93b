//! What a failing life prints: the promise that it breaks, its steps, and the calls around the breach.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use goldform::cloud::sim::LogEntry;
use jiff::Timestamp;

use super::judge::Accusation;

/// How many events before the breach are printed.
const BEFORE: usize = 60;

/// Something that happened, for people: when, after which call of the log, and what.
pub type Note = (i64, i64, String);

/// Whether an action changes nothing.
pub fn reads(action: &str) -> bool {
    action.starts_with("Describe") || action.starts_with("Get")
}

/// The script of a life that broke a promise; `loud`: with every call.
pub fn write(
    variable: &str,
    seed: u64,
    accusation: &Accusation,
    steps: &str,
    notes: &[Note],
    log: &[LogEntry],
    loud: bool,
) -> String {
    let events = events(notes, log, loud);
    let lines: Vec<String> = events.iter().map(|(at, .., text)| format!("  {} {text}", time(*at))).collect();
    let Accusation { check, at, what } = accusation;
    let mut script = format!(
        "seed {seed} breaks \"{check}\" at {}:\n  {what}\n\nThe life (again: {variable}={seed} cargo test --test it \
         lives::):\n{steps}\n",
        time(*at)
    );
    let breach = lines.iter().position(|line| line.contains("BREACH of")).unwrap_or(lines.len());
    let around =
        if loud { 0..lines.len() } else { breach.saturating_sub(BEFORE)..lines.len().min(breach + 4) };
    for id in ids(what) {
        writeln!(script, "Of {id}:").unwrap();
        for (position, line) in lines.iter().enumerate().filter(|(_, line)| line.contains(&id)) {
            // What made it does not name it.
            if line.contains(&format!("made {id}")) && !line.contains("BREACH of") && position > 0 {
                writeln!(script, "{}", lines[position - 1]).unwrap();
            }
            writeln!(script, "{line}").unwrap();
        }
    }
    writeln!(script, "The calls around it:\n{}", lines[around].join("\n")).unwrap();
    script
}

/// What happened and what was called, in order.
fn events(notes: &[Note], log: &[LogEntry], loud: bool) -> Vec<(i64, i64, usize, String)> {
    let noted = notes.iter().enumerate();
    let noted = noted.map(|(position, (at, call, what))| (*at, *call, position + 1, what.clone()));
    let called = log.iter().filter(|call| loud || !reads(&call.action) || call.code.is_some()).map(|call| {
        let how = call.code.as_deref().unwrap_or("ok");
        let region = call.region.as_deref().unwrap_or("-");
        let text = format!("{} {region} {} → {how} ({:?})", call.action, call.params, call.outcome);
        (call.at, call.seq, 0, text)
    });
    let mut events: Vec<_> = noted.chain(called).collect();
    events.sort();
    events
}

/// The ids of images that a text names.
fn ids(text: &str) -> BTreeSet<String> {
    let named = text.match_indices("img-").map(|(at, _)| &text[at..]);
    named.map(|rest| rest.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '-').collect()).collect()
}

fn time(at: i64) -> String {
    Timestamp::from_microsecond(at).map(|at| format!("{at:.3}")).unwrap_or_default()
}

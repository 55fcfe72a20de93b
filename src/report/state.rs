//! A state for people.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::table::{Align, table};
use super::{AccountNames, Paint, count};
use crate::diagnostics::sanitize;
use crate::model::{Address, PlacementKey};
use crate::state::{Found, Intents, Placement, Recorded, RecordedLookup, Snapshot};

/// The whole state: images by entry and generation, regions, open intents.
pub fn state_text(snapshot: &Snapshot, names: &AccountNames, is_running: bool, paint: Paint) -> String {
    let mut text = String::new();
    let Snapshot { lineage, serial, account, place, goldform, .. } = snapshot;
    let place = place.as_ref().map(|place| format!(" at {place}")).unwrap_or_default();
    let place = sanitize::escape_truncated(&place);
    let _ = writeln!(
        text,
        "state {lineage}, serial {serial}, of account {account}{place}, written by goldform {goldform}\n"
    );
    if snapshot.recorded.images.is_empty() {
        let _ = writeln!(text, "no images");
    }
    for (key, image) in &snapshot.recorded.images {
        let protected = if image.protect { ", protected" } else { "" };
        let _ = writeln!(
            text,
            "{} current generation {}, copies from {}{protected}",
            paint.bold(&format!("image.{key}:")),
            image.current,
            image.origin
        );
        if let Some(hold) = snapshot.recorded.holds.get(key) {
            let revision = hold.revision.to_string();
            let by = sanitize::escape_truncated(&hold.by);
            let since = hold.since.strftime("%Y-%m-%d %H:%M UTC");
            let _ =
                writeln!(text, "  held at {} since {since} by {by}", sanitize::escape_truncated(&revision));
        }
        for (generation, build) in &image.generations {
            let source = build.source.describe();
            let _ = writeln!(text, "  generation {generation}, from {}", sanitize::escape_truncated(&source));
            let mut rows = Vec::new();
            for (region, placement) in &build.placements {
                let Placement { id, name, state, shares, unmanaged, .. } = placement;
                let at = PlacementKey { image: key.clone(), generation: *generation, region: region.clone() };
                let mut shared = Vec::new();
                if !shares.is_empty() {
                    shared.push(format!("shared with {}", names.list(shares)));
                }
                if !unmanaged.is_empty() {
                    shared.push(format!("by others with {}", names.list(unmanaged)));
                }
                let cells = [
                    region.to_string(),
                    id.to_string(),
                    state.as_str().to_owned(),
                    sanitize::escape_truncated(name).to_string(),
                    marks(&snapshot.recorded, &at, placement).join(", "),
                    shared.join("; "),
                ];
                rows.push(cells.to_vec());
            }
            text.push_str(&table("    ", &[Align::Left; 6], &rows));
        }
    }
    if !snapshot.recorded.lookups.is_empty() {
        let _ = writeln!(text, "\n{}", paint.bold("lookups"));
        let mut rows = Vec::new();
        for (name, RecordedLookup { asked, read_at, found }) in &snapshot.recorded.lookups {
            let found = match found {
                Found::One(image) => format!("{}  {}", image.id, sanitize::escape_truncated(&image.name)),
                Found::Several { count, .. } => format!("{count} images"),
                Found::Nothing { .. } => "no image".to_owned(),
            };
            let read = read_at.strftime("read %Y-%m-%d %H:%M UTC").to_string();
            rows.push(vec![name.to_string(), asked.region.to_string(), read, found]);
        }
        text.push_str(&table("  ", &[Align::Left; 4], &rows));
    }
    if !snapshot.recorded.regions.is_empty() {
        let _ = writeln!(text, "\n{}", paint.bold("regions"));
        let mut rows = vec![["region", "unmanaged", "limit", "read"].map(str::to_owned).to_vec()];
        for (region, recorded) in &snapshot.recorded.regions {
            rows.push(vec![
                region.to_string(),
                recorded.unmanaged.len().to_string(),
                recorded.image_limit.as_ref().map_or_else(|| "?".to_owned(), |limit| limit.value.to_string()),
                recorded.read_at.strftime("%Y-%m-%d %H:%M UTC").to_string(),
            ]);
        }
        let align = [Align::Left, Align::Right, Align::Right, Align::Left];
        text.push_str(&table("  ", &align, &rows));
    }
    if !snapshot.intents.is_empty() {
        let open = count(snapshot.intents.len(), "step", "steps");
        let what = match is_running {
            true => "of a run that is under way",
            false => "without an outcome; the next refresh or apply resolves them",
        };
        let _ = writeln!(text, "\n{open} {what}:");
        for step in snapshot.intents.keys() {
            let _ = writeln!(text, "  {step}");
        }
        let unresolved = unresolved_text(&snapshot.intents);
        if !unresolved.is_empty() && !is_running {
            let _ = write!(text, "\n{unresolved}");
        }
    }
    text
}

/// Returns what a placement is, beyond its state: whether it serves its region, is deprecated, or is not finished.
fn marks(recorded: &Recorded, at: &PlacementKey, placement: &Placement) -> Vec<String> {
    let mut marks = Vec::new();
    if serves(recorded, at) {
        marks.push("serves".to_owned());
    }
    if placement.is_pending() {
        let since = placement.accepted_at.strftime("%Y-%m-%d %H:%M UTC");
        marks.push(format!("not ready yet, accepted {since}"));
    }
    if placement.interim {
        marks.push("interim name".to_owned());
    }
    if placement.deprecated {
        marks.push("deprecated".to_owned());
    }
    marks
}

/// Returns whether a placement is the one that consumers in its region should use.
fn serves(recorded: &Recorded, at: &PlacementKey) -> bool {
    let serving = recorded.serving(&at.image, &at.region);
    serving.is_some_and(|(generation, _)| generation == at.generation)
}

/// A recorded placement, with whether it serves, is pending and is deprecated, which the state leaves out or derives.
///
/// # Errors
/// If the placement cannot be written as JSON.
pub fn placement_json(
    recorded: &Recorded,
    at: &PlacementKey,
    placement: &Placement,
) -> Result<Value, serde_json::Error> {
    let mut value = serde_json::to_value(placement)?;
    if let Value::Object(value) = &mut value {
        value.insert("deprecated".to_owned(), json!(placement.deprecated));
        value.insert("pending".to_owned(), json!(placement.is_pending()));
        value.insert("serves".to_owned(), json!(serves(recorded, at)));
    }
    Ok(value)
}

/// The calls whose outcome is unknown, each with the commands that close it. Empty if there are none.
pub fn unresolved_text(intents: &Intents) -> String {
    let mut text = String::new();
    for (step, intent) in intents.iter().filter(|(_, intent)| intent.is_in_doubt()) {
        let at = intent.operation.at();
        let _ = writeln!(
            text,
            "unresolved: `{step}` was sent and not answered. The next refresh or apply searches for its image; if you \
             know what became of it, record that:\n\n    goldform import {at} ID    # it made this image\n    goldform forget {at}    # \
             it made none\n"
        );
    }
    text
}

/// The addresses of a state, one a line: placements, each with its shares, then lookups.
pub fn addresses(snapshot: &Snapshot) -> Vec<Address> {
    let mut addresses = Vec::new();
    for (at, placement) in snapshot.recorded.placements() {
        let shares: Vec<Address> =
            placement.shares.iter().map(|account| Address::Share(at.clone(), account)).collect();
        addresses.push(Address::Placement(at));
        addresses.extend(shares);
    }
    addresses.extend(snapshot.recorded.lookups.keys().cloned().map(Address::Lookup));
    addresses
}

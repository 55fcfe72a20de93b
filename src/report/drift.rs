//! Drift for people: what the cloud says differently from the record.

use std::fmt::Write as _;

use super::{AccountNames, Paint, count};
use crate::diagnostics::sanitize;
use crate::diff::{Drift, DriftItem, LookupDrift};

/// What the cloud says differently, and one summary line.
pub fn drift_text(drift: &Drift, names: &AccountNames, paint: Paint) -> String {
    let mut text = String::new();
    for item in &drift.items {
        match item {
            DriftItem::Found { at, id } => {
                let _ = writeln!(text, "{} {at} ({id}): was made by an earlier run", paint.added("+"));
            }
            DriftItem::Missing { at, id } => {
                let _ = writeln!(text, "{} {at} ({id}): is not there any more", paint.removed("-"));
            }
            DriftItem::Changed { at, id, fields } => {
                let _ = writeln!(text, "{} {at} ({id}): was changed", paint.changed("~"));
                for field in fields {
                    let shown = |value: &Option<String>| match value {
                        Some(value) => format!("`{}`", sanitize::escape_truncated(value)),
                        None => "none".to_owned(),
                    };
                    let (before, after) = (shown(&field.before), shown(&field.after));
                    let _ = writeln!(
                        text,
                        "    {}: {before} → {after}",
                        sanitize::escape_truncated(&field.field)
                    );
                }
            }
            DriftItem::Unshared { at, id, accounts } => {
                let list = names.list(accounts);
                let _ =
                    writeln!(text, "{} {at} ({id}): is not shared any more with {list}", paint.removed("-"));
            }
            DriftItem::SharedByOthers { at, id, accounts } => {
                let list = names.list(accounts);
                let _ =
                    writeln!(text, "{} {at} ({id}): was shared by others with {list}", paint.changed("~"));
            }
        }
    }
    for at in &drift.pending {
        let _ = writeln!(text, "{} {at}: is not ready yet", paint.dim("?"));
    }
    for lookup in &drift.lookups {
        let line = match lookup {
            LookupDrift::Gone { lookup, id } => {
                format!("{} lookup.{lookup} ({id}): is not there any more", paint.removed("-"))
            }
            LookupDrift::Answered { lookup, before: Some(before), after } => {
                format!("{} lookup.{lookup}: {after} in the place of {before}", paint.changed("~"))
            }
            LookupDrift::Answered { lookup, before: None, after } => {
                format!("{} lookup.{lookup}: {after}", paint.added("+"))
            }
        };
        let _ = writeln!(text, "{line}");
    }
    let number = drift.items.len() + drift.lookups.iter().filter(|lookup| lookup.is_drift()).count();
    if number == 0 {
        text.push_str("No drift: the cloud is as recorded.");
    } else {
        let _ = write!(text, "Drift: {}.", count(number, "difference", "differences"));
    }
    if !drift.pending.is_empty() {
        let pending = count(drift.pending.len(), "image is", "images are");
        let _ = write!(text, " {pending} not ready yet: the next apply waits.");
    }
    text.push('\n');
    text
}

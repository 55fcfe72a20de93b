//! Entries that were renamed in the manifest: the record follows, and nothing is rebuilt.

use std::borrow::Cow;

use crate::manifest::Desired;
use crate::state::{Edit, Event, Recorded, journal};

/// The record as the manifest's `renames:` name its entries, and the edits that make it so. A rename whose old
/// name is not recorded is done already.
pub fn renamed<'a>(desired: &Desired, prior: &'a Recorded) -> (Cow<'a, Recorded>, Vec<Edit>) {
    let mut record = Cow::Borrowed(prior);
    let mut edits = Vec::new();
    for (from, to) in &desired.renames {
        let is_open = record.images.contains_key(from) && !record.images.contains_key(to);
        // An old name that is declared again is another entry's.
        if !is_open || desired.images.contains_key(from) {
            continue;
        }
        let change = Edit::Rename { from: from.clone(), to: to.clone() };
        let event = Event::Edited { at: jiff::Timestamp::UNIX_EPOCH, change: change.clone() };
        // An edit follows anything.
        if journal::fold(record.to_mut(), &mut journal::Intents::new(), &event).is_ok() {
            edits.push(change);
        }
    }
    (record, edits)
}

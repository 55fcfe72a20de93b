//! The result of an import, as text and JSON.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::json;

use super::Edited;
use crate::cli::printer::Printer;
use crate::diagnostics::sanitize;
use crate::diff::adopt::{Adoptable, LeftOut};
use crate::model::{ImageId, PlacementKey};
use crate::state::terraform::Named;

/// Adopted images, images that are left out with the reason, and notes.
pub(super) struct ImportResult<'a> {
    pub(super) found: &'a Adoptable,
    pub(super) recorded: &'a [(PlacementKey, ImageId)],
    pub(super) terraform: Option<&'a Named>,
    pub(super) job: Option<&'a Edited>,
}

impl ImportResult<'_> {
    /// Returns the commands that remove the adopted images from the Terraform state.
    fn commands(&self) -> Vec<String> {
        let addresses = self.terraform.iter().flat_map(|named| &named.addresses);
        addresses.map(|address| remove_command(address)).collect()
    }

    /// Returns images that a Terraform state names and no observed region has.
    fn missing(&self) -> Vec<&ImageId> {
        let is_known = |id: &&ImageId| {
            self.recorded.iter().any(|(_, known)| known == *id)
                || self.found.left_out.iter().any(|left| left.id == **id)
        };
        self.terraform.iter().flat_map(|named| &named.ids).filter(|id| !is_known(id)).collect()
    }

    pub(super) fn json(&self, is_written: bool, printer: &Printer) {
        let adopted: Vec<_> =
            self.recorded.iter().map(|(at, id)| json!({ "address": at.to_string(), "id": id })).collect();
        printer.document(json!({
            "adopted": adopted, "left_out": self.found.left_out, "notes": self.found.notes,
            "missing": self.missing(), "manifest": self.job.map(|job| &job.entries), "written": is_written,
            "commands": self.commands(),
        }));
    }

    pub(super) fn text(&self, printer: &Printer) {
        let Self { found, recorded, terraform, job } = self;
        let mut text = String::new();
        if let Some(job) = job {
            let _ = writeln!(text, "{}", job.entries);
        }
        for (at, id) in *recorded {
            let _ = writeln!(text, "{at}: {id}");
        }
        // An image of a vendor exists in every region: it is listed once.
        let mut left_out: BTreeMap<(&str, &str), Vec<&LeftOut>> = BTreeMap::new();
        for left in &found.left_out {
            if !recorded.iter().any(|(at, id)| at.region == left.region && *id == left.id) {
                left_out.entry((&left.name, &left.why)).or_default().push(left);
            }
        }
        for ((name, why), left) in left_out {
            let _ = match left.as_slice() {
                [LeftOut { region, id, .. }] => writeln!(text, "left out: {id} `{name}` in {region}: {why}"),
                many => writeln!(text, "left out: `{name}` in {} regions: {why}", many.len()),
            };
        }
        for id in self.missing() {
            let _ = writeln!(text, "left out: {id}: it is not in the observed regions");
        }
        if recorded.is_empty() {
            text.push_str("Nothing to adopt.\n");
        }
        printer.text(&text);
        if found.left_out.iter().any(|left| left.owner.is_some()) {
            printer.say(
                "note: images that another state manages are left out. Restore that state (goldform state restore). If it is \
                 lost, or no longer manages them: --from-state LINEAGE",
            );
        }
        for note in &found.notes {
            printer.say(&format!("note: {}", sanitize::escape_controls(note)));
        }
        if terraform.is_some() && !recorded.is_empty() {
            printer.say(
                "note: a Terraform state has neither copies (they were found by name) nor the sources of images: they are \
                 declared as `adopted:`",
            );
            printer.say(&format!(
                "Remove them from the Terraform state:\n\n    {}\n",
                self.commands().join("\n    ")
            ));
        }
    }
}

/// Returns the shell command that removes an address from a Terraform state.
fn remove_command(address: &str) -> String {
    let is_plain = address.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'));
    match is_plain {
        true => format!("terraform state rm {address}"),
        false => format!("terraform state rm '{}'", address.replace('\'', r"'\''")),
    }
}

//! Entries that are rebuilt alike, in a line for each thing that happens: build, copy, share, keep, delete.

use super::entry::Writer;
use super::rows::Row;
use crate::diff::{Action, ImageChange, PlacementChange, Reason};
use crate::model::Region;
use crate::report::count;

/// What happens to the placements of entries that are rebuilt alike.
struct Rebuilt<'p> {
    builds: Vec<&'p Region>,
    copies: Vec<&'p Region>,
    kept: Vec<&'p PlacementChange>,
    deleted: Vec<&'p PlacementChange>,
}

impl<'p> Rebuilt<'p> {
    /// Returns `None` if something else happens too, which needs more words.
    fn of(change: &'p ImageChange) -> Option<Self> {
        let mut rebuilt =
            Self { builds: Vec::new(), copies: Vec::new(), kept: Vec::new(), deleted: Vec::new() };
        for one in &change.placements {
            let is_plain = !one.remakes_image() && !one.is_deleted_first() && one.carried().is_empty();
            let is_current = change.generation == Some(one.at.generation);
            match one.action() {
                Action::Create if is_plain && is_current => rebuilt.builds.push(&one.at.region),
                Action::Copy if is_plain && is_current => rebuilt.copies.push(&one.at.region),
                Action::Delete if is_plain && matches!(one.reason, Reason::Superseded { .. }) => {
                    rebuilt.deleted.push(one);
                }
                Action::Update if is_plain && one.reason == Reason::Kept && is_only_deprecated(one) => {
                    rebuilt.kept.push(one);
                }
                _ => return None,
            }
        }
        Some(rebuilt)
    }
}

/// Returns whether a kept placement only gets its mark.
fn is_only_deprecated(one: &PlacementChange) -> bool {
    let fields = one.fields();
    one.share().is_empty()
        && one.unshare().is_empty()
        && fields.iter().all(|field| field.field == "deprecated")
}

impl Writer<'_> {
    /// Returns the lines of entries that are rebuilt alike. `None` if something else happens to them too.
    pub(super) fn rebuilt(&self, group: &[&ImageChange], row: &Row<'_>) -> Option<String> {
        let first = group.first().filter(|first| first.action == Action::Replace)?;
        let Rebuilt { builds, copies, kept, deleted } = Rebuilt::of(first)?;
        let mut text = String::new();
        let mut line = |label: &str, what: &str| {
            text.push_str(&self.paint.wrapped(what, &format!("    {label:<8}"), "            "));
        };
        let names =
            |regions: &[&Region]| regions.iter().map(|region| region.as_str()).collect::<Vec<_>>().join(" ");
        if !builds.is_empty() {
            line("build", &names(&builds));
        }
        if !copies.is_empty() {
            line("copy", &names(&copies));
        }
        for (accounts, verb) in [(&row.lost, "lose"), (&row.gained, "get"), (&row.kept, "keep")] {
            if accounts.is_empty() {
                continue;
            }
            let list = self.names.list(accounts);
            let (number, named) = list.split_once(": ").unwrap_or((&list, ""));
            let ending = if accounts.len() == 1 { "s" } else { "" };
            line("share", &format!("{number} {verb}{ending} access: {named}"));
        }
        for (label, group_of, ending) in [("keep", &kept, ""), ("delete", &deleted, " and its snapshots")] {
            for (generation, number) in self.generations(group_of) {
                let images = number.saturating_mul(group.len());
                let of_these = match label {
                    "keep" if group_of.iter().any(|one| !one.fields().is_empty()) => ", deprecated",
                    "delete" if group_of.iter().any(|one| one.deletes_snapshots()) => ending,
                    _ => "",
                };
                line(label, &format!("{generation}{of_these} ({})", count(images, "image", "images")));
            }
        }
        Some(text)
    }

    /// Returns the names of the generations of placements, each with the number of its placements.
    fn generations(&self, placements: &[&PlacementChange]) -> Vec<(String, usize)> {
        let mut found: Vec<(String, usize)> = Vec::new();
        for one in placements {
            let name = self.generation_name(&one.at.image, one.at.generation);
            match found.iter_mut().find(|(known, _)| *known == name) {
                Some((_, number)) => *number = number.saturating_add(1),
                None => found.push((name, 1)),
            }
        }
        found
    }
}

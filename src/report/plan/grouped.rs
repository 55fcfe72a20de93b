//! Entries and regions that change alike, shown once.
//!
//! Two placements change alike if their texts are equal but for what only one image has. Two entries do if all their
//! placements do, in the same regions. Every image, region and account that changes is still named.

use compact_str::CompactString;
use std::collections::{BTreeMap, BTreeSet};

use super::PlanDetail;
use super::because;
use super::entry::{Block, Naming, Writer};
use crate::diagnostics::sanitize;
use crate::diff::{Action, ImageChange, PlacementChange, Reason};
use crate::model::Region;
use crate::report::count;

/// Number of regions up to which they are listed again.
const FEW: usize = 2;

impl Writer<'_> {
    /// Returns the entries in groups that change alike, in the order of their first entries.
    pub(super) fn groups<'p>(&self, changes: &'p [ImageChange]) -> Vec<Vec<&'p ImageChange>> {
        if self.detail == PlanDetail::Full {
            return changes.iter().map(|change| vec![change]).collect();
        }
        let mut groups: Vec<Vec<&ImageChange>> = Vec::new();
        let mut known: BTreeMap<String, usize> = BTreeMap::new();
        for change in changes {
            if change.action == Action::Unchanged {
                groups.push(vec![change]);
                continue;
            }
            let shape = format!("{}\n{}", self.shared_head(change), self.regions(change, Naming::Shared));
            let next = groups.len();
            let position = *known.entry(shape).or_insert(next);
            match groups.get_mut(position) {
                Some(group) => group.push(change),
                None => groups.push(vec![change]),
            }
        }
        groups
    }

    /// Appends entries that change alike.
    pub(super) fn several(&self, text: &mut String, changes: &[&ImageChange]) {
        let Some(first) = changes.first() else { return };
        let mark = self.mark(first.action);
        let number = self.paint.bold(&format!("{} images", changes.len()));
        let rebuilt = self.row(changes, self.view.prior).and_then(|row| {
            let lines = self.rebuilt(changes, &row)?;
            Some((count(row.regions.len(), "region", "regions"), lines))
        });
        let extent = rebuilt.as_ref().map(|(regions, _)| format!(", {regions}")).unwrap_or_default();
        let head = format!("{mark} {number}: {}{extent}", self.shared_head(first));
        text.push_str(&self.paint.wrapped(&head, "", "    "));
        let names: Vec<String> = changes.iter().map(|change| change.image.to_string()).collect();
        text.push_str(&self.paint.wrapped(&names.join(" "), "    ", "    "));
        match rebuilt {
            Some((_, lines)) => text.push_str(&lines),
            None => text.push_str(&self.regions(first, Naming::Shared)),
        }
    }

    /// Returns the revision that is replaced, and the one that the manifest asks for.
    pub(super) fn revisions(&self, change: &ImageChange) -> (Option<CompactString>, Option<CompactString>) {
        let revision = |generation| {
            let recorded = self.view.prior.images.get(&change.image)?;
            let build = recorded.generations.get(&generation)?;
            build.source.revision.clone()
        };
        let new = change.source.as_ref().and_then(|source| source.revision.clone());
        (change.supersedes.and_then(revision), new.or_else(|| change.generation.and_then(revision)))
    }

    /// Returns what happens to an entry, without what only it has.
    fn shared_head(&self, change: &ImageChange) -> String {
        let revisions = match self.revisions(change) {
            (Some(old), Some(new)) => {
                format!(" {} → {}", sanitize::escape_truncated(&old), sanitize::escape_truncated(&new))
            }
            (None, Some(new)) if change.source.is_some() => format!(" {}", sanitize::escape_truncated(&new)),
            _ => String::new(),
        };
        let what = match change.action {
            Action::Replace => format!("replace{revisions}, {}", self.order(change)),
            Action::Create | Action::Return | Action::Adopt => {
                format!("{}{revisions}", change.action.as_str())
            }
            action => action.as_str().to_owned(),
        };
        let reason = match &change.reason {
            Reason::RevisionChanged { .. } | Reason::Differs | Reason::Follows => return what,
            Reason::SourceChanged { .. } => "their sources change".to_owned(),
            reason => because(reason),
        };
        match change.action {
            Action::Update => what,
            _ => format!("{what}, because {reason}"),
        }
    }

    /// Returns the placements of an entry, those that change alike together.
    pub(super) fn regions(&self, change: &ImageChange, naming: Naming) -> String {
        let mut groups: Vec<(Block, Vec<&PlacementChange>)> = Vec::new();
        for placement in &change.placements {
            let block = self.block(change, placement, Naming::Shared);
            // Two generations in one region are two images, even where their texts are equal.
            let is_alike = |(known, group): &&mut (Block, Vec<&PlacementChange>)| {
                *known == block && group.iter().all(|one| one.at.generation == placement.at.generation)
            };
            match groups.iter_mut().find(is_alike) {
                Some((_, group)) => group.push(placement),
                None => groups.push((block, vec![placement])),
            }
        }
        let mut text = String::new();
        let mut listed: BTreeSet<&Region> = BTreeSet::new();
        for (shared, group) in groups {
            let (block, place) = match group.as_slice() {
                [one] => (self.block(change, one, naming), one.at.region.to_string()),
                several => {
                    let regions: BTreeSet<&Region> = several.iter().map(|one| &one.at.region).collect();
                    let names: Vec<&str> = regions.iter().map(|region| region.as_str()).collect();
                    let place = match regions.len() > FEW && regions == listed {
                        true => format!("all {} regions", regions.len()),
                        false => names.join(", "),
                    };
                    let first = several.first().filter(|_| naming == Naming::Full);
                    let suffix = first.map(|one| self.block(change, one, naming).suffix);
                    (Block { suffix: suffix.unwrap_or_else(|| shared.suffix.clone()), ..shared }, place)
                }
            };
            listed.extend(group.iter().map(|one| &one.at.region));
            let suffix = match (group.len(), block.suffix.trim_start()) {
                (_, "") => String::new(),
                (1, _) => block.suffix.clone(),
                // It holds for all of them, not for the last.
                (_, suffix) => format!(" ({suffix})"),
            };
            let line = format!("{place}{suffix}: {}", block.what);
            let indent = " ".repeat(6);
            text.push_str(&self.paint.wrapped(&line, &format!("    {} ", block.mark), &indent));
            text.push_str(&block.below);
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use crate::report::plan::{PlanDetail, plan_text};
    use crate::report::{AccountNames, Paint};
    use crate::testing::desired;
    use crate::testing::worlds::{applied, plan_to};

    fn manifest(snapshots: [&str; 2]) -> String {
        let entry = |key: &str, snapshot: &str| {
            format!(
                "  {key}: {{ region: ap-jakarta, copies: [ap-tokyo], keep: 1, source: {{ snapshots: [{snapshot}] }} }}\n"
            )
        };
        format!(
            "version: 1\naccount: \"100000000001\"\nimages:\n{}{}",
            entry("one", snapshots[0]),
            entry("two", snapshots[1])
        )
    }

    #[test]
    fn every_image_that_is_deleted_is_counted_in_its_regions() {
        let (first, second) =
            (manifest(["snap-00000001", "snap-00000002"]), manifest(["snap-00000003", "snap-00000004"]));
        let snapshot = applied(&[&first, &second]);
        let gone = "version: 1\naccount: \"100000000001\"\n";
        let plan = plan_to(&snapshot, gone);
        let text = |detail| {
            plan_text(&plan, &snapshot.recorded, &AccountNames::of(&desired(gone)), Paint::PLAIN, detail)
        };
        let grouped = text(PlanDetail::Grouped);
        assert_eq!(grouped.matches("- 2 images: delete").count(), 1, "{grouped}");
        // Both generations of both entries, which no revision names.
        assert_eq!(
            grouped.matches("ap-jakarta, ap-tokyo (earlier): delete with snapshots").count(),
            0,
            "{grouped}"
        );
        assert_eq!(
            grouped.matches("ap-jakarta, ap-tokyo (earlier): delete, snapshots stay").count(),
            2,
            "{grouped}"
        );
        assert_eq!(text(PlanDetail::Full).matches(": delete img-").count(), 8);
    }
}

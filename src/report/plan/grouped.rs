//! Entries and regions that change alike, shown once.
//!
//! Two placements change alike if their texts are equal but for what only one image has. Two entries do if all their
//! placements do, in the same regions. Every image, region and account that changes is still named.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use super::PlanDetail;
use super::because;
use super::entry::{Block, Naming, Writer};
use crate::diagnostics::sanitize;
use crate::diff::{Action, ImageChange, PlacementChange, Reason};
use crate::model::Region;

/// Width of lists of names.
const WIDTH: usize = 80;
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
        let _ = writeln!(text, "{mark} {number}: {}", self.shared_head(first));
        let names: Vec<String> = changes.iter().map(|change| change.image.to_string()).collect();
        text.push_str(&wrapped(&names.join(" "), "    ", "    "));
        text.push_str(&self.regions(first, Naming::Shared));
    }

    /// Returns what happens to an entry, without what only it has.
    fn shared_head(&self, change: &ImageChange) -> String {
        let revision = |generation| {
            let recorded = self.view.prior.images.get(&change.image)?;
            let build = recorded.generations.get(&generation)?;
            build.source.revision.clone()
        };
        let old = change.supersedes.and_then(revision);
        let new = change.source.as_ref().and_then(|source| source.revision.clone());
        let revisions = match (old, new) {
            (Some(old), Some(new)) => {
                format!(" {} → {}", sanitize::escape_truncated(&old), sanitize::escape_truncated(&new))
            }
            (None, Some(new)) => format!(" {}", sanitize::escape_truncated(&new)),
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
            match groups.iter_mut().find(|(known, _)| *known == block) {
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
                    let is_kept_alike =
                        several.iter().all(|one| one.at.generation == first_generation(several));
                    let full = several.first().filter(|_| is_kept_alike && naming == Naming::Full);
                    let suffix = full.map(|one| self.block(change, one, naming).suffix);
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
            text.push_str(&wrapped(&line, &format!("    {} ", block.mark), &indent));
            text.push_str(&block.below);
        }
        text
    }
}

/// Returns the generation of the first placement.
fn first_generation(placements: &[&PlacementChange]) -> crate::model::GenerationNumber {
    placements.first().map_or(crate::model::GenerationNumber(0), |one| one.at.generation)
}

/// Returns a text on lines of at most [`WIDTH`] characters. Words are not broken.
fn wrapped(text: &str, first: &str, rest: &str) -> String {
    let options = textwrap::Options::new(WIDTH)
        .initial_indent(first)
        .subsequent_indent(rest)
        .break_words(false)
        .word_separator(textwrap::WordSeparator::AsciiSpace)
        .word_splitter(textwrap::WordSplitter::NoHyphenation);
    let mut wrapped = textwrap::fill(text, options);
    wrapped.push('\n');
    wrapped
}

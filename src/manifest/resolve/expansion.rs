//! Limits on how much a manifest may grow when it is resolved: a short text can describe more than fits in memory.

use compact_str::CompactString;

use crate::diagnostics::ManifestPath;
use crate::diagnostics::catalogue::syntax::LIMIT_EXCEEDED;
use crate::manifest::desired::DesiredImage;

use super::Resolver;

/// Most bytes of texts with variables, after they are replaced. The texts of a placement have less than 1,000 characters,
/// so this is enough for 16,000 images whose texts all have variables.
pub(in crate::manifest) const MAX_TEXT: usize = 16 * 1024 * 1024;
/// Most placements. The service allows 500 images in each of about 20 regions, which are 10,000.
pub(in crate::manifest) const MAX_PLACEMENTS: usize = 50_000;
/// Most copies of one entry. The service has about 20 regions.
pub(in crate::manifest) const MAX_COPIES: usize = 1_000;
/// Most bytes of names, descriptions, families and tags of all placements, each of which has its own. 10,000 placements
/// with the longest texts that the service accepts, about 1,000 bytes each, have less.
pub(in crate::manifest) const MAX_PLACED_TEXT: usize = 16 * 1024 * 1024;
/// Overhead of a tag in addition to its text, in bytes.
const TAG_BYTES: usize = 32;
/// Most shares, which are accounts of placements. 10,000 placements with 50 accounts each, which is the service's default
/// limit, have half as many.
pub(in crate::manifest) const MAX_SHARES: usize = 1_000_000;

/// Most members of groups and sets, counted wherever one is used, and entries that shares select from.
pub(in crate::manifest) const MAX_MEMBERS: usize = 2_000_000;

/// Sizes so far.
#[derive(Debug, Default)]
pub(super) struct Expansion {
    text: usize,
    placements: usize,
    placed_text: usize,
    shares: usize,
    members: usize,
}

impl Expansion {
    /// Returns whether texts with variables are no longer read.
    pub(super) fn is_text_full(&self) -> bool {
        self.text > MAX_TEXT
    }

    /// Counts a piece of a text with variables, and returns whether it is within the limit.
    pub(super) fn has_room_for_text(&mut self, bytes: usize) -> bool {
        self.text = self.text.saturating_add(bytes);
        !self.is_text_full()
    }
}

/// Adds to a sum unless it would exceed the limit, and returns whether it was added.
fn fits(sum: &mut usize, more: usize, limit: usize) -> bool {
    let total = sum.saturating_add(more);
    if total <= limit {
        *sum = total;
    }
    total <= limit
}

impl Resolver<'_, '_> {
    /// Reports that texts with variables have become too long.
    pub(super) fn too_much_text(&mut self, path: ManifestPath) {
        self.too_much(
            "The texts of the manifest have more",
            &format!("than {MAX_TEXT} bytes after variables are replaced"),
            path,
            "the limit is reached here",
            "Use shorter values, or use them in fewer places.",
        );
    }

    /// Counts the placements of an entry. Returns false, with a diagnostic, if they are too many.
    pub(super) fn has_room_for_placements(&mut self, image: &DesiredImage, path: &ManifestPath) -> bool {
        let placements = image.placements().len();
        let tag = |(key, value): (&CompactString, &CompactString)| key.len() + value.len() + TAG_BYTES;
        let tags: usize = image.tags.iter().map(tag).sum();
        let texts = [Some(image.name.0.len()), image.description.as_ref().map(String::len)];
        let family = image.family.as_ref().map_or(0, |family| family.len());
        let text = texts.into_iter().flatten().sum::<usize>().saturating_add(family).saturating_add(tags);
        let Expansion { placements: all, placed_text, .. } = &mut self.expansion;
        if image.copies.len() > MAX_COPIES {
            let help = "Copy to fewer regions.";
            let (what, than) = ("An entry has more", format!("than {MAX_COPIES} copies"));
            self.too_much(what, &than, path.field("copies").key(), "the limit is reached here", help);
            return false;
        }
        let has_few = fits(all, placements, MAX_PLACEMENTS);
        let is_short = fits(placed_text, placements.saturating_mul(text), MAX_PLACED_TEXT);
        if !has_few {
            let than = format!("than {MAX_PLACEMENTS} placements, which are images of an entry in a region");
            let help = "Copy to fewer regions, or split the manifest into parts with a state each.";
            let path = path.clone().key();
            self.too_much("The manifest has more", &than, path, "the limit is reached here", help);
        } else if !is_short {
            let than = format!("than {MAX_PLACED_TEXT} bytes, since each placement has its own");
            let help = "Use shorter texts and fewer tags, or copy to fewer regions.";
            let what = "The names, descriptions and tags of all placements have more";
            self.too_much(what, &than, path.clone().key(), "the limit is reached here", help);
        }
        has_few && is_short
    }

    /// Counts the members of a group or set where it is used. Returns false, with a diagnostic, if they are too many.
    pub(super) fn has_room_for_members(
        &mut self,
        members: usize,
        path: impl FnOnce() -> ManifestPath,
    ) -> bool {
        let has_room = fits(&mut self.expansion.members, members, MAX_MEMBERS);
        if !has_room {
            let than = format!(
                "than {MAX_MEMBERS} members of groups, sets and selected shares, counted wherever one is used"
            );
            let help = "Use smaller groups, or use them in fewer places.";
            self.too_much("The manifest has more", &than, path(), "the limit is reached here", help);
        }
        has_room
    }

    /// Counts the accounts of an entry in its regions. Returns false, with a diagnostic, if they are too many.
    pub(super) fn has_room_for_shares(&mut self, shares: usize, path: impl FnOnce() -> ManifestPath) -> bool {
        let has_room = fits(&mut self.expansion.shares, shares, MAX_SHARES);
        if !has_room {
            let than = format!("than {MAX_SHARES} shares, each of one image in one region with one account");
            let help = "Share in fewer regions or with fewer accounts, or split the manifest into parts with a state \
                        each.";
            self.too_much("The manifest has more", &than, path(), "the limit is reached here", help);
        }
        has_room
    }

    fn too_much(&mut self, what: &str, than: &str, path: ManifestPath, label: &str, help: &str) {
        let detail = format!(
            "{what} {than}. The rest was not read, since a few lines could need more memory than there is."
        );
        let diagnostic = LIMIT_EXCEEDED.found(detail).at(path.clone(), label).help(help).about(path);
        self.report(diagnostic.because_of(what));
    }
}

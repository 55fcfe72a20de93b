//! How much a manifest may grow when it is resolved: a short text can ask for more than any memory holds.

use compact_str::CompactString;

use crate::diagnostics::ManifestPath;
use crate::diagnostics::catalogue::syntax::LIMIT_EXCEEDED;
use crate::manifest::desired::DesiredImage;

use super::Resolver;

/// The most bytes of text with variables in it, after their values are in their places. The texts of a placement hold
/// less than 1,000 characters, so this is 16,000 images that are all written with variables.
pub(in crate::manifest) const MAX_TEXT: usize = 16 * 1024 * 1024;
/// The most placements. The service has room for 500 images in each of some 20 regions, which is 10,000.
pub(in crate::manifest) const MAX_PLACEMENTS: usize = 50_000;
/// The most copies of one entry. The service has some 20 regions.
pub(in crate::manifest) const MAX_COPIES: usize = 1_000;
/// The most bytes of names, descriptions, families and tags of all placements: every placement has its own. 10,000
/// placements that use all the service takes, some 1,000 bytes, are less.
pub(in crate::manifest) const MAX_PLACED_TEXT: usize = 16 * 1024 * 1024;
/// What a tag costs beside its text.
const TAG_BYTES: usize = 32;
/// The most accounts that see placements, each counted in each placement. 10,000 placements with 50 accounts each, as
/// many as the service allows by default, are half of that.
pub(in crate::manifest) const MAX_SHARES: usize = 1_000_000;

/// What was written out so far.
#[derive(Debug, Default)]
pub(super) struct Expansion {
    text: usize,
    placements: usize,
    placed_text: usize,
    shares: usize,
}

impl Expansion {
    /// Whether no text with a variable is read any more.
    pub(super) fn is_text_full(&self) -> bool {
        self.text > MAX_TEXT
    }

    /// Counts a piece of a text with variables; returns whether there is room for it.
    pub(super) fn has_room_for_text(&mut self, bytes: usize) -> bool {
        self.text = self.text.saturating_add(bytes);
        !self.is_text_full()
    }
}

/// Adds to a sum; returns whether it is within the limit then. What does not fit stays out of the sum.
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
            "the texts of the manifest have more",
            &format!("than {MAX_TEXT} bytes when the values of variables are in their places"),
            path,
            "while this was written out",
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
            let (what, than) = ("an entry asks for more", format!("than {MAX_COPIES} copies"));
            self.too_much(what, &than, path.field("copies").key(), "beyond that number", help);
            return false;
        }
        let has_few = fits(all, placements, MAX_PLACEMENTS);
        let is_short = fits(placed_text, placements.saturating_mul(text), MAX_PLACED_TEXT);
        if !has_few {
            let than = format!("than {MAX_PLACEMENTS} placements: images of an entry in a region");
            let help = "Copy to fewer regions, or split the manifest: each part needs a state of its own.";
            let path = path.clone().key();
            self.too_much("the manifest asks for more", &than, path, "beyond that number", help);
        } else if !is_short {
            let than = format!("than {MAX_PLACED_TEXT} bytes, since each placement has its own");
            let help = "Use shorter texts and fewer tags, or copy to fewer regions.";
            let what = "the names, descriptions and tags of all placements have more";
            self.too_much(what, &than, path.clone().key(), "beyond that size", help);
        }
        has_few && is_short
    }

    /// Counts the accounts of an entry in its regions. Returns false, with a diagnostic, if they are too many.
    pub(super) fn has_room_for_shares(&mut self, shares: usize, path: impl FnOnce() -> ManifestPath) -> bool {
        let has_room = fits(&mut self.expansion.shares, shares, MAX_SHARES);
        if !has_room {
            let than = format!("than {MAX_SHARES} shares: one account that sees one image in one region");
            let help = "Share in fewer regions or with fewer accounts, or split the manifest: each part needs a state \
                        of its own.";
            self.too_much("the manifest asks for more", &than, path(), "beyond that number", help);
        }
        has_room
    }

    fn too_much(&mut self, what: &str, than: &str, path: ManifestPath, label: &str, help: &str) {
        let detail = format!(
            "Written out, {what} {than}. What exceeds that was not read: a few lines could otherwise ask for more than \
             any machine holds."
        );
        let diagnostic = LIMIT_EXCEEDED.found(detail).at(path.clone(), label).help(help).about(path);
        self.report(diagnostic.because_of(what));
    }
}

//! GF303: image to be taken over is not there.

use crate::constraints::rule::{Case, Finding, Findings, Rule, RuleSource};
use crate::diagnostics::ManifestPath;
use crate::diff::Action;
use crate::manifest::Level;

/// GF303.
pub(super) static RULE: Rule = Rule {
    id: "GF303",
    name: "adopted_image_missing",
    title: "Image to be taken over is not there",
    level: Level::Deny,
    docs: "\
### What it checks
An image that an entry takes over (`adopted:`) is a custom image of the account, in the entry's region, when that
region was last read.

### Why
Nothing can be taken over that is not there, and copies of it could not be made.

### Example
    source: { adopted: img-0a1b2c3d }  # deleted, or in another region

### What to do
Correct the id or the region; the console and the service's command line list what is there.
",
    sources: &[
        RuleSource::Document("213/15715 DescribeImages", "an image is in one region"),
        RuleSource::ErrorCode("InvalidImageId.NotFound"),
    ],
    check,
};

fn check(case: &Case<'_>, findings: &mut Findings) {
    let Some(view) = case.plan else { return };
    for change in view.plan.changes.iter().flat_map(|image| &image.placements) {
        let is_unseen = change.action == Action::Adopt && change.before.is_none();
        // A region that was never read says nothing.
        let (true, true, Some(id)) =
            (is_unseen, case.prior.regions.contains_key(&change.at.region), &change.id)
        else {
            continue;
        };
        let path = ManifestPath::root().field("images").field(change.at.image.as_str()).field("source");
        findings.push(
            Finding::about(
                &change.at,
                format!("{id} is not a custom image of the account in {}.", change.at.region),
            )
            .at(path.field("adopted"), "not there")
            .help("Correct the id or the region."),
        );
    }
}

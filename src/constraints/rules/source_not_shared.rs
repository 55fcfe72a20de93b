//! GF306: source of a copy is not a shared image.

use crate::constraints::rule::{Case, Code, Finding, Findings, Rule, RuleSource};
use crate::diagnostics::ManifestPath;
use crate::manifest::DesiredImage;
use crate::model::{Address, ImageId, ImageKind, Level, SourceKind};

/// GF306.
pub(super) static RULE: Rule = Rule {
    code: Code {
    id: "GF306",
    name: "source_not_shared",
    title: "Source of a copy is not a shared image",
    level: Level::Deny,
    docs: "\
### What it checks
`source.shared` names an image that another account shares. Public images and images of this account are reported if
they were read.

### Why
The service does not copy public images. It copies an image of this account within a region only to encrypt it.

### Example
    source: { shared: { id: \"${lookup.ubuntu}\" } }   # the lookup matches a public image

### What to do
Build the image from an instance that runs the public image. Copy your own image with `copies:`, or adopt it with
`adopted:`.
",
    },
    sources: &[
        RuleSource::Document("213/15711 SyncImages", "custom and shared images only"),
        RuleSource::ErrorCode("InvalidParameterValue.InvalidImageId"),
        RuleSource::ErrorCode("InvalidParameterValue.InvalidRegion"),
    ],
    check,
};

fn check(case: &Case<'_>, findings: &mut Findings) {
    for (key, image) in &case.desired.images {
        let Some(SourceKind::Shared { id, .. }) = image.source.as_ref().map(|source| &source.kind) else {
            continue;
        };
        let Some(what) = what_it_is(case, image, id) else { continue };
        let path = ManifestPath::root().field("images").field(key.as_str()).field("source").field("shared");
        findings.push(
            Finding::about(
                Address::Image(key.clone()),
                format!("image.{key} is a copy of {id}, which is {what} and not an image that another account shares."),
            )
            .at(path.field("id"), what)
            .soft(!case.builds(key)),
        );
    }
}

/// Returns what the image is, if it is known not to be a shared one.
fn what_it_is(case: &Case<'_>, image: &DesiredImage, id: &ImageId) -> Option<&'static str> {
    if let Some(name) = image.lookup.as_ref().map(|lookup| &lookup.name) {
        let lookup = case.desired.lookups.get(name)?;
        return match case.prior.lookups.get(name)?.answer(lookup)?.kind {
            ImageKind::Public => Some("a public image"),
            ImageKind::Custom => Some("an image of this account"),
            ImageKind::Other => Some("an image of the market"),
            ImageKind::Shared => None,
        };
    }
    let region = &image.region;
    let is_managed =
        case.prior.placements().any(|(at, placement)| at.region == *region && placement.id == *id);
    let is_unmanaged =
        case.prior.regions.get(region).is_some_and(|recorded| recorded.unmanaged.contains_key(id));
    (is_managed || is_unmanaged).then_some("an image of this account")
}

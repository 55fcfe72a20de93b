//! GF502: image is shared in a region without it.

use crate::constraints::rule::{Case, Code, Finding, Findings, Rule, RuleSource};
use crate::diagnostics::ManifestPath;
use crate::manifest::FaultKind;
use crate::model::{Address, Level};

/// GF502.
pub(super) static RULE: Rule = Rule {
    code: Code {
        id: "GF502",
        name: "share_outside_image_region",
        title: "Image is shared in a region without it",
        level: Level::Deny,
        docs: "\
### What it checks
Every region of a share is a region of its image: the image's own, or that of a copy.

### Why
The service shares an image in its own region only. To share it elsewhere, copy it there first.

### Example
    images: { web: { region: ap-jakarta, source: … } }
    shares: [ { image: web, with: [partner], regions: [ap-tokyo] } ]

### What to do
Add the region to the image's `copies`, or remove it from the share.
",
    },
    sources: &[
        RuleSource::Document("213/4944", "sharing images: in the same region only"),
        RuleSource::Document("213/15710 ModifyImageSharePermission", "the region of the call is the image's"),
        RuleSource::ErrorCode("InvalidImageId.NotFound"),
    ],
    check,
};

fn check(case: &Case<'_>, findings: &mut Findings) {
    for fault in &case.desired.faults {
        let FaultKind::ShareOutsideImage { region } = &fault.kind else { continue };
        let Some(key) = &fault.image else { continue };
        let entry = ManifestPath::root().field("images").field(key.as_str());
        findings.push(
            Finding::about(
                Address::InRegion(key.clone(), region.clone()),
                format!("image.{key} is shared in {region} but is not built or copied there."),
            )
            .at(fault.path.clone(), "shared here")
            .at(entry.key(), format!("this image is not in {region}"))
            .help(format!("Copy it there:\n\n    copies: [{region}]"))
            .folded(fault, "shared here"),
        );
    }
}

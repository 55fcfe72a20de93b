//! GF404: image cannot be copied to a region.

use crate::constraints::rule::{Case, Code, Finding, Findings, Rule, RuleSource};
use crate::diagnostics::ManifestPath;
use crate::manifest::{DesiredImage, FaultKind};
use crate::model::{Address, Level, Operation, Region, Source};

/// GF404.
pub(super) static RULE: Rule = Rule {
    code: Code {
    id: "GF404",
    name: "copy_target_invalid",
    title: "Image cannot be copied to a region",
    level: Level::Deny,
    docs: "\
### What it checks
The target of a copy is another region than the image's own, supports copies, and is on the same side of the border of
the Chinese mainland. Whole-machine images and encrypted images have no copies.

### Why
The service refuses such a copy. Copies across the border of the mainland need a support ticket. Hong Kong is outside
the mainland.

### Example
    region: ap-jakarta
    copies: [ap-jakarta]               # its own region

### What to do
Remove the region from `copies`. On the other side of the border, build a second entry.
",
    },
    sources: &[
        RuleSource::Document("213/15711 SyncImages", "destination regions"),
        RuleSource::Document("213/4943", "copying images"),
        RuleSource::ErrorCode("InvalidParameterValue.InvalidRegion"),
        RuleSource::ErrorCode("UnsupportedOperation.Region"),
        RuleSource::ErrorCode("InvalidRegion.Unavailable"),
        RuleSource::ErrorCode("InvalidParameter.InstanceImageNotSupport"),
        RuleSource::ErrorCode("UnsupportedOperation.EncryptedImagesNotSupported"),
    ],
    check,
};

fn check(case: &Case<'_>, findings: &mut Findings) {
    for (key, image) in &case.desired.images {
        let entry = ManifestPath::root().field("images").field(key.as_str());
        let copies = entry.field("copies");
        for (position, copy) in image.listed_copies() {
            if let Some(wrong) = wrong_with(case, image, copy) {
                findings.push(
                    Finding::about(
                        Address::InRegion(key.clone(), copy.clone()),
                        format!("image.{key} cannot be copied to {copy}: {wrong}."),
                    )
                    .at(copies.index(position), "cannot be copied here")
                    .at(entry.field("region"), "the image's own region")
                    .help("Remove the region from `copies`."),
                );
            }
        }
    }
    judge_moves(case, findings);
    for fault in &case.desired.faults {
        if let FaultKind::DuplicateCopy { region, first } = &fault.kind {
            let subject = fault.image.as_ref().map(|key| format!("image.{key}")).unwrap_or_default();
            findings.push(
                Finding::about(&subject, format!("{subject} lists {region} twice in `copies`."))
                    .at(fault.path.clone(), "listed again")
                    .at(first.clone(), "first listed here")
                    .help("Remove one of them.")
                    .folded(fault, "listed again"),
            );
        }
    }
}

/// Checks copies that the plan makes from the image's former region, after the entry's `region:` changed.
fn judge_moves(case: &Case<'_>, findings: &mut Findings) {
    let Some(view) = case.plan else { return };
    for (_, step) in view.plan.graph.steps() {
        let Operation::Copy { at, from, .. } = &step.operation else { continue };
        let Some(image) = case.desired.images.get(&at.image).filter(|image| image.region != *from) else {
            continue;
        };
        let moved = DesiredImage { region: from.clone(), ..image.clone() };
        if let Some(wrong) = wrong_with(case, &moved, &at.region) {
            findings.push(
                Finding::about(
                    Address::InRegion(at.image.clone(), at.region.clone()),
                    format!(
                        "image.{} is in {from} and cannot be copied to {}: {wrong}.",
                        at.image, at.region
                    ),
                )
                .at(case.desired.path_of(&Address::Placement(at.clone())), "cannot be copied here")
                .help("Build it there as another entry, or set another `revision` to request a new build."),
            );
        }
    }
}

/// Returns why an image cannot be copied to a region. Unknown regions are reported by `region_unknown`.
fn wrong_with(case: &Case<'_>, image: &DesiredImage, copy: &Region) -> Option<&'static str> {
    if *copy == image.region {
        return Some("it is the image's own region");
    }
    if image.source.as_ref().is_some_and(Source::is_whole_machine) {
        return Some("a whole-machine image (one with data disks) cannot be copied to another region");
    }
    if image.source.as_ref().is_some_and(Source::is_encrypted) {
        return Some("an encrypted image cannot be copied");
    }
    let (from, to) = (case.desired.regions.get(&image.region)?, case.desired.regions.get(copy)?);
    if !to.copy_target {
        return Some("the region does not support copies");
    }
    (from.mainland != to.mainland).then_some(
        "images are not copied across the border of the Chinese mainland (Hong Kong is outside) unless the provider \
         enables it for the account",
    )
}

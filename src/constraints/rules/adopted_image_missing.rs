//! GF303: adopted image does not exist, or is already managed.

use std::collections::{BTreeMap, BTreeSet};

use crate::constraints::rule::{Case, Code, Finding, Findings, Rule, RuleSource};
use crate::diagnostics::ManifestPath;
use crate::diff::Work;
use crate::model::{ImageId, Level, Operation, PlacementKey, Source, SourceKind};
use crate::plan::PlanView;
use crate::state::Edit;

/// GF303.
pub(super) static RULE: Rule = Rule {
    code: Code {
    id: "GF303",
    name: "adopted_image_missing",
    title: "Image cannot be adopted",
    level: Level::Deny,
    docs: "\
### What it checks
An image that an entry adopts (`adopted:`) was a custom image of the account in the entry's region when that region was
last read. Neither this state nor another one manages it: images of another state have its lineage in their ownership
tag. With `ownership_tag: false`, adopting an image is a warning.

### Why
A missing image cannot be adopted or copied. If two states manage one image, each undoes the shares of the other, and
either may delete it.

### Example
    source: { adopted: img-0a1b2c3d }  # deleted, or in another region

### What to do
Correct the id or the region. `goldform images` lists existing images. Leave an image to the state that manages it. If
that state is lost, adopt the image with `goldform import image.KEY ID --from-state LINEAGE`.
",
    },
    sources: &[
        RuleSource::Document("213/15715 DescribeImages", "an image is in one region"),
        RuleSource::ErrorCode("InvalidImageId.NotFound"),
    ],
    check,
};

fn check(case: &Case<'_>, findings: &mut Findings) {
    let Some(view) = case.plan else { return };
    check_failed(case, view, findings);
    // An observed image is adopted by an edit of the state. One that was not observed appears among the changes only.
    let mut adopted: BTreeMap<&PlacementKey, &ImageId> = BTreeMap::new();
    for change in view.plan.changes.iter().flat_map(|image| &image.placements) {
        if let Work::Adopt { id, .. } = &change.work {
            adopted.insert(&change.at, id);
        }
    }
    let mut seen = BTreeSet::new();
    for edit in &view.plan.edits {
        if let Edit::Adopt { at, image, .. } = edit {
            adopted.insert(at, &image.id);
            seen.insert(at);
        }
    }
    for (at, id) in adopted {
        let path = path(case, at);
        // Nothing is known about a region that was never read.
        if !seen.contains(at) && case.prior.regions.contains_key(&at.region) {
            let finding = match case.prior.placement_with_id(&at.region, id) {
                Some(managed) => Finding::about(at, format!("{id} is already managed as {managed}."))
                    .at(path, "already managed")
                    .help(match managed.image == at.image {
                        true => format!(
                            "Name the image of this build in {0}, or remove {0} from `adopted` and add it to `copies`.",
                            at.region
                        ),
                        false => "Name an image that no entry manages, or remove one of the two entries.".to_owned(),
                    }),
                None => {
                    let region = &at.region;
                    Finding::about(at, format!("{id} is not a custom image of the account in {region}."))
                        .at(path, "does not exist here")
                        .help("List existing images:\n\n    goldform images")
                }
            };
            findings.push(finding);
            continue;
        }
        let Some(key) = &case.desired.cloud.ownership_tag else {
            findings.push(
                Finding::about(
                    at,
                    format!(
                        "{id} is adopted without an ownership tag. If another state manages it too, neither detects \
                         the other, and each may delete the image."
                    ),
                )
                .at(path, "not claimed")
                .help("Remove `ownership_tag: false`, so that each image carries the lineage of its state.")
                .soft(true),
            );
            continue;
        };
        let adoptable = case.prior.adoptable(&at.region, id);
        let Some(owner) = adoptable.and_then(|image| image.tags.get(key)) else { continue };
        if view.plan.base.as_ref().is_some_and(|base| *owner == base.lineage.0) {
            continue;
        }
        findings.push(
            Finding::about(at, format!("The ownership tag of {id} names another state: {owner}."))
                .at(path, "managed by another state")
                .help(format!(
                    "Leave it to that state. If that state is lost or no longer manages it:\n\n    goldform import \
                     image.{} {id} --from-state {owner}",
                    at.image
                )),
        );
    }
}

/// The place of an adopted image's id.
fn path(case: &Case<'_>, at: &PlacementKey) -> ManifestPath {
    let path = ManifestPath::root().field("images").field(at.image.as_str()).field("source").field("adopted");
    let image = case.desired.images.get(&at.image);
    match image.is_some_and(|image| !image.adopted_elsewhere.is_empty()) {
        true => path.field(at.region.as_str()),
        false => path,
    }
}

/// Finds adopted images that failed: goldform cannot create them again.
fn check_failed(case: &Case<'_>, view: &PlanView<'_>, findings: &mut Findings) {
    for (_, step) in view.plan.graph.steps() {
        let Operation::Create { at, source: Source { kind: SourceKind::Adopted(id), .. }, .. } =
            &step.operation
        else {
            continue;
        };
        let wanted = case.desired.images.get(&at.image);
        let id = wanted.and_then(|image| image.adopted_in(&at.region)).unwrap_or(id);
        findings.push(
            Finding::about(
                at,
                format!("{id} has failed, and goldform cannot create an adopted image again."),
            )
            .at(path(case, at), "not usable")
            .help("Name another image:\n\n    source: { adopted: <id> }"),
        );
    }
}

#[cfg(test)]
mod tests {
    use crate::constraints::{Levels, judge};
    use crate::model::{ImageState, SourceKind};
    use crate::state::Snapshot;
    use crate::testing::desired;
    use crate::testing::worlds::{applied, generation, key, noon, placement, plan_to};

    fn entry(source: &str) -> String {
        format!(
            "version: 1\naccount: \"100000000001\"\nimages:\n  web: {{ region: ap-jakarta, source: {{ {source} }} }}\n"
        )
    }

    #[test]
    fn an_adopted_image_that_failed_is_not_created_again() {
        let mut snapshot = applied(&[&entry("snapshots: [snap-2f3a1c2d]")]);
        let id = placement(&mut snapshot, "image.web@ap-jakarta#1").id.clone();
        let adopts = entry(&format!("adopted: {id}"));
        let image = snapshot.recorded.images.get_mut(&key("web")).unwrap();
        image.generations.get_mut(&generation(1)).unwrap().source.kind = SourceKind::Adopted(id);
        let found = |snapshot: &Snapshot| {
            let wanted = desired(&adopts);
            let (levels, _) = Levels::new(&wanted.levels, &[]);
            let plan = plan_to(snapshot, &adopts);
            let judged = judge(&wanted, &snapshot.recorded, Some(&plan), &levels, noon());
            judged.diagnostics.into_iter().filter(|one| one.code.id == "GF303").count()
        };
        assert_eq!(found(&snapshot), 0);
        placement(&mut snapshot, "image.web@ap-jakarta#1").state = ImageState::CreateFailed;
        assert_eq!(found(&snapshot), 1);
    }
}

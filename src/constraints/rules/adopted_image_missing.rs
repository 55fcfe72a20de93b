//! GF303: image to be taken over is not there, or is managed already.

use std::collections::{BTreeMap, BTreeSet};

use crate::constraints::rule::{Case, Code, Finding, Findings, Rule, RuleSource};
use crate::diagnostics::ManifestPath;
use crate::diff::Action;
use crate::model::{ImageId, Level, Operation, PlacementKey, Source, SourceKind};
use crate::plan::PlanView;
use crate::state::Edit;

/// GF303.
pub(super) static RULE: Rule = Rule {
    code: Code {
    id: "GF303",
    name: "adopted_image_missing",
    title: "Image cannot be taken over",
    level: Level::Deny,
    docs: "\
### What it checks
An image that an entry takes over (`adopted:`) is a custom image of the account, in the entry's region, when that
region was last read, and neither this state nor another one manages it: another state's images carry its lineage in
their ownership tag. With `ownership_tag: false`, taking over an image is a warning.

### Why
An image that is not there cannot be taken over or copied. Two states that manage one image share and unshare it against
each other, and either one deletes it from the other.

### Example
    source: { adopted: img-0a1b2c3d }  # deleted, or in another region

### What to do
Correct the id or the region; `goldform images` lists what is there. Leave an image to the state that manages it, or, if
that state is lost, take it over with `goldform import image.KEY ID --from-state LINEAGE`.
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
    check_failed(view, findings);
    // What was seen is taken over by an edit of the record; what was not only shows among the changes.
    let mut adopted: BTreeMap<&PlacementKey, &ImageId> = BTreeMap::new();
    for change in view.plan.changes.iter().flat_map(|image| &image.placements) {
        if let (Action::Adopt, Some(id)) = (change.action, &change.id) {
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
        let path = ManifestPath::root().field("images").field(at.image.as_str()).field("source");
        let path = path.field("adopted");
        // A region that was never read says nothing.
        if !seen.contains(at) && case.prior.regions.contains_key(&at.region) {
            let finding = match case.prior.placement_with_id(&at.region, id) {
                Some(managed) => Finding::about(at, format!("{id} is managed already, as {managed}."))
                    .at(path, "managed already")
                    .help("Name an image that no entry manages, or remove one of the two entries."),
                None => {
                    let region = &at.region;
                    Finding::about(at, format!("{id} is not a custom image of the account in {region}."))
                        .at(path, "not there")
                        .help("See what is there:\n\n    goldform images")
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
                        "{id} is taken over without an ownership tag: if another state manages it too, neither can \
                         see the other, and each may delete the image."
                    ),
                )
                .at(path, "not claimed")
                .help("Remove `ownership_tag: false`, so that images carry the state that manages them.")
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
            Finding::about(at, format!("{id} is managed by the state {owner}, as its ownership tag says."))
                .at(path, "another state's")
                .help(format!(
                    "Leave it to that state. If that state is lost or no longer manages it:\n\n    goldform import \
                     image.{} {id} --from-state {owner}",
                    at.image
                )),
        );
    }
}

/// An image that was taken over and failed cannot be made again.
fn check_failed(view: &PlanView<'_>, findings: &mut Findings) {
    for (_, step) in view.plan.graph.steps() {
        let Operation::Create { at, source: Source { kind: SourceKind::Adopted(id), .. }, .. } =
            &step.operation
        else {
            continue;
        };
        let path = ManifestPath::root().field("images").field(at.image.as_str()).field("source");
        findings.push(
            Finding::about(
                at,
                format!("{id} has failed, and an image that was taken over cannot be made again."),
            )
            .at(path.field("adopted"), "not usable")
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
    fn an_image_that_was_taken_over_and_failed_is_not_made_again() {
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

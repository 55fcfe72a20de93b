//! GF707: an entry is deleted, and another with its source appears.

use crate::constraints::rule::{Case, Code, Finding, Findings, Rule, RuleSource};
use crate::diagnostics::ManifestPath;
use crate::diff::Reason;
use crate::manifest::DesiredImage;
use crate::model::{Address, ImageKey, Level, PlacementKey};
use crate::plan::PlanView;
use crate::state::RecordedImage;

/// GF707.
pub(super) static RULE: Rule = Rule {
    code: Code {
    id: "GF707",
    name: "entry_renamed",
    title: "Entry seems to be renamed",
    level: Level::Deny,
    docs: "\
### What it checks
The plan does not delete an entry while it builds a new one from the same source with the same revision. A new entry with
only the same name or family is a warning.

### Why
goldform knows entries by their keys. Another key is another entry: every image is deleted and built again under a new
id, and every account loses the old one. The service itself would accept it.

### Example
    images: { web-base: { … } }        # it was `web`, and its source is unchanged

### What to do
Declare the rename, so that nothing is rebuilt:

    renames: [{ from: image.web, to: image.web-base }]

If it is another image, allow it for this run with `--allow entry_renamed`.
",
    },
    sources: &[RuleSource::Promise("a renamed entry is not rebuilt by accident")],
    check,
};

fn check(case: &Case<'_>, findings: &mut Findings) {
    let Some(view) = case.plan else { return };
    let is_new = |key: &ImageKey| !case.prior.images.contains_key(key);
    for (from, recorded) in &case.prior.images {
        if case.desired.images.contains_key(from) || !is_removed(view, from, recorded) {
            continue;
        }
        let candidates = case.desired.images.iter().filter(|(key, _)| is_new(key));
        let best =
            candidates.filter_map(|(key, image)| Some((likeness(recorded, image)?, key))).max_by(|a, b| {
                // Of equally similar ones, the first by key.
                a.0.cmp(&b.0).then(b.1.cmp(a.1))
            });
        let Some((likeness, key)) = best else { continue };
        let to = key;
        let what = match likeness {
            Likeness::Source => "the same source",
            Likeness::Name => "the same name",
        };
        findings.push(
            Finding::about(
                Address::Image(from.clone()),
                format!(
                    "image.{from} is deleted, and the new image.{to} has {what}: it seems to be renamed."
                ),
            )
            .at(ManifestPath::image(to), "the new entry")
            .help(format!(
                "Declare the rename, so that nothing is rebuilt:\n\n    renames: [{{ from: image.{from}, to: \
                 image.{to} }}]"
            ))
            .soft(likeness == Likeness::Name),
        );
    }
}

/// Returns whether the plan deletes an image of the current generation because its entry was removed.
fn is_removed(view: &PlanView<'_>, key: &ImageKey, recorded: &RecordedImage) -> bool {
    let build = recorded.generations.get(&recorded.current);
    build.into_iter().flat_map(|build| build.placements.keys()).any(|region| {
        let at = PlacementKey { image: key.clone(), generation: recorded.current, region: region.clone() };
        view.is_deleted(&at) && view.steps_at(&at).any(|(_, step)| step.reason == Reason::EntryRemoved)
    })
}

/// How a new entry resembles a removed one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Likeness {
    /// Its name in the service, or its family.
    Name,
    /// Its source, with the revision.
    Source,
}

fn likeness(recorded: &RecordedImage, image: &DesiredImage) -> Option<Likeness> {
    let build = recorded.generations.get(&recorded.current)?;
    if image.source.as_ref() == Some(&build.source) && image.region == recorded.origin {
        return Some(Likeness::Source);
    }
    let revision = build.source.revision_or_id().unwrap_or_default();
    let is_like = build.placements.values().any(|placement| {
        let family = image.family.as_ref().filter(|family| !family.is_empty());
        image.name.of(recorded.current, &revision) == placement.name
            || family.is_some_and(|family| *family == placement.family)
    });
    is_like.then_some(Likeness::Name)
}

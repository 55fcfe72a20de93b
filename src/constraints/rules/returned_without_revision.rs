//! GF904: earlier generation becomes current again, and no revision distinguishes builds.

use crate::constraints::rule::{Case, Code, Finding, Findings, Rule, RuleSource};
use crate::diagnostics::ManifestPath;
use crate::model::{Address, Level, SourceKind};
use crate::state::Edit;

/// GF904.
pub(super) static RULE: Rule = Rule {
    code: Code {
    id: "GF904",
    name: "returned_without_revision",
    title: "Earlier generation becomes current again without a revision",
    level: Level::Warn,
    docs: "\
### What it checks
A source without a `revision` is not the source of an earlier generation.

### Why
The earlier image is used again and nothing is built. The instance, snapshot or file may have changed since, and without
a revision the manifest does not say which content is intended. The service itself would accept it.

### Example
    source: { instance: { id: ins-8f3a1c2d } }     # as in the first commit, after two others

### What to do
Identify the build with a revision:

    source: { instance: { id: ins-8f3a1c2d }, revision: \"2026-11-28\" }

If you want a new build, request it:

    goldform apply --replace image.web
",
    },
    sources: &[
        RuleSource::Promise("a reverted commit builds nothing"),
        RuleSource::Document("213/15711 CreateImage", "an image has the content of the instance at that moment"),
    ],
    check,
};

fn check(case: &Case<'_>, findings: &mut Findings) {
    let Some(view) = case.plan else { return };
    for edit in &view.plan.edits {
        let Edit::Return { image, generation } = edit else { continue };
        // A pin says which generation is meant.
        let entry = case.desired.images.get(image);
        let entry = entry.filter(|entry| case.prior.pin(image, entry.pin.as_ref()).is_none());
        let Some(source) = entry.and_then(|entry| entry.source.as_ref()) else { continue };
        // An id names one image, and an encrypted copy follows its image.
        let is_exact = matches!(source.kind, SourceKind::Adopted(_) | SourceKind::Encrypted { .. });
        if is_exact || source.revision.is_some() {
            continue;
        }
        let entry = ManifestPath::root().field("images").field(image.as_str());
        findings.push(
            Finding::about(
                Address::Image(image.clone()),
                format!(
                    "image.{image} returns to generation {generation}: it has the source of that generation again, \
                     without a `revision`."
                ),
            )
            .at(entry.field("source"), "names no revision")
            .help(format!(
                "If you want a new build, set a revision or request it:\n\n    revision: <text>\n\n    goldform apply \
                 --replace image.{image}"
            )),
        );
    }
}

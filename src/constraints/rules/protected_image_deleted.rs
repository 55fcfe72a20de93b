//! GF701: protected image would be deleted.

use crate::constraints::rule::{Case, Code, Finding, Findings, Rule, RuleSource};
use crate::diagnostics::ManifestPath;
use crate::model::Level;

/// GF701.
pub(super) static RULE: Rule = Rule {
    code: Code {
    id: "GF701",
    name: "protected_image_deleted",
    title: "Protected image would be deleted",
    level: Level::Deny,
    docs: "\
### What it checks
The placement of a protected entry that serves a region is deleted only after its successor in that region is ready.
Delete-first is refused. `protect: true` protects an entry. The protection is recorded, so it remains if the entry is
removed from the manifest.

### Why
Protection is for images that must not be lost by removing an entry from the manifest. The service itself would accept it.

### Example
    # `web` was applied with protect: true, then its entry was removed

### What to do
If the deletion is intended, apply the entry with `protect: false` first.
",
    },
    sources: &[
        RuleSource::Promise("protection belongs to the entry and is recorded in the state"),
    ],
    check,
};

fn check(case: &Case<'_>, findings: &mut Findings) {
    let Some(view) = case.plan else { return };
    for (delete, step) in view.deletes() {
        let at = step.at();
        let recorded = case.prior.images.get(&at.image);
        let desired = case.desired.images.get(&at.image);
        let is_protected =
            recorded.is_some_and(|image| image.protect) || desired.is_some_and(|image| image.protect);
        let is_current = recorded.is_some_and(|image| image.current == at.generation);
        let is_failed = case.prior.placement(at).is_none_or(|placement| placement.state.is_failed());
        let is_guarded = match case.prior.serving(&at.image, &at.region) {
            Some((generation, _)) => generation == at.generation,
            None => is_current && !is_failed,
        };
        if !is_protected || !is_guarded || view.has_successor_before(at, delete) {
            continue;
        }
        let is_wanted = desired.is_some_and(|image| image.placements().contains(&at.region));
        let why = if is_wanted { "before its successor is ready" } else { "without a successor" };
        findings.push(
            Finding::about(at, format!("{at} is protected, serves its region, and would be deleted {why}."))
                .at(ManifestPath::image(&at.image), "protected")
                .help("If the deletion is intended, apply the entry with this first:\n\n    protect: false"),
        );
    }
}

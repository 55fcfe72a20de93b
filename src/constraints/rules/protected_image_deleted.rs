//! GF701: protected image would be deleted.

use crate::constraints::rule::{Case, Finding, Findings, Rule, RuleSource};
use crate::diagnostics::ManifestPath;
use crate::diff::Action;
use crate::manifest::Level;

/// GF701.
pub(super) static RULE: Rule = Rule {
    id: "GF701",
    name: "protected_image_deleted",
    title: "Protected image would be deleted",
    level: Level::Deny,
    docs: "\
### What it checks
A placement of the current generation of a protected entry is not deleted unless its successor is in place first.
An entry is protected by `protect: true`, and stays so while it is recorded as such, even when it is gone from the
manifest.

### Why
Protection is for images whose loss would hurt; taking the entry out of the manifest must not be enough to lose
them. The service itself would let it pass.

### Example
    # `web` was applied with protect: true, and its entry was removed

### What to do
Where it is meant, apply the entry with `protect: false` first.
",
    sources: &[
        RuleSource::Promise("protection guards the entry, and is recorded in state"),
    ],
    check,
};

fn check(case: &Case<'_>, findings: &mut Findings) {
    let Some(view) = case.plan else { return };
    for change in &view.plan.changes {
        let Some(recorded) = case.prior.images.get(&change.image) else { continue };
        let desired = case.desired.images.get(&change.image);
        if !recorded.protect && !desired.is_some_and(|image| image.protect) {
            continue;
        }
        for placement in &change.placements {
            let at = &placement.at;
            if placement.action != Action::Delete || at.generation != recorded.current {
                continue;
            }
            let successor = change.generation.filter(|generation| *generation != at.generation);
            let is_followed = successor.is_some()
                && !change.delete_first
                && desired.is_some_and(|image| image.placements().contains(&at.region));
            if is_followed {
                continue;
            }
            let why =
                if change.delete_first { "before its successor is there" } else { "without a successor" };
            findings.push(
                Finding::about(at, format!("{at} is protected and would be deleted {why}."))
                    .at(ManifestPath::image(&change.image), "protected")
                    .help("Where it is meant, apply the entry with this first:\n\n    protect: false"),
            );
        }
    }
}

//! GF705: shared image under a fixed name is replaced.

use crate::constraints::rule::{Case, Finding, Findings, Rule, RuleSource};
use crate::diagnostics::ManifestPath;
use crate::diff::Action;
use crate::manifest::Level;
use crate::model::Address;

/// GF705.
pub(super) static RULE: Rule = Rule {
    id: "GF705",
    name: "fixed_name_replaced",
    title: "Shared image under a fixed name is replaced",
    level: Level::Warn,
    docs: "\
### What it checks
A shared image whose name does not hold `{generation}` is replaced by a new generation.

### Why
The new image is made under an interim name and takes the fixed one at the end: for a while its accounts see an
image with another name than the one they may select by. The service itself would let it pass.

### Example
    name: web                          # shared, and its source has changed

### What to do
Put `{generation}` in the name:

    name: web-{generation}
",
    sources: &[
        RuleSource::Promise("names that change hands are told"),
        RuleSource::Document("213/15713 ModifyImageAttribute", "ImageName must differ from every existing image name"),
    ],
    check,
};

fn check(case: &Case<'_>, findings: &mut Findings) {
    let Some(view) = case.plan else { return };
    for change in view.plan.changes.iter().filter(|change| change.action == Action::Replace) {
        let Some(image) = case.desired.images.get(&change.image) else { continue };
        let is_shared = change
            .placements
            .iter()
            .any(|placement| placement.action == Action::Delete && !placement.unshare.is_empty());
        if image.name.is_by_generation() || !is_shared {
            continue;
        }
        let path = ManifestPath::root().field("images").field(change.image.as_str()).field("name");
        findings.push(
            Finding::about(
                Address::Image(change.image.clone()),
                format!(
                    "image.{} is shared and named `{}` in every generation; its successor gets that name last.",
                    change.image,
                    image.name.0.escape_debug(),
                ),
            )
            .at(path, "the same name in every generation")
            .help(format!("Let every generation have a name of its own:\n\n    name: {}-{{generation}}", image.name.0.escape_debug())),
        );
    }
}

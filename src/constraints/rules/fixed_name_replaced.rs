//! GF705: shared image under a fixed name is replaced.

use std::collections::BTreeSet;

use crate::constraints::rule::{Case, Code, Finding, Findings, Rule, RuleSource};
use crate::diagnostics::ManifestPath;
use crate::model::{Address, ImageKey, Level, Operation};

/// GF705.
pub(super) static RULE: Rule = Rule {
    code: Code {
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
    },
    sources: &[
        RuleSource::Promise("names that change hands are told"),
        RuleSource::Document("213/15713 ModifyImageAttribute", "ImageName must differ from every existing image name"),
    ],
    check,
};

fn check(case: &Case<'_>, findings: &mut Findings) {
    let Some(view) = case.plan else { return };
    // Entries of which an image is unshared and deleted.
    let retiring: BTreeSet<&ImageKey> = view
        .touched()
        .filter(|at| {
            let unshares = |step: &Operation| matches!(step, Operation::Unshare { .. });
            view.is_deleted(at) && view.steps_at(at).any(|(_, step)| unshares(&step.operation))
        })
        .map(|at| &at.image)
        .collect();
    for key in retiring {
        let (Some(image), Some(recorded)) = (case.desired.images.get(key), case.prior.images.get(key)) else {
            continue;
        };
        if image.name.is_by_generation() || view.current_after(key) == Some(recorded.current) {
            continue;
        }
        let path = ManifestPath::root().field("images").field(key.as_str()).field("name");
        findings.push(
            Finding::about(
                Address::Image(key.clone()),
                format!(
                    "image.{key} is shared and named `{}` in every generation; its successor gets that name last.",
                    image.name.0.escape_debug(),
                ),
            )
            .at(path, "the same name in every generation")
            .help(format!("Let every generation have a name of its own:\n\n    name: {}-{{generation}}", image.name.0.escape_debug())),
        );
    }
}

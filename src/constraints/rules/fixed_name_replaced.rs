//! GF705: shared image with a fixed name is replaced.

use std::collections::BTreeSet;

use crate::constraints::rule::{Case, Code, Finding, Findings, Rule, RuleSource};
use crate::diagnostics::ManifestPath;
use crate::model::{Address, ImageKey, Level, Operation};

/// GF705.
pub(super) static RULE: Rule = Rule {
    code: Code {
    id: "GF705",
    name: "fixed_name_replaced",
    title: "Shared image with a fixed name is replaced",
    level: Level::Warn,
    docs: "\
### What it checks
No shared image whose name has neither `{generation}` nor `{revision}` is replaced by a new generation.

### Why
The new image has an interim name until the old one is deleted or renamed. Meanwhile, accounts that select the image by its name do
not find it. The service itself would accept it.

### Example
    name: web                          # shared, and its source has changed

### What to do
Put `{generation}` in the name:

    name: web-{generation}
",
    },
    sources: &[
        RuleSource::Promise("a name that moves to another image is reported"),
        RuleSource::Document("213/15713 ModifyImageAttribute", "ImageName must differ from every existing image name"),
    ],
    check,
};

fn check(case: &Case<'_>, findings: &mut Findings) {
    let Some(view) = case.plan else { return };
    // Entries with a shared image that gives up its name.
    let retiring: BTreeSet<&ImageKey> = view
        .touched()
        .filter(|at| {
            let is_shared =
                case.prior.placement(at).is_some_and(|placement| !placement.everyone().is_empty());
            let renames =
                |step: &Operation| matches!(step, Operation::Update { set, .. } if set.name.is_some());
            let gives_up =
                || view.is_deleted(at) || view.steps_at(at).any(|(_, step)| renames(&step.operation));
            is_shared && view.current_after(&at.image) != Some(at.generation) && gives_up()
        })
        .map(|at| &at.image)
        .collect();
    for key in retiring {
        let (Some(image), Some(recorded)) = (case.desired.images.get(key), case.prior.images.get(key)) else {
            continue;
        };
        if image.keeps_name || !image.name.is_fixed() || view.current_after(key) == Some(recorded.current) {
            continue;
        }
        let path = ManifestPath::root().field("images").field(key.as_str()).field("name");
        findings.push(
            Finding::about(
                Address::Image(key.clone()),
                format!(
                    "image.{key} is shared, and every generation is named `{}`: the new image gets the name only after \
                     the old one is deleted or renamed.",
                    image.name.0.escape_debug(),
                ),
            )
            .at(path, "the same name in every generation")
            .help(format!("Give each generation its own name:\n\n    name: {}-{{generation}}", image.name.0.escape_debug())),
        );
    }
}

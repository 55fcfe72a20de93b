//! GF803: snapshots of images are billed.

use crate::constraints::rule::{Case, Code, Finding, Findings, Rule, RuleSource};
use crate::diagnostics::ManifestPath;
use crate::model::{Address, Level};

/// GF803.
pub(super) static RULE: Rule = Rule {
    code: Code {
    id: "GF803",
    name: "snapshot_storage_billed",
    title: "Snapshots of images are billed",
    level: Level::Allow,
    docs: "\
### What it checks
This rule reports every entry: each image and each copy has snapshots that are billed by size. Copying itself is free.

### Why
Enable the rule to see the billed snapshots in every plan. The service itself would accept it.

### Example
    rules: { snapshot_storage_billed: warn }

### What to do
Keep fewer generations, or copy to fewer regions.
",
    },
    sources: &[
        RuleSource::Document("213/4943", "copies are free, their snapshots are not"),
        RuleSource::Document("213/17244", "billing of images"),
    ],
    check,
};

fn check(case: &Case<'_>, findings: &mut Findings) {
    for (key, image) in &case.desired.images {
        let placements = image.placements().len();
        findings.push(
            Finding::about(
                Address::Image(key.clone()),
                format!(
                    "image.{key} has billed snapshots in {placements} {}.",
                    if placements == 1 { "region" } else { "regions" },
                ),
            )
            .at(ManifestPath::image(key), "has billed snapshots"),
        );
    }
}

//! GF302: region is not known.

use crate::constraints::rule::{Case, Code, Finding, Findings, Rule, RuleSource};
use crate::diagnostics::{ManifestPath, Suggestions};
use crate::manifest::FaultKind;
use crate::model::{Level, Region, RegionTable};

/// GF302.
pub(super) static RULE: Rule = Rule {
    code: Code {
    id: "GF302",
    name: "region_unknown",
    title: "Region is not known",
    level: Level::Deny,
    docs: "\
### What it checks
Every region of an image is in the built-in table or under `regions:` in the manifest.

### Why
A misspelled region would fail in the middle of an apply. Copies and fees depend on whether a region is in the Chinese
mainland.

### Example
    region: ap-jakata                  # ap-jakarta

### What to do
Correct the code. If goldform does not know the region yet, add it:

    regions: { ap-osaka: { mainland: false } }
",
    },
    sources: &[
        RuleSource::Document("213/6091", "regions and zones"),
        RuleSource::ErrorCode("InvalidRegion.NotFound"),
        RuleSource::ErrorCode("UnsupportedRegion"),
    ],
    check,
};

fn check(case: &Case<'_>, findings: &mut Findings) {
    let table = &case.desired.regions;
    let suggestions = Suggestions::default();
    for (key, image) in &case.desired.images {
        let entry = || ManifestPath::root().field("images").field(key.as_str());
        let mut judge = |region: &Region, path: &dyn Fn() -> ManifestPath| {
            if table.get(region).is_none() {
                let subject = format!("image.{key}");
                findings.push(unknown(table, &suggestions, &subject, region.as_str(), path()));
            }
        };
        judge(&image.region, &|| entry().field("region"));
        for region in image.adopted_elsewhere.keys() {
            judge(region, &|| entry().field("source").field("adopted").field(region.as_str()).key());
        }
        for (position, copy) in image.listed_copies() {
            judge(copy, &|| entry().field("copies").index(position));
        }
    }
    for fault in &case.desired.faults {
        if let FaultKind::MalformedRegion { text } = &fault.kind {
            let subject = fault.image.as_ref().map(|key| format!("image.{key}")).unwrap_or_default();
            let finding = unknown(table, &suggestions, &subject, text, fault.path.clone());
            findings.push(finding.hard(fault.is_hard()).folded(fault, UNKNOWN));
        }
    }
}

/// Label of an unknown region.
const UNKNOWN: &str = "not a known region";

fn unknown(
    table: &RegionTable,
    suggestions: &Suggestions,
    subject: &str,
    region: &str,
    path: ManifestPath,
) -> Finding {
    let similar = suggestions.closest(region, table.iter().map(|(region, _)| region.as_str()));
    let help = match similar {
        Some(similar) => format!("Did you mean `{similar}`?"),
        None => "If goldform does not know the region yet, add it:\n\n    regions: { <code>: { mainland: false } }"
            .to_owned(),
    };
    let detail = format!("`{}` is not a region that goldform knows.", region.escape_debug());
    Finding::about(subject, detail).at(path, UNKNOWN).help(help).because_of(region)
}

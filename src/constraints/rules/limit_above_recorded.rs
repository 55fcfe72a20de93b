//! GF602: manifest's limit is above the service's.

use crate::constraints::rule::{Case, Code, Finding, Findings, Rule, RuleSource};
use crate::diagnostics::ManifestPath;
use crate::model::Level;

/// GF602.
pub(super) static RULE: Rule = Rule {
    code: Code {
        id: "GF602",
        name: "limit_above_recorded",
        title: "Manifest's limit is above the service's",
        level: Level::Warn,
        docs: "\
### What it checks
A limit of custom images in the manifest is not higher than the one that the service reported.

### Why
The lower one counts, so the manifest's number changes nothing and misleads its reader.
The service itself would let it pass.

### Example
    limits: { images_per_region: 500 }  # DescribeImageQuota said 10

### What to do
Lower the number, or have the quota raised and recorded:

    goldform refresh
",
    },
    sources: &[
        RuleSource::Document("213/15719 DescribeImageQuota", "ImageNumQuota"),
        RuleSource::Promise("where both are known, the lower limit counts"),
    ],
    check,
};

fn check(case: &Case<'_>, findings: &mut Findings) {
    let limits = &case.desired.limits;
    let root = ManifestPath::root().field("limits");
    for (region, recorded) in &case.prior.regions {
        let Some(reported) = &recorded.image_limit else { continue };
        let Some(named) = limits.images_in(region).filter(|named| *named > reported.value) else { continue };
        let path = if limits.regions.contains_key(region) {
            root.field("regions").field(region.as_str()).field("images")
        } else {
            root.field("images_per_region")
        };
        findings.push(
            Finding::about(
                region,
                format!(
                    "The manifest allows {named} custom images in {region}; the service reported {} on {}, which \
                     counts.",
                    reported.value,
                    reported.read_at.strftime("%Y-%m-%d"),
                ),
            )
            .at(path, "above what the service reported"),
        );
    }
}

//! GF602: limit in the manifest is above that of the service.

use crate::constraints::rule::{Case, Code, Finding, Findings, Rule, RuleSource};
use crate::diagnostics::ManifestPath;
use crate::model::{Level, Provider};

/// GF602.
pub(super) static RULE: Rule = Rule {
    code: Code {
        id: "GF602",
        name: "limit_above_recorded",
        title: "Limit in the manifest is above that of the service",
        level: Level::Warn,
        docs: "\
### What it checks
A limit of custom images in the manifest is at most the one that the service reported.

### Why
The lower limit counts, so the higher one in the manifest has no effect and is misleading.
The service itself would accept it.

### Example
    limits: { images_per_region: 500 }  # DescribeImageQuota reported 10

### What to do
Lower the number, or request a higher quota and record it:

    goldform refresh

The sandbox has the quota that the manifest gives it:

    cloud: { sandbox: { quotas: { images_per_region: 500 } } }
",
    },
    sources: &[
        RuleSource::Document("213/15719 DescribeImageQuota", "ImageNumQuota"),
        RuleSource::Promise("if both limits are known, the lower one counts"),
    ],
    check,
};

fn check(case: &Case<'_>, findings: &mut Findings) {
    let limits = &case.desired.limits;
    let quota = case.desired.cloud.quotas().and_then(|quotas| quotas.images_per_region);
    let root = ManifestPath::root().field("limits");
    for (region, recorded) in &case.prior.regions {
        let Some(reported) = &recorded.image_limit else { continue };
        // A quota of the sandbox that the manifest has changed since does not hold any more.
        if quota.is_some_and(|quota| quota != reported.value) {
            continue;
        }
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
                    "The manifest allows {named} custom images in {region}. The service reported a limit of {} on {}, \
                     which counts.",
                    reported.value,
                    reported.read_at.strftime("%Y-%m-%d"),
                ),
            )
            .at(path, "above the limit of the service")
            .because_of(format!("{named} {} {}", reported.value, reported.read_at.strftime("%Y-%m-%d")))
            .help(match case.desired.cloud.provider {
                Provider::Sandbox => format!("cloud: {{ sandbox: {{ quotas: {{ images_per_region: {named} }} }} }}"),
                Provider::Tencent => {
                    "Lower the number, or request a higher quota and record it:\n\n    goldform refresh".to_owned()
                }
            }),
        );
    }
}

//! GF601: too many custom images in a region.

use std::collections::BTreeMap;

use super::describe_source;
use crate::constraints::rule::{Case, Finding, Findings, Rule, RuleSource};
use crate::manifest::Level;
use crate::model::{Address, PlacementKey, Region};

/// How many entries are pointed at: enough to see which, not a page of them.
const LABELS: usize = 3;

/// GF601.
pub(super) static RULE: Rule = Rule {
    id: "GF601",
    name: "image_quota_exceeded",
    title: "Too many custom images in a region",
    level: Level::Deny,
    docs: "\
### What it checks
The custom images of a region, those included that goldform does not manage, do not pass the limit: the lower of the
manifest's and the one that DescribeImageQuota reported, else the documented 10.

### Why
The service refuses the image that is one too many, half way through an apply.

### Example
    # eleven entries with `region: ap-jakarta`, and a limit of 10

### What to do
Remove images, put some in another region, or have the quota raised and recorded:

    goldform refresh
",
    sources: &[
        RuleSource::Document("213/4941", "at most 10 custom images per region"),
        RuleSource::Document("213/15716 DeleteImages", "500 per region, since 2024-02-05"),
        RuleSource::Document("213/15719 DescribeImageQuota", "the limit of the account"),
        RuleSource::ErrorCode("ImageQuotaLimitExceeded"),
    ],
    check,
};

fn check(case: &Case<'_>, findings: &mut Findings) {
    let Some(view) = case.plan else { return };
    // Who makes images where; a region that nothing is made in is not the plan's doing.
    let mut makers: BTreeMap<&Region, Vec<&PlacementKey>> = BTreeMap::new();
    for (_, step) in view.plan.graph.steps() {
        if step.operation.makes_image() {
            makers.entry(&step.at().region).or_default().push(step.at());
        }
    }
    for (region, room) in &view.plan.regions {
        let Some(makers) = makers.get(region) else { continue };
        let limit = usize::try_from(room.limit.value).unwrap_or(usize::MAX);
        if room.after <= limit {
            continue;
        }
        let over = room.after.saturating_sub(limit);
        let unmanaged = match room.unmanaged {
            0 => String::new(),
            count => format!(", {count} of which goldform does not manage"),
        };
        let mut finding = Finding::about(
            region,
            format!(
                "{region} would hold {} custom images{unmanaged}; the limit is {} ({}).",
                room.after,
                room.limit.value,
                describe_source(&room.limit.source, "213/4941")
            ),
        );
        // The last to come are those for which there is no room.
        for at in makers.iter().rev().take(over.min(LABELS)).rev() {
            let path = case.desired.path_of(&Address::Placement((*at).clone()));
            finding = finding.at(path, format!("no room in {region}"));
        }
        findings.push(finding.help(format!(
            "Remove {over} {} from {region}, put {} in another region, or raise the limit.",
            if over == 1 { "image" } else { "images" },
            if over == 1 { "it" } else { "them" },
        )));
    }
}

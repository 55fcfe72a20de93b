//! GF901: record is old.

use std::collections::BTreeMap;

use crate::constraints::rule::{Case, Code, Finding, Findings, Rule, RuleSource};
use crate::model::{Address, Level, PlacementKey, Region};

/// GF901.
pub(super) static RULE: Rule = Rule {
    code: Code {
    id: "GF901",
    name: "record_stale",
    title: "Record is old",
    level: Level::Warn,
    docs: "\
### What it checks
What is recorded of each region that the plan touches was read from the service within a week, and its limit has
been read at least once.

### Why
A verdict is only as good as the record it rests on: images that others made since count in the limit, and their
names are taken. The service itself would let it pass.

### Example
    # a state file that was last refreshed a month ago

### What to do
Read it again:

    goldform refresh
",
    },
    sources: &[
        RuleSource::Promise("an offline verdict says how old its record is"),
        RuleSource::Document("213/15719 DescribeImageQuota", "the limit of the account"),
    ],
    check,
};

/// After how many days a record counts as old.
const DAYS: i64 = 7;

fn check(case: &Case<'_>, findings: &mut Findings) {
    let Some(view) = case.plan else { return };
    // Nothing recorded at all is a first plan, not an old record.
    if view.plan.base.is_none() {
        return;
    }
    let mut stale: BTreeMap<String, Vec<&PlacementKey>> = BTreeMap::new();
    let mut touched: BTreeMap<&Region, &PlacementKey> = BTreeMap::new();
    for (_, step) in view.plan.graph.steps() {
        touched.entry(&step.at().region).or_insert(step.at());
    }
    for (region, at) in touched {
        let what = match case.prior.regions.get(region) {
            None => "was never read".to_owned(),
            Some(recorded) if recorded.image_limit.is_none() => "has a limit that was never read".to_owned(),
            Some(recorded) => {
                let days = case.now.duration_since(recorded.read_at).as_hours() / 24;
                if days < DAYS {
                    continue;
                }
                format!("was last read {days} days ago, on {}", recorded.read_at.strftime("%Y-%m-%d"))
            }
        };
        stale.entry(what).or_default().push(at);
    }
    for (what, placements) in stale {
        let names: Vec<&str> = placements.iter().map(|at| at.region.as_str()).collect();
        let names = names.join(", ");
        let mut finding =
            Finding::about(&names, format!("Of the regions that this plan touches, {names} {what}."));
        // One of the entries that it is about is enough to see what is meant.
        if let Some(&at) = placements.first() {
            let path = case.desired.path_of(&Address::Placement(at.clone()));
            finding = finding.at(path, "planned against an old record");
        }
        findings.push(finding.help("Read it again:\n\n    goldform refresh"));
    }
}

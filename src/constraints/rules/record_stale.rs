//! GF901: state was not refreshed for a week.

use std::collections::BTreeMap;

use crate::constraints::rule::{Case, Code, Finding, Findings, Rule, RuleSource};
use crate::model::{Address, Level, PlacementKey, Region};

/// GF901.
pub(super) static RULE: Rule = Rule {
    code: Code {
    id: "GF901",
    name: "record_stale",
    title: "State is out of date",
    level: Level::Warn,
    docs: "\
### What it checks
Each region that the plan changes was read from the service within the last week, and its limit at least once.

### Why
The plan is checked against the state. Images that others created since the last refresh count in the limit, and their
names are in use. The service itself would accept it.

### Example
    # a state file that was last refreshed a month ago

### What to do
Refresh the state:

    goldform refresh
",
    },
    sources: &[
        RuleSource::Promise("an offline plan reports how old the state is"),
        RuleSource::Document("213/15719 DescribeImageQuota", "the limit of the account"),
    ],
    check,
};

/// Age from which the state of a region is out of date.
const DAYS: i64 = 7;

fn check(case: &Case<'_>, findings: &mut Findings) {
    let Some(view) = case.plan else { return };
    // A first plan has no state that could be out of date.
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
            Finding::about(&names, format!("Of the regions that this plan changes, {names} {what}."));
        // One entry is enough as an example.
        if let Some(&at) = placements.first() {
            let path = case.desired.path_of(&Address::Placement(at.clone()));
            finding = finding.at(path, "planned from an old state");
        }
        findings.push(finding.help("Refresh the state:\n\n    goldform refresh"));
    }
}

//! GF708: many recorded images are missing at once.

use std::collections::BTreeMap;

use crate::constraints::rule::{Case, Code, Finding, Findings, Rule, RuleSource};
use crate::diagnostics::ManifestPath;
use crate::model::{Address, Level, PlacementKey, Region};

/// GF708.
pub(super) static RULE: Rule = Rule {
    code: Code {
    id: "GF708",
    name: "mass_disappearance",
    title: "Many recorded images are missing at once",
    level: Level::Deny,
    docs: "\
### What it checks
An observation does not lack

- a recorded image of a protected entry,
- every recorded image of a region, if at least two images are missing in such regions, or every recorded image of the
  state, even if there is only one,
- more than 30 % and at least three of all recorded images.

Images that goldform deletes do not count, and neither do images that failed, or that were accepted less than ten
minutes ago and are not listed yet. Missing images are requested a second time, by id, before the rule is checked.

`refresh`, `plan --refresh`, `apply` and `destroy` stop before anything is recorded or changed. `drift` reports the
finding. An image that was deleted by hand is ordinary drift, even if it was the only one of its region.

### Why
A wrong endpoint, a wrong account or a truncated response cannot be distinguished from the deletion of everything. If it
were recorded, goldform would build every image again, and the existing ones would remain unmanaged.
The service itself would accept it.

### Example
    cloud: { provider: tencent, endpoint: \"http://127.0.0.1:8787\" }   # another endpoint than before

### What to do
Check that `cloud` and the keys are the ones with which the images were created. If the images were deleted, record it:

    goldform refresh --allow mass_disappearance
",
    },
    sources: &[
        RuleSource::Promise("one response of the service does not outweigh the whole state"),
        RuleSource::Document("213/15715 DescribeImages", "an image that is not listed may still exist elsewhere"),
    ],
    check,
};

/// Number of missing images from which the percentage applies.
const LEAST: usize = 3;
/// Percentage of the recorded images above which missing images are a violation.
const PERCENT: usize = 30;
/// Number of missing images in emptied regions from which they are a violation. A single copy that was deleted by hand
/// is ordinary drift.
const LEAST_IN_EMPTIED: usize = 2;
/// Number of missing images that a finding names at most.
const NAMED: usize = 5;

fn check(case: &Case<'_>, findings: &mut Findings) {
    // Recorded and missing images by region.
    let mut regions: BTreeMap<Region, (usize, usize)> = BTreeMap::new();
    let mut gone: Vec<PlacementKey> = Vec::new();
    for (at, placement) in case.prior.placements() {
        let is_gone = case.gone.contains(&at);
        // A listing may not show a recently accepted image yet.
        if placement.state.is_failed() || !placement.seen && !is_gone {
            continue;
        }
        let (recorded, missing) = regions.entry(at.region.clone()).or_default();
        *recorded = recorded.saturating_add(1);
        if is_gone {
            *missing = missing.saturating_add(1);
            gone.push(at);
        }
    }
    let all: usize = regions.values().map(|(recorded, _)| recorded).sum();
    let is_many = (gone.len() >= LEAST && gone.len().saturating_mul(100) > all.saturating_mul(PERCENT))
        || (!gone.is_empty() && gone.len() == all);
    let mut emptied: Vec<&Region> = Vec::new();
    let mut missing_in_emptied: usize = 0;
    for (region, (recorded, missing)) in &regions {
        if recorded == missing {
            emptied.push(region);
            missing_in_emptied = missing_in_emptied.saturating_add(*missing);
        }
    }
    // If everything is missing, the list of regions adds nothing.
    if missing_in_emptied < LEAST_IN_EMPTIED || gone.len() == all {
        emptied.clear();
    }
    let is_protected =
        |at: &&PlacementKey| case.prior.images.get(&at.image).is_some_and(|image| image.protect);
    let protected: Vec<&PlacementKey> = gone.iter().filter(is_protected).collect();
    if !is_many && emptied.is_empty() && protected.is_empty() {
        return;
    }
    let mut detail = format!("{} of {all} recorded images are missing: {}.", gone.len(), list(&gone));
    if !emptied.is_empty() {
        detail.push_str(&format!(" No image is left in {}.", list(&emptied)));
    }
    if !protected.is_empty() {
        detail.push_str(&format!(" Protected: {}.", list(&protected)));
    }
    detail.push_str(
        " If they still exist and only this response lacks them, the next apply would build them a second time.",
    );
    let mut finding = Finding::about("images", detail);
    let mut entries: Vec<_> = gone.iter().filter(|at| case.desired.images.contains_key(&at.image)).collect();
    entries.dedup_by_key(|at| &at.image);
    for at in entries.into_iter().take(NAMED) {
        finding = finding.at(case.desired.path_of(&Address::Image(at.image.clone())), "missing");
    }
    if finding.labels.is_empty() {
        finding = finding.at(ManifestPath::root().field("images").key(), "missing");
    }
    findings.push(finding.help(
        "Check that `cloud` and the keys are the ones with which the images were created. If the images were deleted, \
         record it:\n\n    goldform refresh --allow mass_disappearance",
    ));
}

fn list(names: &[impl ToString]) -> String {
    let named: Vec<String> = names.iter().take(NAMED).map(ToString::to_string).collect();
    match names.len().saturating_sub(named.len()) {
        0 => named.join(", "),
        more => format!("{} and {more} more", named.join(", ")),
    }
}

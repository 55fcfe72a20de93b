//! From a manifest's meaning and a record to a plan: the whole pure way, with what the user asked for.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::planner::plan;
use crate::diff::select::keep_only;
use crate::diff::{PlanMode, Selection, diff_replacing, renamed, replaced};
use crate::manifest::Desired;
use crate::model::{Address, ImageKey, PlacementKey};
use crate::plan::contents::{Plan, PlanError};
use crate::plan::graph::StepGraph;
use crate::state::{Recorded, Snapshot};

/// What the user asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlanOptions {
    /// Converge or destroy.
    #[serde(rename = "intention")]
    pub mode: PlanMode,
    /// `--target` and `--exclude`.
    pub selection: Selection,
    /// `--replace`: entries that get a new build.
    pub replace: BTreeSet<ImageKey>,
    /// When the plan is made: decides which earlier generations have been kept for long enough.
    pub now: Timestamp,
}

impl PlanOptions {
    /// Everything, as the manifest says.
    pub fn all(mode: PlanMode) -> Self {
        Self { mode, selection: Selection::default(), replace: BTreeSet::new(), now: Timestamp::UNIX_EPOCH }
    }
}

/// A plan, and the record that it starts from: the one that was given, with the manifest's renames, and with an address of its
/// own for every adopted image that is replaced within its generation.
#[derive(Debug, Clone)]
pub struct PlanResult {
    /// The plan.
    pub plan: Plan,
    /// What it starts from.
    pub prior: Recorded,
    /// Targets and exclusions that speak of nothing that changes.
    pub unmatched: Vec<Address>,
}

/// Makes a plan.
///
/// # Errors
/// When the steps cannot be ordered.
pub fn propose(
    desired: &Desired,
    recorded: &Recorded,
    base: Option<&Snapshot>,
    options: &PlanOptions,
) -> Result<PlanResult, PlanError> {
    let (prior, mut first) = renamed(desired, recorded);
    let (prior, moves) = match options.mode {
        PlanMode::Normal => replaced(desired, prior, &options.replace),
        PlanMode::Destroy => (prior, Vec::new()),
    };
    first.extend(moves);
    let mut changes = diff_replacing(desired, &prior, options.mode, &options.replace, options.now);
    let unmatched: Vec<Address> = options.selection.unmatched(&changes).into_iter().cloned().collect();
    if !options.selection.is_everything() {
        let whole = plan(desired, &prior, base, changes.clone())?;
        let kept = selected(&whole.graph, &changes, &options.selection);
        keep_only(&mut changes, &kept);
        changes.releasable.retain(|one| options.selection.may_release(&one.at));
        changes.waiting.retain(|key| {
            desired.images.get(key).is_some_and(|image| {
                options.selection.includes_build(&PlacementKey {
                    image: key.clone(),
                    generation: prior.next_generation(key),
                    region: image.region.clone(),
                })
            })
        });
    }
    changes.edits.splice(0..0, first);
    let plan = plan(desired, &prior, base, changes)?;
    Ok(PlanResult { plan, prior: prior.into_owned(), unmatched })
}

/// The placements that are selected: targets with all that they wait for, without what is excluded and all that
/// waits for that.
fn selected(graph: &StepGraph, diff: &crate::diff::Diff, selection: &Selection) -> BTreeSet<PlacementKey> {
    let all: BTreeSet<&PlacementKey> =
        diff.images.iter().flat_map(|image| &image.placements).map(|change| &change.at).collect();
    // Who waits for whom, by placement.
    let edges: Vec<(&PlacementKey, &PlacementKey)> = graph
        .edges()
        .map(|(earlier, later, _)| (graph[earlier].at(), graph[later].at()))
        .filter(|(earlier, later)| earlier != later)
        .collect();
    let mut kept: BTreeSet<&PlacementKey> = all.iter().copied().filter(|at| selection.targets(at)).collect();
    grow(&mut kept, edges.iter().map(|(earlier, later)| (*later, *earlier)).collect());
    let mut dropped: BTreeSet<&PlacementKey> =
        all.iter().copied().filter(|at| selection.excludes(at)).collect();
    grow(&mut dropped, edges);
    kept.into_iter().filter(|at| !dropped.contains(at)).cloned().collect()
}

/// Adds everything that is reached from a set along edges.
fn grow<'a>(set: &mut BTreeSet<&'a PlacementKey>, edges: Vec<(&'a PlacementKey, &'a PlacementKey)>) {
    let mut next: std::collections::BTreeMap<&PlacementKey, Vec<&'a PlacementKey>> =
        std::collections::BTreeMap::new();
    for (from, to) in edges {
        next.entry(from).or_default().push(to);
    }
    let mut stack: Vec<&'a PlacementKey> = set.iter().copied().collect();
    while let Some(at) = stack.pop() {
        for to in next.get(at).map(Vec::as_slice).unwrap_or_default() {
            if set.insert(to) {
                stack.push(to);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::worlds::{applied, example_with, step_ids};
    use crate::testing::{EXAMPLE, desired};

    fn plan(yaml: &str, targets: &[&str], excluded: &[&str]) -> PlanResult {
        let parse = |texts: &[&str]| texts.iter().map(|text| text.parse().unwrap()).collect();
        let selection = Selection { targets: parse(targets), excluded: parse(excluded) };
        let options = PlanOptions { selection, ..PlanOptions::all(PlanMode::Normal) };
        propose(&desired(yaml), &applied(&[EXAMPLE]).recorded, None, &options).unwrap()
    }

    #[test]
    fn a_target_brings_along_what_it_waits_for() {
        let second = example_with("revision: \"1\"", "revision: \"2\"");
        let steps = step_ids(&plan(&second, &["image.web@ap-tokyo#2"], &[]).plan);
        assert!(
            steps.contains(&"create image.web@ap-jakarta#2".to_owned()),
            "a copy needs its origin: {steps:#?}"
        );
        assert!(steps.iter().all(|id| !id.contains("ap-singapore")), "{steps:#?}");
    }

    #[test]
    fn what_is_excluded_takes_along_what_waits_for_it() {
        let second = example_with("revision: \"1\"", "revision: \"2\"");
        let steps = step_ids(&plan(&second, &[], &["image.web@ap-jakarta#2"]).plan);
        assert_eq!(
            steps,
            Vec::<String>::new(),
            "no copy without its origin, no retirement without a successor"
        );
    }

    #[test]
    fn an_exclusion_leaves_other_entries_alone() {
        let both =
            example_with("Ubuntu with nginx", "Ubuntu with Caddy").replace("snap-2f3a1c2d", "snap-99999999");
        let steps = step_ids(&plan(&both, &[], &["image.db"]).plan);
        assert_eq!(steps.len(), 3, "{steps:#?}");
        assert!(steps.iter().all(|id| id.starts_with("update image.web@")));
    }

    #[test]
    fn a_target_that_does_not_change_is_unmatched() {
        let unmatched = plan(EXAMPLE, &["image.web@ap-seoul"], &[]).unmatched;
        assert_eq!(unmatched.iter().map(ToString::to_string).collect::<Vec<_>>(), ["image.web@ap-seoul"]);
    }
}

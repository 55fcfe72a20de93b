//! From a manifest's meaning and a record to a plan: the whole pure way, with what the user asked for.

use std::collections::BTreeSet;

use super::graph::StepGraph;
use super::planner::{Plan, PlanError, plan};
use crate::diff::select::keep_only;
use crate::diff::{Intention, Selection, diff_replacing, renamed};
use crate::manifest::Desired;
use crate::model::{Address, ImageKey, PlacementKey};
use crate::state::{Recorded, Snapshot};

/// What the user asked for.
#[derive(Debug, Clone)]
pub struct Wish {
    /// Converge or destroy.
    pub intention: Intention,
    /// `--target` and `--exclude`.
    pub selection: Selection,
    /// `--replace`: entries that get a new build.
    pub replace: BTreeSet<ImageKey>,
}

impl Wish {
    /// Everything, as the manifest says.
    pub fn all(intention: Intention) -> Self {
        Self { intention, selection: Selection::default(), replace: BTreeSet::new() }
    }
}

/// A plan, and the record that it starts from: the one that was given, with the manifest's renames.
#[derive(Debug, Clone)]
pub struct Proposal {
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
    wish: &Wish,
) -> Result<Proposal, PlanError> {
    let (prior, renames) = renamed(desired, recorded);
    let mut changes = diff_replacing(desired, &prior, wish.intention, &wish.replace);
    let unmatched: Vec<Address> = wish.selection.unmatched(&changes).into_iter().cloned().collect();
    if !wish.selection.is_everything() {
        let whole = plan(desired, &prior, base, changes.clone())?;
        let kept = selected(&whole.graph, &changes, &wish.selection);
        keep_only(&mut changes, &kept);
    }
    changes.edits.splice(0..0, renames);
    let plan = plan(desired, &prior, base, changes)?;
    Ok(Proposal { plan, prior: prior.into_owned(), unmatched })
}

/// The placements that are selected: targets with all that they wait for, without what is excluded and all that
/// waits for that.
fn selected(graph: &StepGraph, diff: &crate::diff::Diff, selection: &Selection) -> BTreeSet<PlacementKey> {
    let all: BTreeSet<&PlacementKey> =
        diff.images.iter().flat_map(|image| &image.placements).map(|change| &change.at).collect();
    // Who waits for whom, by placement.
    let edges: Vec<(&PlacementKey, &PlacementKey)> = graph
        .edges()
        .filter_map(|(earlier, later, _)| Some((graph.step(earlier)?.at(), graph.step(later)?.at())))
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

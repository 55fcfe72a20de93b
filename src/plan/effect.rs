//! The effect digest: what a plan would do and where, and nothing of when it was made.
//!
//! It covers the account, the place, the changes, the edits of the record, the steps, their edges, and which query an
//! import's URL gets (as a digest, since a signature may be written in it). It leaves out:
//!
//! - the base, the limits and the time: two plans that do the same are the same plan;
//! - entries of which nothing changes: an apply of another entry in between does not disturb a review;
//! - waits and their edges: what is only waited for may be done by the time that the plan is applied;
//! - the interim names of calls, which depend on the attempt.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::graph::{EdgeReason, StepGraph};
use super::place::PlanPlace;
use super::step::Step;
use super::step_map::StepIndex;
use crate::diff::{Action, ImageChange, PlacementChange, Work};
use crate::manifest::Desired;
use crate::model::{AccountId, Digest, ImageKey, Operation, SourceKind, Verb};
use crate::state::Edit;

/// The parts of a plan that its digest covers.
pub(super) struct Effect<'p> {
    pub account: AccountId,
    pub place: &'p PlanPlace,
    pub changes: &'p [ImageChange],
    pub edits: &'p [Edit],
    pub queries: &'p BTreeMap<ImageKey, Digest>,
    pub graph: &'p StepGraph,
}

impl Effect<'_> {
    /// The digest. Steps count with what they wait for; in which order they are listed does not.
    ///
    /// # Errors
    /// If the effect cannot be written as JSON: a defect of goldform.
    pub(super) fn digest(&self) -> Result<Digest, serde_json::Error> {
        let Self { account, place, changes, edits, queries, graph } = self;
        let is_wait = |index: StepIndex| graph[index].verb() == Verb::Wait;
        let mut steps: Vec<(StepIndex, &Step)> =
            graph.steps().filter(|(index, _)| !is_wait(*index)).collect();
        steps.sort_by_key(|(_, step)| &step.id);
        let mut ranks = graph.map(|_| 0usize);
        for (rank, (index, _)) in steps.iter().enumerate() {
            ranks[*index] = rank;
        }
        let mut edges: Vec<(usize, usize, &EdgeReason)> = graph
            .edges()
            .filter(|(earlier, later, _)| !is_wait(*earlier) && !is_wait(*later))
            .map(|(earlier, later, reason)| (ranks[later], ranks[earlier], reason))
            .collect();
        edges.sort();
        let changes: Vec<Cow<'_, ImageChange>> =
            changes.iter().map(without_waits).filter(|change| changes_anything(change)).collect();
        let steps: Vec<&Step> = steps.into_iter().map(|(_, step)| step).collect();
        Digest::of(&(account, place, changes, edits, queries, steps, edges))
    }
}

/// Returns whether anything of an entry changes.
pub(super) fn changes_anything(change: &ImageChange) -> bool {
    change.action != Action::Unchanged || !change.placements.is_empty()
}

/// The change of an entry, where what is only waited for counts as unchanged.
pub(super) fn without_waits(change: &ImageChange) -> Cow<'_, ImageChange> {
    let is_wait = |placement: &PlacementChange| matches!(placement.work, Work::Wait { .. });
    let waits = change.placements.iter().filter(|placement| is_wait(placement)).count();
    if waits == 0 {
        return Cow::Borrowed(change);
    }
    let mut change = change.clone();
    change.placements.retain(|placement| !is_wait(placement));
    change.unchanged = change.unchanged.saturating_add(waits);
    if change.action == Action::Wait {
        change.action = Action::Unchanged;
    }
    Cow::Owned(change)
}

/// The digest of the query of each entry that steps import.
///
/// # Errors
/// If a query cannot be written as JSON: a defect of goldform.
pub(super) fn queries(
    desired: &Desired,
    graph: &StepGraph,
) -> Result<BTreeMap<ImageKey, Digest>, serde_json::Error> {
    let mut queries = BTreeMap::new();
    for (_, step) in graph.steps() {
        let Operation::Create { at, source, .. } = &step.operation else { continue };
        let image = desired.images.get(&at.image);
        let query = image.and_then(|image| image.import_query.as_ref()).filter(|query| !query.is_empty());
        if let (SourceKind::Import { .. }, Some(query)) = (&source.kind, query) {
            queries.insert(at.image.clone(), Digest::of(query)?);
        }
    }
    Ok(queries)
}

//! GF704: many images would be deleted.

use crate::constraints::rule::{Case, Code, Finding, Findings, Rule, RuleSource};
use crate::diagnostics::ManifestPath;
use crate::diff::Reason;
use crate::model::{Level, PlacementKey};
use crate::plan::PlanView;
use crate::state::Edit;

/// GF704.
pub(super) static RULE: Rule = Rule {
    code: Code {
    id: "GF704",
    name: "mass_deletion",
    title: "Many images would be deleted",
    level: Level::Deny,
    docs: "\
### What it checks
A plan deletes at most 30 % of the placements of current generations without a successor, or fewer than three. It does
not delete the only image of an entry in a region where it is shared. Replacement, retention and `destroy` do not count.

### Why
An empty or truncated manifest, or the wrong state, cannot be distinguished from an intended deletion of everything.
The service itself would accept it.

### Example
    images: {}                         # four images are recorded

### What to do
If the deletion is intended, allow it for this run:

    goldform apply --allow mass_deletion
",
    },
    sources: &[
        RuleSource::Promise("more than 30 % and at least 3 images are not deleted at once by accident"),
    ],
    check,
};

/// Number of deletions from which the rule applies.
const LEAST: usize = 3;
/// Percentage of the recorded placements above which the rule applies.
const PERCENT: usize = 30;
/// Most images that the message names.
const MOST_NAMED: usize = 5;

fn check(case: &Case<'_>, findings: &mut Findings) {
    let Some(view) = case.plan else { return };
    let all: usize = case
        .prior
        .images
        .values()
        .filter_map(|image| image.generations.get(&image.current))
        .map(|build| build.placements.len())
        .sum();
    let mut deleted = Vec::new();
    let mut last = Vec::new();
    for (at, recorded) in view.touched().filter_map(|at| Some((at, case.prior.images.get(&at.image)?))) {
        let is_asked = view.steps_at(at).any(|(_, step)| step.reason == Reason::Destroy);
        if at.generation == recorded.current && view.is_deleted(at) && !is_asked && !is_followed(view, at) {
            deleted.push(at);
            let is_shared =
                case.prior.placement(at).is_some_and(|is| is.is_normal() && !is.everyone().is_empty());
            if is_shared && !has_other(view, at) {
                last.push(at);
            }
        }
    }
    let is_mass = deleted.len() >= LEAST && deleted.len().saturating_mul(100) > all.saturating_mul(PERCENT);
    if !is_mass && last.is_empty() {
        return;
    }
    let listed = if is_mass { &deleted } else { &last };
    let named: Vec<String> = listed.iter().take(MOST_NAMED).map(ToString::to_string).collect();
    let more = match listed.len().saturating_sub(named.len()) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let named = named.join(", ");
    let detail = match is_mass {
        true => {
            format!("{} of {all} images would be deleted without a successor: {named}{more}.", deleted.len())
        }
        false => format!(
            "The only {} in a region would be deleted while shared: {named}{more}.",
            if last.len() == 1 { "image of an entry" } else { "images of entries" }
        ),
    };
    findings.push(
        Finding::about("images", detail)
            .at(ManifestPath::root().field("images").key(), "the remaining entries")
            .help(
                "If the deletion is intended, allow it for this run:\n\n    goldform apply --allow mass_deletion",
            ),
    );
}

/// Returns whether another image of the entry stays in the region of a placement.
fn has_other(view: &PlanView<'_>, at: &PlacementKey) -> bool {
    let generations = view.prior.images.get(&at.image).into_iter().flat_map(|image| &image.generations);
    generations.filter(|(generation, _)| **generation != at.generation).any(|(generation, build)| {
        let other = PlacementKey { generation: *generation, ..at.clone() };
        build.placements.get(&at.region).is_some_and(|is| is.is_normal()) && !view.is_deleted(&other)
    })
}

/// Returns whether a newer generation succeeds a deleted placement in its region: it is created there, or exists and is
/// not deleted.
fn is_followed(view: &PlanView<'_>, at: &PlacementKey) -> bool {
    let Some(generation) = view.current_after(&at.image).filter(|current| *current > at.generation) else {
        return false;
    };
    let successor = PlacementKey { generation, ..at.clone() };
    let is_there = view.prior.placement(&successor).is_some_and(|placement| !placement.state.is_failed())
        || view.plan.edits.iter().any(|edit| matches!(edit, Edit::Adopt { at, .. } if *at == successor));
    view.steps_at(&successor).any(|(_, step)| step.operation.makes_image())
        || is_there && !view.is_deleted(&successor)
}

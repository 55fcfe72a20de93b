//! What is the case after an apply: computed once, for every format.
//!
//! It is computed from the plan, from how its steps ended, and from the state before and after the run, so it says what
//! exists and not what was planned. The loss of an image is judged by account: an account that saw an image of an entry
//! in a region before, that the plan does not take it from, and that sees none afterwards.

mod access;
mod causes;
mod document;
mod next;
mod text;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use compact_str::CompactString;

pub(in crate::report) use access::Missing;
pub(in crate::report) use causes::{Cause, CauseKind};
pub(in crate::report) use document::ResultDocument;
pub use document::{outcome_json, outcome_schema};
pub(in crate::report) use next::{Next, give_up};
pub use text::applied_text;
pub(in crate::report) use text::title;

use crate::diagnostics::{Place, sanitize};
use crate::diff::{Action, ImageChange};
use crate::manifest::Desired;
use crate::model::{Accounts, GenerationNumber, ImageId, ImageKey, ImageState, Region};
use crate::plan::{Outcome, Plan, StepOutcome};
use crate::state::{Recorded, StepId};

/// Largest number of regions that are named; more are counted.
const NAMED_REGIONS: usize = 4;

/// What an apply started from and what became of it.
pub struct Run<'a> {
    /// The plan.
    pub plan: &'a Plan,
    /// The state that the plan was made from.
    pub prior: &'a Recorded,
    /// The state after the run.
    pub after: &'a Recorded,
    /// How each step ended.
    pub outcome: &'a Outcome,
    /// The manifest.
    pub desired: &'a Desired,
    /// The command that continues: `apply`.
    pub command: &'a str,
    /// Returns the file and the line of a place.
    pub locate: &'a dyn Fn(&Place) -> Option<String>,
}

/// What is the case after an apply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApplyResult {
    /// The entries that the plan changes.
    pub(in crate::report) entries: Vec<EntryResult>,
    /// Why entries are incomplete, failures first.
    pub(in crate::report) causes: Vec<Cause>,
    /// Entries that are incomplete for a cause that is not their own, by that cause.
    pub(in crate::report) held_up: BTreeMap<String, Vec<ImageKey>>,
    /// What the plan asks for and is not there.
    pub(in crate::report) missing: Vec<Missing>,
    /// Accounts without an image that they had and that the plan does not take from them.
    pub(in crate::report) lost: Vec<Missing>,
    /// What can be said about the access of all accounts. `None` if no account saw an image before, or one lost its image.
    pub(in crate::report) access: Option<&'static str>,
    /// What a reader does next.
    pub(in crate::report) next: Next,
}

/// An entry after an apply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::report) struct EntryResult {
    pub(in crate::report) image: ImageKey,
    pub(in crate::report) action: Action,
    /// The generation that the plan asks for. `None` if the entry is deleted.
    pub(in crate::report) wanted: Option<Generation>,
    pub(in crate::report) regions: BTreeMap<Region, RegionResult>,
}

/// An entry in a region after an apply.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::report) struct RegionResult {
    /// Every step of the entry in the region is done.
    pub(in crate::report) is_complete: bool,
    /// All images of the entry there.
    pub(in crate::report) images: Vec<PlacedImage>,
}

/// An image after an apply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::report) struct PlacedImage {
    pub(in crate::report) generation: Generation,
    pub(in crate::report) id: ImageId,
    pub(in crate::report) name: CompactString,
    pub(in crate::report) state: ImageState,
    /// Consumers use it.
    pub(in crate::report) serves: bool,
    /// Everyone that it is shared with.
    pub(in crate::report) accounts: Accounts,
}

/// A generation, and the revision that people know it by.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::report) struct Generation {
    pub(in crate::report) number: GenerationNumber,
    pub(in crate::report) revision: Option<CompactString>,
}

impl Generation {
    fn of(run: &Run<'_>, image: &ImageKey, number: GenerationNumber) -> Self {
        let recorded = |state: &Recorded| {
            let build = state.images.get(image)?.generations.get(&number)?;
            Some(build.source.revision.clone())
        };
        let planned = || {
            let change = run.plan.changes.iter().find(|change| change.image == *image)?;
            change.source.as_ref().filter(|_| change.generation == Some(number))?.revision.clone()
        };
        let revision = recorded(run.after).or_else(|| recorded(run.prior));
        Self { number, revision: revision.unwrap_or_else(planned) }
    }

    /// Returns `2026-W49`, or `generation 3`. `code` marks text of a user.
    pub(in crate::report) fn name(&self, code: &dyn Fn(&str) -> String) -> String {
        match &self.revision {
            // A bare number would be read as a count.
            Some(revision) if revision.chars().all(|c| c.is_ascii_digit()) => {
                format!("revision {}", code(revision))
            }
            Some(revision) => code(revision),
            None => format!("generation {}", self.number),
        }
    }
}

impl EntryResult {
    pub(in crate::report) fn is_complete(&self) -> bool {
        self.regions.values().all(|region| region.is_complete)
    }

    /// Returns what is the case with an entry that is complete: `2026-W49 serves in 8 regions`.
    pub(in crate::report) fn sentence(&self, code: &dyn Fn(&str) -> String) -> String {
        let all: Vec<&Region> = self.regions.keys().collect();
        if self.wanted.is_none() {
            return format!("deleted in {}", regions(&all));
        }
        let mut serving: Vec<(Option<&Generation>, Vec<&Region>)> = Vec::new();
        for (region, result) in &self.regions {
            let generation = result.serving().map(|image| &image.generation);
            match serving.iter_mut().find(|(known, _)| *known == generation) {
                Some((_, regions)) => regions.push(region),
                None => serving.push((generation, vec![region])),
            }
        }
        let clauses = serving.into_iter().map(|(generation, at)| match generation {
            Some(generation) => format!("{} serves in {}", generation.name(code), regions(&at)),
            None => format!("nothing serves in {}", regions(&at)),
        });
        clauses.collect::<Vec<_>>().join("; ")
    }

    /// Returns in how many regions an entry is complete: `7 of 8 regions`.
    pub(in crate::report) fn extent(&self) -> String {
        let complete = self.regions.values().filter(|region| region.is_complete).count();
        format!("{complete} of {}", super::count(self.regions.len(), "region", "regions"))
    }
}

impl RegionResult {
    /// Returns the image that consumers use.
    pub(in crate::report) fn serving(&self) -> Option<&PlacedImage> {
        self.images.iter().find(|image| image.serves)
    }
}

/// Returns the names of a few regions, or the number of many.
pub(in crate::report) fn regions(all: &[&Region]) -> String {
    match all.len() {
        0..=NAMED_REGIONS => all.iter().map(|region| region.as_str()).collect::<Vec<_>>().join(", "),
        many => format!("{many} regions"),
    }
}

impl ApplyResult {
    /// Computes what is the case after a run.
    pub fn of(run: &Run<'_>) -> Self {
        let outcomes: BTreeMap<&StepId, &StepOutcome> =
            run.outcome.steps.iter().map(|step| (&step.step, &step.outcome)).collect();
        let entries = entries(run, &outcomes);
        let mut causes = causes::causes(run, &outcomes);
        for cause in &mut causes {
            cause.fix = next::fix(run, cause);
        }
        let held_up = held_up(run, &outcomes, &entries, &causes);
        let missing = access::missing(run, &outcomes);
        let (lost, access) = access::lost(run);
        let next = next::next(run, &entries, &causes);
        Self { entries, causes, held_up, missing, lost, access, next }
    }

    /// Returns `29 images complete`, or `27 of 29 images complete, 2 incomplete`.
    pub(in crate::report) fn extent(&self) -> String {
        let all = self.entries.len();
        let complete = self.entries.iter().filter(|entry| entry.is_complete()).count();
        match all.saturating_sub(complete) {
            0 if all == 0 => "no image changed".to_owned(),
            0 => super::count(all, "image complete", "images complete"),
            incomplete => {
                let images = if all == 1 { "image" } else { "images" };
                format!("{complete} of {all} {images} complete, {incomplete} incomplete")
            }
        }
    }

    /// Returns the entries that are complete, those of which the same is the case together.
    pub(in crate::report) fn complete(&self) -> Vec<Vec<&EntryResult>> {
        let mut groups: Vec<Vec<&EntryResult>> = Vec::new();
        let mut known: BTreeMap<(String, Vec<&Region>), usize> = BTreeMap::new();
        for entry in self.entries.iter().filter(|entry| entry.is_complete()) {
            let shape = (entry.sentence(&|text| text.to_owned()), entry.regions.keys().collect());
            let next = groups.len();
            let position = *known.entry(shape).or_insert(next);
            match groups.get_mut(position) {
                Some(group) => group.push(entry),
                None => groups.push(vec![entry]),
            }
        }
        groups
    }

    /// Returns whether a step failed or an account lost an image.
    pub(in crate::report) fn has_failed(&self) -> bool {
        !self.lost.is_empty() || self.causes.iter().any(|cause| cause.kind == CauseKind::Failed)
    }
}

/// Returns `1544 steps done, 2 failed, 1 pending, 11 skipped`.
pub(in crate::report) fn tally(outcome: &Outcome) -> String {
    let done = outcome.count(|step| *step == StepOutcome::Done);
    let mut text = format!("{} done", super::count(done, "step", "steps"));
    for (number, word) in [
        (outcome.count(StepOutcome::is_failed), "failed"),
        (outcome.count(|step| matches!(step, StepOutcome::Pending { .. })), "pending"),
        (outcome.count(|step| matches!(step, StepOutcome::Unknown(_))), "unknown"),
        (outcome.count(|step| matches!(step, StepOutcome::Skipped { .. })), "skipped"),
        (outcome.count(|step| *step == StepOutcome::NotStarted), "not started"),
    ] {
        if number > 0 {
            text.push_str(&format!(", {number} {word}"));
        }
    }
    text
}

/// Returns `2.0 s`, `5 min 04 s` or `2 h 04 min`.
pub(in crate::report) fn in_words(time: Duration) -> String {
    let seconds = time.as_secs();
    let (minutes, hours) = (seconds / 60, seconds / 3600);
    match (hours, minutes) {
        (0, 0) => format!("{:.1} s", time.as_secs_f64()),
        (0, minutes) => format!("{minutes} min {:02} s", seconds % 60),
        (hours, minutes) => format!("{hours} h {:02} min", minutes % 60),
    }
}

fn plain(text: &str) -> String {
    sanitize::escape_truncated(text)
}

/// What is the case with each entry that the plan changes.
fn entries(run: &Run<'_>, outcomes: &BTreeMap<&StepId, &StepOutcome>) -> Vec<EntryResult> {
    // Whether all steps of an entry in a region are done.
    let mut done: BTreeMap<&ImageKey, BTreeMap<&Region, bool>> = BTreeMap::new();
    for (_, step) in run.plan.graph.steps() {
        let is_done = outcomes.get(&step.id).is_some_and(|outcome| **outcome == StepOutcome::Done);
        let regions = done.entry(&step.at().image).or_default();
        *regions.entry(&step.at().region).or_insert(true) &= is_done;
    }
    let changes =
        |change: &&ImageChange| change.action != Action::Unchanged || done.contains_key(&change.image);
    let entry = |change: &ImageChange| {
        let image = &change.image;
        let recorded = run.after.images.get(image);
        let current = change.generation.and_then(|wanted| recorded?.generations.get(&wanted));
        let mut at: BTreeSet<&Region> =
            change.placements.iter().map(|placement| &placement.at.region).collect();
        at.extend(done.get(image).into_iter().flat_map(|regions| regions.keys().copied()));
        at.extend(current.iter().flat_map(|build| build.placements.keys()));
        let region = |region: &Region| {
            let serving = run.after.serving(image, region).map(|(generation, _)| generation);
            let generations = recorded.into_iter().flat_map(|image| &image.generations);
            let images = generations.filter_map(|(number, build)| {
                let placement = build.placements.get(region)?;
                Some(PlacedImage {
                    generation: Generation::of(run, image, *number),
                    id: placement.id.clone(),
                    name: placement.name.clone(),
                    state: placement.state,
                    serves: serving == Some(*number),
                    accounts: placement.everyone(),
                })
            });
            let is_complete =
                done.get(image).and_then(|regions| regions.get(region)).copied().unwrap_or(true);
            RegionResult { is_complete, images: images.collect() }
        };
        EntryResult {
            image: image.clone(),
            action: change.action,
            wanted: change.generation.map(|number| Generation::of(run, image, number)),
            regions: at.into_iter().map(|at| (at.clone(), region(at))).collect(),
        }
    };
    run.plan.changes.iter().filter(changes).map(entry).collect()
}

/// The incomplete entries that have no cause of their own, by what they wait for.
fn held_up(
    run: &Run<'_>,
    outcomes: &BTreeMap<&StepId, &StepOutcome>,
    entries: &[EntryResult],
    causes: &[Cause],
) -> BTreeMap<String, Vec<ImageKey>> {
    let has_cause: BTreeSet<&ImageKey> =
        causes.iter().flat_map(|cause| &cause.places).map(|place| &place.at.image).collect();
    let mut why: BTreeMap<&ImageKey, &StepId> = BTreeMap::new();
    for (_, step) in run.plan.graph.steps() {
        if let Some(StepOutcome::Skipped { because }) = outcomes.get(&step.id) {
            why.entry(&step.at().image).or_insert(because);
        }
    }
    let mut held_up: BTreeMap<String, Vec<ImageKey>> = BTreeMap::new();
    for entry in entries.iter().filter(|entry| !entry.is_complete() && !has_cause.contains(&entry.image)) {
        let why = why.get(&entry.image).map(|step| format!("it waits for `{step}`"));
        let why = why.unwrap_or_else(|| "the run ended before".to_owned());
        held_up.entry(why).or_default().push(entry.image.clone());
    }
    held_up
}

#[cfg(test)]
mod tests;

//! Slot scheduling: an order in which no region ever holds more images than its limit.
//!
//! A run is played through step by step: a create or copy takes a token of its region when it starts, a delete
//! gives one back when it has settled. Deletes and what takes nothing go as soon as they can. Of the makes, those
//! go first whose predecessor is deleted in the same region right after (a replacement costs nothing in the end),
//! then those that lead to a delete elsewhere (a move), then additions, which only take. Each make is given one
//! particular token; where that token is a delete's, the make waits for that delete. The played order keeps every
//! edge, so the new edges close no circle, whatever the regions; and since every make holds a token of its own,
//! the bound holds in every interleaving, not only in the played one.
//!
//! Where the play is stuck, a retiring placement goes *before* its successor: the fewest that let the play end,
//! region by region in name order, the smallest blast radius first. Its successor is then made last.

use std::collections::{BTreeMap, BTreeSet};

use super::graph::{EdgeReason, StepIndex};
use super::lower::Draft;
use super::peak::peak_when_taking;
use crate::manifest::{Level, ReplaceOrder};
use crate::model::{Operation, PlacementKey, Region};

/// The slots of a region: the limit, and what it holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slots {
    /// The largest number of custom images.
    pub limit: usize,
    /// What it holds now, managed or not.
    pub used: usize,
}

/// How much searching is worth it: plays of the whole plan.
const PLAYS: usize = 2_000;
/// Steps times plays that are affordable at the most.
const WORK: usize = 4_000_000;
/// The most edges of a region that are tried for being necessary.
const TRIED_EDGES: usize = 64;

/// Why the play cannot go on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Stuck {
    /// Regions without a token, in which something could be made otherwise.
    pub regions: BTreeSet<Region>,
}

/// What a make leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Class {
    /// Its predecessor is deleted in the same region.
    Replacement,
    /// Something is deleted elsewhere.
    Move,
    /// Nothing is deleted.
    Addition,
    /// Its predecessor went first: it is made last.
    Last,
}

/// A make of a played run, and the delete whose token it holds; nothing: a slot that was free.
type Grants = Vec<(StepIndex, Option<StepIndex>)>;

struct Board<'d, 'a> {
    draft: &'d Draft<'a>,
    slots: &'d BTreeMap<Region, Slots>,
    /// Regions in which more is made than is free: only there do tokens matter.
    tight: BTreeSet<Region>,
    order: Vec<StepIndex>,
    class: BTreeMap<StepIndex, Class>,
}

/// Where a play is.
#[derive(Clone)]
struct Play {
    waits: Vec<usize>,
    done: Vec<bool>,
    free: BTreeMap<Region, usize>,
    tokens: BTreeMap<Region, Vec<StepIndex>>,
    /// Deletes that only bring a region back to its limit give no token.
    debt: BTreeMap<Region, usize>,
    grants: Grants,
}

impl<'d, 'a> Board<'d, 'a> {
    fn new(draft: &'d Draft<'a>, slots: &'d BTreeMap<Region, Slots>) -> Option<Self> {
        let order = draft.graph.check().ok()?;
        let mut made: BTreeMap<&Region, usize> = BTreeMap::new();
        for (_, step) in draft.graph.steps().filter(|(_, step)| step.operation.makes_image()) {
            *made.entry(&step.at().region).or_default() += 1;
        }
        let tight = made
            .into_iter()
            .filter(|(region, made)| {
                slots.get(*region).is_some_and(|slots| slots.used.saturating_add(*made) > slots.limit)
            })
            .map(|(region, _)| region.clone())
            .collect();
        let mut board = Self { draft, slots, tight, order, class: BTreeMap::new() };
        if !board.tight.is_empty() {
            board.classify();
        }
        Some(board)
    }

    /// What each make leads to, found backwards along the order.
    fn classify(&mut self) {
        let graph = &self.draft.graph;
        // Whether a delete follows, by step.
        let mut leads: BTreeSet<StepIndex> = BTreeSet::new();
        for &index in self.order.iter().rev() {
            let is_delete =
                graph.step(index).is_some_and(|step| matches!(step.operation, Operation::Delete { .. }));
            if is_delete || graph.awaited_by(index).any(|(next, _)| leads.contains(&next)) {
                leads.insert(index);
            }
        }
        for (index, step) in graph.steps().filter(|(_, step)| step.operation.makes_image()) {
            let at = step.at();
            let mut class = if leads.contains(&index) { Class::Move } else { Class::Addition };
            for (other, lowered) in &self.draft.placements {
                if other.image == at.image
                    && other.region == at.region
                    && lowered.steps.delete.is_some()
                    && *other != at
                {
                    let is_early = self.draft.early.contains(*other);
                    class = match class {
                        _ if is_early => Class::Last,
                        Class::Last => Class::Last,
                        _ => Class::Replacement,
                    };
                }
            }
            self.class.insert(index, class);
        }
    }

    fn start(&self) -> Play {
        let graph = &self.draft.graph;
        let mut free = BTreeMap::new();
        let mut debt = BTreeMap::new();
        for region in &self.tight {
            if let Some(Slots { limit, used }) = self.slots.get(region) {
                free.insert(region.clone(), limit.saturating_sub(*used));
                debt.insert(region.clone(), used.saturating_sub(*limit));
            }
        }
        Play {
            waits: graph.steps().map(|(index, _)| graph.waits_for(index).count()).collect(),
            done: vec![false; graph.len()],
            free,
            tokens: BTreeMap::new(),
            debt,
            grants: Vec::new(),
        }
    }

    fn is_ready(play: &Play, step: StepIndex) -> bool {
        play.done.get(step.index()) == Some(&false) && play.waits.get(step.index()) == Some(&0)
    }

    fn finish(&self, play: &mut Play, step: StepIndex) {
        if let Some(done) = play.done.get_mut(step.index()) {
            *done = true;
        }
        for (next, _) in self.draft.graph.awaited_by(step) {
            if let Some(waits) = play.waits.get_mut(next.index()) {
                *waits = waits.saturating_sub(1);
            }
        }
    }

    /// Everything that takes no token, as long as anything can.
    fn run_free(&self, play: &mut Play) {
        let graph = &self.draft.graph;
        let mut ready: Vec<StepIndex> =
            self.order.iter().rev().copied().filter(|index| Self::is_ready(play, *index)).collect();
        while let Some(index) = ready.pop() {
            let Some(step) = graph.step(index) else { continue };
            let region = &step.at().region;
            if !Self::is_ready(play, index) || (step.operation.makes_image() && self.tight.contains(region)) {
                continue;
            }
            if matches!(step.operation, Operation::Delete { .. }) && self.tight.contains(region) {
                match play.debt.get_mut(region) {
                    Some(debt) if *debt > 0 => *debt = debt.saturating_sub(1),
                    _ => play.tokens.entry(region.clone()).or_default().push(index),
                }
            }
            self.finish(play, index);
            let mut next: Vec<StepIndex> = graph.awaited_by(index).map(|(next, _)| next).collect();
            next.retain(|next| Self::is_ready(play, *next));
            ready.extend(next);
        }
    }

    /// The makes that could start now, were there a token, the best first.
    fn candidates(&self, play: &Play) -> Vec<(Class, StepIndex)> {
        let mut candidates: Vec<(Class, StepIndex)> = self
            .class
            .iter()
            .filter(|(index, _)| Self::is_ready(play, **index))
            .map(|(index, class)| (*class, *index))
            .collect();
        candidates.sort();
        candidates
    }

    fn has_token(&self, play: &Play, region: &Region) -> bool {
        play.free.get(region).is_some_and(|free| *free > 0)
            || play.tokens.get(region).is_some_and(|tokens| !tokens.is_empty())
    }

    /// Whether an addition would take a slot that a replacement or move in its region still needs.
    fn is_early_for_additions(&self, play: &Play, region: &Region) -> bool {
        self.class.iter().any(|(index, class)| {
            *class < Class::Addition
                && play.done.get(index.index()) == Some(&false)
                && self.draft.graph.step(*index).is_some_and(|step| step.at().region == *region)
        })
    }

    /// Plays to the end.
    fn play(&self, budget: &mut usize) -> Result<Grants, Stuck> {
        self.play_on(self.start(), budget)
    }

    fn play_on(&self, mut play: Play, budget: &mut usize) -> Result<Grants, Stuck> {
        *budget = budget.saturating_sub(1);
        loop {
            self.run_free(&mut play);
            let candidates = self.candidates(&play);
            if candidates.is_empty() {
                return if play.done.iter().all(|done| *done) {
                    Ok(play.grants)
                } else {
                    Err(Stuck::default())
                };
            }
            let region_of = |index: StepIndex| self.draft.graph.step(index).map(|step| &step.at().region);
            let runnable: Vec<(Class, StepIndex)> = candidates
                .iter()
                .copied()
                .filter(|(class, index)| {
                    region_of(*index).is_some_and(|region| {
                        self.has_token(&play, region)
                            && !(*class == Class::Addition && self.is_early_for_additions(&play, region))
                    })
                })
                .collect();
            let Some(&(class, first)) = runnable.first() else {
                let regions = candidates
                    .iter()
                    .filter_map(|(_, index)| region_of(*index))
                    .filter(|region| !self.has_token(&play, region))
                    .cloned()
                    .collect();
                return Err(Stuck { regions });
            };
            // Moves compete for tokens: where the first choice gets stuck, the others are tried.
            let rivals: Vec<StepIndex> =
                runnable.iter().filter(|(other, _)| *other == class).map(|(_, index)| *index).collect();
            if class == Class::Move && rivals.len() > 1 && *budget > 0 {
                let mut stuck = Stuck::default();
                for rival in rivals {
                    let mut branch = play.clone();
                    self.grant(&mut branch, rival);
                    match self.play_on(branch, budget) {
                        Ok(grants) => return Ok(grants),
                        Err(why) if stuck.regions.is_empty() => stuck = why,
                        Err(_) => {}
                    }
                    if *budget == 0 {
                        break;
                    }
                }
                return Err(stuck);
            }
            self.grant(&mut play, first);
        }
    }

    /// A make takes a token: one whose delete it waits for anyway, else a free slot, else the oldest delete's.
    fn grant(&self, play: &mut Play, make: StepIndex) {
        let graph = &self.draft.graph;
        let Some(region) = graph.step(make).map(|step| step.at().region.clone()) else { return };
        let tokens = play.tokens.entry(region.clone()).or_default();
        let free = play.free.entry(region).or_default();
        let implied = tokens.iter().position(|delete| graph.must_precede(*delete, make));
        let token = match implied {
            Some(position) => Some(tokens.remove(position)),
            None if *free > 0 => {
                *free = free.saturating_sub(1);
                None
            }
            None if !tokens.is_empty() => Some(tokens.remove(0)),
            None => None,
        };
        play.grants.push((make, token));
        self.finish(play, make);
    }
}

/// Which placements go before their successors, so that the rest fits; an error where nothing makes it fit.
pub fn choose_early(
    draft: &mut Draft<'_>,
    slots: &BTreeMap<Region, Slots>,
) -> Result<BTreeSet<PlacementKey>, Stuck> {
    let mut budget = PLAYS.min(WORK / draft.graph.len().max(1)).max(8);
    let first = {
        let Some(board) = Board::new(draft, slots) else { return Ok(BTreeSet::new()) };
        if board.tight.is_empty() {
            return Ok(BTreeSet::new());
        }
        board.play(&mut budget)
    };
    let Err(stuck) = first else { return Ok(BTreeSet::new()) };
    // The first solution that is found, region by region: an upper bound. Then whether fewer do.
    let mut all = BTreeSet::new();
    let upper = follow(draft, slots, stuck.clone(), usize::MAX, &mut all, &mut budget);
    let Some(mut best) = upper else { return Err(stuck) };
    for fewer in 1..best.len() {
        let mut chosen = BTreeSet::new();
        if budget == 0 {
            break;
        }
        if let Some(found) = follow(draft, slots, stuck.clone(), fewer, &mut chosen, &mut budget) {
            best = found;
            break;
        }
    }
    Ok(best)
}

/// Lets one more placement go early, and plays again; at most `most` of them.
fn follow(
    draft: &mut Draft<'_>,
    slots: &BTreeMap<Region, Slots>,
    stuck: Stuck,
    most: usize,
    chosen: &mut BTreeSet<PlacementKey>,
    budget: &mut usize,
) -> Option<BTreeSet<PlacementKey>> {
    if chosen.len() >= most {
        return None;
    }
    for region in &stuck.regions {
        for candidate in early_candidates(draft, region, chosen) {
            if *budget == 0 {
                return None;
            }
            chosen.insert(candidate.clone());
            let result = {
                let mut tried = draft.with_early(chosen);
                let result = match Board::new(&tried, slots) {
                    Some(board) => board.play(budget),
                    None => Err(Stuck::default()),
                };
                match result {
                    Ok(_) => Some(chosen.clone()),
                    Err(stuck) => follow(&mut tried, slots, stuck, most, chosen, budget),
                }
            };
            if result.is_some() {
                return result;
            }
            chosen.remove(&candidate);
        }
    }
    None
}

/// Retiring placements of a region that may go before their successor, the smallest blast radius first.
fn early_candidates(
    draft: &Draft<'_>,
    region: &Region,
    chosen: &BTreeSet<PlacementKey>,
) -> Vec<PlacementKey> {
    let gaps_are_refused = draft.desired.levels.get("share_gap") == Some(&Level::Deny);
    let mut candidates: Vec<(usize, &PlacementKey)> = draft
        .placements
        .iter()
        .filter(|(at, lowered)| {
            let image = draft.desired.images.get(&at.image);
            let is_auto = image.is_some_and(|image| image.replace == ReplaceOrder::Auto && !image.protect);
            let is_protected = draft.prior.images.get(&at.image).is_some_and(|image| image.protect);
            at.region == *region
                && is_auto
                && !is_protected
                && lowered.steps.delete.is_some()
                && lowered.steps.make.is_none()
                && !chosen.contains(**at)
                && draft.successor_of(at).is_some()
                && !(gaps_are_refused && !lowered.change.unshare.is_empty())
        })
        .map(|(at, lowered)| (lowered.change.unshare.len(), *at))
        .collect();
    candidates.sort();
    candidates.into_iter().map(|(_, at)| at.clone()).collect()
}

/// Hands the slots out: each make beyond the free ones waits for one particular delete.
pub fn hand_out(draft: &mut Draft<'_>, slots: &BTreeMap<Region, Slots>) -> Result<(), Stuck> {
    let grants = {
        let Some(board) = Board::new(draft, slots) else { return Ok(()) };
        if board.tight.is_empty() {
            return Ok(());
        }
        let mut budget = PLAYS.min(WORK / draft.graph.len().max(1)).max(8);
        board.play(&mut budget)?
    };
    let mut added: BTreeMap<Region, Vec<(StepIndex, StepIndex)>> = BTreeMap::new();
    for (make, delete) in grants {
        let Some(delete) = delete else { continue };
        if draft.graph.must_precede(delete, make) {
            continue;
        }
        if let Some(region) = draft.graph.step(make).map(|step| step.at().region.clone()) {
            draft.graph.wait(make, delete, EdgeReason::SlotFreed { region: region.clone() });
            added.entry(region).or_default().push((make, delete));
        }
    }
    for (region, edges) in added {
        if edges.len() <= TRIED_EDGES {
            drop_needless(draft, slots, &region, &edges);
        }
    }
    Ok(())
}

/// Takes out slot edges of a region without which the peak stays within the limit.
fn drop_needless(
    draft: &mut Draft<'_>,
    slots: &BTreeMap<Region, Slots>,
    region: &Region,
    edges: &[(StepIndex, StepIndex)],
) {
    let Some(Slots { limit, used }) = slots.get(region).copied() else { return };
    let (takers, givers) = weights(draft, region);
    for (make, delete) in edges {
        let Some(reason) = draft.graph.unwait(*make, *delete) else { continue };
        if peak_when_taking(&draft.graph, used, limit, &takers, &givers) > limit {
            draft.graph.wait(*make, *delete, reason);
        }
    }
}

type Weights = Vec<(StepIndex, usize)>;

fn weights(draft: &Draft<'_>, region: &Region) -> (Weights, Weights) {
    let here = || draft.graph.steps().filter(|(_, step)| step.at().region == *region);
    let takers = here().filter(|(_, step)| step.operation.makes_image()).map(|(index, _)| (index, 1));
    let givers = here()
        .filter(|(_, step)| matches!(step.operation, Operation::Delete { .. }))
        .map(|(index, _)| (index, 1));
    (takers.collect(), givers.collect())
}

/// The slots that are missing where nothing fits: what has to be free, region by region, for the play to end.
pub fn missing(draft: &Draft<'_>, slots: &BTreeMap<Region, Slots>) -> BTreeMap<Region, usize> {
    let mut missing: BTreeMap<Region, usize> = BTreeMap::new();
    let mut roomier = slots.clone();
    let mut budget = 64;
    // Each turn frees one slot of the first region that is stuck; it ends, since a region with room for
    // everything is not tight.
    for _ in 0..draft.graph.len().saturating_add(1) {
        let result = match Board::new(draft, &roomier) {
            Some(board) => board.play(&mut budget),
            None => return missing,
        };
        let Err(stuck) = result else { return missing };
        let Some(region) = stuck.regions.first() else { return missing };
        *missing.entry(region.clone()).or_default() += 1;
        if let Some(slots) = roomier.get_mut(region) {
            slots.limit = slots.limit.max(slots.used).saturating_add(1).max(slots.limit.saturating_add(1));
        }
    }
    missing
}

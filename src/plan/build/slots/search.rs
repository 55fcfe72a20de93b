//! Depth-first search for an order that fits. Backtracks if it is stuck.

use std::collections::{BTreeSet, HashSet};

use super::Stuck;
use super::problem::{Priority, SlotEffect, SlotProblem, add};
use crate::plan::step_map::{StepIndex, StepMap};

/// Largest number of makes of a region that are considered at a choice.
const CONSIDERED: usize = 32;

/// Number of steps that may still be tried after the first path got stuck.
#[derive(Debug, Clone, Copy)]
pub(super) struct Budget(pub(super) usize);

/// A choice among makes of which none is known to be safe.
struct Choice {
    /// How many steps were done before it.
    mark: usize,
    /// Those that were not tried yet, the next one last.
    left: Vec<StepIndex>,
}

pub(super) struct SlotSearch<'b, 'd> {
    problem: &'b SlotProblem<'d>,
    /// By step: how many steps it still waits for.
    waits: StepMap<usize>,
    /// By region: how many images it holds.
    used: Vec<usize>,
    /// By region: the makes that could start.
    ready: Vec<BTreeSet<(Priority, StepIndex)>>,
    /// Steps that need no slot and can run.
    free: Vec<StepIndex>,
    /// The steps that are done, in order.
    done: Vec<StepIndex>,
    /// A hash of the set of them.
    key: u64,
    /// How many makes that lead to a delete are not done.
    leading: usize,
    stuck: Option<Stuck>,
}

impl<'b, 'd> SlotSearch<'b, 'd> {
    pub(super) fn new(problem: &'b SlotProblem<'d>) -> Self {
        let graph = problem.graph;
        let is_leading =
            |effect: &&SlotEffect| matches!(effect, SlotEffect::Make { priority, .. } if priority.leads());
        let mut search = Self {
            problem,
            waits: graph.map(|index| graph.waits_for(index).count()),
            used: problem.regions.iter().map(|(_, slots)| slots.used).collect(),
            ready: vec![BTreeSet::new(); problem.regions.len()],
            free: Vec::new(),
            done: Vec::with_capacity(graph.len()),
            key: 0,
            leading: problem.effects.values().filter(is_leading).count(),
            stuck: None,
        };
        for index in graph.indices() {
            if search.waits[index] == 0 {
                search.mark_ready(index);
            }
        }
        search.free.reverse();
        search
    }

    /// Returns an order that fits.
    ///
    /// # Errors
    /// The furthest point, if no order fits or the budget is spent.
    pub(super) fn run(mut self, budget: &mut Budget) -> Result<Vec<StepIndex>, Stuck> {
        let mut seen: HashSet<u64> = HashSet::new();
        let mut choices: Vec<Choice> = Vec::new();
        loop {
            self.run_free();
            while self.run_safe_make() {}
            if self.leading == 0 && self.run_remaining_makes() {
                return Ok(self.done);
            }
            let mut left = if seen.insert(self.key) { self.choices() } else { Vec::new() };
            if left.is_empty() {
                self.remember_stuck();
            }
            left.reverse();
            choices.push(Choice { mark: self.done.len(), left });
            // The next choice that was not tried, here or further back.
            loop {
                let Some(choice) = choices.last_mut() else { return Err(self.stuck.unwrap_or_default()) };
                if self.done.len() > choice.mark {
                    let undone = self.done.len().saturating_sub(choice.mark);
                    budget.0 = budget.0.saturating_sub(undone);
                    let mark = choice.mark;
                    self.undo(mark);
                }
                let Some(choice) = choices.last_mut() else { continue };
                if let Some(next) = choice.left.pop().filter(|_| budget.0 > 0 || self.stuck.is_none()) {
                    self.settle(next);
                    break;
                }
                choices.pop();
            }
        }
    }

    fn has_slot(&self, region: usize) -> bool {
        match (self.used.get(region), self.problem.regions.get(region)) {
            (Some(used), Some((_, slots))) => *used < slots.limit,
            _ => false,
        }
    }

    /// Marks a step whose predecessors are all done.
    fn mark_ready(&mut self, step: StepIndex) {
        match self.problem.effects[step] {
            SlotEffect::Make { region, priority } => {
                if let Some(ready) = self.ready.get_mut(region) {
                    ready.insert((priority, step));
                }
            }
            SlotEffect::Neither | SlotEffect::Delete { .. } => self.free.push(step),
        }
    }

    fn settle(&mut self, step: StepIndex) {
        self.done.push(step);
        self.key ^= scatter(step);
        match self.problem.effects[step] {
            SlotEffect::Make { region, priority } => {
                add(&mut self.used, region, 1);
                self.leading = self.leading.saturating_sub(usize::from(priority.leads()));
                if let Some(ready) = self.ready.get_mut(region) {
                    ready.remove(&(priority, step));
                }
            }
            SlotEffect::Delete { region } => add(&mut self.used, region, -1),
            SlotEffect::Neither => {}
        }
        let graph = self.problem.graph;
        for (next, _) in graph.awaited_by(step) {
            let waits = &mut self.waits[next];
            *waits = waits.saturating_sub(1);
            if *waits == 0 {
                self.mark_ready(next);
            }
        }
    }

    /// Takes steps back, the last first. Only makes were ready then: a step that needs no slot always runs at once.
    fn undo(&mut self, mark: usize) {
        let graph = self.problem.graph;
        while self.done.len() > mark {
            let Some(step) = self.done.pop() else { return };
            self.key ^= scatter(step);
            for (next, _) in graph.awaited_by(step) {
                let waits = &mut self.waits[next];
                *waits = waits.saturating_add(1);
                if let SlotEffect::Make { region, priority } = self.problem.effects[next]
                    && let Some(ready) = self.ready.get_mut(region)
                {
                    ready.remove(&(priority, next));
                }
            }
            match self.problem.effects[step] {
                SlotEffect::Make { region, priority } => {
                    add(&mut self.used, region, -1);
                    self.leading = self.leading.saturating_add(usize::from(priority.leads()));
                    if let Some(ready) = self.ready.get_mut(region) {
                        ready.insert((priority, step));
                    }
                }
                SlotEffect::Delete { region } => add(&mut self.used, region, 1),
                SlotEffect::Neither => {}
            }
        }
    }

    /// Runs every step that needs no slot, until none is ready.
    fn run_free(&mut self) {
        while let Some(step) = self.free.pop() {
            self.settle(step);
        }
    }

    /// Returns makes that lead to a delete and have a free slot, a few of each region.
    fn candidates(&self, region: usize) -> Vec<StepIndex> {
        let ready = self.ready.get(region).filter(|_| self.has_slot(region));
        let leading = ready.into_iter().flatten().filter(|(priority, _)| priority.leads());
        leading.take(CONSIDERED).map(|(_, step)| *step).collect()
    }

    /// Runs one make that leaves its region no fuller than before, with everything that follows from it.
    fn run_safe_make(&mut self) -> bool {
        for region in 0..self.problem.regions.len() {
            let before = self.used.get(region).copied();
            // The first is nearly always safe, so the others are listed only if it is not.
            let first = self.ready.get(region).filter(|_| self.has_slot(region)).and_then(BTreeSet::first);
            let Some(&(_, first)) = first.filter(|(priority, _)| priority.leads()) else { continue };
            if self.run_if_safe(first, region, before) {
                return true;
            }
            for step in self.candidates(region) {
                if step != first && self.run_if_safe(step, region, before) {
                    return true;
                }
            }
        }
        false
    }

    fn run_if_safe(&mut self, step: StepIndex, region: usize, before: Option<usize>) -> bool {
        let mark = self.done.len();
        self.settle(step);
        self.run_free();
        let run_if_safe = self.used.get(region).copied() <= before;
        if !run_if_safe {
            self.undo(mark);
        }
        run_if_safe
    }

    /// Returns the makes that could be next, the best first.
    fn choices(&self) -> Vec<StepIndex> {
        let mut choices: Vec<(Priority, StepIndex)> = (0..self.problem.regions.len())
            .flat_map(|region| self.candidates(region))
            .filter_map(|step| match self.problem.effects[step] {
                SlotEffect::Make { priority, .. } => Some((priority, step)),
                _ => None,
            })
            .collect();
        choices.sort();
        choices.into_iter().map(|(_, step)| step).collect()
    }

    /// Runs the makes that no delete waits for. They only occupy slots, so their order does not matter.
    fn run_remaining_makes(&mut self) -> bool {
        let mark = self.done.len();
        loop {
            self.run_free();
            let next = (0..self.problem.regions.len())
                .filter(|region| self.has_slot(*region))
                .filter_map(|region| self.ready.get(region).and_then(BTreeSet::first))
                .min()
                .copied();
            match next {
                Some((_, step)) => self.settle(step),
                None if self.done.len() == self.problem.graph.len() => return true,
                None => {
                    self.remember_stuck();
                    self.undo(mark);
                    return false;
                }
            }
        }
    }

    /// Keeps the furthest point.
    fn remember_stuck(&mut self) {
        let done = self.done.len();
        if self.stuck.as_ref().is_some_and(|stuck| stuck.done >= done) {
            return;
        }
        // While a make that leads to a delete is open, one that only occupies a slot is not the obstacle.
        let waits = |(priority, _): &(Priority, StepIndex)| priority.leads() || self.leading == 0;
        let is_full = |region: &usize| {
            !self.has_slot(*region) && self.ready.get(*region).is_some_and(|ready| ready.iter().any(waits))
        };
        let full = (0..self.problem.regions.len()).filter(is_full);
        let regions =
            full.filter_map(|region| self.problem.regions.get(region)).map(|(region, _)| region.clone());
        self.stuck = Some(Stuck { regions: regions.collect(), done });
    }
}

/// Returns the hash of a step. Combined by XOR, the hashes of different sets of steps differ.
fn scatter(step: StepIndex) -> u64 {
    let mut mixed = u64::try_from(step.index()).unwrap_or(u64::MAX).wrapping_add(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

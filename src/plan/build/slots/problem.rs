//! The slot problem of a draft: the regions that may run out of slots, and the effect of each step there.

use std::collections::BTreeMap;

use super::Slots;
use crate::model::{ImageKey, Operation, Region};
use crate::plan::build::draft::Draft;
use crate::plan::graph::{Cycle, StepGraph};
use crate::plan::step_map::{StepIndex, StepMap};

/// Effect of a step on the slots of its region.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SlotEffect {
    /// No effect, or in a region with capacity for everything.
    Neither,
    /// Occupies a slot.
    Make {
        /// Index of the region.
        region: usize,
        /// Rank among the makes that could start.
        priority: Priority,
    },
    /// Frees a slot.
    Delete {
        /// Index of the region.
        region: usize,
    },
}

/// Rank of a make among those that could start. The lowest runs first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Priority {
    /// Its predecessor is deleted after it, in the same region.
    Replacement,
    /// Something is deleted after it, elsewhere.
    Move,
    /// As [`Priority::Move`], and its predecessor is deleted before it.
    LateMove,
    /// Nothing is deleted after it.
    Addition,
    /// As [`Priority::Addition`], and its predecessor is deleted before it.
    Last,
}

impl Priority {
    /// Returns whether a delete waits for it.
    pub(super) fn leads(self) -> bool {
        self < Self::Addition
    }
}

/// The regions that may run out of slots, and the effect of each step there.
pub(super) struct SlotProblem<'d> {
    pub(super) graph: &'d StepGraph,
    /// Regions in which more is made than is free, in name order.
    pub(super) regions: Vec<(Region, Slots)>,
    /// By step.
    pub(super) effects: StepMap<SlotEffect>,
}

impl<'d> SlotProblem<'d> {
    pub(super) fn new(draft: &'d Draft<'_>, slots: &BTreeMap<Region, Slots>) -> Result<Self, Cycle> {
        let graph = &draft.graph;
        let order = graph.check()?;
        let mut made: BTreeMap<&Region, usize> = BTreeMap::new();
        for (_, step) in graph.steps().filter(|(_, step)| step.operation.makes_image()) {
            *made.entry(&step.at().region).or_default() += 1;
        }
        let tight = made.into_iter().filter_map(|(region, made)| {
            let slots = *slots.get(region)?;
            (slots.used.saturating_add(made) > slots.limit).then(|| (region.clone(), slots))
        });
        let mut problem =
            Self { graph, regions: tight.collect(), effects: graph.map(|_| SlotEffect::Neither) };
        if !problem.has_room() {
            problem.set_effects(draft, &order);
        }
        Ok(problem)
    }

    /// Returns whether every region has capacity for everything at once.
    pub(super) fn has_room(&self) -> bool {
        self.regions.is_empty()
    }

    /// Returns the number of images in each region after all steps.
    pub(super) fn held_at_the_end(&self) -> Vec<usize> {
        let mut held: Vec<usize> = self.regions.iter().map(|(_, slots)| slots.used).collect();
        for effect in self.effects.values() {
            match effect {
                SlotEffect::Make { region, .. } => add(&mut held, *region, 1),
                SlotEffect::Delete { region } => add(&mut held, *region, -1),
                SlotEffect::Neither => {}
            }
        }
        held
    }

    fn set_effects(&mut self, draft: &Draft<'_>, order: &[StepIndex]) {
        let graph = self.graph;
        let regions: BTreeMap<&Region, usize> =
            self.regions.iter().enumerate().map(|(number, (region, _))| (region, number)).collect();
        // Regions where a placement retires, and whether it is deleted before its successor.
        let mut retires: BTreeMap<(&ImageKey, &Region), bool> = BTreeMap::new();
        for (&at, lowered) in &draft.placements {
            if lowered.steps.delete.is_some() && lowered.steps.make.is_none() {
                *retires.entry((&at.image, &at.region)).or_default() |= draft.delete_first.contains(at);
            }
        }
        let mut leads = graph.map(|_| false);
        for &index in order.iter().rev() {
            let step = &graph[index];
            let is_delete = matches!(step.operation, Operation::Delete { .. });
            let follows = graph.awaited_by(index).any(|(next, _)| leads[next]);
            leads[index] = is_delete || follows;
            let at = step.at();
            let Some(&region) = regions.get(&at.region) else { continue };
            let effect = if is_delete {
                SlotEffect::Delete { region }
            } else if step.operation.makes_image() {
                let priority = match (follows, retires.get(&(&at.image, &at.region))) {
                    (true, Some(false)) => Priority::Replacement,
                    (true, Some(true)) => Priority::LateMove,
                    (true, None) => Priority::Move,
                    (false, Some(true)) => Priority::Last,
                    (false, _) => Priority::Addition,
                };
                SlotEffect::Make { region, priority }
            } else {
                continue;
            };
            self.effects[index] = effect;
        }
    }
}

/// Adds to the count of a region.
pub(super) fn add(held: &mut [usize], region: usize, by: isize) {
    if let Some(held) = held.get_mut(region) {
        *held = held.saturating_add_signed(by);
    }
}

//! Which steps take and free slots of custom images.

use std::collections::BTreeMap;

use crate::model::{Operation, Region};
use crate::plan::graph::StepGraph;
use crate::plan::step_map::StepIndex;

/// Steps, each with the amount that it takes or frees.
pub type Weights = Vec<(StepIndex, usize)>;

/// The steps that take and free slots in a region, one slot each.
#[derive(Debug, Clone, Default)]
pub struct SlotSteps {
    /// Steps that make an image.
    pub takers: Weights,
    /// Steps that delete an image.
    pub givers: Weights,
}

impl SlotSteps {
    /// Returns the steps by region. A region in which no image is made or deleted is not among them.
    pub fn by_region(graph: &StepGraph) -> BTreeMap<&Region, Self> {
        let mut regions: BTreeMap<&Region, Self> = BTreeMap::new();
        for (index, step) in graph.steps() {
            let region = &step.at().region;
            match &step.operation {
                operation if operation.makes_image() => {
                    regions.entry(region).or_default().takers.push((index, 1));
                }
                Operation::Delete { .. } => regions.entry(region).or_default().givers.push((index, 1)),
                _ => {}
            }
        }
        regions
    }
}

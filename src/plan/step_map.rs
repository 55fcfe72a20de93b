//! A value for each step of a graph.

use std::ops::{Index, IndexMut};

use petgraph::graph::NodeIndex;

/// A step of a [`StepGraph`](super::StepGraph). Valid in the graph that returned it, which loses no steps.
pub type StepIndex = NodeIndex<u32>;

/// A value for each step of a graph that gets no steps any more, see [`StepGraph::map`](super::StepGraph::map).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepMap<T>(Vec<T>);

impl<T> StepMap<T> {
    /// The values of all steps of a graph, in the order in which the steps were planned.
    pub(super) fn new(values: Vec<T>) -> Self {
        Self(values)
    }

    /// Returns the values, in the order in which the steps were planned.
    pub fn values(&self) -> impl Iterator<Item = &T> {
        self.0.iter()
    }
}

#[expect(clippy::indexing_slicing, reason = "each index of the graph has a value")]
impl<T> Index<StepIndex> for StepMap<T> {
    type Output = T;

    fn index(&self, step: StepIndex) -> &T {
        &self.0[step.index()]
    }
}

#[expect(clippy::indexing_slicing, reason = "each index of the graph has a value")]
impl<T> IndexMut<StepIndex> for StepMap<T> {
    fn index_mut(&mut self, step: StepIndex) -> &mut T {
        &mut self.0[step.index()]
    }
}

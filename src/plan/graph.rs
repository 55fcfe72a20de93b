//! The graph of steps: what must have settled before what may start, and why.

use std::collections::BTreeSet;
use std::ops::{Index, IndexMut};

use compact_str::CompactString;
use petgraph::graph::DiGraph;
use petgraph::visit::EdgeRef;
use petgraph::{Direction, algo};
use serde::{Deserialize, Serialize, Serializer, ser::SerializeStruct};
use thiserror::Error;

use super::step::Step;
use super::step_map::{StepIndex, StepMap};
use crate::model::Region;

/// Why a step waits for another.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "why")]
pub enum EdgeReason {
    /// A copy is made from an image that must be NORMAL.
    CopySourceReady,
    /// Attributes and tags are set on an image that must exist and be NORMAL.
    ImageReady,
    /// An image can be deleted only when the service has ended its work on it, well or badly.
    ImageEnded,
    /// An adopted image has our ownership tag before anything else of it is changed.
    Claimed,
    /// An image is shared when it is NORMAL.
    ShareImageReady,
    /// Accounts never see an image before its attributes are set.
    ShareAfterAttributes,
    /// A shared image cannot be deleted.
    UnshareFirst,
    /// The new generation is ready before the old one is deleted.
    SuccessorReady,
    /// Accounts that keep access have the new generation before they lose the old one.
    SuccessorShared,
    /// The entry asks for the old generation to be deleted first.
    DeleteFirst,
    /// A name is unique in its region, and this frees it.
    NameFreed {
        /// The name.
        name: CompactString,
        /// The region.
        region: Region,
    },
    /// It is copied from, so it stays until the copy is NORMAL.
    CopySourceKept,
    /// The failed image at this address is deleted before it is made again.
    RemakeAfterDelete,
    /// An encrypted copy is made from another entry's image.
    EncryptSourceReady,
    /// The region is full, and this frees the slot that is taken.
    SlotFreed {
        /// The region.
        region: Region,
    },
    /// An image that is shared cannot be changed.
    EditUnshared,
    /// The image is shared with as many accounts as the limit allows, and this frees places.
    PlacesFreed,
}

impl EdgeReason {
    /// Whether the later step may start when the earlier one has ended, well or badly.
    pub fn needs_only_the_end(&self) -> bool {
        *self == Self::ImageEnded
    }

    /// The reason in a clause that follows "waits for …, because".
    pub fn explain(&self) -> String {
        match self {
            Self::CopySourceReady => "an image can be copied only while it is NORMAL".into(),
            Self::ImageReady => "attributes are set on an image that exists".into(),
            Self::ImageEnded => "an image can be deleted only when nothing is done to it any more".into(),
            Self::Claimed => "an image is claimed before it is changed".into(),
            Self::ShareImageReady => "an image can be shared only while it is NORMAL".into(),
            Self::ShareAfterAttributes => "accounts first see an image with its final attributes".into(),
            Self::UnshareFirst => "a shared image cannot be deleted".into(),
            Self::SuccessorReady => "the new generation is ready before the old one is deleted".into(),
            Self::SuccessorShared => {
                "accounts that keep access have the new generation before they lose the old one".into()
            }
            Self::DeleteFirst => "the entry asks for the old generation to be deleted first".into(),
            Self::NameFreed { name, region } => {
                format!("the name `{name}` is unique in {region} and is freed by it")
            }
            Self::CopySourceKept => "it is copied from, so it stays until the copy is NORMAL".into(),
            Self::RemakeAfterDelete => "the failed image is deleted before it is made again".into(),
            Self::SlotFreed { region } => {
                format!("{region} has no free slot for an image before, and it frees one")
            }
            Self::EditUnshared => "an image cannot be changed while it is shared".into(),
            Self::PlacesFreed => {
                "the image has no free place for an account before, and it frees some".into()
            }
            Self::EncryptSourceReady => "an encrypted copy is made from an image that is NORMAL".into(),
        }
    }

    /// The document or promise that asks for it.
    pub fn source(&self) -> &'static str {
        match self {
            Self::CopySourceReady | Self::EncryptSourceReady => "213/15711 SyncImages",
            Self::ImageReady | Self::RemakeAfterDelete => "213/15713 ModifyImageAttribute",
            Self::ShareImageReady => "213/15710 ModifyImageSharePermission",
            Self::ImageEnded => "213/15716 DeleteImages, InvalidImageId.IncorrectState",
            Self::UnshareFirst => "213/15716 DeleteImages, InvalidImageId.InShared",
            Self::NameFreed { .. } => "213/15713 InvalidImageName.Duplicate",
            Self::CopySourceKept => "213/15716 DeleteImages",
            Self::SlotFreed { .. } => "213/16726 ImageQuotaLimitExceeded",
            Self::EditUnshared => "213/15713 UnsupportedOperation.SharedImageModifyUnsupported",
            Self::PlacesFreed => "213/15710 OverQuota",
            Self::ShareAfterAttributes
            | Self::SuccessorReady
            | Self::SuccessorShared
            | Self::DeleteFirst
            | Self::Claimed => "promised order",
        }
    }
}

/// The steps and the order they must keep. Acyclic, once [`StepGraph::check`] has passed.
#[derive(Debug, Clone, Default)]
pub struct StepGraph {
    graph: DiGraph<Step, EdgeReason, u32>,
}

/// Steps that wait for each other in a circle.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("steps wait for each other in a circle: {}", .steps.join(" → "))]
pub struct Cycle {
    /// Their ids, each waiting for the one after it.
    pub steps: Vec<String>,
}

impl StepGraph {
    /// Adds a step.
    pub fn add(&mut self, step: Step) -> StepIndex {
        self.graph.add_node(step)
    }

    /// Lets `later` wait for `earlier`. A second edge between two steps adds nothing and is left out, unless the first one
    /// asks for the end only.
    pub fn wait(&mut self, later: StepIndex, earlier: StepIndex, reason: EdgeReason) {
        let existing = self.graph.find_edge(earlier, later).and_then(|edge| self.graph.edge_weight_mut(edge));
        match existing {
            Some(existing) if existing.needs_only_the_end() => *existing = reason,
            None if later != earlier => {
                self.graph.add_edge(earlier, later, reason);
            }
            _ => {}
        }
    }

    /// Removes the edge between two steps and returns its reason.
    pub fn unwait(&mut self, later: StepIndex, earlier: StepIndex) -> Option<EdgeReason> {
        let edge = self.graph.find_edge(earlier, later)?;
        self.graph.remove_edge(edge)
    }

    /// Removes every edge that a path of others implies. A path that continues when the earlier step
    /// has ended badly implies no edge that does not.
    pub fn reduce(&mut self) {
        let Ok(order) = self.check() else { return };
        let mut place = self.map(|_| 0usize);
        for (position, index) in order.into_iter().enumerate() {
            place[index] = position;
        }
        let edges: Vec<(StepIndex, StepIndex, bool)> = self
            .edges()
            .map(|(earlier, later, reason)| (earlier, later, reason.needs_only_the_end()))
            .collect();
        // Who was seen for which edge: marking is cheaper than a set for each.
        let mut seen_for = self.map(|_| usize::MAX);
        for (number, (earlier, later, is_weak)) in edges.into_iter().enumerate() {
            // A second way must leave the earlier step by another edge and enter the later one by another.
            if self.waits_for(later).count() < 2 || self.awaited_by(earlier).count() < 2 {
                continue;
            }
            let mut is_new = |step: StepIndex| std::mem::replace(&mut seen_for[step], number) != number;
            let mut stack: Vec<StepIndex> =
                self.waits_for(later).map(|(before, _)| before).filter(|before| *before != earlier).collect();
            let mut is_implied = false;
            while let Some(step) = stack.pop().filter(|_| !is_implied) {
                // What is before the earlier step in one order cannot come after it.
                if place[step] <= place[earlier] || !is_new(step) {
                    continue;
                }
                for (before, reason) in self.waits_for(step) {
                    is_implied |= before == earlier && (is_weak || !reason.needs_only_the_end());
                    stack.push(before);
                }
            }
            if is_implied {
                self.unwait(later, earlier);
            }
        }
    }

    /// Removes the edges for which `drop` returns true, given the earlier step, the later one and the reason.
    /// For tests and for judging edited plans.
    pub fn drop_edges(&mut self, mut drop: impl FnMut(&Step, &Step, &EdgeReason) -> bool) {
        let doomed: Vec<_> = self
            .graph
            .edge_references()
            .filter(|edge| drop(&self[edge.source()], &self[edge.target()], edge.weight()))
            .map(|edge| edge.id())
            .collect();
        // From the last: removing an edge moves the last one into its place.
        for edge in doomed.into_iter().rev() {
            self.graph.remove_edge(edge);
        }
    }

    /// The index of every step, in the order they were planned in.
    pub fn indices(&self) -> impl Iterator<Item = StepIndex> + use<> {
        self.graph.node_indices()
    }

    /// Computes a value for each step.
    pub fn map<T>(&self, value: impl FnMut(StepIndex) -> T) -> StepMap<T> {
        StepMap::new(self.indices().map(value).collect())
    }

    /// Every step, in the order they were planned in.
    pub fn steps(&self) -> impl Iterator<Item = (StepIndex, &Step)> {
        self.indices().zip(self.graph.node_weights())
    }

    /// Returns the number of steps.
    pub fn len(&self) -> usize {
        self.graph.node_count()
    }

    /// Returns whether there are no steps.
    pub fn is_empty(&self) -> bool {
        self.graph.node_count() == 0
    }

    /// Every edge: the earlier step, the later one, and why.
    pub fn edges(&self) -> impl Iterator<Item = (StepIndex, StepIndex, &EdgeReason)> {
        self.graph.edge_references().map(|edge| (edge.source(), edge.target(), edge.weight()))
    }

    /// Returns the steps that a step waits for.
    pub fn waits_for(&self, step: StepIndex) -> impl Iterator<Item = (StepIndex, &EdgeReason)> {
        self.graph.edges_directed(step, Direction::Incoming).map(|edge| (edge.source(), edge.weight()))
    }

    /// Returns the steps that wait for a step.
    pub fn awaited_by(&self, step: StepIndex) -> impl Iterator<Item = (StepIndex, &EdgeReason)> {
        self.graph.edges_directed(step, Direction::Outgoing).map(|edge| (edge.target(), edge.weight()))
    }

    /// Whether `later` waits for `earlier`, directly or through others.
    pub fn must_precede(&self, earlier: StepIndex, later: StepIndex) -> bool {
        let mut seen = std::collections::HashSet::new();
        let mut stack = vec![later];
        while let Some(step) = stack.pop() {
            for (before, _) in self.waits_for(step) {
                if before == earlier {
                    return true;
                }
                if seen.insert(before) {
                    stack.push(before);
                }
            }
        }
        false
    }

    /// Whether `later` starts only after `earlier` has ended well.
    pub fn needs_success_of(&self, earlier: StepIndex, later: StepIndex) -> bool {
        self.awaited_by(earlier)
            .filter(|(_, reason)| !reason.needs_only_the_end())
            .any(|(next, _)| next == later || self.must_precede(next, later))
    }

    /// One order of the steps that keeps every edge.
    ///
    /// # Errors
    /// If the graph has a cycle. Names its steps.
    pub fn check(&self) -> Result<Vec<StepIndex>, Cycle> {
        algo::toposort(&self.graph, None).map_err(|_| Cycle { steps: self.circle() })
    }

    fn circle(&self) -> Vec<String> {
        // kosaraju_scc is iterative; the recursive ones overflow on long chains.
        let circle = algo::kosaraju_scc(&self.graph).into_iter().find(|component| component.len() > 1);
        let mut ids: Vec<String> =
            circle.unwrap_or_default().into_iter().map(|index| self[index].id.to_string()).collect();
        ids.sort();
        ids
    }
}

impl Index<StepIndex> for StepGraph {
    type Output = Step;

    fn index(&self, step: StepIndex) -> &Step {
        &self.graph[step]
    }
}

impl IndexMut<StepIndex> for StepGraph {
    fn index_mut(&mut self, step: StepIndex) -> &mut Step {
        &mut self.graph[step]
    }
}

/// An edge as it is written: indexes into the list of steps.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct WrittenEdge {
    earlier: u32,
    later: u32,
    #[serde(flatten)]
    reason: EdgeReason,
}

/// A graph as it is written.
#[derive(Debug, Clone, Deserialize)]
struct WrittenGraph {
    steps: Vec<Step>,
    edges: Vec<WrittenEdge>,
}

impl<'de> Deserialize<'de> for StepGraph {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        use serde::de::Error as _;
        let WrittenGraph { steps, edges } = WrittenGraph::deserialize(deserializer)?;
        let mut graph = Self::default();
        let mut ids = BTreeSet::new();
        for step in &steps {
            if !step.has_its_own_id() {
                return Err(D::Error::custom(format!("the step `{}` does something else", step.id)));
            }
            if !ids.insert(step.id.clone()) {
                return Err(D::Error::custom(format!("there are two steps `{}`", step.id)));
            }
        }
        let indexes: Vec<StepIndex> = steps.into_iter().map(|step| graph.add(step)).collect();
        let index = |number: u32| {
            let found = usize::try_from(number).ok().and_then(|number| indexes.get(number)).copied();
            found.ok_or_else(|| D::Error::custom(format!("there is no step {number}")))
        };
        for WrittenEdge { earlier, later, reason } in edges {
            graph.wait(index(later)?, index(earlier)?, reason);
        }
        Ok(graph)
    }
}

/// As lists: `steps` in planned order, `edges` as indexes into them with their reasons, sorted.
impl Serialize for StepGraph {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let steps: Vec<&Step> = self.graph.node_weights().collect();
        let written = |index: StepIndex| u32::try_from(index.index()).unwrap_or(u32::MAX);
        let mut edges: Vec<WrittenEdge> = self
            .edges()
            .map(|(earlier, later, reason)| WrittenEdge {
                earlier: written(earlier),
                later: written(later),
                reason: reason.clone(),
            })
            .collect();
        edges.sort_by_key(|edge| (edge.later, edge.earlier));
        let mut graph = serializer.serialize_struct("StepGraph", 2)?;
        graph.serialize_field("steps", &steps)?;
        graph.serialize_field("edges", &edges)?;
        graph.end()
    }
}

#[cfg(test)]
mod tests;

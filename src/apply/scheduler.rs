//! Which steps may start: a pure state machine, without clock or runtime.

use std::collections::BTreeSet;

use crate::plan::{StepGraph, StepIndex};

/// Where a step is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// It waits for this many others.
    Waiting(usize),
    /// It may start.
    Ready,
    /// It has started.
    Running,
    /// It is done.
    Settled,
    /// It failed.
    Failed,
    /// It will not start, because a step that it waits for failed or was skipped.
    Skipped {
        /// The step that failed at the root of it.
        because: StepIndex,
    },
}

/// Hands out steps in an order that the graph allows.
#[derive(Debug, Clone)]
pub struct Scheduler<'a> {
    graph: &'a StepGraph,
    status: Vec<Status>,
    /// By index: the planned order, so that a run with one call at a time is the same every time.
    ready: BTreeSet<StepIndex>,
    running: usize,
}

impl<'a> Scheduler<'a> {
    /// A scheduler of all steps of a graph.
    pub fn new(graph: &'a StepGraph) -> Self {
        let status: Vec<Status> = graph
            .steps()
            .map(|(index, _)| match graph.waits_for(index).count() {
                0 => Status::Ready,
                waits => Status::Waiting(waits),
            })
            .collect();
        let ready = graph
            .steps()
            .map(|(index, _)| index)
            .filter(|index| status.get(index.index()) == Some(&Status::Ready));
        Self { graph, ready: ready.collect(), status: status.clone(), running: 0 }
    }

    /// Where a step is.
    pub fn status(&self, step: StepIndex) -> Option<Status> {
        self.status.get(step.index()).copied()
    }

    /// The steps that may start, in planned order.
    pub fn ready(&self) -> impl Iterator<Item = StepIndex> + '_ {
        self.ready.iter().copied()
    }

    /// How many steps have started and not ended.
    pub fn running(&self) -> usize {
        self.running
    }

    /// Whether nothing may start and nothing runs.
    pub fn is_idle(&self) -> bool {
        self.ready.is_empty() && self.running == 0
    }

    /// A ready step starts. Anything else is ignored.
    pub fn started(&mut self, step: StepIndex) {
        if self.ready.remove(&step) {
            self.set(step, Status::Running);
            self.running = self.running.saturating_add(1);
        }
    }

    /// A running step is done: what waited for it alone may start.
    pub fn settled(&mut self, step: StepIndex) {
        if !self.end(step, Status::Settled) {
            return;
        }
        let followers: Vec<StepIndex> = self.graph.awaited_by(step).map(|(follower, _)| follower).collect();
        for follower in followers {
            if let Some(Status::Waiting(waits)) = self.status(follower) {
                if waits > 1 {
                    self.set(follower, Status::Waiting(waits.saturating_sub(1)));
                } else {
                    self.set(follower, Status::Ready);
                    self.ready.insert(follower);
                }
            }
        }
    }

    /// A running step failed: everything that waits for it, directly or through others, is skipped.
    pub fn failed(&mut self, step: StepIndex) {
        if !self.end(step, Status::Failed) {
            return;
        }
        let mut doomed: Vec<StepIndex> = self.graph.awaited_by(step).map(|(follower, _)| follower).collect();
        while let Some(follower) = doomed.pop() {
            if matches!(self.status(follower), Some(Status::Waiting(_))) {
                self.set(follower, Status::Skipped { because: step });
                doomed.extend(self.graph.awaited_by(follower).map(|(next, _)| next));
            }
        }
    }

    fn end(&mut self, step: StepIndex, status: Status) -> bool {
        let was_running = self.status(step) == Some(Status::Running);
        if was_running {
            self.set(step, status);
            self.running = self.running.saturating_sub(1);
        }
        was_running
    }

    fn set(&mut self, step: StepIndex, status: Status) {
        if let Some(slot) = self.status.get_mut(step.index()) {
            *slot = status;
        }
    }
}

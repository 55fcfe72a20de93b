//! Which steps may start: a pure state machine, without clock or runtime.

use std::collections::BTreeSet;

use crate::plan::{EdgeReason, StepGraph, StepIndex, StepMap};

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
    status: StepMap<Status>,
    /// By index: the planned order, so that a run with one call at a time is the same every time.
    ready: BTreeSet<StepIndex>,
    running: usize,
}

impl<'a> Scheduler<'a> {
    /// A scheduler of all steps of a graph.
    pub fn new(graph: &'a StepGraph) -> Self {
        let status = graph.map(|index| match graph.waits_for(index).count() {
            0 => Status::Ready,
            waits => Status::Waiting(waits),
        });
        let ready = graph.indices().filter(|index| status[*index] == Status::Ready).collect();
        Self { graph, ready, status, running: 0 }
    }

    /// Where a step is.
    pub fn status(&self, step: StepIndex) -> Status {
        self.status[step]
    }

    /// The steps that may start, in planned order.
    pub fn ready(&self) -> impl Iterator<Item = StepIndex> + '_ {
        self.ready.iter().copied()
    }

    /// Returns the number of steps that have started and not ended.
    #[cfg(test)]
    fn running(&self) -> usize {
        self.running
    }

    /// Returns whether nothing may start and nothing runs.
    #[cfg(test)]
    fn is_idle(&self) -> bool {
        self.ready.is_empty() && self.running == 0
    }

    /// A ready step starts. Anything else is ignored.
    pub fn started(&mut self, step: StepIndex) {
        if self.ready.remove(&step) {
            self.status[step] = Status::Running;
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
            self.release(follower);
        }
    }

    /// A running step failed: everything that waits for it, directly or through others, is skipped. Returns what is.
    pub fn failed(&mut self, step: StepIndex) -> Vec<StepIndex> {
        self.fail(step, |_| false)
    }

    /// A running step failed, and the service does nothing more about its image: what needs only that end may start,
    /// everything else that waits for the step is skipped. Returns what is.
    pub fn ended(&mut self, step: StepIndex) -> Vec<StepIndex> {
        self.fail(step, EdgeReason::needs_only_the_end)
    }

    fn fail(&mut self, step: StepIndex, is_released: impl Fn(&EdgeReason) -> bool) -> Vec<StepIndex> {
        let mut skipped = Vec::new();
        if !self.end(step, Status::Failed) {
            return skipped;
        }
        let followers: Vec<(StepIndex, bool)> =
            self.graph.awaited_by(step).map(|(follower, reason)| (follower, is_released(reason))).collect();
        for (follower, is_released) in followers {
            if is_released {
                self.release(follower);
            } else {
                self.skip(follower, step, &mut skipped);
            }
        }
        skipped
    }

    /// A step waits for one step less.
    fn release(&mut self, step: StepIndex) {
        if let Status::Waiting(waits) = self.status[step] {
            if waits > 1 {
                self.status[step] = Status::Waiting(waits.saturating_sub(1));
            } else {
                self.status[step] = Status::Ready;
                self.ready.insert(step);
            }
        }
    }

    /// A step, and everything that waits for it, will not start.
    fn skip(&mut self, step: StepIndex, because: StepIndex, skipped: &mut Vec<StepIndex>) {
        let mut doomed = vec![step];
        while let Some(step) = doomed.pop() {
            if matches!(self.status[step], Status::Waiting(_)) {
                self.status[step] = Status::Skipped { because };
                skipped.push(step);
                doomed.extend(self.graph.awaited_by(step).map(|(next, _)| next));
            }
        }
    }

    fn end(&mut self, step: StepIndex, status: Status) -> bool {
        let was_running = self.status[step] == Status::Running;
        if was_running {
            self.status[step] = status;
            self.running = self.running.saturating_sub(1);
        }
        was_running
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::diff::Reason;
    use crate::model::Operation;
    use crate::plan::Step;
    use crate::testing::worlds::at;

    /// A graph of this many steps; a bit of `edges` for each pair of an earlier and a later step.
    fn graph(steps: usize, edges: u32) -> StepGraph {
        let mut graph = StepGraph::default();
        let indexes: Vec<StepIndex> = (1..=steps)
            .map(|number| {
                let at = at(&format!("image.web@ap-tokyo#{number}"));
                graph.add(Step::new(Operation::Delete { at, snapshots: true }, Reason::Follows))
            })
            .collect();
        let pairs = (0..steps).flat_map(|earlier| (earlier + 1..steps).map(move |later| (earlier, later)));
        for (bit, (earlier, later)) in pairs.enumerate() {
            if edges >> bit & 1 == 1 {
                graph.wait(indexes[later], indexes[earlier], EdgeReason::ImageReady);
            }
        }
        graph
    }

    fn statuses(scheduler: &Scheduler<'_>) -> Vec<Status> {
        scheduler.graph.steps().map(|(index, _)| scheduler.status(index)).collect()
    }

    /// What must hold of every state that is reached.
    fn is_sound(scheduler: &Scheduler<'_>) {
        let ready: BTreeSet<StepIndex> = scheduler.ready().collect();
        let mut running = 0;
        for (index, _) in scheduler.graph.steps() {
            let before: Vec<Status> =
                scheduler.graph.waits_for(index).map(|(step, _)| scheduler.status(step)).collect();
            let unsettled = before.iter().filter(|status| **status != Status::Settled).count();
            let is_doomed =
                before.iter().any(|status| matches!(status, Status::Failed | Status::Skipped { .. }));
            let status = scheduler.status(index);
            match status {
                Status::Waiting(count) => assert!(count == unsettled && count > 0 && !is_doomed),
                Status::Skipped { because } => {
                    assert!(is_doomed);
                    assert_eq!(scheduler.status(because), Status::Failed, "it names the one that failed");
                    assert!(scheduler.graph.must_precede(because, index));
                }
                Status::Ready | Status::Running | Status::Settled | Status::Failed => {
                    assert_eq!(unsettled, 0)
                }
            }
            assert_eq!(ready.contains(&index), status == Status::Ready);
            running += usize::from(status == Status::Running);
        }
        assert_eq!(scheduler.running(), running);
        assert_eq!(scheduler.is_idle(), ready.is_empty() && running == 0);
    }

    /// Visits every reachable state. Returns their number, and how many of them are final.
    fn explore(scheduler: &Scheduler<'_>, seen: &mut BTreeSet<String>, ends: &mut usize) {
        if !seen.insert(format!("{:?}", statuses(scheduler))) {
            return;
        }
        is_sound(scheduler);
        if scheduler.is_idle() {
            *ends += 1;
            for status in statuses(scheduler) {
                assert!(
                    matches!(status, Status::Settled | Status::Failed | Status::Skipped { .. }),
                    "nothing is left over at the end: {status:?}"
                );
            }
        }
        for (index, _) in scheduler.graph.steps() {
            let status = scheduler.status(index);
            for event in ["started", "settled", "failed"] {
                let mut next = scheduler.clone();
                let mut skipped = match event {
                    "started" => {
                        next.started(index);
                        Vec::new()
                    }
                    "settled" => {
                        next.settled(index);
                        Vec::new()
                    }
                    _ => next.failed(index),
                };
                skipped.sort_unstable();
                let is_new = |index: &StepIndex| {
                    matches!(next.status(*index), Status::Skipped { .. })
                        && next.status(*index) != scheduler.status(*index)
                };
                let all: Vec<StepIndex> =
                    scheduler.graph.steps().map(|(index, _)| index).filter(is_new).collect();
                assert_eq!(skipped, all, "each skipped step is returned once");
                let is_start = event == "started";
                let is_due = if is_start { status == Status::Ready } else { status == Status::Running };
                if is_due {
                    explore(&next, seen, ends);
                } else {
                    assert_eq!(statuses(&next), statuses(scheduler), "what is not due is ignored");
                }
            }
        }
    }

    #[test]
    fn every_run_of_every_small_graph_is_sound_and_leaves_nothing_over() {
        let (mut graphs, mut states, mut ends) = (0, 0, 0);
        for steps in 0..=4usize {
            let pairs = steps * steps.saturating_sub(1) / 2;
            for edges in 0..1u32 << pairs {
                let graph = graph(steps, edges);
                let mut seen = BTreeSet::new();
                explore(&Scheduler::new(&graph), &mut seen, &mut ends);
                graphs += 1;
                states += seen.len();
            }
        }
        println!("scheduler: {graphs} graphs, {states} states, {ends} ends");
        assert_eq!(graphs, 1 + 1 + 2 + 8 + 64);
    }

    #[test]
    fn steps_are_offered_in_planned_order() {
        let graph = graph(4, 0);
        let scheduler = Scheduler::new(&graph);
        let offered: Vec<usize> = scheduler.ready().map(|index| index.index()).collect();
        assert_eq!(offered, [0, 1, 2, 3]);
    }
}

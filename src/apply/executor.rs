//! Applies a plan: starts the steps that are ready and records what happens. It makes no choices.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use jiff::SignedDuration;

use super::ending::{Unsaved, caught};
use super::options::Shutdown;
use super::polling::Polling;
use super::run_state::{Continuation, Executor, Retry, RunState, TaskResult, outcome_unknown};
use super::scheduler::{Scheduler, Status};
use super::serving::{handed_over, not_recorded, serving_now, successions};
use super::tasks::Tasks;
use crate::backend::StoreError;
use crate::cloud::CloudError;
use crate::constraints::ValidPlan;
use crate::model::{PlacementKey, Verb};
use crate::plan::{Outcome, Plan, StepIndex, StepOutcome, StepResult};
use crate::state::{Event, Snapshot};

/// How long a run that ends because of a defect waits for the calls that are under way.
const DRAIN: Duration = Duration::from_secs(30);

impl Executor<'_> {
    /// Walks the plan to its end, or until it is stopped. The snapshot follows what happens; it is saved by the
    /// caller, and until then the journal holds what it does not.
    ///
    /// # Errors
    /// If the journal cannot be written: nothing more is started then, and the calls that are under way are waited for.
    pub async fn run(mut self, plan: &ValidPlan, snapshot: &mut Snapshot) -> Result<Outcome, Unsaved> {
        let plan = plan.plan();
        let begun = self.clock.now();
        let clock = Arc::clone(&self.clock);
        let mut run = RunState {
            scheduler: Scheduler::new(&plan.graph),
            executor: &mut self,
            plan,
            snapshot,
            polling: Polling::default(),
            tasks: Tasks::default(),
            internal_error: None,
            calls: 0,
            retries: Vec::new(),
            keeping_names: BTreeMap::new(),
            tries: BTreeMap::new(),
            attempts: BTreeMap::new(),
            doubts: BTreeSet::new(),
            deleted: deleted(plan),
            succeeding: BTreeMap::new(),
            untagged: BTreeSet::new(),
            searches: BTreeMap::new(),
            named: BTreeMap::new(),
            started: BTreeMap::new(),
            ended: BTreeMap::new(),
            outcomes: BTreeMap::new(),
            warnings: Vec::new(),
            events: Vec::new(),
            settings: BTreeMap::new(),
        };
        let stored = match caught(run.execute()).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => {
                run.drain().await;
                Err(error)
            }
            Err(panic) => {
                run.internal_error = Some(format!("the run panicked: {panic}; this is a defect of goldform"));
                run.flush().await
            }
        };
        let mut outcome = run.outcome();
        outcome.took = clock.now().duration_since(begun).unsigned_abs();
        match stored {
            Ok(()) => Ok(outcome),
            Err(source) => Err(Unsaved { outcome: Box::new(outcome), source }),
        }
    }
}

fn deleted(plan: &Plan) -> BTreeSet<PlacementKey> {
    let deletes = plan.graph.steps().filter(|(_, step)| step.verb() == Verb::Delete);
    deletes.map(|(_, step)| step.at().clone()).collect()
}

impl RunState<'_, '_> {
    pub(super) async fn execute(&mut self) -> Result<(), StoreError> {
        let at = self.now();
        for change in not_recorded(&self.snapshot.recorded, at) {
            self.note(Event::Edited { at, change });
        }
        for change in &self.plan.edits {
            self.note(Event::Edited { at, change: change.clone() });
        }
        self.settings = self.snapshot.recorded.settings().collect();
        for change in serving_now(self.plan, &self.snapshot.recorded, at) {
            self.note(Event::Edited { at, change });
        }
        self.succeeding = successions(self.plan, &self.snapshot.recorded);
        self.flush().await?;
        loop {
            // Marked as seen: `wait` sleeps until the next change, and must not wake at once for this one again.
            let stop = *self.executor.stop.borrow_and_update();
            if stop == Shutdown::Now {
                return Ok(());
            }
            if stop == Shutdown::No {
                self.start_ready().await?;
            } else {
                self.keeping_names.clear();
            }
            self.ask_due(stop);
            let nothing_more = stop != Shutdown::No || self.scheduler.ready().next().is_none();
            if self.tasks.is_empty() && self.polling.is_empty() && self.retries.is_empty() && nothing_more {
                return Ok(());
            }
            self.wait().await;
            while let Some(ended) = self.tasks.try_next() {
                self.task_ended(ended);
            }
            if self.internal_error.is_some() {
                self.drain().await;
                return self.flush().await;
            }
            self.flush().await?;
        }
    }

    /// Starts what is ready, as far as calls may be under way: Started is stored and synced before any call.
    pub(super) async fn start_ready(&mut self) -> Result<(), StoreError> {
        let mut starting = Vec::new();
        let room = self.executor.options.parallelism.max(1);
        let ready: Vec<StepIndex> = self.scheduler.ready().collect();
        for index in ready {
            if self.is_wait(index) {
                self.begin(index);
                self.wait_for_image(index);
            } else if self.waits_for_name(index) {
                // What waits takes no room from others.
            } else if self.calls.saturating_add(starting.len()) < room {
                self.begin(index);
                starting.push(index);
            }
        }
        self.call_all(starting).await
    }

    pub(super) async fn call_all(&mut self, starting: Vec<StepIndex>) -> Result<(), StoreError> {
        let at = self.now();
        let mut calling = Vec::new();
        for index in starting {
            let step = &self.plan.graph[index];
            self.executor.progress.started(step);
            if self.snapshot.intents.contains_key(&step.id) {
                // An earlier run sent the call and got no definite response: this run continues where that one ended.
                self.doubts.insert(index);
                let because = outcome_unknown(step, "an earlier run ended before the answer came");
                self.look_up(index, because);
                continue;
            }
            let (step, operation) = (step.id.clone(), step.operation.clone());
            let is_deleted = self.deleted.contains(operation.at());
            if let Some(change) = handed_over(self.snapshot, &operation, at).filter(|_| is_deleted) {
                self.note(Event::Edited { at, change });
            }
            let operation = self.snapshot.recorded.as_sent(operation, &self.snapshot.lineage.0);
            self.note(Event::Started { step, at, operation });
            calling.push(index);
        }
        if let Err(error) = self.flush().await {
            for index in calling {
                self.not_called(index);
            }
            return Err(error);
        }
        for index in calling {
            self.call(index);
        }
        Ok(())
    }

    /// Closes a step whose start could not be stored, so that its call was not sent.
    fn not_called(&mut self, index: StepIndex) {
        self.end(index, StepOutcome::NotStarted);
        let step = self.step(index).id.clone();
        let (at, why) = (self.now(), "the state could not be stored, so nothing was sent".to_owned());
        self.note(Event::Failed { step, at, why, state: None });
    }

    /// Asks for what is due: polls by region, and calls that are tried again.
    pub(super) fn ask_due(&mut self, stop: Shutdown) {
        let now = self.now();
        for (region, ids) in self.polling.take_due(now) {
            let cloud = Arc::clone(&self.executor.cloud);
            self.tasks.spawn(format!("listing {region}"), async move {
                let images = cloud.images_by_id(&region, &ids).await;
                TaskResult::Polled(region, images)
            });
        }
        let (due, later): (Vec<_>, Vec<_>) = std::mem::take(&mut self.retries)
            .into_iter()
            .partition(|retry| retry.due <= now || stop != Shutdown::No);
        self.retries = later;
        for Retry { due: _, step, next } in due {
            match (stop, next) {
                (Shutdown::No, Continuation::Lookup(because)) => self.look_up(step, because),
                (Shutdown::No, Continuation::Call) => self.call(step),
                (Shutdown::No, Continuation::CallAgain) => self.journal_resend(step),
                (Shutdown::No, Continuation::Ready(image)) => self.image_ended(step, &image),
                (_, Continuation::Ready(_)) => self.leave_pending(step, "the run was stopped"),
                (_, Continuation::NameAndTag(id, image)) => self.name_and_tag(step, id, image),
                // It was not executed, or is safe to check again: the next run decides.
                _ => {
                    self.leave_unknown(step, "the run was stopped");
                }
            }
        }
    }

    /// Waits until a task ends, something is due, or the user stops the run.
    pub(super) async fn wait(&mut self) {
        let due = self.polling.next_due().into_iter();
        let due =
            due.chain(self.retries.iter().map(|retry| retry.due)).chain(self.next_name_given_up()).min();
        let nap = match due {
            Some(due) => due.duration_since(self.now()).max(SignedDuration::ZERO).unsigned_abs(),
            None => Duration::from_secs(60),
        };
        let mut stop = self.executor.stop.clone();
        // Where nobody is left who could stop the run, there is nothing to listen to.
        let may_stop = stop.has_changed().is_ok();
        let ended = tokio::select! {
            ended = self.tasks.next(), if !self.tasks.is_empty() => ended,
            () = tokio::time::sleep(nap), if due.is_some() || self.tasks.is_empty() => None,
            _ = stop.changed(), if may_stop => None,
        };
        if let Some(ended) = ended {
            self.task_ended(ended);
        }
    }

    /// Takes what a task returned. A task that panicked ends the run: what it was about is in an unknown state.
    fn task_ended(&mut self, ended: Result<TaskResult, CloudError>) {
        match ended {
            Ok(report) => self.take(report),
            Err(defect) => {
                let step = self.plan.graph.steps().find(|(_, step)| step.id.0 == defect.action);
                if let Some((index, _)) = step {
                    self.leave_unknown(index, &defect);
                }
                self.internal_error.get_or_insert_with(|| defect.to_string());
            }
        }
    }

    /// Waits for the calls that are under way, so that what they did is recorded. Starts nothing.
    async fn drain(&mut self) {
        let mut stop = self.executor.stop.clone();
        let deadline = tokio::time::sleep(DRAIN);
        tokio::pin!(deadline);
        while !self.tasks.is_empty() && *stop.borrow_and_update() != Shutdown::Now {
            let may_stop = stop.has_changed().is_ok();
            let ended = tokio::select! {
                ended = self.tasks.next() => ended,
                () = &mut deadline => return,
                _ = stop.changed(), if may_stop => None,
            };
            if let Some(ended) = ended {
                self.task_ended(ended);
            }
        }
    }

    pub(super) fn take(&mut self, result: TaskResult) {
        match result {
            TaskResult::Called(step, result) => {
                self.calls = self.calls.saturating_sub(1);
                self.called(step, result);
            }
            TaskResult::Polled(region, result) => self.polled(&region, result),
            TaskResult::LookedUp { step, because, found } => self.looked_up(step, &because, found),
            TaskResult::ReadBack { step, because, shares } => self.read_back(step, &because, shares),
            TaskResult::ReadClaim { step, tags } => self.claim_read(step, tags),
            TaskResult::NamedAndTagged { step, image, named, result } => {
                self.named_and_tagged(step, image, named, result);
            }
        }
    }

    pub(super) fn outcome(&self) -> Outcome {
        let awaited: BTreeSet<StepIndex> = self.polling.left().map(|awaited| awaited.step).collect();
        let steps = self
            .plan
            .graph
            .steps()
            .map(|(index, step)| {
                let outcome = match (self.outcomes.get(&index), self.scheduler.status(index)) {
                    (Some(outcome), _) => outcome.clone(),
                    (None, Status::Skipped { because }) => {
                        StepOutcome::Skipped { because: self.step(because).id.clone() }
                    }
                    (None, Status::Running) if awaited.contains(&index) => {
                        StepOutcome::Pending { failure: None }
                    }
                    (None, Status::Running) => {
                        StepOutcome::Unknown("the run ended before the answer came".into())
                    }
                    _ => StepOutcome::NotStarted,
                };
                let took = match outcome {
                    StepOutcome::NotStarted | StepOutcome::Skipped { .. } => None,
                    _ => self.duration(index),
                };
                StepResult { step: step.id.clone(), verb: step.verb(), outcome, took }
            })
            .collect();
        let interrupted = *self.executor.stop.borrow() != Shutdown::No;
        Outcome {
            steps,
            warnings: self.warnings.clone(),
            interrupted,
            internal_error: self.internal_error.clone(),
            unsaved: None,
            took: Duration::ZERO,
        }
    }
}

#[cfg(test)]
mod tests;

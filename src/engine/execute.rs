//! Execution of a plan, with an entry in the state's history.

use std::collections::BTreeMap;
use std::sync::Arc;

use compact_str::CompactString;
use jiff::Timestamp;
use tokio::sync::watch;

use super::{Connected, LockedState, PARALLELISM};
use crate::apply::{Executor, ExecutorOptions, Progress, Quiet, Shutdown, Unsaved, preflight};
use crate::backend::StoreError;
use crate::cloud::client::Secret;
use crate::cloud::{CloudError, CloudWrite};
use crate::constraints::ValidPlan;
use crate::model::ImageKey;
use crate::plan::{Outcome, Plan, Preflight, StepOutcome};
use crate::state::{Lineage, Recorded, Run, RunEnd, RunResult};

/// How a plan is executed.
pub struct Execution<'x> {
    /// Who executes it, for the history: user and host.
    pub by: CompactString,
    /// The command, for the history: `apply`, `destroy`.
    pub command: CompactString,
    /// How fast.
    pub options: ExecutorOptions,
    /// Request to stop. Without one, the run continues to its end.
    pub stop: Option<watch::Receiver<Shutdown>>,
    /// Receives progress events.
    pub progress: Option<&'x mut dyn Progress>,
    /// The queries of imports' URLs, by entry: secrets, which no plan holds.
    pub queries: BTreeMap<ImageKey, Secret>,
}

impl Execution<'_> {
    /// Returns an execution that runs to its end and reports no progress.
    pub fn new(by: impl Into<CompactString>, command: impl Into<CompactString>) -> Self {
        Self {
            by: by.into(),
            command: command.into(),
            options: ExecutorOptions { parallelism: PARALLELISM, ..ExecutorOptions::default() },
            stop: None,
            progress: None,
            queries: BTreeMap::new(),
        }
    }
}

impl Connected<'_> {
    /// Tries every call of a plan that the service can try. Nothing is changed.
    ///
    /// # Errors
    /// If the service could not be asked about a call.
    pub async fn preflight(
        &self,
        plan: &ValidPlan,
        prior: &Recorded,
        lineage: &Lineage,
        queries: &BTreeMap<ImageKey, Secret>,
    ) -> Result<Preflight, CloudError> {
        let dry_run: Arc<dyn CloudWrite> = Arc::new(self.cloud.dry_run());
        preflight(&dry_run, plan, prior, lineage, queries, self.parallelism).await
    }

    /// Executes a plan: saves the state with an entry in its history, executes, and saves what became of it. Whatever ends
    /// the execution after its first call, what was done is returned.
    ///
    /// # Errors
    /// If the state cannot be saved before anything is done.
    pub async fn execute(
        &self,
        state: &mut LockedState<'_>,
        plan: &ValidPlan,
        execution: Execution<'_>,
    ) -> Result<Executed, StoreError> {
        let Execution { by, command, options, stop, progress, queries } = execution;
        let clock = Arc::clone(&self.engine.clock);
        state.snapshot.runs.begin(begun(plan.plan(), clock.now(), by, command, state.snapshot.serial));
        state.save().await?;
        let (_keeps_open, never) = watch::channel(Shutdown::No);
        let mut quiet = Quiet;
        let executor = Executor {
            cloud: self.cloud.clone(),
            store: &mut *state.store,
            clock: Arc::clone(&clock),
            options,
            stop: stop.unwrap_or(never),
            progress: progress.unwrap_or(&mut quiet),
            queries,
        };
        let (mut outcome, ended_by) = match executor.run(plan, &mut state.snapshot).await {
            Ok(outcome) => (outcome, None),
            Err(Unsaved { outcome, source }) => (*outcome, Some(source)),
        };
        state.snapshot.runs.end(ended(&outcome, clock.now()));
        state.changed();
        // The whole state may fit where a line of the journal did not: only this decides whether it is saved.
        let unsaved = match (state.save().await, ended_by) {
            (Ok(()), None) => None,
            (Ok(()), Some(error)) => {
                outcome.warnings.push(format!("{error}; the run was ended, and the state is saved"));
                None
            }
            (Err(_), Some(error)) | (Err(error), None) => Some(error),
        };
        outcome.unsaved = unsaved.as_ref().map(|error| {
            format!(
                "{error}; the state does not hold all that was done, {} names each call that was sent. Keep it, make it \
                 possible to write there, and apply again",
                state.store.journal_place()
            )
        });
        Ok(Executed { outcome, unsaved })
    }
}

/// What became of a plan.
#[derive(Debug)]
pub struct Executed {
    /// How each step ended.
    pub outcome: Outcome,
    /// Why the state does not hold all of it. `None` if it does.
    pub unsaved: Option<StoreError>,
}

/// The entry of a run that begins.
fn begun(plan: &Plan, at: Timestamp, by: CompactString, command: CompactString, serial: u64) -> Run {
    let mut steps = BTreeMap::new();
    for (_, step) in plan.graph.steps() {
        let number: &mut usize = steps.entry(step.verb()).or_default();
        *number = number.saturating_add(1);
    }
    Run { at, by, command, digest: plan.digest.clone(), serial, steps, end: None }
}

/// How a run ended.
fn ended(outcome: &Outcome, at: Timestamp) -> RunEnd {
    let done = outcome.count(|step| *step == StepOutcome::Done);
    let result = match (outcome.is_complete(), outcome.interrupted) {
        (true, _) => RunResult::Complete,
        (false, true) => RunResult::Interrupted,
        (false, false) if done > 0 => RunResult::Partial,
        (false, false) => RunResult::Failed,
    };
    RunEnd {
        at,
        result,
        done,
        failed: outcome.count(StepOutcome::is_failed),
        open: outcome.count(StepOutcome::is_open),
        left: outcome.count(|step| matches!(step, StepOutcome::Skipped { .. } | StepOutcome::NotStarted)),
    }
}

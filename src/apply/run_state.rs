//! The state of a run, and what its tasks return.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use compact_str::CompactString;
use jiff::{SignedDuration, Timestamp};
use tokio::sync::watch;

use super::account_search::AccountSearch;
use super::options::{ExecutorOptions, Shutdown};
use super::polling::Polling;
use super::progress::Progress;
use super::recover::LookupResult;
use super::scheduler::Scheduler;
use super::tasks::Tasks;
use crate::backend::{StateStore, StoreError};
use crate::cloud::client::Secret;
use crate::cloud::{Attempts, CloudError, CloudWrite, ErrorKind};
use crate::model::{Accounts, Clock, ImageId, ImageKey, PlacementKey, Region, Tags};
use crate::plan::{Plan, Step, StepIndex, StepOutcome};
use crate::state::{Edit, Event, ObservedImage, SettledImage, Snapshot};

/// Result of a task.
pub(super) enum TaskResult {
    Called(StepIndex, Result<Option<ImageId>, CloudError>),
    Polled(Region, Result<Vec<ObservedImage>, CloudError>),
    LookedUp { step: StepIndex, because: CloudError, found: Result<LookupResult, CloudError> },
    ReadBack { step: StepIndex, because: CloudError, shares: Result<Accounts, CloudError> },
    ReadClaim { step: StepIndex, tags: Result<Tags, CloudError> },
    NamedAndTagged { step: StepIndex, image: SettledImage, named: bool, result: Result<(), CloudError> },
}

/// What a step continues with.
pub(super) enum Continuation {
    /// Its call, which is in the journal.
    Call,
    /// A retry of its call, which is not in the journal yet.
    CallAgain,
    /// A search for the image that its call may have made, because of this error.
    Lookup(CloudError),
    /// The end of a make without tags whose image keeps its name until then.
    Ready(Box<ObservedImage>),
    /// Name and tags of an image that was made without them.
    NameAndTag(ImageId, SettledImage),
}

/// A step that continues later.
pub(super) struct Retry {
    pub(super) due: Timestamp,
    pub(super) step: StepIndex,
    pub(super) next: Continuation,
}

/// Applies a plan. It makes no choices: each step is complete in the plan.
pub struct Executor<'a> {
    /// Image service.
    pub cloud: Arc<dyn CloudWrite>,
    /// Store of the state. The caller holds its lock.
    pub store: &'a mut dyn StateStore,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// Limits of the run.
    pub options: ExecutorOptions,
    /// Request to stop.
    pub stop: watch::Receiver<Shutdown>,
    /// Receiver of progress events.
    pub progress: &'a mut dyn Progress,
    /// Queries of the URLs of imports, by entry. They are secrets, so no plan holds them.
    pub queries: BTreeMap<ImageKey, Secret>,
}

/// Longest pause between two attempts of a call.
pub(super) const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// What the tasks of a run share. One task owns it: concurrent calls only return a [`TaskResult`].
pub(super) struct RunState<'a, 'e> {
    pub(super) executor: &'e mut Executor<'a>,
    pub(super) plan: &'e Plan,
    pub(super) snapshot: &'e mut Snapshot,
    pub(super) scheduler: Scheduler<'e>,
    pub(super) polling: Polling,
    pub(super) tasks: Tasks<TaskResult>,
    /// Defect that ends the run: a task panicked.
    pub(super) internal_error: Option<String>,
    pub(super) calls: usize,
    pub(super) retries: Vec<Retry>,
    /// Steps that wait because an image keeps its name, each with the time until which it does.
    pub(super) keeping_names: BTreeMap<StepIndex, Timestamp>,
    pub(super) tries: BTreeMap<StepIndex, (u32, Timestamp)>,
    /// Failed attempts of each step's call, the transport's included.
    pub(super) attempts: BTreeMap<StepIndex, Attempts>,
    /// Steps that make an image and whose call was sent without a definite answer.
    pub(super) doubts: BTreeSet<StepIndex>,
    /// Placements that the plan deletes.
    pub(super) deleted: BTreeSet<PlacementKey>,
    /// Placements that serve once these steps are done.
    pub(super) succeeding: BTreeMap<PlacementKey, BTreeSet<StepIndex>>,
    /// Creates that the service refused with tags. They are made without tags, which are set once the image is NORMAL.
    pub(super) untagged: BTreeSet<StepIndex>,
    /// Share and unshare steps of which a part was refused.
    pub(super) searches: BTreeMap<StepIndex, AccountSearch>,
    /// Largest number of accounts in the last call of a step.
    pub(super) named: BTreeMap<StepIndex, u32>,
    /// When each step was started.
    pub(super) started: BTreeMap<StepIndex, Timestamp>,
    /// When each step ended.
    pub(super) ended: BTreeMap<StepIndex, Timestamp>,
    pub(super) outcomes: BTreeMap<StepIndex, StepOutcome>,
    pub(super) warnings: Vec<String>,
    pub(super) events: Vec<Event>,
    /// Recorded settings of entries. They are lost with the last image of an entry that is deleted before its successor is
    /// made, and then recorded again.
    pub(super) settings: BTreeMap<ImageKey, Edit>,
}

impl RunState<'_, '_> {
    pub(super) fn now(&self) -> Timestamp {
        self.executor.clock.now()
    }

    /// Returns the name of a step's tasks: its id.
    pub(super) fn task_name(&self, index: StepIndex) -> CompactString {
        CompactString::new(&self.step(index).id.0)
    }

    /// A step starts.
    pub(super) fn begin(&mut self, index: StepIndex) {
        self.started.insert(index, self.now());
        self.scheduler.started(index);
    }

    /// A step ends.
    pub(super) fn end(&mut self, index: StepIndex, outcome: StepOutcome) {
        self.ended.insert(index, self.now());
        self.outcomes.insert(index, outcome);
    }

    /// Returns the time from the start of a step to its end, or to now. `None` if it was not started.
    pub(super) fn duration(&self, index: StepIndex) -> Option<Duration> {
        let ended = self.ended.get(&index).copied().unwrap_or_else(|| self.now());
        self.started
            .get(&index)
            .map(|started| ended.duration_since(*started).max(SignedDuration::ZERO))
            .map(SignedDuration::unsigned_abs)
    }

    pub(super) fn step(&self, index: StepIndex) -> &Step {
        &self.plan.graph[index]
    }

    /// Stores the events of this turn with one sync.
    pub(super) async fn flush(&mut self) -> Result<(), StoreError> {
        if self.events.is_empty() {
            return Ok(());
        }
        let events = std::mem::take(&mut self.events);
        self.executor.store.append(&events).await
    }

    /// Applies an event to the snapshot. It is stored at the end of the turn, before any call. An event that cannot follow is
    /// a defect: it becomes a warning and is not stored.
    pub(super) fn note(&mut self, event: Event) {
        match self.snapshot.take(&event) {
            Ok(()) => self.events.push(event),
            Err(illegal) => self.warnings.push(format!("{illegal}: this is a defect of goldform")),
        }
    }
}

/// Returns the error of a call whose outcome is unknown.
pub(super) fn outcome_unknown(step: &Step, message: &str) -> CloudError {
    CloudError {
        kind: ErrorKind::OutcomeUnknown,
        action: step.verb().as_str().into(),
        region: Some(step.at().region.clone()),
        code: None,
        message: message.to_owned(),
        request_id: None,
    }
}

//! Walks a plan: starts what is ready, writes down what happens, makes no choices.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use compact_str::CompactString;
use jiff::{SignedDuration, Timestamp};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::polling::{Awaited, Polling};
use super::recover::{Found, find_made};
use super::scheduler::{Scheduler, Status};
use crate::backend::{StateStore, StoreError};
use crate::cloud::client::Secret;
use crate::cloud::{Clock, CloudError, CloudWrite, Meaning, NewImage};
use crate::constraints::ValidPlan;
use crate::diff::drift::PENDING_FOR;
use crate::model::{AccountId, Accounts, ImageId, ImageKey, Operation, PlacementKey, Region, SourceKind};
use crate::plan::{Outcome, Plan, Step, StepIndex, StepOutcome};
use crate::state::{Edit, Event, Intent, ObservedImage, SettledImage, Snapshot};

/// How fast to go and how long to wait.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    /// How many calls are under way at once.
    pub parallelism: usize,
    /// How long a step may take to settle, and a busy answer may be waited out.
    pub settle_timeout: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self { parallelism: 10, settle_timeout: Duration::from_secs(2 * 60 * 60) }
    }
}

/// Whether to go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stop {
    /// Go on.
    No,
    /// Start nothing new; let what runs settle.
    Gently,
    /// Write down what is known and end.
    Now,
}

/// Is told what happens, as it happens.
pub trait Progress: Send {
    /// The step calls the service.
    fn started(&mut self, step: &Step);
    /// The service accepted it and works on it.
    fn accepted(&mut self, step: &Step, id: &ImageId);
    /// It is tried again, for this reason.
    fn waiting(&mut self, step: &Step, why: &str);
    /// It is done.
    fn settled(&mut self, step: &Step);
    /// It failed.
    fn failed(&mut self, step: &Step, why: &str);
}

/// Says nothing.
#[derive(Debug, Default, Clone, Copy)]
pub struct Quiet;

impl Progress for Quiet {
    fn started(&mut self, _: &Step) {}
    fn accepted(&mut self, _: &Step, _: &ImageId) {}
    fn waiting(&mut self, _: &Step, _: &str) {}
    fn settled(&mut self, _: &Step) {}
    fn failed(&mut self, _: &Step, _: &str) {}
}

/// What a task brings back.
enum Report {
    Called(StepIndex, Result<Option<ImageId>, CloudError>),
    Polled(Region, Result<Vec<ObservedImage>, CloudError>),
    Looked { step: StepIndex, because: CloudError, found: Result<Found, CloudError> },
    ReadBack { step: StepIndex, because: CloudError, shares: Result<Accounts, CloudError> },
    Tagged { step: StepIndex, image: SettledImage, result: Result<(), CloudError> },
}

/// A call that is tried again.
struct Retry {
    due: Timestamp,
    step: StepIndex,
    /// Not the call, but the look for what it made: a listing may be late.
    look: Option<CloudError>,
}

/// Walks a plan.
pub struct Executor<'a> {
    /// The service.
    pub cloud: Arc<dyn CloudWrite>,
    /// Where the state is kept; locked.
    pub store: &'a mut dyn StateStore,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// How fast.
    pub pace: Pace,
    /// Whether to go on.
    pub stop: watch::Receiver<Stop>,
    /// Who is told.
    pub progress: &'a mut dyn Progress,
    /// The queries of imports' URLs, by entry: secrets, which no plan holds.
    pub queries: BTreeMap<ImageKey, Secret>,
}

/// The longest pause between two tries of a call.
const LONGEST_PAUSE: Duration = Duration::from_secs(10);
/// How often a call is tried that does not reach the service.
const UNREACHABLE_TRIES: u32 = 5;

struct Run<'a, 'e> {
    executor: &'e mut Executor<'a>,
    plan: &'e Plan,
    snapshot: &'e mut Snapshot,
    scheduler: Scheduler<'e>,
    polling: Polling,
    tasks: JoinSet<Report>,
    calls: usize,
    retries: Vec<Retry>,
    tries: BTreeMap<StepIndex, (u32, Timestamp)>,
    /// Steps that wait until the image they are about, or copy from, is NORMAL; they have called nothing yet.
    gated: BTreeMap<StepIndex, PlacementKey>,
    /// Creates that the service refused with tags: made without, and tagged when they are NORMAL.
    untagged: BTreeSet<StepIndex>,
    outcomes: BTreeMap<StepIndex, StepOutcome>,
    warnings: Vec<String>,
    events: Vec<Event>,
    /// What is recorded of entries beside their images; it goes with the last image of an entry that is deleted
    /// before its successor is made.
    settings: BTreeMap<ImageKey, Edit>,
}

impl Executor<'_> {
    /// Walks the plan to its end, or until it is stopped. The snapshot follows what happens; it is saved by the
    /// caller, and until then the journal holds what it does not.
    ///
    /// # Errors
    /// When the journal cannot be written: nothing more is started then.
    pub async fn run(mut self, plan: &ValidPlan, snapshot: &mut Snapshot) -> Result<Outcome, StoreError> {
        let plan = plan.plan();
        let begun = self.clock.now();
        let clock = Arc::clone(&self.clock);
        let mut run = Run {
            scheduler: Scheduler::new(&plan.graph),
            executor: &mut self,
            plan,
            snapshot,
            polling: Polling::default(),
            tasks: JoinSet::new(),
            calls: 0,
            retries: Vec::new(),
            tries: BTreeMap::new(),
            gated: BTreeMap::new(),
            untagged: BTreeSet::new(),
            outcomes: BTreeMap::new(),
            warnings: Vec::new(),
            events: Vec::new(),
            settings: BTreeMap::new(),
        };
        run.walk().await?;
        let mut outcome = run.outcome();
        outcome.took = clock.now().duration_since(begun).unsigned_abs();
        Ok(outcome)
    }
}

impl Run<'_, '_> {
    async fn walk(&mut self) -> Result<(), StoreError> {
        let at = self.now();
        for change in &self.plan.edits {
            self.note(Event::Edited { at, change: change.clone() });
        }
        self.settings = self.snapshot.recorded.settings().collect();
        self.flush().await?;
        loop {
            let stop = *self.executor.stop.borrow();
            if stop == Stop::Now {
                return Ok(());
            }
            if stop == Stop::No {
                self.start_ready().await?;
            }
            self.ask_due(stop);
            let nothing_more = stop != Stop::No || self.scheduler.ready().next().is_none();
            if self.tasks.is_empty() && self.polling.is_empty() && self.retries.is_empty() && nothing_more {
                return Ok(());
            }
            self.wait().await;
            while let Some(Ok(report)) = self.tasks.try_join_next() {
                self.take(report);
            }
            self.flush().await?;
        }
    }

    fn now(&self) -> Timestamp {
        self.executor.clock.now()
    }

    fn step(&self, index: StepIndex) -> Option<&Step> {
        self.plan.graph.step(index)
    }

    /// Stores the events of this turn with one sync, after folding them: what cannot follow is never stored.
    async fn flush(&mut self) -> Result<(), StoreError> {
        if self.events.is_empty() {
            return Ok(());
        }
        let events = std::mem::take(&mut self.events);
        self.executor.store.append(&events).await
    }

    /// Notes an event: the record follows at once, the journal at the end of the turn and before any call.
    fn note(&mut self, event: Event) {
        match self.snapshot.take(&event) {
            Ok(()) => self.events.push(event),
            Err(illegal) => self.warnings.push(format!("{illegal}: this is a defect of goldform")),
        }
    }

    /// Starts what is ready, as far as calls may be under way: Started is stored and synced before any call.
    async fn start_ready(&mut self) -> Result<(), StoreError> {
        let mut starting = Vec::new();
        let room = self.executor.pace.parallelism.max(1);
        let ready: Vec<StepIndex> = self.scheduler.ready().collect();
        for index in ready {
            if self.calls.saturating_add(starting.len()) >= room {
                break;
            }
            self.scheduler.started(index);
            if let Some((at, id)) = self.not_ready_yet(index) {
                let awaited = Awaited { id, step: index, since: self.now() };
                let now = self.now();
                self.polling.await_image(&at.region, awaited, now);
                self.gated.insert(index, at);
            } else {
                starting.push(index);
            }
        }
        self.call_all(starting).await
    }

    async fn call_all(&mut self, starting: Vec<StepIndex>) -> Result<(), StoreError> {
        let at = self.now();
        let makes = |index: &StepIndex| self.step(*index).is_some_and(|step| step.operation.makes_image());
        let held = if starting.iter().any(makes) { self.held_names() } else { BTreeSet::new() };
        for index in &starting {
            let Some(step) = self.plan.graph.step(*index) else { continue };
            let operation = step.operation.clone().owned_by(&self.snapshot.lineage.0);
            let name_was_free = is_free(&operation, &held);
            self.note(Event::Started { step: step.id.clone(), at, operation, name_was_free });
            self.executor.progress.started(step);
        }
        self.flush().await?;
        for index in starting {
            self.call(index);
        }
        Ok(())
    }

    /// The image that must be NORMAL before the step can call, where it is not: its own, or the one copied from.
    fn not_ready_yet(&self, index: StepIndex) -> Option<(PlacementKey, ImageId)> {
        let operation = &self.step(index)?.operation;
        let at = match operation {
            Operation::Create { at, .. } => {
                let image = self.snapshot.recorded.images.get(original(operation)?)?;
                let (original, region) = (original(operation)?.clone(), at.region.clone());
                PlacementKey { image: original, generation: image.current, region }
            }
            Operation::Copy { at, from, .. } => PlacementKey { region: from.clone(), ..at.clone() },
            other => other.at().clone(),
        };
        let placement = self.snapshot.recorded.placement(&at)?;
        let is_settled = placement.state.is_ready() || placement.state.is_failed();
        (!is_settled).then(|| (at, placement.id.clone()))
    }

    /// The names that are held, by region: by managed images and by others, as recorded.
    fn held_names(&self) -> BTreeSet<(Region, CompactString)> {
        let recorded = &self.snapshot.recorded;
        let managed = recorded.placements().map(|(at, placement)| (at.region, placement.name.clone()));
        let others = recorded
            .regions
            .iter()
            .flat_map(|(region, known)| known.unmanaged.values().map(|name| (region.clone(), name.clone())));
        managed.chain(others).collect()
    }

    /// Sends the step's call. Everything in it is in the plan, but for ids, which the record knows.
    fn call(&mut self, index: StepIndex) {
        let Some(step) = self.plan.graph.step(index) else { return };
        let mut operation = step.operation.clone().owned_by(&self.snapshot.lineage.0);
        if let (true, Operation::Create { tags, .. }) = (self.untagged.contains(&index), &mut operation) {
            tags.clear();
        }
        let cloud = Arc::clone(&self.executor.cloud);
        let owner: AccountId = self.plan.account;
        let mut source_of = operation.at().clone();
        if let Operation::Copy { from, .. } = &operation {
            source_of.region = from.clone();
        }
        let query = self.executor.queries.get(&operation.at().image).cloned();
        let id = match original(&operation) {
            Some(image) => self.current_in(image, &operation.at().region),
            None => self.snapshot.recorded.placement(&source_of).map(|placement| placement.id.clone()),
        };
        if let (Some(image), None) = (original(&operation), &id) {
            let why =
                format!("image.{image} is not in {}, so there is nothing to encrypt", operation.at().region);
            self.fail(index, &why, None);
            return;
        }
        if id.is_none() && !matches!(operation, Operation::Create { .. }) {
            let why = format!("{source_of} is not recorded: it is gone, or was never made");
            self.fail(index, &why, None);
            return;
        }
        self.calls = self.calls.saturating_add(1);
        self.tasks.spawn(async move {
            let result = send(cloud.as_ref(), owner, operation, id, query).await;
            Report::Called(index, result)
        });
    }

    /// The id of an entry's current image in a region.
    fn current_in(&self, image: &ImageKey, region: &Region) -> Option<ImageId> {
        let recorded = self.snapshot.recorded.images.get(image)?;
        let build = recorded.generations.get(&recorded.current)?;
        Some(build.placements.get(region)?.id.clone())
    }

    /// Asks for what is due: polls by region, and calls that are tried again.
    fn ask_due(&mut self, stop: Stop) {
        let now = self.now();
        for (region, ids) in self.polling.take_due(now) {
            let cloud = Arc::clone(&self.executor.cloud);
            self.tasks.spawn(async move {
                let images = cloud.images_by_id(&region, &ids).await;
                Report::Polled(region, images)
            });
        }
        let (due, later): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.retries).into_iter().partition(|retry| retry.due <= now);
        self.retries = later;
        for Retry { due: _, step, look } in due {
            match (stop, look) {
                (Stop::No, Some(because)) => self.look(step, because),
                (Stop::No, None) => self.call(step),
                // It was not executed, or is safe to look at again: the next run decides.
                _ => {
                    self.outcomes.insert(step, StepOutcome::Unknown { why: "the run was stopped".into() });
                    self.scheduler.failed(step);
                }
            }
        }
    }

    /// Waits until a task ends, something is due, or the user stops the run.
    async fn wait(&mut self) {
        let due = self.polling.next_due().into_iter().chain(self.retries.iter().map(|retry| retry.due)).min();
        let nap = match due {
            Some(due) => due.duration_since(self.now()).max(SignedDuration::ZERO).unsigned_abs(),
            None => Duration::from_secs(60),
        };
        let mut stop = self.executor.stop.clone();
        // Where nobody is left who could stop the run, there is nothing to listen to.
        let may_stop = stop.has_changed().is_ok();
        let report = tokio::select! {
            report = self.tasks.join_next(), if !self.tasks.is_empty() => report,
            () = tokio::time::sleep(nap), if due.is_some() || self.tasks.is_empty() => None,
            _ = stop.changed(), if may_stop => None,
        };
        if let Some(Ok(report)) = report {
            self.take(report);
        }
    }

    fn take(&mut self, report: Report) {
        match report {
            Report::Called(step, result) => {
                self.calls = self.calls.saturating_sub(1);
                self.called(step, result);
            }
            Report::Polled(region, result) => self.polled(&region, result),
            Report::Looked { step, because, found } => self.looked(step, &because, found),
            Report::ReadBack { step, because, shares } => self.read_back(step, &because, shares),
            Report::Tagged { step, image, result } => {
                if let (Err(error), Some(at)) = (result, self.step(step).map(Step::at)) {
                    self.warnings
                        .push(format!("{at} could not be tagged: {error}; the next apply tries again"));
                }
                self.settle(step, Some(image));
            }
        }
    }

    fn called(&mut self, index: StepIndex, result: Result<Option<ImageId>, CloudError>) {
        let Some(step) = self.plan.graph.step(index) else { return };
        let makes_image = step.operation.makes_image();
        let error = match result {
            Ok(Some(id)) if makes_image => return self.accept(index, id),
            Ok(None) if makes_image => {
                return self.look(index, unknown(step, "the service accepted it and told no id"));
            }
            Ok(_) => return self.settle(index, None),
            Err(error) => error,
        };
        match error.meaning {
            Meaning::Throttled | Meaning::Busy => self.try_again(index, &error),
            Meaning::Unreachable if self.tries_of(index) < UNREACHABLE_TRIES => self.try_again(index, &error),
            Meaning::DuplicateName | Meaning::OutcomeUnknown | Meaning::Internal | Meaning::Garbled
                if makes_image =>
            {
                self.look(index, error);
            }
            // All but makes may be sent again: they set what is to be, and do nothing the second time.
            Meaning::OutcomeUnknown | Meaning::Internal | Meaning::Garbled
                if self.tries_of(index) < UNREACHABLE_TRIES =>
            {
                self.try_again(index, &error);
            }
            Meaning::NotFound
                if matches!(step.operation, Operation::Delete { .. } | Operation::Unshare { .. }) =>
            {
                self.settle(index, None);
            }
            Meaning::AlreadyShared if matches!(step.operation, Operation::Share { .. }) => {
                self.ask_shares(index, error);
            }
            Meaning::Tag if makes_image && self.untagged.insert(index) => self.call(index),
            Meaning::ShareQuota if matches!(step.operation, Operation::Share { .. }) => {
                self.learn_share_limit(step);
                self.fail(index, &error.to_string(), None);
            }
            Meaning::SharedImageUnmodifiable if matches!(step.operation, Operation::Update { .. }) => {
                self.note(Event::Edited { at: self.now(), change: Edit::LearnSharedEditsRefused });
                self.fail(index, &error.to_string(), None);
            }
            _ if matches!(step.operation, Operation::Tag { .. }) => self.warn_untagged(index, &error),
            _ => self.fail(index, &error.to_string(), None),
        }
    }

    /// Accepted: recorded, and waited for.
    fn accept(&mut self, index: StepIndex, id: ImageId) {
        let Some(step) = self.plan.graph.step(index) else { return };
        let (at, now) = (step.at().clone(), self.now());
        let is_first = !self.snapshot.recorded.images.contains_key(&at.image);
        self.note(Event::Accepted { step: step.id.clone(), at: now, id: id.clone() });
        if is_first {
            // What the manifest says of a new entry is recorded with its first image.
            let is_settings =
                |edit: &&Edit| matches!(edit, Edit::Settings { image, .. } if *image == at.image);
            let planned = self.plan.edits.iter().find(is_settings);
            if let Some(change) = planned.or_else(|| self.settings.get(&at.image)).cloned() {
                self.note(Event::Edited { at: now, change });
            }
        }
        self.executor.progress.accepted(step, &id);
        self.polling.await_image(&at.region, Awaited { id, step: index, since: now }, now);
    }

    fn settle(&mut self, index: StepIndex, image: Option<SettledImage>) {
        let Some(step) = self.plan.graph.step(index) else { return };
        self.note(Event::Settled { step: step.id.clone(), at: self.now(), image });
        self.outcomes.insert(index, StepOutcome::Done);
        self.scheduler.settled(index);
        self.executor.progress.settled(step);
    }

    fn fail(&mut self, index: StepIndex, why: &str, state: Option<crate::model::ImageState>) {
        let Some(step) = self.plan.graph.step(index) else { return };
        if self.snapshot.intents.contains_key(&step.id) {
            let (step, at, why) = (step.id.clone(), self.now(), why.to_owned());
            self.note(Event::Failed { step, at, why, state });
        }
        self.outcomes.insert(index, StepOutcome::Failed { why: why.to_owned() });
        self.scheduler.failed(index);
        self.executor.progress.failed(step, why);
    }

    /// It has not settled in time, or cannot be found out: it stays recorded, and its branch stops.
    fn leave(&mut self, index: StepIndex, outcome: StepOutcome, why: &str) {
        let Some(step) = self.plan.graph.step(index) else { return };
        self.outcomes.insert(index, outcome);
        self.scheduler.failed(index);
        self.executor.progress.failed(step, why);
    }

    /// No action tells the limit of accounts per image; a refusal says that it is below what was asked for.
    fn learn_share_limit(&mut self, step: &Step) {
        let Operation::Share { at, accounts, .. } = &step.operation else { return };
        let now = self.snapshot.recorded.placement(at).map_or(0, |placement| placement.everyone().len());
        let most = now.saturating_add(accounts.len()).saturating_sub(1);
        let value = u32::try_from(most).unwrap_or(u32::MAX);
        let at = self.now();
        self.note(Event::Edited { at, change: Edit::LearnShareLimit { value, at } });
    }

    /// A failure to tag never makes a good image bad: it is told, and tried again by the next apply.
    fn warn_untagged(&mut self, index: StepIndex, error: &CloudError) {
        let Some(step) = self.plan.graph.step(index) else { return };
        let (id, at, why) = (step.id.clone(), self.now(), error.to_string());
        self.warnings.push(format!("{} could not be tagged: {error}; the next apply tries again", step.at()));
        self.note(Event::Failed { step: id, at, why, state: None });
        self.outcomes.insert(index, StepOutcome::Done);
        self.scheduler.settled(index);
        self.executor.progress.settled(step);
    }

    fn tries_of(&self, index: StepIndex) -> u32 {
        self.tries.get(&index).map_or(0, |(tries, _)| *tries)
    }

    /// The call was not executed, or does no harm a second time: it is tried again, until the time is up.
    fn try_again(&mut self, index: StepIndex, error: &CloudError) {
        let now = self.now();
        let (_, since) = self.tries.get(&index).copied().unwrap_or((0, now));
        let waited = now.duration_since(since).unsigned_abs();
        if waited >= self.executor.pace.settle_timeout {
            return self.fail(index, &error.to_string(), None);
        }
        let due = self.after_a_pause(index, error);
        self.retries.push(Retry { due, step: index, look: None });
    }

    /// The name is taken and no listing shows by whom: by the image that an earlier try made, whose listing is late.
    fn look_later(&mut self, index: StepIndex, because: CloudError) {
        let due = self.after_a_pause(index, &because);
        self.retries.push(Retry { due, step: index, look: Some(because) });
    }

    /// When to try again, each time later; the try is counted and told.
    fn after_a_pause(&mut self, index: StepIndex, error: &CloudError) -> Timestamp {
        let now = self.now();
        let (tries, since) = self.tries.get(&index).copied().unwrap_or((0, now));
        self.tries.insert(index, (tries.saturating_add(1), since));
        let pause = Duration::from_millis(300).saturating_mul(1 << tries.min(6)).min(LONGEST_PAUSE);
        if let Some(step) = self.plan.graph.step(index) {
            self.executor.progress.waiting(step, &error.to_string());
        }
        now.checked_add(SignedDuration::try_from(pause).unwrap_or_default()).unwrap_or(now)
    }

    /// The outcome of a make is unknown: look for what it may have made.
    fn look(&mut self, index: StepIndex, because: CloudError) {
        let Some(intent) = self.intent(index) else { return };
        let cloud = Arc::clone(&self.executor.cloud);
        let recorded = self.snapshot.recorded.clone();
        let lineage = self.snapshot.lineage.0.clone();
        self.tasks.spawn(async move {
            let found = find_made(cloud.as_ref(), &recorded, &lineage, &intent).await;
            Report::Looked { step: index, because, found }
        });
    }

    fn intent(&self, index: StepIndex) -> Option<Intent> {
        self.snapshot.intents.get(&self.step(index)?.id).cloned()
    }

    /// Whether what took the name may be an image of ours that no listing shows yet.
    fn may_be_late(&self, index: StepIndex) -> bool {
        let is_recent = |at: Timestamp| self.now().duration_since(at) < PENDING_FOR;
        self.intent(index).is_some_and(|intent| intent.name_was_free && is_recent(intent.at))
    }

    fn looked(&mut self, index: StepIndex, because: &CloudError, found: Result<Found, CloudError>) {
        let was_refused = because.meaning == Meaning::DuplicateName;
        match found {
            Ok(Found::One(image)) => self.accept(index, image.id),
            Ok(Found::None) if was_refused && self.may_be_late(index) => {
                self.look_later(index, because.clone());
            }
            Ok(Found::None) if was_refused => self.fail(index, &because.to_string(), None),
            // Not there yet, or never made: sent again only while looking keeps finding nothing.
            Ok(Found::None) if self.tries_of(index) < UNREACHABLE_TRIES => self.try_again(index, because),
            // It may be there all the same: the next run looks again.
            Ok(Found::None) => {
                let why = because.to_string();
                self.leave(index, StepOutcome::Unknown { why: why.clone() }, &why);
            }
            Ok(Found::Doubtful(ids)) => {
                let ids: Vec<&str> = ids.iter().map(ImageId::as_str).collect();
                let why = format!("{because}; it may have made {}, look at it", ids.join(" or "));
                self.leave(index, StepOutcome::Unknown { why: why.clone() }, &why);
            }
            Err(error) => {
                let why = format!("{because}; looking for what it made failed too: {error}");
                self.leave(index, StepOutcome::Unknown { why: why.clone() }, &why);
            }
        }
    }

    /// Some accounts have the share already: read the list, then share with the rest.
    fn ask_shares(&mut self, index: StepIndex, because: CloudError) {
        let Some(at) = self.step(index).map(|step| step.at().clone()) else { return };
        let Some(id) = self.snapshot.recorded.placement(&at).map(|placement| placement.id.clone()) else {
            return self.fail(index, &because.to_string(), None);
        };
        let cloud = Arc::clone(&self.executor.cloud);
        self.tasks.spawn(async move {
            let shares = cloud.shares(&at.region, &id).await;
            Report::ReadBack { step: index, because, shares }
        });
    }

    fn read_back(&mut self, index: StepIndex, because: &CloudError, shares: Result<Accounts, CloudError>) {
        let Some(Step { operation: Operation::Share { at, accounts, .. }, .. }) = self.plan.graph.step(index)
        else {
            return;
        };
        let missing = match shares {
            Ok(shares) => accounts.without(&shares),
            Err(error) => return self.fail(index, &format!("{because}; {error}"), None),
        };
        let id = self.snapshot.recorded.placement(at).map(|placement| placement.id.clone());
        let (Some(id), Some(first)) = (id, missing.iter().next()) else { return self.settle(index, None) };
        if self.tries_of(index) >= UNREACHABLE_TRIES {
            let why = format!("{because}; {first} is still without the share");
            return self.fail(index, &why, None);
        }
        let (tries, since) = self.tries.get(&index).copied().unwrap_or((0, self.now()));
        self.tries.insert(index, (tries.saturating_add(1), since));
        let cloud = Arc::clone(&self.executor.cloud);
        let region = at.region.clone();
        self.calls = self.calls.saturating_add(1);
        self.tasks.spawn(async move {
            let result = cloud.share_image(&region, &id, &missing).await;
            Report::Called(index, result.map(|()| None))
        });
    }

    /// A listing came back: what is NORMAL has settled, what failed has failed, the rest is waited for.
    fn polled(&mut self, region: &Region, result: Result<Vec<ObservedImage>, CloudError>) {
        let now = self.now();
        let timeout = self.executor.pace.settle_timeout;
        let images: BTreeMap<ImageId, ObservedImage> = match result {
            Ok(images) => images.into_iter().map(|image| (image.id.clone(), image)).collect(),
            // A read that failed says nothing: the next tick asks again, until the time is up.
            Err(_) => BTreeMap::new(),
        };
        let is_over = |awaited: &Awaited| {
            let waited = now.duration_since(awaited.since).unsigned_abs();
            let is_settled = images
                .get(&awaited.id)
                .is_some_and(|image| image.state.is_ready() || image.state.is_failed());
            is_settled || waited >= timeout
        };
        for awaited in self.polling.answered(region, now, is_over) {
            match (images.get(&awaited.id), self.gated.remove(&awaited.step)) {
                (Some(image), Some(at)) if image.state.is_ready() => {
                    if let Some(placement) = self.snapshot.recorded.placement_mut(&at) {
                        placement.state = image.state;
                        placement.build = Some(image.build.clone());
                        placement.seen = true;
                    }
                    self.ungate(awaited.step);
                }
                (Some(image), None) if image.state.is_ready() => {
                    let settled = SettledImage { state: image.state, build: image.build.clone() };
                    if self.untagged.contains(&awaited.step) {
                        self.tag_late(awaited.step, image.id.clone(), settled);
                    } else {
                        self.settle(awaited.step, Some(settled));
                    }
                }
                (Some(image), _) if image.state.is_failed() => {
                    let why = format!("the service reports {} for {}", image.state.as_str(), image.id);
                    self.fail(awaited.step, &why, Some(image.state));
                }
                (seen, gate) => {
                    let state = seen.map_or("not listed", |image| image.state.as_str());
                    let long = now.duration_since(awaited.since) >= PENDING_FOR && seen.is_none();
                    let hint = if long { " (it was accepted, and never listed)" } else { "" };
                    let why = format!("{} is still {state} after {}{hint}", awaited.id, in_words(timeout));
                    match gate {
                        Some(_) => self.fail(awaited.step, &why, None),
                        None => self.leave(awaited.step, StepOutcome::Pending, &why),
                    }
                }
            }
        }
    }

    /// Tags an image that had to be made without its tags.
    fn tag_late(&mut self, index: StepIndex, id: ImageId, image: SettledImage) {
        let Some(step) = self.plan.graph.step(index) else { return };
        let Operation::Create { at, tags, .. } = step.operation.clone().owned_by(&self.snapshot.lineage.0)
        else {
            return self.settle(index, Some(image));
        };
        let (cloud, owner) = (Arc::clone(&self.executor.cloud), self.plan.account);
        self.tasks.spawn(async move {
            let result = cloud.tag_image(owner, &at.region, &id, &tags, &[]).await;
            Report::Tagged { step: index, image, result }
        });
    }

    /// The image that a step waited for is NORMAL: it may call now. It counts as running already.
    fn ungate(&mut self, index: StepIndex) {
        let Some(step) = self.plan.graph.step(index) else { return };
        let operation = step.operation.clone().owned_by(&self.snapshot.lineage.0);
        let name_was_free = operation.makes_image() && is_free(&operation, &self.held_names());
        self.note(Event::Started { step: step.id.clone(), at: self.now(), operation, name_was_free });
        self.executor.progress.started(step);
        // Sent at the next turn, once Started is stored.
        self.retries.push(Retry { due: self.now(), step: index, look: None });
    }

    fn outcome(&self) -> Outcome {
        let awaited: BTreeSet<StepIndex> = self.polling.left().map(|awaited| awaited.step).collect();
        let steps = self
            .plan
            .graph
            .steps()
            .map(|(index, step)| {
                let outcome = match (self.outcomes.get(&index), self.scheduler.status(index)) {
                    (Some(outcome), _) => outcome.clone(),
                    (None, Some(Status::Skipped { because })) => StepOutcome::Skipped {
                        because: self.step(because).map_or_else(|| step.id.clone(), |step| step.id.clone()),
                    },
                    (None, Some(Status::Running)) if self.gated.contains_key(&index) => {
                        StepOutcome::NotStarted
                    }
                    (None, Some(Status::Running)) if awaited.contains(&index) => StepOutcome::Pending,
                    (None, Some(Status::Running)) => {
                        StepOutcome::Unknown { why: "the run ended before the answer came".into() }
                    }
                    _ => StepOutcome::NotStarted,
                };
                (step.id.clone(), step.verb(), outcome)
            })
            .collect();
        let interrupted = *self.executor.stop.borrow() != Stop::No;
        Outcome { steps, warnings: self.warnings.clone(), interrupted, took: Duration::ZERO }
    }
}

/// Sends one operation.
pub(crate) async fn send(
    cloud: &dyn CloudWrite,
    owner: AccountId,
    operation: Operation,
    id: Option<ImageId>,
    query: Option<Secret>,
) -> Result<Option<ImageId>, CloudError> {
    match (operation, id) {
        (Operation::Create { at, attributes, tags, source, ownership: _ }, id) => {
            let original = id.filter(|_| matches!(source.kind, SourceKind::Encrypted { .. }));
            let image = NewImage { query, original, ..NewImage::new(attributes, tags, source) };
            cloud.create_image(&at.region, &image).await
        }
        (Operation::Copy { at, from, name }, Some(id)) => {
            cloud.copy_image(&from, &id, &at.region, &name).await
        }
        (Operation::Update { at, set }, Some(id)) => {
            cloud.modify_image(&at.region, &id, &set).await.map(|()| None)
        }
        (Operation::Tag { at, set, unset, ownership: _ }, Some(id)) => {
            cloud.tag_image(owner, &at.region, &id, &set, &unset).await.map(|()| None)
        }
        (Operation::Share { at, accounts, foreign: _ }, Some(id)) => {
            cloud.share_image(&at.region, &id, &accounts).await.map(|()| None)
        }
        (Operation::Unshare { at, accounts }, Some(id)) => {
            cloud.unshare_image(&at.region, &id, &accounts).await.map(|()| None)
        }
        (Operation::Delete { at, snapshots }, Some(id)) => {
            cloud.delete_image(&at.region, &id, snapshots).await.map(|()| None)
        }
        // `call` has looked the id up before.
        (_, None) => Ok(None),
    }
}

/// Whether the name that a create or copy uses is held by nobody that is recorded.
fn is_free(operation: &Operation, held: &BTreeSet<(Region, CompactString)>) -> bool {
    let name = operation.made_name();
    name.is_some_and(|name| !held.contains(&(operation.at().region.clone(), name.clone())))
}

/// The entry that an encrypted copy is made from.
fn original(operation: &Operation) -> Option<&ImageKey> {
    match operation {
        Operation::Create { source, .. } => match &source.kind {
            SourceKind::Encrypted { image, .. } => Some(image),
            _ => None,
        },
        _ => None,
    }
}

fn unknown(step: &Step, message: &str) -> CloudError {
    CloudError {
        meaning: Meaning::OutcomeUnknown,
        action: step.verb().as_str().into(),
        region: Some(step.at().region.clone()),
        code: None,
        message: message.to_owned(),
        request_id: None,
    }
}

fn in_words(time: Duration) -> String {
    let minutes = time.as_secs() / 60;
    if minutes > 0 { format!("{minutes} min") } else { format!("{} s", time.as_secs()) }
}

//! A bench: a sandbox in memory, a state in memory, and time that passes only when everyone waits.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::death::{Death, DyingStore, DyingTransport};
use super::watched::{OnStore, WatchedStore};
use crate::apply::ExecutorOptions;
use crate::backend::{LockInfo, LockWait, MemoryStore, StateStore, StoreError};
use crate::cloud::client::Client;
use crate::cloud::sim::{Settings, Sim, SimTransport};
use crate::cloud::wrap::{RateLimits, RetryPolicy, RetryingTransport};
use crate::cloud::{CloudError, Transport};
use crate::constraints::{Judgement, Levels, ValidPlan, validate};
use crate::diff::{self, PlanMode};
use crate::engine::{CheckedPlan, Engine, EngineError, Execution, LockedState, Scope};
use crate::manifest::Desired;
use crate::model::{AccountId, Clock, Level, Provider};
use crate::plan::{EdgeReason, Outcome, Plan, PlanOptions, PlanResult, propose};
use crate::state::{Lineage, Snapshot};

/// Tokio's clock: it can be paused, and then runs as fast as everyone waits.
pub struct TokioClock {
    start: Timestamp,
    begun: tokio::time::Instant,
}

impl TokioClock {
    pub fn starting_at(start: Timestamp) -> Self {
        Self { start, begun: tokio::time::Instant::now() }
    }
}

impl Clock for TokioClock {
    fn now(&self) -> Timestamp {
        let passed = SignedDuration::try_from(self.begun.elapsed()).unwrap();
        self.start.checked_add(passed).unwrap()
    }
}

/// The lineage of the state of every bench.
pub const LINEAGE: &str = "lineage-1";

pub struct Bench {
    pub sim: Arc<Sim>,
    pub clock: Arc<dyn Clock>,
    pub store: MemoryStore,
    pub account: AccountId,
    pub options: ExecutorOptions,
    /// Which state this is: the value of its ownership tag.
    pub lineage: Lineage,
    /// Receives every plan and what the rules say of it, before it is applied.
    pub on_plan: Option<OnPlan>,
    /// Receives what [`Bench::live`] stores.
    pub on_store: Option<OnStore>,
    /// Whether what takes something from consumers waits for nobody, and no rule minds: shows that tests notice.
    pub breaks_ready_rule: bool,
    /// Whether many images that are gone at once stop a run (GF708), as in the program. Not by default: tests delete
    /// behind its back.
    pub doubts_listings: bool,
    manners: Option<Arc<dyn Transport>>,
}

/// Receives a plan and what the rules say of it.
pub type OnPlan = Arc<dyn Fn(&Plan, &Judgement) + Send + Sync>;

fn lock_info(clock: &dyn Clock) -> LockInfo {
    LockInfo { owner: "test".into(), pid: 1, operation: "apply".into(), since: clock.now() }
}

impl Bench {
    pub fn new(settings: Settings) -> Self {
        let start: Timestamp = "2026-11-24T12:00:00Z".parse().unwrap();
        Self {
            sim: Arc::new(Sim::in_memory(settings).unwrap()),
            clock: Arc::new(TokioClock::starting_at(start)),
            store: MemoryStore::default(),
            account: "100000000001".parse().unwrap(),
            options: ExecutorOptions::default(),
            lineage: Lineage(LINEAGE.into()),
            on_plan: None,
            on_store: None,
            breaks_ready_rule: false,
            doubts_listings: false,
            manners: None,
        }
    }

    /// A second state in the account of another bench, on the same cloud and clock.
    pub fn beside(other: &Self, lineage: &str) -> Self {
        Self {
            sim: Arc::clone(&other.sim),
            clock: Arc::clone(&other.clock),
            store: MemoryStore::default(),
            account: other.account,
            options: other.options,
            lineage: Lineage(lineage.into()),
            on_plan: None,
            on_store: None,
            breaks_ready_rule: false,
            doubts_listings: false,
            manners: None,
        }
    }

    /// With calls that are paced by the documented rates. Without this they are sent again, but not paced.
    pub fn with_manners(self) -> Self {
        self.through(|transport| transport)
    }

    /// As [`Bench::with_manners`], over a transport that something is done to.
    pub fn through(mut self, way: impl FnOnce(Arc<dyn Transport>) -> Arc<dyn Transport>) -> Self {
        let transport = way(self.transport_of(self.account));
        self.manners = Some(Arc::new(RetryingTransport::new(
            transport,
            RateLimits::Documented,
            RetryPolicy::default(),
            1,
        )));
        self
    }

    pub fn transport_of(&self, caller: AccountId) -> Arc<dyn Transport> {
        Arc::new(SimTransport { sim: Arc::clone(&self.sim), caller, clock: Arc::clone(&self.clock) })
    }

    pub fn cloud(&self) -> Arc<Client> {
        let transport = self.manners.clone();
        Arc::new(Client::new(transport.unwrap_or_else(|| {
            let transport = self.transport_of(self.account);
            Arc::new(RetryingTransport::new(transport, RateLimits::Unlimited, RetryPolicy::default(), 1))
        })))
    }

    /// The present state; a first one where nothing was saved.
    pub async fn snapshot(&mut self) -> Snapshot {
        let loaded = self.store.load().await.unwrap();
        loaded.unwrap_or_else(|| self.first_snapshot())
    }

    pub fn first_snapshot(&self) -> Snapshot {
        Snapshot::first(self.lineage.clone(), self.account, Provider::Sandbox)
    }

    /// The engine of a manifest, as the program has it.
    pub fn engine(&self, desired: &Desired) -> Engine {
        let mut allowing = desired.clone();
        if !self.doubts_listings {
            allowing.levels.insert("mass_disappearance".into(), Level::Allow);
        }
        if self.breaks_ready_rule {
            let rules = ["share_gap", "protected_image_deleted"];
            allowing.levels.extend(rules.map(|rule| (rule.into(), Level::Allow)));
        }
        let (levels, unknown) = Levels::new(&allowing.levels, &[]);
        assert!(unknown.is_empty());
        Engine::with_levels(desired.clone(), levels, Arc::clone(&self.clock))
    }

    /// Observes the cloud and folds what is there into the snapshot.
    pub async fn observe(&self, desired: &Desired, snapshot: &mut Snapshot) -> diff::Drift {
        let engine = self.engine(desired);
        engine.connect(self.cloud()).drift(snapshot).await.unwrap().drift
    }

    pub fn propose(desired: &Desired, snapshot: &Snapshot, mode: PlanMode) -> PlanResult {
        propose(desired, &snapshot.recorded, Some(snapshot), &PlanOptions::all(mode)).unwrap()
    }

    /// What the rules say of a plan, with the levels of its manifest.
    pub fn judge(
        &self,
        desired: &Desired,
        proposal: PlanResult,
    ) -> (Judgement, Result<ValidPlan, Box<Plan>>) {
        let (levels, unknown) = Levels::new(&desired.levels, &[]);
        assert!(unknown.is_empty());
        validate(proposal.plan, desired, &proposal.prior, &levels, self.clock.now())
    }

    /// Does everything that `apply` does: recover, observe, plan, validate, execute, save. Returns the plan and what
    /// became of it; panics where a rule refuses it.
    pub async fn apply(&mut self, desired: &Desired, mode: PlanMode) -> (Plan, Outcome) {
        match self.try_apply(desired, mode).await {
            Applied::Walked(plan, outcome) => (plan, outcome),
            Applied::Refused(judgement) => panic!("refused: {:#?}", judgement.diagnostics),
            Applied::Unread(error) => panic!("{error}"),
        }
    }

    /// As [`Bench::apply`]; where a rule refuses the plan, nothing is changed.
    pub async fn try_apply(&mut self, desired: &Desired, mode: PlanMode) -> Applied {
        self.try_apply_edited(desired, mode, |_| {}).await
    }

    /// As [`Bench::try_apply`], with a plan that is edited before it is judged.
    pub async fn try_apply_edited(
        &mut self,
        desired: &Desired,
        mode: PlanMode,
        edit: impl FnOnce(&mut Plan),
    ) -> Applied {
        let mut store = std::mem::take(&mut self.store);
        let applied = self.go(desired, mode, self.cloud(), &mut store, edit).await.unwrap();
        self.store = store.crashed_after(usize::MAX);
        applied
    }

    /// As [`Bench::apply`], by a process that dies; what it leaves behind stays. Whether it died.
    pub async fn apply_and_die(&mut self, desired: &Desired, mode: PlanMode, death: &Death) -> bool {
        let transport = DyingTransport { inner: self.transport_of(self.account), death: death.clone() };
        let cloud = Arc::new(Client::new(Arc::new(transport)));
        let mut store = std::mem::take(&mut self.store);
        {
            let mut dying = DyingStore { inner: &mut store, death: death.clone() };
            let run = self.go(desired, mode, cloud, &mut dying, |_| {});
            // The process is gone as soon as it is dead: nothing that it still holds continues.
            tokio::select! {
                _ = run => {}
                () = async {
                    while !death.has_come() {
                        tokio::time::sleep(std::time::Duration::from_millis(1)).await;
                    }
                } => {}
            }
        }
        self.store = store.crashed_after(usize::MAX);
        death.has_come()
    }

    /// As [`Bench::try_apply`], over this transport, by a process that may die. `None` if it died; what it leaves
    /// behind stays.
    ///
    /// # Errors
    /// When the store cannot be used.
    pub async fn live(
        &mut self,
        desired: &Desired,
        transport: Arc<dyn Transport>,
        death: &Death,
    ) -> Result<Option<Applied>, StoreError> {
        let mut store = std::mem::take(&mut self.store);
        let applied = self.live_on(desired, transport, &mut store, LockWait::NONE, death).await;
        self.store = store.crashed_after(usize::MAX);
        applied
    }

    /// As [`Bench::live`], with the state in another store, whose lock is waited for.
    ///
    /// # Errors
    /// When the store cannot be used.
    pub async fn live_on(
        &self,
        desired: &Desired,
        transport: Arc<dyn Transport>,
        store: &mut dyn StateStore,
        wait: LockWait,
        death: &Death,
    ) -> Result<Option<Applied>, StoreError> {
        let transport = Arc::new(DyingTransport { inner: transport, death: death.clone() });
        let retrying = RetryingTransport::new(transport, RateLimits::Documented, RetryPolicy::default(), 1);
        let cloud = Arc::new(Client::new(Arc::new(retrying)));
        let mut watched = WatchedStore { inner: store, on_store: self.on_store.clone() };
        let mut dying = DyingStore { inner: &mut watched, death: death.clone() };
        let run = async {
            dying.lock(lock_info(self.clock.as_ref()), wait).await?;
            self.go_on(desired, PlanMode::Normal, cloud, &mut dying, |_| {}).await
        };
        let applied = tokio::select! {
            biased;
            () = death.comes() => None,
            applied = run => Some(applied),
        };
        applied.transpose()
    }

    async fn go(
        &self,
        desired: &Desired,
        mode: PlanMode,
        cloud: Arc<Client>,
        store: &mut dyn StateStore,
        edit: impl FnOnce(&mut Plan),
    ) -> Result<Applied, StoreError> {
        store.lock(lock_info(self.clock.as_ref()), LockWait::NONE).await?;
        self.go_on(desired, mode, cloud, store, edit).await
    }

    /// Applies with a state whose lock is held.
    async fn go_on(
        &self,
        desired: &Desired,
        mode: PlanMode,
        cloud: Arc<Client>,
        store: &mut dyn StateStore,
        edit: impl FnOnce(&mut Plan),
    ) -> Result<Applied, StoreError> {
        let mut engine = self.engine(desired);
        let mut state = LockedState::load(store, || self.first_snapshot()).await?;
        let connected = engine.connect(Arc::clone(&cloud));
        let seen = match state.recover(&connected).await {
            Ok(_) => state.observe(&connected, Scope::All).await.map(|_| ()),
            Err(error) => Err(error),
        };
        match seen {
            Ok(()) => {}
            Err(EngineError::ObservationRefused(judgement)) => return Ok(Applied::Refused(*judgement)),
            Err(EngineError::Cloud(error)) => return Ok(Applied::Unread(*error)),
            Err(EngineError::Store(error)) => return Err(error),
            // As a store reports it, so that a life prints its script.
            Err(EngineError::IllegalEvent(source)) => {
                return Err(StoreError::Journal { place: "recovery".into(), line: 0, source, serial: None });
            }
            Err(error) => panic!("{error}"),
        }
        let PlanResult { mut plan, prior, .. } =
            engine.propose(Some(&state.snapshot), Some(&state.snapshot), &PlanOptions::all(mode)).unwrap();
        edit(&mut plan);
        if self.breaks_ready_rule {
            let is_ready_rule = |reason: &EdgeReason| {
                matches!(reason, EdgeReason::SuccessorReady | EdgeReason::SuccessorShared)
            };
            plan.graph.drop_edges(|_, _, reason| is_ready_rule(reason));
        }
        let CheckedPlan { valid, judgement, .. } = engine.check(plan, prior);
        let Ok(valid) = valid else { return Ok(Applied::Refused(judgement)) };
        if let Some(on_plan) = &self.on_plan {
            on_plan(valid.plan(), &judgement);
        }
        let execution = Execution { options: self.options, ..Execution::new("test", "apply") };
        let executed = engine.connect(cloud).execute(&mut state, &valid, execution).await?;
        let outcome = match executed.unsaved {
            Some(error) => return Err(error),
            None => executed.outcome,
        };
        Ok(Applied::Walked(valid.plan().clone(), outcome))
    }
}

/// What became of an apply.
#[derive(Debug)]
#[allow(clippy::large_enum_variant, reason = "one of a test")]
pub enum Applied {
    /// The plan was executed.
    Walked(Plan, Outcome),
    /// A rule refused it.
    Refused(Judgement),
    /// The cloud could not be read before anything was planned.
    Unread(CloudError),
}

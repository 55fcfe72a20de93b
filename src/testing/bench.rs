//! A bench: an embedded cloud in memory, a state in memory, and time that passes only when everyone waits.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use tokio::sync::watch;

use super::death::{Death, DyingStore, DyingTransport};
use super::watched::{OnStore, WatchedStore};
use crate::apply::{Executor, Pace, Quiet, Stop, judge_missing, look_up, observe, recover};
use crate::backend::{Freshness, LockInfo, LockWait, MemoryStore, StateStore, StoreError};
use crate::cloud::client::Client;
use crate::cloud::sim::{Settings, Sim, SimTransport};
use crate::cloud::wrap::{Careful, Policy, Rates};
use crate::cloud::{Clock, CloudError, CloudRead, CloudWrite, Transport};
use crate::constraints::{Judgement, Levels, ValidPlan, validate};
use crate::diff::{self, Intention};
use crate::manifest::{Desired, Level, Provider};
use crate::model::{AccountId, Region};
use crate::plan::{EdgeReason, Outcome, Plan, Proposal, Wish, propose};
use crate::state::{Lineage, Recorded, Snapshot};

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
    pub pace: Pace,
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
            pace: Pace::default(),
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
            pace: other.pace,
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
        self.manners = Some(Arc::new(Careful::around(transport, Rates::Documented, Policy::default(), 1)));
        self
    }

    pub fn transport_of(&self, caller: AccountId) -> Arc<dyn Transport> {
        Arc::new(SimTransport { sim: Arc::clone(&self.sim), caller, clock: Arc::clone(&self.clock) })
    }

    pub fn cloud(&self) -> Arc<Client> {
        let transport = self.manners.clone();
        Arc::new(Client::new(transport.unwrap_or_else(|| {
            let transport = self.transport_of(self.account);
            Arc::new(Careful::around(transport, Rates::Unlimited, Policy::default(), 1))
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

    pub fn regions(desired: &Desired, recorded: &Recorded) -> BTreeSet<Region> {
        let mut regions: BTreeSet<Region> = recorded.placements().map(|(at, _)| at.region).collect();
        regions.extend(recorded.regions.keys().cloned());
        for image in desired.images.values() {
            regions.extend(image.placements().into_iter().cloned());
        }
        regions
    }

    /// Looks at the cloud and folds what is there into the snapshot.
    pub async fn look(&self, desired: &Desired, snapshot: &mut Snapshot) -> diff::Drift {
        let cloud: Arc<dyn CloudRead> = self.cloud();
        self.look_through(&cloud, desired, snapshot).await.unwrap()
    }

    /// As [`Bench::look`]; where many images are gone at once, nothing is recorded, and what the rules say is returned.
    async fn look_judging(
        &self,
        cloud: &Arc<dyn CloudRead>,
        desired: &Desired,
        snapshot: &mut Snapshot,
    ) -> Result<Option<Judgement>, CloudError> {
        if self.doubts_listings {
            let regions = Self::regions(desired, &snapshot.recorded);
            let (clock, named) = (self.clock.as_ref(), desired.named());
            let mut seen = observe(cloud, clock, &snapshot.recorded, &named, regions, 10).await?;
            let (levels, _) = Levels::new(&desired.levels, &[]);
            let judgement = judge_missing(cloud, snapshot, desired, &levels, clock.now(), &mut seen).await?;
            if judgement.refuses() {
                return Ok(Some(judgement));
            }
            diff::observe(&mut snapshot.recorded, &seen, desired);
            look_up(cloud, clock, &desired.lookups, &mut snapshot.recorded, 10).await?;
            return Ok(None);
        }
        self.look_through(cloud, desired, snapshot).await.map(|_| None)
    }

    async fn look_through(
        &self,
        cloud: &Arc<dyn CloudRead>,
        desired: &Desired,
        snapshot: &mut Snapshot,
    ) -> Result<diff::Drift, CloudError> {
        let regions = Self::regions(desired, &snapshot.recorded);
        let named = desired.named();
        let seen = observe(cloud, self.clock.as_ref(), &snapshot.recorded, &named, regions, 10).await?;
        let mut drift = diff::observe(&mut snapshot.recorded, &seen, desired);
        let (lookups, _) =
            look_up(cloud, self.clock.as_ref(), &desired.lookups, &mut snapshot.recorded, 10).await?;
        drift.lookups = lookups;
        Ok(drift)
    }

    pub fn propose(desired: &Desired, snapshot: &Snapshot, intention: Intention) -> Proposal {
        propose(desired, &snapshot.recorded, Some(snapshot), &Wish::all(intention)).unwrap()
    }

    /// What the rules say of a plan, with the levels of its manifest.
    pub fn judge(&self, desired: &Desired, proposal: Proposal) -> (Judgement, Result<ValidPlan, Box<Plan>>) {
        let (levels, unknown) = Levels::new(&desired.levels, &[]);
        assert!(unknown.is_empty());
        validate(proposal.plan, desired, &proposal.prior, &levels, self.clock.now())
    }

    /// Everything that `apply` does: recover, look, plan, judge, walk, save. The plan that was walked and what
    /// became of it; panics where a rule refuses it.
    pub async fn apply(&mut self, desired: &Desired, intention: Intention) -> (Plan, Outcome) {
        match self.try_apply(desired, intention).await {
            Applied::Walked(plan, outcome) => (plan, outcome),
            Applied::Refused(judgement) => panic!("refused: {:#?}", judgement.diagnostics),
            Applied::Unread(error) => panic!("{error}"),
        }
    }

    /// As [`Bench::apply`]; where a rule refuses the plan, nothing is changed.
    pub async fn try_apply(&mut self, desired: &Desired, intention: Intention) -> Applied {
        self.try_apply_edited(desired, intention, |_| {}).await
    }

    /// As [`Bench::try_apply`], with a plan that is edited before it is judged.
    pub async fn try_apply_edited(
        &mut self,
        desired: &Desired,
        intention: Intention,
        edit: impl FnOnce(&mut Plan),
    ) -> Applied {
        let cloud: Arc<dyn CloudWrite> = self.cloud();
        let mut store = std::mem::take(&mut self.store);
        let applied = self.go(desired, intention, cloud, &mut store, edit).await.unwrap();
        self.store = store.crashed_after(usize::MAX);
        applied
    }

    /// As [`Bench::apply`], by a process that dies; what it leaves behind stays. Whether it died.
    pub async fn apply_and_die(&mut self, desired: &Desired, intention: Intention, death: &Death) -> bool {
        let transport = DyingTransport { inner: self.transport_of(self.account), death: death.clone() };
        let cloud: Arc<dyn CloudWrite> = Arc::new(Client::new(Arc::new(transport)));
        let mut store = std::mem::take(&mut self.store);
        {
            let mut dying = DyingStore { inner: &mut store, death: death.clone() };
            let run = self.go(desired, intention, cloud, &mut dying, |_| {});
            // The process is gone as soon as it is dead: nothing that it still holds goes on.
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
        let transport = Arc::new(DyingTransport { inner: transport, death: death.clone() });
        let careful = Careful::around(transport, Rates::Documented, Policy::default(), 1);
        let cloud: Arc<dyn CloudWrite> = Arc::new(Client::new(Arc::new(careful)));
        let mut store = std::mem::take(&mut self.store);
        let applied = {
            let mut watched = WatchedStore { inner: &mut store, on_store: self.on_store.clone() };
            let mut dying = DyingStore { inner: &mut watched, death: death.clone() };
            let run = self.go(desired, Intention::Converge, cloud, &mut dying, |_| {});
            tokio::select! {
                biased;
                () = death.comes() => None,
                applied = run => Some(applied),
            }
        };
        self.store = store.crashed_after(usize::MAX);
        applied.transpose()
    }

    async fn go(
        &self,
        desired: &Desired,
        intention: Intention,
        cloud: Arc<dyn CloudWrite>,
        store: &mut dyn StateStore,
        edit: impl FnOnce(&mut Plan),
    ) -> Result<Applied, StoreError> {
        store.lock(lock_info(self.clock.as_ref()), LockWait::NONE).await?;
        let loaded = store.load().await?;
        let mut snapshot = loaded.unwrap_or_else(|| self.first_snapshot());
        let recovered = match recover(cloud.as_ref(), &snapshot, self.clock.now()).await {
            Ok(recovered) => recovered,
            Err(error) => return Ok(Applied::Unread(error)),
        };
        for (_, _, events) in recovered {
            for event in &events {
                snapshot.take(event).unwrap();
            }
            store.append(&events).await?;
        }
        let reads: Arc<dyn CloudRead> = cloud.clone();
        match self.look_judging(&reads, desired, &mut snapshot).await {
            Ok(None) => {}
            Ok(Some(judgement)) => return Ok(Applied::Refused(judgement)),
            Err(error) => return Ok(Applied::Unread(error)),
        }
        store.save(&mut snapshot, Freshness::New).await?;
        let mut proposal = Self::propose(desired, &snapshot, intention);
        edit(&mut proposal.plan);
        let mut allowing = desired.clone();
        if self.breaks_ready_rule {
            let is_ready_rule = |reason: &EdgeReason| {
                matches!(reason, EdgeReason::SuccessorReady | EdgeReason::SuccessorShared)
            };
            proposal.plan.graph.drop_edges(|_, _, reason| is_ready_rule(reason));
            let rules = ["share_gap", "protected_image_deleted"];
            allowing.levels.extend(rules.map(|rule| (rule.into(), Level::Allow)));
        }
        let (judgement, valid) = self.judge(&allowing, proposal);
        let Ok(valid) = valid else { return Ok(Applied::Refused(judgement)) };
        if let Some(on_plan) = &self.on_plan {
            on_plan(valid.plan(), &judgement);
        }
        let (_sender, stop) = watch::channel(Stop::No);
        let executor = Executor {
            cloud,
            store: &mut *store,
            clock: Arc::clone(&self.clock),
            pace: self.pace,
            stop,
            progress: &mut Quiet,
            queries: BTreeMap::new(),
        };
        let outcome = executor.run(&valid, &mut snapshot).await?;
        store.save(&mut snapshot, Freshness::New).await?;
        Ok(Applied::Walked(valid.plan().clone(), outcome))
    }
}

/// What became of an apply.
#[derive(Debug)]
#[allow(clippy::large_enum_variant, reason = "one of a test")]
pub enum Applied {
    /// The plan was walked.
    Walked(Plan, Outcome),
    /// A rule refused it.
    Refused(Judgement),
    /// The cloud could not be read before anything was planned.
    Unread(CloudError),
}

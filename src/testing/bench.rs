//! A bench: an embedded cloud in memory, a state in memory, and time that passes only when everyone waits.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use tokio::sync::watch;

use super::death::{Death, DyingStore, DyingTransport};
use crate::apply::{Executor, Pace, Quiet, Recovered, Stop, look_up, observe, recover};
use crate::backend::{Freshness, LockInfo, LockWait, MemoryStore, StateStore, StoreError};
use crate::cloud::client::Client;
use crate::cloud::sim::{Settings, Sim, SimTransport};
use crate::cloud::wrap::{Careful, Policy, Rates};
use crate::cloud::{Clock, CloudError, CloudRead, CloudWrite, Transport};
use crate::constraints::{Judgement, Levels, ValidPlan, validate};
use crate::diff::{self, Intention};
use crate::manifest::{Desired, Provider};
use crate::model::{AccountId, ImageId, Region};
use crate::plan::{Outcome, Plan, Proposal, Wish, propose};
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
    manners: Option<Arc<dyn Transport>>,
}

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
            manners: None,
        }
    }

    /// With the manners that the command line has: calls are paced by the documented rates, and sent again.
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
        Arc::new(Client::new(transport.unwrap_or_else(|| self.transport_of(self.account))))
    }

    /// The present state; a first one where nothing was saved.
    pub async fn snapshot(&mut self) -> Snapshot {
        let loaded = self.store.load().await.unwrap();
        loaded.unwrap_or_else(|| self.first_snapshot())
    }

    pub fn first_snapshot(&self) -> Snapshot {
        Snapshot::first(Lineage(LINEAGE.into()), self.account, Provider::Sandbox)
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
            Applied::InDoubt(ids) => panic!("in doubt about {ids:?}"),
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
        let mut doubtful = Vec::new();
        for (_, became, events) in recovered {
            for event in &events {
                snapshot.take(event).unwrap();
            }
            store.append(&events).await?;
            if let Recovered::Doubtful(ids) = became {
                doubtful.extend(ids);
            }
        }
        if !doubtful.is_empty() {
            return Ok(Applied::InDoubt(doubtful));
        }
        let reads: Arc<dyn CloudRead> = cloud.clone();
        if let Err(error) = self.look_through(&reads, desired, &mut snapshot).await {
            return Ok(Applied::Unread(error));
        }
        store.save(&mut snapshot, Freshness::New).await?;
        let mut proposal = Self::propose(desired, &snapshot, intention);
        edit(&mut proposal.plan);
        let (judgement, valid) = self.judge(desired, proposal);
        let Ok(valid) = valid else { return Ok(Applied::Refused(judgement)) };
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
    /// An earlier run may have made these images, and a person must look.
    InDoubt(Vec<ImageId>),
}

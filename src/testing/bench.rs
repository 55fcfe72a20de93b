//! A bench: an embedded cloud in memory, a state in memory, and time that passes only when everyone waits.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use tokio::sync::watch;

use super::death::{Death, DyingStore, DyingTransport};
use crate::apply::{Executor, Pace, Quiet, Stop, observe, recover};
use crate::backend::{Freshness, LockInfo, LockWait, MemoryStore, StateStore};
use crate::cloud::client::Client;
use crate::cloud::sim::{Settings, Sim, SimTransport};
use crate::cloud::{Clock, CloudRead, CloudWrite, Transport};
use crate::constraints::{Judgement, Levels, ValidPlan, validate};
use crate::diff::{self, Intention, diff};
use crate::manifest::{Desired, Provider};
use crate::model::{AccountId, Region};
use crate::plan::{Outcome, Plan, plan};
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

pub struct Bench {
    pub sim: Arc<Sim>,
    pub clock: Arc<dyn Clock>,
    pub store: MemoryStore,
    pub account: AccountId,
    pub pace: Pace,
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
        }
    }

    pub fn transport_of(&self, caller: AccountId) -> Arc<dyn Transport> {
        Arc::new(SimTransport { sim: Arc::clone(&self.sim), caller, clock: Arc::clone(&self.clock) })
    }

    pub fn cloud(&self) -> Arc<Client> {
        Arc::new(Client::new(self.transport_of(self.account)))
    }

    /// The present state; a first one where nothing was saved.
    pub async fn snapshot(&mut self) -> Snapshot {
        let loaded = self.store.load().await.unwrap();
        loaded
            .unwrap_or_else(|| Snapshot::first(Lineage("lineage-1".into()), self.account, Provider::Sandbox))
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
        let regions = Self::regions(desired, &snapshot.recorded);
        let seen = observe(&cloud, self.clock.as_ref(), &snapshot.recorded, &desired.adopted(), regions, 10)
            .await
            .unwrap();
        diff::observe(&mut snapshot.recorded, &seen, desired.cloud.ownership_tag.as_ref())
    }

    pub fn make_plan(desired: &Desired, snapshot: &Snapshot, intention: Intention) -> Plan {
        let changes = diff(desired, &snapshot.recorded, intention);
        plan(desired, &snapshot.recorded, Some(snapshot), changes).unwrap()
    }

    pub fn judge(
        &self,
        desired: &Desired,
        snapshot: &Snapshot,
        plan: Plan,
    ) -> (Judgement, Result<ValidPlan, Box<Plan>>) {
        let (levels, unknown) = Levels::new(&desired.levels, &[]);
        assert!(unknown.is_empty());
        validate(plan, desired, &snapshot.recorded, &levels, self.clock.now())
    }

    /// Everything that `apply` does: recover, look, plan, judge, walk, save. The plan that was walked and what
    /// became of it; panics where a rule refuses it.
    pub async fn apply(&mut self, desired: &Desired, intention: Intention) -> (Plan, Outcome) {
        let cloud: Arc<dyn CloudWrite> = self.cloud();
        let mut store = std::mem::take(&mut self.store);
        let result = self.go(desired, intention, cloud, &mut store).await.unwrap();
        self.store = store.crashed_after(usize::MAX);
        result
    }

    /// As [`Bench::apply`], by a process that dies; what it leaves behind stays. Whether it died.
    pub async fn apply_and_die(&mut self, desired: &Desired, death: &Death) -> bool {
        let transport = DyingTransport { inner: self.transport_of(self.account), death: death.clone() };
        let cloud: Arc<dyn CloudWrite> = Arc::new(Client::new(Arc::new(transport)));
        let mut store = std::mem::take(&mut self.store);
        {
            let mut dying = DyingStore { inner: &mut store, death: death.clone() };
            let run = self.go(desired, Intention::Converge, cloud, &mut dying);
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
    ) -> Result<(Plan, Outcome), crate::backend::StoreError> {
        store.lock(lock_info(self.clock.as_ref()), LockWait::NONE).await?;
        let loaded = store.load().await?;
        let mut snapshot = loaded
            .unwrap_or_else(|| Snapshot::first(Lineage("lineage-1".into()), self.account, Provider::Sandbox));
        for (_, became, events) in recover(cloud.as_ref(), &snapshot, self.clock.now()).await.unwrap() {
            assert!(!matches!(became, crate::apply::Recovered::Doubtful(_)), "{became:?}");
            for event in &events {
                snapshot.take(event).unwrap();
            }
            store.append(&events).await?;
        }
        let reads: Arc<dyn CloudRead> = cloud.clone();
        let regions = Self::regions(desired, &snapshot.recorded);
        let seen = observe(&reads, self.clock.as_ref(), &snapshot.recorded, &desired.adopted(), regions, 10)
            .await
            .unwrap();
        diff::observe(&mut snapshot.recorded, &seen, desired.cloud.ownership_tag.as_ref());
        store.save(&mut snapshot, Freshness::New).await?;
        let made = Self::make_plan(desired, &snapshot, intention);
        let (judgement, valid) = self.judge(desired, &snapshot, made);
        let valid = valid.unwrap_or_else(|_| panic!("refused: {:#?}", judgement.diagnostics));
        let (_sender, stop) = watch::channel(Stop::No);
        let executor = Executor {
            cloud,
            store: &mut *store,
            clock: Arc::clone(&self.clock),
            pace: self.pace,
            stop,
            progress: &mut Quiet,
            queries: std::collections::BTreeMap::new(),
        };
        let outcome = executor.run(&valid, &mut snapshot).await?;
        store.save(&mut snapshot, Freshness::New).await?;
        Ok((valid.plan().clone(), outcome))
    }
}

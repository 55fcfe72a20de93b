//! One cloud, one state, and the runs of goldform that work on them, in one of three settings.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use goldform::backend::{LockInfo, LockWait, MemoryStore, ObjectStateStore, StateStore, StoreError};
use goldform::cloud::client::credentials::{Credentials, Keyring};
use goldform::cloud::client::http::{CALL_TIMEOUT, Hosts, Https};
use goldform::cloud::sim::http::{ApiService, Key, Server};
use goldform::cloud::sim::{RequestOutcome, Sim, SimTransport};
use goldform::cloud::{Lease, Leased, Request, Transport, TransportError};
use goldform::diff::PlanMode;
use goldform::model::Clock;
use goldform::plan::Outcome;
use goldform::state::Snapshot;
use goldform::testing::storage::Kind;
use goldform::testing::{Applied, Bench, Death, FaultyStorage, StorageFault, When, desired};
use jiff::SignedDuration;
use object_store::ObjectStoreExt as _;
use object_store::path::Path;

use super::calls::{Way, Wrong, is_make};
use super::clock::JumpingClock;
use super::ledger::{Ledger, LedgerStore, OnWrite};
use crate::lives::fleet::{Fleet, OWNER};
use crate::lives::judge::Judge;
use crate::lives::others::micros;
use crate::lives::script;
use crate::properties::ideal::{Image, real_images};
use crate::properties::stage::roomy;

/// Where the sandbox and the state are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Setting {
    /// The sandbox in this process, the state in memory.
    Process,
    /// The sandbox behind its server and goldform's client, over HTTP on loopback; the state in memory.
    Http,
    /// The sandbox in this process, the state on object storage.
    Object,
}

impl Setting {
    pub fn name(self) -> &'static str {
        match self {
            Self::Process => "sandbox in process, state in memory",
            Self::Http => "sandbox over HTTP, state in memory",
            Self::Object => "sandbox in process, state on object storage",
        }
    }
}

/// What is put in the place of the state by something that holds no lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Replacement {
    /// The state as it was before this run.
    Older,
    /// The state of another lineage.
    Other,
    /// Nothing.
    Removed,
}

/// What goes wrong in one run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    /// The process dies at a call of the service.
    DeathAtCall(usize, When),
    /// The process dies at an event of the journal.
    DeathAtEvent(usize, When),
    /// A call of the service goes wrong.
    Call(usize, Wrong),
    /// A request to the object storage goes wrong.
    Storage(usize, StorageFault),
    /// The keys of the object storage have expired from this request on.
    StorageExpired(usize),
    /// The process dies at a request to the object storage, which is executed or not.
    DeathAtStorage(usize, When),
    /// From this write on there is no room for the state.
    DiskFull(usize),
    /// From this write on snapshots cannot be saved; the journal can be written.
    ReadOnly(usize),
    /// At this call the clock of the machine jumps by so many seconds. It is set right after the run.
    Clock(usize, i64),
    /// Before this write something else replaces the state.
    Replaced(usize, Replacement),
}

impl Trouble {
    /// The kind, for counts.
    pub fn kind(self) -> String {
        match self {
            Self::DeathAtCall(_, when) => format!("death {when:?} call"),
            Self::DeathAtEvent(_, when) => format!("death {when:?} event"),
            Self::DeathAtStorage(_, when) => format!("death {when:?} storage request"),
            Self::Call(_, wrong) => format!("call {wrong:?}"),
            Self::Storage(_, fault) => {
                format!("storage {}", format!("{fault:?}").split('(').next().unwrap_or_default())
            }
            Self::StorageExpired(_) => "storage keys expired".to_owned(),
            Self::DiskFull(_) => "disk full".to_owned(),
            Self::ReadOnly(_) => "state read-only".to_owned(),
            Self::Clock(_, by) => format!("clock {by:+} s"),
            Self::Replaced(_, with) => format!("state replaced by {with:?}"),
        }
    }

    fn is_clock_at(self, number: usize) -> bool {
        matches!(self, Self::Clock(call, _) if call == number)
    }

    pub fn is_death(self) -> bool {
        matches!(self, Self::DeathAtCall(..) | Self::DeathAtEvent(..) | Self::DeathAtStorage(..))
    }
}

/// How a run ended.
#[derive(Debug)]
#[allow(clippy::large_enum_variant, reason = "one of a run")]
pub enum Ended {
    Died,
    Applied(Applied),
    Stopped(StoreError),
}

/// How many moments a run has at which something can go wrong.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Moments {
    pub calls: usize,
    /// The calls that change something.
    pub changing: Vec<usize>,
    /// Those of them that make an image.
    pub making: Vec<usize>,
    pub events: usize,
    pub writes: usize,
    pub requests: usize,
}

pub struct World {
    pub setting: Setting,
    pub bench: Bench,
    pub judge: Arc<Mutex<Judge>>,
    pub ledger: Arc<Mutex<Ledger>>,
    /// The clock of the service and of the storage.
    pub clock: Arc<dyn Clock>,
    machine: Arc<JumpingClock>,
    pub memory: MemoryStore,
    pub storage: FaultyStorage,
    /// Address of the server, over HTTP.
    host: Option<String>,
}

/// Lets time pass in small steps while an answer is on its way over a socket: paused time would jump to the timeout.
struct Ticking(Arc<dyn Transport>);

#[async_trait]
impl Transport for Ticking {
    async fn send(&self, request: Request) -> Result<Vec<u8>, TransportError> {
        let ticks = async {
            loop {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        tokio::select! {
            answer = self.0.send(request) => answer,
            () = ticks => unreachable!(),
        }
    }
}

const KEY: &str = "team/state.json";
const SECRET_ID: &str = "AKIDowner";
const SECRET: &str = "owner-key";

impl World {
    pub async fn new(setting: Setting) -> Self {
        Self::with_clock(setting, None).await
    }

    /// A world with another clock than that of the runtime.
    pub async fn with_clock(setting: Setting, clock: Option<Arc<dyn Clock>>) -> Self {
        let mut bench = Bench::new(roomy());
        let clock = clock.unwrap_or_else(|| Arc::clone(&bench.clock));
        let machine = Arc::new(JumpingClock::new(Arc::clone(&clock)));
        bench.clock = machine.clone();
        bench.doubts_listings = true;
        let judge = Arc::new(Mutex::new(Judge::default()));
        let watching = Arc::clone(&judge);
        bench.sim.watch(move |moment| watching.lock().unwrap().called(moment));
        let planned = Arc::clone(&judge);
        bench.on_plan = Some(Arc::new(move |plan, judgement| {
            planned.lock().unwrap().planned(0, plan, judgement);
        }));
        let (stored, at) = (Arc::clone(&judge), Arc::clone(&clock));
        bench.on_store = Some(Arc::new(move |what| {
            stored.lock().unwrap().stored(0, &what, micros(at.as_ref()));
        }));
        let host = match setting {
            Setting::Http => Some(serve(&bench.sim, &clock).await),
            _ => None,
        };
        Self {
            setting,
            judge,
            ledger: Arc::default(),
            memory: MemoryStore::default(),
            storage: FaultyStorage::default().with_clock(Arc::clone(&clock)),
            host,
            bench,
            clock,
            machine,
        }
    }

    /// The way to the service, as a new process has it.
    pub fn transport(&self) -> Arc<dyn Transport> {
        match &self.host {
            None => Arc::new(SimTransport {
                sim: Arc::clone(&self.bench.sim),
                caller: self.bench.account,
                clock: Arc::clone(&self.clock),
            }),
            Some(host) => {
                let keys =
                    Keyring::fixed(Credentials::permanent(SECRET_ID, SECRET), Arc::clone(&self.bench.clock));
                let hosts = Hosts::at(&format!("http://{host}")).unwrap();
                let https = Https::new(hosts, Arc::new(keys), Arc::clone(&self.bench.clock)).unwrap();
                Arc::new(Ticking(Arc::new(https)))
            }
        }
    }

    /// A store on the object storage, as a new process has it.
    pub fn object_store(&self, storage: FaultyStorage, lease: &Lease) -> ObjectStateStore {
        static TOKENS: AtomicU64 = AtomicU64::new(0);
        let tokens = Arc::new(|| format!("token-{}", TOKENS.fetch_add(1, Ordering::SeqCst)));
        ObjectStateStore::new(Arc::new(storage), KEY, format!("s3://bucket/{KEY}"), tokens)
            .unwrap()
            .with_clock(Arc::clone(&self.bench.clock))
            .with_lease(lease.clone())
    }

    /// One run, in which this goes wrong. Counts the moments of it.
    pub async fn run(&mut self, fleet: &Fleet, trouble: Option<Trouble>) -> (Ended, Moments) {
        self.judge.lock().unwrap().begins(fleet, micros(self.clock.as_ref()));
        let death = match trouble {
            Some(Trouble::DeathAtCall(call, when)) => Death::at_call(call, when),
            Some(Trouble::DeathAtEvent(event, when)) => Death::at_event(event, when),
            _ => Death::never(),
        };
        let (calls, requests) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let lease = Lease::default();
        let wrong = match trouble {
            Some(Trouble::Call(call, wrong)) => Some((call, wrong)),
            _ => None,
        };
        let mut way = Way::new(self.transport(), Arc::clone(&calls), wrong);
        let machine = Arc::clone(&self.machine);
        let sent: Arc<Mutex<(Vec<usize>, Vec<usize>)>> = Arc::default();
        let noted = Arc::clone(&sent);
        way.before = Some(Box::new(move |number, action| {
            if !script::reads(action) {
                noted.lock().unwrap().0.push(number);
            }
            if is_make(action) {
                noted.lock().unwrap().1.push(number);
            }
            if let Some(Trouble::Clock(_, by)) = trouble.filter(|trouble| trouble.is_clock_at(number)) {
                machine.set(SignedDuration::from_secs(by));
            }
        }));
        let clock = Arc::clone(&self.bench.clock);
        let transport = Arc::new(Leased::new(Arc::new(way), lease.clone(), clock, CALL_TIMEOUT));
        let storage = self.storage.with(decide(trouble, Arc::clone(&requests), death.clone()));
        let on_write = self.on_write(trouble).await;
        let judge = Arc::clone(&self.judge);
        let on_load = Arc::new(move |snapshot: &Snapshot| judge.lock().unwrap().loaded(0, snapshot));
        let mut memory = std::mem::take(&mut self.memory).crashed_after(usize::MAX);
        let mut object = self.object_store(storage, &lease);
        let inner: &mut dyn StateStore = match self.setting {
            Setting::Object => &mut object,
            _ => &mut memory,
        };
        let before = self.ledger.lock().unwrap().events;
        let mut store = LedgerStore { inner, ledger: Arc::clone(&self.ledger), on_write, on_load, writes: 0 };
        // A lock of a process that died is waited for.
        let wait = match self.setting {
            Setting::Object => LockWait(Duration::from_secs(600)),
            _ => LockWait::NONE,
        };
        let wanted = desired(&fleet.yaml());
        let applied = self.bench.live_on(&wanted, transport, &mut store, wait, &death).await;
        let writes = store.writes;
        drop(store);
        self.memory = memory.crashed_after(usize::MAX);
        drop(object);
        if self.setting == Setting::Object {
            // The lock is released in the background.
            tokio::time::sleep(Duration::from_secs(3)).await;
        }
        self.machine.set(SignedDuration::ZERO);
        let (changing, making) = std::mem::take(&mut *sent.lock().unwrap());
        let moments = Moments {
            calls: calls.load(Ordering::SeqCst),
            changing,
            making,
            events: self.ledger.lock().unwrap().events - before,
            writes,
            requests: requests.load(Ordering::SeqCst),
        };
        let ended = match applied {
            Ok(None) => Ended::Died,
            Ok(Some(applied)) => Ended::Applied(applied),
            Err(error) => Ended::Stopped(error),
        };
        (ended, moments)
    }

    /// What the writes of the state meet.
    async fn on_write(&self, trouble: Option<Trouble>) -> OnWrite {
        let full = || StoreError::Io {
            place: "goldform.state.json".to_owned(),
            source: std::io::ErrorKind::StorageFull.into(),
        };
        match trouble {
            Some(Trouble::DiskFull(from)) => Box::new(move |number| (number >= from).then(full)),
            Some(Trouble::ReadOnly(at)) => Box::new(move |number| (number == at).then(full)),
            Some(Trouble::Replaced(at, with)) if self.setting == Setting::Object => {
                let memory = Arc::clone(&self.storage.inner);
                let text = match with {
                    Replacement::Older => self.text("").await,
                    Replacement::Other => {
                        let mut other = self.bench.first_snapshot();
                        other.lineage = goldform::state::Lineage("lineage-of-another".into());
                        other.serial = 7;
                        Some(other.to_text().unwrap())
                    }
                    Replacement::Removed => None,
                };
                Box::new(move |number| {
                    if number == at {
                        let path = Path::parse(KEY).unwrap();
                        let (memory, text) = (Arc::clone(&memory), text.clone());
                        // The memory answers at once.
                        futures_util::FutureExt::now_or_never(async move {
                            match text {
                                Some(text) => memory.put(&path, text.into()).await.map(drop),
                                None => memory.delete(&path).await,
                            }
                        });
                    }
                    None
                })
            }
            _ => Box::new(|_| None),
        }
    }

    /// The text of an object of the state.
    pub async fn text(&self, suffix: &str) -> Option<String> {
        let path = Path::parse(format!("{KEY}{suffix}")).unwrap();
        let found = self.storage.inner.get(&path).await.ok()?;
        Some(String::from_utf8(found.bytes().await.unwrap().to_vec()).unwrap())
    }

    /// What is stored, without a lock.
    pub async fn snapshot(&mut self) -> Result<Option<Snapshot>, StoreError> {
        match self.setting {
            Setting::Object => self.object_store(self.storage.clone(), &Lease::default()).load().await,
            _ => self.memory.load().await,
        }
    }

    /// Does what `state restore` does with the last snapshot that is kept, unless the state can be used.
    pub async fn restore(&mut self) -> Result<(), StoreError> {
        self.ledger.lock().unwrap().compares_facts_only = true;
        match self.snapshot().await {
            // What a run made for a state of another lineage, or for none, is not this one's.
            Ok(Some(state)) if state.lineage == self.bench.lineage => return Ok(()),
            Ok(_) => {}
            Err(error) if error.is_unusable() => {}
            Err(error) => return Err(error),
        }
        let mut store = self.object_store(self.storage.clone(), &Lease::default());
        let info =
            LockInfo { owner: "test".into(), pid: 1, operation: "restore".into(), since: self.clock.now() };
        store.lock(info, LockWait(Duration::from_secs(600))).await?;
        let mut last = None;
        for (serial, head) in store.kept().await? {
            if head.is_some_and(|head| head.lineage == self.bench.lineage) {
                last = Some(serial);
            }
        }
        if let Some(serial) = last
            && let Some(mut snapshot) = store.recall(serial).await?
        {
            store.replace(&mut snapshot).await?;
        }
        drop(store);
        tokio::time::sleep(Duration::from_secs(3)).await;
        Ok(())
    }

    pub fn images(&self) -> Vec<Image> {
        real_images(&self.bench)
    }

    /// How many images were ever made, by region and name of what made them.
    pub fn makes(&self) -> usize {
        let was_executed = |outcome| !matches!(outcome, RequestOutcome::NotSent | RequestOutcome::LostBefore);
        let log = self.bench.sim.log(0).unwrap();
        log.iter()
            .filter(|call| is_make(&call.action) && call.code.is_none() && was_executed(call.outcome))
            .count()
    }

    /// Whether a plan after a refresh is empty, and the state what the refresh shows. Returns what differs.
    pub async fn differences(&mut self, fleet: &Fleet) -> Vec<String> {
        let mut different = Vec::new();
        let wanted = desired(&fleet.yaml());
        let mut snapshot = match self.snapshot().await {
            Ok(Some(snapshot)) => snapshot,
            other => return vec![format!("the state cannot be read: {other:?}")],
        };
        if let Err(error) = snapshot.verify() {
            different.push(format!("the state breaks its own rules: {error}"));
        }
        if !snapshot.intents.is_empty() {
            different.push(format!("left open: {:?}", snapshot.intents.keys().collect::<Vec<_>>()));
        }
        let offline = Bench::propose(&wanted, &snapshot, PlanMode::Normal).plan;
        if !offline.is_empty() {
            different.push(format!("planned against the record: {:?}", steps(&offline)));
        }
        let recorded = snapshot.recorded.images.clone();
        let mut plain = Bench::beside(&self.bench, "lineage-1");
        plain.clock = Arc::clone(&self.clock);
        let drift = plain.observe(&wanted, &mut snapshot).await;
        if !drift.items.is_empty() || !drift.pending.is_empty() {
            different.push(format!("drift: {:?} {:?}", drift.items, drift.pending));
        }
        if snapshot.recorded.images != recorded {
            different.push("the state is not what a refresh shows".to_owned());
        }
        let refreshed = Bench::propose(&wanted, &snapshot, PlanMode::Normal).plan;
        if !refreshed.is_empty() {
            different.push(format!("planned after a refresh: {:?}", steps(&refreshed)));
        }
        different
    }
}

fn steps(plan: &goldform::plan::Plan) -> Vec<String> {
    let mut steps: Vec<String> = plan.graph.steps().map(|(_, step)| step.id.to_string()).collect();
    steps.extend(plan.edits.iter().map(|edit| format!("{edit:?}")));
    steps
}

/// What became of the steps that are not done, in short.
pub fn undone(outcome: &Outcome) -> BTreeMap<String, String> {
    let steps =
        outcome.steps.iter().filter(|step| !matches!(step.outcome, goldform::plan::StepOutcome::Done));
    steps.map(|step| (step.step.to_string(), format!("{:?}", step.outcome))).collect()
}

async fn serve(sim: &Arc<Sim>, clock: &Arc<dyn Clock>) -> String {
    let key: Key = format!("{OWNER}:{SECRET_ID}:{SECRET}").parse().unwrap();
    let service = ApiService::new(Sim::clone(sim), [key].into_iter().collect(), Arc::clone(clock));
    let server = Server::bind("127.0.0.1:0".parse().unwrap(), service).await.unwrap();
    let host = server.address().to_string();
    tokio::spawn(server.run(std::future::pending()));
    host
}

/// What the requests to the object storage meet. A process that is dead has no answers.
fn decide(
    trouble: Option<Trouble>,
    count: Arc<AtomicUsize>,
    death: Death,
) -> impl FnMut(Kind, &str) -> StorageFault + Send + 'static {
    move |kind, _| {
        let number = count.fetch_add(1, Ordering::SeqCst);
        if death.has_come() {
            return StorageFault::Dies;
        }
        match trouble {
            Some(Trouble::Storage(at, fault)) if at == number => match fault {
                StorageFault::Stale if kind != Kind::Read => StorageFault::None,
                StorageFault::Conflict if !kind.is_write() => StorageFault::None,
                fault => fault,
            },
            Some(Trouble::StorageExpired(from)) if from <= number => StorageFault::Denied,
            Some(Trouble::DeathAtStorage(at, when)) if at == number => {
                death.strike();
                match when {
                    When::Before => StorageFault::Dies,
                    When::After => StorageFault::DiesAfter,
                }
            }
            _ => StorageFault::None,
        }
    }
}

//! The pipeline as a library, without a printer: lock a state, recover, observe, plan, check, try, execute, save.
//!
//! ```text
//!  LockedState::load ─▶ recover ─▶ observe ─▶ Engine::plan ─▶ CheckedPlan ─▶ preflight ─▶ execute ─▶ Outcome
//!                      └────────── Connected ──────────┘     (ValidPlan)    └──── Connected ────┘
//! ```
//!
//! The command line, the tests and programs that embed goldform call this and nothing below it, so that all of them do
//! the same. [`Engine`] is what needs no network: a plan against recorded state is made with it alone. [`Connected`]
//! adds the cloud. What happened is returned as values; what happens while a plan is executed is reported to a
//! [`Progress`](crate::apply::Progress).
//!
//! A manifest that is planned and applied on the sandbox:
//!
//! ```
//! use std::sync::Arc;
//!
//! use goldform::engine::{Engine, Execution, LockedState, Scope};
//! use goldform::model::Clock as _;
//! use goldform::{Client, Input, Lineage, LockInfo, LockWait, MemoryStore, PlanMode, PlanOptions};
//! use goldform::{SandboxSettings, Sim, SimTransport, StateStore as _, SystemClock, Variables, load};
//!
//! # const TEXT: &str = "
//! # version: 1
//! # account: '100000000001'
//! # images: { web: { region: ap-jakarta, source: { instance: { id: ins-8f3a1c2d } } } }
//! # ";
//! # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
//! let input = Input { name: "goldform.yaml".to_owned(), bytes: TEXT.into() };
//! let desired = load(vec![input], &Variables::default()).desired.ok_or("not a manifest")?;
//!
//! let clock = Arc::new(SystemClock);
//! let sim = Arc::new(Sim::in_memory(SandboxSettings::default())?);
//! let transport = SimTransport { sim, caller: desired.account, clock: clock.clone() };
//! let cloud = Arc::new(Client::new(Arc::new(transport)));
//! let mut engine = Engine::new(desired, clock.clone());
//!
//! let mut store = MemoryStore::default();
//! let owner = LockInfo { owner: "docs".into(), pid: 1, operation: "apply".into(), since: clock.now() };
//! store.lock(owner, LockWait::NONE).await?;
//! let mut state = LockedState::load(&mut store, || engine.first_snapshot(Lineage("docs".into()))).await?;
//! state.recover(&engine.connect(cloud.clone())).await?;
//! state.observe(&engine.connect(cloud.clone()), Scope::All).await?;
//! let options = PlanOptions { now: clock.now(), ..PlanOptions::all(PlanMode::Normal) };
//! let planned = engine.plan(Some(&state.snapshot), Some(&state.snapshot), &options)?;
//! let plan = planned.checked.valid.map_err(|_| "a rule refuses the plan")?;
//! let executed = engine.connect(cloud).execute(&mut state, &plan, Execution::new("docs", "apply")).await?;
//! assert!(executed.outcome.is_complete());
//! assert_eq!(state.snapshot.recorded.placements().count(), 1);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod error;
mod execute;
mod identity;
mod locked;
mod observe;
mod plan;

use std::collections::BTreeSet;
use std::sync::Arc;

use tokio::sync::OnceCell;

pub use error::EngineError;
pub use execute::{Executed, Execution};
pub use locked::LockedState;
pub use observe::{Observation, RecoveredStep, Recovery, Scope};
pub use plan::{CheckedPlan, Planned};

use crate::cloud::client::Client;
use crate::constraints::Levels;
use crate::diff::{PlanMode, use_lookups};
use crate::manifest::Desired;
use crate::model::{Clock, Region};
use crate::state::{Lineage, Snapshot};

/// A manifest's meaning and how it is judged: all that planning needs.
pub struct Engine {
    /// What the manifest means.
    pub desired: Desired,
    /// What each rule does.
    pub levels: Levels,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    is_caller_checked: OnceCell<()>,
}

impl Engine {
    /// Creates an engine that judges by the levels of the manifest.
    pub fn new(desired: Desired, clock: Arc<dyn Clock>) -> Self {
        let (levels, _) = Levels::new(&desired.levels, &[]);
        Self::with_levels(desired, levels, clock)
    }

    /// Creates an engine that judges by these levels.
    pub fn with_levels(desired: Desired, levels: Levels, clock: Arc<dyn Clock>) -> Self {
        Self { desired, levels, clock, is_caller_checked: OnceCell::new() }
    }

    /// Returns the engine with a cloud.
    pub fn connect(&self, cloud: Arc<Client>) -> Connected<'_> {
        Connected { engine: self, cloud, parallelism: PARALLELISM }
    }

    /// Creates the first snapshot of a new state.
    pub fn first_snapshot(&self, lineage: Lineage) -> Snapshot {
        let cloud = &self.desired.cloud;
        Snapshot { place: cloud.place(), ..Snapshot::first(lineage, self.desired.account, cloud.provider) }
    }

    /// Puts what lookups found, as recorded, into the sources that name them. A plan that deletes everything needs none
    /// of it.
    pub fn use_lookups(&mut self, snapshot: Option<&Snapshot>, mode: PlanMode) {
        if mode == PlanMode::Destroy {
            self.desired.lookups.clear();
        }
        if let Some(snapshot) = snapshot {
            use_lookups(&mut self.desired, &snapshot.recorded);
        }
    }

    /// Returns the regions that the manifest names and those that are recorded.
    pub fn regions(&self, snapshot: &Snapshot) -> BTreeSet<Region> {
        let mut regions: BTreeSet<Region> = snapshot.recorded.regions.keys().cloned().collect();
        regions.extend(snapshot.recorded.placements().map(|(at, _)| at.region));
        for image in self.desired.images.values() {
            regions.extend(image.placements().into_iter().cloned());
        }
        regions
    }
}

/// Number of calls under way at once, where nothing else is asked for.
pub const PARALLELISM: usize = 10;

/// An engine and the cloud that its manifest names.
pub struct Connected<'e> {
    /// The engine.
    pub engine: &'e Engine,
    /// One client for all calls, so that they are paced together.
    pub cloud: Arc<Client>,
    /// Number of calls under way at once.
    pub parallelism: usize,
}

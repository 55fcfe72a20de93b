//! The state that a manifest names: where it is, who may write it, and what is noted of a run.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use uuid::Uuid;

use super::Workspace;
use crate::backend::{FileStore, LockInfo, LockWait, StateStore};
use crate::cli::{CommandError, env};
use crate::diagnostics::harmless;
use crate::manifest::{Provider, StateLocation};
use crate::plan::{Outcome, Plan, StepOutcome};
use crate::state::{Lineage, Run, RunEnd, RunResult, Snapshot};

impl Workspace {
    pub(super) fn state_path(&self) -> Result<PathBuf, CommandError> {
        match &self.desired.state {
            StateLocation::File(path) => Ok(self.base.join(path)),
            StateLocation::Object { bucket, key } => Err(CommandError::input(
                format!(
                    "the state is at s3://{bucket}/{key}, and this goldform keeps states in local files only"
                ),
                "Name a file:\n\n    state: goldform.state.json",
            )),
        }
    }

    /// The store of the state.
    ///
    /// # Errors
    /// When the place is of a kind that is not supported.
    pub fn store(&self) -> Result<FileStore, CommandError> {
        Ok(FileStore::at(self.state_path()?).with_clock(Arc::clone(&self.clock)))
    }

    /// The store, locked for writing.
    ///
    /// # Errors
    /// When somebody else holds the lock, or `--state` asks for reading only.
    pub async fn locked_store(&self, operation: &str, wait: LockWait) -> Result<FileStore, CommandError> {
        if self.state_file.is_some() {
            return Err(CommandError::input(
                format!("`{operation}` writes the state, and --state is for reading"),
                "Leave --state out; the place of the state stands in the manifest:\n\n    state: goldform.state.json",
            ));
        }
        let mut store = self.store()?;
        store.lock(self.lock_info(operation), wait).await?;
        Ok(store)
    }

    /// Returns who is writing the state at this moment. `None` if nobody is, or for a state that is only read.
    pub fn writer(&self) -> Option<LockInfo> {
        if self.state_file.is_some() { None } else { self.store().ok()?.writer() }
    }

    /// An entry for the history: a run of this plan begins.
    pub fn run(&self, command: &str, plan: &Plan, serial: u64) -> Run {
        let mut steps = BTreeMap::new();
        for (_, step) in plan.graph.steps() {
            let number: &mut usize = steps.entry(step.verb()).or_default();
            *number = number.saturating_add(1);
        }
        Run {
            at: self.clock.now(),
            by: owner().into(),
            command: command.into(),
            digest: plan.digest.clone(),
            serial,
            steps,
            end: None,
        }
    }

    /// How a run ended, for the history.
    pub fn run_end(&self, outcome: &Outcome) -> RunEnd {
        let done = outcome.count(|step| *step == StepOutcome::Done);
        let result = match (outcome.is_complete(), outcome.interrupted) {
            (true, _) => RunResult::Complete,
            (false, true) => RunResult::Interrupted,
            (false, false) if done > 0 => RunResult::Partial,
            (false, false) => RunResult::Failed,
        };
        RunEnd {
            at: self.clock.now(),
            result,
            done,
            failed: outcome.count(StepOutcome::is_failed),
            open: outcome.count(StepOutcome::is_open),
            left: outcome.count(|step| matches!(step, StepOutcome::Skipped { .. } | StepOutcome::NotStarted)),
        }
    }

    fn lock_info(&self, operation: &str) -> LockInfo {
        LockInfo {
            owner: owner(),
            pid: std::process::id(),
            operation: operation.to_owned(),
            since: self.clock.now(),
        }
    }

    /// The recorded state, for reading: the store's, or the file that `--state` names.
    ///
    /// # Errors
    /// When it cannot be read, or belongs to another account or service.
    pub async fn snapshot(&self) -> Result<Option<Snapshot>, CommandError> {
        let snapshot = self.snapshot_of_any_place().await?;
        if let Some(snapshot) = &snapshot {
            self.check_owner(snapshot)?;
        }
        Ok(snapshot)
    }

    /// As [`Workspace::snapshot`], also if the manifest names another place than the state.
    ///
    /// # Errors
    /// When it cannot be read, or belongs to another account or service.
    pub async fn snapshot_of_any_place(&self) -> Result<Option<Snapshot>, CommandError> {
        let snapshot = match &self.state_file {
            Some(path) => match FileStore::at(path).load().await? {
                Some(snapshot) => Some(snapshot),
                None => {
                    return Err(CommandError::input(
                        format!("{}: there is no such state", harmless::path(path)),
                        "Leave --state out to start from nothing.",
                    ));
                }
            },
            None => self.store()?.load().await?,
        };
        if let Some(snapshot) = &snapshot {
            self.check_account(snapshot)?;
        }
        Ok(snapshot)
    }

    /// Checks that a state belongs to the account, the service and the place that the manifest names: a plan against
    /// another would delete nothing and make everything twice.
    ///
    /// # Errors
    /// If the manifest names another.
    pub fn check_owner(&self, snapshot: &Snapshot) -> Result<(), CommandError> {
        self.check_account(snapshot)?;
        // Without images, nothing would seem to be gone: a wrong address is corrected like any other mistake.
        let is_unused = snapshot.recorded.images.is_empty() && snapshot.intents.is_empty();
        if self.has_errors() || is_unused {
            return Ok(());
        }
        match (&snapshot.place, self.desired.cloud.place()) {
            (Some(recorded), Some(named)) if *recorded != named => Err(CommandError::input(
                format!(
                    "the state describes the images at {}, and the manifest names {}. There, all of them would seem \
                     to be gone and would be built again",
                    harmless::shown(&recorded.to_string()),
                    harmless::shown(&named.to_string()),
                ),
                "Correct `cloud` in the manifest, or give each place its own state:\n\n    state: <file>\n\n\
                 If the same images have a new address now, take `place` out of the state:\n\n    \
                 goldform state pull > <file>\n    goldform state push <file>",
            )),
            _ => Ok(()),
        }
    }

    /// Checks that a state belongs to the account and the service that the manifest names, wherever its images are.
    ///
    /// # Errors
    /// If the manifest names another.
    pub fn check_account(&self, snapshot: &Snapshot) -> Result<(), CommandError> {
        // Of a manifest with errors the account may be unknown; those are what is told, and nothing is written.
        if self.has_errors() {
            return Ok(());
        }
        let (account, provider) = (self.desired.account, self.desired.cloud.provider);
        if snapshot.account != account {
            return Err(CommandError::input(
                format!("the state belongs to account {}, the manifest to {account}", snapshot.account),
                "Correct the manifest, or name the account's own state:\n\n    state: <file>",
            ));
        }
        if snapshot.provider != provider {
            return Err(CommandError::input(
                format!("the state is of {}, the manifest of {}", name(snapshot.provider), name(provider)),
                "Give each its own state:\n\n    state: <file>",
            ));
        }
        Ok(())
    }

    /// The first snapshot of a new state.
    #[expect(clippy::disallowed_methods, reason = "a state's lineage is made here, once")]
    pub fn first_snapshot(&self) -> Snapshot {
        let lineage = Lineage(Uuid::new_v4().to_string().into());
        let cloud = &self.desired.cloud;
        Snapshot { place: cloud.place(), ..Snapshot::first(lineage, self.desired.account, cloud.provider) }
    }
}

/// Who runs this, as far as the environment says: user and host.
fn owner() -> String {
    let user = env::get(env::USER).or_else(|| env::get(env::USERNAME));
    let user = user.unwrap_or_else(|| "somebody".to_owned());
    let host = env::get(env::HOSTNAME).or_else(|| env::get(env::COMPUTERNAME));
    env::get(env::ACTOR).unwrap_or_else(|| match host {
        Some(host) => format!("{user}@{host}"),
        None => user,
    })
}

fn name(provider: Provider) -> &'static str {
    match provider {
        Provider::Sandbox => "the embedded cloud",
        Provider::Tencent => "Tencent Cloud",
    }
}
